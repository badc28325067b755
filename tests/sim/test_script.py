"""What a script tells is what its steps say, to the token: limits, stop sequences, parts in their order, whatever the words."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trunkline import Message, Request, Response, Usage, fold
from trunkline.dialects.dialect import Context
from trunkline.dialects.known import dialect_of
from trunkline.sim import QUIRKS, Call, Pace, Pause, Rule, Say, Stall, Step, Think
from trunkline.sim.playback import Playback, Tempo
from trunkline.sim.quirks import that_apply
from trunkline.sim.recorder import Entry
from trunkline.sim.script import Script, script_of
from trunkline.sim.spoilt import SpoiltStream
from trunkline.sim.stray_chunks import Stray
from trunkline.sim.tokens import count
from trunkline.values.events import ReasoningDelta, TextDelta, ToolCallDelta
from trunkline.values.model import Target
from trunkline.wire.http import HttpRequest
from trunkline.wire.sse import SseDecoder

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
STEPS: Any = st.lists(
    st.builds(Say, WORDS)
    | st.builds(Say, st.lists(WORDS, min_size=1, max_size=4))
    | st.builds(Think, WORDS)
    | st.builds(Call, st.just("tool"), st.dictionaries(WORDS, st.integers(0, 9) | WORDS, max_size=3))
    | st.builds(Pause, st.just(1.0))
    | st.builds(Stall, st.just(1.0)),
    min_size=1,
    max_size=6,
)


def scripted(steps: list[Step], **said: Any) -> Script:
    request = Request(model="m", messages=(Message.user("hi"),), **said)
    return script_of(request, Rule(Say(""), *steps), Pace(), random.Random(1))


def words(steps: list[Step], kind: type[Say | Think]) -> str:
    return "".join("".join(step.text) for step in steps if isinstance(step, kind))


@given(STEPS)
def test_all_is_said_in_order(steps: list[Step]) -> None:
    script = scripted(steps)
    reply = fold(script.events)
    assert reply.text == words(steps, Say)
    assert reply.reasoning == words(steps, Think)
    assert [call.arguments for call in reply.tool_calls] == [step.arguments for step in steps if isinstance(step, Call)]
    assert reply.usage == script.usage
    said = [
        event
        for event in script.events
        if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta) and event != _opening(event)
    ]
    assert script.usage.output_tokens == len(said)
    order = [type(step).__name__ for step in steps if not isinstance(step, Pause | Stall)]
    merged = [name for n, name in enumerate(order) if name == "Call" or n == 0 or order[n - 1] != name]
    assert [{"Text": "Say", "Reasoning": "Think", "ToolCall": "Call"}[type(part).__name__] for part in reply.parts] == merged


def _opening(event: Any) -> Any:
    """A tool call's first piece, which is no token."""
    return event if isinstance(event, ToolCallDelta) and event.name else None


@given(STEPS, st.integers(1, 20))
def test_no_more_than_may_be_said(steps: list[Step], most: int) -> None:
    whole, cut = scripted(steps), scripted(steps, max_tokens=most)
    spoken = whole.usage.output_tokens or 0
    assert cut.usage.output_tokens == min(most, spoken)
    assert whole.events[:1] == cut.events[:1]
    assert fold(whole.events).text.startswith(fold(cut.events).text)
    if most >= spoken:
        assert cut == whole
    elif not fold(cut.events).tool_calls:
        assert fold(cut.events).finish_reason == "length"


@given(WORDS, st.lists(st.text("ab ", min_size=1, max_size=3), min_size=1, max_size=3))
def test_until_the_first_stop_sequence(text: str, stops: list[str]) -> None:
    text = text + "".join(stops) + text
    reply = fold(scripted([Say(text[:9]), Pause(1), Say(text[9:])], stop=tuple(stops)).events)
    _, at, stop = min((at + len(stop), at, stop) for stop in stops if (at := text.find(stop)) >= 0)
    assert (reply.text, reply.finish_reason, reply.stop_sequence) == (text[:at], "stop", stop)


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
@settings(max_examples=60)
@given(steps=STEPS, quirks=st.sets(st.sampled_from([quirk for quirk in QUIRKS if quirk not in ("no_message_stop", "no_usage")])))
def test_any_answer_with_any_quirks_is_read_as_without(dialect: str, steps: list[Step], quirks: set[Any]) -> None:
    plain, strayed = heard(dialect, steps, ()), heard(dialect, steps, tuple(sorted(quirks)))
    assert [(type(part), _said(part)) for part in strayed.parts] == [(type(part), _said(part)) for part in plain.parts]
    assert strayed.finish_reason == plain.finish_reason
    if not {"usage_on_every_chunk", "no_usage"} & quirks:
        assert strayed.usage.output_tokens == plain.usage.output_tokens


def _said(part: Any) -> Any:
    return getattr(part, "text", None) or part.arguments


def heard(dialect: str, steps: list[Step], quirks: tuple[Any, ...]) -> Response:
    """What the client half reads of what the simulator writes."""
    half = dialect_of(dialect)
    script = scripted(steps)
    context = Context(target=Target(dialect=dialect, provider="", model="m"), model="m", stream=True, include_usage=True)
    entry = Entry(0, HttpRequest("POST", "http://localhost/"))
    applied = that_apply(quirks, dialect)

    async def no_down(seconds: float) -> None:
        raise AssertionError(seconds)

    source = SpoiltStream(
        Playback(script.beats, Tempo(math.inf, no_down), entry),
        half.event_encoder(context),
        Stray(applied, dialect, (script.usage or Usage()).input_tokens or 0),
        applied,
        random.Random(1),
        entry,
    )

    async def main() -> bytes:
        found = b""
        while data := await source.next():
            found += data
        return found

    decoder, frames = half.event_decoder(context), SseDecoder()
    written = asyncio.run(main())
    events = decoder.feed([*frames.feed(written), *frames.finish()]) + decoder.finish()
    assert decoder.error is None
    return fold(events)


def test_tokens_of_a_call_are_its_arguments() -> None:
    call = Call("tool", {"a": "some words"})
    assert scripted([call]).usage.output_tokens == count(call.raw_arguments)
