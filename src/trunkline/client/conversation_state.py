"""What a conversation holds, and what of it is sent next. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ..engine.steps import total
from ..policy.context import ContextWindow
from ..policy.token_estimates import estimate
from ..policy.tokens import parts_of
from ..providers.token_families import family_of
from ..values.errors import UsageError
from ..values.message import Audio, File, Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Video
from ..values.request import Request
from ..values.response import Usage
from ..values.transcript import Transcript

_PLAIN = frozenset({Text, Reasoning, Refusal})
_MEDIA = frozenset({Image, Audio, Video, File})


class Summary(NamedTuple):
    """``message`` stands for the first ``upto`` messages."""

    upto: int
    message: Message


class History:
    """The messages, what belongs to them, and the window through which a model sees them.

    The first ``kept`` are said; what follows is a turn under way. ``ids`` name those that are saved.
    """

    def __init__(self, max_turns: int | None, max_tokens: int | None) -> None:
        self.window: ContextWindow[Message] = ContextWindow(max_turns, max_tokens)
        self.kept: int = 0
        self.ids: list[str] = []
        self.system: Message | None = None
        self.summaries: tuple[Summary, ...] = ()
        self.title: str | None = None
        self.usage: Usage = Usage()
        self.cost: Decimal | None = Decimal(0)
        self.media: bool = False
        """Whether any message holds, or held, more than words."""
        self._answers = self._changes = 0
        self._whole = True

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self.window.items[: self.kept])

    def add(self, message: Message, *, begins: bool) -> None:
        """One more message of the turn under way; ``begins``: it begins a turn."""
        self._whole, self._changes = False, self._changes + 1
        calls: list[str] = []
        answers: list[str] = []
        kinds = set(map(type, message.parts))
        if not kinds <= _PLAIN:
            self.media = self.media or not _MEDIA.isdisjoint(map(type, parts_of(message.parts)))
            calls = [part.id for part in message.parts if type(part) is ToolCall]
            answers = [part.tool_call_id for part in message.parts if type(part) is ToolResult]
        first = self.window.first
        self.window.add(
            message, begins=begins, tokens=self._tokens((message,)), calls=calls, answers=answers,
            pinned=message.role == "system",
        )  # fmt: skip
        if self.summaries and self.window.first != first:
            self.lead()

    def say(self, messages: Iterable[Message]) -> None:
        """Adds each message; those of the user begin turns."""
        for message in messages:
            self.add(message, begins=message.role == "user")
        self.keep()

    def keep(self) -> None:
        """All that was added is said."""
        self._changes += 1
        self.kept, self._whole = len(self.window.items), True

    def cut(self, length: int) -> None:
        """As though all but the first so many had never been said; also mends what an interruption left."""
        if not self._whole or self.kept != length:
            self._whole, self._changes = False, self._changes + 1
            self.kept = min(self.kept, length)
            self.window.cut(length)
            del self.ids[length:]
            self.summaries = tuple(summary for summary in self.summaries if summary.upto <= length)
            self.lead()
            self._whole = True

    def undo(self, turns: int) -> None:
        """Takes back the last turns. Raises ``UsageError`` where there are not so many."""
        begins = self.window.begins
        if turns > len(begins):
            raise UsageError("there are not so many turns", field="turns", got=str(turns), allowed=f"up to {len(begins)}")
        self.cut(begins[-turns])

    def pin(self, message: Message | None) -> None:
        """``message`` (None: the last one) is never left out from now on."""
        items = self.window.items
        if message is None:
            place = len(items) - 1
        else:
            back = range(len(items) - 1, -1, -1)
            place = next((n for n in back if items[n] is message), next((n for n in back if items[n] == message), -1))
        if place < 0:
            raise UsageError("is not in the conversation", field="message", allowed="one of its messages, or None for the last")
        self.window.pin(place)

    def lead(self) -> None:
        """What comes first whatever is left out: the instructions, and a summary of what is."""
        summary = next((each.message for each in reversed(self.summaries) if each.upto <= self.window.first), None)
        head = tuple(each for each in (self.system, summary) if each is not None)
        self.window.lead(head, self._tokens(head))

    def left_out(self) -> tuple[Message, ...]:
        """What is left out, and no summary tells."""
        return tuple(self.window.items[self.summarized : self.window.first])

    @property
    def summarized(self) -> int:
        return self.summaries[-1].upto if self.summaries else 0

    def summarize(self, message: Message, upto: int) -> None:
        """``message`` stands for the first ``upto`` messages; not, where some of them were taken back while it was written."""
        if self.summarized <= upto <= self.kept:
            self.summaries += (Summary(upto, message),)
            self.lead()

    def spend(self, usage: Usage, cost: Decimal | None) -> None:
        """What an answer took; who does not tell makes the sum unknown."""
        self._answers += 1
        self.usage = total((self.usage, usage)) if self._answers > 1 else msgspec.structs.replace(usage, raw={})
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def copy(self) -> History:
        """The same, without what it took so far."""
        window = self.window
        other = History(window.max_turns, window.max_tokens)
        other.window, other.ids = window.copy(), self.ids.copy()
        for name in ("kept", "system", "summaries", "title", "media", "_whole"):
            setattr(other, name, getattr(self, name))
        return other

    def still(self) -> History:
        """A copy without the turn under way, whoever adds to it meanwhile."""
        while True:
            changes, other = self._changes, self.copy()
            if self._changes == changes:
                other._whole = False
                other.cut(other.kept)
                return other

    def transcript(self) -> Transcript:
        still = self.still()
        window, last = still.window, still.summaries[-1] if still.summaries else None
        return Transcript(
            messages=still.messages, system=self.system, title=self.title, turns=tuple(window.begins), pinned=tuple(window.pins),
            summary=last and last.message, summarized=last.upto if last else 0, usage=self.usage, cost=self.cost,
        )  # fmt: skip

    def restore(self, said: Transcript) -> None:
        """Becomes what ``said`` tells. Instructions and title that there are already stay. Where it tells of no turns, each
        message of the user's begins one."""
        turns, pinned = set(said.turns), set(said.pinned)
        self.system, self.title = self.system or said.system, self.title or said.title
        self.lead()
        for place, message in enumerate(said.messages):
            self.add(message, begins=place in turns if turns else message.role == "user")
            if place in pinned:
                self.window.pin(place)
        self.keep()
        if said.summary is not None and 0 <= said.summarized <= self.kept:
            self.summaries = (Summary(said.summarized, said.summary),)
            self.lead()
        if said.usage != Usage() or said.cost != 0:
            self.spend(said.usage, said.cost)

    def _tokens(self, messages: tuple[Message, ...]) -> int:
        if self.window.max_tokens is None or not messages:
            return 0
        return estimate(Request(model="", messages=messages), family_of("", "")).tokens
