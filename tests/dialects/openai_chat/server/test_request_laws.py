"""Law: a request arrives as it was sent; whatever the bytes, a server has a request or says why not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, strategies as st

from tests import strategies
from tests.dialects.openai_chat.judge import context, target
from tests.dialects.openai_chat.server.drawn import names, optional, schemas, sources, state, words
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import InvalidRequestError
from trunkline.values.headers import Headers
from trunkline.values.media import Data, FileId
from trunkline.values.message import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from trunkline.values.request import (
    EFFORTS,
    AudioOutput,
    CustomTool,
    HostedTool,
    OutputFormat,
    ReasoningOptions,
    Request,
    Tool,
    ToolChoice,
)
from trunkline.wire.http import HttpReply, HttpRequest

# --- requests ---------------------------------------------------------------------------------------------------------

marks = optional(st.builds(CacheMark, optional(st.sampled_from(["30m", "12h"]))))
opaques = names.map(lambda kind: Opaque(f"x_{kind}", state({"type": f"x_{kind}", "deep": [1, {"a": None}]})))
user_parts = st.one_of(
    st.builds(Text, words, cache=marks),
    st.builds(Image, sources, optional(st.sampled_from(["auto", "low", "high"])), marks),
    st.builds(
        Audio, st.builds(Data, st.binary(min_size=1, max_size=9), st.sampled_from(["audio/wav", "audio/mpeg", "audio/ogg"]))
    ),
    st.builds(File, words.map(FileId)),
    st.builds(File, st.builds(Data, st.binary(max_size=9), st.just("application/pdf")), words),
    opaques,
)
details = st.lists(
    st.fixed_dictionaries({"type": st.just("reasoning.text"), "text": words, "index": st.integers(0, 9)}), min_size=1, max_size=2
)
thoughts = st.one_of(
    details.map(lambda items: Reasoning("".join(item["text"] for item in items), False, state({"reasoning_details": items}))),
    st.just(Reasoning("", True, state({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, must_return=True))),
    words.map(lambda text: Reasoning(text, False, state({"type": "thinking", "thinking": [{"type": "text", "text": text}]}))),
)
calls = st.builds(
    ToolCall,
    words,
    names,
    schemas.map(json.dumps) | words,
    state=optional(st.just(state({"extra_content": {"g": 1}}, must_return=True))),
) | st.builds(ToolCall, words, names, words, st.just("custom"))
assistants = st.tuples(
    optional(thoughts),
    st.lists(st.builds(Text, words, cache=marks) | st.builds(Refusal, words) | opaques, max_size=2),
    optional(words.map(lambda name: Audio(id=name))),
    optional(names.map(lambda name: Opaque(f"y_{name}", state({f"y_{name}": [1]})))),
    st.lists(calls, max_size=2),
).map(lambda drawn: Message("assistant", tuple(part for part in (drawn[0], *drawn[1], drawn[2], drawn[3], *drawn[4]) if part)))
others = st.builds(
    Message, st.just("user"), st.lists(user_parts, min_size=1, max_size=3).map(tuple), optional(words)
) | st.builds(
    Message, st.just("system"), st.lists(st.builds(Text, words, cache=marks), min_size=1, max_size=2).map(tuple), optional(words)
)


@st.composite
def conversations(draw: Any) -> tuple[Message, ...]:
    """Turns of all kinds, each call answered right behind it."""
    said: list[Message] = []
    for message in draw(st.lists(others | assistants, min_size=1, max_size=4)):
        said.append(message)
        for call in message.tool_calls:
            parts = draw(st.lists(st.builds(Text, words, cache=marks), max_size=2))
            said.append(Message.tool(ToolResult(call.id, tuple(parts))))
    return tuple(said)


CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
tools = st.lists(
    st.builds(
        Tool, names, optional(words), optional(schemas), st.sampled_from([None, False]), extra=st.sampled_from([{}, {"x": 1}])
    )
    | st.builds(Tool, names, optional(words), st.sampled_from([None, {}, CLOSED]), st.just(True))
    | st.builds(CustomTool, names, optional(words))
    | st.builds(CustomTool, names, st.none(), st.sampled_from(["lark", "regex"]), words),
    min_size=1,
    max_size=3,
)


@st.composite
def requests(draw: Any) -> Request:
    wanted: dict[str, Any] = {}
    if draw(st.booleans()):
        found = draw(tools)
        search = draw(optional(st.just(HostedTool("web_search", options={"search_context_size": "low"}))))
        wanted["tools"] = (*found, *([search] if search else []))
        wanted["parallel_tool_calls"] = draw(optional(st.booleans()))
        name, custom = found[0].name, isinstance(found[0], CustomTool)
        mode = draw(optional(st.sampled_from(["auto", "none", "required", "tool"])))
        limited = mode == "tool" or (mode in ("auto", "required") and draw(st.booleans()))
        if mode is not None:
            wanted["tool_choice"] = ToolChoice(mode, *(((name,), (name,) if custom else ()) if limited else ()))
    if draw(st.booleans()):
        wanted["modalities"], wanted["audio"] = ("text", "audio"), draw(st.builds(AudioOutput, names, st.just("pcm16")))
    logprobs = draw(optional(st.booleans()))
    number, whole = st.floats(-2, 2), st.integers(0, 10**6)
    return Request(
        model="gpt-test", messages=draw(conversations()), stream=draw(st.booleans()),
        output=draw(optional(st.builds(OutputFormat, schemas, names, optional(words), optional(st.booleans())))),
        max_tokens=draw(optional(whole)), temperature=draw(optional(number)), top_p=draw(optional(number)),
        frequency_penalty=draw(optional(number)), presence_penalty=draw(optional(number)),
        stop=tuple(draw(st.lists(words, max_size=2))), seed=draw(optional(whole)), n=draw(optional(st.integers(1, 9))),
        logprobs=logprobs, top_logprobs=draw(optional(st.integers(0, 9))) if logprobs else None,
        logit_bias=draw(optional(st.dictionaries(names, st.integers(-9, 9), min_size=1, max_size=2))),
        reasoning=draw(optional(st.builds(ReasoningOptions, st.sampled_from(EFFORTS)))),
        verbosity=draw(optional(st.sampled_from(["low", "high"]))), prediction=draw(optional(words)),
        service_tier=draw(optional(words)), store=draw(optional(st.booleans())), user=draw(optional(words)),
        cache_key=draw(optional(words)), cache=draw(optional(st.sampled_from([CacheMark("30m"), CacheMark("24h")]))),
        metadata=draw(optional(st.dictionaries(words, words, max_size=2))),
        extra_body=draw(st.sampled_from([{}, {"min_p": 0.5, "new": {"deep": [None]}}])), **wanted,
    )  # fmt: skip


@given(requests())
def test_a_request_arrives_as_it_was_sent(request):
    encoded = DIALECT.encode_request(request, target())
    assert encoded.warnings == ()
    decoded = DIALECT.decode_request(HttpRequest("POST", "/v1/chat/completions", Headers(), encoded.wire.body))
    assert decoded.request == request
    assert decoded.warnings == ()
    assert (decoded.context.stream, decoded.context.include_usage) == (request.stream, request.stream)
    assert DIALECT.encode_request(decoded.request, target(provider="other")).wire.body == encoded.wire.body


# --- whatever comes ---------------------------------------------------------------------------------------------------

SEED = {
    "model": "m", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a/b"}}]},
        {"role": "assistant", "content": None, "reasoning_details": [{"type": "t"}], "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}], "audio": {"id": "a"}, "annotations": [{}]},
        {"role": "tool", "tool_call_id": "c", "content": "4"}, {"role": "function", "name": "f", "content": "5"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "custom", "custom": {"name": "g", "format": {
        "type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}, "stop": ["x"], "logit_bias": {"1": 2},
    "reasoning": {"effort": "low", "max_tokens": 5}, "thinking": {"type": "enabled"}, "audio": {"voice": "v", "format": "wav"},
    "modalities": ["audio"], "prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}, "metadata": {"a": "b"},
    "stream_options": {"include_usage": True}, "functions": [{"name": "h"}], "function_call": {"name": "h"}, "logprobs": True,
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for key, inner in items for place in places(inner, (*path, key))]]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


ODD = strategies.json_values | st.sampled_from(
    [float("nan"), 1e308, 2**70, -1, "\ud800", [[[[]]]], {"type": 1}, {"type": "text"}, {"role": "user"}, {"": {"": ""}}]
)
SECRET = "zebra"


def take(body: bytes) -> None:
    """Decode, and if it was a request, encode it once more."""
    asked = HttpRequest("POST", "/v1/chat/completions", Headers(), body)
    try:
        decoded = DIALECT.decode_request(asked)
    except InvalidRequestError as error:
        assert error.status == 400
        assert SECRET not in str(error)
        reply = DIALECT.encode_error(error, DIALECT.context_of(asked))
        assert isinstance(DIALECT.decode_error(HttpReply(400, reply.headers, reply.body), context()), InvalidRequestError)
        return
    DIALECT.encode_request(decoded.request, decoded.context.target)
    msgspec.json.encode(decoded.request)


@given(st.binary(max_size=40) | strategies.json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_the_bytes(body):
    take(body)


@given(st.data())
def test_whatever_stands_in_a_request(data):
    body: Any = SEED
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(body)))
        body = changed(body, place, data.draw(ODD | st.just(SECRET)))
    take(json.dumps(body).encode("utf-8", "surrogatepass"))
