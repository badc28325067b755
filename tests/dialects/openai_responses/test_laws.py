"""Laws: what a stream folds to is what the equivalent reply decodes to, however it is cut; what was said can be said again;
whatever the bytes, there is a value or an error of ours."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st

from tests.dialects.openai_responses.judge import context, encode
from tests.dialects.openai_responses.replies import decode, event, read, reply, sse, started
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import MalformedResponseError, ProviderError
from trunkline.values.fold import fold
from trunkline.values.message import Message
from trunkline.wire.http import HttpReply

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
notes = st.lists(
    words.map(lambda url: {"type": "url_citation", "url": url, "title": "T", "start_index": 0, "end_index": 1}), max_size=2
)
texts = st.builds(lambda text, cited: {"type": "output_text", "text": text, "annotations": cited}, words, notes)
refusals = words.map(lambda text: {"type": "refusal", "refusal": text})
ids = st.uuids().map(str)
messages = st.fixed_dictionaries(
    {"type": st.just("message"), "id": ids, "role": st.just("assistant"), "status": st.just("completed"),
     "content": st.lists(texts | refusals, max_size=3)},
    optional={"phase": st.sampled_from(["commentary", "final_answer"])},
)  # fmt: skip
calls = st.fixed_dictionaries({
    "type": st.just("function_call"), "id": ids, "call_id": ids, "name": st.sampled_from("abc"),
    "arguments": st.dictionaries(words, st.integers(0, 9), max_size=2).map(json.dumps),
})  # fmt: skip
customs = st.fixed_dictionaries(
    {"type": st.just("custom_tool_call"), "id": ids, "call_id": ids, "name": st.just("sql"), "input": words}
)
thoughts = st.fixed_dictionaries({
    "type": st.just("reasoning"), "id": ids, "summary": st.lists(words.map(lambda text: {"type": "summary_text", "text": text}), max_size=3),
    "encrypted_content": st.just("gAAA"),
})  # fmt: skip
others = st.sampled_from([
    {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "compaction", "id": "c", "encrypted_content": "x"},
])  # fmt: skip
turns = st.lists(messages | calls | customs | thoughts | others, max_size=4)


def pieces(text, draw):
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def deltas(item, place, draw):
    """The events that say the inside of an item, in pieces."""
    empty = {"content": [], "summary": [], "arguments": "", "input": ""}
    found = [event("output_item.added", **place, item={name: empty.get(name, value) for name, value in item.items()})]
    for n, part in enumerate(item.get("content", ())):
        kind, field = ("output_text", "text") if part["type"] == "output_text" else ("refusal", "refusal")
        found += [event(f"{kind}.delta", **place, content_index=n, delta=piece) for piece in pieces(part[field], draw)]
        found += [event("output_text.annotation.added", **place, annotation=note) for note in part.get("annotations", ())]
    for n, part in enumerate(item.get("summary", ())):
        found += [
            event("reasoning_summary_text.delta", **place, summary_index=n, delta=piece) for piece in pieces(part["text"], draw)
        ]
    for field, kind in (("arguments", "function_call_arguments"), ("input", "custom_tool_call_input")):
        found += [event(f"{kind}.delta", **place, delta=piece) for piece in pieces(item.get(field, ""), draw) if field in item]
    return [*found, event("output_item.done", **place, item=item)]


@given(turns, st.data())
def test_a_stream_is_its_reply(items, data):
    queues = [deltas(item, {"output_index": n}, data.draw) for n, item in enumerate(items)]
    said = [started()]
    while waiting := [queue for queue in queues if queue]:  # in whatever order the items are written, but each begun in its turn
        first = next((queue for queue in waiting if len(queue) and queue[0]["type"] == "response.output_item.added"), None)
        begun = [queue for queue in waiting if queue[0]["type"] != "response.output_item.added"]
        said.append(data.draw(st.sampled_from([*begun, *([first] if first else [])])).pop(0))
    body = sse(*said, event("completed", response=reply(*items, new=1)))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=4))
    events, error = read(body, cuts=cuts)
    assert error is None
    assert fold(events) == decode(reply(*items, new=1))


@given(turns)
def test_what_was_said_can_be_said_again(items):
    body, encoded = encode(Message.user("q"), decode(reply(*items)).message, judged=False)
    assert body["input"][1:] == items
    assert encoded.warnings == ()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats() | words | st.sampled_from(["message", "reasoning", "function_call"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["type", "id", "content", "summary", "text", "annotations", "arguments", "call_id", "name", "output", "usage", "error", "status"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
hostile = st.binary(max_size=40) | values.map(lambda value: json.dumps(value).encode())


@given(hostile | st.lists(values, max_size=2).map(lambda items: json.dumps({"output": items, "status": "completed"}).encode()))
def test_decoding_is_total(body):
    try:
        DIALECT.decode_response(HttpReply(200, body=body), context())
    except MalformedResponseError as error:
        assert str(error.path).startswith("$")  # the place, and nothing of the content
    except ProviderError:
        pass
    assert isinstance(DIALECT.decode_error(HttpReply(500, body=body), context()), ProviderError)


KINDS = [
    "response.created", "response.output_item.added", "response.output_item.done", "response.output_text.delta", "error",
    "response.output_text.annotation.added", "response.completed", "response.failed", "response.function_call_arguments.delta",
    "response.reasoning_summary_text.delta", "response.new",
]  # fmt: skip
fields = st.dictionaries(
    st.sampled_from(["output_index", "content_index", "delta", "item", "response", "annotation", "logprobs"]), values, max_size=4
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), fields), max_size=5))
def test_streams_are_never_too_much(said):
    body = b"".join(b"data: %s\n\n" % json.dumps({"type": kind} | rest).encode() for kind, rest in said)
    events, _ = read(body)
    fold(events)
