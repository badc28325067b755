"""Requests made for targets without a field for a schema, and replies made alike; streams cut everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.calls import call, read, stream_call, wire
from tests.replies import chat, chat_body, delta, finish, sse, streamed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.shaping import TextDecoder, answer_name, as_text, mode_of, shaped
from trunkline.engine.stream import LiveStream
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import ProviderError, UsageError
from trunkline.values.events import Event, Finish, PartDone, TextDelta, ToolCallDelta
from trunkline.values.fold import fold
from trunkline.values.message import Message, Text, ToolCall
from trunkline.values.model import Model, Quirks
from trunkline.values.output import Output
from trunkline.values.request import CustomTool, OutputFormat, Request, Tool, ToolChoice
from trunkline.values.response import Alternative, Response

MakeIO = Callable[..., World]
SCHEMA: dict[str, Any] = {
    "title": "Point",
    "type": "object",
    "properties": {"x": {"type": "integer", "title": "X"}, "title": {"type": "string", "enum": ["a"], "default": {"title": 1}}},
    "required": ["x"],
    "additionalProperties": False,
}
COMPACT = '{"type":"object","properties":{"x":{"type":"integer"},"title":{"type":"string","enum":["a"],"default":{"title":1}}},"required":["x"]}'
FORMAT = OutputFormat(SCHEMA, "Point")
SAID = '{"x": 1, "title": "a"}'
NATIVE = wire(record=Model(id="m", provider="p1", abilities=("structured_output",)))
TOOL = wire(record=Model(id="m", provider="p1", abilities=("tools",)))
WORDS = wire(record=Model(id="m", provider="p1", abilities=()))


def asked(*messages: Message, output: OutputFormat | None = FORMAT, **more: Any) -> Request:
    return Request(model="m", messages=messages or (Message.user("x"),), output=output, **more)


def tool_call(name: str = "final_answer", arguments: str = SAID, id: str = "c1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def called(*calls: dict[str, Any], text: str | None = None, **more: Any) -> Scripted:
    return chat("", message={"content": text, "tool_calls": list(calls)}, finish_reason="tool_calls", **more)


# --- the way there ------------------------------------------------------------------------------------------------------


def test_nothing_is_done_where_nothing_is_asked_for() -> None:
    for request in (asked(output=None), asked(output=OutputFormat())):
        for target in (NATIVE, TOOL, WORDS):
            assert mode_of(request, target) == "native"
            assert shaped(request, target) == (request, ())
            assert answer_name(request, target) is None
    assert shaped(asked(), NATIVE) == (asked(), ())
    assert mode_of(asked(), wire()) == "native"


def test_json_of_any_kind_is_asked_for_in_words_where_no_field_may_stand() -> None:
    alone = wire(dialect="cohere")
    request = asked(Message.system("be brief"), Message.user("x"), output=OutputFormat())
    assert shaped(request, alone) == (request, ())
    request = msgspec.structs.replace(request, tools=(Tool("f"),))
    made, (warning,) = shaped(request, alone)
    assert (warning.kind, warning.field) == ("approximated", "output")
    assert "in words" in warning.reason
    assert made.messages[0].text == "be brief\n\nReply with one JSON object and nothing else: no prose, no code fence."
    assert (made.output, made.tools, made.messages[1:]) == (None, request.tools, request.messages[1:])
    assert (mode_of(request, alone), answer_name(request, alone)) == ("instruction", None)


def test_a_tool_is_forced() -> None:
    request, (warning,) = shaped(asked(), TOOL)
    (tool,) = request.tools
    assert tool == Tool("final_answer", "Gives the answer. Call it once, with the whole answer.", SCHEMA)
    assert (request.tool_choice, request.output) == (ToolChoice("tool", ("final_answer",)), None)
    assert (warning.kind, warning.field) == ("approximated", "output.schema")
    assert "must call a tool" in warning.reason
    assert request.messages == asked().messages


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ToolChoice("required")),
        (ToolChoice("auto"), ToolChoice("required")),
        (ToolChoice("required"), ToolChoice("required")),
        (ToolChoice("none"), ToolChoice("tool", ("final_answer",))),
        (ToolChoice("auto", ("f",)), ToolChoice("required", ("f", "final_answer"))),
        (ToolChoice("required", ("g",), ("g",)), ToolChoice("required", ("g", "final_answer"), ("g",))),
    ],
)
def test_among_tools_of_ones_own(choice: ToolChoice | None, expected: ToolChoice) -> None:
    tools = (Tool("f"), CustomTool("g"))
    request, _ = shaped(asked(tools=tools, tool_choice=choice), TOOL)
    assert request.tools[:2] == tools
    assert [tool.name for tool in request.tools[2:]] == ["final_answer"]
    assert request.tool_choice == expected


def test_a_name_that_is_taken() -> None:
    request = asked(tools=(Tool("final_answer"), Tool("final_answer_")))
    assert answer_name(request, TOOL) == "final_answer__"
    assert shaped(request, TOOL)[0].tools[-1].name == "final_answer__"


def test_definitions_and_a_description() -> None:
    schema = {"$ref": "#/$defs/P", "$defs": {"P": SCHEMA}}
    request, _ = shaped(asked(output=OutputFormat(schema, description="A place.")), TOOL)
    (tool,) = request.tools
    assert isinstance(tool, Tool)
    assert tool.parameters == {**SCHEMA, "$defs": {"P": SCHEMA}}
    assert tool.description == "A place. Gives the answer. Call it once, with the whole answer."
    request, _ = shaped(asked(output=OutputFormat(schema, description="A place.")), WORDS)
    assert request.messages[0].text.endswith("\nA place.")


def test_it_is_asked_for_in_words() -> None:
    request, (warning,) = shaped(asked(), WORDS)
    first, second = request.messages
    assert (first.role, second) == ("system", Message.user("x"))
    assert (
        first.text
        == f"Reply with one JSON object and nothing else: no prose, no code fence. It must fit this JSON Schema:\n{COMPACT}"
    )
    assert (request.output, request.tools) == (OutputFormat(), ())
    assert (warning.kind, warning.field) == ("approximated", "output.schema")
    assert "in words" in warning.reason
    target = msgspec.structs.replace(WORDS.target, quirks=Quirks(no_response_format=True))
    bare = wire(record=WORDS.record)
    bare.target = target
    assert shaped(asked(), bare)[0].output is None


def test_words_stand_behind_your_own() -> None:
    request, _ = shaped(asked(Message.system("Be brief"), Message.user("x")), WORDS)
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.messages[0].text.startswith("Be brief\n\nReply with one JSON object")


def test_strict_takes_native_only(world: MakeIO) -> None:
    io = world([chat(SAID)])
    assert io.run(engine.generate(io, call(NATIVE, strict=True, request={"output": FORMAT}))).warnings == ()
    for target in (TOOL, WORDS):
        with pytest.raises(UsageError, match=r"output\.schema"):
            io.run(engine.generate(io, call(target, strict=True, request={"output": FORMAT})))


# --- the way back -------------------------------------------------------------------------------------------------------


def generate(io: World, target: Any = TOOL, **more: Any) -> Response:
    return io.run(engine.generate(io, call(target, parse=Output(None, SCHEMA), request={"output": FORMAT, **more})))


def test_arguments_are_the_text(world: MakeIO) -> None:
    io = world([called(tool_call())])
    response = generate(io)
    assert (response.text, response.finish_reason, response.raw_finish_reason) == (SAID, "stop", "tool_calls")
    assert (response.output, response.tool_calls) == ({"x": 1, "title": "a"}, ())
    assert response.message == Message.assistant(Text(SAID))
    body = json.loads(io.requests[0].body)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "final_answer"}}
    assert "response_format" not in body
    assert [warning.field for warning in response.warnings] == ["output.schema"]


def test_other_calls_stay(world: MakeIO) -> None:
    io = world([called(tool_call("f", "{}"), tool_call(id="c2"), text="Well. ")])
    response = generate(io, tools=(Tool("f"),))
    assert (response.text, response.finish_reason, response.output) == (f"Well. {SAID}", "tool_calls", None)
    assert [each.name for each in response.tool_calls] == ["f"]


def test_what_the_model_said_instead_is_looked_at_too(world: MakeIO) -> None:
    assert generate(world([chat(f"Here: {SAID}")])).output == {"x": 1, "title": "a"}


def test_alternatives_too() -> None:
    message = Message.assistant(ToolCall("c", "final_answer", "{}"))
    other = Message.assistant(ToolCall("c", "f", "{}"))
    response = Response(
        message=message,
        finish_reason="tool_calls",
        alternatives=(
            Alternative(index=1, message=message, finish_reason="tool_calls"),
            Alternative(index=2, message=other, finish_reason="tool_calls"),
            Alternative(index=3, message=message, finish_reason="length"),
        ),
    )
    told: Any = as_text(response, "final_answer")
    assert [(each.message.text, each.finish_reason) for each in (told, *told.alternatives)] == [
        ("{}", "stop"), ("{}", "stop"), ("", "tool_calls"), ("{}", "length"),
    ]  # fmt: skip


# --- streams ------------------------------------------------------------------------------------------------------------


def call_chunk(index: int = 0, **more: Any) -> bytes:
    return sse({"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, **more}]}}]})


def in_calls(text: str, size: int) -> list[bytes]:
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    first = call_chunk(id="c1", type="function", function={"name": "final_answer", "arguments": ""})
    return [first, *[call_chunk(function={"arguments": piece}) for piece in pieces], finish("tool_calls")]


@pytest.mark.parametrize("target", [NATIVE, TOOL, WORDS], ids=["native", "tool", "words"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_streams_are_alike(world: MakeIO, target: Any, size: int) -> None:
    text = '{"x": 12, "title": "a\\u00e9\\ud83d\\ude00"}'
    pieces = (
        in_calls(text, size) if target is TOOL else [*[delta(text[n : n + size]) for n in range(0, len(text), size)], finish()]
    )
    io = world([streamed(pieces)])
    live = LiveStream(io, stream_call(target, parse=Output(None, {}), request={"output": FORMAT}))
    assert live.partial is None
    events: list[Event] = []
    seen: list[Any] = []
    while batch := io.run(live.batch()):
        events += batch
        seen.append(json.loads(json.dumps(live.partial)))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
    assert not any(isinstance(event, ToolCallDelta) for event in events)
    assert [event.reason for event in events if isinstance(event, Finish)] == ["stop"]
    assert all(event.text for event in events if isinstance(event, TextDelta))
    assert fold(events).message == live.response.message == Message.assistant(Text(text))
    assert live.response.output == live.partial == json.loads(text)
    assert live.response.finish_reason == "stop"
    if size == 1:
        titles = [now["title"] for now in seen if now and "title" in now]
        assert titles == sorted(titles, key=len)
        assert titles[0] == ""
        assert {"x": 12} in seen
        assert not any("x" in now and now["x"] == 1 for now in seen if now)


def test_partial_begins_whenever_it_is_asked_for(world: MakeIO) -> None:
    io = world([streamed([delta('{"x": '), delta("[1, "), delta("2, 3]}"), finish()])])
    live = LiveStream(io, stream_call(NATIVE, parse=Output(None, {}), request={"output": FORMAT}))
    io.run(live.batch())
    io.run(live.batch())
    first = live.partial
    assert first == {"x": [1]}
    io.run(read(live))
    assert first is live.partial
    assert first == {"x": [1, 2, 3]}


def test_no_partial_where_nothing_was_asked_for(world: MakeIO) -> None:
    io = world([streamed([delta("{}"), finish()])])
    live = LiveStream(io, stream_call())
    io.run(read(live))
    assert (live.partial, live._partial) == (None, None)


def test_of_several_choices_the_first_is_shown(world: MakeIO) -> None:
    other = sse({"id": "c", "model": "m-1", "choices": [{"index": 1, "delta": {"content": '{"x": 2}'}}]})
    io = world([streamed([delta('{"x"'), other, delta(": 1}"), finish()])])
    live = LiveStream(io, stream_call(NATIVE, parse=Output(None, {}), request={"output": FORMAT}))
    io.run(live.open())
    assert live.partial is None
    io.run(read(live))
    assert live.partial == {"x": 1}


def test_a_stream_that_comes_whole(world: MakeIO) -> None:
    io = world([Scripted(200, {"content-type": "application/json"}, [chat_body("", message={"tool_calls": [tool_call()]})])])
    live = LiveStream(io, stream_call(TOOL, parse=Output(None, {}), request={"output": FORMAT}))
    io.run(read(live))
    assert (live.response.text, live.response.finish_reason, live.response.tool_calls) == (SAID, "stop", ())


class Inner:
    """A decoder that says what it is given."""

    def __init__(self, *batches: list[Event]) -> None:
        self.batches = list(batches)
        self.done = False
        self.error: ProviderError | None = None

    def feed(self, frames: Any) -> list[Event]:
        return self.batches.pop(0)

    def finish(self) -> list[Event]:
        return self.batches.pop(0)


def told(*events: Event) -> list[Event]:
    inner = Inner([*events], [])
    return TextDecoder(inner, "t").feed([])


def test_a_name_that_comes_late() -> None:
    pieces = [
        ToolCallDelta(0, "c"),
        ToolCallDelta(0, None, None, "{"),
        ToolCallDelta(0, None, "t"),
        ToolCallDelta(0, None, None, "}", 0, b"r"),
    ]
    assert told(*pieces) == [TextDelta("{"), TextDelta("}", 0, b"r")]
    others = [msgspec.structs.replace(event, name=event.name and "f") for event in pieces]
    assert told(*others) == others


def test_a_name_that_never_comes() -> None:
    pieces: list[Event] = [ToolCallDelta(0, "c"), ToolCallDelta(1, "d", None, "{}"), PartDone(ToolCall("d", "t", "{}"), 1)]
    decoder = TextDecoder(Inner(pieces, [], []), "t")
    assert decoder.feed([]) == [PartDone(Text("{}"), None)]
    assert decoder.finish() == pieces[:1]
    assert decoder.finish() == []


def test_what_is_whole_takes_the_place_of_its_pieces() -> None:
    answer, other = ToolCall("c", "t", "{}"), ToolCall("d", "f", "{}")
    events = [ToolCallDelta(0, "c", "t", "{}", 1), PartDone(answer, 0, 1, b"r"), Finish("tool_calls", "x", 1)]
    assert told(*events) == [TextDelta("{}", 1), PartDone(Text("{}"), None, 1, b"r"), Finish("stop", "x", 1)]
    mixed = [*events, PartDone(other, 1, 0), Finish("tool_calls")]
    assert told(*mixed)[3:] == [PartDone(other, 1, 0), Finish("tool_calls")], "another choice"
    assert told(ToolCallDelta(0, "d", "f", "{}"), Finish("tool_calls"))[-1] == Finish("tool_calls")
    assert told(PartDone(other, 1), Finish("length"))[-1] == Finish("length")
    assert fold(told(*events[:2], *mixed[3:])).finish_reason == "tool_calls"


def test_it_ends_as_the_one_inside() -> None:
    inner = Inner([TextDelta("a")], [ToolCallDelta(0, "c", "t", "{}")])
    decoder = TextDecoder(inner, "t")
    assert (decoder.done, decoder.error, decoder.name) == (False, None, "t")
    assert decoder.feed([]) == [TextDelta("a")]
    inner.done, inner.error = True, ProviderError("x")
    assert (decoder.done, decoder.error) == (True, inner.error)
    assert decoder.finish() == [TextDelta("{}")]
