"""A request is looked over before it is sent."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from hypothesis import given, settings

from tests import strategies
from trunkline.values.check import check_built, check_headers, check_query, check_request
from trunkline.values.errors import UsageError
from trunkline.values.expect import only
from trunkline.values.media import Data
from trunkline.values.message import CacheMark, Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import AudioOutput, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice

CANARY = "CANARY-7f3a"
HI = (Message.user("hi"),)
NAN, INFINITY = float("nan"), float("inf")


def request(**fields: Any) -> Request:
    return Request(**{"model": "m", "messages": HI, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stream": True, "max_tokens": 0, "temperature": 0, "top_p": 1, "top_k": 0, "seed": -5, "n": 1},
        {"temperature": 2.0, "frequency_penalty": -2, "presence_penalty": 2.0, "logit_bias": {"50256": -100}},
        {"logprobs": True, "top_logprobs": 0, "stop": ("END",), "metadata": {"a": ""}, "verbosity": "low"},
        {
            "reasoning": ReasoningOptions("max", 0, True, "omitted"),
            "modalities": ("text", "audio"),
            "audio": AudioOutput("alloy"),
        },
        {"tools": (Tool("f"),), "tool_choice": ToolChoice("tool", ("f",)), "parallel_tool_calls": False},
        {"tool_choice": ToolChoice("tool", ("f",)), "extra_body": {"tools": [{"type": "function", "function": {"name": "f"}}]}},
        {"extra_headers": {"X-A": "b c\tä"}, "extra_query": {"a": "b"}, "extra_body": {"a": [1, None, {"b": True}]}},
        {"cache": CacheMark(), "store": False, "user": "u", "cache_key": "k", "service_tier": "flex", "prediction": ""},
        {"output": OutputFormat({"type": "object"})},
    ],
)
def test_what_some_provider_could_take_passes(fields: dict[str, Any]) -> None:
    check_request(request(**fields))


@pytest.mark.parametrize(
    ("fields", "field", "got"),
    [
        ({"model": ""}, "model", "str"),
        ({"model": None}, "model", "None"),
        ({"messages": ()}, "messages", "tuple"),
        ({"messages": [Message.user("x")]}, "messages", "list"),
        ({"messages": (CANARY,)}, "messages", "tuple"),
        ({"stream": 1}, "stream", "int"),
        ({"stream": "yes"}, "stream", "str"),
        ({"max_tokens": -1}, "max_tokens", "int"),
        ({"max_tokens": True}, "max_tokens", "bool"),
        ({"max_tokens": 1.5}, "max_tokens", "float"),
        ({"max_tokens": "100"}, "max_tokens", "str"),
        ({"temperature": -0.1}, "temperature", "float"),
        ({"temperature": 2.1}, "temperature", "float"),
        ({"temperature": NAN}, "temperature", "float"),
        ({"temperature": INFINITY}, "temperature", "float"),
        ({"temperature": True}, "temperature", "bool"),
        ({"temperature": "hot"}, "temperature", "str"),
        ({"temperature": 10**400}, "temperature", "int"),
        ({"top_p": 1.1}, "top_p", "float"),
        ({"top_k": -1}, "top_k", "int"),
        ({"frequency_penalty": 3}, "frequency_penalty", "int"),
        ({"presence_penalty": -3}, "presence_penalty", "int"),
        ({"seed": 1.0}, "seed", "float"),
        ({"n": 0}, "n", "int"),
        ({"top_logprobs": 3}, "top_logprobs", None),
        ({"top_logprobs": -1, "logprobs": True}, "top_logprobs", "int"),
        ({"logprobs": 1}, "logprobs", "int"),
        ({"logit_bias": {1: 5}}, "logit_bias", "int"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1", "int"),
        ({"logit_bias": [CANARY]}, "logit_bias", "list"),
        ({"stop": "END"}, "stop", "str"),
        ({"stop": ("a", "")}, "stop[1]", "str"),
        ({"stop": (5,)}, "stop[0]", "int"),
        ({"metadata": {"a": 5}}, "metadata.a", "int"),
        ({"metadata": {5: "a"}}, "metadata", "int"),
        ({"user": ""}, "user", "str"),
        ({"user": 5}, "user", "int"),
        ({"verbosity": CANARY}, "verbosity", "str"),
        ({"prediction": b"x"}, "prediction", "bytes"),
        ({"store": "yes"}, "store", "str"),
        ({"cache": True}, "cache", "bool"),
        ({"modalities": ("",)}, "modalities[0]", "str"),
        ({"modalities": "text"}, "modalities", "str"),
        ({"audio": {"voice": "x"}}, "audio", "dict"),
        ({"audio": AudioOutput("")}, "audio.voice", "str"),
        ({"output": {"type": "object"}}, "output", "dict"),
        ({"output": OutputFormat({"a": object()})}, "output.schema.a", "object"),
        ({"reasoning": "high"}, "reasoning", "str"),
        ({"reasoning": ReasoningOptions("lots")}, "reasoning.effort", "str"),  # type: ignore[arg-type]
        ({"reasoning": ReasoningOptions(budget=-1)}, "reasoning.budget", "int"),
        ({"reasoning": ReasoningOptions(show="all")}, "reasoning.show", "str"),
        ({"tools": ({"name": "f"},)}, "tools[0]", "dict"),
        ({"tool_choice": "auto"}, "tool_choice", "str"),
        ({"tool_choice": ToolChoice("required")}, "tool_choice", None),
        ({"tool_choice": ToolChoice("some"), "tools": (Tool("f"),)}, "tool_choice.mode", "str"),  # type: ignore[arg-type]
        ({"tool_choice": ToolChoice("tool"), "tools": (Tool("f"),)}, "tool_choice.names", "0 names"),
        ({"tool_choice": ToolChoice("tool", ("g",)), "tools": (Tool("f"),)}, "tool_choice.names[0]", "str"),
        ({"extra_headers": {"a b": "c"}}, "extra_headers", "str"),
        ({"extra_headers": {"": "c"}}, "extra_headers", "str"),
        ({"extra_headers": {"X-A": "b\r\nX-B: c"}}, "extra_headers.X-A", "str"),
        ({"extra_headers": {"X-A": "b\0"}}, "extra_headers.X-A", "str"),
        ({"extra_headers": {"X-A": "€"}}, "extra_headers.X-A", "str"),
        ({"extra_headers": {"X-A": 5}}, "extra_headers.X-A", "int"),
        ({"extra_headers": {5: "a"}}, "extra_headers", "int"),
        ({"extra_headers": {"Content-Length": "5"}}, "extra_headers.Content-Length", None),
        ({"extra_headers": [("a", "b")]}, "extra_headers", "list"),
        ({"extra_query": {"a": 5}}, "extra_query.a", "int"),
        ({"extra_body": {"a": {"b": object()}}}, "extra_body.a.b", "object"),
        ({"extra_body": {"a": [NAN]}}, "extra_body.a[0]", "float"),
        ({"extra_body": {(5,): 5}}, "extra_body", "tuple"),
        ({"extra_body": [CANARY]}, "extra_body", "list"),
    ],
)
def test_what_is_wrong_everywhere_is_refused(fields: dict[str, Any], field: str, got: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(request(**fields))
    assert caught.value.field == field
    assert caught.value.got == got
    assert CANARY not in str(caught.value)


@given(strategies.of(Request))
@settings(max_examples=200)
def test_checking_is_total(asked: Request) -> None:
    try:
        check_request(asked)
    except UsageError as error:
        assert error.field


def test_a_plain_request_is_checked_in_a_few_steps() -> None:
    steps = 0

    def count(frame: types.FrameType, event: str, arg: object) -> Any:
        nonlocal steps
        steps += event == "call"
        return count

    plain = request(messages=HI * 1000)
    sys.settrace(count)
    try:
        check_request(plain)
    finally:
        sys.settrace(None)
    assert steps <= 5


def test_an_unknown_option_is_refused_with_what_was_probably_meant() -> None:
    only({"temperature": 1}, "", ["temperature", "top_p"], "option")
    with pytest.raises(
        UsageError, match=r"^temprature: unknown option; did you mean 'temperature'\?; allowed: temperature, top_p$"
    ):
        only(["top_p", "temprature"], "", ["temperature", "top_p"], "option")


def test_headers_may_be_checked_under_another_name() -> None:
    with pytest.raises(UsageError, match=r"^headers\.A: "):
        check_headers({"A": "\n"}, "headers")


@pytest.mark.parametrize(
    ("message", "field", "got"),
    [
        (Message("user", (Text(None),)), "messages[1].parts[0].text", "null"),  # type: ignore[arg-type]
        (Message("user", (Text("a"), Text("b", citations=True))), "messages[1].parts[1].citations", "bool"),  # type: ignore[arg-type]
        (Message("user", (Image("a.png"),)), "messages[1].parts[0].source", "str"),  # type: ignore[arg-type]
        (Message("assistant", (ToolCall(5, "f", "{}"),)), "messages[1].parts[0].id", "int"),  # type: ignore[arg-type]
        (Message("tool", (ToolResult("a", None),)), "messages[1].parts[0].parts", "null"),  # type: ignore[arg-type]
        (Message("assistant", (Reasoning(bytearray(b"secret")),)), "messages[1].parts[0]", None),  # type: ignore[arg-type]
        (Message("user", (Text(object()),)), "messages[1].parts[0]", "Text"),  # type: ignore[arg-type]
    ],
)
def test_a_message_that_was_built_of_wrong_types_is_told_by_its_place(message: Message, field: str, got: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        check_built((Message.user("hi"), message))
    assert caught.value.field is not None
    assert caught.value.field.startswith(field)
    assert got is None or caught.value.got == got
    assert "secret" not in str(caught.value)


def test_messages_that_are_well_built_pass() -> None:
    check_built(
        (
            Message.user("a\ud800", Image(Data(b"\xff", "image/png"))),
            Message("assistant", (ToolCall("a", "f", "{}"),)),
            Message("tool", (ToolResult("a", (Text("b"),)),)),
        )
    )


@pytest.mark.parametrize("query", [{"a": "\ud800"}, {"\udfff": "a"}])
def test_a_query_is_what_a_url_can_carry(query: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="half a surrogate pair") as caught:
        check_query(query, "extra_query")
    str(caught.value).encode()


def test_what_an_error_names_can_be_written() -> None:
    with pytest.raises(UsageError) as caught:
        check_request(Request(model="m", messages=(Message.user("a"),), logit_bias={"\ud800": "much"}))  # type: ignore[dict-item]
    assert "\\ud800" in str(caught.value)
    str(caught.value).encode()
