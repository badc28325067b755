"""Conversations as they are held: with each provider in strict mode, and handed on from one provider to the next."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from tests.loopback import Loopback
from trunkline import Client, MemoryStore
from trunkline.dialects.known import DIALECTS
from trunkline.providers.table import TABLE
from trunkline.sim import Call, Rule, Say, Simulator, Think, When
from trunkline.sim.scripted import Scripted
from trunkline.values.media import Data
from trunkline.values.message import Image, Message, Text, ToolResult
from trunkline.values.model import NO_QUIRKS, Quirks
from trunkline.values.response import Response

KEY = "sk-test-0123456789"
SEALS = {"anthropic": "c2VhbC1B", "openrouter": "c2VhbC1P"}
OWN = ("openai-chat", "anthropic-messages")
ROWS = {row.name: row for row in TABLE if row.endpoint().dialect in OWN}
NAMES = [*ROWS, *OWN]


def quirks(name: str) -> Quirks:
    return ROWS[name].endpoint().quirks if name in ROWS else NO_QUIRKS


@dataclass
class Invoice:
    name: str
    note: str | None = None


def weather(city: str) -> str:
    """The weather of a city."""
    return city


def is_messages(name: str) -> bool:
    return name.startswith("anthropic")


def reply(name: str, text: str | None, *, call: bool = False, turn: int = 0) -> Scripted:
    """What the provider answers, with reasoning in the form that is its own."""
    body = _messages(name, text, call, turn) if is_messages(name) else _chat(name, text, call, turn)
    return Scripted(200, {"content-type": "application/json"}, [json.dumps(body).encode()])


def _messages(name: str, text: str | None, call: bool, turn: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": "hm", "signature": SEALS.get(name, "c2ln")}]
    content += [{"type": "text", "text": text}] if text else []
    content += [{"type": "tool_use", "id": f"toolu_{turn}", "name": "weather", "input": {"city": "Oslo"}}] if call else []
    usage = {"input_tokens": 5, "output_tokens": 2}
    stop = "tool_use" if call else "end_turn"
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": stop,
        "usage": usage,
    }


def _chat(name: str, text: str | None, call: bool, turn: int) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if name == "openrouter":
        detail = {"type": "reasoning.text", "text": "hm", "signature": SEALS[name], "format": "anthropic-claude-v1", "index": 0}
        said |= {"reasoning": "hm", "reasoning_details": [detail]}
    elif name == "mistral":
        parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
        said["content"] = [*parts, {"type": "text", "text": text}] if text else parts
    elif name in ("groq", "together", "local"):
        said["reasoning"] = "hm"
    elif quirks(name).reasoning_field is not None or name in OWN:
        said["reasoning_content"] = "hm"
    if call:
        made = {"id": f"callid{turn:03}", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
        said["tool_calls"] = [made]
    choice = {"index": 0, "message": said, "finish_reason": "tool_calls" if call else "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def model_of(name: str) -> str:
    row = next((row for row in TABLE if row.name == name), None)
    return f"{name}/{(row and row.default_model) or 'm'}"


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    """One address, to which what a provider seals is bound where it has no name of its own."""
    with Loopback(Scripted()) as running:
        yield running


def ask(
    name: str, history: list[Message], answer: Scripted, server: Loopback | None = None, **options: Any
) -> tuple[Response, dict[str, Any]]:
    """The reply, and the body that was sent for it."""
    gaps = {parameter.name: "x1" for parameter in ROWS[name].parameters if not parameter.optional} if name in ROWS else {}
    with (
        Loopback(answer) if server is None else nullcontext(server) as asked,
        Client(model_of(name), base_url=asked.url, api_key=KEY, parameters=gaps, retries=0) as llm,
    ):
        asked.answer = lambda _: answer
        response = llm.generate(history, **options)
        return response, json.loads(asked.asked[-1].body)


@pytest.mark.parametrize("name", NAMES)
def test_a_chat_and_a_tool_loop_lose_nothing_with_whoever_it_is(name: str, server: Loopback) -> None:
    """``strict`` would raise."""
    history = [Message.system("Be brief"), Message.user("Weather?")]
    if not quirks(name).no_tools:
        first, _ = ask(
            name, history, reply(name, None if name != "mistral" else "x", call=True), server, tools=[weather], strict=True
        )
        (call,) = first.tool_calls
        history += [first.message, Message.tool(ToolResult(call.id, (Text("4 C"),)))]
        second, _ = ask(name, history, reply(name, "It is 4 C."), server, tools=[weather], strict=True)
    else:
        second, _ = ask(name, history, reply(name, "It is 4 C."), server, strict=True)
    history += [second.message, Message.user("Thanks")]
    third, _ = ask(name, history, reply(name, "Welcome"), server, strict=True)
    assert (third.text, third.warnings) == ("Welcome", ())


@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if not (quirks(name).json_object_only or quirks(name).no_response_format) and name != "minimax"],
)
def test_a_type_is_asked_for_without_loss_with_whoever_it_is(name: str) -> None:
    response, _ = ask(name, [Message.user("Invoice")], reply(name, '{"name":"a","note":null}'), output=Invoice, strict=True)
    assert response.output == Invoice("a")


def test_a_conversation_is_handed_from_one_provider_to_the_next() -> None:
    """Nothing sealed reaches a stranger, its owner has it back, and every call is answered right behind it."""
    history = [Message.system("Be brief"), Message.user("Look", Image(Data(b"\x89PNG", "image/png")))]
    order = [
        "openai",
        "anthropic",
        "openrouter",
        "deepseek",
        "openai",
        "openrouter",
        "anthropic",
        "mistral",
        "groq",
        "local",
        "perplexity",
    ]
    for turn, name in enumerate(order):
        tools = [] if name == "perplexity" else [weather]
        first, body = ask(name, history, reply(name, "Let me see. ", call=bool(tools), turn=turn), tools=tools)
        owners = [owner for owner, seal in SEALS.items() if seal in json.dumps(body)]
        assert owners == ([name] if name in SEALS and name in order[:turn] else [])
        if any(owner in order[:turn] for owner in SEALS if owner != name):
            assert any(warning.field.startswith("messages.reasoning") for warning in first.warnings)
        (_check_messages if is_messages(name) else _check_chat)(body["messages"])
        history.append(first.message)
        history += [
            Message.tool(ToolResult(call.id, (Text("4 C"), Image(Data(b"\x89PNG", "image/png"))))) for call in first.tool_calls
        ]
        second, body = ask(name, history, reply(name, f"{name} says so. "), tools=tools)
        assert (SEALS.get(name, "") in json.dumps(body)) is True  # its own, in the loop at hand
        (_check_messages if is_messages(name) else _check_chat)(body["messages"])
        history += [second.message, Message.user("And next? ")]


SEALING = {"anthropic-messages": 1, "gemini": 1, "openai-responses": 1}
"""How many sealed parts a turn of the simulator's that thinks, speaks and calls two tools has."""


def test_one_conversation_in_every_dialect_with_clients_that_know_nothing_of_each_other() -> None:
    """Each turn is resumed by another client from what is saved: strict servers take it, sealed parts go to their owner alone, and
    ``can_move`` told what is lost."""
    calls = [Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome"})]
    rules = [Rule(Say("Cold."), when=When(after_tool="weather")), Rule(Think("Hm."), Say("One moment. "), *calls)]
    store, id, sealed = MemoryStore(), None, dict.fromkeys(SEALING, 0)
    with Simulator(rules, speed=math.inf) as sim:
        for turn, dialect in enumerate([*DIALECTS, *reversed(DIALECTS)]):
            with (
                Client(f"{dialect}/sim-small", base_url=sim.base_url(dialect), api_key=KEY, retries=0) as llm,
                llm.conversation("Be brief", saved_in=store, id=id, tools=[weather]) as chat,
            ):
                move = chat.can_move(f"{dialect}/sim-small")
                if turn % 2:
                    with chat.stream_run("Weather?") as stream:
                        assert "".join(stream.text).endswith("Cold.")
                    reply = stream.response
                else:
                    reply = chat.run("Weather?")
                assert (move.to, move.refused, len(reply.steps)) == (f"{dialect}/sim-small", None, 1)
                assert set(move.losses) == set(reply.warnings)
                id = chat.id
                first, second = (request.http.body.count(b"dHJ1bmtsaW5l") for request in sim.requests[-2:])
                sealed[dialect] = sealed.get(dialect, 0)
                assert (first, second) == (sealed[dialect], sealed[dialect] + SEALING.get(dialect, 0)), dialect
                sealed[dialect] = second
                assert all(request.status == 200 for request in sim.requests)


def _check_chat(messages: list[dict[str, Any]]) -> None:
    open_calls: list[str] = []
    for said in messages:
        if said["role"] == "tool":
            open_calls.remove(said["tool_call_id"])
            continue
        assert open_calls == []
        assert said["content"] != ""
        open_calls = [call["id"] for call in said.get("tool_calls", ())]
    assert open_calls == []


def _check_messages(messages: list[dict[str, Any]]) -> None:
    assert messages[0]["role"] == "user"
    expected: list[str] = []
    for said in messages:
        blocks = said["content"] if isinstance(said["content"], list) else [{"type": "text", "text": said["content"]}]
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        assert [block["tool_use_id"] for block in blocks[: len(expected)] if block["type"] == "tool_result"] == expected
        assert all(block["type"] != "tool_result" for block in blocks[len(expected) :])
        expected = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert expected == []
