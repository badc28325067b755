"""A request's body and credentials, read within limits."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from ..values.errors import InvalidRequestError
from ..values.headers import Headers
from ..values.secret import Secret
from .gate import Refusal

Receive = Callable[[], Awaitable[dict[str, Any]]]
_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
_SIGNER = re.compile(r"Credential=([^/,\s]+)/")
_ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""How zlib is told which it is."""


async def body_of(receive: Receive, headers: Headers, limit: int) -> bytes | None:
    """The whole body, decoded, of at most ``limit`` bytes; None when the asker went away before its end. Raises ``Refusal``: 413
    (before reading, where the length is told), 415, 400, 501."""
    if headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
        raise Refusal(InvalidRequestError("this transfer-encoding is not understood; chunked is", status=501))
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in _ENCODINGS and coding not in {"identity", ""}:
        known = ("accept-encoding", "gzip, deflate")
        raise Refusal(InvalidRequestError("this content-encoding is not understood; gzip and deflate are", status=415), [known])
    told = headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise _too_large(limit)
    data = await _read(receive, limit)
    return data if data is None or coding not in _ENCODINGS else decoded(data, _ENCODINGS[coding], limit)


async def _read(receive: Receive, limit: int) -> bytes | None:
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def decoded(data: bytes, coding: int, limit: int) -> bytes:
    """``data`` without its compression; ``limit`` holds for what comes out, so that a small body cannot become a large one."""
    if coding == 15 and (not data or data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31):
        coding = -15  # many call bare deflate what ought to be in zlib's wrapping
    pieces: list[bytes] = []
    room = limit + 1
    try:
        while data and room > 0:
            member = zlib.decompressobj(coding)
            piece = member.decompress(data, room)
            pieces.append(piece)
            room -= len(piece)
            if not member.eof and room > 0:
                raise _broken()
            data = member.unused_data
    except zlib.error as error:
        raise _broken() from error
    if room <= 0:
        raise _too_large(limit)
    return b"".join(pieces)


def credential_of(headers: Headers, query: bytes = b"") -> Secret | None:
    """What the asker showed: a bearer token, or the id of the key that an AWS client signed with (the signature itself is not
    checked); else a key in a header of its own, else ``key`` in the query (gemini §2)."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Secret(token.strip())
    if scheme == "AWS4-HMAC-SHA256" and (signer := _SIGNER.search(token)):
        return Secret(signer[1])
    key = headers.first(_KEY_HEADERS) or (parse_qs(query.decode("latin-1")).get("key", [None])[0] if b"key=" in query else None)
    return Secret(key.strip()) if key and key.strip() else None


def _too_large(limit: int) -> Refusal:
    return Refusal(InvalidRequestError(f"the request is larger than {limit:,} bytes", status=413))


def _broken() -> Refusal:
    return Refusal(InvalidRequestError("the body is not what its content-encoding says", status=400))
