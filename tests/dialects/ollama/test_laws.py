"""Laws: a stream folds to what the equivalent reply is; what is said comes back; decoding is total, whatever the bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given, strategies as st

from tests.dialects.ollama.saying import AT, asked, body, context, decode, frames, line, lines, read, serving, target, written
from trunkline.dialects.ollama import DIALECT
from trunkline.values.errors import InvalidRequestError, MalformedResponseError, ProviderError
from trunkline.values.fold import fold, unfold
from trunkline.values.headers import Headers
from trunkline.values.media import Data
from trunkline.values.message import Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.model import Quirks
from trunkline.values.request import OutputFormat, ReasoningOptions, Request, Tool
from trunkline.values.response import Response, Usage
from trunkline.wire.http import HttpReply

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
said = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
objects = st.dictionaries(said, st.integers(-(2**40), 2**40) | words | st.booleans(), max_size=3)
counts = st.none() | st.integers(1, 99)
calls = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc"), "arguments": objects}, optional={"id": said}), max_size=3, unique_by=lambda c: c.get("id", id(c))
)  # fmt: skip
replies = st.fixed_dictionaries({
    "thinking": words, "content": words, "calls": calls, "reason": st.sampled_from(["stop", "length", "new"]), "counts": st.tuples(counts, counts),
    "extra": st.dictionaries(st.sampled_from(["total_duration", "odd"]), st.integers(1, 9)),
})  # fmt: skip


def message_of(reply: dict[str, Any]) -> dict[str, Any]:
    found = [
        {name: call[name] for name in ("id",) if name in call}
        | {"function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in reply["calls"]
    ]
    return {"content": reply["content"], "thinking": reply["thinking"], **({"tool_calls": found} if found else {})}


def end_of(reply: dict[str, Any]) -> dict[str, Any]:
    prompted, wrote = reply["counts"]
    return {"done_reason": reply["reason"], "prompt_eval_count": prompted, "eval_count": wrote, **reply["extra"]}


def pieces(text: str, draw: Any) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(replies, st.sampled_from([Quirks(), Quirks(markup="auto")]), st.data())
def test_a_stream_is_its_reply(reply, quirks, data):
    message = message_of(reply)
    whole = decode(body(message, **end_of(reply)), context(quirks))
    queue = [{"thinking": piece} for piece in pieces(reply["thinking"], data.draw)]
    queue += [{"content": piece} for piece in pieces(reply["content"], data.draw)]
    queue += [{"tool_calls": [call]} for call in message.get("tool_calls", ())]
    stream = lines(*map(line, queue), body(**end_of(reply)))
    cuts = tuple(sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4))))
    events, decoder = read(stream, context(quirks, stream=True), cuts)
    folded = fold(events)
    assert decoder.error is None
    assert (folded.message, folded.usage, folded.extra) == (whole.message, whole.usage, whole.extra)
    assert (folded.finish_reason, folded.raw_finish_reason, folded.created, folded.model) == (
        whole.finish_reason, whole.raw_finish_reason, whole.created, whole.model,
    )  # fmt: skip


# --- what is said comes back ------------------------------------------------------------------------------------------

tool_calls = st.builds(
    lambda n, name, held: ToolCall(n, name, json.dumps(held, separators=(",", ":"), ensure_ascii=False)), said, said, objects
)
answers = st.builds(
    lambda thought, text, found: Message("assistant", (*[Reasoning(thought)][: bool(thought)], *[Text(text)][: bool(text)], *found)),
    words, words, st.lists(tool_calls, max_size=2, unique_by=lambda call: call.id),
)  # fmt: skip
responses = st.builds(
    lambda message, raw, usage, model: Response(
        message=message, finish_reason="tool_calls" if message.tool_calls else raw, raw_finish_reason=raw, usage=usage, model=model, created=7
    ),
    answers,
    st.sampled_from(["stop", "length"]),
    st.builds(
        lambda one, two: Usage(one, two, raw={n: v for n, v in (("prompt_eval_count", one), ("eval_count", two)) if v is not None}),
        counts, counts,
    ),
    said,
)  # fmt: skip


@given(responses)
def test_a_reply_arrives_as_it_was_sent(response):
    reply = DIALECT.encode_response(response, serving())
    assert reply.warnings == ()
    back = decode(reply.body)
    assert (back.message, back.finish_reason, back.raw_finish_reason) == (
        response.message, response.finish_reason, response.raw_finish_reason,
    )  # fmt: skip
    assert (back.usage, back.model, back.created, back.extra) == (response.usage, response.model, response.created, {})


@given(responses)
def test_a_stream_arrives_as_it_was_sent(response):
    events, decoder = read(written(unfold(response)))
    back = fold(events)
    assert decoder.error is None
    assert (back.message, back.finish_reason, back.usage, back.extra) == (
        response.message, response.finish_reason, response.usage, {},
    )  # fmt: skip


users = st.builds(
    lambda text, n: Message("user", (*[Text(text)][: bool(text)], *[Image(Data(b"\x89PNG1", "image/png"))] * n)),
    words,
    st.integers(0, 2),
)
loops = st.builds(
    lambda message, text: (message, *[Message.tool(ToolResult(call.id, (*[Text(text)][: bool(text)],), name=call.name)) for call in message.tool_calls]),
    answers, words,
)  # fmt: skip
requests = st.builds(
    lambda system, turns, tools, **fields: Request(
        model="m1", messages=(*([Message.system(system)] if system else []), *[m for user, loop in turns for m in (user, *loop)]), tools=tuple(tools), **fields
    ),
    words,
    st.lists(st.tuples(users, loops), min_size=1, max_size=2),
    st.lists(st.builds(Tool, said, st.none() | words, objects.map(lambda held: {"type": "object", **held})), max_size=2),
    stream=st.booleans(), max_tokens=counts, temperature=st.none() | st.floats(0, 2), top_k=counts, seed=st.none() | st.integers(0, 2**40),
    stop=st.lists(said, max_size=2).map(tuple), logprobs=st.none() | st.booleans(), top_logprobs=st.none() | st.integers(0, 20),
    output=st.none() | objects.map(OutputFormat),
    reasoning=st.sampled_from([None, ReasoningOptions("low"), ReasoningOptions(enabled=True), ReasoningOptions(enabled=False)]),
    extra_body=st.sampled_from([{}, {"keep_alive": "5m"}, {"options": {"num_ctx": 5}}]),
)  # fmt: skip


@given(requests)
def test_a_request_arrives_as_it_was_sent(request):
    encoded = DIALECT.encode_request(request, target())
    assume(not any(warning.field == "tools.parameters" for warning in encoded.warnings))  # a word of JSON Schema, by chance
    assert encoded.warnings == ()
    decoded = DIALECT.decode_request(asked(encoded.wire.body))
    assert decoded.warnings == ()
    assert decoded.request == request


# --- whatever the bytes -----------------------------------------------------------------------------------------------

FIELDS = [
    "model", "created_at", "message", "role", "content", "thinking", "tool_calls", "function", "name", "arguments", "id", "done", "done_reason",
    "eval_count", "logprobs", "token", "logprob", "error", "response", "messages", "images", "tools", "parameters", "format", "options", "stop",
    "num_predict", "think", "stream", "tool_name", "tool_call_id", "status", "top_logprobs", "keep_alive",
]  # fmt: skip
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "user", "assistant", "tool", "json", AT, "m", "\ud800"])
)
junk = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5), max_leaves=20
)  # fmt: skip
hostile = st.binary(max_size=40) | st.dictionaries(st.sampled_from(FIELDS), junk, max_size=6).map(json.dumps).map(str.encode)


@given(hostile)
def test_decoding_a_reply_is_total(data):
    for quirks in (Quirks(), Quirks(markup="auto")):
        try:
            reply = decode(data, context(quirks))
        except MalformedResponseError as error:
            assert error.path
        except ProviderError:
            pass
        else:
            assert DIALECT.encode_response(reply, serving()).body
    assert isinstance(DIALECT.decode_error(HttpReply(500, Headers(), data), context()), ProviderError)


@given(st.lists(hostile, max_size=4), st.booleans())
def test_decoding_a_stream_is_total(items, last):
    data = lines(*items, *([body()] if last else []))
    events, decoder = read(data)
    assert decoder.done
    if decoder.error is None:
        written(events)
    for strict in (True, False):
        grammar = DIALECT.stream_grammar(strict=strict)
        grammar.feed([frame for held in frames(data) for frame in held])
        grammar.finish()


@given(hostile | junk.map(lambda value: json.dumps({"model": "m", "messages": value}).encode()))
def test_decoding_a_request_is_total(data):
    assert DIALECT.context_of(asked(data)).target.dialect == "ollama"
    try:
        decoded = DIALECT.decode_request(asked(data))
    except InvalidRequestError as error:
        assert error.status == 400
    else:
        DIALECT.encode_request(decoded.request, target())


def test_a_deep_body_is_no_reply():
    for data in (b'{"message":' * 100_000, b'{"model":"m","message":{"content":"","tool_calls":[' + b"[" * 5000):
        try:
            decode(data)
        except MalformedResponseError:
            continue
        raise AssertionError("it was read")
