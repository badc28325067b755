"""How an answer that broke off is carried on by another target: what that one is asked, and what of its answer is new."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..dialects.known import PREFILLED
from ..policy.seam import Seam
from ..values.events import Event, OpaqueEvent, PartDone, ReasoningDelta, Start, TextDelta, UsageUpdate, Warned
from ..values.message import Message, Opaque, Reasoning, Text
from ..values.model import Target
from ..values.request import Request
from ..values.response import Response, Usage

INSTRUCTION = (
    "Your last message was cut off by a technical failure. Continue it from exactly where it stops: begin with the very next"
    " character, repeat nothing, and say nothing about the interruption."
)
_BESIDE = (Start, ReasoningDelta, UsageUpdate, Warned, OpaqueEvent)
"""Events that may come between two pieces of a text."""
_NUMBERS = tuple(name for name in Usage.__struct_fields__ if name != "raw")


def can_carry_on(request: Request, partial: Response) -> bool:
    """Whether another target can go on from ``partial``: words of one choice, and no call that is half written. Who is held to a
    schema begins JSON anew, whatever stands before it."""
    if request.output is not None or (request.n or 1) > 1:
        return False
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
    prefilled = prefills(target, request)
    turns = _spoken(request.messages, words if prefilled else said)
    if not prefilled:
        turns = (*turns, Message.user(INSTRUCTION))
    return msgspec.structs.replace(request, messages=turns)


def _spoken(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """The conversation with the assistant's ``words``: behind those that you have put into its mouth, if you have."""
    if not messages:
        return (Message.assistant(words),)
    *before, last = messages
    if last.role != "assistant" or not last.parts or not isinstance(part := last.parts[-1], Text):
        return (*messages, Message.assistant(words))
    parts = (*last.parts[:-1], msgspec.structs.replace(part, text=part.text + words))
    return (*before, msgspec.structs.replace(last, parts=parts))


class Continuation:
    """What the events of the one that carries on ``said`` are to the reader of the whole: text without what is said twice,
    figures with those of ``before``, the tokens that were used till then. ``usage`` is what this one alone has used."""

    __slots__ = ("_fed", "_seam", "_told", "before", "said", "usage")

    def __init__(self, said: str, before: Usage, request: Request, target: Target) -> None:
        words, prefilled = said.rstrip(), prefills(target, request)
        shown = words if prefilled or not words else said
        self._seam = Seam(said, said[len(shown) :], repeats=bool(words) and not prefilled)
        self.said: str = said
        self.before: Usage = before
        self._told: list[str] = []
        self._fed = False
        self.usage: Usage = Usage()

    def events(self, events: Sequence[Event]) -> list[Event]:
        """The events as they are handed out."""
        made: list[Event] = []
        for event in events:
            if not isinstance(event, TextDelta | PartDone) and not isinstance(event, _BESIDE):
                made += self.rest()
            if isinstance(event, TextDelta):
                made += self._text(event)
            elif isinstance(event, PartDone) and isinstance(event.part, Text):
                if not self._fed:
                    made += self._text(TextDelta(event.part.text))
                made += self.rest()
                words, self._told, self._fed = "".join(self._told), [], False
                made.append(msgspec.structs.replace(event, part=msgspec.structs.replace(event.part, text=words)))
            elif isinstance(event, UsageUpdate):
                self.usage = event.usage
                made.append(msgspec.structs.replace(event, usage=added(self.before, event.usage), reported_cost=None))
            else:
                made.append(event)
        return made

    def _text(self, event: TextDelta) -> list[Event]:
        self._fed = True
        new = self._seam.feed(event.text)
        self._told.append(new)
        if new == event.text:
            return [event]
        return [msgspec.structs.replace(event, text=new)] if new or event.logprobs else []

    def rest(self) -> list[Event]:
        """What was held back, because it might have been said before."""
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
