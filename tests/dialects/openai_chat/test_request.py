"""Options of requests: every field that we can say, judged by the vendor's own types; every field that we cannot, told."""

from __future__ import annotations

import msgspec
import pytest

from tests.dialects.openai_chat.judge import MODEL, context, encode, judge, losses, target
from trunkline.dialects.dialect import ClientHalf, Framing
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import UsageError
from trunkline.values.message import CacheMark, Message
from trunkline.values.model import Quirks
from trunkline.values.request import AudioOutput, OutputFormat, ReasoningOptions, Request, Tool

TOOL = Tool("weather", "Tells the weather", {"type": "object", "properties": {"city": {"type": "string"}}})
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


def test_is_a_client_half():
    assert isinstance(DIALECT, ClientHalf)
    assert (DIALECT.id, DIALECT.framing) == ("openai-chat", Framing.SSE)


def test_plain_question():
    body, encoded = encode("Why is the sky blue?")
    assert body == {"model": MODEL, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    assert (encoded.wire.method, encoded.wire.path, encoded.wire.query) == ("POST", "/chat/completions", ())
    assert dict(encoded.wire.headers) == {"content-type": "application/json"}
    assert encoded.warnings == ()
    assert encoded.context == context()


def test_the_judge_refuses_what_the_vendor_does_not_know():
    body, _ = encode("hi")
    with pytest.raises(AssertionError):
        judge(body | {"top_k": 1})
    with pytest.raises(AssertionError):
        judge(body | {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "more": 1}]}]})


@pytest.mark.parametrize(
    ("fields", "wire"),
    [
        ({"max_tokens": 5}, {"max_completion_tokens": 5}),
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"frequency_penalty": 0.5, "presence_penalty": -1.0}, {"frequency_penalty": 0.5, "presence_penalty": -1.0}),
        ({"stop": ("a", "b")}, {"stop": ["a", "b"]}),
        ({"seed": 0}, {"seed": 0}),
        ({"n": 2}, {"n": 2}),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"logprobs": False}, {"logprobs": False}),
        ({"logit_bias": {"1": -100.0}}, {"logit_bias": {"1": -100}}),
        ({"verbosity": "low"}, {"verbosity": "low"}),
        ({"modalities": ("text",)}, {"modalities": ["text"]}),
        ({"audio": AudioOutput("alloy")}, {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
        (
            {"audio": AudioOutput("voice_12", "mp3"), "modalities": ("audio",)},
            {"modalities": ["audio"], "audio": {"voice": {"id": "voice_12"}, "format": "mp3"}},
        ),
        ({"prediction": "code"}, {"prediction": {"type": "content", "content": "code"}}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"store": True}, {"store": True}),
        ({"store": False}, {"store": False}),
        ({"user": "u1"}, {"safety_identifier": "u1"}),
        ({"cache_key": "k"}, {"prompt_cache_key": "k"}),
        ({"cache": CacheMark()}, {}),
        ({"cache": CacheMark("30m")}, {"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}),
        ({"cache": CacheMark("24h")}, {"prompt_cache_retention": "24h"}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"output": OutputFormat()}, {"response_format": {"type": "json_object"}}),
        (
            {"output": OutputFormat(SCHEMA, "answer", "An answer", strict=True)},
            {"response_format": {"type": "json_schema", "json_schema": {
                "name": "answer", "schema": SCHEMA, "description": "An answer", "strict": True}}},
        ),
        ({"reasoning": ReasoningOptions("low")}, {"reasoning_effort": "low"}),
        ({"reasoning": ReasoningOptions(enabled=False)}, {"reasoning_effort": "none"}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"parallel_tool_calls": False, "tools": (Tool("t"),)},
            {"parallel_tool_calls": False, "tools": [{"type": "function", "function": {"name": "t"}}]}),
    ],
)  # fmt: skip
def test_each_field(fields, wire):
    body, encoded = encode("hi, in JSON", **fields)
    assert body == {"model": MODEL, "messages": [{"role": "user", "content": "hi, in JSON"}]} | wire
    assert encoded.warnings == ()


def test_context_of_a_stream():
    assert encode(stream=True)[1].context == context(stream=True, include_usage=True)
    body, encoded = encode(stream=True, aim=Quirks(no_stream_options=True))
    assert "stream_options" not in body
    assert (encoded.context.stream, encoded.context.include_usage) == (True, False)


@pytest.mark.parametrize(
    ("quirks", "fields", "wire"),
    [
        ({"max_tokens_field": "max_tokens"}, {"max_tokens": 5}, {"max_tokens": 5}),
        ({"user_field": "user"}, {"user": "u1"}, {"user": "u1"}),
        ({"seed_field": "random_seed"}, {"seed": 1}, {"random_seed": 1}),
        ({"no_n": True}, {"n": 1}, {}),
        ({"no_strict": True}, {"output": OutputFormat(SCHEMA, strict=False)},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA}}}),
        ({"no_strict": True}, {"output": OutputFormat(SCHEMA, strict="if_known")},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA}}}),
        ({}, {"output": OutputFormat(SCHEMA, strict="if_known")},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA, "strict": True}}}),
        ({"sampling_needs_effort_none": True}, {"temperature": 0.5, "reasoning": ReasoningOptions("none")},
            {"temperature": 0.5, "reasoning_effort": "none"}),
        ({"json_object_only": True}, {"output": OutputFormat()}, {"response_format": {"type": "json_object"}}),
        ({"no_metadata": True}, {"store": False}, {}),
        ({"split_flag": "reasoning_split"}, {}, {"reasoning_split": True}),
        ({"needs_max_tokens": True}, {}, {"max_completion_tokens": 8192}),
        ({"needs_max_tokens": True, "max_tokens_field": "max_tokens"}, {"max_tokens": 5}, {"max_tokens": 5}),
        ({"needs_max_tokens": True, "no_stream_options": True}, {"stream": True},
            {"max_completion_tokens": 32_000, "stream": True}),
    ],
)  # fmt: skip
def test_quirks_that_lose_nothing(quirks, fields, wire):
    body, encoded = encode("hi, in JSON", aim=Quirks(**quirks), judged=False, **fields)
    assert {name: body[name] for name in body if name not in ("model", "messages")} == wire
    assert encoded.warnings == ()


def test_a_limit_that_must_be_named_is_the_models_own_where_that_is_less():
    aim = msgspec.structs.replace(target(Quirks(needs_max_tokens=True)), max_output=100)
    encoded = DIALECT.encode_request(Request(model="m", messages=(Message.user("hi"),)), aim)
    assert msgspec.json.decode(encoded.wire.body)["max_completion_tokens"] == 100


@pytest.mark.parametrize(
    ("quirks", "fields", "wire", "lost"),
    [
        ({}, {"top_k": 5}, {}, [("dropped", "top_k")]),
        ({"no_sampling": True}, {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 1.0, "presence_penalty": 1.0}, {},
            [("dropped", "temperature"), ("dropped", "top_p"), ("dropped", "frequency_penalty"), ("dropped", "presence_penalty")]),
        ({"sampling_needs_effort_none": True}, {"temperature": 1.0}, {}, [("dropped", "temperature")]),
        ({"sampling_needs_effort_none": True}, {"top_p": 1.0, "reasoning": ReasoningOptions("high")}, {"reasoning_effort": "high"},
            [("dropped", "top_p")]),
        ({"no_penalties": True}, {"frequency_penalty": 1.0, "temperature": 1.0}, {"temperature": 1.0}, [("dropped", "frequency_penalty")]),
        ({"no_stop": True}, {"stop": ("a",)}, {}, [("dropped", "stop")]),
        ({"stop_faulty": True}, {"stop": ("a",)}, {"stop": ["a"]}, [("approximated", "stop")]),
        ({"stop_faulty": True, "no_stop": True}, {"stop": ("a",)}, {}, [("dropped", "stop")]),
        ({"no_seed": True}, {"seed": 1}, {}, [("dropped", "seed")]),
        ({"no_n": True}, {"n": 2}, {}, [("dropped", "n")]),
        ({"no_logprobs": True}, {"logprobs": True, "top_logprobs": 2}, {}, [("dropped", "logprobs"), ("dropped", "top_logprobs")]),
        ({"no_logit_bias": True}, {"logit_bias": {"1": 1.0}}, {}, [("dropped", "logit_bias")]),
        ({"no_user": True}, {"user": "u"}, {}, [("dropped", "user")]),
        ({"no_metadata": True}, {"metadata": {"a": "b"}, "store": True}, {}, [("dropped", "metadata"), ("dropped", "store")]),
        ({"no_service_tier": True}, {"service_tier": "flex"}, {}, [("dropped", "service_tier")]),
        ({"no_cache_key": True}, {"cache_key": "k"}, {}, [("dropped", "cache_key")]),
        ({"cache_marks": "none"}, {"cache": CacheMark("30m")}, {}, [("dropped", "cache.ttl")]),
        ({}, {"cache": CacheMark("5m")}, {}, [("approximated", "cache.ttl")]),
        ({"no_response_format": True}, {"output": OutputFormat()}, {}, [("approximated", "output")]),
        ({"no_response_format": True}, {"output": OutputFormat(SCHEMA)}, {}, [("approximated", "output.schema")]),
        ({}, {"output": OutputFormat()}, {"response_format": {"type": "json_object"}}, [("approximated", "output")]),
        ({"json_object_only": True}, {"output": OutputFormat(SCHEMA)}, {"response_format": {"type": "json_object"}},
            [("approximated", "output.schema")]),
        ({"no_strict": True}, {"output": OutputFormat(SCHEMA, strict=True)},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA}}},
            [("dropped", "output.strict")]),
        ({}, {"output": OutputFormat(SCHEMA, "a b")},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a_b", "schema": SCHEMA}}},
            [("renamed", "output.name")]),
        ({}, {"audio": AudioOutput("alloy", "mp3"), "stream": True},
            {"audio": {"voice": "alloy", "format": "pcm16"}, "modalities": ["text", "audio"], "stream": True,
                "stream_options": {"include_usage": True}}, [("approximated", "audio.format")]),
        ({}, {"parallel_tool_calls": True}, {}, [("dropped", "parallel_tool_calls")]),
    ],
)  # fmt: skip
def test_what_is_lost_is_told(quirks, fields, wire, lost):
    body, encoded = encode("hi", aim=Quirks(**quirks), **fields)
    assert {name: body[name] for name in body if name not in ("model", "messages")} == wire
    assert losses(encoded) == lost
    assert all(warning.reason for warning in encoded.warnings)


@pytest.mark.parametrize(
    ("said", "opens"),
    [
        ([Message.user("hi")], [{"role": "system", "content": "{}"}, {"role": "user", "content": "hi"}]),
        ([Message.system("s"), Message.user("hi")],
            [{"role": "system", "content": "s\n\n{}"}, {"role": "user", "content": "hi"}]),
        ([Message.system("a", "b"), Message.user("hi")], [{"role": "system", "content": [
            {"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "text", "text": "{}"}]},
            {"role": "user", "content": "hi"}]),
    ],
)  # fmt: skip
def test_a_schema_that_has_no_field_is_said_in_words(said, opens):
    words = (
        "Reply with a single JSON object and nothing else: no prose, no code fence. It must obey this JSON Schema:\n"
        + msgspec.json.encode(SCHEMA).decode()
    )
    body, _ = encode(*said, aim=Quirks(json_object_only=True), output=OutputFormat(SCHEMA))
    assert msgspec.json.encode(body["messages"]).decode() == msgspec.json.encode(opens).decode().replace(
        "{}", msgspec.json.encode(words).decode()[1:-1]
    )
    developer, _ = encode("hi", aim=Quirks(json_object_only=True, system_role="developer"), output=OutputFormat(SCHEMA))
    assert developer["messages"][0] == {"role": "developer", "content": words}


def test_a_schema_with_half_surrogates_is_said_all_the_same():
    body, _ = encode("hi", aim=Quirks(json_object_only=True), output=OutputFormat({"type": "object", "title": "a\ud800"}))
    assert "\ufffd" in body["messages"][0]["content"]


MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("said", "last"),
    [
        (["hi"], {"role": "user", "content": [{"type": "text", "text": "hi"} | MARK]}),
        (
            [Message.user("a", "b")],
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"} | MARK]},
        ),
        (["hi", Message.assistant("")], {"role": "user", "content": [{"type": "text", "text": "hi"} | MARK]}),
    ],
)
def test_the_whole_prompt_is_marked_where_nothing_is_cached_without(said, last):
    body, encoded = encode(*said, aim=Quirks(cache_marks="cache_control"), judged=False, cache=CacheMark())
    assert last in body["messages"]
    assert encoded.wire.body.count(b"cache_control") == 1
    assert encoded.warnings == ()
    body, encoded = encode("hi", aim=Quirks(cache_marks="cache_control"), judged=False, cache=CacheMark("1h"))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert encoded.warnings == ()


# --- reasoning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quirks", "wanted", "wire", "lost"),
    [
        ({}, {"budget": 2000}, {"reasoning_effort": "low"}, [("approximated", "reasoning.budget")]),
        ({}, {"budget": 0}, {"reasoning_effort": "none"}, [("approximated", "reasoning.budget")]),
        ({}, {"budget": 100_000}, {"reasoning_effort": "xhigh"}, [("approximated", "reasoning.budget")]),
        ({}, {"effort": "high", "budget": 9}, {"reasoning_effort": "high"}, [("dropped", "reasoning.budget")]),
        ({}, {"enabled": True}, {"reasoning_effort": "medium"}, [("approximated", "reasoning.enabled")]),
        ({}, {"show": "summarized"}, {}, [("dropped", "reasoning.show")]),
        ({"efforts": ("low", "high")}, {"effort": "max"}, {"reasoning_effort": "high"}, [("approximated", "reasoning.effort")]),
        ({"efforts": ("low", "high")}, {"effort": "medium"}, {"reasoning_effort": "low"}, [("approximated", "reasoning.effort")]),
        ({"efforts": ("none", "high")}, {"effort": "minimal"}, {"reasoning_effort": "high"}, [("approximated", "reasoning.effort")]),
        ({"efforts": ("low", "high")}, {"effort": "none"}, {"reasoning_effort": "low"}, [("approximated", "reasoning.effort")]),
        ({"efforts": ("low", "high")}, {"effort": "high"}, {"reasoning_effort": "high"}, []),
        ({"reasoning_style": "none"}, {"effort": "high"}, {}, [("dropped", "reasoning")]),
        ({"reasoning_style": "none"}, {"effort": "none"}, {}, []),
        ({"thinking": "none"}, {"effort": "high"}, {}, [("dropped", "reasoning")]),
        ({"thinking": "always"}, {"effort": "none"}, {}, [("dropped", "reasoning")]),
        ({"thinking": "always"}, {"effort": "high"}, {"reasoning_effort": "high"}, []),
        ({"reasoning_style": "openrouter"}, {"effort": "high"}, {"reasoning": {"effort": "high"}}, []),
        ({"reasoning_style": "openrouter"}, {"budget": 2000}, {"reasoning": {"max_tokens": 2000}}, []),
        ({"reasoning_style": "openrouter"}, {"enabled": False}, {"reasoning": {"enabled": False}}, []),
        ({"reasoning_style": "openrouter"}, {"effort": "low", "show": "omitted"}, {"reasoning": {"effort": "low", "exclude": True}}, []),
        ({"reasoning_style": "openrouter"}, {"effort": "low", "budget": 1, "show": "updates"}, {"reasoning": {"effort": "low"}},
            [("dropped", "reasoning.budget"), ("dropped", "reasoning.show")]),
        ({"reasoning_style": "thinking_type"}, {"enabled": True}, {"thinking": {"type": "enabled"}}, []),
        ({"reasoning_style": "thinking_type"}, {"effort": "none"}, {"thinking": {"type": "disabled"}}, []),
        ({"reasoning_style": "thinking_type", "efforts": ("high", "max")}, {"effort": "low"},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, [("approximated", "reasoning.effort")]),
        ({"reasoning_style": "thinking_type"}, {"effort": "low", "budget": 10}, {"thinking": {"type": "enabled"}},
            [("approximated", "reasoning.budget"), ("approximated", "reasoning.effort")]),
        ({"reasoning_style": "enable_thinking"}, {"budget": 10}, {"enable_thinking": True, "thinking_budget": 10}, []),
        ({"reasoning_style": "enable_thinking"}, {"enabled": False}, {"enable_thinking": False}, []),
        ({"reasoning_style": "together"}, {"enabled": True}, {"reasoning": {"enabled": True}}, []),
        ({"reasoning_style": "chat_template"}, {"enabled": False}, {"chat_template_kwargs": {"enable_thinking": False}}, []),
    ],
)  # fmt: skip
def test_reasoning(quirks, wanted, wire, lost):
    body, encoded = encode(
        "hi", aim=Quirks(**quirks), judged=not quirks.get("reasoning_style"), reasoning=ReasoningOptions(**wanted)
    )
    assert {name: body[name] for name in body if name not in ("model", "messages")} == wire
    assert losses(encoded) == lost


def test_tools_may_need_effort_none():
    quirks = Quirks(tools_need_effort_none=True)
    body, encoded = encode("hi", aim=quirks, tools=(TOOL,), reasoning=ReasoningOptions("high"))
    assert (body["reasoning_effort"], losses(encoded)) == ("none", [("approximated", "reasoning")])
    body, encoded = encode("hi", aim=quirks, tools=(TOOL,))
    assert (body["reasoning_effort"], losses(encoded)) == ("none", [])
    body, encoded = encode("hi", aim=quirks, reasoning=ReasoningOptions("high"))
    assert (body["reasoning_effort"], losses(encoded)) == ("high", [])
    assert "reasoning_effort" not in encode("hi", aim=quirks)[0]


# --- extras -----------------------------------------------------------------------------------------------------------


def test_extra_body_wins_and_is_merged_deeply():
    extra = {
        "stream_options": {"include_obfuscation": False},
        "model": "other",
        "moderation": {"model": "omni"},
        "temperature": None,
    }
    body, _ = encode(stream=True, temperature=1.0, extra_body=extra)
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert (body["model"], body["moderation"], body["temperature"]) == ("other", {"model": "omni"}, None)


def test_extra_headers_and_query():
    _, encoded = encode(extra_headers={"x-a": "1"}, extra_query={"q": "2"})
    assert encoded.wire.headers == (("content-type", "application/json"), ("x-a", "1"))
    assert encoded.wire.query == (("q", "2"),)


def test_what_is_no_json_is_refused():
    for value in (object(), {1j: 2}):
        with pytest.raises(UsageError):
            encode(extra_body={"a": value})
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(UsageError):
        encode(extra_body=deep)


def test_half_surrogates_are_replaced():
    body, encoded = encode(Message.user("a\ud800b"), Message.user("\ud83d\ude00"))
    assert [message["content"] for message in body["messages"]] == ["a\ufffdb", "😀"]
    assert losses(encoded) == [("approximated", "messages")]


def test_models_request():
    assert DIALECT.models_request().path == "/models"
    assert DIALECT.models_request("x").query == (("after", "x"),)


def test_request_is_not_changed():
    request = Request(
        model="m", messages=(Message.user("hi"),), extra_body={"a": {"b": 1}}, tools=(Tool("t", extra={"function": {"x": 1}}),)
    )
    before = msgspec.json.encode(request)
    assert DIALECT.encode_request(request, target()).wire.body == DIALECT.encode_request(request, target()).wire.body
    assert msgspec.json.encode(request) == before
