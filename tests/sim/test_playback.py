"""A script takes the time that its pace says, in virtual time: to the token."""

from __future__ import annotations

import math
import random

import pytest

from trunkline import Event, Message, Request
from trunkline.serve.answers import HangUp
from trunkline.sim import Close, Down, Pace, Pause, Reset, Rule, Say, Stall, VirtualClock, virtual_run
from trunkline.sim.playback import AT_ONCE, Events, Playback, Tempo
from trunkline.sim.recorder import Entry
from trunkline.sim.script import script_of
from trunkline.wire.http import HttpRequest

REQUEST = Request(model="m", messages=(Message.user("hi"),))


class World:
    """A clock, and what was told of the listener."""

    def __init__(self, speed: float) -> None:
        self.clock = VirtualClock()
        self.began = self.clock.now()
        self.entry = Entry(0, HttpRequest("POST", "http://localhost/"))
        self.downs: list[float] = []
        self.tempo = Tempo(speed, self._down, self.clock.now)

    async def _down(self, seconds: float) -> None:
        self.downs.append(seconds)

    def play(self, rule: Rule, pace: Pace, *, slow: float = 0.0) -> list[tuple[float, str]]:
        """The texts, and when each was given; who takes them needs ``slow`` seconds for each."""
        source = Events(Playback(script_of(REQUEST, rule, pace, random.Random(1)).beats, self.tempo, self.entry))
        heard: list[tuple[float, str]] = []

        async def main() -> None:
            while events := await source.next():
                heard.extend((round(self.clock.now() - self.began, 6), event.text) for event in events if event.text)
                self.clock.advance(slow)

        virtual_run(main(), clock=self.clock)
        return heard


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_first_token_and_pace(speed: float) -> None:
    heard = World(speed).play(Rule(Say("one two four ")), Pace(first=0.5, tokens_per_second=4))
    assert [text for _, text in heard] == ["one", " two", " four", " "]
    assert [at for at, _ in heard] == [round(at / speed, 6) for at in (0.5, 0.75, 1.0, 1.25)]


def test_a_pause_and_a_stall_come_on_top() -> None:
    heard = World(1.0).play(Rule(Say("one"), Pause(3), Say("two"), Stall(5), Say("four")), Pace(first=1.0, tokens_per_second=1))
    assert [at for at, _ in heard] == [1.0, 5.0, 11.0]


def test_at_once() -> None:
    heard = World(math.inf).play(Rule(Stall(3), Say("word " * 1_000), Pause(9)), Pace(first=9.0, tokens_per_second=1))
    assert {at for at, _ in heard} == {0.0}
    assert len(heard) == 1_001


def test_many_events_in_one_go_where_nothing_is_between() -> None:
    rounds = 0
    source = Playback(
        script_of(REQUEST, Rule(Say("word " * 1_000)), Pace(), random.Random(1)).beats, World(1.0).tempo, World(1.0).entry
    )

    async def main() -> None:
        nonlocal rounds
        while events := await source.next():
            rounds += 1
            assert all(isinstance(event, Event) for event in events)

    virtual_run(main())
    assert rounds <= 1_004 / AT_ONCE + 1


def test_a_little_delay_is_made_good_and_a_long_one_forgotten() -> None:
    ticks = [at for at, _ in World(1.0).play(Rule(Say("a b c d")), Pace(tokens_per_second=10), slow=0.05)]
    assert ticks == [0.0, 0.1, 0.2, 0.3]
    late = [at for at, _ in World(1.0).play(Rule(Say("a b c d")), Pace(tokens_per_second=10), slow=9.0)]
    assert late[-1] == pytest.approx(27.0, abs=0.2)


def test_nobody_is_refused_for_no_time() -> None:
    world = World(math.inf)
    with pytest.raises(HangUp):
        world.play(Rule(Say("one"), Down(1e9)), Pace())
    assert world.downs == []


@pytest.mark.parametrize("step, outcome, downs", [(Reset(), "reset", []), (Close(), "cut", []), (Down(20), "reset", [2.0])])
def test_the_end_of_a_connection(step: Reset | Close | Down, outcome: str, downs: list[float]) -> None:
    world = World(10.0)
    with pytest.raises(HangUp) as caught:
        world.play(Rule(Say("one"), step), Pace())
    assert caught.value.reset is (outcome == "reset")
    assert world.entry.outcome == outcome
    assert world.downs == downs
