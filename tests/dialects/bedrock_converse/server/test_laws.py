"""Laws of the server half: what it says, the client half reads as it was meant, whole and in streams; requests, and errors."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tests import strategies
from tests.dialects.bedrock_converse.judge import compact, judge_reply
from tests.dialects.bedrock_converse.reading import folded, pieces, read
from tests.dialects.bedrock_converse.server.said import (
    PATH,
    client_context,
    comparable,
    faults,
    http,
    on_the_wire,
    read_again,
    served,
    stream_of,
)
from tests.dialects.bedrock_converse.test_laws import BLOCKS, COUNTS, OBJECTS, REPLIES, VALUES, WORDS, reply_of, streamed
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.dialects.error_kinds import kind_of_status
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
from trunkline.values.message import Citation, HostedToolCall, Message, Reasoning, Text, ToolCall
from trunkline.values.response import Response, Usage
from trunkline.wire.http import HttpReply

NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
few = settings(max_examples=30, deadline=None)
"""What is drawn is deep."""


def consistent(reply: dict[str, Any], content: list[dict[str, Any]]) -> dict[str, Any]:
    """A reply whose reason fits what it says, as the protocol has it."""
    called = any("toolUse" in block for block in content)
    reason = "end_turn" if reply["stopReason"] == "tool_use" and not called else reply["stopReason"]
    return reply | {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason}


def says_something(block: dict[str, Any]) -> bool:
    thought = block.get("reasoningContent", {}).get("reasoningText", {"text": "x"})
    return bool(thought["text"]) and block.get("text") != ""


SOUND = st.builds(consistent, REPLIES, st.lists(BLOCKS.filter(says_something), max_size=5))


@few
@given(SOUND)
def test_a_reply_is_read_as_it_was_meant(body):
    reply = reply_of(body)
    encoded = DIALECT.encode_response(reply, served())
    assert encoded.warnings == ()
    assert comparable(read_again(reply)) == comparable(reply)


OURS = st.one_of(
    st.builds(Text, NAMES),
    st.builds(
        Text,
        NAMES,
        st.lists(st.builds(Citation, st.just("web"), cited_text=NAMES, title=NAMES, url=WORDS), max_size=2).map(tuple),
    ),
    st.builds(Reasoning, NAMES),
    st.builds(Reasoning, st.just(""), redacted=st.just(True)),
    st.builds(ToolCall, NAMES, NAMES, OBJECTS.map(lambda value: compact(value).decode())),
)


def _figures(fresh: int, read: int | None, written: int | None, out: int, hour: int) -> Usage:
    kept = None if written is None else min(hour, written)
    return Usage(fresh + (read or 0) + (written or 0), out, read, written, cache_write_1h_tokens=kept)


FIGURES = st.builds(_figures, COUNTS, st.none() | COUNTS, st.none() | COUNTS, COUNTS, COUNTS)


@st.composite
def answers(draw: st.DrawFn) -> Response:
    """Replies of anybody's: no state, no words of this protocol."""
    parts = tuple(draw(st.lists(OURS, max_size=4)))
    called = any(type(part) is ToolCall for part in parts)
    reason = "tool_calls" if called else draw(st.sampled_from(["stop", "length", "content_filter", "error"]))
    sequence = draw(st.none() | st.just("END")) if reason == "stop" else None
    return Response(message=Message("assistant", parts), finish_reason=reason, stop_sequence=sequence, usage=draw(FIGURES))


def bare(response: Response) -> Any:
    """What it says, without what only this protocol says of it."""
    plain, parts = comparable(response, states=False)
    usage = msgspec.structs.replace(plain.usage, raw={})
    return msgspec.structs.replace(plain, usage=usage, raw_finish_reason=None, extra={}), parts


@few
@given(answers())
def test_a_reply_of_anybodys_is_read_as_it_was_meant(reply):
    encoded = DIALECT.encode_response(reply, served())
    assert encoded.warnings == ()
    judge_reply(msgspec.json.decode(encoded.body))
    assert bare(read_again(reply)) == bare(reply)


# --- streams --------------------------------------------------------------------------------------------------------------------


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
    assert comparable(fold(again)) == comparable(fold(events))


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
ANY_EVENTS = st.one_of(
    st.builds(Start, st.none() | NAMES, st.none() | NAMES),
    st.builds(TextDelta, PIECES, st.integers(0, 1)),
    st.builds(ReasoningDelta, PIECES),
    st.builds(RefusalDelta, PIECES),
    st.builds(AudioDelta, st.just(b"x"), PIECES),
    st.builds(ToolCallDelta, CALLS, st.none() | NAMES, st.none() | NAMES, st.sampled_from(["", '{"a":', "1}", "{}"])),
    st.builds(CitationDelta, st.builds(Citation, st.sampled_from(["url", "char", "odd"]), url=WORDS, start=COUNTS)),
    st.builds(PartDone, OURS | st.builds(Text, PIECES) | st.builds(Reasoning, PIECES), st.none() | CALLS),
    st.builds(PartDone, st.builds(HostedToolCall, NAMES, NAMES)),
    st.builds(UsageUpdate, FIGURES),
    st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"])),
)
MADE_OF_PIECES = "tool-input"
"""What a model writes in pieces goes out as it comes: nobody can know that it will be no object."""


@settings(max_examples=80, deadline=None)
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


@few
@given(st.lists(ANY_EVENTS, max_size=8), st.integers(0, 8))
def test_an_error_is_the_last_word(events, at):
    encoder = DIALECT.event_encoder(served())
    said = b"".join(map(encoder.push, events[:at])) + encoder.error(errors.OverloadedError("no room"))
    assert encoder.error(errors.ServerError()) == encoder.finish() == encoder.ping() == b""
    assert b"".join(map(encoder.push, events[at:])) == b""
    assert set(faults(said)) <= {MADE_OF_PIECES}
    _, error = read(said)
    assert type(error) is errors.OverloadedError


@few
@given(strategies.of(Response))
def test_any_reply_at_all_is_said_somehow(reply):
    said = DIALECT.encode_response(reply, served())
    assert isinstance(DIALECT.decode_response(HttpReply(said.status, body=said.body), client_context()), Response)


@few
@given(st.lists(st.one_of([strategies.of(kind) for kind in strategies.EVENT_TYPES]), max_size=8))
def test_any_events_at_all_are_a_stream_somehow(events):
    said, _ = stream_of(events)
    _, error = read(said)
    assert error is None


# --- requests -------------------------------------------------------------------------------------------------------------------

ODD = VALUES | st.sampled_from([1e400, 2**70, "\ud800", True, [], {}, [[]], "x" * 99, -1, 0.5])
BODY: dict[str, Any] = {
    "system": [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"guardContent": {"text": {"text": "g"}}}],
    "messages": [
        {"role": "user", "content": [
            {"text": "t"}, {"image": {"format": "png", "source": {"bytes": "QUJD"}}},
            {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "QUJD"}, "citations": {"enabled": True}}},
            {"document": {"format": "txt", "name": "c", "source": {"text": "words"}, "context": "x", "citations": {"enabled": True}}},
            {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/v.mp4"}}}}, {"later": {"x": 1}},
        ]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}, {"reasoningContent": {"redactedContent": "QQ=="}},
            {"text": "u"}, {"toolUse": {"toolUseId": "a", "name": "n", "input": {"x": 1}}},
            {"citationsContent": {"content": [{"text": "c"}], "citations": [{"location": {"web": {"url": "u"}}}]}},
        ]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "a", "content": [{"json": {"y": 2}}, {"text": "r"}], "status": "error"}},
            {"cachePoint": {"type": "default"}}, {"text": "then"},
        ]},
    ],
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "n", "description": "d", "inputSchema": {"json": {"type": "object"}}}},
                  {"cachePoint": {"type": "default"}}, {"systemTool": {"name": "nova_grounding"}}],
        "toolChoice": {"tool": {"name": "n"}},
    },
    "inferenceConfig": {"maxTokens": 9000, "topP": 0.95, "stopSequences": ["x"], "topK": 3},
    "additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "omitted"}, "top_k": 5},
    "outputConfig": {"effort": "low", "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":"string"}'}}}},
    "requestMetadata": {"a": "b"}, "serviceTier": {"type": "flex"}, "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
}  # fmt: skip


def test_a_request_that_says_everything_is_said_again_to_the_letter():
    decoded = DIALECT.decode_request(http(BODY))
    assert decoded.warnings == ()
    encoded = DIALECT.encode_request(decoded.request, decoded.context.target)
    said = BODY | {"toolConfig": BODY["toolConfig"] | {"toolChoice": {"auto": {}}}}  # none can be forced while it thinks
    assert [warning.field for warning in encoded.warnings] == ["tool_choice"]
    assert json.loads(encoded.wire.body) == said
    assert DIALECT.decode_request(on_the_wire(encoded.wire)).context == decoded.context


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, item in inner for place in places(item, (*at, name))]


PLACES = places(BODY)[1:]


def mutated(place: tuple[Any, ...], value: Any, *, gone: bool) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(BODY))
    holder: Any = body
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


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), ODD, st.booleans())
def test_a_body_with_something_odd_in_it_is_read_or_refused(place, value, gone):
    judge_refusal(json.dumps(mutated(place, value, gone=gone)).encode("utf-8", "surrogatepass"))


@few
@given(st.sampled_from(PLACES), st.text(min_size=30, max_size=40), st.booleans())
def test_a_refusal_quotes_nothing(place, secret, key):
    value = {secret: secret} if key else [secret]
    try:
        DIALECT.decode_request(http(json.dumps(mutated(place, value, gone=False)).encode()))
    except InvalidRequestError as error:
        assert secret not in str(error)
        assert secret not in repr(error)


WHOLE = json.dumps(BODY).encode()


@few
@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, 20))
def test_whatever_the_bytes(data, at, cut):
    judge_refusal(data)
    judge_refusal(WHOLE[:at] + data + WHOLE[at + cut :])
    assert DIALECT.context_of(http(data)).model == "anthropic.claude-test-v1:0"
    assert DIALECT.context_of(http(data, "/elsewhere")).served is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"1e999", b"\xef\xbb\xbf" + WHOLE, WHOLE.replace(b'"then"', b'"\xff"'), b'{"messages":' * 5_000,
        b'{"messages":' + b"[" * 100_000, b'{"messages":[],"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b'{"messages":[],"x":NaN}',
        b'{"messages":[{"role":"user","content":[{"text":"\\udfff"}]}]}',
    ],
)  # fmt: skip
def test_hostile_bodies(data):
    judge_refusal(data)


# --- errors ---------------------------------------------------------------------------------------------------------------------

STATUSES: dict[type[ProviderError], tuple[int, ...]] = {
    errors.AuthenticationError: (401, 403),
    errors.PermissionDeniedError: (403,),
    errors.NotFoundError: (404,),
    errors.InvalidRequestError: (400, 413, 422),
    errors.ContextLengthError: (400,),
    errors.ContentFilterError: (400,),
    errors.RateLimitError: (429,),
    errors.QuotaError: (400, 402, 429),
    errors.OverloadedError: (503, 529),
    errors.ServerError: (500, 502, 504, 409),
}
CODES = st.sampled_from(["OddThingException", "rate_limit_exceeded"])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(STATUSES, key=str)), st.data())
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
    told = DIALECT.decode_error(reply, client_context())
    assert type(told) is kind
    assert told.status == reply.status == (error.status or reply.status)
    assert told.request_id == error.request_id
    odd = error.code == "OddThingException" and kind_of_status(reply.status) is kind
    assert (told.code == error.code) is odd, "a word of another protocol, or one that would hide the kind, is not said"
    assert should_retry(reply.headers) is error.should_retry
    waits = asked_wait(reply.headers, 0.0)
    assert waits == error.retry_after or math.isclose(waits or 0, error.retry_after or 0, abs_tol=1e-9)
    _, in_stream = read(DIALECT.event_encoder(served()).error(error))
    assert type(in_stream) is kind


FAILURES = [kind for kind in strategies.ERROR_TYPES if issubclass(kind, ProviderError)]


@few
@given(st.sampled_from(FAILURES).flatmap(strategies.errors_of))
def test_every_error_has_a_reply_and_an_event(error):
    reply = DIALECT.encode_error(error, served())
    assert 400 <= reply.status < 600
    assert all(value.isascii() and value.isprintable() for value in reply.headers.values())
    assert isinstance(DIALECT.decode_error(reply, client_context()), ProviderError)
    _, told = read(DIALECT.event_encoder(served()).error(error))
    assert told is not None


def test_paths_name_the_model():
    assert DIALECT.decode_request(http(BODY, PATH + "-stream")).context.stream is True
    arn = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse"
    assert DIALECT.decode_request(http(BODY, arn)).request.model == "arn:aws:bedrock:us-east-1:1:inference-profile/x"
    assert DIALECT.decode_request(http(BODY, "http://h:1/base/model/a/b/converse?x=1")).request.model == "a/b"
    counted = {"input": {"converse": BODY}}
    assert DIALECT.decode_request(http(counted, "/model/m/count-tokens")).request.messages[0].role == "system"
    with pytest.raises(InvalidRequestError, match=r"input\.converse"):
        DIALECT.decode_request(http({"input": {"invokeModel": {"body": "e30="}}}, "/model/m/count-tokens"))
