"""A request on its way out: where it goes, and its head as bytes."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from ..values.errors import UsageError
from ..values.headers import Headers

DEFAULT_FIELDS: Final = (("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"), ("User-Agent", "trunkline"))
"""What both transports add where the request does not say it itself."""

OURS: Final = frozenset({"content-length", "transfer-encoding", "connection", "expect"})
"""The fields that only the transport can set rightly."""

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_UNSAFE = re.compile(r"[^\x21-\x7e]|#").search
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}", re.ASCII).fullmatch
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII).fullmatch
_BAD_VALUE = re.compile(r"[\r\n\0]").search
_known_names: set[str] = set()


class Origin(NamedTuple):
    """Scheme, host and port of a URL; ``authority`` is what the Host field says."""

    scheme: str
    host: str
    port: int
    authority: str


def split_url(url: str) -> tuple[str, str]:
    """The URL's origin as written (a key to look up) and what follows it, from the path on."""
    start = url.find("://") + 3
    cut = url.find("/", start)
    if cut < 0 or "?" in url[start:cut]:
        cut = url.find("?", start)
        return (url, "/") if cut < 0 else (url[:cut], "/" + url[cut:])
    return url[:cut], url[cut:]


def target_of(path: str) -> str:
    """A path and query as the request line may carry them: no fragment, what is not printable ASCII percent-encoded."""
    if _UNSAFE(path) is None:
        return path
    return quote(path.partition("#")[0], safe="/?&=%:;@+$,!~*'()[]-._")


def parse_origin(text: str) -> Origin:
    """Raises ``UsageError`` for anything but ``http(s)://host[:port]``; a user and password have no place there."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if host and not host.isascii():
        host = _idna(host)
    if parts.scheme not in _PORTS or not host or parts.username is not None or not _labelled(host):
        problem = "a URL with a user or password" if parts.username is not None else "a URL that cannot be called"
        raise UsageError("the address is not usable", field="url", got=problem, allowed="http(s)://host[:port]/path")
    default = _PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return Origin(parts.scheme, host, port or default, shown if port in (None, default) else f"{shown}:{port}")


def _idna(host: str) -> str | None:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _labelled(host: str) -> bool:
    """Whether a name's labels are as long as labels may be (RFC 1035, 2.3.4); addresses pass."""
    if ":" in host:
        return True
    labels = host.removesuffix(".").split(".")
    if _NUMBER(labels[-1]) is not None:  # an IPv4 address; shorthands such as 127.1 have led past many a filter
        return _IPV4(host) is not None
    return all(0 < len(label) <= 63 for label in labels)


def unsendable(method: str, headers: Headers) -> UsageError | None:
    """The error for a method, or the first field, that cannot go on the wire as it stands: by name and never by value."""
    if _TOKEN(method) is None:
        return UsageError("this is no HTTP method", field="method", allowed="GET, POST and the like")
    for name, value in headers.pairs:
        if name not in _known_names:
            if _TOKEN(name) is None or name.lower() in OURS:
                return UsageError("this header field cannot be set", field=f"headers[{name[:40]!r}]")
            if len(_known_names) < 1000:
                _known_names.add(name)
        if not isinstance(value, str) or _BAD_VALUE(value) is not None or not _latin(value):
            allowed = "text in Latin-1 without CR, LF and NUL"
            return UsageError("this header value cannot be sent", field=f"headers[{name!r}]", allowed=allowed)
    return None


def _latin(value: str) -> bool:
    return value.isascii() or max(value) <= "\xff"


def compose(method: str, target: str, authority: str, headers: Headers, length: int | None, extra: str = "") -> bytes:
    """The head of a request whose fields have passed ``unsendable``. ``length`` None: no body and no Content-Length;
    ``extra``: whole further lines."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.pairs])
    low = "\r\n" + fields.lower()
    if "\r\nhost:" not in low:
        extra = f"Host: {authority}\r\n{extra}"
    for name, value in DEFAULT_FIELDS:
        if f"\r\n{name.lower()}:" not in low:
            extra += f"{name}: {value}\r\n"
    if length is not None:
        extra += f"Content-Length: {length}\r\n"
    return f"{method} {target} HTTP/1.1\r\n{extra}{fields}\r\n".encode("latin-1")
