"""The real ``claude`` program as our provider ``claude-cli``: a model and nothing else, which asks the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import MODULES, NODE, owed
from tests.real.scenarios import KEY, PERSON, PICTURE
from trunkline import AsyncClient, Client, Response
from trunkline.sim import Call, Close, Fail, Pause, Recorded, Reset, Rule, Say, Scenario, Simulator, Stall, Think
from trunkline.values.errors import (
    AuthenticationError,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from trunkline.values.events import TextDelta
from trunkline.values.media import Data
from trunkline.values.message import Image, Message, Text
from trunkline.values.request import ReasoningOptions
from trunkline.values.response import Usage

MODEL = "claude-cli/sonnet"
PROMPT = "Tell me about the tidal pool"
POOL = "It is full of anemones."
ANSWER = Rule(Think("Pools. Tides."), Say(("It is ", "full of ", "anemones.")), usage=Usage(input_tokens=21, output_tokens=9))
OURS = {"OPENAI_API_KEY": "sk-ours-1", "TRUNKLINE_API_KEY": "sk-ours-2", "AWS_SECRET_ACCESS_KEY": "ours-3", "CLAUDECODE": "1"}
"""What stands in our environment and is none of the program's business."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked at in /proc")


@dataclass
class Person:
    name: str
    age: int


@dataclass
class Place:
    """Where the program's runs can be found: all of them have this home."""

    home: Path
    sims: list[Simulator] = field(default_factory=list)

    def simulator(self, *rules: Rule) -> Simulator:
        self.sims.append(Simulator(Scenario(rules or (ANSWER,)), keys=[KEY]))
        return self.sims[-1].__enter__()

    def family(self) -> dict[int, dict[str, str]]:
        """The environments of the program and of whatever it has started, by process."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # somebody else's, or gone
                pairs = [
                    pair.partition("=") for pair in (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
                ]
                environment = {name: value for name, _, value in pairs if name}
                if environment.get("HOME") == str(self.home) and int(process.name) != os.getpid():
                    found[int(process.name)] = environment
        return found

    def wait_until(self, running: bool) -> None:
        wait_for(lambda: bool(self.family()) == running)


def wait_for(met: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not met():
        assert time.monotonic() < until
        time.sleep(0.02)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    program = MODULES / ".bin" / "claude"
    owed(program, "claude")
    monkeypatch.setenv("PATH", f"{program.parent}:{NODE}:{os.defpath}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, value in OURS.items():
        monkeypatch.setenv(name, value)
    there = Place(tmp_path)
    try:
        yield there
        there.wait_until(running=False)  # no test leaves a process
    finally:
        for sim in there.sims:
            sim.close()


Ask = Callable[..., Response]


def _whole(url: str, prompt: Any, model: str = MODEL, **options: Any) -> Response:
    with Client(model, api_key=KEY, base_url=url) as client:
        return client.generate(prompt, **options)


def _streamed(url: str, prompt: Any, model: str = MODEL, **options: Any) -> Response:
    with Client(model, api_key=KEY, base_url=url) as client, client.stream(prompt, **options) as stream:
        text = "".join(event.text for event in stream if isinstance(event, TextDelta))
        assert stream.response.text == text
        return stream.response


def _whole_async(url: str, prompt: Any, model: str = MODEL, **options: Any) -> Response:
    async def asked() -> Response:
        async with AsyncClient(model, api_key=KEY, base_url=url) as client:
            return await client.generate(prompt, **options)

    return asyncio.run(asked())


def _streamed_async(url: str, prompt: Any, model: str = MODEL, **options: Any) -> Response:
    async def asked() -> Response:
        async with AsyncClient(model, api_key=KEY, base_url=url) as client, client.stream(prompt, **options) as stream:
            text = "".join([event.text async for event in stream if isinstance(event, TextDelta)])
            assert stream.response.text == text
            return stream.response

    return asyncio.run(asked())


def ways(*chosen: Ask) -> pytest.MarkDecorator:
    """The program takes half a second, each time: what the ways share is not asked in all of them."""
    return pytest.mark.parametrize("ask", chosen, ids=[way.__name__.strip("_") for way in chosen])


def url_of(sim: Simulator) -> str:
    return sim.base_url("anthropic-messages")


def asked_of(sim: Simulator) -> Sequence[Recorded]:
    return [one for one in sim.requests if one.operation == "generate"]


def said(recorded: Recorded, role: str) -> list[str]:
    assert recorded.request is not None
    messages = [message for message in recorded.request.messages if message.role == role]
    return [part.text for message in messages for part in message.parts if isinstance(part, Text)]


@ways(_whole, _streamed, _whole_async, _streamed_async)
def test_it_answers(place: Place, ask: Ask) -> None:
    sim = place.simulator()
    reply = ask(url_of(sim), PROMPT)
    assert (reply.text, reply.reasoning, reply.finish_reason) == (POOL, "Pools. Tides.", "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (21, 9)
    assert reply.reported_cost is not None
    assert Decimal(0) < reply.reported_cost < Decimal(1)
    assert (reply.provider, reply.warnings) == ("claude-cli", ())
    assert (reply.model or "").startswith("claude-sonnet")
    (asked,) = asked_of(sim)
    assert asked.request is not None
    assert (asked.request.tools, asked.status, asked.outcome) == ((), 200, "end")
    assert said(asked, "user") == [PROMPT]


def test_it_streams_piece_by_piece(place: Place) -> None:
    sim = place.simulator()
    with Client(MODEL, api_key=KEY, base_url=url_of(sim)) as client, client.stream(PROMPT) as stream:
        assert [event.text for event in stream if isinstance(event, TextDelta)] == ["It is ", "full of ", "anemones."]


def test_a_system_prompt_and_a_model(place: Place) -> None:
    sim = place.simulator()
    reply = _whole(url_of(sim), PROMPT, model="claude-cli/claude-opus-5-5", system="Be brief.")
    assert (reply.text, reply.warnings) == (POOL, ())
    (asked,) = asked_of(sim)
    assert asked.request is not None
    assert asked.request.model == "claude-opus-5-5"
    assert "Be brief." in said(asked, "system")
    assert said(asked, "user") == [PROMPT]


def test_a_history_is_written_into_the_prompt(place: Place) -> None:
    sim = place.simulator()
    turns = [Message.user("My cat is called Miez."), Message.assistant("A fine name."), Message.user("What is she called?")]
    reply = _whole(url_of(sim), turns)
    assert reply.text == POOL
    assert [(warning.kind, warning.field) for warning in reply.warnings] == [("approximated", "messages")]
    (prompt,) = said(asked_of(sim)[0], "user")
    places = [prompt.index(words) for words in ("called Miez.", "A fine name.", "What is she called?")]
    assert places == sorted(places)


def test_a_picture_arrives(place: Place) -> None:
    sim = place.simulator()
    reply = _whole(url_of(sim), [Message.user("What is this?", Image(Data(PICTURE, "image/png")))])
    assert reply.text == POOL
    (asked,) = asked_of(sim)
    assert asked.request is not None
    images = [part for message in asked.request.messages for part in message.parts if isinstance(part, Image)]
    assert [image.source for image in images] == [Data(PICTURE, "image/png")]
    assert said(asked, "user") == ["What is this?"]


@ways(_whole, _streamed_async)
def test_it_answers_in_a_form(place: Place, ask: Ask) -> None:
    sim = place.simulator(Rule(Think("A person."), Call("StructuredOutput", PERSON), times=1), Rule(Say("There it is.")))
    reply = ask(url_of(sim), PROMPT, output=Person)
    assert (json.loads(reply.text), reply.finish_reason, reply.tool_calls) == (PERSON, "stop", ())
    assert reply.output == Person("Ada", 36)


@pytest.mark.parametrize(("effort", "arrives"), [("low", "low"), ("high", "high"), ("minimal", "low")])
def test_an_effort_of_reasoning(place: Place, effort: str, arrives: str) -> None:
    sim = place.simulator()
    reply = _whole(url_of(sim), PROMPT, reasoning=effort)
    assert [warning.field for warning in reply.warnings] == ([] if effort == arrives else ["reasoning.effort"])
    (asked,) = asked_of(sim)
    assert asked.request is not None
    assert asked.request.reasoning is not None
    assert asked.request.reasoning.effort == arrives


def test_no_reasoning(place: Place) -> None:
    """Of the newest models the program takes no such wish."""
    sim = place.simulator()
    _whole(url_of(sim), PROMPT, model="claude-cli/claude-sonnet-4-5", reasoning="none")
    (asked,) = asked_of(sim)
    assert asked.request is not None
    assert asked.request.reasoning == ReasoningOptions(enabled=False)


def test_what_it_cannot_be_told_is_told(place: Place) -> None:
    reply = _whole(url_of(place.simulator()), PROMPT, temperature=0.5, stop="tide")
    assert {(warning.kind, warning.field) for warning in reply.warnings} == {("dropped", "temperature"), ("dropped", "stop")}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (404, NotFoundError),
        (429, RateLimitError),
        (500, ServerError),
        (529, OverloadedError),
    ],
)
@ways(_whole, _streamed_async)
def test_failures_are_told_apart(place: Place, ask: Ask, status: int, kind: type[ProviderError]) -> None:
    sim = place.simulator(Rule(Fail(status, message="The tide is out.")))
    with pytest.raises(kind) as caught:
        ask(url_of(sim), PROMPT, retries=0)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.provider) == (status, "claude-cli")
    assert KEY not in str(caught.value)
    if status != 404:  # of which it speaks in its own words
        assert "The tide is out." in str(caught.value)


@ways(_streamed, _whole_async)
def test_trying_again_is_ours(place: Place, ask: Ask) -> None:
    sim = place.simulator(Rule(Fail(529), times=1), ANSWER)
    reply = ask(url_of(sim), PROMPT, retries=1)
    assert (reply.text, next(attempt.status for attempt in reply.attempts)) == (POOL, 529)
    assert [one.status for one in asked_of(sim)] == [529, 200]


@ways(_whole, _streamed_async)
def test_a_limit_ends_it(place: Place, ask: Ask) -> None:
    """The program would ask its model to go on."""
    sim = place.simulator(Rule(Say("It is full"), finish="length"))
    reply = ask(url_of(sim), PROMPT, max_tokens=99)
    assert (reply.text, reply.finish_reason) == ("It is full", "length")
    asked = asked_of(sim)
    assert asked[0].request is not None
    assert asked[0].request.max_tokens == 99
    place.wait_until(running=False)


@pytest.mark.parametrize(("ask", "end"), [(_streamed, Reset()), (_whole_async, Close())], ids=["streamed-reset", "async-close"])
def test_a_broken_stream_that_the_program_mends(place: Place, ask: Ask, end: Any) -> None:
    """It asks again, for a whole reply, and says the rest."""
    sim = place.simulator(Rule(Say(("It is ", "full ")), Pause(0.3), end, times=1), ANSWER)
    assert ask(url_of(sim), PROMPT).text == POOL
    assert len(asked_of(sim)) == 2


@ways(_whole, _streamed_async)
def test_a_broken_stream_that_goes_on_otherwise(place: Place, ask: Ask) -> None:
    """What was told cannot be taken back."""
    sim = place.simulator(Rule(Say(("It is ", "empty")), Pause(1.5), Reset(), times=1), ANSWER)
    with pytest.raises(StreamInterruptedError) as caught:
        ask(url_of(sim), PROMPT, retries=0)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "It is empty"


@ways(_streamed, _whole_async)
def test_a_deadline_ends_it(place: Place, ask: Ask) -> None:
    sim = place.simulator(Rule(Say("It is "), Stall()))
    with pytest.raises((DeadlineError, StreamInterruptedError)) as caught:
        ask(url_of(sim), PROMPT, timeout=3.0, retries=0)
    assert "deadline of 3 s passed" in str(caught.value)
    place.wait_until(running=False)


def test_a_stream_that_is_left_ends_it(place: Place) -> None:
    sim = place.simulator(Rule(Say("It is "), Stall()))
    with Client(MODEL, api_key=KEY, base_url=url_of(sim)) as client:
        with client.stream(PROMPT) as stream:
            assert next(event.text for event in stream if isinstance(event, TextDelta))
            assert place.family()
        place.wait_until(running=False)


def test_a_stream_that_is_left_ends_it_asynchronously(place: Place) -> None:
    sim = place.simulator(Rule(Say("It is "), Stall()))

    async def asked() -> None:
        async with AsyncClient(MODEL, api_key=KEY, base_url=url_of(sim)) as client:
            async with client.stream(PROMPT) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        assert place.family()
                        break
            await asyncio.to_thread(place.wait_until, running=False)

    asyncio.run(asked())


def test_a_cancelled_task_ends_it(place: Place) -> None:
    sim = place.simulator(Rule(Say("It is "), Stall()))

    async def asked() -> None:
        async with AsyncClient(MODEL, api_key=KEY, base_url=url_of(sim)) as client:
            task = asyncio.create_task(client.generate(PROMPT))
            await asyncio.to_thread(place.wait_until, running=True)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(place.wait_until, running=False)

    asyncio.run(asked())


def test_it_runs_by_itself_with_what_it_needs(place: Place) -> None:
    """A process group of its own, an empty folder that goes away with it, nothing of our environment, no prompt that others see."""
    sim = place.simulator(Rule(Say("It is "), Stall()))
    with Client(MODEL, api_key=KEY, base_url=url_of(sim)) as client, client.stream(PROMPT, system="Be brief.") as stream:
        next(event for event in stream if isinstance(event, TextDelta))
        family = place.family()
        assert family
        groups = {os.getpgid(pid) for pid in family}
        assert len(groups) == 1
        assert os.getpgid(0) not in groups
        folder = Path(f"/proc/{min(family)}/cwd").readlink()
        assert folder != place.home
        assert list(folder.iterdir()) == []
        for pid, environment in family.items():
            assert not set(OURS) & set(environment) - {"CLAUDECODE"}
            assert not set(OURS.values()) - {"1"} & set(environment.values())
            assert environment["ANTHROPIC_API_KEY"] == KEY
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert not any(secret.encode() in words for secret in (PROMPT, "Be brief.", KEY))
    place.wait_until(running=False)
    wait_for(lambda: not any(_lives(group) for group in groups))
    wait_for(lambda: not folder.exists())


def test_it_names_its_models_unpaid(place: Place) -> None:
    sim = place.simulator()
    with Client(MODEL, api_key=KEY, base_url=url_of(sim)) as client:
        names = [str(model) for model in client.models(live=True)]
    assert any("sonnet" in name for name in names)
    assert asked_of(sim) == []
