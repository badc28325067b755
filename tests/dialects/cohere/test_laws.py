"""Laws, on generated replies and requests: a stream folds to what the whole reply says; what is said is read as it was meant; and
decoding never fails in another way than ours."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import given, settings, strategies as st

from tests.dialects.cohere.good_streams import DONE, event, message
from tests.dialects.cohere.saying import CLIENT, SERVER, TARGET, frames_of, heard, read, reply, sse, told
from trunkline.dialects.cohere import DIALECT
from trunkline.values.errors import InvalidRequestError, MalformedResponseError, ProviderError
from trunkline.values.fold import fold, unfold
from trunkline.values.headers import Headers
from trunkline.values.media import Data, Url
from trunkline.values.message import Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import OutputFormat, ReasoningOptions, Request, Tool, ToolChoice
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply, HttpRequest
from trunkline.wire.sse import Frame, SseDecoder

few = settings(max_examples=20)
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
IDS = st.from_regex(r"[a-z]{2,5}_[a-z0-9]{1,6}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS, lambda inner: st.lists(inner, max_size=2), max_leaves=4
)
COUNTS = st.integers(0, 10**6)
ITEMS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": WORDS}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": WORDS}),
    st.fixed_dictionaries({"type": st.just("later"), "x": VALUES}),
)
CALLS = st.fixed_dictionaries({
    "id": IDS, "type": st.just("function"),
    "function": st.fixed_dictionaries({"name": IDS, "arguments": st.dictionaries(WORDS, VALUES, max_size=2).map(json.dumps)}),
})  # fmt: skip
SOURCES = st.fixed_dictionaries(
    {"type": st.sampled_from(["tool", "document"]), "id": WORDS}, optional={"document": st.just({"url": "u"})}
)
CITATIONS = st.fixed_dictionaries(
    {"start": COUNTS, "end": COUNTS, "text": WORDS, "sources": st.lists(SOURCES, max_size=2)},
    optional={"type": st.sampled_from(["TEXT_CONTENT", "PLAN"])},
)
USAGES = st.fixed_dictionaries(
    {},
    optional={
        "billed_units": st.fixed_dictionaries({"input_tokens": COUNTS, "output_tokens": COUNTS}),
        "tokens": st.fixed_dictionaries({"input_tokens": COUNTS, "output_tokens": COUNTS}, optional={"reasoning_tokens": COUNTS}),
        "cached_tokens": COUNTS,
    },
)
REPLIES = st.fixed_dictionaries(
    {
        "id": IDS,
        "finish_reason": st.sampled_from(["COMPLETE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "LATER"]),
        "message": st.fixed_dictionaries(
            {"role": st.just("assistant"), "content": st.lists(ITEMS, max_size=4)},
            optional={
                "tool_plan": WORDS,
                "tool_calls": st.lists(CALLS, max_size=2),
                "citations": st.lists(CITATIONS, max_size=2),
            },
        ),
        "usage": USAGES,
    },
    optional={"error": WORDS, "new": VALUES},
)


def cut(text: str, data: st.DataObject) -> list[str]:
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=3).map(sorted))
    return [text[a:b] for a, b in pairwise([0, *places, len(text)])]


def streamed(whole: dict[str, Any], data: st.DataObject) -> bytes:
    """The stream in which the provider would have said ``whole``, its texts cut anywhere."""
    said = whole["message"]
    frames = [event("message-start", id=whole["id"], delta={"message": {"role": "assistant", "content": []}})]
    frames += [message("tool-plan-delta", "tool_plan", piece) for piece in cut(said.get("tool_plan", ""), data)]
    items = said["content"]
    last = max((n for n, item in enumerate(items) if item["type"] == "text"), default=None)
    for n, item in enumerate(items):
        kind = item["type"]
        begun = item if kind == "later" else {"type": kind, kind: ""}
        frames.append(message("content-start", "content", begun, index=n))
        if kind != "later":
            frames += [message("content-delta", "content", {kind: piece}, index=n) for piece in cut(item[kind], data)]
        frames += [message("citation-start", "citations", cited, index=0) for cited in said.get("citations", ()) if n == last]
        frames.append(event("content-end", index=n))
    if last is None:
        frames += [message("citation-start", "citations", cited, index=0) for cited in said.get("citations", ())]
    for n, call in enumerate(said.get("tool_calls", ())):
        begun = {**call, "function": {**call["function"], "arguments": ""}}
        frames.append(message("tool-call-start", "tool_calls", begun, index=n))
        for piece in cut(call["function"]["arguments"], data):
            frames.append(message("tool-call-delta", "tool_calls", {"function": {"arguments": piece}}, index=n))
        frames.append(event("tool-call-end", index=n))
    rest = {name: value for name, value in whole.items() if name not in ("id", "message")}
    return sse([*frames, event("message-end", delta=rest), DONE])


@few
@given(REPLIES, st.data())
def test_a_stream_folds_to_what_the_whole_reply_says(body, data):
    whole = reply(body)
    said = streamed(body, data)
    assert fold(read(frames_of(said))[0]) == whole
    decoder, frames = DIALECT.event_decoder(CLIENT), SseDecoder()
    events = []
    bounds = [0, *sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=4))), len(said)]
    for a, b in pairwise(bounds):
        events += decoder.feed(frames.feed(said[a:b]))
    assert decoder.done and decoder.error is None
    assert fold(events) == whole == fold(unfold(whole))


@few
@given(REPLIES, st.data())
def test_what_was_read_is_said_again(body, data):
    if body["finish_reason"] == "TOOL_CALL" and not body["message"].get("tool_calls"):
        body["finish_reason"] = "COMPLETE"  # as our server says that, with a warning
    whole = reply(body)
    answer = DIALECT.encode_response(whole, SERVER)
    assert DIALECT.decode_response(HttpReply(200, Headers(), answer.body), CLIENT) == whole
    events, _ = read(frames_of(streamed(body, data)))
    frames, _ = told(events)
    again = fold(read(frames)[0])
    assert (again.parts, again.usage, again.extra) == (whole.parts, whole.usage, whole.extra)


@few
@given(REPLIES)
def test_a_reply_survives_the_way_back(body):
    """A reply that is sent back to the same target is read by a server as what it was, but for what is bound to the provider."""
    whole = reply(body)
    turn = whole.message
    encoded = DIALECT.encode_request(Request(model="m", messages=(turn, Message.user("and?"))), TARGET)
    back = heard(encoded.wire.body)[0].messages[0]
    assert (back.text, back.reasoning, back.tool_calls) == (turn.text, turn.reasoning, turn.tool_calls)
    assert [type(part) for part in back.parts] == [type(part) for part in turn.parts]


PARTS = st.builds(Text, WORDS) | st.builds(Image, st.builds(Url, st.just("https://i")) | st.just(Data(b"ABC", "image/png")))
RESULTS = st.builds(lambda id, parts: ToolResult(id, tuple(parts)), IDS, st.lists(st.builds(Text, WORDS), max_size=2))
TURNS = st.one_of(
    st.builds(lambda parts: Message("user", tuple(parts)), st.lists(PARTS, min_size=1, max_size=3)),
    st.builds(lambda words: Message("system", (Text(words),)), WORDS),
    st.builds(
        lambda said, thought, call, results: (Message("assistant", (Reasoning(thought), Text(said), call)), Message("tool", (results,))),
        WORDS, WORDS, st.builds(ToolCall, IDS, IDS), RESULTS,
    ).map(lambda pair: pair[0]),
    st.builds(lambda words: Message("assistant", (Text(words),)), WORDS),
)  # fmt: skip
TOOLS = st.lists(st.builds(lambda name, words: Tool(name, words, {"type": "object"}), IDS, WORDS), min_size=1, max_size=2).map(
    tuple
)


@few
@given(
    st.lists(TURNS, min_size=1, max_size=4).map(tuple), TOOLS, st.booleans(), st.none() | COUNTS, st.none() | st.floats(0, 1),
    st.sampled_from([None, ToolChoice("required"), ToolChoice("none")]), st.sampled_from([None, OutputFormat({"type": "object"})]),
    st.sampled_from([None, ReasoningOptions(enabled=True), ReasoningOptions(enabled=False), ReasoningOptions(budget=7)]),
    st.lists(WORDS, max_size=2).map(tuple),
)  # fmt: skip
def test_what_is_asked_is_heard(messages, tools, stream, limit, temperature, choice, output, reasoning, stop):
    request = Request(
        model="m", messages=messages, tools=tools, stream=stream, max_tokens=limit, temperature=temperature, top_p=temperature,
        top_k=limit, seed=limit, tool_choice=choice, output=output, reasoning=reasoning, stop=stop, logprobs=stream or None,
    )  # fmt: skip
    encoded = DIALECT.encode_request(request, TARGET.__class__("cohere", "cohere", "m"))
    decoded = DIALECT.decode_request(HttpRequest("POST", "/v2/chat", Headers(), encoded.wire.body))
    assert encoded.warnings == decoded.warnings == ()
    assert decoded.request == request


# --- whatever the bytes ---------------------------------------------------------------------------------------------------


@few
@given(
    st.binary(max_size=60)
    | REPLIES.map(json.dumps).map(str.encode).flatmap(lambda body: st.integers(0, len(body)).map(lambda at: body[:at]))
)
def test_decoding_whole_bodies_is_total(body):
    with suppress(ProviderError):
        assert isinstance(reply(body), Response)
    with suppress(InvalidRequestError):
        assert isinstance(heard(body)[0], Request)
    assert isinstance(DIALECT.decode_error(HttpReply(500, Headers(), body), CLIENT), ProviderError)


HOSTILE = st.recursive(VALUES, lambda inner: st.dictionaries(
    st.sampled_from(["message", "content", "text", "thinking", "tool_calls", "function", "arguments", "citations", "sources", "tool_plan", "delta",
                     "finish_reason", "usage", "tokens", "index", "type", "role", "error", "logprobs"]), inner, max_size=3), max_leaves=8)  # fmt: skip
EVENTS = st.builds(
    lambda kind, fields: Frame(json.dumps({**(fields if isinstance(fields, dict) else {}), "type": kind}).encode()),
    st.sampled_from(["message-start", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start",
                     "tool-call-delta", "tool-call-end", "citation-start", "citation-end", "message-end", "later"]) | VALUES,
    HOSTILE,
)  # fmt: skip


@few
@given(st.lists(EVENTS | st.binary(max_size=20).map(Frame), max_size=6))
def test_decoding_streams_is_total(frames):
    events, error = read(frames)
    assert isinstance(fold(events), Response)
    if isinstance(error, MalformedResponseError):
        assert error.path is not None and error.path.startswith("$")
    told(events)


@few
@given(HOSTILE, st.lists(HOSTILE, max_size=2))
def test_reading_requests_is_total(fields, messages):
    body = {**(fields if isinstance(fields, dict) else {}), "model": "m", "messages": messages}
    with suppress(InvalidRequestError):
        assert isinstance(heard(body)[0], Request)
