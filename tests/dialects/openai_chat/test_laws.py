"""Law: what a stream folds to is what the equivalent reply decodes to, however it is cut."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from tests.dialects.openai_chat.judge import context, encode
from tests.dialects.openai_chat.replies import chunk, decode, read, sse
from trunkline.values.fold import fold
from trunkline.values.message import Message

words = st.text(max_size=12)
said = st.text(min_size=1, max_size=12)
json_text = st.dictionaries(said, st.integers() | words, max_size=3).map(json.dumps)
usages = st.none() | st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 99), "completion_tokens": st.integers(0, 99)},
    optional={
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": st.integers(0, 9)}),
        "completion_tokens_details": st.fixed_dictionaries({"reasoning_tokens": st.integers(0, 9)}),
        "cost": st.floats(0, 1),
    },
)
calls = st.lists(
    st.fixed_dictionaries({"id": said, "name": st.sampled_from("abc"), "arguments": json_text}),
    max_size=3,
    unique_by=lambda call: call["id"],
)
citations = st.lists(
    said.map(lambda url: {"type": "url_citation", "url_citation": {"url": url, "title": "T"}}), max_size=2, unique_by=str
)
choices = st.fixed_dictionaries({
    "content": words, "refusal": words, "calls": calls, "citations": citations, "reason": st.sampled_from(["stop", "length", "eos", "new"]),
    "field": st.sampled_from(["reasoning", "reasoning_content"]), "reasoning": words, "details": st.booleans(),
})  # fmt: skip
replies = st.tuples(st.lists(choices, min_size=1, max_size=3), usages)


def message_of(choice: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": choice["content"] or None, "refusal": choice["refusal"] or None}
    message[choice["field"]] = choice["reasoning"]
    if choice["details"] and choice["reasoning"]:
        message["reasoning_details"] = [{"type": "reasoning.text", "text": choice["reasoning"], "index": 0, "signature": "s"}]
    if choice["calls"]:
        message["tool_calls"] = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for call in choice["calls"]
        ]
    if choice["citations"]:
        message["annotations"] = choice["citations"]
    return message


def pieces(text: str, draw: Any) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def deltas(choice: dict[str, Any], draw: Any) -> list[dict[str, Any]]:
    """The deltas that say a choice, in an order and in pieces such as servers use."""
    found: list[dict[str, Any]] = []
    for piece in pieces(choice["reasoning"], draw):
        delta: dict[str, Any] = {choice["field"]: piece}
        if choice["details"] and choice["reasoning"]:
            delta["reasoning_details"] = [{"type": "reasoning.text", "text": piece, "index": 0}]
        found.append(delta)
    if choice["details"] and choice["reasoning"]:
        found.append({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]})
    found += [{"content": piece} for piece in pieces(choice["content"], draw)]
    found += [{"refusal": piece} for piece in pieces(choice["refusal"], draw)]
    found += [{"annotations": [citation]} for citation in choice["citations"]]
    for index, call in enumerate(choice["calls"]):
        first, *rest = pieces(call["arguments"], draw)
        found.append(
            {
                "tool_calls": [
                    {"index": index, "id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": first}}
                ]
            }
        )
        found += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in rest]
    return found


@given(replies, st.data())
def test_a_stream_is_its_reply(reply, data):
    said_choices, usage = reply
    whole = {"id": "r1", "object": "chat.completion", "created": 1_790_000_000, "model": "m1", "provider": "P", "usage": usage, "choices": [
        {"index": n, "message": message_of(choice), "finish_reason": choice["reason"]} for n, choice in enumerate(said_choices)
    ]}  # fmt: skip
    queues = [(n, choice, deltas(choice, data.draw)) for n, choice in enumerate(said_choices)]
    chunks = [chunk({"role": "assistant", "content": ""}, index=n, provider="P") for n, _, _ in queues]
    while waiting := [queue for queue in queues if queue[2]]:
        n, _, queue = data.draw(st.sampled_from(waiting))
        chunks.append(chunk(queue.pop(0), index=n))
    chunks += [chunk({}, finish=choice["reason"], index=n) for n, choice, _ in queues]
    if usage is not None:
        chunks.append(chunk(usage=usage))
    stream = sse(*chunks)
    cuts = tuple(sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4))))
    events, decoder = read(stream, context(stream=True), cuts)
    assert decoder.error is None
    unary = decode(whole)
    folded = fold(events)
    assert (folded.message, folded.alternatives) == (unary.message, unary.alternatives)
    assert (folded.finish_reason, folded.raw_finish_reason, folded.usage, folded.extra) == (
        unary.finish_reason, unary.raw_finish_reason, unary.usage, unary.extra,
    )  # fmt: skip
    assert (folded.id, folded.model, folded.created) == (unary.id, unary.model, unary.created)


@given(choices)
def test_what_was_said_can_be_said_again(choice):
    """A reply goes back into the next turn: its text, calls and details arrive where the protocol has them."""
    body, _ = encode(Message.user("q"), decode({"choices": [{"message": message_of(choice)}]}).message, judged=False)
    back = body["messages"][1]
    sent = message_of(choice)
    assert back.get("tool_calls") == sent.get("tool_calls")
    assert back.get("reasoning_details") == sent.get("reasoning_details")
    text = back["content"]
    if isinstance(text, list):
        text = "".join(item.get("text", item.get("refusal", "")) for item in text)
    assert (text or "") == choice["content"] + choice["refusal"]
