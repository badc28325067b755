"""Conversations that real providers refuse are refused, others are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline import Message, Request, Text, ToolCall, ToolResult
from trunkline.dialects.known import dialect_of
from trunkline.sim.conversation import out_of_version, refusal
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpRequest


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
        ((USER, call("a", "b"), result("a")), "was not answered: b"),
        ((USER, call("a", "b"), result("a"), USER), "before this turn: b"),
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


# --- versions of Messages (anthropic-messages §3) -------------------------------------------------------------------------------

OLD, NEW = "2023-06-01", "2026-10-21"
NOTE = {"type": "text", "text": "a", "citations": [{"type": "page_location", "cited_text": "a", "document_index": 0}]}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}


def turns(*said: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": content} for n, content in enumerate(said)]}


def read(version: str, **fields: Any) -> tuple[Request, str | None]:
    body = {"model": "m", "max_tokens": 9, **turns("hi"), **fields}
    http = HttpRequest("POST", "/v1/messages", Headers((("anthropic-version", version),)), json.dumps(body).encode())
    decoded = dialect_of("anthropic-messages").decode_request(http)
    return decoded.request, decoded.context.version


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 1}, "temperature"),
        ({"top_p": 0.5}, "top_p"),
        ({"top_k": 1}, "top_k"),
        (turns("hi", [DOCUMENT], "so"), "messages.1"),
        (turns([NOTE]), "messages.0"),
    ],
)
def test_what_the_newer_version_takes_no_more(fields: dict[str, Any], param: str) -> None:
    assert out_of_version(*read(OLD, **fields)) is None
    error = out_of_version(*read(NEW, **fields))
    assert error is not None
    assert (error.status, error.param) == (400, param)


def test_what_both_versions_take() -> None:
    for version in (OLD, NEW):
        assert out_of_version(*read(version, **turns([DOCUMENT], [NOTE], "so"))) is None


def test_a_limit_is_demanded_of_what_is_answered() -> None:
    request, version = read(OLD, max_tokens=None)
    assert "Field required" in str(out_of_version(request, version))
    assert out_of_version(request, version, counted=True) is None
    assert out_of_version(request, None) is None
    assert out_of_version(request, "publishers") is None  # what Gemini calls a version: Vertex AI answers without a limit
