"""Streams that are right to the letter (openai-responses §7), one for each thing that a stream may say."""

from __future__ import annotations

import json
from typing import Any

from trunkline.wire.sse import Frame

HEAD: dict[str, Any] = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "m-1", "parallel_tool_calls": True, "tool_choice": "auto",
    "tools": [],
}  # fmt: skip
USAGE = {
    "input_tokens": 9, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}  # fmt: skip
NOTE = {"type": "url_citation", "start_index": 0, "end_index": 3, "title": "t", "url": "u"}
TOKEN = {"token": "Hi", "bytes": [72, 105], "logprob": -0.5, "top_logprobs": []}

Said = tuple[str, dict[str, Any]]


def event(kind: str, **fields: Any) -> Said:
    return kind, fields


def item(index: int, begun: dict[str, Any], done: dict[str, Any], *said: Said) -> list[Said]:
    """One item with what comes within it, each event of which gets the item's number and id."""
    place = {"item_id": begun["id"], "output_index": index}
    return [
        event("response.output_item.added", output_index=index, item=begun),
        *((kind, place | fields) for kind, fields in said),
        event("response.output_item.done", output_index=index, item={**begun, **done}),
    ]


def text(number: int, *pieces: str, notes: list[Any] | None = None) -> list[Said]:
    notes = notes or []
    part = {"type": "output_text", "text": "", "annotations": []}
    return [
        event("response.content_part.added", content_index=number, part=part),
        *(event("response.output_text.delta", content_index=number, delta=piece, logprobs=[]) for piece in pieces),
        *(
            event("response.output_text.annotation.added", content_index=number, annotation_index=n, annotation=note)
            for n, note in enumerate(notes)
        ),
        event("response.output_text.done", content_index=number, text="".join(pieces), logprobs=[]),
        event("response.content_part.done", content_index=number, part={**part, "text": "".join(pieces), "annotations": notes}),
    ]


def message(index: int, *pieces: str, notes: list[Any] | None = None) -> list[Said]:
    begun = {"type": "message", "id": f"msg_{index}", "status": "in_progress", "role": "assistant", "content": []}
    content = [{"type": "output_text", "text": "".join(pieces), "annotations": notes or []}]
    return item(index, begun, {"status": "completed", "content": content}, *text(0, *pieces, notes=notes))


def refusal(index: int, *pieces: str) -> list[Said]:
    begun = {"type": "message", "id": f"msg_{index}", "status": "in_progress", "role": "assistant", "content": []}
    part = {"type": "refusal", "refusal": "".join(pieces)}
    said = [
        event("response.content_part.added", content_index=0, part={**part, "refusal": ""}),
        *(event("response.refusal.delta", content_index=0, delta=piece) for piece in pieces),
        event("response.refusal.done", content_index=0, refusal=part["refusal"]),
        event("response.content_part.done", content_index=0, part=part),
    ]
    return item(index, begun, {"status": "completed", "content": [part]}, *said)


def reasoning(index: int, *summaries: str) -> list[Said]:
    begun = {"type": "reasoning", "id": f"rs_{index}", "summary": []}
    parts = [{"type": "summary_text", "text": summary} for summary in summaries]
    said: list[Said] = []
    for n, part in enumerate(parts):
        said += [
            event("response.reasoning_summary_part.added", summary_index=n, part={**part, "text": ""}),
            event("response.reasoning_summary_text.delta", summary_index=n, delta=part["text"]),
            event("response.reasoning_summary_text.done", summary_index=n, text=part["text"]),
            event("response.reasoning_summary_part.done", summary_index=n, part=part),
        ]
    return item(index, begun, {"summary": parts, "encrypted_content": "c2VhbGVk"}, *said)


def thoughts(index: int, words: str) -> list[Said]:
    begun = {"type": "reasoning", "id": f"rs_{index}", "summary": []}
    part = {"type": "reasoning_text", "text": words}
    said = [
        event("response.content_part.added", content_index=0, part={**part, "text": ""}),
        event("response.reasoning_text.delta", content_index=0, delta=words),
        event("response.reasoning_text.done", content_index=0, text=words),
        event("response.content_part.done", content_index=0, part=part),
    ]
    return item(index, begun, {"content": [part]}, *said)


def call(index: int, *pieces: str, custom: bool = False) -> list[Said]:
    kind, stem, field = (
        ("custom_tool_call", "response.custom_tool_call_input", "input")
        if custom
        else ("function_call", "response.function_call_arguments", "arguments")
    )
    begun = {"type": kind, "id": f"fc_{index}", "call_id": f"call_{index}", "name": "f", field: ""}
    done: dict[str, Any] = {field: "".join(pieces)}
    if not custom:
        begun["status"], done["status"] = "in_progress", "completed"
    said = [event(f"{stem}.delta", delta=piece) for piece in pieces]
    return item(index, begun, done, *said, event(f"{stem}.done", **{field: "".join(pieces)}))


def search(index: int) -> list[Said]:
    begun = {"type": "web_search_call", "id": f"ws_{index}", "status": "in_progress"}
    steps = [event(f"response.web_search_call.{step}") for step in ("in_progress", "searching", "completed")]
    return item(index, begun, {"status": "completed", "action": {"type": "search", "query": "q"}}, *steps)


def later(index: int) -> list[Said]:
    return item(index, {"type": "later", "id": f"x_{index}"}, {"held": 2})


def stream(*items: list[Said], kind: str = "completed", **fields: Any) -> tuple[Frame, ...]:
    """A whole stream: head, items, the last response, with the numbers of the events."""
    said = [said for within in items for said in within]
    output = [fields["item"] for kind, fields in said if kind == "response.output_item.done"]
    begun = {**HEAD, "status": "in_progress", "error": None, "incomplete_details": None, "output": [], "usage": None}
    ended = {**HEAD, "status": kind, "error": None, "incomplete_details": None, "output": output, "usage": USAGE, **fields}
    heads = [event("response.created", response=begun), event("response.in_progress", response=begun)]
    return numbered([*heads, *said, event(f"response.{kind}", response=ended)])


def numbered(said: list[Said]) -> tuple[Frame, ...]:
    return tuple(
        Frame(json.dumps({"type": kind, **fields, "sequence_number": n}).encode(), kind) for n, (kind, fields) in enumerate(said)
    )


_TOLD = [
    event(
        "response.content_part.added",
        content_index=0,
        part={"type": "output_text", "text": "", "annotations": [], "logprobs": []},
    ),
    event("response.output_text.delta", content_index=0, delta="Hi", logprobs=[{"token": "Hi", "logprob": -0.5}]),
    event("response.output_text.done", content_index=0, text="Hi", logprobs=[{"token": "Hi", "logprob": -0.5}]),
    event(
        "response.content_part.done",
        content_index=0,
        part={"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [TOKEN]},
    ),
]
_MESSAGE = {"type": "message", "id": "msg_0", "status": "in_progress", "role": "assistant", "content": []}
FAILED = {"code": "server_error", "message": "m"}
ERROR = event("error", code="server_error", message="m", param=None)

STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": stream(message(0, "Hello", " world")),
    "citations": stream(message(0, "cited", notes=[NOTE, {**NOTE, "title": "v"}])),
    "two texts": stream(
        item(
            0,
            _MESSAGE,
            {"status": "completed", "content": [{"type": "output_text", "text": word, "annotations": []} for word in ("a", "b")]},
            *text(0, "a"),
            *text(1, "b"),
        )
    ),
    "log probabilities": stream(item(0, _MESSAGE, {"status": "completed", "content": [_TOLD[-1][1]["part"]]}, *_TOLD)),
    "a refusal": stream(refusal(0, "I", " will not")),
    "reasoning": stream(reasoning(0, "One", "Two")),
    "open reasoning": stream(thoughts(0, "Hm")),
    "calls": stream(message(0, "I look."), call(1, '{"city":', '"Oslo"}'), call(2, "plain", custom=True)),
    "a hosted tool": stream(search(0)),
    "an item of a later kind": stream(later(0)),
    "cut off": stream(message(0, "Hel"), kind="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    "failed": stream(message(0, "Hello"), [*message(1, "there")[:3], ERROR], kind="failed", error=FAILED, usage=None, output=[
        message(0, "Hello")[-1][1]["item"],
    ]),
    "failed at once": stream(kind="failed", error=FAILED, usage=None),
}  # fmt: skip
