"""Events, in whatever order, as a stream to the letter; and whole replies."""

from __future__ import annotations

import json

import pytest

from tests.dialects.cohere.good_streams import STREAMS
from tests.dialects.cohere.saying import CLIENT, SERVER, frames_of, read, told
from tests.watch import Watched
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import RateLimit, RateLimits, Served, ServedModel
from trunkline.values.errors import AllTargetsFailedError, OverloadedError
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
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.media import Url
from trunkline.values.message import Audio, Citation, Image, Message, ProviderState, Reasoning, Refusal, Text, ToolCall
from trunkline.values.response import Response, TokenLogprob, Usage
from trunkline.wire.http import HttpReply


def again(*events: Event):
    frames, warnings = told(events)
    found, error = read(frames)
    assert error is None
    return fold(found), [warning.field for warning in warnings]


@pytest.mark.parametrize("name", [name for name in STREAMS if "error" not in name])
def test_what_we_read_is_said_again(name):
    events, _ = read(STREAMS[name])
    frames, warnings = told(events)
    assert not warnings or name == "cut in a call"
    assert [json.loads(frame.data) for frame in frames[:-2]] == [
        json.loads(frame.data) for frame in STREAMS[name][:-2]
    ] or name in (
        "logprobs",  # the ids of its tokens are the provider's
        "citations",  # one lacks the number of its item
    )
    assert fold(read(frames)[0]) == fold(events)


def test_nothing_at_all():
    said, warnings = again()
    assert (said.parts, said.finish_reason, warnings) == ((), "stop", [])
    assert said.id == "00000000-0000-0000-0000-000000000000"


def test_the_ids_of_the_server():
    context = type(SERVER)(target=SERVER.target, model="m", served=Served(reply_id="rep", request_id="req"))
    frames, _ = told([TextDelta("a")], context)
    assert json.loads(frames[0].data)["id"] == "rep"
    assert dict(DIALECT.stream_headers(context))["x-debug-trace-id"] == "req"


def test_calls_that_are_mixed_come_one_after_the_other():
    said, warnings = again(
        Start(id="r"), TextDelta("a"), ToolCallDelta(0, "1", "f"), ToolCallDelta(1, "2", "g", "{"), TextDelta("b"), ToolCallDelta(0, arguments='{"x":1}'),
        PartDone(ToolCall("1", "f", '{"x":1}'), 0), ToolCallDelta(1, arguments="}"), PartDone(ToolCall("2", "g", "{}"), 1), Finish("tool_calls"),
    )  # fmt: skip
    assert said.tool_calls == (ToolCall("1", "f", '{"x":1}'), ToolCall("2", "g", "{}"))
    assert (said.text, said.finish_reason, warnings) == ("ab", "tool_calls", [])


def test_parts_say_what_their_pieces_have_not():
    said, warnings = again(
        TextDelta("Hel"), PartDone(Text("Hello")), PartDone(Text("whole")), ToolCallDelta(0, "1", "f"),
        PartDone(ToolCall("1", "f", '{"x":1}'), 0), PartDone(ToolCall("2", "g", '{"y":1}')), PartDone(Reasoning("late")),
    )  # fmt: skip
    assert [type(part) for part in said.parts] == [Text, Text, ToolCall, ToolCall, Reasoning]
    assert (said.text, [call.raw_arguments for call in said.tool_calls], warnings) == ("Hellowhole", ['{"x":1}', '{"y":1}'], [])


def test_parts_that_say_something_else():
    _, warnings = again(
        TextDelta("a"), PartDone(Text("b")), ToolCallDelta(0, "1", "f", "{}"), PartDone(ToolCall("1", "f", "[]"), 0),
        ToolCallDelta(0, arguments="more"), PartDone(ToolCall("1", "f", "[]"), 0),
    )  # fmt: skip
    assert warnings == ["message.text", "message.tool_call.arguments", "message.tool_call.arguments", "message.tool_call"]


def test_a_plan():
    plan = Reasoning("I look.", state=ProviderState("cohere", b'{"tool_plan":"I look."}'))
    said, warnings = again(PartDone(plan), PartDone(ToolCall("1", "f")))
    assert (said.parts[0], warnings) == (plan, [])
    assert again(ReasoningDelta("I look."), PartDone(plan))[1] == ["message.reasoning"]
    said, _ = again(TextDelta("a"), PartDone(Text("a")), PartDone(plan))
    assert said.parts[1] == Reasoning("I look.")


def test_thoughts_refusals_and_sound():
    said, warnings = again(
        ReasoningDelta("Hm"), PartDone(Reasoning("Hm", state=ProviderState("anthropic-messages", b"{}"))), RefusalDelta("no"),
        PartDone(Refusal("no")), AudioDelta(transcript="words"), PartDone(Audio(transcript="words")), PartDone(Reasoning("", redacted=True)),
        PartDone(Image(Url("https://i"))),
    )  # fmt: skip
    assert said.parts == (Reasoning("Hm"), Text("no"), Text("words"))
    assert warnings == ["message.reasoning.state", "message.refusal", "message.audio", "message.reasoning", "message.image"]


def test_citations_wait_for_their_words():
    early = Citation("url", title="T", url="https://u", text_end=5)
    place = Citation("char", cited_text="source", document=0, start=1, end=2)
    said, warnings = again(
        CitationDelta(early),
        TextDelta("Hello"),
        TextDelta(" there"),
        CitationDelta(place),
        PartDone(Text("Hello there", (early, place))),
    )
    one, two = said.parts[0].citations
    assert (one.text_start, one.text_end, one.url, one.cited_text) == (0, 5, "https://u", "Hello")
    assert (two.text_end, two.cited_text, warnings) == (11, "source", ["message.citations.place"])
    assert again(CitationDelta(early), PartDone(ToolCall("1", "f")))[1] == ["message.citations"]
    late, _ = again(PartDone(Text("a", (early,))), PartDone(ToolCall("1", "f")))
    assert len(late.parts[0].citations) == 1


def test_log_probabilities():
    two = (TokenLogprob("a", -1.0, None, (TokenLogprob("b", -2.0),)), TokenLogprob("b", -0.5))
    said, warnings = again(
        TextDelta("ab", logprobs=two), TextDelta("c", logprobs=(TokenLogprob("x", -1.0), TokenLogprob("y", -1.0)))
    )
    assert ([token.logprob for token in said.logprobs], said.text, warnings) == (
        [-1.0, -0.5, -1.0, -1.0],
        "abc",
        ["logprobs.top"],
    )


def test_usage_and_reasons():
    usage = Usage(9, 4, 3, 2, 1, output_image_tokens=1)
    said, warnings = again(TextDelta("a"), Finish("content_filter", "refusal", extra={"own": 1}), UsageUpdate(usage))
    assert (said.usage.input_tokens, said.usage.output_tokens, said.usage.cache_read_tokens, said.usage.reasoning_tokens) == (
        9,
        4,
        3,
        1,
    )
    assert (said.raw_finish_reason, said.finish_reason, said.extra) == ("ERROR_TOXIC", "content_filter", {"own": 1})
    assert warnings == ["usage.cache_write_tokens", "usage.output_image_tokens"]
    assert again(TextDelta("a"), Finish("stop", stop_sequence="x"))[0].raw_finish_reason == "STOP_SEQUENCE"
    assert again(TextDelta("a"), Finish("other", "LATER"))[0].raw_finish_reason == "LATER"
    assert again(TextDelta("a"), Finish("tool_calls", "TOOL_CALL"))[1] == ["finish_reason"]
    assert again(TextDelta("a"), Finish("pause"))[1] == ["finish_reason"]


def test_what_only_this_protocol_knows():
    debug = OpaqueEvent("debug", b'{"type":"debug", "prompt":"p"}')
    frames, warnings = told(
        [debug, OpaqueEvent("ping", b'{"type":"x"}'), OpaqueEvent("content-start", b"{}"), TextDelta("a", choice=1)]
    )
    assert [frame.event for frame in frames] == ["message-start", "debug", "message-end", None]
    assert [warning.field for warning in warnings] == ["event.ping", "alternatives"]


def test_half_a_surrogate_and_arguments_that_are_no_json():
    said, warnings = again(
        TextDelta("a\ud800"), TextDelta("b\ud800"), PartDone(ToolCall("", "", "x", "custom")), ToolCallDelta(3, "1", "f", "no")
    )
    assert (said.text, said.tool_calls[0].arguments) == ("a\ufffdb\ufffd", {"input": "x"})
    assert warnings == ["message.text", "message.tool_call", "message.tool_call.name", "message.tool_call.arguments"]


@pytest.mark.parametrize("error", [OverloadedError("full"), AllTargetsFailedError(errors=[OverloadedError("full")])])
def test_an_error_in_the_midst(error):
    encoder = Watched(DIALECT.event_encoder(SERVER), DIALECT.stream_grammar(strict=True))
    said = encoder.push(TextDelta("a")) + encoder.ping() + encoder.push(ToolCallDelta(0, "1", "f", "{")) + encoder.error(error)
    events, found = read(frames_of(said))
    assert type(found) is OverloadedError and fold(events).text == "a"
    assert encoder.error(error) == encoder.finish() == encoder.push(TextDelta("b")) == encoder.ping() == b""


# --- whole replies, and small ones ----------------------------------------------------------------------------------------


def test_a_whole_reply():
    response = Response(
        message=Message.assistant(Reasoning("Hm"), Text("a", (Citation("web", url="https://u"),)), ToolCall("1", "f", "x")),
        finish_reason="tool_calls", usage=Usage(3, 4), reported_cost=1, alternatives=(), extra={"own": 1, "message": {"note": 2}},
    )  # fmt: skip
    reply = DIALECT.encode_response(response, SERVER)
    body = json.loads(reply.body)
    assert (body["finish_reason"], body["own"], body["message"]["note"]) == ("TOOL_CALL", 1, 2)
    assert body["usage"]["tokens"] == body["usage"]["billed_units"] == {"input_tokens": 3, "output_tokens": 4}
    assert [warning.field for warning in reply.warnings] == ["message.tool_call.arguments", "reported_cost"]
    again = DIALECT.decode_response(HttpReply(200, Headers(), reply.body), CLIENT)
    assert (again.text, again.reasoning, again.parts[1].citations[0].url) == ("a", "Hm", "https://u")


def test_lists_of_models_and_limits():
    models = DIALECT.encode_models([ServedModel("a"), ServedModel("b")], SERVER)
    assert DIALECT.decode_models(models) == (("a", "b"), None)
    assert json.loads(DIALECT.encode_model(ServedModel("a"), SERVER).body)["name"] == "a"
    assert DIALECT.limit_headers(RateLimits(now=0, requests=RateLimit(20, 19, 3))) == (
        ("x-trial-endpoint-call-limit", "20"), ("x-trial-endpoint-call-remaining", "19"),
    )  # fmt: skip
    assert DIALECT.limit_headers(RateLimits(now=0)) == ()


@pytest.mark.parametrize("backwards", [False, True])
def test_thousands_of_calls_at_once_are_said_one_after_another(backwards):
    numbers = range(4000)
    ended = reversed(numbers) if backwards else numbers
    said, _ = again(
        *[ToolCallDelta(n, f"c{n}", "f", '{"n":') for n in numbers],
        TextDelta("after"),
        *[ToolCallDelta(n, arguments=f"{n}}}") for n in numbers],
        *[PartDone(ToolCall(f"c{n}", "f", f'{{"n":{n}}}'), n) for n in ended],
    )
    assert [call.arguments["n"] for call in said.tool_calls] == list(numbers)
    assert said.text == "after"
