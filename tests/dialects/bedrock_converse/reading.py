"""Streams as bytes and as events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from tests.dialects.bedrock_converse.judge import compact, context
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.dialects.dialect import Context
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.response import Response
from trunkline.wire.aws_event_stream import EventStreamDecoder, encode_frame

Told = tuple[str, dict[str, Any]]
"""An event's name and its fields."""


def framed(*events: Told) -> bytes:
    return b"".join([encode_frame(compact(fields), name) for name, fields in events])


def read(data: bytes | Sequence[bytes], where: Context | None = None) -> tuple[list[Event], ProviderError | None]:
    """The events of a stream that comes in these pieces."""
    decoder, frames = DIALECT.event_decoder(where or context()), EventStreamDecoder()
    events: list[Event] = []
    for piece in [data] if isinstance(data, bytes) else data:
        events += decoder.feed(frames.feed(piece))
    events += decoder.feed(frames.finish())
    return events + ([] if decoder.done else decoder.finish()), decoder.error


def folded(data: bytes) -> Response:
    events, error = read(data)
    assert error is None, error
    return fold(events)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([0, *sorted(cuts), len(data)])]


def start() -> Told:
    return "messageStart", {"role": "assistant"}


def delta(index: int, **said: Any) -> Told:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": said}


def begun(index: int, **said: Any) -> Told:
    return "contentBlockStart", {"contentBlockIndex": index, "start": said}


def stop(index: int) -> Told:
    return "contentBlockStop", {"contentBlockIndex": index}


def text(index: int, *words: str) -> list[Told]:
    return [*(delta(index, text=word) for word in words), stop(index)]


def thought(index: int, *words: str, signature: str | None = "c2ln") -> list[Told]:
    signed = [delta(index, reasoningContent={"signature": signature})] if signature is not None else []
    return [*(delta(index, reasoningContent={"text": word}) for word in words), *signed, stop(index)]


def call(index: int, id: str, name: str, *words: str, **more: Any) -> list[Told]:
    first = begun(index, toolUse={"toolUseId": id, "name": name, **more})
    return [first, *(delta(index, toolUse={"input": word}) for word in words), stop(index)]


USAGE = {"inputTokens": 40, "outputTokens": 20, "totalTokens": 60}


def end(reason: str = "end_turn", usage: dict[str, Any] | None = None, **more: Any) -> list[Told]:
    return [
        ("messageStop", {"stopReason": reason}),
        ("metadata", {"usage": usage or USAGE, "metrics": {"latencyMs": 900}, **more}),
    ]
