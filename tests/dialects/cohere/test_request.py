"""What is asked, as this protocol writes it."""

from __future__ import annotations

import msgspec
import pytest

from tests.dialects.cohere.saying import TARGET, asked
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import Framing
from trunkline.values.errors import UsageError
from trunkline.values.media import Data, FileId, LocalFile, Url
from trunkline.values.message import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    ProviderState,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
    ToolResult,
)
from trunkline.values.model import Quirks
from trunkline.values.request import CustomTool, HostedTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice

WEATHER = Tool("weather", "d", {"type": "object", "properties": {}})


def said(*messages: Message) -> tuple[list[dict], list[tuple[str, str]]]:
    body, warnings = asked(*messages)
    return body["messages"], warnings


def test_the_dialect_and_its_paths():
    assert (DIALECT.id, DIALECT.framing) == ("cohere", Framing.SSE)
    wire = DIALECT.encode_request(Request(model="x", messages=(Message.user("hi"),)), TARGET).wire
    assert (wire.method, wire.path, wire.headers) == ("POST", "/v2/chat", (("content-type", "application/json"),))
    assert DIALECT.models_request("t").query == (("page_token", "t"),)


def test_options():
    body, warnings = asked(
        stream=True, max_tokens=9, temperature=0.5, top_p=0.7, top_k=3, frequency_penalty=0.1, presence_penalty=0.2,
        stop=("END",), seed=7, logprobs=True, extra_body={"safety_mode": "STRICT", "priority": 2},
    )  # fmt: skip
    assert warnings == []
    assert body == {
        "model": "command-a", "messages": [{"role": "user", "content": "hi"}], "stream": True, "max_tokens": 9, "temperature": 0.5,
        "p": 0.7, "k": 3, "frequency_penalty": 0.1, "presence_penalty": 0.2, "stop_sequences": ["END"], "seed": 7,
        "logprobs": True, "safety_mode": "STRICT", "priority": 2,
    }  # fmt: skip


def test_what_has_no_word_is_told():
    _, warnings = asked(
        n=2, top_logprobs=3, user="u", metadata={"a": "b"}, store=True, cache=CacheMark(), modalities=("text", "audio"),
        verbosity="low", parallel_tool_calls=False, logit_bias={"1": 1}, cache_key="k", service_tier="flex", prediction="p",
    )  # fmt: skip
    assert {field for kind, field in warnings if kind == "dropped"} >= {
        "n", "top_logprobs", "user", "metadata", "store", "cache", "modalities", "verbosity", "logit_bias", "cache_key", "service_tier",
        "prediction",
    }  # fmt: skip
    assert asked(n=1, store=False, modalities=("text",))[1] == []


def test_quirks():
    body, warnings = asked(quirks=Quirks(no_sampling=True, no_seed=True), temperature=1.0, top_k=2, seed=1)
    assert body.keys() == {"model", "messages"}
    assert [field for _, field in warnings] == ["temperature", "top_k", "seed"]


@pytest.mark.parametrize(
    ("options", "thinking", "lost"),
    [
        (ReasoningOptions(enabled=True), {"type": "enabled"}, []),
        (ReasoningOptions(budget=500), {"type": "enabled", "token_budget": 500}, []),
        (ReasoningOptions(effort="low"), {"type": "enabled", "token_budget": 1024}, ["reasoning.effort"]),
        (ReasoningOptions(effort="max"), {"type": "enabled"}, ["reasoning.effort"]),
        (ReasoningOptions(effort="none"), {"type": "disabled"}, []),
        (ReasoningOptions(enabled=False), {"type": "disabled"}, []),
        (ReasoningOptions(show="omitted"), None, ["reasoning.show"]),
    ],
)
def test_thinking(options, thinking, lost):
    body, warnings = asked(reasoning=options)
    assert (body.get("thinking"), [field for _, field in warnings]) == (thinking, lost)


def test_a_model_that_does_not_think():
    body, warnings = asked(quirks=Quirks(thinking="none"), reasoning=ReasoningOptions(effort="high"))
    assert ("thinking" in body, warnings) == (False, [("dropped", "reasoning")])


def test_output():
    schema = {"type": "object"}
    assert asked(output=OutputFormat(schema, strict=True))[0]["response_format"] == {"type": "json_object", "json_schema": schema}
    body, warnings = asked(output=OutputFormat())
    assert body["response_format"] == {"type": "json_object"}
    assert (body["messages"][0]["role"], warnings) == ("system", [("approximated", "output")])
    assert asked(Message.user("write JSON"), output=OutputFormat())[1] == []


def test_tools():
    body, warnings = asked(tools=(WEATHER, Tool("none")), tool_choice=ToolChoice("required"))
    assert body["tools"][0] == {
        "type": "function",
        "function": {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}},
    }
    assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert (body["tool_choice"], warnings) == ("REQUIRED", [])
    assert asked(tools=(WEATHER,), tool_choice=ToolChoice("none"))[0]["tool_choice"] == "NONE"
    assert "tool_choice" not in asked(tools=(WEATHER,), tool_choice=ToolChoice("auto"))[0]


def test_one_tool_is_forced_by_sending_it_alone():
    body, warnings = asked(tools=(WEATHER, Tool("time")), tool_choice=ToolChoice("tool", ("time",)))
    assert ([tool["function"]["name"] for tool in body["tools"]], body["tool_choice"]) == (["time"], "REQUIRED")
    assert warnings == [("approximated", "tool_choice.names")]
    with pytest.raises(UsageError, match="tool_choice"):
        asked(tools=(WEATHER,), tool_choice=ToolChoice("tool"))


def test_strict_holds_for_all_tools():
    assert asked(tools=(Tool("a", strict=True),))[0]["strict_tools"] is True
    assert asked(tools=(Tool("a", strict=True), Tool("b")))[1] == [("approximated", "tools.strict")]
    assert "strict_tools" not in asked(tools=(Tool("a", strict=False),))[0]
    optional = Tool("c", parameters={"type": "object", "properties": {"x": {"type": "string"}}})
    body, told = asked(tools=(Tool("a", strict=True), optional))
    assert "strict_tools" not in body
    assert told == [("dropped", "tools.strict")]


def test_hosted_and_custom_tools():
    body, warnings = asked(tools=(HostedTool("web_search"), CustomTool("run", "d", "regex", "a+")))
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert warnings == [("dropped", "tools.web_search"), ("approximated", "tools.custom")]


def test_names_that_are_none_here_are_renamed_and_the_way_back_is_kept():
    call = ToolCall("1", "get-weather")
    request = Request(
        model="m",
        messages=(Message.user("x"), Message.assistant(call)),
        tools=(Tool("get-weather"), Tool("get_weather"), Tool("1st")),
    )
    encoded = DIALECT.encode_request(request, TARGET)
    body = msgspec.json.decode(encoded.wire.body)
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == ["get_weather_2", "get_weather", "_1st"]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "get_weather_2"
    assert encoded.context.tool_names == {"get_weather_2": "get-weather", "_1st": "1st"}


# --- messages -------------------------------------------------------------------------------------------------------------


def test_content_of_users():
    image = Image(Data(b"ABC", "image/png"), detail="original")
    messages, warnings = said(Message.system("be", "brief"), Message.user("look", image, Image(Url("https://i"))))
    assert messages == [
        {"role": "system", "content": [{"type": "text", "text": "be"}, {"type": "text", "text": "brief"}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "high"}},
                {"type": "image_url", "image_url": {"url": "https://i"}},
            ],
        },
    ]
    assert warnings == [("approximated", "messages.image.detail")]


def test_what_users_cannot_say_here():
    pdf = File(Data(b"%PDF", "application/pdf"))
    sound = Audio(Data(b"a", "audio/wav"), transcript="words")
    messages, warnings = said(Message.user("", Image(FileId("f")), pdf, sound, Audio(Data(b"a", "audio/wav"))))
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "words"}]}]
    assert warnings == [
        ("dropped", "messages.image"), ("dropped", "messages.file"), ("approximated", "messages.audio"), ("dropped", "messages.audio"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="image"):
        said(Message.user(Image(LocalFile("x.png"))))


def test_documents_of_users_stand_beside_the_conversation():
    own = File(Data(b"two", "text/plain"), state=ProviderState("cohere", b'{"id":"d","data":{"snippet":"two"}}'))
    body, warnings = asked(Message.user(File(Data(b"one", "text/plain"), filename="a.txt", context="c"), own, "which?"))
    assert body["documents"] == [
        {"id": "a.txt", "data": {"title": "a.txt", "context": "c", "text": "one"}},
        {"id": "d", "data": {"snippet": "two"}},
    ]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "which?"}]}]
    assert warnings == [("approximated", "messages.file")]


def test_assistants():
    plan = Reasoning("I look.", state=ProviderState("cohere", b'{"tool_plan":"I look."}'))
    cited = Citation("url", state=ProviderState("cohere", b'{"start":0,"end":1,"text":"a"}', Scope("cohere")))
    messages, warnings = said(
        Message.assistant(plan, ToolCall("1", "f", "", state=ProviderState("cohere", b'{"later":1}'))),
        Message.assistant(Reasoning("Hm"), Text("a", (cited,)), Refusal("no")),
        Message.assistant(Text("b")),
        Message.assistant(),
    )
    assert messages == [
        {
            "role": "assistant",
            "tool_plan": "I look.",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "later": 1}],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "no"}],
            "citations": [{"start": 0, "end": 1, "text": "a"}],
        },
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": ""},
    ]
    assert warnings == [("approximated", "messages.refusal")]


def test_the_state_of_others_stays_behind():
    foreign = ProviderState("anthropic-messages", b'{"signature":"SEALED"}', Scope("anthropic"))
    bound = ProviderState("cohere", b'{"text":"SEALED"}', Scope("elsewhere"))
    body, warnings = asked(
        Message.assistant(
            Reasoning("thought", state=foreign), Reasoning("", redacted=True, state=foreign), Opaque("x", foreign), Opaque("y", bound),
            Text("a", (Citation("url", state=bound), Citation("url"))), ToolCall("1", "f", state=foreign),
        )
    )  # fmt: skip
    assert b"SEALED" not in msgspec.json.encode(body)
    assert body["messages"][0]["content"][0] == {"type": "thinking", "thinking": "thought"}
    assert {field for _, field in warnings} == {
        "messages.reasoning.state", "messages.reasoning", "messages.x", "messages.y", "messages.citations", "messages.tool_call.state",
    }  # fmt: skip


def test_answers_of_tools():
    messages, warnings = said(
        Message.assistant(ToolCall("1", "f"), ToolCall("2", "g")),
        Message.tool(
            ToolResult("1", (Text("one"),)),
            ToolResult("2", (File(Data(b"4", "text/plain"), title="t"), Image(Url("https://i"))), is_error=True),
        ),
        Message.user("go on", ToolResult("3")),
    )
    assert [(said["role"], said.get("tool_call_id")) for said in messages[1:]] == [
        ("tool", "1"), ("tool", "2"), ("tool", "3"), ("user", None),
    ]  # fmt: skip
    assert messages[1]["content"] == "one"
    assert messages[2]["content"] == [{"type": "document", "document": {"data": {"title": "t", "text": "4"}}}]
    assert messages[4]["content"] == [
        {"type": "text", "text": "From the tool call 2:"},
        {"type": "image_url", "image_url": {"url": "https://i"}},
        {"type": "text", "text": "go on"},
    ]
    assert {field for _, field in warnings} == {"messages.tool_result", "messages.tool_result.is_error"}


def test_half_surrogates_and_what_json_cannot_hold():
    body, warnings = asked(Message.user("a\ud800"))
    assert (body["messages"][0]["content"], warnings) == ("a\ufffd", [("approximated", "messages")])
    with pytest.raises(UsageError, match="x: cannot be written"):
        asked(extra_body={"x": object()})
