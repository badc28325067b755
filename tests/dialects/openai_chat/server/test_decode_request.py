"""Requests in every spelling, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.dialects.dialect import Decoded, Dialect, Operation
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import InvalidRequestError
from trunkline.values.headers import Headers
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
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
from trunkline.wire.http import HttpRequest

HI = [{"role": "user", "content": "hi"}]


def decode(body: Any, url: str = "/v1/chat/completions") -> Decoded:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECT.decode_request(HttpRequest("POST", url, Headers(), data))


def asked(**fields: Any) -> Request:
    """The request of a body with these fields; nothing is lost of it."""
    decoded = decode({"model": "m", "messages": HI} | fields)
    assert decoded.warnings == ()
    return decoded.request


def said(*messages: Any) -> tuple[Message, ...]:
    return asked(messages=list(messages)).messages


def parts(content: Any, role: str = "user") -> tuple[Any, ...]:
    return said({"role": role, "content": content})[0].parts


def lost(**fields: Any) -> list[tuple[str, str]]:
    warnings = decode({"model": "m", "messages": HI} | fields).warnings
    return [(warning.kind, warning.field) for warning in warnings]


def refused(body: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        decode(body)
    assert caught.value.status == 400
    return caught.value


# --- the whole --------------------------------------------------------------------------------------------------------


def test_the_least_request():
    decoded = decode({"model": "m", "messages": HI})
    assert decoded.request == Request(model="m", messages=(Message.user("hi"),))
    context = decoded.context
    assert (context.model, context.target.dialect, context.target.provider) == ("m", "openai-chat", "")
    assert (context.stream, context.include_usage) == (False, False)
    assert context.served is not None
    assert not context.served.functions


@pytest.mark.parametrize(
    ("fields", "stream", "usage"),
    [
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": None}, True, False),
        ({"stream": False, "stream_options": {"include_usage": True}}, False, False),
        ({"stream": None}, False, False),
    ],
)
def test_streams(fields, stream, usage):
    context = decode({"model": "m", "messages": HI} | fields).context
    assert (context.stream, context.include_usage) == (stream, usage)


def test_null_is_absent_everywhere():
    names = ("max_tokens", "temperature", "tools", "functions", "tool_choice", "response_format", "stop", "seed", "logprobs", "audio",
             "reasoning", "reasoning_effort", "metadata", "user", "logit_bias", "stream", "unheard_of")  # fmt: skip
    assert asked(**dict.fromkeys(names)) == asked()


def test_the_model_may_stand_in_the_path_or_nowhere():
    azure = decode({"messages": HI}, "https://x.openai.azure.com/openai/deployments/gpt%2D4o/chat/completions?api-version=1")
    assert azure.request.model == "gpt-4o"
    assert decode({"messages": HI}).request.model == ""


def test_what_we_do_not_know_is_kept():
    fields = {"min_p": 0.1, "provider": {"order": ["a", None]}, "n_probs": 2}
    assert asked(**fields).extra_body == fields
    assert asked(stream_options={"include_obfuscation": False}).extra_body == {"stream_options": {"include_obfuscation": False}}


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 5.0}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": -1}, {"extra_body": {"max_tokens": -1}}),
        ({"stop": "x"}, {"stop": ("x",)}),
        ({"stop": ["x", "y"]}, {"stop": ("x", "y")}),
        ({"random_seed": 7}, {"seed": 7}),
        ({"user": "u"}, {"user": "u"}),
        ({"safety_identifier": "s", "user": "u"}, {"user": "s", "extra_body": {"user": "u"}}),
        ({"prompt_cache_key": "k"}, {"cache_key": "k"}),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}, {"cache": CacheMark("30m")}),
        ({"prompt_cache_retention": "24h"}, {"cache": CacheMark("24h")}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"metadata": {"a": 1}}, {"extra_body": {"metadata": {"a": 1}}}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logprobs": 1}, {"logprobs": True, "extra_body": {"logprobs": 1}}),
        ({"logit_bias": {"1": -100}}, {"logit_bias": {"1": -100}}),
        ({"verbosity": "low"}, {"verbosity": "low"}),
        ({"verbosity": "loud"}, {"extra_body": {"verbosity": "loud"}}),
        ({"temperature": 1, "n": 2.0}, {"temperature": 1, "n": 2}),
        (
            {"modalities": ["text", "audio"], "audio": {"voice": {"id": "voice_1"}, "format": "mp3"}},
            {"modalities": ("text", "audio"), "audio": AudioOutput("voice_1", "mp3")},
        ),
        ({"prediction": {"type": "content", "content": "x"}}, {"prediction": "x"}),
        ({"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}}, {"prediction": "xy"}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"output": OutputFormat()}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}, "strict": True, "description": "d"}}},
            {"output": OutputFormat({"a": 1}, "n", "d", True)},
        ),
        ({"response_format": {"type": "json_object", "schema": {"a": 1}}}, {"output": OutputFormat({"a": 1})}),
        ({"response_format": {"type": "grammar", "value": "x"}}, {"extra_body": {"response_format": {"type": "grammar", "value": "x"}}}),
        ({"reasoning_effort": "none"}, {"reasoning": ReasoningOptions("none")}),
        ({"reasoning_effort": "default"}, {"extra_body": {"reasoning_effort": "default"}}),
        ({"reasoning": {"effort": "high", "exclude": True}}, {"reasoning": ReasoningOptions("high", show="omitted")}),
        ({"reasoning": {"max_tokens": 9}}, {"reasoning": ReasoningOptions(budget=9)}),
        ({"reasoning": {"enabled": False}}, {"reasoning": ReasoningOptions(enabled=False)}),
        ({"reasoning": {"effort": "odd"}}, {"extra_body": {"reasoning": {"effort": "odd"}}}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, {"reasoning": ReasoningOptions(budget=9, enabled=True)}),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, {"reasoning": ReasoningOptions("high")}),
        (
            {"thinking": {"type": "disabled"}, "reasoning_effort": "high"},
            {"reasoning": ReasoningOptions("high"), "extra_body": {"thinking": {"type": "disabled"}}},
        ),
        ({"enable_thinking": True, "thinking_budget": 5}, {"reasoning": ReasoningOptions(budget=5, enabled=True)}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"reasoning": ReasoningOptions(enabled=False)}),
        ({"chat_template_kwargs": {"x": 1}}, {"extra_body": {"chat_template_kwargs": {"x": 1}}}),
    ],
)  # fmt: skip
def test_fields(fields, expected):
    assert asked(**fields) == Request(model="m", messages=(Message.user("hi"),), **expected)


def test_what_is_lost_is_told():
    assert lost(max_tokens=5, max_completion_tokens=6) == [("dropped", "max_tokens")]
    assert lost(logprobs=False, top_logprobs=2) == [("dropped", "top_logprobs")]
    assert lost(modalities=["audio"], audio={"voice": {"id": "v"}}) == [("approximated", "audio.voice")]
    assert lost(messages=[{"role": "user", "content": "hi", "images": ["x"]}]) == [("dropped", "messages.user.images")]
    text = {"type": "text", "text": "a", "new": 1, "cache_control": {"type": "other"}}
    assert lost(messages=[{"role": "user", "content": [text]}]) == [
        ("dropped", "messages.text.new"),
        ("dropped", "messages.cache_control"),
    ]
    thoughts = {"role": "assistant", "content": "a", "reasoning": "b", "reasoning_content": "c"}
    assert lost(messages=[thoughts]) == [("dropped", "messages.reasoning")]


# --- tools ------------------------------------------------------------------------------------------------------------


def test_tools():
    found = asked(
        tools=[
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True, "x": 1}, "y": 2},
            {"type": "function", "name": "flat", "parameters": None},
            {"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}}},
            {"type": "web_search", "force": True},
        ],
        functions=[{"name": "old"}],
        web_search_options={"search_context_size": "low"},
    )  # fmt: skip
    assert found.tools == (
        Tool("f", "d", {"type": "object"}, True, None, {"y": 2, "function": {"x": 1}}),
        Tool("flat"),
        CustomTool("c", None, "regex", "a+"),
        HostedTool("web_search", options={"force": True}),
        Tool("old"),
        HostedTool("web_search", options={"search_context_size": "low"}),
    )


def test_who_has_custom_tools_is_remembered():
    served = decode({"model": "m", "messages": HI, "tools": [{"type": "custom", "custom": {"name": "c"}}]}).context.served
    assert served is not None
    assert served.custom_tools == ("c",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("any", ToolChoice("required")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", ("f",))),
        ({"type": "function", "name": "f"}, ToolChoice("tool", ("f",))),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("tool", ("c",), ("c",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}},
            ToolChoice("required", ("f",)),
        ),
    ],
)  # fmt: skip
def test_choices(value, expected):
    assert asked(tool_choice=value).tool_choice == expected


def test_a_choice_of_a_tool_unknown_is_kept():
    choice = {"type": "web_search_preview"}
    assert asked(tool_choice=choice).extra_body == {"tool_choice": choice}


@pytest.mark.parametrize(("value", "expected"), [("auto", ToolChoice("auto")), ({"name": "f"}, ToolChoice("tool", ("f",)))])
def test_choices_of_before_there_were_tools(value, expected):
    decoded = decode({"model": "m", "messages": HI, "functions": [{"name": "f"}], "function_call": value})
    assert decoded.request.tool_choice == expected
    assert decoded.context.served is not None
    assert decoded.context.served.functions


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions(role):
    assert said({"role": role, "content": "a", "name": "n"}) == (Message("system", (Text("a"),), "n"),)
    assert said({"role": role, "content": [{"type": "text", "text": "a"}]}) == (Message.system("a"),)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("plain", Text("plain")),
        ({"type": "text", "text": ""}, Text("")),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, Text("a", cache=CacheMark("1h"))),
        ({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("a", cache=CacheMark())),
        ({"type": "image_url", "image_url": "http://a/b"}, Image(Url("http://a/b"))),
        ({"type": "image_url", "image_url": {"url": "https://a/b", "detail": "low"}}, Image(Url("https://a/b"), "low")),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}, Image(Data(b"hi", "image/png"))),
        ({"type": "video_url", "video_url": {"url": "https://a/b"}}, Video(Url("https://a/b"))),
        ({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}, Audio(Data(b"hi", "audio/mpeg"))),
        ({"type": "file", "file": {"file_id": "f"}}, File(FileId("f"))),
        ({"type": "file", "file": {"filename": "n", "file_data": "data:application/pdf;base64,aGk="}}, File(Data(b"hi", "application/pdf"), "n")),
    ],
)  # fmt: skip
def test_parts(part, expected):
    assert parts([part]) == (expected,)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "hologram", "beam": {"deep": [None]}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,not base64!"}},
        {"type": "image_url", "image_url": {"url": "no address"}},
        {"type": "input_audio", "input_audio": "aGk="},
        {"type": "input_audio", "input_audio": {"data": "https://a/b.mp3", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "aGk="}},
    ],
)
def test_parts_that_we_have_no_value_for_are_kept(part):
    (found,) = parts([part])
    assert isinstance(found, Opaque)
    assert json.loads(found.state.data) == part
    assert (found.state.dialect, found.state.scope.provider) == ("openai-chat", None)


def test_an_assistant():
    (message,) = said({
        "role": "assistant", "name": "n", "reasoning": "why", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}],
        "refusal": "never", "audio": {"id": "x", "transcript": "t", "data": "aGk=", "expires_at": 5}, "prefix": True, "parsed": {"a": 1},
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}, "index": 0, "extra_content": {"g": 1}},
                       {"id": "2", "function": {"name": "f", "arguments": {"a": 1}}}, {"id": "3", "type": "custom", "custom": {"name": "c", "input": "x"}}],
    })  # fmt: skip
    thought, text, refusal, second, audio, prefix, first_call, *calls = message.parts
    assert (message.name, thought, text, refusal, second) == ("n", Reasoning("why"), Text("a"), Refusal("no"), Refusal("never"))
    assert audio == Audio(Data(b"hi", "application/octet-stream"), "t", "x", 5)
    assert isinstance(prefix, Opaque)
    assert (prefix.kind, prefix.state.data) == ("prefix", b'{"prefix":true}')
    assert isinstance(first_call, ToolCall)
    assert first_call.state is not None
    assert (first_call.raw_arguments, first_call.state.data) == ("{", b'{"extra_content":{"g":1}}')
    assert calls == [ToolCall("2", "f", '{"a":1}'), ToolCall("3", "c", "x", "custom")]


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_may_say_nothing(content):
    assert said({"role": "assistant", "content": content}, {"role": "assistant"}) == (Message.assistant(), Message.assistant())


def test_sealed_reasoning_is_state_as_the_client_makes_it():
    details = [{"type": "reasoning.text", "text": "a", "signature": "s"}, {"type": "reasoning.summary", "summary": "b"}]
    (message,) = said({"role": "assistant", "content": "x", "reasoning_details": details, "reasoning": None})
    thought = message.parts[0]
    assert isinstance(thought, Reasoning)
    assert thought.state is not None
    assert (thought.text, thought.state.must_return) == ("ab", True)
    assert json.loads(thought.state.data) == {"reasoning_details": details}


def test_reasoning_as_a_part():
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "a"}], "closed": True}
    (thought,) = parts([part], "assistant")
    assert isinstance(thought, Reasoning)
    assert thought.state is not None
    assert (thought.text, json.loads(thought.state.data)) == ("a", part)


def test_annotations():
    page = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    (message,) = said({"role": "assistant", "content": "a", "annotations": [page, {"type": "file", "file": {"hash": "h"}}]})
    text, kept = message.parts
    assert text == Text("a", (Citation("url", title="t", url="u", text_start=0, text_end=1),))
    assert isinstance(kept, Opaque)
    assert kept.kind == "annotations"


def test_results():
    call = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}
    found = said(
        call,
        {"role": "tool", "tool_call_id": "c", "content": "4", "name": "f"},
        {"role": "tool", "tool_call_id": "c", "content": None},
    )
    assert found == (
        Message.assistant(ToolCall("c", "f", "{}")),
        Message.tool(ToolResult("c", (Text("4"),), name="f")),
        Message.tool(ToolResult("c")),
    )


def test_functions_answer_the_call_of_their_name():
    decoded = decode({"model": "m", "messages": [
        *HI, {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "4"}, {"role": "function", "name": "g", "content": "5"},
    ]})  # fmt: skip
    _, call, result, stray = decoded.request.messages
    assert call.parts == (ToolCall("call_1_f", "f", "{}"),)
    assert result.parts == (ToolResult("call_1_f", (Text("4"),), name="f"),)
    assert stray.parts == (ToolResult("call_g", (Text("5"),), name="g"),)
    assert decoded.context.served is not None
    assert decoded.context.served.functions


# --- what is none -----------------------------------------------------------------------------------------------------


def request_with(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": HI} | fields


def message(**fields: Any) -> dict[str, Any]:
    return request_with(messages=[fields])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"\xff\xfe", None),
        (b"[1]", None),
        (b"[" * 100_000, None),
        (b'{"model": "m", "messages": [' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}", None),
        ({"model": "m"}, "messages"),
        ({"model": 5, "messages": HI}, "model"),
        (request_with(messages="hi"), "messages"),
        (request_with(messages=["hi"]), "messages[0]"),
        (message(content="zebra"), "messages[0].role"),
        (message(role="zebra", content="a"), "messages[0].role"),
        (message(role="user"), "messages[0].content"),
        (message(role="user", content=5), "messages[0].content"),
        (message(role="user", content=[5]), "messages[0].content[0]"),
        (message(role="user", content=[{"text": "zebra"}]), "messages[0].content[0].type"),
        (message(role="user", content=[{"type": "text", "text": None}]), "messages[0].content[0].text"),
        (message(role="user", content=[{"type": "image_url"}]), "messages[0].content[0].image_url"),
        (message(role="user", content=[{"type": "image_url", "image_url": {}}]), "messages[0].content[0].image_url.url"),
        (message(role="user", content=[{"type": "file", "file": {}}]), "messages[0].content[0].file"),
        (message(role="tool", content="a"), "messages[0].tool_call_id"),
        (message(role="function", content="a"), "messages[0].name"),
        (message(role="assistant", tool_calls=[{"id": "", "function": {"name": "f"}}]), "messages[0].tool_calls[0].id"),
        (message(role="assistant", tool_calls=[{"id": "a", "function": {}}]), "messages[0].tool_calls[0].function.name"),
        (message(role="assistant", audio={"id": 5}), "messages[0].audio.id"),
        (request_with(temperature="zebra"), "temperature"),
        (request_with(temperature=True), "temperature"),
        (b'{"model":"m","messages":[],"temperature":1e999}', "temperature"),
        (b'{"model":"m","messages":[],"x":{"y":[NaN]}}', "x.y[0]"),
        (b'{"model":"m","messages":[],"x":-1' + b"0" * 400 + b".0}", "x"),
        (request_with(max_tokens=1.5), "max_tokens"),
        (request_with(max_tokens=2**70), "max_tokens"),
        (request_with(n="2"), "n"),
        (request_with(n=0), "n"),
        (request_with(n=-1), "n"),
        (request_with(logprobs=True, top_logprobs=21), "top_logprobs"),
        (request_with(logprobs=False, top_logprobs=-1), "top_logprobs"),
        (request_with(stop=[1]), "stop[0]"),
        (request_with(stream="yes"), "stream"),
        (request_with(stream_options={"include_usage": 1}), "stream_options.include_usage"),
        (request_with(logit_bias={"zebra": "x"}), "logit_bias"),
        (request_with(tools=5), "tools"),
        (request_with(tools=[{"type": "function"}]), "tools[0].name"),
        (request_with(tools=[{"type": "function", "function": {"name": "f", "parameters": []}}]), "tools[0].function.parameters"),
        (request_with(tool_choice="zebra"), "tool_choice"),
        (request_with(tool_choice={"type": "function", "function": {}}), "tool_choice.function.name"),
        (request_with(response_format="zebra"), "response_format"),
        (request_with(response_format={"type": "json_schema"}), "response_format.json_schema"),
        (request_with(reasoning_effort=5), "reasoning_effort"),
        (request_with(metadata="zebra"), "metadata"),
    ],
)
def test_what_is_no_request(body, param):
    error = refused(body)
    assert error.param == param
    assert "zebra" not in str(error)
    reply = DIALECT.encode_error(error, DIALECT.context_of(HttpRequest("POST", "/", Headers(), b"")))
    told = json.loads(reply.body)["error"]
    assert (reply.status, told["param"], told["type"]) == (400, param, "invalid_request_error")


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"model":"m","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"x","model":"m","messages":[{"role":"user","content":"hi"}]}',
        b' \n{"model":"m","messages":[{"role":"user","content":"hi"}]} ',
    ],
)
def test_bytes_that_are_odd_and_legible(body):
    assert decode(body).request == asked()


def test_half_surrogates_are_read_as_replacement_characters():
    assert decode(b'{"model":"m","messages":[{"role":"user","content":"a\\ud800"}]}').request.messages == (
        Message.user("a\ufffd"),
    )


@pytest.mark.parametrize(
    ("body", "model", "stream"), [(b"", "", False), (b'{"model": "m", "stream": true}', "m", True), (b'{"model": 5}', "", False)]
)
def test_the_context_of_what_could_not_be_decoded(body, model, stream):
    context = DIALECT.context_of(HttpRequest("POST", "/", Headers(), body))
    assert (context.model, context.stream) == (model, stream)


def test_routes():
    found = {(route.method, route.path, route.operation) for route in DIALECT.routes}
    assert ("POST", "/v1/chat/completions", Operation.GENERATE) in found
    assert ("POST", "/chat/completions", Operation.GENERATE) in found
    assert ("GET", "/v1/models/{model}", Operation.MODEL) in found
    assert ("POST", "/openai/v1/chat/completions", Operation.GENERATE) in found
    assert ("POST", "/openai/deployments/{model}/chat/completions", Operation.GENERATE) in found
    assert ("POST", "/v1/chat/completions/input_tokens", Operation.COUNT_TOKENS) in found
    assert len(found) == 13


def test_it_is_a_whole_dialect():
    assert isinstance(DIALECT, Dialect)
