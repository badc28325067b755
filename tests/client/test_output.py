"""Structured output, from every dialect and in every mode, against the simulator: alike wherever it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from tests.sim.asking import client, simulator
from trunkline import Client, MalformedResponseError, Message, Response, UsageError
from trunkline.client.settings import Settings
from trunkline.dialects.known import DIALECTS
from trunkline.sim import Call, Rule, Say, Simulator, Think
from trunkline.values.events import Event, Finish, TextDelta, ToolCallDelta

QUIRKS = {
    "native": "no_response_format = false",
    "tool": "no_response_format = true",
    "instruction": "no_response_format = true, no_tools = true",
}
FORCED = [dialect for dialect in DIALECTS if dialect != "ollama"]
MODES = [(dialect, mode) for dialect in DIALECTS for mode in QUIRKS if mode != "tool" or dialect in FORCED]


@dataclass
class Line:
    sku: str
    price: float


@dataclass
class Invoice:
    number: int
    lines: list[Line]
    note: str | None = None


SAID = '{"number": 7, "lines": [{"sku": "a\\u00e9", "price": 1.5}], "note": null}'
INVOICE = Invoice(7, [Line("aé", 1.5)])


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with simulator() as sim:
        yield sim


@pytest.fixture
def play(running: Simulator) -> Callable[..., Simulator]:
    """The simulator, with these rules and nothing asked of it yet."""

    def playing(*rules: Rule) -> Simulator:
        running.use([*rules] or None)
        running.forget()
        return running

    return playing


@pytest.fixture
def known(tmp_path: Path) -> Callable[[str, str], Settings]:
    """The settings in which the simulator's model has to be asked in a mode."""

    def settings(dialect: str, mode: str) -> Settings:
        file = tmp_path / "models.toml"
        file.write_text(f'[models."{dialect}/sim-small"]\nquirks = {{ {QUIRKS[mode]} }}\nprice = {{ input = 1, output = 2 }}\n')
        return Settings({"TRUNKLINE_MODELS": str(file)})

    return settings


def said(mode: str, text: str) -> Any:
    """What the model does to say ``text`` in this mode."""
    return Call("final_answer", text) if mode == "tool" else Say(text)


def ask(llm: Client, stream: bool, *args: Any, **options: Any) -> tuple[Response, list[Event]]:
    if not stream:
        return llm.generate(*args, **options), []
    with llm.stream(*args, **options) as events:
        seen = list(events)
        assert events.partial is not None
        return events.response, seen


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("dialect", "mode"), MODES)
def test_it_is_alike_everywhere(dialect: str, mode: str, stream: bool, known: Any, play: Any) -> None:
    sim = play(Rule(said(mode, SAID)))
    with client(sim, dialect, settings=known(dialect, mode)) as llm:
        reply, events = ask(llm, stream, "x", output=Invoice)
        request = sim.requests[-1].request
    assert request is not None
    assert reply.output == INVOICE
    assert (reply.finish_reason, reply.tool_calls, reply.steps) == ("stop", (), ())
    assert msgspec.json.decode(reply.text) == msgspec.json.decode(SAID)
    told = [warning for warning in reply.warnings if warning.field == "output.schema" and warning.kind == "approximated"]
    assert len(told) == (mode != "native")
    if mode == "native":
        assert request.output is not None
        assert request.output.schema is not None
    elif mode == "tool":
        assert [tool.name for tool in request.tools] == ["final_answer"]
        assert request.tool_choice is not None
        assert request.tool_choice.mode in ("tool", "required")
    else:
        assert '"sku":{"type":"string"}' in "".join(message.text for message in request.messages if message.role == "system")
        assert not request.tools
    if stream:
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == reply.text
        assert not any(isinstance(event, ToolCallDelta) for event in events)
        assert [event.reason for event in events if isinstance(event, Finish)] == ["stop"]


class Colour(Enum):
    RED = "red"


class Point(msgspec.Struct):
    x: int


class Place(TypedDict):
    city: str


class Person(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(ge=0)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Point, '{"x": 1}', Point(1)),
        (Place, '{"city": "Rome"}', {"city": "Rome"}),
        (Person, '{"name": "Ada", "age": 36}', Person(name="Ada", age=36)),
        (list[Person], '{"value": [{"name": "Ada", "age": 36}]}', [Person(name="Ada", age=36)]),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (Point | Place, '{"value": {"city": "Rome"}}', {"city": "Rome"}),
        (int | str, '{"value": "x"}', "x"),
        (list[Point], '{"value": [{"x": 1}]}', [Point(1)]),
        (bool, '{"value": true}', True),
        (str, '{"value": "x"}', "x"),
        (Colour, '{"value": "red"}', Colour.RED),
        ({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}, '{"x": 1}', {"x": 1}),
        ("json", '{"any": [1]}', {"any": [1]}),
    ],
)
@pytest.mark.parametrize("mode", QUIRKS)
def test_every_kind_of_type(mode: str, kind: Any, text: str, value: Any, known: Any, play: Any) -> None:
    if kind == "json" and mode == "tool":
        return
    sim = play(Rule(said(mode, text)))
    with client(sim, "openai-chat", settings=known("openai-chat", mode)) as llm:
        assert llm.generate("x", output=kind).output == value


@pytest.mark.parametrize(
    "text",
    [
        f"Here you are:\n```json\n{SAID}\n```\nAnything else?",
        f'<think>\nIs it {{"number": 1}}?\n</think>\n{SAID}',
        f"In {{braces}}, as asked: {SAID}",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_words_around_it_are_forgiven(text: str, stream: bool, known: Any, play: Any) -> None:
    sim = play(Rule(Say(text)))
    with client(sim, "openai-chat", settings=known("openai-chat", "instruction")) as llm:
        reply, _ = ask(llm, stream, "x", output=Invoice)
    assert reply.output == INVOICE


# --- with tools of one's own --------------------------------------------------------------------------------------------


def weather(city: str) -> str:
    """Says what the weather is."""
    return f"fine in {city}"


def final_answer() -> None:
    """The name is taken."""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", FORCED)
def test_other_calls_pass(dialect: str, stream: bool, known: Any, play: Any) -> None:
    rules = [Rule(Call("weather", {"city": "Rome"}), times=1), Rule(Call("final_answer_", SAID))]
    sim = play(*rules)
    with client(sim, dialect, settings=known(dialect, "tool")) as llm:
        options: dict[str, Any] = {"tools": [weather, final_answer], "output": Invoice}
        if stream:
            with llm.stream("x", **options) as events:
                seen = list(events)
            first = events.response
            assert any(isinstance(event, ToolCallDelta) for event in seen)
        else:
            first = llm.generate("x", **options)
        request = sim.requests[-1].request
        assert (first.finish_reason, first.output, first.text) == ("tool_calls", None, "")
        (call,) = first.tool_calls
        history = [Message.user("x"), first.message, {"role": "tool", "tool_call_id": call.id, "content": "fine"}]
        last = ask(llm, stream, history, **options)[0]
    assert request is not None
    assert [tool.name for tool in request.tools] == ["weather", "final_answer", "final_answer_"]
    assert request.tool_choice is not None
    assert request.tool_choice.mode == "required"
    assert (last.output, last.finish_reason) == (INVOICE, "stop")


def test_a_run_comes_to_an_output(known: Any, play: Any) -> None:
    for mode in QUIRKS:
        rules = [Rule(Call("weather", {"city": "Rome"}), times=1), Rule(said(mode, SAID))]
        sim = play(*rules)
        with client(sim, "openai-chat", settings=known("openai-chat", mode)) as llm:
            if mode == "instruction":
                continue  # no tools there
            reply = llm.run("x", tools=[weather], output=Invoice)
            assert reply.output == INVOICE
            assert len(reply.steps) == 1
            assert reply.steps[0].results[0].parts[0].text == "fine in Rome"  # type: ignore[union-attr]


def test_a_run_mends_its_output_too(known: Any, play: Any) -> None:
    rules = [Rule(Call("weather", {"city": "Rome"}), times=1), Rule(Say("Fine."), times=1), Rule(Say(SAID))]
    with client(play(*rules), "openai-chat", settings=known("openai-chat", "native")) as llm:
        reply = llm.run("x", tools=[weather], output=Invoice)
    assert reply.output == INVOICE
    assert [(len(step.results), step.correction is not None) for step in reply.steps] == [(1, False), (0, True)]


# --- mended ---------------------------------------------------------------------------------------------------------------


WRONG = '{"number": "seven", "lines": []}'


@pytest.mark.parametrize(("dialect", "mode"), MODES)
def test_what_is_wrong_goes_back_to_the_model(dialect: str, mode: str, known: Any, play: Any) -> None:
    rules = [Rule(Think("Hm."), said(mode, WRONG), times=1), Rule(said(mode, SAID))]
    sim = play(*rules)
    with client(sim, dialect, settings=known(dialect, mode)) as llm:
        reply = llm.generate("x", output=Invoice)
        first, second = sim.requests
    assert reply.output == INVOICE
    (step,) = reply.steps
    assert step.correction is not None
    assert "at $.number: must be integer, and is string" in step.correction
    assert step.response.text.replace(" ", "") == WRONG.replace(" ", "")
    assert first.request is not None
    assert second.request is not None
    assert second.request.messages[-1].text == step.correction
    assert second.request.messages[-2].role == "assistant"
    last = reply.attempts[-1]
    assert (len(reply.attempts), last.at >= reply.attempts[0].at) == (2, True)
    assert reply.cost is not None
    assert step.response.cost is not None
    assert step.response.cost < reply.cost
    if step.response.usage.output_tokens is not None:
        assert (reply.usage.output_tokens or 0) > step.response.usage.output_tokens
    assert reply.latency >= step.response.latency


def test_it_is_given_up_with_everything_that_came(known: Any, play: Any) -> None:
    sim = play(Rule(Say(WRONG)))
    with client(sim, "openai-chat", settings=known("openai-chat", "native")) as llm:
        for retries in (0, 1, 3):
            with pytest.raises(MalformedResponseError) as caught:
                llm.generate("x", output=Invoice, output_retries=retries)
            reply = caught.value.response
            assert reply is not None
            assert (len(reply.steps), len(reply.attempts), len(caught.value.attempts)) == (retries, retries + 1, retries + 1)
            assert caught.value.path == "$.number"
            assert "seven" not in str(caught.value)
            assert reply.usage.output_tokens is not None
            assert reply.cost == Decimal(reply.usage.input_tokens or 0) / 10**6 + Decimal(reply.usage.output_tokens) / 500_000
        assert len(sim.requests) == 1 + 2 + 4


def test_how_often_is_a_count(known: Any, play: Any) -> None:
    for wrong in (-1, 101, True, "1", 1.5):
        with pytest.raises(UsageError, match="output_retries"):
            Client("openai-chat/x", base_url="http://localhost", output_retries=wrong)  # type: ignore[arg-type]


def test_what_was_cut_off_is_not_tried_again(known: Any, play: Any) -> None:
    rule = Rule(Say('{"number": 1'), finish="length")
    sim = play(rule)
    with client(sim, "openai-chat", settings=known("openai-chat", "native")) as llm:
        with pytest.raises(MalformedResponseError, match="cut off by the limit of tokens") as caught:
            llm.generate("x", output=Invoice, output_retries=5)
        assert len(sim.requests) == 1
        assert caught.value.response is not None


def test_strict_takes_no_other_way(known: Any, play: Any) -> None:
    sim = play()
    with client(sim, "openai-chat", settings=known("openai-chat", "tool"), strict=True) as llm:
        with pytest.raises(UsageError, match=r"output\.schema"):
            llm.generate("x", output=Invoice)
        assert not sim.requests
