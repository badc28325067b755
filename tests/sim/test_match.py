"""Which requests a ``When`` is for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.asking import asked
from trunkline import Data, Image, Message, OutputFormat, Text, Tool, ToolCall, ToolResult, UsageError
from trunkline.sim import When

USER = Message.user("Will it RAIN in Oslo?")
CALLED = Message("assistant", (ToolCall("c1", "weather"), ToolCall("c2", "clock")))
RESULTS = Message.tool(ToolResult("c1", (Text("4 °C and rain"),)), ToolResult("c2", (Text("noon"),)))
TOOLS = (Tool("weather"), Tool("clock"))


@pytest.mark.parametrize(
    "when, said, fits",
    [
        ({}, {}, True),
        ({"text": "rain"}, {}, True),
        ({"text": "snow"}, {}, False),
        ({"text": "/rain|snow/i"}, {}, True),
        ({"text": "/rain/"}, {}, False),
        ({"system": "brief"}, {}, False),
        ({"model": "M"}, {}, True),
        ({"model": "m"}, {"model": "mm"}, False),
        ({"model": "/^m/"}, {"model": "mm"}, True),
        ({"tools": True}, {}, False),
        ({"tools": False}, {}, True),
        ({"tools": True}, {"tools": TOOLS}, True),
        ({"tools": "clock"}, {"tools": TOOLS}, True),
        ({"tools": "lock"}, {"tools": TOOLS}, False),
        ({"stream": True}, {}, False),
        ({"stream": True}, {"stream": True}, True),
        ({"dialect": "openai-chat"}, {}, True),
        ({"dialect": "openai-chat"}, {"dialect": "anthropic-messages"}, False),
        ({"output": True}, {}, False),
        ({"output": True}, {"output": OutputFormat()}, True),
        ({"images": True}, {}, False),
        ({"after_tool": True}, {}, False),
        ({"after_tool": False}, {}, True),
        ({"headers": {"X-Mode": "fast"}}, {"headers": {"x-mode": "Faster"}}, True),
        ({"headers": {"x-mode": "fast"}}, {}, False),
        ({"headers": {"x-mode": False}}, {}, True),
        ({"headers": {"x-mode": True}}, {"headers": {"x-mode": ""}}, True),
        ({"operation": "count_tokens"}, {}, False),
        ({"operation": "count_tokens"}, {"operation": "count_tokens"}, True),
        ({"operation": "models"}, {"operation": "models"}, True),
        ({"operation": "model", "model": "m"}, {"operation": "model"}, True),
        ({"operation": "model", "model": "n"}, {"operation": "model"}, False),
        ({"text": "rain", "tools": True}, {}, False),
    ],
)
def test_one_turn(when: dict[str, Any], said: dict[str, Any], fits: bool) -> None:
    assert When(**when)(asked(USER, **said)) is fits


@pytest.mark.parametrize(
    "when, fits",
    [
        ({"after_tool": True}, True),
        ({"after_tool": "weather"}, True),
        ({"after_tool": "clock"}, True),
        ({"after_tool": "rain"}, False),
        ({"text": "rain"}, False),  # that was the turn before
    ],
)
def test_after_tools(when: dict[str, Any], fits: bool) -> None:
    assert When(**when)(asked(USER, CALLED, RESULTS)) is fits
    assert When(**when)(asked(USER, CALLED, RESULTS, Message.assistant("It"))) is fits, "words put into its mouth are no turn"


def test_the_next_turn_of_the_user() -> None:
    later = asked(Message.system("Be brief."), USER, CALLED, RESULTS, Message.assistant("Rain."), Message.user("and snow?"))
    assert When(text="snow", system="brief")(later)
    assert not When(text="rain")(later)
    assert not When(after_tool=True)(later)


def test_pictures_of_the_last_turn() -> None:
    picture = Message.user("look", Image(Data(b"x", "image/png")))
    assert When(images=True)(asked(picture))
    assert not When(images=True)(asked(picture, Message.assistant("ok"), USER))


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(UsageError, match="text: not a regular expression"):
        When(text="/(/")
    with pytest.raises(UsageError, match="tools"):
        When(tools=5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="operation"):
        When(operation="sing")  # type: ignore[arg-type]
