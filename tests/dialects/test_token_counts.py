"""Requests that have tokens counted, and what the replies say: anthropic-messages §1, openai-responses §1, gemini §1,
bedrock-converse §1, local-servers; the bodies are those of recorded requests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline.dialects.known import ASKED, client_half_of
from trunkline.dialects.token_counts import count_of, count_request, tokens_counted
from trunkline.values.errors import MalformedResponseError
from trunkline.values.headers import NO_HEADERS
from trunkline.values.message import Message
from trunkline.values.model import Quirks, Target
from trunkline.values.request import Request, Tool
from trunkline.wire.http import HttpReply

SCHEMA = {"type": "object", "properties": {}}
REQUEST = Request(
    model="m", messages=(Message.system("Be terse."), Message.user("hi")), tools=(Tool("f", "does", SCHEMA),), max_tokens=9,
    temperature=0.5, top_p=0.9, stop=("x",), user="u", service_tier="default", cache_key="k",
)  # fmt: skip


def asked(dialect: str, quirks: Quirks = Quirks()) -> tuple[str, dict[str, Any]]:
    target = Target(dialect, "p", "m", quirks=quirks)
    count = count_of(target)
    assert count is not None
    wire = count_request(count, client_half_of(dialect).encode_request(REQUEST, target))
    assert wire.method == "POST"
    return wire.path, msgspec.json.decode(wire.body)


def test_messages() -> None:
    path, body = asked("anthropic-messages")
    assert path == "/v1/messages/count_tokens"
    assert body.keys() == {"model", "system", "messages", "tools"}
    assert (body["model"], body["system"], body["messages"]) == ("m", "Be terse.", [{"role": "user", "content": "hi"}])


def test_responses() -> None:
    path, body = asked("openai-responses")
    assert path == "/responses/input_tokens"
    assert body.keys() == {"model", "instructions", "input", "tools"}


def test_gemini() -> None:
    path, body = asked("gemini")
    assert path == "/models/m:countTokens"
    assert body.keys() == {"generateContentRequest"}
    inner = body["generateContentRequest"]
    assert inner["model"] == "models/m"
    assert inner.keys() >= {"contents", "systemInstruction", "tools"}


def test_gemini_where_it_takes_plain_fields() -> None:
    path, body = asked("gemini", Quirks(prompt_count="plain"))
    assert path == "/models/m:countTokens"
    assert body.keys() == {"contents", "systemInstruction", "tools", "generationConfig"}
    assert "generateContentRequest" not in body and "model" not in body


def test_converse() -> None:
    path, body = asked("bedrock-converse")
    assert path == "/model/m/count-tokens"
    assert body.keys() == {"input"} and body["input"].keys() == {"converse"}
    assert body["input"]["converse"].keys() == {"messages", "system", "toolConfig"}


def test_chats_where_they_are_counted() -> None:
    path, body = asked("openai-chat", Quirks(prompt_count="path"))
    assert path == "/chat/completions/input_tokens"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize("dialect", ["openai-chat", "cohere", "ollama", "claude-cli"])
def test_others_count_nothing(dialect: str) -> None:
    assert dialect in ASKED
    assert count_of(Target(dialect, "p", "m")) is None


REPLIES = {
    "anthropic-messages": {"input_tokens": 588},
    "openai-responses": {"object": "response.input_tokens", "input_tokens": 588},
    "gemini": {"totalTokens": 588, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 588}]},
    "bedrock-converse": {"inputTokens": 588},
}


@pytest.mark.parametrize("dialect", REPLIES)
def test_what_the_reply_says(dialect: str) -> None:
    count = count_of(Target(dialect, "p", "m"))
    assert count is not None
    assert tokens_counted(count, HttpReply(200, NO_HEADERS, msgspec.json.encode(REPLIES[dialect]))) == 588


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"5", b'{"input_tokens": true}', b'{"input_tokens": -1}', b'{"input_tokens": 1.5}']
)
def test_what_says_nothing_of_it_is_malformed(body: bytes) -> None:
    count = count_of(Target("anthropic-messages", "p", "m"))
    assert count is not None
    with pytest.raises(MalformedResponseError, match="input_tokens: expected a count of tokens"):
        tokens_counted(count, HttpReply(200, NO_HEADERS, body))


def test_none_at_all_is_a_count() -> None:
    count = count_of(Target("anthropic-messages", "p", "m"))
    assert count is not None
    assert tokens_counted(count, HttpReply(200, NO_HEADERS, b'{"input_tokens": 0}')) == 0
