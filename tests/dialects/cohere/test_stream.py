"""Streams as our events."""

from __future__ import annotations

import pytest

from tests.dialects.cohere.good_streams import DONE, STREAMS, call, cited, end, event, item, message, plan, start, text
from tests.dialects.cohere.saying import TARGET, read
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import Context
from trunkline.values.errors import MalformedResponseError, OverloadedError, ServerError, StreamInterruptedError
from trunkline.values.events import (
    CitationDelta,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold
from trunkline.values.message import Opaque, Reasoning, Text, ToolCall
from trunkline.wire.sse import Frame


def response(*frames: Frame):
    events, error = read(frames)
    assert error is None
    return fold(events)


def test_text():
    events, error = read(STREAMS["text"])
    assert error is None
    assert [type(event) for event in events] == [Start, TextDelta, TextDelta, PartDone, UsageUpdate, Finish]
    assert events[1].raw == STREAMS["text"][2].data
    assert events[0].id == "29f14a5a"
    assert events[-1] == Finish("stop", "COMPLETE", raw=STREAMS["text"][-2].data)


def test_a_plan_and_calls():
    events, _ = read(STREAMS["a plan and calls"])
    said = fold(events)
    assert said.parts[0].state is not None and said.reasoning == "I will look."
    assert said.tool_calls == (ToolCall("weather_1", "weather", '{"city":"Oslo"}'), ToolCall("time_2", "time", "{}"))
    assert [event.index for event in events if type(event) is ToolCallDelta] == [0, 0, 0, 1]
    assert said.finish_reason == "tool_calls"


def test_the_last_word_needs_no_done():
    decoder = DIALECT.event_decoder(Context(target=TARGET, model="m"))
    decoder.feed(STREAMS["text"][:-1])
    assert decoder.done and decoder.feed([DONE]) == []


def test_citations():
    events, _ = read(STREAMS["citations"])
    assert [event.citation.cited_text for event in events if type(event) is CitationDelta] == ["Ruby", "Japan"]
    assert [citation.cited_text for citation in fold(events).parts[1].citations] == ["Ruby", "Japan"]


def test_a_citation_behind_its_text_and_one_of_a_thought():
    thought = cited(1, 0, 1, "x", type="THINKING_CONTENT")
    said = response(start(), *text(0, "Hi"), *cited(0, 0, 2, "Hi"), *thought, *end())
    assert len(said.parts[0].citations) == 1
    assert [item["text"] for item in said.extra["message"]["citations"]] == ["x"]


def test_numbers_that_begin_anew_and_pieces_without_a_beginning():
    said = response(start(), *item(0, "thinking", "Hm"), *text(0, "Hi"), *end())
    assert said.parts == (Reasoning("Hm"), Text("Hi"))
    loose = [
        message("content-delta", "content", {"thinking": "a"}, index=0),
        message("content-delta", "content", {"text": "b"}, index=1),
    ]
    assert response(start(), *loose, *end()).parts == (Reasoning("a"), Text("b"))
    twice = [message("content-start", "content", {"type": "text", "text": words}, index=0) for words in ("a", "b")]
    assert response(start(), *twice, *end()).parts == (Text("a"), Text("b"))


def test_arguments_that_are_null_and_calls_that_never_end():
    begun = message("tool-call-start", "tool_calls", {"id": "1", "function": {"name": "f", "arguments": None}}, index=0)
    assert response(start(), begun, *end("TOOL_CALL")).tool_calls == (ToolCall("1", "f", "{}"),)
    bare = message("tool-call-delta", "tool_calls", {"id": "2", "function": {"name": "g", "arguments": "{}"}}, index=0)
    assert response(start(), bare, *end()).tool_calls == (ToolCall("2", "g", "{}"),)


def test_a_tool_with_plain_input_speaks_when_it_is_whole():
    context = Context(target=TARGET, model="m", custom_tools=("run",))
    events, _ = read((start(), *call(0, "1", "run", '{"input":', '"ls"}'), *end("TOOL_CALL")), context)
    assert [event.arguments for event in events if type(event) is ToolCallDelta] == ["", "ls"]
    assert fold(events).tool_calls == (ToolCall("1", "run", "ls", "custom"),)


def test_log_probabilities_of_words_and_thoughts():
    assert response(*STREAMS["logprobs"]).logprobs[0].logprob == -0.5
    thought = event(
        "content-delta", index=0, delta={"message": {"content": {"thinking": "Hm"}}}, logprobs={"text": "Hm", "logprobs": [-1]}
    )
    said = response(start(), *item(0, "thinking", thought), *end())
    assert ([token.token for token in said.logprobs], said.parts) == (["Hm"], (Reasoning("Hm"),))


def test_what_is_new_is_opaque():
    events, _ = read((start(), event("debug", prompt="p"), *STREAMS["an item of a later kind"][1:]))
    assert [event.kind for event in events if type(event) is OpaqueEvent] == ["debug", "content-start"]
    assert type(fold(events).parts[0]) is Opaque


def test_an_end_in_an_error():
    failed = end("ERROR", error="No valid response generated", error_type="INVALID_TOOL_GENERATION")
    said = response(start(), *plan("I will"), *failed)
    assert (said.finish_reason, said.raw_finish_reason) == ("error", "ERROR")
    assert said.extra == {"error": "No valid response generated", "error_type": "INVALID_TOOL_GENERATION"}
    assert said.reasoning == "I will"


def test_an_error_of_a_kind_that_we_know_is_raised():
    events, error = read((start(), *text(0, "Hi"), *end("ERROR", error="full", error_type="OVERLOADED")))
    assert type(error) is OverloadedError and error.provider_message == "full"
    assert fold(events).text == "Hi"
    _, error = read((start(), *end("ERROR", error="oh", error_type="SERVER_ERROR")))
    assert type(error) is ServerError


def test_errors_in_other_words():
    assert type(read((start(), Frame(b'{"message":"oh"}')))[1]) is ServerError
    assert type(read((start(), Frame(b"oh", "error")))[1]) is ServerError


def test_what_breaks_off_and_what_is_no_json():
    events, error = read(STREAMS["text"][:3])
    assert type(error) is StreamInterruptedError and fold(events).text == "Hello"
    assert type(read((start(), Frame(b"{")))[1]) is MalformedResponseError
    assert type(read((start(), Frame(b"[1]")))[1]) is MalformedResponseError


def test_version_1():
    frames = [
        Frame(b'{"event_type":"stream-start","generation_id":"g"}'),
        Frame(b'{"event_type":"text-generation","text":"Hi"}'),
        Frame(b'{"event_type":"citation-generation","citations":[{"start":0,"end":2,"text":"Hi","document_ids":["d"]}]}'),
        Frame(b'{"event_type":"later"}'),
        Frame(
            b'{"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"Hi","generation_id":"g","meta":'
            b'{"billed_units":{"input_tokens":3}},"citations":[{"start":0,"end":2,"text":"Hi","document_ids":["d"]}]}}'
        ),
    ]
    said = response(*frames)
    assert (said.id, said.text, said.finish_reason, said.usage.input_tokens) == ("g", "Hi", "stop", 3)
    assert said.parts[0].citations[0].source == "d"


@pytest.mark.parametrize("name", STREAMS)
def test_thoughts_come_as_they_are_said(name):
    events, _ = read(STREAMS[name])
    assert "".join(event.text for event in events if type(event) is ReasoningDelta) == fold(events).reasoning
