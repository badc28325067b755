"""``cache="auto"`` in every dialect: marks where they pay, none where the provider caches by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline.dialects.cache_marks import LEAST, auto_marked
from trunkline.dialects.known import client_half_of
from trunkline.values.media import Data
from trunkline.values.message import CacheMark, Image, Message, Text, ToolCall, ToolResult
from trunkline.values.model import Quirks, Target
from trunkline.values.request import Request, Tool

AUTO = CacheMark(auto=True)
LONG = "x" * LEAST
TOOL = Tool("f", "does", {"type": "object", "properties": {}})
TALK = (Message.system(LONG), Message.user("a"), Message.assistant("b"), Message.user("c", "d"))


def request(*messages: Message, **said: Any) -> Request:
    return Request(**{"model": "m", "messages": messages, "cache": AUTO, **said})


def marked(asked: Request) -> list[str]:
    """What bears a mark: a tool's name, a part's text, or its kind."""
    tools = [tool.name for tool in asked.tools if isinstance(tool, Tool) and tool.cache is not None]
    parts = [part for message in asked.messages for part in message.parts if getattr(part, "cache", None) is not None]
    return [str(name) for name in tools] + [part.text if isinstance(part, Text) else type(part).__name__ for part in parts]


def sent(dialect: str, asked: Request, quirks: Quirks = Quirks()) -> dict[str, Any]:
    encoded = client_half_of(dialect).encode_request(asked, Target(dialect, "p", "m", quirks=quirks))
    assert not [warning for warning in encoded.warnings if "cache" in warning.field]
    body: dict[str, Any] = msgspec.json.decode(encoded.wire.body.split(b"\n")[0])
    return body


MARK = {"cache_control": {"type": "ephemeral"}}
POINT = {"cachePoint": {"type": "default"}}


def test_messages() -> None:
    body = sent("anthropic-messages", request(*TALK, tools=(TOOL,)))
    assert body["system"] == [{"type": "text", "text": LONG, **MARK}]
    assert body["messages"][-1]["content"] == [{"type": "text", "text": "c"}, {"type": "text", "text": "d", **MARK}]
    assert "cache_control" not in body and "cache_control" not in body["tools"][0]


def test_messages_without_a_system_mark_the_last_tool() -> None:
    body = sent("anthropic-messages", request(Message.user("hi"), tools=(Tool("e"), Tool("f", LONG))))
    assert ["cache_control" in tool for tool in body["tools"]] == [False, True]


def test_converse() -> None:
    body = sent("bedrock-converse", request(*TALK, tools=(TOOL,)))
    assert body["system"] == [{"text": LONG}, POINT]
    assert body["messages"][-1]["content"] == [{"text": "c"}, {"text": "d"}, POINT]
    assert "cachePoint" not in str(sent("bedrock-converse", request(*TALK), Quirks(cache_marks="none")))


@pytest.mark.parametrize(("dialect", "field"), [("openai-chat", "messages"), ("openai-responses", "input")])
def test_gateways_that_pass_marks_on(dialect: str, field: str) -> None:
    body = sent(dialect, request(*TALK, tools=(Tool("f", LONG),)), Quirks(cache_marks="cache_control"))
    assert "cache_control" in body[field][0]["content"][0]
    assert "cache_control" in body[field][-1]["content"][-1]
    assert str(body).count("cache_control") == 2


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "gemini", "cohere", "ollama", "claude-cli"])
def test_who_caches_by_himself_needs_nothing(dialect: str) -> None:
    body = str(sent(dialect, request(*TALK)))
    assert "cache_control" not in body and "breakpoint" not in body and "cachePoint" not in body


# -- where they stand --------------------------------------------------------------------------------------------------


def test_what_was_not_asked_for_stays_as_it_is() -> None:
    for cache in (None, CacheMark()):
        plain = request(*TALK, cache=cache)
        assert auto_marked(plain) is plain


def test_at_the_end_of_the_system_and_of_the_last_turn() -> None:
    found = auto_marked(request(*TALK))
    assert marked(found) == [LONG, "d"]
    assert found.cache is None


def test_marks_live_as_long_as_was_said() -> None:
    found = auto_marked(request(*TALK, cache=CacheMark("1h", auto=True)))
    assert [part.cache for part in found.messages[0].parts if isinstance(part, Text)] == [CacheMark("1h")]


def test_a_turn_of_results_ends_with_the_last() -> None:
    calls = Message.assistant(ToolCall("1", "f"), ToolCall("2", "f"))
    results = Message.tool(ToolResult("1", (Text(LONG),)), ToolResult("2", (Text("two"),)))
    found = auto_marked(request(Message.user("a"), calls, results))
    assert marked(found) == ["ToolResult"]
    assert [getattr(part, "cache", None) for part in found.messages[-1].parts] == [None, CacheMark()]


def test_what_cannot_bear_a_mark_is_passed_over() -> None:
    assert marked(auto_marked(request(Message.user(LONG, " ")))) == [LONG]
    assert marked(auto_marked(request(Message.user(Image(Data(b"x", "image/png")), "")))) == ["Image"]
    assert marked(auto_marked(request(Message.user(LONG), Message.assistant("{")))) == [LONG]
    assert marked(auto_marked(request(Message.user("")))) == []


@pytest.mark.parametrize(("letters", "marks"), [(LEAST - 1, 0), (LEAST, 1)])
def test_what_is_too_short_for_any_cache_is_not_marked(letters: int, marks: int) -> None:
    assert len(marked(auto_marked(request(Message.user("x" * letters))))) == marks
    assert len(marked(auto_marked(request(Message.user("x" * (letters - 1), "y"))))) == marks


def test_a_short_system_is_not_marked_by_itself() -> None:
    assert marked(auto_marked(request(Message.system("short"), Message.user(LONG)))) == [LONG]
    assert marked(auto_marked(request(Message.system("short"), Message.user("hi"), tools=(Tool("f", LONG),)))) == ["short", "hi"]


def test_marks_of_ones_own_stay_and_count() -> None:
    own = [Text(LONG + str(n), cache=CacheMark("5m")) for n in range(4)]
    talk = (Message.system(LONG), Message.user(*own[:2]), Message.assistant("b"), Message.user("c"))
    assert marked(auto_marked(request(*talk))) == [LONG, LONG + "0", LONG + "1", "c"]
    three = (Message.system(LONG), Message.user(*own[:3]), Message.assistant("b"), Message.user("c"))
    assert marked(auto_marked(request(*three))) == [LONG + "0", LONG + "1", LONG + "2", "c"]
    four = (Message.system(LONG), Message.user(*own), Message.assistant("b"), Message.user("c"))
    assert marked(auto_marked(request(*four))) == [LONG + str(n) for n in range(4)]
    tools = (Tool("f", "does", cache=CacheMark()), Tool("g"))
    assert marked(auto_marked(request(*talk, tools=tools))) == ["f", LONG + "0", LONG + "1", "c"]


def test_what_is_marked_already_needs_no_other() -> None:
    own = Message.user(Text("c", cache=CacheMark("5m")))
    found = auto_marked(request(Message.system(LONG), own))
    assert found.messages[1] == own
    assert marked(found) == [LONG, "c"]
    tool = Tool("f", LONG, cache=CacheMark("5m"))
    assert auto_marked(request(Message.user("c"), tools=(tool,))).tools == (tool,)


def test_where_tools_take_none_none_is_put_there() -> None:
    assert marked(auto_marked(request(Message.user("c"), tools=(Tool("f", LONG),)), tools=False)) == ["c"]


def test_several_messages_of_the_system_end_with_the_last() -> None:
    talk = (Message.system(LONG), Message.system("two"), Message.user("c"), Message.system("later"))
    assert marked(auto_marked(request(*talk))) == ["two", "c"]
