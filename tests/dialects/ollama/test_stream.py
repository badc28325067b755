"""Streams: lines to events."""

from __future__ import annotations

import pytest

from tests.dialects.ollama.saying import AT, SECONDS, body, context, decode, line, lines, read
from trunkline.values.errors import (
    ContextLengthError,
    MalformedResponseError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from trunkline.values.events import Finish, OpaqueEvent, PartDone, ReasoningDelta, Start, TextDelta, ToolCallDelta, UsageUpdate
from trunkline.values.fold import fold
from trunkline.values.message import Reasoning, Text, ToolCall
from trunkline.values.model import Quirks
from trunkline.values.response import Usage

CALL = {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"city": "Oslo"}}}
LAST = body(total_duration=900, prompt_eval_count=20, eval_count=5)


def bare(events):
    return [type(event)(**{name: getattr(event, name) for name in event.__struct_fields__ if name != "raw"}) for event in events]


def test_a_stream():
    data = lines(line({"thinking": "hm"}), line({"content": "H"}), line({"content": "i"}), line({"tool_calls": [CALL]}), LAST)
    events, decoder = read(data)
    usage = Usage(20, 5, raw={"prompt_eval_count": 20, "eval_count": 5})
    assert bare(events) == [
        Start(None, "m1", created=SECONDS),
        ReasoningDelta("hm"),
        TextDelta("H"),
        TextDelta("i"),
        ToolCallDelta(0, "c1", "f", '{"city":"Oslo"}'),
        UsageUpdate(usage),
        PartDone(Reasoning("hm")),
        PartDone(Text("Hi")),
        PartDone(ToolCall("c1", "f", '{"city":"Oslo"}'), 0),
        Finish("tool_calls", "stop", extra={"total_duration": 900}),
    ]
    assert decoder.done
    assert decoder.error is None
    assert [event.raw for event in events if event.raw] == [bytes(item) for item in data.splitlines()]


def test_what_follows_the_end_matters_to_nobody():
    events, decoder = read(lines(line({"content": "a"}), LAST, line({"content": "b"}), b"x"))
    assert fold(events).text == "a"
    assert decoder.error is None


def test_a_whole_reply_is_a_stream_of_one_line():
    said = body({"content": "Hi", "thinking": "hm", "tool_calls": [CALL], "odd": 1}, eval_count=4, context=[1])
    events, decoder = read(lines(said))
    folded, whole = fold(events), decode(said)
    assert decoder.error is None
    assert (folded.message, folded.usage, folded.extra, folded.created) == (
        whole.message,
        whole.usage,
        whole.extra,
        whole.created,
    )


def test_an_end_without_a_reason():
    events, decoder = read(lines(line({"content": "a"}), {"model": "m1", "done": True}))
    assert decoder.error is None
    assert bare(events)[-1] == Finish("other")


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ({"error": "an error was encountered while running the model"}, ServerError),
        ({"error": "input exceeds the context length"}, ContextLengthError),
        ({"error": "slow down", "status": 429}, RateLimitError),
        (b"x", MalformedResponseError),
        (b"[1]", MalformedResponseError),
        ({"message": 1}, MalformedResponseError),
    ],
)
def test_what_ends_a_stream_before_its_end(last, kind):
    events, decoder = read(lines(line({"content": "a"}), last, LAST))
    assert type(decoder.error) is kind
    assert decoder.done
    assert fold(events).text == "a"


def test_a_stream_that_stops():
    for data in (b"", lines(line({"content": "a"})), lines(line({"content": "a"})) + b'{"model"'):
        events, decoder = read(data)
        assert isinstance(decoder.error, (StreamInterruptedError, MalformedResponseError))
        assert fold(events).partial


def test_fields_that_only_the_server_knows():
    events, _ = read(lines(line({"content": "a"}), line(odd=1), line({"content": "b"}, more=2), LAST))
    assert [event.kind for event in events if type(event) is OpaqueEvent] == ["odd"]
    assert fold(events).extra == {"odd": 1, "more": 2, "total_duration": 900}


def test_text_and_thought_on_one_line():
    events, _ = read(lines(line({"content": "a"}), line({"content": "b", "thinking": "t"}), LAST))
    assert (fold(events).text, fold(events).reasoning) == ("ab", "t")


def test_log_probabilities():
    token = {"token": "a", "logprob": -1.0, "bytes": [97]}
    events, _ = read(lines(line({"content": "a"}), line({"content": "a"}, logprobs=[token]), line(logprobs=[token]), LAST))
    assert [found.token for found in fold(events).logprobs] == ["a", "a"]


def test_a_completion_s_stream():
    pieces = [{"model": "m1", "created_at": AT, "response": text, "done": False} for text in "ab"]
    events, decoder = read(lines(*pieces, {"model": "m1", "response": "", "done": True, "done_reason": "stop", "context": [1]}))
    assert decoder.error is None
    assert (fold(events).text, fold(events).extra) == ("ab", {"context": [1]})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\nhm\n</think>\n\nHi", (Reasoning("hm"), Text("Hi"))),
        ("<thi", (Text("<thi"),)),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hi", (Reasoning("hm"), Text("Hi"))),
    ],
)
def test_markup(text, parts):
    aim = context(Quirks(markup="auto"), stream=True)
    events, _ = read(lines(*[line({"content": letter}) for letter in text], LAST), aim)
    assert fold(events).message.parts == parts == decode(body({"content": text}), aim).message.parts


def test_a_call_in_markup():
    text = '<|channel|>commentary to=functions.f<|message|>{"a":1}<|call|>'
    aim = context(Quirks(markup="auto"), stream=True)
    events, _ = read(lines(*[line({"content": letter}) for letter in text], LAST), aim)
    assert fold(events).tool_calls == decode(body({"content": text}), aim).tool_calls
    assert fold(events).tool_calls[0].arguments == {"a": 1}


def test_calls_of_one_id_get_an_id_each():
    calls = [{"id": "x", "function": {"name": "f", "arguments": {"n": n}}} for n in range(3)]
    whole = decode(body({"tool_calls": calls}))
    events, decoder = read(lines(line({"tool_calls": calls[:1]}), line({"tool_calls": calls[1:]}), body()))
    assert decoder.error is None
    for response in (whole, fold(events)):
        assert [call.arguments["n"] for call in response.tool_calls] == [0, 1, 2]
        assert response.tool_calls[0].id == "x"
        assert len({call.id for call in response.tool_calls}) == 3
    assert whole.parts == fold(events).parts
