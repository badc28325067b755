"""One TLS context for all clients of the process, made when the first ``https`` address is called."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from ..values.errors import UsageError

if TYPE_CHECKING:
    from ssl import SSLContext

_lock = threading.Lock()
_made: dict[str | None, SSLContext] = {}


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread that is not there any more may have held it
    _lock = threading.Lock()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)


def known_context(verify: SSLContext | str | None) -> SSLContext | None:
    """The context that ``tls_context`` would give, if it has been made already."""
    return verify if verify is not None and not isinstance(verify, str) else _made.get(verify)


def tls_context(verify: SSLContext | str | None) -> SSLContext:
    """The caller's own context, or one that trusts the bundle of CAs at the path ``verify`` (None: the system's; OpenSSL
    honours ``SSL_CERT_FILE``). Made once each: it costs 10 ms and more. Raises ``UsageError`` for a path that holds no bundle.
    """
    if verify is not None and not isinstance(verify, str):
        return verify
    with _lock:
        context = _made.get(verify)
        if context is None:
            context = _made[verify] = _make(verify)
    return context


def _make(path: str | None) -> SSLContext:
    import ssl  # 10 ms, and needless for plain HTTP

    try:
        context = ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(
            f"no CA certificates could be read there ({type(error).__name__})",
            field="verify",
            allowed="an SSLContext or a PEM file",
        ) from None
    context.set_alpn_protocols(["http/1.1"])
    return context
