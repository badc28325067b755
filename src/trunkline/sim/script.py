"""What will be answered to one request, beat by beat, made before the first byte goes out: so that it can be counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from ..values.events import Event, Start, UsageUpdate
from ..values.request import Request
from ..values.response import Usage
from .builtin import answer_to
from .scenario import Pace, Rule
from .steps import SPOKEN, Cut, Garble, Pause, Raw, Step, StreamError, ends
from .taken_up import taken_up
from .tokens import count_request
from .voice import Voice

_INLINE = (Cut, Garble, StreamError)  # what needs a reply that has begun


class Beat(msgspec.Struct, frozen=True):
    """After so many seconds: events, or a step that goes wrong."""

    wait: float
    events: tuple[Event, ...] = ()
    step: Step | None = None


class Script(msgspec.Struct, frozen=True):
    """``lead``: what goes wrong before the reply begins; then ``beats``. ``usage`` of the whole."""

    lead: tuple[Step, ...]
    beats: tuple[Beat, ...]
    usage: Usage

    @property
    def events(self) -> list[Event]:
        return [event for beat in self.beats for event in beat.events]


def script_of(request: Request, rule: Rule, pace: Pace, chance: random.Random) -> Script:
    """``rule`` played for ``request``. The same ``chance`` gives the same script."""
    lead, rest = _split(rule.steps)
    if not any(isinstance(step, (*SPOKEN, Raw)) or ends(step) for step in (*lead, *rest)):
        choices = range(request.n or 1)
        asked = msgspec.structs.replace(request, messages=taken_up(request).turns)
        turns = [*((step,) for step in rest), *zip_longest(*(answer_to(asked, choice) for choice in choices))]
    else:
        turns = [(step,) for step in rest]
    return _Writer(request, rule, pace, chance).write(lead, turns)


def _split(steps: Sequence[Step]) -> tuple[tuple[Step, ...], list[Step]]:
    """What goes wrong before anything is said; the rest."""
    lead: list[Step] = []
    rest = list(steps)
    inline: list[Step] = []
    while rest and not isinstance(rest[0], SPOKEN) and not isinstance(rest[0], StreamError):
        step = rest.pop(0)
        (inline if isinstance(step, _INLINE) else lead).append(step)
    return tuple(lead), [*inline, *rest]


class _Writer:
    """Turns steps into beats: one voice for each choice, all of them speaking at once."""

    def __init__(self, request: Request, rule: Rule, pace: Pace, chance: random.Random) -> None:
        self.request = request
        self.rule = rule
        self.pace = pace
        self.chance = chance
        self.beats: list[Beat] = []
        self.begun = False
        self.wait = self._jittered(pace.first)
        self.voices: list[Voice] = []

    def write(self, lead: tuple[Step, ...], turns: Sequence[tuple[Step, ...]]) -> Script:
        begun, free = taken_up(self.request).begun, self.rule.finish is not None
        for choice in range(self.request.n or 1):
            steps = [turn[choice % len(turn)] for turn in turns]
            self.voices.append(Voice(self.request, choice, steps, self.chance, free=free, begun=begun))
        input_tokens = count_request(self.request)
        if rule_input := self.rule.usage and self.rule.usage.input_tokens:
            input_tokens = rule_input
        for turn in turns:
            if isinstance(turn[0], SPOKEN):
                self._begin(input_tokens)
                self._speak(turn)
            elif isinstance(turn[0], Pause):
                self.wait += turn[0].seconds
            else:
                self._beat((), turn[0])
        usage = self._usage(input_tokens)
        if not any(ends(turn[0]) for turn in turns) and not any(map(ends, lead)):
            self._begin(input_tokens)
            self._beat((*(event for voice in self.voices for event in voice.finish(self.rule.finish)), UsageUpdate(usage)))
        return Script(lead, tuple(self.beats), usage)

    def _begin(self, input_tokens: int) -> None:
        if not self.begun:
            self.begun = True
            self._beat((Start(model=self.request.model), UsageUpdate(Usage(input_tokens=input_tokens, output_tokens=0))))

    def _speak(self, turn: tuple[Step, ...]) -> None:
        said = [voice.say(turn[choice % len(turn)]) for choice, voice in enumerate(self.voices)]
        for round_ in zip_longest(*said):
            self._beat(tuple(event for events in round_ if events for event in events))
            self.wait += self._between()

    def _beat(self, events: tuple[Event, ...], step: Step | None = None) -> None:
        wait, self.wait = self.wait, 0.0
        self.beats.append(Beat(wait, events, step))

    def _between(self) -> float:
        return self._jittered(1.0 / self.pace.tokens_per_second) if self.pace.tokens_per_second else 0.0

    def _jittered(self, seconds: float) -> float:
        if not seconds or not self.pace.jitter:
            return seconds
        return seconds * (1.0 + self.pace.jitter * (2.0 * self.chance.random() - 1.0))

    def _usage(self, input_tokens: int) -> Usage:
        output = sum(voice.tokens for voice in self.voices)
        thought = sum(voice.thought for voice in self.voices)
        counted = Usage(input_tokens=input_tokens, output_tokens=output, reasoning_tokens=thought or None)
        if self.rule.usage is None:
            return counted
        given = {name: value for name in Usage.__struct_fields__ if (value := getattr(self.rule.usage, name)) not in (None, {})}
        return msgspec.structs.replace(counted, **given)
