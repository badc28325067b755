"""Where a key may go, and which addresses are addresses at all.

A key goes to its provider's own hosts over HTTPS, or to a base URL whose origin (argument, environment, user's file, project's
file) is the key's own or more trusted. So a ``.env`` or ``trunkline.toml`` of a cloned repository cannot redirect a key that
comes from your environment, nor take the encryption off its way to the provider. A key that goes over plain HTTP to another
machine, because you named that address yourself, is a warning in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from ..providers.address import matches
from ..values.errors import UsageError
from ..values.late_pattern import LatePattern
from ..values.secret import Origin, Secret

T = TypeVar("T")
ALLOWED_URL = "http:// or https://, a host, perhaps a port and a path, and nothing else"
ORIGIN_WORDS = {
    Origin.PROJECT: "a file of the project",
    Origin.USER: "your configuration file",
    Origin.ENVIRONMENT: "the environment",
    Origin.ARGUMENT: "an argument",
    Origin.BUILT_IN: "our own table",
}

_DATED = LatePattern(r"\?(?:api-)?version=[\w.-]{1,40}", re.ASCII)
_PARAMETER = LatePattern(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,250}(?<![.-])", re.ASCII)
_HOST = LatePattern(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_IPV6 = LatePattern(r"\[[0-9a-f:.]{2,45}\]")
_LOOPBACK = LatePattern(r"(?:.*\.)?localhost\.?|127(?:\.\d{1,3}){3}|\[?::1\]?")

_log = logging.getLogger("trunkline.trust")


def checked_base_url(value: object, field: str = "base_url") -> str:
    """``value`` as a base URL: scheme and host in lower case, without its last slash.

    ``UsageError`` names ``field`` and says what is wrong, never what stands there: scheme other than http and https, no host,
    credentials, query (but for ``api-version`` or ``version`` alone), fragment, a bad port, spaces, control characters,
    backslashes, or anything beyond ASCII.
    """
    if not isinstance(value, str):
        raise UsageError("is no URL", field=field, got=type(value).__name__, allowed=ALLOWED_URL)
    text = value.strip()
    if not re.match(r"https?://", text, re.IGNORECASE):
        raise _bad_url(field, "begins with neither http:// nor https://")
    if re.search(r"[^!-~]|\\", text):
        raise _bad_url(field, "holds a space, a control character, a backslash or a character beyond ASCII")
    text, query = text.partition("?")[0], "".join(text.partition("?")[1:])
    if "#" in text or (query and not _DATED().fullmatch(query)):
        raise _bad_url(field, "has a query or a fragment")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad_url(field, "has a bad port or a bad IPv6 address") from None
    if "@" in parts.netloc:
        raise _bad_url(field, "holds credentials; give the key as api_key")
    name = _host_part(parts)
    if not (_HOST().fullmatch(name) or _IPV6().fullmatch(name)) or len(name) > 253:
        raise _bad_url(field, "has no valid host")
    if port == 0 or parts.netloc.endswith(":"):
        raise _bad_url(field, "has a bad port")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}{query}"


def checked_parameter(value: object, field: str, *, address: bool = False) -> str:
    """``value`` as what may fill a gap in an address: letters, digits, ``-``, ``_`` and single dots. ``address``: a host, which
    may come as ``https://host/``. ``UsageError`` names ``field``, never what stands there."""
    if not isinstance(value, str):
        raise UsageError("is no text", field=field, got=type(value).__name__, allowed="text")
    text = value.strip()
    if address:
        text = re.sub(r"\Ahttps://([^/]*)/?\Z", r"\1", text, flags=re.IGNORECASE).lower()
    if not _PARAMETER().fullmatch(text):
        raise UsageError(
            "cannot stand in an address", field=field, got="text", allowed="letters, digits, '-', '_' and single dots"
        )
    return text


def bare(error: UsageError) -> UsageError:
    """``error`` without the frames and the error that it came through: their variables hold what it does not tell."""
    error.__context__ = None
    return error.with_traceback(None)


def placed(error: UsageError, field: str) -> UsageError:
    """``error``, of something at ``field``."""
    said = error.message if error.allowed is None else error.message.removesuffix(f"; allowed: {error.allowed}")
    said = said if error.got is None else said.removesuffix(f"; got {error.got}")
    return bare(UsageError(said.removeprefix(f"{error.field}: "), field=field, got=error.got, allowed=error.allowed))


def at_place(field: str, make: Callable[[], T]) -> T:
    """What ``make`` gives; where it raises ``UsageError`` of something else, that says that it is of ``field``."""
    try:
        return make()
    except UsageError as error:
        if error.field is None or error.field.startswith(field):
            raise
        raise placed(error, f"{field}.{error.field}") from None


def host_of(url: str) -> str:
    """The host of a checked URL, in lower case, without port, brackets and final dot."""
    return _plain(_host_part(urlsplit(url)))


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine whatever a name server says."""
    return _LOOPBACK().fullmatch(host.lower()) is not None


def may_send(key: Secret | Origin, base_url_origin: Origin, host: str, provider_hosts: Iterable[str]) -> bool:
    """Whether ``key`` may go to ``host``: a host of its provider's (``*.example.com`` stands for every host below), or an address
    whose origin is the key's own or more trusted."""
    origin = key.origin if isinstance(key, Secret) else key
    return base_url_origin >= origin or is_host_of(host, provider_hosts)


def is_host_of(host: str, provider_hosts: Iterable[str]) -> bool:
    name = _plain(host)
    return any(matches(name, pattern) for pattern in provider_hosts)


def refuse_key(
    key: Secret | Origin | None, base_url: str, base_url_origin: Origin, provider: str, provider_hosts: Iterable[str]
) -> None:
    """Raise ``UsageError`` if ``key`` may not go to ``base_url`` (a checked one); None, no key, goes anywhere. An ``Origin``:
    whatever credentials come from there.

    Warns in the log (``trunkline.trust``) where a key that may go there goes over plain HTTP to another machine.
    """
    if key is None:
        return
    whose = key.origin if isinstance(key, Secret) else key
    host, clear = host_of(base_url), not base_url.startswith("https:")
    if not may_send(key, base_url_origin, host, () if clear else provider_hosts):
        raise UsageError(
            f"the key of {provider} comes from {ORIGIN_WORDS[whose]}, and the address {host} from"
            f" {ORIGIN_WORDS[base_url_origin]}, which is less trusted: the key is not sent there",
            field="base_url",
            allowed=f"https:// and a host of {provider}, or an address that comes from {ORIGIN_WORDS[whose]} too",
        )
    if clear and not is_loopback(host):
        _log.warning("the key of %s goes to %s without encryption: use https:// where others listen", provider, host)


def _host_part(parts: SplitResult) -> str:
    return re.sub(r":\d*\Z", "", parts.netloc.lower()) if not parts.netloc.endswith("]") else parts.netloc.lower()


def _plain(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")


def _bad_url(field: str, why: str) -> UsageError:
    return UsageError(why, field=field, got="text", allowed=ALLOWED_URL)
