"""Streams read at the decoder, without sockets, whole or cut anywhere; and the recorded traffic."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import CORPUS
from tests.dialects.anthropic_messages.judge import context
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.dialect import Context
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.response import Response
from trunkline.wire.sse import SseDecoder

Record = dict[str, Any]


def sse(*events: dict[str, Any]) -> bytes:
    """A stream as the provider frames it, its texts unescaped."""
    written = [(event["type"], json.dumps(event, ensure_ascii=False, separators=(",", ":"))) for event in events]
    return "".join([f"event: {kind}\ndata: {data}\n\n" for kind, data in written]).encode()


def read(chunks: bytes | Iterable[bytes], where: Context | None = None) -> tuple[list[Event], ProviderError | None]:
    """All events of a stream, and the error that ended it."""
    decoder = DIALECT.event_decoder(where or context())
    frames = SseDecoder()
    events: list[Event] = []
    for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
        events += decoder.feed(frames.feed(chunk))
    events += decoder.feed(frames.finish())
    if not decoder.done:
        events += decoder.finish()
    assert decoder.done
    return events, decoder.error


def folded(body: bytes, where: Context | None = None) -> Response:
    events, error = read(body, where)
    if error is not None:
        raise error
    return fold(events)


def pieces(body: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    start = 0
    for cut in sorted(cuts):
        yield body[start:cut]
        start = cut
    yield body[start:]


@cache
def records() -> tuple[Record, ...]:
    """Every ``anthropic-messages`` record of the recorded traffic, each with its reply's bytes as ``bytes``."""
    lines = [*_lines(CORPUS / "dev" / "anthropic-messages.jsonl"), *_lines(CORPUS / "more.jsonl.gz")]
    found = [record for record in map(json.loads, lines) if record["dialect"] == "anthropic-messages"]
    for record in found:
        record["bytes"] = _body(record["response"]["body"])
    return tuple(found)


def _lines(path: Path) -> list[str]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [line for line in text.decode().split("\n") if line]


def _body(body: Any) -> bytes:
    if isinstance(body, dict) and set(body) == {"base64"}:
        return base64.b64decode(body["base64"], validate=True)
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
