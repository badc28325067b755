"""Law: replies, streams (whatever the order of events, wherever cut) and errors arrive as they were given."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, strategies as st

from tests.dialects.openai_chat.judge import context
from tests.dialects.openai_chat.server.drawn import names, optional, serving, sources, state, words
from trunkline.dialects.dialect import Context
from trunkline.dialects.openai_chat import DIALECT
from trunkline.dialects.openai_chat.usage import read_usage, reported_cost
from trunkline.policy.retry import asked_wait, should_retry
from trunkline.values import errors
from trunkline.values.errors import ProviderError
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Event,
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
from trunkline.values.media import Data
from trunkline.values.message import (
    Audio,
    Citation,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
)
from trunkline.values.model import NO_QUIRKS
from trunkline.values.response import Alternative, Response, TokenLogprob
from trunkline.wire.sse import SseDecoder

# --- replies ----------------------------------------------------------------------------------------------------------

SCOPE = Scope("openai", "gpt-test")
citations = st.builds(
    Citation, st.just("url"), optional(words), optional(words), words,
    text_start=st.just(1), text_end=st.just(3),
) | st.builds(Citation, st.just("url"), url=words)  # fmt: skip
sealed = st.lists(words, min_size=1, max_size=2).map(
    lambda texts: Reasoning(
        "".join(texts), False,
        state({"reasoning_details": [{"type": "reasoning.text", "text": text, "index": n, "signature": "s"} for n, text in enumerate(texts)]}, SCOPE, must_return=True),
    )
)  # fmt: skip
reply_calls = st.lists(
    st.builds(ToolCall, words, names, words | st.just(""), st.sampled_from(["function", "custom"]))
    | st.builds(ToolCall, words, names, words, state=st.just(state({"extra_content": {"g": 1}}, SCOPE, must_return=True))),
    max_size=3,
    unique_by=lambda call: call.id,
).map(lambda drawn: [msgspec.structs.replace(call, name=f"{call.kind}{call.name}") for call in drawn])
sounds = st.builds(
    lambda data, said, name: Audio(Data(b"RIFF" + data, "audio/wav"), said, name, 1_790_000_000, state=state({"audio": {"id": name}}, SCOPE)),
    st.binary(max_size=9), optional(words), words,
)  # fmt: skip


@st.composite
def messages(draw: Any) -> Message:
    drawn = (
        draw(optional(sealed | st.builds(Reasoning, words))),
        draw(optional(st.builds(Text, words, st.lists(citations, max_size=2, unique_by=repr).map(tuple)))),
        draw(optional(st.builds(Refusal, words))),
        draw(optional(sounds)),
        *draw(st.lists(st.builds(Image, sources), max_size=2)),
        draw(optional(st.just(Opaque("annotations", state({"annotations": [{"type": "file", "hash": "h"}]}, SCOPE))))),
        *draw(reply_calls),
    )
    return Message("assistant", tuple(part for part in drawn if part is not None))


raw_usages = st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 99), "completion_tokens": st.integers(0, 99), "total_tokens": st.integers(200, 300)},
    optional={"prompt_tokens_details": st.just({"cached_tokens": 3, "audio_tokens": 1}), "cost": st.just(0.25), "queue_time": st.just(0.5)},
)  # fmt: skip
tokens = st.builds(TokenLogprob, words, st.floats(-9, 0), optional(st.just((1, 2))), st.just((TokenLogprob("x", -1.0),)))
extras = st.sampled_from([{}, {"provider": "P", "choice": {"native_finish_reason": "x"}, "message": {"channel": "final"}}])


@st.composite
def responses(draw: Any) -> Response:
    def choice(number: int) -> Alternative:
        message = draw(messages())
        raw = "tool_calls" if message.tool_calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
        said = message.text or message.refusal
        logprobs = tuple(draw(st.lists(tokens, max_size=2))) if said else ()
        return Alternative(index=number, message=message, finish_reason=raw, raw_finish_reason=raw, logprobs=logprobs)

    first, *rest = [choice(number) for number in range(draw(st.integers(1, 3)))]
    raw = draw(raw_usages)
    told = draw(st.tuples(optional(words), optional(words)))
    response = Response(
        message=first.message, finish_reason=first.finish_reason, raw_finish_reason=first.raw_finish_reason,
        usage=read_usage(raw, NO_QUIRKS), id=draw(words), model=draw(words), created=draw(st.integers(0, 2**40)),
        service_tier=told[0], system_fingerprint=told[1], alternatives=tuple(rest), logprobs=first.logprobs, extra=draw(extras),
    )  # fmt: skip
    return msgspec.structs.replace(response, reported_cost=reported_cost(raw, NO_QUIRKS))


@given(responses())
def test_a_reply_arrives_as_it_was_given(response):
    reply = DIALECT.encode_response(response, serving(request_id="q1"))
    assert (reply.status, reply.warnings, reply.headers["x-request-id"]) == (200, (), "q1")
    assert DIALECT.decode_response(reply, context()) == msgspec.structs.replace(response, request_id="q1")


# --- streams ----------------------------------------------------------------------------------------------------------


def pieces(text: Any, draw: Any) -> list[Any]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def told(choice: Alternative, draw: Any) -> list[Event]:
    """The events of a choice: each part in pieces and then whole, or whole only."""
    events: list[Event] = []
    logprobs, n, ordinal = choice.logprobs, choice.index, 0
    for part in choice.message.parts:
        cut = draw(st.booleans()) or bool(logprobs)
        if type(part) is Text:
            for piece in pieces(part.text, draw) if cut else ():
                events.append(TextDelta(piece, n, None, logprobs))
                logprobs = ()
            events += [CitationDelta(citation, n) for citation in part.citations if cut]
        elif type(part) is Reasoning:
            events += [ReasoningDelta(piece, n) for piece in (pieces(part.text, draw) if cut else ())]
        elif type(part) is Refusal:
            for piece in pieces(part.text, draw) if cut else ():
                events.append(RefusalDelta(piece, n, None, logprobs))
                logprobs = ()
        elif type(part) is Audio and isinstance(part.source, Data):
            events += [AudioDelta(piece, "", part.id, n) for piece in (pieces(part.source.data, draw) if cut else ())]
            if cut and part.transcript:
                events.append(AudioDelta(b"", part.transcript, None, n))
        elif type(part) is ToolCall:
            if cut:
                first, *rest = pieces(part.raw_arguments, draw)
                events.append(ToolCallDelta(ordinal, part.id, part.name, first, n))
                events += [ToolCallDelta(ordinal, None, None, piece, n) for piece in rest]
            events.append(PartDone(part, ordinal, n))
            ordinal += 1
            continue
        events.append(PartDone(part, None, n))
    return events


def same(folded: Response, response: Response) -> None:
    for name in ("id", "model", "created", "message", "finish_reason", "raw_finish_reason", "usage", "alternatives", "logprobs",
                 "service_tier", "system_fingerprint", "extra", "reported_cost", "partial"):  # fmt: skip
        assert getattr(folded, name) == getattr(response, name), name


def streamed(events: list[Event], aim: Context, cuts: list[int] | None = None) -> tuple[Response, bytes]:
    encoder = DIALECT.event_encoder(aim)
    body = b"".join([*[encoder.push(event) for event in events], encoder.finish()])
    assert (encoder.finish(), encoder.ping(), encoder.warnings) == (b"", b"", [])
    frames, decoder = SseDecoder(), DIALECT.event_decoder(context(stream=True))
    ends = sorted(cut % (len(body) + 1) for cut in cuts or [])
    read = [
        event
        for begin, end in zip([0, *ends], [*ends, len(body)], strict=True)
        for event in decoder.feed(frames.feed(body[begin:end]))
    ]
    assert decoder.error is None
    assert decoder.done
    return fold(read), body


def serving_stream(response: Response) -> Context:
    calls = [call for choice in (response, *response.alternatives) for call in choice.message.tool_calls]
    custom = tuple(call.name for call in calls if call.kind == "custom")
    return msgspec.structs.replace(serving(custom_tools=custom), stream=True, include_usage=True)


@given(responses(), st.data())
def test_a_stream_tells_its_reply_whatever_the_order(response, data):
    first = Alternative(
        index=0, message=response.message, finish_reason=response.finish_reason,
        raw_finish_reason=response.raw_finish_reason, logprobs=response.logprobs,
    )  # fmt: skip
    queues = []
    for choice in (first, *response.alternatives):
        queue = told(choice, data.draw)
        finish = Finish(
            choice.finish_reason, choice.raw_finish_reason, choice.index, None, response.extra if choice is first else {}
        )
        queue.insert(data.draw(st.integers(0, len(queue))), finish)
        queues.append(queue)
    queues.append([UsageUpdate(response.usage, reported_cost=response.reported_cost)])
    events: list[Event] = [
        Start(response.id, response.model, 0, response.created, response.service_tier, response.system_fingerprint)
    ]
    while waiting := [queue for queue in queues if queue]:
        events.append(data.draw(st.sampled_from(waiting)).pop(0))
    folded, _ = streamed(events, serving_stream(response), data.draw(st.lists(st.integers(0, 10**6), max_size=4)))
    same(folded, response)


@given(responses())
def test_a_reply_may_be_unfolded_into_a_stream(response):
    folded, _ = streamed(unfold(response), serving_stream(response))
    same(folded, response)


# --- errors -----------------------------------------------------------------------------------------------------------

STATUSES: dict[type[ProviderError], tuple[int | None, ...]] = {
    errors.AuthenticationError: (None, 401, 403), errors.PermissionDeniedError: (None, 403), errors.NotFoundError: (None, 404),
    errors.InvalidRequestError: (None, 400, 405, 413, 422), errors.ContextLengthError: (None, 400, 413),
    errors.ContentFilterError: (None, 400, 403), errors.RateLimitError: (None, 429), errors.QuotaError: (None, 402, 429),
    errors.OverloadedError: (None, 503, 529), errors.ServerError: (None, 500, 502, 504),
}  # fmt: skip
CODES = (
    "rate_limit_exceeded",
    "insufficient_quota",
    "model_not_found",
    "invalid_api_key",
    "my_own_code",
    "unsupported_value",
    "500",
)
MESSAGES = (
    "",
    "no",
    "maximum context length",
    "your credit balance is too low",
    "model x not found",
    "invalid api key",
    "\ud800",
)
errors_said = st.sampled_from(list(STATUSES)).flatmap(
    lambda kind: st.builds(
        kind,
        st.sampled_from(MESSAGES),
        status=st.sampled_from(STATUSES[kind]),
        code=optional(st.sampled_from(CODES)),
        kind=optional(st.sampled_from(["invalid_request_error", "server_error", "tokens"])),
        request_id=optional(names),
        retry_after=optional(st.floats(0, 1e5)),
        provider_message=optional(st.sampled_from(MESSAGES)),
        should_retry=optional(st.booleans()),
        model=optional(names),
    )
)


@given(errors_said)
def test_an_error_arrives_as_it_was_raised(error):
    reply = DIALECT.encode_error(error, context())
    read = DIALECT.decode_error(reply, context())
    assert type(read) is type(error)
    assert error.status is None or reply.status == error.status
    assert (read.request_id, read.status) == (error.request_id, reply.status)
    assert should_retry(reply.headers) is error.should_retry
    waited = asked_wait(reply.headers, 0.0)
    assert waited == error.retry_after or abs(waited - error.retry_after) <= 0.001
    if error.code in ("my_own_code", "unsupported_value") and error.kind in (None, "invalid_request_error"):
        assert read.code == error.code or type(error) not in (errors.InvalidRequestError, errors.ServerError)


@given(errors_said, st.booleans())
def test_an_error_in_a_stream_arrives_as_it_was_raised(error, begun):
    encoder = DIALECT.event_encoder(msgspec.structs.replace(serving(), stream=True))
    body = encoder.push(TextDelta("a")) if begun else b""
    body += encoder.ping() + encoder.error(error)
    assert encoder.push(TextDelta("b")) == encoder.finish() == encoder.error(error) == encoder.ping() == b""
    decoder = DIALECT.event_decoder(context(stream=True))
    events = decoder.feed(SseDecoder().feed(body))
    assert type(decoder.error) is type(error)
    assert fold(events).text == ("a" if begun else "")
