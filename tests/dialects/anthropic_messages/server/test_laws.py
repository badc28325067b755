"""Laws of the server half: what one half says, the other reads as it was meant; and nothing that comes in breaks it."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tests import strategies
from tests.dialects.anthropic_messages.judge import context as client_context
from tests.dialects.anthropic_messages.reading import folded, pieces, read
from tests.dialects.anthropic_messages.server.said import (
    comparable,
    fields_of,
    http,
    on_the_wire,
    read_again,
    served,
    stream_of,
    target,
)
from tests.dialects.anthropic_messages.test_laws import BLOCKS, COUNTS, OBJECTS, REPLIES, VALUES, WORDS, compact, streamed
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server.blocks import said_part, user_part
from trunkline.values import errors
from trunkline.values.errors import InvalidRequestError, ProviderError
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Finish,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold, unfold
from trunkline.values.media import Data, Url
from trunkline.values.message import (
    CacheMark,
    Citation,
    File,
    Image,
    Message,
    ProviderState,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from trunkline.values.request import HostedTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice
from trunkline.values.response import Response, Usage
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import SseDecoder

FULL = WORDS.filter(lambda text: bool(text.strip())).map(lambda text: f"{text}.")
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
MARKS = st.none() | st.sampled_from([CacheMark(), CacheMark("5m"), CacheMark("1h")])
SOURCES = st.builds(Data, st.binary(min_size=1, max_size=9), st.just("image/png")) | st.builds(Url, FULL)

few = settings(max_examples=50)
"""Of the costly ones: what is drawn is deep."""

# --- requests ---------------------------------------------------------------------------------------------------------------


def raw(block: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(compact(block))


def good(block: dict[str, Any]) -> bool:
    """Whether a provider would take the block back, and we would say it as it is."""
    text = block.get("text", "x")
    return bool(text) and text == text.strip() and block.get("signature") != "" and block.get("data") != ""


SAID = BLOCKS.filter(good).map(lambda block: said_part(raw(block), served(), "x"))
SHOWN = st.one_of(
    st.builds(Text, FULL, cache=MARKS),
    st.builds(Image, SOURCES, cache=MARKS),
    st.builds(
        File,
        st.builds(Data, st.binary(min_size=1, max_size=9), st.just("application/pdf")) | st.builds(Url, FULL),
        title=st.none() | FULL,
        context=st.none() | FULL,
        citations=st.none() | st.booleans(),
        cache=MARKS,
    ),
    st.builds(File, st.builds(Data, WORDS.map(lambda text: f".{text}".encode()), st.just("text/plain"))),
    st.fixed_dictionaries({"type": st.just("search_result"), "source": WORDS, "content": st.just([])}).map(
        lambda block: user_part(raw(block), served(), "x")
    ),
)
RESULTS = st.builds(
    ToolResult, NAMES, st.lists(SHOWN, max_size=2).map(tuple), is_error=st.booleans(), cache=MARKS
)  # fmt: skip
USERS = st.lists(SHOWN, min_size=1, max_size=3).map(lambda parts: [Message("user", tuple(parts))])
ANSWERS = st.lists(RESULTS, min_size=1, max_size=2).map(lambda parts: [Message("tool", tuple(parts))])
ASKED = USERS | ANSWERS | st.builds(lambda first, then: first + then, ANSWERS, USERS)
INSTRUCTIONS = st.lists(st.builds(Text, FULL, cache=MARKS), min_size=1, max_size=2).map(
    lambda parts: [Message("system", tuple(parts))]
)
CONVERSATIONS = st.builds(
    lambda first, turns: first + [message for turn in turns for message in turn],
    st.just([]) | INSTRUCTIONS,
    st.lists(st.tuples(ASKED, st.lists(SAID, min_size=1, max_size=3), st.just([]) | INSTRUCTIONS), min_size=1, max_size=3).map(
        lambda rounds: [
            [*asked, Message("assistant", tuple(said)), *instructions] for asked, said, instructions in rounds
        ]
    ),
)  # fmt: skip


def distinct(messages: list[Message]) -> bool:
    """Whether no two calls share an id, and no blank text begins or ends a turn of the assistant's."""
    ids = [call.id for message in messages for call in message.tool_calls]
    return len(ids) == len(set(ids))


SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object"), "additionalProperties": st.just(False)},
    optional={"properties": st.dictionaries(NAMES, st.just({"type": "string"}), max_size=2)},
)
TOOLS = st.one_of(
    st.builds(
        Tool,
        NAMES,
        st.none() | FULL,
        SCHEMAS,
        st.none() | st.booleans(),
        MARKS,
        st.dictionaries(st.sampled_from(["defer_loading", "input_examples", "x_new"]), VALUES, max_size=2)
        | st.just({"type": "custom"}),
    ),
    st.builds(
        HostedTool,
        st.sampled_from(["web_search_20260318", "bash_20250124"]),
        NAMES,
        st.dictionaries(st.sampled_from(["max_uses", "x_new"]), VALUES),
        MARKS,
    ),
)
THINKING = st.one_of(
    st.builds(
        ReasoningOptions,
        effort=st.sampled_from(["low", "medium", "high", "xhigh", "max"]),
        show=st.sampled_from([None, "omitted", "summarized"]),
    ),
    st.builds(ReasoningOptions, enabled=st.just(True), show=st.sampled_from([None, "omitted", "summarized"])),
    st.builds(ReasoningOptions, budget=st.integers(1024, 1999), show=st.sampled_from([None, "summarized"])),
)
SAMPLING = st.fixed_dictionaries(
    {}, optional={"temperature": st.floats(0, 1), "top_k": st.integers(0, 99)}
) | st.fixed_dictionaries({"top_p": st.floats(0, 1)})
FIELDS = st.fixed_dictionaries(
    {"model": NAMES, "max_tokens": st.integers(2000, 9999)},
    optional={
        "stream": st.booleans(),
        "output": st.builds(OutputFormat, SCHEMAS),
        "stop": st.lists(FULL, max_size=2).map(tuple),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "user": FULL,
        "cache": MARKS,
        "extra_headers": st.dictionaries(
            st.sampled_from(["anthropic-beta"]), st.sampled_from(["a-2025-01-01", "a-2025-01-01,b-2025-01-01"])
        ),
        "extra_query": st.just({"beta": "true"}) | st.dictionaries(NAMES, WORDS, max_size=2),
        "extra_body": st.dictionaries(
            st.sampled_from(["container", "context_management", "diagnostics", "speed", "mcp_servers", "x_new"]),
            VALUES,
            max_size=2,
        ),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that this protocol can say, as a server half gives them."""
    messages = draw(CONVERSATIONS.filter(distinct))
    fields = draw(FIELDS)
    tools = tuple(draw(st.lists(TOOLS, max_size=2, unique_by=lambda tool: tool.name)))
    reasoning = draw(st.none() | st.just(ReasoningOptions(enabled=False)) | THINKING)
    thinks = reasoning is not None and reasoning.enabled is not False
    if tools:
        forced = [] if thinks else [ToolChoice("required"), ToolChoice("tool", (tools[0].name or "",))]
        fields["tools"] = tools
        fields["tool_choice"] = choice = draw(st.sampled_from([None, ToolChoice("auto"), ToolChoice("none"), *forced]))
        if choice is not None and choice.mode != "none":
            fields["parallel_tool_calls"] = draw(st.sampled_from([None, False]))
    if not thinks:
        fields |= draw(SAMPLING)
    return Request(messages=tuple(messages), reasoning=reasoning, **fields)


def sayable(request: Request) -> bool:
    """Thinking cannot begin within a loop of tools that began without."""
    reasoning = request.reasoning
    return reasoning is None or reasoning.budget is None or request.messages[-1].role != "tool"


@few
@given(requests().filter(sayable))
def test_a_request_is_read_as_it_was_meant(request_):
    encoded = DIALECT.encode_request(request_, target(request_.model))
    decoded = DIALECT.decode_request(on_the_wire(encoded.wire))
    assert encoded.warnings == decoded.warnings == ()
    assert in_order(decoded.request) == in_order(request_)
    assert decoded.context.model == decoded.context.target.model == request_.model
    assert decoded.context.stream is request_.stream
    assert decoded.context.version == encoded.context.version
    again = DIALECT.encode_request(decoded.request, decoded.context.target)
    assert again.wire.body == encoded.wire.body


def in_order(value: Any) -> Any:
    """A request with the keys of its provider state in one order: ours come first on the wire."""
    if isinstance(value, ProviderState):
        return msgspec.structs.replace(value, data=msgspec.json.encode(msgspec.json.decode(value.data), order="sorted"))
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{name: in_order(getattr(value, name)) for name in value.__struct_fields__})
    return tuple(map(in_order, value)) if isinstance(value, tuple) else value


# --- whole replies ------------------------------------------------------------------------------------------------------------


def consistent(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply whose reason fits what it says, as the protocol has it."""
    called = any(block["type"] == "tool_use" for block in reply["content"])
    reason = "end_turn" if reply["stop_reason"] == "tool_use" and not called else reply["stop_reason"]
    usage = reply["usage"] | {"output_tokens": reply["usage"]["output_tokens"] + 1}  # a stream's head counts one, and totals grow
    return reply | {"stop_reason": reason, "stop_sequence": "END" if reason == "stop_sequence" else None, "usage": usage}


SIGNED = BLOCKS.filter(lambda block: block.get("signature") != "" and not (block.get("citations") and not block["text"]))
SOUND = st.builds(lambda reply, blocks: consistent(reply | {"content": blocks}), REPLIES, st.lists(SIGNED, max_size=5))


def reply_of(body: dict[str, Any]) -> Response:
    return DIALECT.decode_response(HttpReply(200, body=compact(body)), client_context())


@few
@given(SOUND)
def test_a_reply_is_read_as_it_was_meant(body):
    reply = reply_of(body)
    encoded = DIALECT.encode_response(reply, served())
    assert encoded.warnings == ()
    assert comparable(read_again(reply)) == comparable(reply)


OURS = st.one_of(
    st.builds(Text, FULL),
    st.builds(
        Text, FULL, st.lists(st.builds(Citation, st.just("web"), cited_text=WORDS, title=WORDS, url=WORDS), max_size=2).map(tuple)
    ),
    st.builds(Reasoning, FULL),
    st.builds(Reasoning, st.just(""), redacted=st.just(True)),
    st.builds(ToolCall, NAMES, NAMES, OBJECTS.map(lambda value: compact(value).decode())),
)
FIGURES = st.builds(
    lambda fresh, read, written, out, hour, thought: Usage(
        fresh + (read or 0) + (written or 0),
        out,
        read,
        written,
        min(out, thought),
        cache_write_1h_tokens=None if written is None else min(hour, written),
    ),
    COUNTS,
    st.none() | COUNTS,
    st.none() | COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
)


@st.composite
def answers(draw: st.DrawFn) -> Response:
    """Replies of anybody's: no state, no words of this protocol."""
    parts = tuple(draw(st.lists(OURS, max_size=4)))
    called = any(type(part) is ToolCall for part in parts)
    reason = "tool_calls" if called else draw(st.sampled_from(["stop", "length", "content_filter", "pause"]))
    sequence = draw(st.none() | st.just("END")) if reason == "stop" else None
    return Response(
        message=Message("assistant", parts),
        finish_reason=reason,
        stop_sequence=sequence,
        usage=draw(FIGURES),
        id=draw(NAMES),
        model=draw(NAMES),
    )


def bare(response: Response) -> Any:
    """What it says, without what only this protocol says of it."""
    plain, parts = comparable(response, states=False)
    usage = msgspec.structs.replace(plain.usage, raw={})
    return msgspec.structs.replace(plain, usage=usage, raw_finish_reason=None), parts


@given(answers())
def test_a_reply_of_anybodys_is_read_as_it_was_meant(reply):
    assert DIALECT.encode_response(reply, served()).warnings == ()
    assert bare(read_again(reply)) == bare(reply)


# --- streams --------------------------------------------------------------------------------------------------------------------

UNKNOWN_FIELDS = frozenset({"new", "stop_details", "container", "server_name", "x"})


def faults(data: bytes) -> list[str]:
    frames = SseDecoder()
    grammar = DIALECT.stream_grammar(strict=True, context=served())
    found = grammar.feed(frames.feed(data) + frames.finish())
    return [fault.rule for fault in [*found, *grammar.finish()]]


def known(body: dict[str, Any]) -> bool:
    """Whether a reply holds nothing but what the sheet names: the strict grammar knows no more (nor that what a tool of MCP gives
    may be plain text)."""
    names = {*body, *(name for block in body["content"] for name in block)}
    kinds = {block["type"] for block in body["content"]}
    return not UNKNOWN_FIELDS & names and "mcp_tool_result" not in kinds and body["stop_reason"] != "future"


@few
@given(SOUND, st.data())
def test_a_stream_that_is_said_again_says_the_same(body, data):
    source = streamed(body, data)
    events, error = read(source)
    assert error is None
    said, _ = stream_of(events)
    cuts = data.draw(st.lists(st.integers(0, len(said)), max_size=4))
    again, error = read(pieces(said, cuts))
    assert error is None
    text_states = any("new" in block for block in body["content"] if block["type"] in ("text", "thinking"))
    assert comparable(fold(again), states=not text_states) == comparable(fold(events), states=not text_states)
    if known(body):
        assert faults(said) == []


@few
@given(SOUND | answers())
def test_a_reply_told_in_events_is_the_reply(reply):
    own = isinstance(reply, dict)
    reply = reply_of(reply) if own else reply
    said, warnings = stream_of(unfold(reply))
    lost = any(warning.field.endswith(".state") for warning in warnings)
    assert bare(folded(said)) == bare(reply)
    if own and not lost:
        assert comparable(folded(said))[1] == comparable(reply)[1]


PIECES = st.text(st.characters(codec="utf-8"), max_size=4)
CALLS = st.integers(0, 2)
JSON_PARTS = st.builds(ToolCall, NAMES, NAMES, OBJECTS.map(lambda value: compact(value).decode()))
ANY_EVENTS = st.one_of(
    st.builds(Start, st.none() | NAMES, st.none() | NAMES),
    st.builds(TextDelta, PIECES, st.integers(0, 1)),
    st.builds(ReasoningDelta, PIECES),
    st.builds(RefusalDelta, PIECES),
    st.builds(AudioDelta, st.just(b"x"), PIECES),
    st.builds(ToolCallDelta, CALLS, st.none() | NAMES, st.none() | NAMES, st.sampled_from(["", '{"a":', "1}", "{}"])),
    st.builds(CitationDelta, st.builds(Citation, st.sampled_from(["url", "char", "odd"]), url=WORDS, start=COUNTS)),
    st.builds(PartDone, OURS | JSON_PARTS | st.builds(Text, PIECES) | st.builds(Reasoning, PIECES), st.none() | CALLS),
    st.builds(UsageUpdate, FIGURES),
    st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"])),
)
MADE_OF_PIECES = "tool-input"
"""What a model writes in pieces goes out as it comes: nobody can know that it will be no object."""


@given(st.lists(ANY_EVENTS, max_size=12))
def test_whatever_comes_the_stream_is_one_of_this_protocol(events):
    said, _ = stream_of(events)
    assert set(faults(said)) <= {MADE_OF_PIECES}
    again, error = read(said)
    assert error is None
    if not any(type(event) is PartDone for event in events):  # a part that is done replaces its pieces
        pieces_said = [event.text for event in events if type(event) is TextDelta and not event.choice]
        told = "".join([event.text or "" for event in again])
        assert all(piece in told for piece in pieces_said)


@given(st.lists(ANY_EVENTS, max_size=8), st.integers(0, 8))
def test_an_error_is_the_last_word(events, at):
    encoder = DIALECT.event_encoder(served(request_id="req_1"))
    said = b"".join(map(encoder.push, events[:at])) + encoder.error(errors.OverloadedError("no room"))
    assert encoder.error(errors.ServerError()) == encoder.finish() == encoder.ping() == b""
    assert b"".join(map(encoder.push, events[at:])) == b""
    assert set(faults(said)) <= {MADE_OF_PIECES}
    _, error = read(said)
    assert type(error) is errors.OverloadedError
    assert error.request_id == "req_1"


@given(st.lists(ANY_EVENTS, max_size=8), st.data())
def test_pings_change_nothing(events, data):
    encoder = DIALECT.event_encoder(served())
    said = b""
    for event in events:
        if data.draw(st.booleans()):
            said += encoder.ping()
        said += encoder.push(event)
    said += encoder.ping() + encoder.finish()
    assert set(faults(said)) <= {MADE_OF_PIECES}
    assert folded(said) == folded(stream_of(events)[0])


ANYTHING = st.one_of([strategies.of(kind) for kind in strategies.EVENT_TYPES])


@few
@given(strategies.of(Response))
def test_any_reply_at_all_is_said_somehow(reply):
    said = DIALECT.encode_response(reply, served())
    assert isinstance(DIALECT.decode_response(HttpReply(said.status, body=said.body), client_context()), Response)


@few
@given(st.lists(ANYTHING, max_size=8))
def test_any_events_at_all_are_a_stream_somehow(events):
    said, _ = stream_of(events)
    _, error = read(said)
    assert error is None


# --- errors ---------------------------------------------------------------------------------------------------------------------

SAYABLE = (
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.InvalidRequestError,
    errors.ContextLengthError,
    errors.ContentFilterError,
    errors.RateLimitError,
    errors.QuotaError,
    errors.OverloadedError,
    errors.ServerError,
)
STATUSES: dict[type[ProviderError], tuple[int, ...]] = {
    errors.AuthenticationError: (401,),
    errors.PermissionDeniedError: (403,),
    errors.NotFoundError: (404,),
    errors.InvalidRequestError: (400, 413, 422),
    errors.ContextLengthError: (400,),
    errors.ContentFilterError: (400,),
    errors.RateLimitError: (429,),
    errors.QuotaError: (402, 429),
    errors.OverloadedError: (503, 529),
    errors.ServerError: (500, 502, 504, 409),
}
TOLD_BY_TEXT = (errors.ContextLengthError,)
"""The protocol has no word for it, and a code would hide the text that says it."""
CODES = st.none() | st.from_regex(r"odd_[a-z]{3,8}", fullmatch=True)


@given(st.sampled_from(SAYABLE), st.data())
def test_an_error_is_read_as_it_was_meant(kind, data):
    from trunkline.policy.retry import asked_wait, should_retry

    error = kind(
        "it failed",
        status=data.draw(st.none() | st.sampled_from(STATUSES[kind])),
        code=data.draw(CODES),
        request_id=data.draw(NAMES),
        retry_after=data.draw(st.none() | st.integers(0, 99) | st.floats(0, 99)),
        should_retry=data.draw(st.none() | st.booleans()),
        provider_message=data.draw(st.none() | st.just("words of the provider's")),
    )
    reply = DIALECT.encode_error(error, served())
    read_error = DIALECT.decode_error(reply, client_context())
    assert type(read_error) is kind
    assert read_error.status == reply.status == (error.status or reply.status)
    assert read_error.request_id == error.request_id
    assert read_error.code == (None if kind in TOLD_BY_TEXT else error.code)
    assert should_retry(reply.headers) is error.should_retry
    waits = asked_wait(reply.headers, 0.0)
    assert waits == error.retry_after or math.isclose(waits or 0, error.retry_after or 0, abs_tol=1e-9)


FAILURES = [kind for kind in strategies.ERROR_TYPES if issubclass(kind, ProviderError)]


@given(st.sampled_from(FAILURES).flatmap(strategies.errors_of))
def test_every_error_has_a_reply_and_an_event(error):
    reply = DIALECT.encode_error(error, served())
    assert 400 <= reply.status < 600
    assert all(value.isascii() and value.isprintable() for value in reply.headers.values())
    assert isinstance(DIALECT.decode_error(reply, client_context()), ProviderError)
    _, told = read(DIALECT.event_encoder(served()).error(error))
    assert told is not None


# --- whatever the bytes ---------------------------------------------------------------------------------------------------------

ODD = VALUES | st.sampled_from([1e400, float("nan"), 2**70, "\ud800", True, [], {}, [[]], "x" * 99, -1, 0.5])
BODY = {
    "model": "m", "max_tokens": 10, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "t", "citations": [{"type": "char_location", "cited_text": "c", "document_index": 0}]},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "citations": {"enabled": True}},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
            {"type": "tool_use", "id": "a", "name": "n", "input": {"x": 1}, "caller": {"type": "direct"}},
            {"type": "server_tool_use", "id": "b", "name": "n", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "b", "content": []}, {"type": "future", "x": 1},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "r"}], "is_error": False},
            {"type": "text", "text": "then"},
        ]},
        {"role": "system", "content": "now"},
    ],
    "tools": [{"name": "n", "description": "d", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "w"}],
    "tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"}, "stop_sequences": ["x"], "temperature": 1, "service_tier": "auto", "cache_control": {"type": "ephemeral"},
}  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, item in inner for place in places(item, (*at, name))]


PLACES = places(BODY)[1:]


def mutated(place: tuple[Any, ...], value: Any, *, gone: bool) -> dict[str, Any]:
    body = json.loads(json.dumps(BODY))
    holder = body
    for step in place[:-1]:
        holder = holder[step]
    if gone:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return body


def judge_refusal(data: bytes) -> None:
    try:
        decoded = DIALECT.decode_request(http(data))
    except InvalidRequestError as error:
        assert error.status == 400
        assert error.param
        assert error.param in str(error)
        return
    DIALECT.encode_request(decoded.request, decoded.context.target)


@given(st.sampled_from(PLACES), ODD, st.booleans())
def test_a_body_with_something_odd_in_it_is_read_or_refused(place, value, gone):
    judge_refusal(json.dumps(mutated(place, value, gone=gone)).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(PLACES), st.text(min_size=30, max_size=40), st.booleans())
def test_a_refusal_quotes_nothing(place, secret, key):
    value = {secret: secret} if key else [secret]
    try:
        DIALECT.decode_request(http(json.dumps(mutated(place, value, gone=False)).encode()))
    except InvalidRequestError as error:
        assert secret not in str(error)
        assert secret not in repr(error)
        assert error.provider_message is None


WHOLE = json.dumps(BODY).encode()


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, 20))
def test_whatever_the_bytes(data, at, cut):
    judge_refusal(data)
    judge_refusal(WHOLE[:at] + data + WHOLE[at + cut :])
    assert DIALECT.context_of(http(data)).target.dialect == DIALECT.id
    assert DIALECT.context_of(http(WHOLE[:at] + data)).served is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"1e999", b"\xef\xbb\xbf" + WHOLE, WHOLE.replace(b'"hi"', b'"\xff"'), b'{"messages":' * 5_000,
        b'{"model":"m","messages":' + b"[" * 100_000, b'{"model":"m","messages":[],"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"model":"m","messages":[],"x":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"model":"m","model":"n","messages":[]}', b'{"model":"m","messages":[],"max_tokens":' + b"9" * 5_000 + b"}",
        b'{"model":"m","messages":[],"x":NaN}', b'{"model":"m\\ud800","messages":[{"role":"user","content":"\\udfff"}]}',
    ],
)  # fmt: skip
def test_hostile_bodies(data):
    judge_refusal(data)


def test_of_a_field_that_stands_twice_the_last_counts():
    decoded = DIALECT.decode_request(http(b'{"model":"m","model":"n","messages":[]}'))
    assert decoded.request.model == "n"
    assert fields_of(decoded.warnings) == []
