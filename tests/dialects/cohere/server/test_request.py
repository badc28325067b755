"""Requests as callers write them."""

from __future__ import annotations

import pytest

from tests.dialects.cohere.saying import heard
from trunkline.dialects.cohere import DIALECT
from trunkline.values.errors import InvalidRequestError
from trunkline.values.headers import Headers
from trunkline.values.media import Data, Url
from trunkline.values.message import File, Image, Opaque, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import OutputFormat, ReasoningOptions, Tool, ToolChoice
from trunkline.wire.http import HttpRequest

HI = [{"role": "user", "content": "hi"}]


def body(**fields):
    return {"model": "m", "messages": HI, **fields}


def test_options():
    request, warnings = heard(
        body(
            stream=True, max_tokens=9.0, temperature=0, p=0.5, k=2, seed=1, frequency_penalty=0.1, presence_penalty=0.2,
            stop_sequences=["a"], logprobs=True, safety_mode="STRICT", citation_options={"mode": "FAST"}, later=1, none=None,
        )
    )  # fmt: skip
    assert (request.stream, request.max_tokens, request.top_p, request.top_k, request.stop) == (True, 9, 0.5, 2, ("a",))
    assert request.extra_body == {"safety_mode": "STRICT", "citation_options": {"mode": "FAST"}, "later": 1}
    assert warnings == ()


def test_messages():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    url = {"type": "image_url", "image_url": {"url": "https://i", "detail": "low"}}
    data = {"type": "image_url", "image_url": "data:image/png;base64,QUJD"}
    request, warnings = heard(
        body(
            messages=[
                {"role": "developer", "content": "brief"},
                {"role": "User", "content": [{"type": "text", "text": "look"}, url, data, {"type": "later", "x": 1}]},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": ""}],
                 "tool_plan": "I look.", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "document", "document": {"data": {"a": 1}}}]},
                {"role": "tool", "tool_call_id": "d", "content": "two", "name": "f"},
            ]
        )
    )  # fmt: skip
    system, user, assistant, tool = request.messages
    assert (system.role, system.text) == ("system", "brief")
    assert user.parts[:3] == (Text("look"), Image(Url("https://i"), "low"), Image(Data(b"ABC", "image/png")))
    assert type(user.parts[3]) is Opaque
    assert [type(part) for part in assistant.parts] == [Reasoning, Reasoning, ToolCall]
    assert assistant.parts[0].state is not None and assistant.parts[1].state is None
    first, second = tool.parts
    assert type(first) is ToolResult and first.parts[0].source == Data(b'{"a":1}', "application/json")
    assert second.parts == (Text("two"),)
    assert [warning.field for warning in warnings] == ["messages.tool.name"]


def test_citations_of_assistants():
    cited = {"start": 0, "end": 1, "text": "a", "sources": []}
    said = {"role": "assistant", "content": "a", "citations": [cited]}
    assert len(heard(body(messages=[*HI, said]))[0].messages[1].parts[0].citations) == 1
    _, warnings = heard(body(messages=[*HI, {**said, "content": ""}]))
    assert [warning.field for warning in warnings] == ["messages.citations"]


def test_documents_stand_before_what_is_asked_last():
    documents = ["one", {"id": "d", "data": {"title": "T", "snippet": "two"}}]
    request, _ = heard(body(messages=[*HI, {"role": "assistant", "content": "a"}, *HI], documents=documents))
    first, second, text = request.messages[-1].parts
    assert type(first) is File and first.source == Data(b"one", "text/plain")
    assert (second.title, second.source.data, text) == ("T", b"two", Text("hi"))
    assert request.extra_body == {}
    alone, _ = heard({"model": "m", "messages": [], "documents": ["x"]})
    assert type(alone.messages[0].parts[0]) is File


def test_tools():
    tool = {
        "type": "function",
        "function": {"name": "f", "description": "", "parameters": {"type": "object"}, "later": 1},
        "own": 2,
    }
    request, _ = heard(body(tools=[tool], strict_tools=True, tool_choice="required"))
    assert request.tools == (Tool("f", "", {"type": "object"}, True, extra={"own": 2, "function": {"later": 1}}),)
    assert request.tool_choice == ToolChoice("required")
    assert heard(body(tool_choice="NONE"))[0].tool_choice == ToolChoice("none")
    assert heard(body(tool_choice="auto"))[0].tool_choice == ToolChoice("auto")
    named = {"type": "function", "function": {"name": "f"}}
    assert heard(body(tool_choice=named))[0].tool_choice == ToolChoice("tool", ("f",))
    assert heard(body(tools=[tool], strict_tools=False))[0].tools[0].strict is None


@pytest.mark.parametrize(
    ("form", "output"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat()),
        ({"type": "json_object", "json_schema": {"a": 1}}, OutputFormat({"a": 1})),
        ({"type": "json_object", "schema": {"a": 1}}, OutputFormat({"a": 1})),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}}, OutputFormat({"a": 1})),
    ],
)
def test_the_form_of_the_output(form, output):
    assert heard(body(response_format=form))[0].output == output


def test_a_form_that_is_new_stays_as_it_is():
    assert heard(body(response_format={"type": "later"}))[0].extra_body == {"response_format": {"type": "later"}}


def test_thinking():
    assert heard(body(thinking={"type": "enabled", "token_budget": 9}))[0].reasoning == ReasoningOptions(budget=9)
    assert heard(body(thinking={"type": "enabled"}))[0].reasoning == ReasoningOptions(enabled=True)
    assert heard(body(thinking={"type": "disabled"}))[0].reasoning == ReasoningOptions(enabled=False)
    assert heard(body(thinking={"type": "later"}))[0].extra_body == {"thinking": {"type": "later"}}


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (b"x", None), (b"[]", None), ({"messages": HI}, "model"), ({"model": "", "messages": HI}, "model"),
        ({"model": "m"}, "messages"), (body(messages=[3]), "messages[0]"), (body(messages=[{"role": 3}]), "messages[0].role"),
        (body(messages=[{"role": "x"}]), "messages[0].role"), (body(messages=[{"role": "user"}]), "messages[0].content"),
        (body(messages=[{"role": "tool", "content": "a"}]), "messages[0].tool_call_id"),
        (body(messages=[{"role": "assistant", "tool_calls": [{"id": "1"}]}]), "messages[0].tool_calls[0].function"),
        (body(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), "messages[0].content[0].image_url"),
        (body(stream=1), "stream"), (body(max_tokens=-1), "max_tokens"), (body(temperature="x"), "temperature"),
        (body(k=1.5), "k"), (body(stop_sequences="x"), "stop_sequences"), (body(stop_sequences=[1]), "stop_sequences[0]"),
        (body(tools=[{"type": "hosted"}]), "tools[0].type"), (body(tools=[{"function": {}}]), "tools[0].function.name"),
        (body(tool_choice="x"), "tool_choice"), (body(tool_choice=3), "tool_choice"), (body(thinking=3), "thinking"),
        (body(thinking={"type": "enabled", "token_budget": 0}), "thinking.token_budget"), (body(documents=[3]), "documents[0]"),
        (body(response_format={"type": "json_object", "json_schema": 3}), "response_format.json_schema"),
        (b'{"model":"m","messages":[],"x":1e999}', "x"), (b'{"model":"m","messages":[],"x":[' + b"9" * 400 + b"]}", "x[0]"),
    ],
)  # fmt: skip
def test_what_is_no_request(wrong, path):
    with pytest.raises(InvalidRequestError) as caught:
        heard(wrong)
    assert (caught.value.status, caught.value.param) == (400, path)


def test_the_context_of_what_is_no_request():
    def context(data: bytes):
        return DIALECT.context_of(HttpRequest("POST", "/v2/chat", Headers(), data))

    assert (context(b'{"model":"m","stream":true}').model, context(b'{"model":"m","stream":true}').stream) == ("m", True)
    assert (context(b"x").model, context(b"[]").stream, context(b'{"model":3}').model) == ("", False, "")
