"""The built-in brain, over real connections: it says that it is simulated, and gives what is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.sim.asking import BOTH, client, simulator
from trunkline import Data, Image, Message, Response, Text
from trunkline.sim.builtin import SAYS


def weather(city: str, days: int = 1) -> str:
    """Says what the weather is."""
    return f"fine in {city}"


@dataclass
class Invoice:
    number: int
    paid: bool


def ask(dialect: str, stream: bool, *args: Any, **options: Any) -> Response:
    with simulator() as sim, client(sim, dialect) as llm:
        if not stream:
            return llm.generate(*args, **options)
        with llm.stream(*args, **options) as events:
            list(events)
            return events.response


pytestmark = [pytest.mark.parametrize("dialect", BOTH), pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])]


def test_it_says_so(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, "Why is the sky blue?", system="Be brief.")
    assert reply.text == f'{SAYS}. You said: "Why is the sky blue?".'
    assert reply.finish_reason == "stop"
    assert reply.model == "sim-small"
    assert (reply.usage.input_tokens or 0) > 0
    assert (reply.usage.output_tokens or 0) > 10


def test_it_tells_of_pictures_and_tools(dialect: str, stream: bool) -> None:
    picture = Message.user(Text("what is this"), Image(Data(b"\x89PNG", "image/png")))
    reply = ask(dialect, stream, [picture], tools=[weather])
    assert reply.text == f'{SAYS}. You said: "what is this". You showed 1 image. You offered 1 tool.'


def test_a_forced_tool_is_called(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, "hi", tools=[weather], tool_choice="required")
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("weather", {"city": "simulated"})]
    assert reply.finish_reason == "tool_calls"
    named = ask(dialect, stream, "hi", tools=[weather, ask], tool_choice="weather")
    assert [call.name for call in named.tool_calls] == ["weather"]


def test_a_form_is_filled(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, "hi", output=Invoice)
    assert json.loads(reply.text) == {"number": 0, "paid": False}
    assert reply.output == Invoice(0, False)


def test_no_more_than_asked_for(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, "hi", max_tokens=3)
    assert (reply.text, reply.finish_reason, reply.usage.output_tokens) == ("This is a", "length", 3)


def test_until_a_stop_sequence(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, "hi", stop=["nowhere", "ulated"])
    assert (reply.text, reply.finish_reason) == ("This is a sim", "stop")
    assert reply.stop_sequence in ("ulated", None)  # where the protocol says which


def test_it_thinks_when_asked_to(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, "hi", reasoning="high")
    assert reply.reasoning == "This is simulated reasoning: nothing was thought."
    assert reply.text.startswith(SAYS)
    assert reply.usage.reasoning_tokens == 15


def test_a_tool_loop_comes_to_an_end(dialect: str, stream: bool) -> None:
    first = ask(dialect, stream, "hi", tools=[weather], tool_choice="required")
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "fine"}
    reply = ask(dialect, stream, [Message.user("hi"), first.message, result], tools=[weather])
    assert reply.text == f'{SAYS}. 1 tool answered: "fine".'
