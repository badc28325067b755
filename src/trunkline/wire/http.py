"""HTTP as bytes and fields, with no meaning and no I/O."""

from __future__ import annotations

import msgspec

from ..values.headers import NO_HEADERS, Headers


class HttpRequest(msgspec.Struct, frozen=True):
    """One request as it goes out: absolute ``url``, all headers but Host and Content-Length, the whole ``body``.

    ``address``: the only one of the host's addresses that the connection may go to, whatever its name leads to by now. Host and
    TLS go by the name.
    """

    method: str
    url: str
    headers: Headers = NO_HEADERS
    body: bytes = b""
    address: str | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


class Head(msgspec.Struct, frozen=True):
    """The head of a reply. Its repr shows no values: a provider may have quoted the key in one."""

    status: int
    headers: Headers = NO_HEADERS

    def __repr__(self) -> str:
        return f"Head({self.status}, {len(self.headers.pairs)} headers)"


class HttpReply(msgspec.Struct, frozen=True):
    """A whole reply."""

    status: int
    headers: Headers = NO_HEADERS
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpReply({self.status}, {len(self.body)} bytes)"
