"""How an answer that broke off is carried on by another target: what that one is asked, and what of its answer is new."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..dialects.known import PREFILLED
from ..policy.seam import Seam
from ..values.events import Event, Finish, PartDone, TextDelta, UsageUpdate
from ..values.message import Message, Opaque, Reasoning, Text
from ..values.model import Target
from ..values.request import Request
from ..values.response import Response, Usage

INSTRUCTION = (
    "Your last message was cut off by a technical failure. Continue it from exactly where it stops: begin with the very next"
    " character, repeat nothing, and say nothing about the interruption."
)
_NUMBERS = tuple(name for name in Usage.__struct_fields__ if name != "raw")


def can_carry_on(partial: Response) -> bool:
    """Whether another target can go on from ``partial``: words of one choice, and no call that is half written."""
    return not partial.alternatives and all(isinstance(part, Text | Reasoning | Opaque) for part in partial.message.parts)


def prefills(target: Target, request: Request) -> bool:
    """Whether the target goes on from the assistant's own words at the end of a conversation. Where thinking is asked for, nobody
    does (anthropic-messages sheet, on prefill)."""
    quirks = target.quirks
    if quirks.no_prefill or request.reasoning is not None:
        return False
    return quirks.prefill_flag is not None or target.dialect in PREFILLED


def continued(request: Request, said: str, target: Target) -> Request:
    """``request`` so that the answer carries on ``said``."""
    words = said.rstrip()
    if not words:
        return request
    turns: tuple[Message, ...] = (Message.assistant(words if prefills(target, request) else said),)
    if not prefills(target, request):
        turns += (Message.user(INSTRUCTION),)
    return msgspec.structs.replace(request, messages=(*request.messages, *turns))


class Continuation:
    """What the events of the one that carries on ``said`` are to the reader of the whole: text without what is said twice,
    figures with those of ``before``, the tokens that were used till then. ``usage`` is what this one alone has used."""

    __slots__ = ("_before", "_seam", "_told", "usage")

    def __init__(self, said: str, before: Usage, request: Request, target: Target) -> None:
        shown = said.rstrip() if prefills(target, request) else said
        self._seam = Seam(said, said[len(shown) :], repeats=bool(shown.strip()) and not prefills(target, request))
        self._before = before
        self._told: list[str] = []
        self.usage: Usage = Usage()

    def events(self, events: Sequence[Event]) -> list[Event]:
        """The events as they are handed out."""
        made: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                made += self._text(event)
            elif isinstance(event, PartDone) and isinstance(event.part, Text):
                made += self._rest()
                words, self._told = "".join(self._told), []
                made.append(msgspec.structs.replace(event, part=msgspec.structs.replace(event.part, text=words)))
            elif isinstance(event, UsageUpdate):
                self.usage = event.usage
                made.append(msgspec.structs.replace(event, usage=added(self._before, event.usage), reported_cost=None))
            elif isinstance(event, Finish):
                made += self._rest()
                made.append(event)
            else:
                made.append(event)
        return made

    def _text(self, event: TextDelta) -> list[Event]:
        new = self._seam.feed(event.text)
        self._told.append(new)
        if new == event.text:
            return [event]
        return [msgspec.structs.replace(event, text=new)] if new or event.logprobs else []

    def _rest(self) -> list[Event]:
        rest = self._seam.rest()
        if rest:
            self._told.append(rest)
        return [TextDelta(rest)] if rest else []


def added(one: Usage, other: Usage) -> Usage:
    """What both have used; a figure that one of them does not tell is the other's."""
    sums = {}
    for name in _NUMBERS:
        numbers = [number for number in (getattr(one, name), getattr(other, name)) if number is not None]
        sums[name] = sum(numbers) if numbers else None
    return Usage(**sums, raw={**one.raw, **other.raw})
