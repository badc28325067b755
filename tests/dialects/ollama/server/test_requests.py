"""Requests as callers send them."""

from __future__ import annotations

import pytest

from tests.dialects.ollama.saying import asked, encode, losses
from trunkline.dialects.ollama import DIALECT
from trunkline.values.errors import InvalidRequestError
from trunkline.values.media import Data
from trunkline.values.message import Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import OutputFormat, ReasoningOptions, Tool

PNG = "iVBORw0KGgo="


def decode(**fields):
    return DIALECT.decode_request(asked({"model": "m1", "messages": [{"role": "user", "content": "hi"}], **fields}))


def test_without_a_word_it_is_a_stream():
    decoded = decode()
    assert decoded.request.stream
    assert (decoded.context.stream, decoded.context.include_usage, decoded.context.target.dialect) == (True, True, "ollama")
    assert not decode(stream=False).request.stream
    assert DIALECT.context_of(asked({"model": "m1"})).stream
    assert not DIALECT.context_of(asked({"model": "m1", "stream": False})).stream
    assert DIALECT.context_of(asked(b"x")).model == ""


def test_fields():
    options = {
        "num_predict": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7, "stop": ["END"], "frequency_penalty": 0.1,
        "presence_penalty": 0.2, "num_ctx": 9, "mirostat": 1, "x": None,
    }  # fmt: skip
    tool = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True, "y": 1},
    }
    request = decode(
        options=options,
        tools=[tool],
        format={"type": "object"},
        think="high",
        logprobs=True,
        top_logprobs=2,
        keep_alive=-1,
        zz=None,
    ).request
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k, request.seed, request.stop) == (
        5, 0.5, 0.9, 40, 7, ("END",),
    )  # fmt: skip
    assert (request.frequency_penalty, request.presence_penalty, request.logprobs, request.top_logprobs) == (0.1, 0.2, True, 2)
    assert request.tools == (Tool("f", "d", {"type": "object"}, True, extra={"function": {"y": 1}}),)
    assert request.output == OutputFormat({"type": "object"})
    assert request.reasoning == ReasoningOptions("high")
    assert request.extra_body == {"keep_alive": -1, "options": {"num_ctx": 9, "mirostat": 1}}


@pytest.mark.parametrize(
    ("fields", "name", "value", "left"),
    [
        ({"think": True}, "reasoning", ReasoningOptions(enabled=True), {}),
        ({"think": False}, "reasoning", ReasoningOptions(enabled=False), {}),
        ({"think": "extreme"}, "reasoning", None, {"think": "extreme"}),
        ({"think": ""}, "reasoning", None, {}),
        ({"format": "json"}, "output", OutputFormat(), {}),
        ({"format": ""}, "output", None, {}),
        ({"options": {"num_predict": -1}}, "max_tokens", None, {"options": {"num_predict": -1}}),
        ({"options": {"stop": "x"}}, "stop", ("x",), {}),
        ({"options": {}}, "stop", (), {}),
        ({"tools": []}, "tools", (), {}),
        ({"tools": [{"function": {"name": "f"}}]}, "tools", (Tool("f"),), {}),
    ],
)
def test_spellings(fields, name, value, left):
    request = decode(**fields).request
    assert getattr(request, name) == value
    assert request.extra_body == left


def test_messages():
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "what", "images": [PNG, f"data:image/png;base64,{PNG}"]},
        {"role": "assistant", "thinking": "hm", "tool_calls": [
            {"id": "c9", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}, {"function": {"name": "g", "arguments": "{}"}},
            {"function": {"name": "g"}},
        ]},
        {"role": "tool", "content": "1", "tool_name": "g"},
        {"role": "tool", "content": "2", "tool_call_id": "c9"},
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "done"},
        {"role": "user"},
    ]  # fmt: skip
    png = Image(Data(b"\x89PNG\r\n\x1a\n", "image/png"))
    assert decode(messages=said).request.messages == (
        Message.system("Be brief."),
        Message("user", (Text("what"), png, png)),
        Message(
            "assistant",
            (Reasoning("hm"), ToolCall("c9", "f", '{"a":1}'), ToolCall("call_2_1", "g", "{}"), ToolCall("call_2_2", "g", "{}")),
        ),
        Message.tool(ToolResult("call_2_1", (Text("1"),), name="g")),
        Message.tool(ToolResult("c9", (Text("2"),))),
        Message.tool(ToolResult("call_2_2", (Text("3"),))),
        Message.tool(ToolResult("call_6", (Text("4"),))),
        Message.assistant("done"),
        Message("user", ()),
    )


def test_no_messages_are_a_request_to_load():
    assert DIALECT.decode_request(asked({"model": "m1"})).request.messages == ()


def test_what_our_values_cannot_hold_is_told():
    decoded = decode(
        messages=[
            {"role": "user", "content": "a", "odd": 1},
            {"role": "assistant", "content": "b", "tool_calls": [{"x": 1, "function": {"name": "f", "y": 2}}]},
        ]
    )
    assert losses(decoded) == [
        ("dropped", "messages.user.odd"), ("dropped", "messages.tool_calls.x"), ("dropped", "messages.tool_calls.function.y")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"), ({"model": ""}, "model"), ({"model": 1}, "model"), ({"stream": 1}, "stream"), ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages[0]"), ({"messages": [{}]}, "messages[0].role"), ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "images": ["!"]}]}, "messages[0].images[0]"),
        ({"messages": [{"role": "user", "images": "x"}]}, "messages[0].images"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "messages[0].tool_calls[0].function.name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}]}, "messages[0].tool_calls[0].function.arguments"),
        ({"tools": [{"type": "web", "function": {"name": "f"}}]}, "tools[0].type"), ({"tools": [{"function": {}}]}, "tools[0].function.name"),
        ({"format": "xml"}, "format"), ({"format": 1}, "format"), ({"think": 1}, "think"), ({"options": []}, "options"),
        ({"options": {"num_predict": "5"}}, "options.num_predict"), ({"options": {"stop": [1]}}, "options.stop[0]"),
        ({"logprobs": 1}, "logprobs"), ({"top_logprobs": 21}, "top_logprobs"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_by_its_field(fields, param):
    with pytest.raises(InvalidRequestError) as caught:
        decode(**fields)
    assert (caught.value.param, caught.value.status) == (param, 400)


def test_a_request_goes_on_as_it_came():
    came = {
        "model": "m1", "messages": [{"role": "user", "content": "hi", "images": [PNG]}], "stream": False, "format": {"type": "object"},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "y": 1}}],
        "options": {"num_predict": 5, "num_ctx": 9}, "keep_alive": "5m", "think": False, "truncate": True,
    }  # fmt: skip
    decoded = DIALECT.decode_request(asked(came))
    fields = {name: getattr(decoded.request, name) for name in ("tools", "output", "max_tokens", "reasoning", "extra_body")}
    assert encode(*decoded.request.messages, **fields)[0] == came


@pytest.mark.parametrize("ids", [True, False])
def test_answers_of_thousands_of_calls_find_theirs(ids):
    """Looking through all calls for each answer would take minutes."""
    numbers = range(10_000)
    calls = [{**({"id": f"c{n}"} if ids else {}), "function": {"name": "f", "arguments": {}}} for n in numbers]
    answers = [{"role": "tool", "content": "x", **({"tool_call_id": f"c{n}"} if ids else {"tool_name": "f"})} for n in numbers]
    said = decode(
        messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": calls}, *answers]
    ).request.messages
    assert [message.parts[0].tool_call_id for message in said[2:]] == [call.id for call in said[1].tool_calls]
