"""Messages, parts, and whom provider state may be sent to."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from trunkline.values.errors import UsageError
from trunkline.values.media import Data
from trunkline.values.message import (
    Image,
    Message,
    ProviderState,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
    ToolResult,
)
from trunkline.values.model import Target

TARGET = Target("d", "p", "m", key="k")


@pytest.mark.parametrize(
    ("provider", "model", "account"), list(itertools.product((None, "p", "other"), (None, "m", "other"), (None, "k", "other")))
)
def test_a_scope_covers_a_target_that_differs_in_nothing_that_it_names(
    provider: str | None, model: str | None, account: str | None
) -> None:
    assert Scope(provider, model, account).covers(TARGET) == ("other" not in (provider, model, account))


def test_state_bound_to_an_account_is_for_no_target_without_a_key() -> None:
    assert not Scope(account="k").covers(Target("d", "p", "m"))


def test_state_goes_to_its_own_dialect_only() -> None:
    state = ProviderState("d", b"{}", Scope("p"))
    assert state.fits("d", TARGET)
    assert not state.fits("e", TARGET)
    assert not ProviderState("d", b"{}", Scope("other")).fits("d", TARGET)


def test_a_message_reads_as_its_parts() -> None:
    message = Message.assistant(Reasoning("hm"), "a", ToolCall("1", "f"), Text("b"), Refusal("n"), Refusal("o"))
    assert (message.text, message.reasoning, message.refusal) == ("ab", "hm", "no")
    assert message.tool_calls == (ToolCall("1", "f"),)
    assert Message.user("x").refusal is None
    assert Message.tool(ToolResult("1")).role == "tool"


@pytest.mark.parametrize(
    ("role", "parts", "field"),
    [
        ("usr", (), "role"),
        (None, (), "role"),
        (["user"], (), "role"),
        ("user", [Text("a")], "parts"),
        ("user", "text", "parts"),
        ("user", (Text("a"), "b"), "parts[1]"),
        ("user", (None,), "parts[0]"),
    ],
)
def test_what_is_no_message_is_refused(role: Any, parts: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        Message(role, parts)
    assert caught.value.field == field
    assert caught.value.allowed


@pytest.mark.parametrize(("raw", "parsed"), [('{"a": 1}', {"a": 1}), ("", {}), ("  \n", {}), ("{}", {})])
def test_arguments_are_parsed_when_they_are_an_object(raw: str, parsed: dict[str, Any]) -> None:
    assert ToolCall("1", "f", raw).arguments == parsed


@pytest.mark.parametrize("raw", ["{", "[1]", "5", "null", '"secret text"', "{secret text", "[" * 100_000, '{"a": "\ud83d"}'])
def test_arguments_that_are_none_say_so_and_stay_as_they_are(raw: str) -> None:
    call = ToolCall("1", "f", raw)
    with pytest.raises(ValueError, match="raw_arguments") as caught:
        _ = call.arguments
    assert "secret" not in str(caught.value)
    assert call.raw_arguments == raw


def test_data_shows_its_size_and_not_itself() -> None:
    assert repr(Image(Data(b"canary", "image/png"))) == "Image(source=Data(image/png, 6 bytes))"


def test_messages_are_values() -> None:
    message = Message.user("a")
    with pytest.raises(AttributeError):
        message.role = "system"  # type: ignore[misc]
    assert message == Message("user", (Text("a"),))
    assert hash(message) == hash(Message.user("a"))
