"""Laws of the server half: what it says, the client half reads as it was meant, whole and in streams; and errors."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from tests import strategies
from tests.dialects.anthropic_messages.judge import context as client_context
from tests.dialects.anthropic_messages.reading import folded, pieces, read
from tests.dialects.anthropic_messages.server.said import (
    comparable,
    read_again,
    served,
    stream_of,
)
from tests.dialects.anthropic_messages.test_laws import BLOCKS, COUNTS, OBJECTS, REPLIES, WORDS, compact, streamed
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values import errors
from trunkline.values.errors import ProviderError
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
from trunkline.values.message import (
    Citation,
    Message,
    Reasoning,
    Text,
    ToolCall,
)
from trunkline.values.response import Response, Usage
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import SseDecoder

FULL = WORDS.filter(lambda text: bool(text.strip())).map(lambda text: f"{text}.")
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
few = settings(max_examples=50)
"""Of the costly ones: what is drawn is deep."""

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
