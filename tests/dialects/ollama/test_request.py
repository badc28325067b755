"""Requests as they go out."""

from __future__ import annotations

import json

import ollama
import pytest

from tests.dialects.ollama.saying import encode, losses, target
from trunkline.dialects.ollama import DIALECT
from trunkline.values.errors import UsageError
from trunkline.values.media import Data, FileId, LocalFile, Url
from trunkline.values.message import (
    CacheMark,
    Citation,
    Image,
    Message,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from trunkline.values.model import Quirks
from trunkline.values.request import (
    AudioOutput,
    CustomTool,
    HostedTool,
    OutputFormat,
    ReasoningOptions,
    Request,
    Tool,
    ToolChoice,
)

PNG = Data(b"\x89PNG\r\n\x1a\n", "image/png")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def test_the_whole_of_a_request():
    sent, encoded = encode(
        Message.system("Be brief."), "hi", stream=True, max_tokens=100, temperature=0.5, top_p=0.9, top_k=40, seed=7, stop=("END", "X"),
        frequency_penalty=0.1, presence_penalty=0.2, logprobs=True, top_logprobs=2, output=OutputFormat(SCHEMA),
        reasoning=ReasoningOptions("high"), tools=(Tool("f", "d", SCHEMA),), extra_headers={"x-a": "1"}, extra_query={"q": "1"},
        extra_body={"keep_alive": "5m", "options": {"num_ctx": 32768, "seed": 8}},
    )  # fmt: skip
    assert sent == {
        "model": "m1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
        "format": SCHEMA,
        "think": "high",
        "options": {
            "num_predict": 100, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "frequency_penalty": 0.1, "presence_penalty": 0.2,
            "seed": 8, "stop": ["END", "X"], "num_ctx": 32768,
        },
        "logprobs": True,
        "top_logprobs": 2,
        "keep_alive": "5m",
    }  # fmt: skip
    wire = encoded.wire
    assert (wire.method, wire.path, wire.query) == ("POST", "/api/chat", (("q", "1"),))
    assert dict(wire.headers) == {"content-type": "application/json", "x-a": "1"}
    assert encoded.warnings == ()
    assert (encoded.context.stream, encoded.context.include_usage) == (True, True)
    assert ollama._types.ChatRequest.model_validate(sent).model_dump(exclude_none=True)["think"] == "high"


def test_a_plain_request_says_that_it_is_no_stream():
    assert encode("hi")[0] == {"model": "m1", "messages": [{"role": "user", "content": "hi"}], "stream": False}


# --- messages ---------------------------------------------------------------------------------------------------------


def test_pictures_go_as_bare_base64_beside_the_text():
    sent, encoded = encode(Message.user("what", Image(PNG, "auto"), Image(PNG)))
    assert sent["messages"] == [{"role": "user", "content": "what", "images": ["iVBORw0KGgo=", "iVBORw0KGgo="]}]
    assert encoded.warnings == ()


@pytest.mark.parametrize("source", [Url("https://a/b.png"), FileId("f1")])
def test_pictures_that_are_elsewhere_are_lost(source):
    sent, encoded = encode(Message.user("what", Image(source)))
    assert sent["messages"] == [{"role": "user", "content": "what"}]
    assert losses(encoded) == [("dropped", "messages.image")]


def test_a_picture_must_have_been_read():
    with pytest.raises(UsageError, match="local file"):
        encode(Message.user(Image(LocalFile("a.png"))))


def test_a_loop_of_tool_calls():
    calls = (ToolCall("c1", "weather", '{"city": "Oslo", "n": 1.0}'), ToolCall("c2", "clock", ""))
    answers = Message.tool(ToolResult("c2", (Text("12"),)), ToolResult("c1", (Text("4 °C"), Image(PNG)), name="w"))
    sent, encoded = encode("q", Message.assistant(Reasoning("hm"), Text("I look."), *calls), answers)
    assert sent["messages"][1:] == [
        {
            "role": "assistant", "content": "I look.", "thinking": "hm",
            "tool_calls": [
                {"id": "c1", "function": {"name": "weather", "arguments": {"city": "Oslo", "n": 1.0}}},
                {"id": "c2", "function": {"name": "clock", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "12", "tool_name": "clock", "tool_call_id": "c2"},
        {"role": "tool", "content": "4 °C", "images": ["iVBORw0KGgo="], "tool_name": "w", "tool_call_id": "c1"},
    ]  # fmt: skip
    assert b'{"city": "Oslo", "n": 1.0}' in encoded.wire.body
    assert encoded.warnings == ()


def test_what_a_user_says_beside_answers_follows_them():
    sent, _ = encode("q", Message.assistant(ToolCall("c", "f")), Message("user", (Text("and"), ToolResult("c", (Text("1"),)))))
    assert [(said["role"], said["content"]) for said in sent["messages"][2:]] == [("tool", "1"), ("user", "and")]


@pytest.mark.parametrize("arguments", ["no json", "[1]", '"text"', "{"])
def test_arguments_that_are_no_object_stand_in_one(arguments):
    sent, encoded = encode("q", Message.assistant(ToolCall("c", "f", arguments)))
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"input": arguments}
    assert losses(encoded) == [("approximated", "messages.tool_call.arguments")]


def test_the_input_of_a_custom_tool():
    sent, encoded = encode(
        "q", Message.assistant(ToolCall("c", "f", "x = 1", "custom")), tools=(CustomTool("f", "d", "lark", "start: /x/"),)
    )
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"input": "x = 1"}
    assert list(sent["tools"][0]["function"]["parameters"]["properties"]) == ["input"]
    assert encoded.context.custom_tools == ("f",)
    assert losses(encoded) == [("approximated", "tools.custom")]


def test_what_cannot_be_said_is_told():
    state = ProviderState("openai-chat", b"{}")
    mark = CacheMark()
    _, encoded = encode(
        Message("user", (Text("a", cache=mark), Text("b"), Image(PNG, "high"), Video(PNG)), name="Ann"),
        Message.assistant(
            Text("c", (Citation("url"),), state=state), Refusal("no"), Reasoning("", True), Reasoning("r", state=state),
            ToolCall("c", "f", state=state), Image(PNG),
        ),
        Message.tool(ToolResult("c", (Text("1"),), is_error=True, state=state)),
    )  # fmt: skip
    assert losses(encoded) == [
        ("dropped", "messages.name"), ("dropped", "cache"), ("dropped", "messages.image.detail"), ("dropped", "messages.video"),
        ("approximated", "messages.text"), ("dropped", "messages.text.state"), ("dropped", "messages.citations"),
        ("approximated", "messages.refusal"),
        ("dropped", "messages.reasoning"), ("dropped", "messages.reasoning.state"), ("dropped", "messages.tool_call.state"),
        ("dropped", "messages.image"), ("approximated", "messages.tool_result.is_error"), ("dropped", "messages.tool_result.state"),
    ]  # fmt: skip
    said = [(message["role"], message["content"]) for message in json.loads(encoded.wire.body)["messages"]]
    assert said == [("user", "a\n\nb"), ("assistant", "cno"), ("tool", "1")]


def test_a_model_without_tools_is_told_of_them_in_words():
    loop = (Message.assistant(ToolCall("c", "f", '{"a":1}')), Message.tool(ToolResult("c", (Text("1"),))))
    sent, encoded = encode("q", *loop, aim=Quirks(no_tools=True), tools=(Tool("f"),))
    assert [(said["role"], said["content"]) for said in sent["messages"][1:]] == [
        ("assistant", '(Tool call c: f {"a":1})'), ("user", "(Answer to tool call c:)\n1"),
    ]  # fmt: skip
    assert losses(encoded) == [("approximated", "messages.tool_call"), ("dropped", "tools")]


def test_a_message_of_which_all_is_lost_is_left_out():
    sent, encoded = encode(Message("user", (Video(PNG),)), "hi", tool_choice=ToolChoice("required"))
    assert sent["messages"] == [{"role": "user", "content": "hi"}]
    assert losses(encoded) == [("dropped", "messages.video"), ("dropped", "tool_choice")]
    assert encode(Message("user", (Video(PNG),)))[0]["messages"] == [{"role": "user", "content": ""}]


def test_no_messages_load_a_model():
    encoded = DIALECT.encode_request(Request(model="m1", messages=()), target())
    assert json.loads(encoded.wire.body)["messages"] == []


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "quirks", "think", "told"),
    [
        (ReasoningOptions("low"), Quirks(), "low", []),
        (ReasoningOptions("max"), Quirks(), "max", []),
        (ReasoningOptions("minimal"), Quirks(), "low", [("approximated", "reasoning.effort")]),
        (ReasoningOptions("xhigh"), Quirks(), "high", [("approximated", "reasoning.effort")]),
        (ReasoningOptions("max"), Quirks(efforts=("low", "high")), "high", [("approximated", "reasoning.effort")]),
        (ReasoningOptions("none"), Quirks(), False, []),
        (ReasoningOptions(enabled=False), Quirks(), False, []),
        (ReasoningOptions(enabled=True), Quirks(), True, []),
        (ReasoningOptions(budget=2000), Quirks(), True, [("approximated", "reasoning.budget")]),
        (ReasoningOptions(enabled=False), Quirks(thinking="always"), None, [("dropped", "reasoning")]),
        (ReasoningOptions("high"), Quirks(thinking="none"), None, [("dropped", "reasoning")]),
        (ReasoningOptions("none"), Quirks(thinking="none"), None, []),
        (ReasoningOptions(show="omitted"), Quirks(), None, [("dropped", "reasoning.show")]),
    ],
)
def test_thinking(wanted, quirks, think, told):
    sent, encoded = encode("q", reasoning=wanted, aim=quirks)
    assert sent.get("think") == think
    assert losses(encoded) == told


def test_json_without_a_schema_is_asked_for_in_words_too():
    sent, encoded = encode("q", output=OutputFormat())
    assert sent["format"] == "json"
    assert sent["messages"][0]["role"] == "system"
    assert losses(encoded) == [("approximated", "output")]
    sent, encoded = encode("q, as JSON", output=OutputFormat(strict="if_known"))
    assert (len(sent["messages"]), sent["format"], encoded.warnings) == (1, "json", ())
    _, encoded = encode("q", output=OutputFormat(SCHEMA, description="d"))
    assert losses(encoded) == [("dropped", "output.description")]


@pytest.mark.parametrize(
    ("choice", "names", "told"),
    [
        (ToolChoice("auto"), ["f", "g"], []),
        (ToolChoice("none"), [], [("approximated", "tool_choice")]),
        (ToolChoice("required"), ["f", "g"], [("dropped", "tool_choice")]),
        (ToolChoice("tool", ("g",)), ["g"], [("dropped", "tool_choice"), ("approximated", "tool_choice.names")]),
        (ToolChoice("auto", ("f",)), ["f"], [("approximated", "tool_choice.names")]),
    ],
)
def test_the_choice_of_a_tool(choice, names, told):
    sent, encoded = encode("q", tools=(Tool("f"), Tool("g")), tool_choice=choice)
    assert [tool["function"]["name"] for tool in sent.get("tools", ())] == names
    assert losses(encoded) == told


def test_tools_and_what_they_cannot_say():
    tools = (Tool("f", strict=True, cache=CacheMark(), extra={"function": {"x": 1}}), HostedTool("web_search"))
    sent, encoded = encode("q", tools=tools, parallel_tool_calls=False)
    assert sent["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}, "x": 1}}
    ]
    assert losses(encoded) == [
        ("dropped", "tools.strict"), ("dropped", "cache"), ("dropped", "tools.web_search"), ("dropped", "parallel_tool_calls")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "sent", "told"),
    [
        ({}, {}, []),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A", "description": "d"}},
                "$defs": {"A": {"type": "string"}},
            },
            {"type": "object", "properties": {"a": {"type": "string", "description": "d"}}},
            [],
        ),
        (
            {"type": "object", "properties": {"minimum": {"type": "integer", "minimum": 1, "default": 2}}},
            {"type": "object", "properties": {"minimum": {"type": "integer", "default": 2, "description": "(minimum: 1)"}}},
            ["bounds are said in the description only: minimum"],
        ),
        (
            {"type": "object", "properties": {"a": {"not": {}}}},
            {"type": "object", "properties": {"a": {"not": {}}}},
            ["not read here: not"],
        ),
        (
            {"type": "object", "properties": {"a": {"$ref": "#"}}, "$defs": {"A": {}}},
            {"type": "object", "properties": {"a": {"$ref": "#"}}, "$defs": {"A": {}}},
            ["definitions are not read here, and these cannot be written out"],
        ),
        (
            {"anyOf": [{"properties": {"a": {}}}]},
            {"type": "object", "properties": {"a": {}}},
            ["alternatives at the root are laid together: parameters are one object"],
        ),
    ],
)
def test_schemas_that_the_server_reads_in_part(schema, sent, told):
    body, encoded = encode("q", tools=(Tool("f", parameters=schema),))
    assert body["tools"][0]["function"]["parameters"] == sent
    assert [warning.reason for warning in encoded.warnings] == told


def test_parameters_that_do_not_exist_here():
    fields = {
        "logit_bias": {"1": 2.0}, "verbosity": "low", "audio": AudioOutput("v"), "prediction": "p", "service_tier": "s", "user": "u",
        "cache_key": "k", "metadata": {"a": "b"}, "store": True, "n": 2, "modalities": ("text", "audio"), "cache": CacheMark(),
    }  # fmt: skip
    sent, encoded = encode("q", **fields)
    assert sorted(field for _, field in losses(encoded)) == sorted(fields)
    assert set(sent) == {"model", "messages", "stream"}


def test_quirks_that_leave_out():
    quirks = Quirks(no_sampling=True, no_stop=True, no_seed=True, no_logprobs=True, no_images=True)
    fields = {
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 1,
        "stop": ("a",),
    }
    sent, encoded = encode(Message.user("q", Image(PNG)), aim=quirks, logprobs=True, top_logprobs=1, max_tokens=5, **fields)
    assert sent["options"] == {"num_predict": 5}
    assert "images" not in sent["messages"][0]
    assert {field for _, field in losses(encoded)} == {*fields, "logprobs", "top_logprobs", "messages.image"}


def test_half_surrogates():
    sent, encoded = encode("a\ud800b")
    assert sent["messages"][0]["content"] == "a�b"
    assert losses(encoded) == [("approximated", "messages")]


def test_an_extra_that_is_no_json():
    with pytest.raises(UsageError, match="JSON"):
        encode("q", extra_body={"x": object()})


@pytest.mark.parametrize(
    ("asked", "level"),
    [
        (ReasoningOptions(budget=500), "low"),
        (ReasoningOptions(budget=5000), "medium"),
        (ReasoningOptions(budget=50_000), "high"),
        (ReasoningOptions(enabled=True), None),
    ],
)
def test_a_model_that_always_thinks_takes_a_level_and_nothing_else(asked, level):
    sent, _ = encode("hi", reasoning=asked, aim=Quirks(thinking="always", efforts=("low", "medium", "high")))
    assert sent.get("think") == level
