"""Requests: every field in this protocol's words, judged by botocore's service model, and what cannot be said."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.dialects.bedrock_converse.judge import encode, losses, target
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
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from trunkline.values.model import Quirks
from trunkline.values.request import CustomTool, HostedTool, OutputFormat, ReasoningOptions, Tool, ToolChoice

ABC = base64.b64encode(b"ABC").decode()
WEATHER = Tool("weather", "d", {"type": "object"})
SPEC = {"toolSpec": {"name": "weather", "description": "d", "inputSchema": {"json": {"type": "object"}}}}


def content(*parts: Any, role: str = "user", **more: Any) -> Any:
    body, encoded = encode(Message(role, tuple(parts)), **more)
    return body["messages"][0]["content"] if body["messages"] else [], encoded


def test_the_path_names_the_model_as_one_segment():
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1.b"
    _, encoded = encode("hi", aim=target(model=arn))
    escaped = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fa1.b"
    assert encoded.wire.path == f"/model/{escaped}/converse"
    assert encode("hi", stream=True)[1].wire.path == "/model/anthropic.claude-test-v1%3A0/converse-stream"


def test_the_least():
    body, encoded = encode("hi")
    assert body == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    assert (encoded.wire.headers, encoded.warnings) == ((("content-type", "application/json"),), ())


def test_fields():
    body, encoded = encode(
        "hi", max_tokens=5, temperature=0.5, top_p=0.9, stop=("a", ""), metadata={"k": "v"}, service_tier="standard",
        extra_body={"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}, "inferenceConfig": {"maxTokens": 6}},
        extra_headers={"X-Amzn-Trace": "t"}, extra_query={"a": "b"},
    )  # fmt: skip
    assert body["inferenceConfig"] == {"maxTokens": 6, "temperature": 0.5, "topP": 0.9, "stopSequences": ["a"]}
    assert (body["requestMetadata"], body["serviceTier"]) == ({"k": "v"}, {"type": "default"})
    assert body["guardrailConfig"] == {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    assert (encoded.wire.query, dict(encoded.wire.headers)["x-amzn-trace"]) == ((("a", "b"),), "t")
    assert losses(encoded) == [("dropped", "stop")]


def test_what_cannot_be_said():
    _, encoded = encode(
        "hi", n=2, seed=1, logprobs=True, top_logprobs=2, frequency_penalty=0.1, presence_penalty=0.1, logit_bias={"a": 1.0}, user="u",
        prediction="p", verbosity="low", store=True, cache_key="k", modalities=("audio",), service_tier="odd", top_k=3, temperature=1.5,
        parallel_tool_calls=False,
    )  # fmt: skip
    assert {field for _, field in losses(encoded)} == {
        "n", "seed", "logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "user", "prediction", "verbosity", "store",
        "cache_key", "modalities", "service_tier", "top_k", "temperature", "parallel_tool_calls",
    }  # fmt: skip


def test_turns_alternate_and_results_come_first():
    body, encoded = encode(
        Message.system("s"), Message.user("a"), Message.user("b"), Message.assistant(ToolCall("1", "weather"), ToolCall("2", "weather")),
        Message.tool(ToolResult("1", (Text("x"),))), Message.user("c"), Message.tool(ToolResult("2", is_error=True)), tools=(WEATHER,),
    )  # fmt: skip
    assert body["system"] == [{"text": "s"}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [{"text": "a"}, {"text": "b"}]
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "1", "content": [{"text": "x"}]}},
        {"toolResult": {"toolUseId": "2", "content": [], "status": "error"}},
        {"text": "c"},
    ]
    assert encoded.warnings == ()
    apart, _ = encode("a", "b", aim=target(Quirks(alternate_roles=False)))
    assert len(apart["messages"]) == 2


def test_instructions_in_the_midst():
    body, encoded = encode("a", Message.system("s"))
    assert (body["system"], losses(encoded)) == ([{"text": "s"}], [("approximated", "messages.system")])
    body, encoded = encode("a", Message.system("s"), aim=target(Quirks(no_system_in_messages=False)))
    assert (body["messages"][1], losses(encoded)) == ({"role": "system", "content": [{"text": "s"}]}, [])


def test_pictures_films_and_sound():
    found, encoded = content(
        Image(Data(b"ABC", "image/jpeg")), Image(Url("s3://b/k.webp")), Video(Data(b"ABC", "video/3gpp")), Video(Url("s3://b/v.mkv")),
        Audio(Data(b"ABC", "audio/mpeg")),
    )  # fmt: skip
    assert found == [
        {"image": {"format": "jpeg", "source": {"bytes": ABC}}},
        {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/k.webp"}}}},
        {"video": {"format": "three_gp", "source": {"bytes": ABC}}},
        {"video": {"format": "mkv", "source": {"s3Location": {"uri": "s3://b/v.mkv"}}}},
        {"audio": {"format": "mp3", "source": {"bytes": ABC}}},
    ]
    assert encoded.warnings == ()
    found, encoded = content(
        Text("x"), Image(Url("https://x/a.png")), Image(Data(b"", "image/tiff")), Video(FileId("f")), Audio(None, "words"),
        Image(Data(b"A", "image/png"), detail="low"),
    )  # fmt: skip
    assert [next(iter(block)) for block in found] == ["text", "text", "image"]
    assert losses(encoded) == [
        ("dropped", "messages.image"), ("dropped", "messages.image"), ("dropped", "messages.video"), ("approximated", "messages.audio"),
        ("dropped", "messages.image.detail"),
    ]  # fmt: skip


def test_what_a_tool_showed_is_missed_where_it_cannot_be_said():
    shown = ToolResult("1", (Text("x"), Image(Url("https://x/a.png")), Text("")))
    body, encoded = encode("hi", Message.assistant(ToolCall("1", "weather")), Message.tool(shown), tools=(WEATHER,))
    assert body["messages"][2]["content"] == [{"toolResult": {"toolUseId": "1", "content": [{"text": "x"}]}}]
    assert losses(encoded) == [("dropped", "messages.image"), ("dropped", "messages.tool_result")]


def test_documents_have_names_each_its_own():
    pdf = Data(b"ABC", "application/pdf")
    found, encoded = content(
        File(pdf, "My_Report.pdf"), File(pdf), File(pdf), File(pdf, title="a/b:  c.d"), File(pdf, "My_Report.pdf")
    )
    assert [block["document"]["name"] for block in found] == ["My_Report", "document", "document 2", "a b c d", "My_Report 2"]
    assert losses(encoded) == [("renamed", "messages.file")]
    found, encoded = content(
        File(Data(b"words", "text/plain"), title="n", context="c", citations=True), File(Data(b"words", "text/plain"), title="o"),
        File(Data(b"{}", "application/json"), title="p"), File(Data(b"\xff", "application/zip"), title="q"),
        File(Data(b"ABC", "image/png")), File(Data(b"# a", "text/markdown"), title="r"),
    )  # fmt: skip
    assert found[0] == {
        "document": {"format": "txt", "name": "n", "source": {"text": "words"}, "context": "c", "citations": {"enabled": True}}
    }
    assert found[1]["document"]["source"] == {"bytes": base64.b64encode(b"words").decode()}
    assert found[2]["document"] == {"format": "txt", "name": "p", "source": {"text": "{}"}}
    assert [next(iter(block)) for block in found[3:]] == ["image", "document"]
    assert losses(encoded) == [("approximated", "messages.file"), ("dropped", "messages.file")]


def test_cache_points_follow_what_they_mark():
    mark = CacheMark("1h")
    body, encoded = encode(
        Message.system(Text("s", cache=CacheMark())), Message.user(Text("a", cache=mark), "b"),
        tools=(Tool("weather", cache=CacheMark("2d")),), cache=CacheMark(),
    )  # fmt: skip
    point = {"cachePoint": {"type": "default"}}
    long = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["system"] == [{"text": "s"}, point]
    assert body["messages"][0]["content"] == [{"text": "a"}, long, {"text": "b"}, point]
    assert body["toolConfig"]["tools"][1] == long
    assert losses(encoded) == [("approximated", "cache.ttl")]
    body, encoded = encode(Message.user(Text("a", cache=mark)), aim=target(Quirks(cache_marks="none")))
    assert (body["messages"][0]["content"], losses(encoded)) == ([{"text": "a"}], [("dropped", "cache")])


def test_tools():
    plain = CustomTool("sql", grammar="g")
    body, encoded = encode("hi", tools=(WEATHER, Tool("a.b", strict=True), HostedTool("systemTool", "nova_grounding"), plain))
    specs = body["toolConfig"]["tools"]
    assert specs[:3] == [
        SPEC,
        {
            "toolSpec": {
                "name": "a_b",
                "inputSchema": {"json": {"type": "object", "properties": {}, "additionalProperties": False}},
                "strict": True,
            }
        },
        {"systemTool": {"name": "nova_grounding"}},
    ]
    assert encoded.context.tool_names == {"a_b": "a.b"}
    assert encoded.context.custom_tools == ("sql",)
    assert losses(encoded) == [("renamed", "tools.name"), ("approximated", "tools.custom")]
    _, encoded = encode("hi", tools=(HostedTool("web_search"),))
    assert losses(encoded) == [("dropped", "tools.hosted")]


@pytest.mark.parametrize(
    ("choice", "said", "lost"),
    [
        (ToolChoice("auto"), {"auto": {}}, []),
        (ToolChoice("required"), {"any": {}}, []),
        (ToolChoice("tool", ("weather",)), {"tool": {"name": "weather"}}, []),
        (ToolChoice("required", ("weather", "other")), {"any": {}}, []),
    ],
)
def test_choices(choice, said, lost):
    body, encoded = encode("hi", tools=(WEATHER, Tool("other")), tool_choice=choice)
    assert (body["toolConfig"]["toolChoice"], losses(encoded)) == (said, lost)


def test_no_tool_may_be_called():
    body, encoded = encode("hi", tools=(WEATHER,), tool_choice=ToolChoice("none"))
    assert ("toolConfig" in body, losses(encoded)) == (False, [("approximated", "tools"), ("approximated", "tool_choice")])
    loop = ("hi", Message.assistant(ToolCall("1", "weather")), Message.tool(ToolResult("1")))
    body, encoded = encode(*loop, tools=(WEATHER,), tool_choice=ToolChoice("none"))
    assert (body["toolConfig"], losses(encoded)) == ({"tools": [SPEC]}, [("dropped", "tool_choice")])


def test_a_conversation_with_calls_must_give_tools():
    body, encoded = encode("hi", Message.assistant(ToolCall("1", "weather")), Message.tool(ToolResult("1")))
    assert body["toolConfig"] == {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}}]}
    assert losses(encoded) == [("approximated", "tools")]


def test_calls():
    body, encoded = encode(
        Message.user("hi"),
        Message.assistant(ToolCall("a b" * 30, "weather", '{"x": 1}'), ToolCall("2", "weather", "no"), ToolCall("3", "sql", "t", "custom")),
        Message.tool(ToolResult("a b" * 30), ToolResult("2", (Image(Data(b"ABC", "image/png")),)), ToolResult("3")),
        Message.assistant(ToolCall("2", "weather", "")), Message.tool(ToolResult("2")), tools=(WEATHER, Tool("sql")),
    )  # fmt: skip
    calls = [block["toolUse"] for turn in body["messages"] for block in turn["content"] if "toolUse" in block]
    assert [call["input"] for call in calls] == [{"x": 1}, {"INVALID_JSON": "no"}, {"input": "t"}, {}]
    results = [
        block["toolResult"]["toolUseId"] for turn in body["messages"] for block in turn["content"] if "toolResult" in block
    ]
    assert results == [call["toolUseId"] for call in calls]
    assert len(set(results)) == 4
    assert [kind for kind, _ in losses(encoded)] == ["renamed", "approximated", "renamed"]


def test_what_the_assistant_said():
    foreign = ProviderState("openai-chat", b"{}")
    body, encoded = encode(
        "hi", Message.assistant(Reasoning("t"), Text("a", (Citation("url"),)), Refusal("no"), Opaque("x", foreign), Text(" "))
    )
    assert body["messages"][1]["content"] == [{"text": "a"}, {"text": "no"}]
    assert losses(encoded) == [
        ("dropped", "messages.reasoning"), ("dropped", "messages.citations"), ("approximated", "messages.refusal"),
        ("dropped", "messages.x"), ("dropped", "messages.text"),
    ]  # fmt: skip


def test_output():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body, encoded = encode("hi", output=OutputFormat(schema, "person", "who"))
    closed = '{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
    assert body["outputConfig"] == {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": closed, "name": "person", "description": "who"}},
        }
    }
    assert losses(encoded) == [("approximated", "output.schema")]
    body, encoded = encode("hi", output=OutputFormat())
    assert ("JSON" in body["system"][0]["text"], losses(encoded)) == (True, [("approximated", "output")])
    body, encoded = encode("hi", output=OutputFormat(schema), aim=target(Quirks(no_response_format=True)))
    assert ('"properties"' in body["system"][0]["text"], losses(encoded)) == (True, [("approximated", "output.schema")])


@pytest.mark.parametrize(
    ("quirks", "asked", "own", "effort", "lost"),
    [
        (Quirks(thinking="adaptive"), ReasoningOptions(effort="high"), {"thinking": {"type": "adaptive"}}, "high", []),
        (Quirks(), ReasoningOptions(enabled=True, show="omitted"), {"thinking": {"type": "adaptive", "display": "omitted"}}, None, []),
        (Quirks(), ReasoningOptions(budget=2000), {"thinking": {"type": "enabled", "budget_tokens": 2000}}, None, []),
        (Quirks(thinking="enabled"), ReasoningOptions(effort="low"), {"thinking": {"type": "enabled", "budget_tokens": 2048}}, None, ["reasoning"]),
        (Quirks(thinking="adaptive"), ReasoningOptions(budget=5000), {"thinking": {"type": "adaptive"}}, "medium", ["reasoning.budget"]),
        (Quirks(), ReasoningOptions(budget=9), {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None, ["reasoning.budget"]),
        (Quirks(), ReasoningOptions(effort="none"), {"thinking": {"type": "disabled"}}, None, []),
        (Quirks(thinking="always"), ReasoningOptions(effort="none"), None, "low", ["reasoning"]),
        (Quirks(thinking="none"), ReasoningOptions(effort="low"), None, None, ["reasoning"]),
        (Quirks(reasoning_style="effort"), ReasoningOptions(effort="max"), {"reasoning_effort": "high"}, None, ["reasoning.effort"]),
        (Quirks(reasoning_style="reasoning_config"), ReasoningOptions(budget=9000),
         {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}, None, ["reasoning.budget"]),
        (Quirks(reasoning_style="reasoning_config"), ReasoningOptions(enabled=False), {"reasoningConfig": {"type": "disabled"}}, None, []),
        (Quirks(), ReasoningOptions(enabled=True, show="odd"), {"thinking": {"type": "adaptive"}}, None, ["reasoning.show"]),
    ],
)  # fmt: skip
def test_thinking(quirks, asked, own, effort, lost):
    body, encoded = encode("hi", reasoning=asked, aim=target(quirks))
    assert body.get("additionalModelRequestFields") == own
    assert body.get("outputConfig", {}).get("effort") == effort
    assert [field for _, field in losses(encoded)] == lost


def test_a_budget_needs_room():
    body, _ = encode("hi", reasoning=ReasoningOptions(budget=9000))
    assert body["inferenceConfig"] == {"maxTokens": 13_096}
    body, encoded = encode("hi", reasoning=ReasoningOptions(budget=9000), max_tokens=4000)
    assert body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 2000
    _, encoded = encode("hi", reasoning=ReasoningOptions(budget=9000), max_tokens=500)
    assert losses(encoded) == [("dropped", "reasoning")]


def test_sampling_while_thinking():
    thinking = ReasoningOptions(enabled=True)
    body, encoded = encode(
        "hi", reasoning=thinking, temperature=0.5, top_p=0.97, top_k=3, aim=target(Quirks(top_k_field="top_k"))
    )
    assert (body["inferenceConfig"], losses(encoded)) == ({"topP": 0.97}, [("dropped", "temperature"), ("dropped", "top_k")])
    _, encoded = encode("hi", reasoning=thinking, tools=(WEATHER,), tool_choice=ToolChoice("required"))
    assert losses(encoded) == [("approximated", "tool_choice")]


def test_top_k_is_the_models_own():
    body, _ = encode("hi", top_k=3, aim=target(Quirks(top_k_field="top_k")))
    assert body["additionalModelRequestFields"] == {"top_k": 3}
    body, _ = encode("hi", top_k=3, aim=target(Quirks(top_k_field="inferenceConfig.topK")))
    assert body["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}


@pytest.mark.parametrize(
    ("messages", "fields"),
    [
        ((Message.user(Image(LocalFile("x.png"))),), {}),
        ((Message.user(ToolCall("1", "f")),), {}),
        ((Message.assistant(ToolResult("1")),), {}),
        (("hi",), {"extra_body": {"x": object()}}),
    ],
)
def test_what_is_refused_before_anything_is_sent(messages, fields):
    with pytest.raises(UsageError):
        encode(*messages, **fields)


def test_half_a_surrogate_pair():
    body, encoded = encode("a\ud800")
    assert (body["messages"][0]["content"], losses(encoded)) == ([{"text": "a\ufffd"}], [("approximated", "messages")])


def test_no_tool_is_renamed_to_what_another_is_called():
    body, encoded = encode("hi", tools=(Tool("get.weather"), Tool("get_weather"), Tool("get-weather")))
    names = [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]]
    assert (len(set(names)), names[1:]) == (3, ["get_weather", "get-weather"])
    assert encoded.context.tool_names == {names[0]: "get.weather"}


def test_long_conversations():
    """So long that what took time by its square would not end."""
    many = 15_000
    body, _ = encode(*["a"] * many, judged=False)
    assert [len(turn["content"]) for turn in body["messages"]] == [many]
    calls = Message.assistant(*[ToolCall(f"c{n}", f"w{n}") for n in range(many)])
    results = [m for n in range(many) for m in (Message.tool(ToolResult(f"c{n}")), Message.user("b"))]
    body, _ = encode("a", calls, *results, judged=False)
    shown = body["messages"][2]["content"]
    assert [block["toolResult"]["toolUseId"] for block in shown[:many]] == [f"c{n}" for n in range(many)]
    assert shown[many:] == [{"text": "b"}] * many
    assert len(body["toolConfig"]["tools"]) == many


def test_many_documents_of_one_name():
    found, _ = content(*[File(Data(b"a", "text/plain"), "a.txt")] * 30_000, judged=False)
    assert found[-1]["document"]["name"] == "a 30000"


def test_what_a_tool_answers_takes_no_mark_no_citations_and_no_sound():
    wav, own = Data(b"a", "audio/wav"), ProviderState("bedrock-converse", b'{"title":"t"}')
    shown = ToolResult("1", (Text("a", (Citation("web", url="u", state=own),), CacheMark()), Audio(wav), Audio(wav, "b")))
    body, encoded = encode("hi", Message.assistant(ToolCall("1", "weather")), Message.tool(shown), tools=(WEATHER,))
    assert body["messages"][2]["content"] == [{"toolResult": {"toolUseId": "1", "content": [{"text": "a"}, {"text": "b"}]}}]
    assert losses(encoded) == [
        ("dropped", "messages.cache"), ("dropped", "messages.citations"), ("dropped", "messages.audio"),
        ("approximated", "messages.audio"), ("dropped", "messages.tool_result"),
    ]  # fmt: skip


def test_no_tool_is_forced_that_is_not_given():
    tools = (WEATHER, HostedTool("web_search", "search"))
    body, encoded = encode("hi", tools=tools, tool_choice=ToolChoice("tool", ("search",)))
    assert body["toolConfig"]["toolChoice"] == {"auto": {}}
    assert losses(encoded) == [("dropped", "tools.hosted"), ("approximated", "tool_choice")]
