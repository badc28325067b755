"""One TLS context for all clients of the process, made when the first ``https`` address is called."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext

_lock = threading.Lock()
_made: dict[str | None, SSLContext] = {}


def tls_context(verify: SSLContext | str | None) -> SSLContext:
    """The caller's own context, or one that trusts the bundle of CAs at the path ``verify`` (None: the system's; OpenSSL
    honours ``SSL_CERT_FILE``). Made once each: it costs 10 ms and more."""
    if verify is not None and not isinstance(verify, str):
        return verify
    context = _made.get(verify)
    if context is None:
        import ssl  # 10 ms, and needless for plain HTTP

        with _lock:
            context = _made.get(verify)
            if context is None:
                context = ssl.create_default_context(cafile=verify)
                context.set_alpn_protocols(["http/1.1"])
                _made[verify] = context
    return context
