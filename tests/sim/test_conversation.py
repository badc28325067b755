"""Conversations that real providers refuse are refused, others are not."""

from __future__ import annotations

import pytest

from trunkline import Message, Request, Text, ToolCall, ToolResult
from trunkline.sim.conversation import refusal


def call(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCall(id_, "look") for id_ in ids))


def result(*ids: str) -> Message:
    return Message.tool(*(ToolResult(id_, (Text("seen"),)) for id_ in ids))


USER, SYSTEM, SAID = Message.user("hi"), Message.system("Be brief."), Message.assistant("Well,")


@pytest.mark.parametrize(
    "messages",
    [
        (USER,),
        (SYSTEM, USER),
        (USER, SAID),
        (USER, call("a"), result("a")),
        (USER, call("a", "b"), result("a"), result("b")),
        (USER, call("a", "b"), result("b", "a"), USER),
        (USER, call("a"), SYSTEM, result("a"), SAID, USER, call("a"), result("a")),
    ],
)
def test_taken(messages: tuple[Message, ...]) -> None:
    assert refusal(Request(model="m", messages=messages)) is None


@pytest.mark.parametrize(
    "messages, word",
    [
        ((), "empty"),
        ((SYSTEM,), "empty"),
        ((Message("user", ()),), "empty"),
        ((USER, call("a")), "not answered"),
        ((USER, call("a"), USER), "before this turn"),
        ((USER, call("a", "b"), result("a")), "b was not answered"),
        ((USER, call("a", "b"), result("a"), USER), "b was not answered"),
        ((USER, call("a", "a"), result("a")), "same id"),
        ((USER, result("a")), "answers no call"),
        ((USER, call("a"), result("b")), "answers no call"),
        ((USER, call("a"), result("a", "a")), "answers no call"),
        ((USER, call("a"), result("a"), SAID, result("a")), "answers no call"),
    ],
)
def test_refused(messages: tuple[Message, ...], word: str) -> None:
    error = refusal(Request(model="m", messages=messages))
    assert error is not None
    assert error.status == 400
    assert error.param
    assert word in str(error)


def test_the_assistants_words_at_the_end() -> None:
    request = Request(model="m", messages=(USER, SAID))
    assert refusal(request, prefill=True) is None
    assert "ends with" in str(refusal(request, prefill=False))
