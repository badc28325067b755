"""Whatever there is to say, it is said by the rules or told as lost; whatever comes in is read, or refused by its path."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tests import strategies
from tests.dialects.openai_responses.server.served import ASKED, encoder, events_of, http, own, serving
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import InvalidRequestError, ProviderError
from trunkline.values.events import Finish, PartDone, ReasoningDelta, TextDelta, ToolCallDelta
from trunkline.values.message import (
    Citation,
    HostedToolCall,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from trunkline.values.response import Response
from trunkline.wire.sse import SseDecoder

# Provider state of this very dialect, and fields of its own: what stands there was never looked at.
_NAMES = [
    "type", "id", "status", "phase", "role", "content", "summary", "encrypted_content", "call_id", "name", "arguments", "input",
    "output", "usage", "tools", "tool_choice", "metadata", "text", "parallel_tool_calls", "error", "model", "x", "object", "action",
]  # fmt: skip
_WORDS = ["message", "reasoning", "function_call", "web_search_call", "later", "completed", "in_progress", "id", ""]
_LISTS = [[{"type": "summary_text", "text": "a"}], [{"type": "output_text", "text": "a"}], [{"type": "x"}], [5], []]
_values = st.sampled_from([*_WORDS, *_LISTS, None, True, 5, {"type": "x"}])
_objects = st.dictionaries(st.sampled_from(_NAMES), _values, max_size=4)
_states = st.none() | _objects.map(own) | st.sampled_from([own([]), own("x")])
_texts = st.text(max_size=3)
_parts = st.one_of(
    _objects.map(lambda drawn: Opaque("own", own(drawn))),
    st.builds(Reasoning, _texts, state=_states),
    st.builds(ToolCall, _texts, _texts, _texts, st.sampled_from(["function", "custom"]), state=_states),
    st.builds(HostedToolCall, _texts, _texts, state=_states),
    st.builds(Refusal, _texts, _states),
    st.builds(
        Text,
        _texts,
        st.lists(st.builds(Citation, st.just("url"), url=st.just("u"), state=_states), max_size=2).map(tuple),
        state=_states,
    ),
)
_raws = st.none() | st.builds(
    lambda kind, id, n: b'{"type":"response.%s.delta","item_id":"%s","content_index":%d,"summary_index":%d}' % (kind, id, n, n),
    st.sampled_from([b"output_text", b"reasoning_text", b"reasoning_summary_text"]),
    st.sampled_from([b"a", b"b"]),
    st.integers(0, 1),
)
_own_events = st.one_of(
    st.builds(PartDone, _parts, st.none() | st.integers(0, 1)),
    st.builds(TextDelta, _texts, raw=_raws),
    st.builds(ReasoningDelta, _texts | st.just("\n\n"), raw=_raws),
    st.builds(ToolCallDelta, st.integers(0, 1), st.none() | _texts, st.none() | _texts, _texts),
    st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "error"]), extra=_objects),
)
_any_events = st.one_of([strategies.of(kind) for kind in strategies.EVENT_TYPES]).map(
    lambda event: msgspec.structs.replace(event, choice=event.choice % 2) if hasattr(event, "choice") else event
)
_servings = st.builds(serving, sealed=st.booleans(), custom_tools=st.just(("",)), echoed=_objects)


@settings(max_examples=80)
@given(st.lists(_own_events, max_size=8) | st.lists(_any_events, max_size=8), _servings)
def test_any_events_make_a_stream(drawn, aim):
    said = encoder(aim)
    body = b"".join([*[said.push(event) for event in drawn], said.ping(), said.finish()])
    assert (said.push(TextDelta("x")), said.finish(), said.ping()) == (b"", b"", b"")
    events_of(body)


@settings(max_examples=40)
@given(st.lists(_own_events, max_size=5), st.sampled_from(strategies.ERROR_TYPES), _servings)
def test_any_stream_may_fail(drawn, kind, aim):
    if not issubclass(kind, ProviderError):
        return
    said = encoder(aim)
    body = b"".join([*[said.push(event) for event in drawn], said.error(kind("no"))])
    frames, decoder = SseDecoder(), DIALECT.event_decoder(ASKED)
    decoder.feed(frames.feed(body))
    assert decoder.error is not None


_responses = st.builds(
    Response, message=st.lists(_parts, max_size=4).map(lambda parts: Message("assistant", tuple(parts))), extra=_objects
)


@settings(max_examples=60)
@given(strategies.of(Response) | _responses, _servings)
def test_any_response_makes_a_reply(response, aim):
    reply = DIALECT.encode_response(response, aim)
    body = json.loads(reply.body)
    assert (reply.status, body["object"], type(body["output"])) == (200, "response", list)
    assert all(warning.kind in ("dropped", "approximated") for warning in reply.warnings)
    DIALECT.decode_response(reply, ASKED)


@settings(max_examples=40)
@given(st.one_of([strategies.errors_of(kind) for kind in strategies.ERROR_TYPES if issubclass(kind, ProviderError)]))
def test_any_error_makes_a_reply(error):
    reply = DIALECT.encode_error(error, serving())
    assert 400 <= reply.status < 600
    assert json.loads(reply.body)["error"]["message"]


# --- requests ---------------------------------------------------------------------------------------------------------------

BODY: dict[str, Any] = {
    "model": "m", "instructions": "s", "max_output_tokens": 10, "temperature": 1, "top_logprobs": 2, "stream": False, "store": False,
    "input": [
        {"role": "user", "content": [
            {"type": "input_text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
            {"type": "input_file", "filename": "f", "file_data": "data:application/pdf;base64,QUJD"},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
        ]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "e"},
        {"type": "message", "role": "assistant", "id": "a", "status": "completed", "content": [
            {"type": "output_text", "text": "t", "annotations": [{"type": "url_citation", "url": "u"}]}, {"type": "refusal", "refusal": "n"},
        ]},
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "r"}]},
        {"type": "custom_tool_call", "call_id": "d", "name": "n", "input": "i"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "o"},
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"query": "q"}}, {"type": "later", "x": 1},
    ],
    "tools": [
        {"type": "function", "name": "n", "description": "d", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
        {"type": "namespace", "name": "s", "tools": [{"type": "function", "name": "m"}]},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "n"}]},
    "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"], "metadata": {"a": "b"},
    "text": {"format": {"type": "json_schema", "name": "o", "schema": {}, "strict": True}, "verbosity": "low"},
    "safety_identifier": "u", "prompt_cache_key": "k",
}  # fmt: skip
ODD = st.sampled_from([1e400, float("nan"), 2**70, "\ud800", True, [], {}, [[]], "x" * 99, -1, 0.5, None, [{}], {"type": "x"}])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, item in inner for place in places(item, (*at, name))]


PLACES = places(BODY)[1:]


def mutated(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    body: Any = json.loads(json.dumps(BODY))
    holder = body
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return body


def judge(data: Any) -> None:
    try:
        decoded = DIALECT.decode_request(http(data))
    except InvalidRequestError as error:
        assert error.status == 400
        assert error.param is None or error.param in str(error)
        return
    DIALECT.encode_request(decoded.request, decoded.context.target)
    DIALECT.encode_response(Response(message=Message.assistant("x")), decoded.context)


@settings(max_examples=120)
@given(st.sampled_from(PLACES), ODD)
def test_a_body_with_something_odd_in_it_is_read_or_refused(place, value):
    judge(mutated(place, value))


@given(st.sampled_from(PLACES), st.text(min_size=30, max_size=40), st.booleans())
def test_a_refusal_quotes_nothing(place, secret, key):
    try:
        DIALECT.decode_request(http(mutated(place, {secret: secret} if key else [secret])))
    except InvalidRequestError as error:
        assert secret not in str(error)
        assert secret not in repr(error)


WHOLE = json.dumps(BODY).encode()


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, 20))
def test_whatever_the_bytes(data, at, cut):
    judge(data)
    judge(WHOLE[:at] + data + WHOLE[at + cut :])
    assert DIALECT.context_of(http(WHOLE[:at] + data)).served is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"1e999", b"\xef\xbb\xbf" + WHOLE, b'{"input":' * 5_000, b'{"model":"m","input":' + b"[" * 100_000,
        b'{"model":"m","input":[],"x":' + b"[" * 300 + b"]" * 300 + b"}", b'{"model":"m","input":"x","max_output_tokens":' + b"9" * 5_000 + b"}",
        b'{"model":"m\\ud800","input":[{"role":"user","content":"\\udfff"}]}',
    ],
)  # fmt: skip
def test_hostile_bodies(data):
    judge(data)
