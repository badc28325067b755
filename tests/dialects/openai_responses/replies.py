"""Items, replies and streams as the provider writes them, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from tests.dialects.openai_responses.judge import context
from trunkline.dialects.dialect import Context
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import SseDecoder

Json = dict[str, Any]


def text_item(text: str, item_id: str = "msg_1", **more: Any) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": item_id, "role": "assistant", "status": "completed", "content": content} | more


def call_item(arguments: str = "{}", call_id: str = "call_1", **more: Any) -> Json:
    known = {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": "weather", "arguments": arguments}
    return known | {"status": "completed"} | more


def thought(summary: Iterable[str] = (), item_id: str = "rs_1", **more: Any) -> Json:
    said = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": item_id, "summary": said, "encrypted_content": "gAAA"} | more


def reply(*items: Json, **more: Any) -> Json:
    usage = {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2}, "total_tokens": 13}
    return {
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": "gpt-test-1", "status": "completed",
        "error": None, "incomplete_details": None, "output": list(items), "usage": usage,
    } | more  # fmt: skip


def decode(body: Json | bytes, where: Context | None = None) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return DIALECT.decode_response(HttpReply(200, body=data), where or context())


def sse(*events: Json) -> bytes:
    """A stream as the provider frames it, its texts unescaped."""
    written = [(event["type"], json.dumps(event, ensure_ascii=False, separators=(",", ":"))) for event in events]
    return "".join([f"event: {kind}\ndata: {data}\n\n" for kind, data in written]).encode()


def event(kind: str, **fields: Any) -> Json:
    return {"type": f"response.{kind}", **fields}


def read(body: bytes, where: Context | None = None, cuts: Iterable[int] = ()) -> tuple[list[Event], ProviderError | None]:
    """All events of a stream, cut where told, and the error that ended it."""
    decoder, frames = DIALECT.event_decoder(where or context(stream=True)), SseDecoder()
    events: list[Event] = []
    marks = [0, *sorted(cuts), len(body)]
    for begin, end in pairwise(marks):
        events += decoder.feed(frames.feed(body[begin:end]))
    events += decoder.feed(frames.finish())
    if not decoder.done:
        events += decoder.finish()
    assert decoder.done
    return events, decoder.error


def folded(*events: Json, where: Context | None = None) -> Response:
    told, error = read(sse(*events), where)
    if error is not None:
        raise error
    return fold(told)


def started(**more: Any) -> Json:
    return event("created", response=reply(status="in_progress", usage=None, **more))


def streamed(*items: Json, **more: Any) -> list[Json]:
    """The events of a stream that says these items whole."""
    told = [started()]
    for n, item in enumerate(items):
        told += [
            event("output_item.added", output_index=n, item=_begun(item)),
            event("output_item.done", output_index=n, item=item),
        ]
    return [*told, event("completed", response=reply(*items, **more))]


def _begun(item: Json) -> Json:
    empty: Json = {"content": [], "arguments": "", "input": "", "summary": []}
    return {name: empty.get(name, value) for name, value in item.items()}
