"""Laws of the server half: what it says, the client half reads as it was meant, whole and in streams; requests and errors likewise."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from tests import strategies
from tests.dialects.gemini.server.said import (
    client_context,
    on_the_wire,
    pieces,
    read_again,
    served,
    stream_of,
    streamed_again,
    target,
    watched,
)
from tests.dialects.gemini.test_laws import CANDIDATES, PIECES, ended
from trunkline.dialects.dialect import Context, Framing, Served
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.server import stand_in
from trunkline.dialects.gemini.server.stream import GeminiEncoder
from trunkline.values import errors
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import unfold
from trunkline.values.message import Citation, Message, Part, ProviderState, Reasoning, Text, ToolCall
from trunkline.values.response import Response, Usage
from trunkline.wire.http import HttpReply

few = settings(max_examples=40, deadline=None)
WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
FULL = WORDS.map(lambda text: f"{text}.")
NAMES = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
COUNTS = st.integers(0, 10**6)
ARGUMENTS = st.dictionaries(NAMES, st.integers(-9, 9) | WORDS, max_size=2).map(lambda value: msgspec.json.encode(value).decode())

# --- whole replies ------------------------------------------------------------------------------------------------------------


def unsigned(part: Part) -> Part:
    """Without a stand-in signature, and without whom state is bound to."""
    state = getattr(part, "state", None)
    if state is None:
        return part
    held = json.loads(state.data)
    if held.get("thoughtSignature") == stand_in.SIGNATURE:
        del held["thoughtSignature"]
    return msgspec.structs.replace(
        part, state=ProviderState(state.dialect, json.dumps(held, sort_keys=True).encode()) if held else None
    )


def comparable(response: Response, *, joined: bool = False) -> Any:
    """What a reply says. ``joined``: words as a stream may say them, and without their state."""
    parts = list(map(unsigned, response.parts))
    if joined:
        parts = [part for part in parts if type(part) not in (Text, Reasoning)]
        parts += [Text(response.text), Reasoning(response.reasoning)]
    message = Message("assistant", tuple(parts))
    return msgspec.structs.replace(response, raw=b"", message=message, request_id=None)


@few
@given(st.lists(CANDIDATES, min_size=1, max_size=2), st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "NEW"]))
def test_a_reply_is_read_as_it_was_meant(candidates, reason):
    body = {"candidates": [item | {"finishReason": reason} for item in candidates], "responseId": "r", "modelVersion": "m"}
    reply = DIALECT.decode_response(HttpReply(200, body=msgspec.json.encode(body)), client_context())
    assert DIALECT.encode_response(reply, served()).warnings == ()
    again = read_again(reply)
    assert [c.message.text for c in again.alternatives] == [c.message.text for c in reply.alternatives]
    assert comparable(msgspec.structs.replace(again, alternatives=())) == comparable(
        msgspec.structs.replace(reply, alternatives=())
    )


OURS = st.one_of(
    st.builds(Text, FULL),
    st.builds(Reasoning, FULL),
    st.builds(ToolCall, NAMES, NAMES, ARGUMENTS),
)
FIGURES = st.builds(
    lambda fresh, read, out, thought: Usage(fresh + (read or 0), out, read, reasoning_tokens=None if thought is None else min(out, thought)),
    COUNTS, st.none() | COUNTS, COUNTS, st.none() | COUNTS,
)  # fmt: skip


def alternating(parts: list[Part]) -> tuple[Part, ...]:
    """Without neighbours of the same kind, which are one on the wire."""
    return tuple(part for n, part in enumerate(parts) if not n or type(part) is ToolCall or type(parts[n - 1]) is not type(part))


@st.composite
def answers(draw: st.DrawFn) -> Response:
    """Replies of anybody's: no state, no words of this protocol."""
    parts = alternating(draw(st.lists(OURS, max_size=4)))
    called = any(type(part) is ToolCall for part in parts)
    reason = "tool_calls" if called else draw(st.sampled_from(["stop", "length", "content_filter", "error", "other"]))
    return Response(
        message=Message("assistant", parts), finish_reason=reason, usage=draw(FIGURES), id=draw(NAMES), model=draw(NAMES)
    )


def bare(response: Response, *, joined: bool = False) -> Any:
    """What it says, without what only this protocol says of it."""
    plain = comparable(response, joined=joined)
    return msgspec.structs.replace(plain, usage=msgspec.structs.replace(plain.usage, raw={}), raw_finish_reason=None)


@given(answers())
@few
def test_a_reply_of_anybody_s_is_read_as_it_was_meant(reply):
    assert DIALECT.encode_response(reply, served()).warnings == ()
    assert bare(read_again(reply)) == bare(reply)


@given(answers())
@few
def test_a_reply_told_in_events_is_the_reply(reply):
    assert bare(streamed_again(unfold(reply))) == bare(reply)


# --- streams --------------------------------------------------------------------------------------------------------------------


@few
@given(PIECES, st.sampled_from(["STOP", "MAX_TOKENS"]), st.booleans())
def test_a_stream_that_is_said_again_says_the_same(said, reason, array):
    """All words, calls, media and figures; a signature may have moved behind the words that it belongs to."""
    frames = frame_decoder(Framing.SSE)
    source = b"".join(b"data: " + json.dumps(piece).encode() + b"\r\n\r\n" for piece in ended(said, reason))
    decoder = DIALECT.event_decoder(client_context())
    events = decoder.feed(frames.feed(source) + frames.finish()) + decoder.finish()
    assert decoder.error is None
    data, _ = stream_of(events, served(array=array))
    if array:
        assert [json.dumps(piece) for piece in json.loads(data)] == list(map(json.dumps, pieces(data, array=True)))
    whole = DIALECT.decode_response(HttpReply(200, body=json.dumps(pieces(data, array=array)).encode()), client_context())
    original = DIALECT.decode_response(HttpReply(200, body=json.dumps(ended(said, reason)).encode()), client_context())
    assert seen(whole) == seen(original)


MADE_UP = re.compile(r"gemini_call_\w+")


def seen(response: Response) -> Any:
    """What is said, whatever the order of parts and where signatures stand."""
    others = [unsigned(part) for part in response.parts if type(part) not in (Text, Reasoning)]
    signatures = [part.state.data for part in response.parts if type(part) in (Text, Reasoning) and part.state is not None]
    return (
        response.text, response.reasoning, sorted(MADE_UP.sub("made up", repr(part)) for part in others), sorted(signatures), response.finish_reason, response.usage,
        response.id, response.model, response.extra,
    )  # fmt: skip


CALLS = st.integers(0, 2)
ANY_EVENTS = st.one_of(
    st.builds(Start, st.none() | NAMES, st.none() | NAMES),
    st.builds(TextDelta, WORDS, st.integers(0, 1)),
    st.builds(ReasoningDelta, WORDS, st.integers(0, 1)),
    st.builds(RefusalDelta, WORDS),
    st.builds(AudioDelta, st.just(b"x"), WORDS),
    st.builds(ToolCallDelta, CALLS, st.none() | NAMES, st.none() | NAMES, st.sampled_from(["", '{"a":', "1}", "{}"])),
    st.builds(
        CitationDelta, st.builds(Citation, st.sampled_from(["url", "web", "char"]), url=WORDS, text_start=CALLS, text_end=CALLS)
    ),
    st.builds(PartDone, OURS | st.builds(Text, WORDS) | st.builds(Reasoning, WORDS), st.none() | CALLS),
    st.builds(OpaqueEvent, st.sampled_from(["later", "x"]), st.sampled_from([b'{"later":1}', b"{", b"[]"])),
    st.builds(UsageUpdate, FIGURES),
    st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"])),
)


@given(st.lists(ANY_EVENTS, max_size=12), st.booleans())
def test_whatever_comes_the_stream_is_one_of_this_protocol(events, array):
    data, _ = stream_of(events, served(array=array))  # held to the strict grammar
    assert pieces(data, array=array)[-1]["candidates"][0]["finishReason"]
    if not any(type(event) is PartDone for event in events):  # a part that is done replaces its pieces
        told = streamed_again(events)
        said = "".join([event.text or "" for event in events if type(event) in (TextDelta, RefusalDelta) and not event.choice])
        assert sorted(told.text) == sorted(said)


@given(st.lists(ANY_EVENTS, max_size=8), st.integers(0, 8), st.booleans())
def test_an_error_is_the_last_word(events, at, array):
    encoder = watched(served(array=array))
    data = b"".join(map(encoder.push, events[:at])) + encoder.error(errors.OverloadedError("no room", retry_after=4.5))
    assert encoder.error(errors.ServerError()) == encoder.finish() == encoder.ping() == b""
    assert b"".join(map(encoder.push, events[at:])) == b""
    decoder = DIALECT.event_decoder(client_context())
    frames = frame_decoder(Framing.JSON_ARRAY if array else Framing.SSE)
    decoder.feed(frames.feed(data) + frames.finish())
    assert type(decoder.error) is errors.OverloadedError and decoder.error.retry_after == 4.5
    if array:
        json.loads(data)


@given(st.lists(ANY_EVENTS, max_size=8), st.booleans(), st.data())
@few
def test_pings_change_nothing(events, array, data):
    encoder = watched(served(array=array))
    said = b""
    for event in events:
        if data.draw(st.booleans()):
            said += encoder.ping()
        said += encoder.push(event)
    said += encoder.ping() + encoder.finish()
    assert pieces(said, array=array) == pieces(stream_of(events, served(array=array))[0], array=array)
    if array:
        json.loads(said)


ANYTHING: st.SearchStrategy[Event] = st.one_of([strategies.of(kind) for kind in strategies.EVENT_TYPES])


@few
@given(strategies.of(Response))
def test_any_reply_at_all_is_said_somehow(reply):
    said = DIALECT.encode_response(reply, served())
    assert isinstance(DIALECT.decode_response(HttpReply(said.status, body=said.body), client_context()), Response)


@few
@given(st.lists(ANYTHING, max_size=8))
def test_any_events_at_all_are_a_stream_somehow(events):
    encoder = GeminiEncoder(served())
    data = b"".join(map(encoder.push, events)) + encoder.finish()
    decoder = DIALECT.event_decoder(client_context())
    frames = frame_decoder(Framing.SSE)
    decoder.feed(frames.feed(data) + frames.finish())
    decoder.finish()
    assert decoder.error is None


# --- errors ---------------------------------------------------------------------------------------------------------------------

KINDS = (
    errors.AuthenticationError, errors.PermissionDeniedError, errors.NotFoundError, errors.InvalidRequestError,
    errors.ContextLengthError, errors.ContentFilterError, errors.RateLimitError, errors.QuotaError, errors.OverloadedError,
    errors.ServerError,
)  # fmt: skip


@few
@given(
    st.sampled_from(KINDS), st.none() | st.sampled_from([400, 401, 403, 404, 418, 429, 500, 503, 504]), WORDS,
    st.none() | st.floats(0, 1e6).map(lambda value: round(value, 3)), st.none() | st.sampled_from(["SOME_CODE", "API_KEY_INVALID"]),
)  # fmt: skip
def test_an_error_is_read_as_it_was_meant(kind, status, words, wait, code):
    error = kind(words, status=status, retry_after=wait, code=code, should_retry=None)
    reply = DIALECT.encode_error(error, Context(target=target(), model="m", served=Served(request_id="req_1")))
    again = DIALECT.decode_error(reply, client_context())
    assert (type(again), again.retry_after, again.request_id) == (kind, wait, "req_1")
    usual = DIALECT.encode_error(kind(words, retry_after=wait), served()).status
    assert again.status in (status, usual)
    if code == "SOME_CODE" and kind in (errors.InvalidRequestError, errors.ServerError, errors.RateLimitError):
        assert again.code == code


@few
@given(st.sampled_from(KINDS), WORDS, st.none() | st.floats(0, 1e6).map(lambda value: round(value, 3)))
def test_an_error_within_a_stream_too(kind, words, wait):
    encoder = watched()
    data = encoder.error(kind(words, retry_after=wait))
    frames, decoder = frame_decoder(Framing.SSE), DIALECT.event_decoder(client_context())
    decoder.feed(frames.feed(data))
    assert (type(decoder.error), decoder.error.retry_after) == (kind, wait)


@few
@given(st.sampled_from([kind for kind in strategies.ERROR_TYPES if issubclass(kind, errors.ProviderError)]), st.data())
def test_any_error_at_all_is_said_somehow(kind, data):
    error = data.draw(strategies.errors_of(kind))
    reply = DIALECT.encode_error(error, served())
    assert 400 <= reply.status < 600 and json.loads(reply.body)["error"]["code"] == reply.status
    encoder = watched()
    encoder.error(error)


def test_on_the_wire_is_what_a_server_reads():
    """The path that our client asks is one that our server reads."""
    from trunkline.values.request import Request

    request = Request(model="gemini-test", messages=(Message.user("hi"),), stream=True)
    decoded = DIALECT.decode_request(on_the_wire(DIALECT.encode_request(request, target()).wire))
    assert decoded.request == request
    assert decoded.context.served == Served(array=False)
