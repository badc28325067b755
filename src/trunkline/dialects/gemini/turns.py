"""Our messages as this protocol's turns: ``systemInstruction``, then ``contents`` of user and model."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import msgspec

from ...values.message import Message, Part, Text, ToolCall, ToolResult
from ...values.model import Target
from ..losses import Losses
from .names import Names
from .parts import PartWriter, Wire

NO_SIGNATURE = "skip_thought_signature_validator"
"""What the vendor's documents give for calls that its model did not make (gemini §6)."""


class _Turn:
    """One turn; the first ``results`` of its parts are answers of tools, each with the place of its call."""

    __slots__ = ("after", "calls", "parts", "places", "role")

    def __init__(self, role: str) -> None:
        self.role = role
        self.after: _Turn | None = None
        """The turn that follows."""
        self.calls = 0
        self.parts: list[Any] = []
        self.places: list[int] = []

    @property
    def only_answers(self) -> bool:
        return bool(self.places) and len(self.places) == len(self.parts)

    def answer(self, place: int, part: Wire) -> None:
        """Put an answer where its call stood among the others."""
        at = bisect_right(self.places, place)
        self.places.insert(at, place)
        self.parts.insert(at, part)


class Turns:
    """Takes messages in order; then ``system`` and ``contents`` are what goes on the wire.

    Answers of tools stand together in the one turn that follows their calls, in the calls' order: older models have no ids.
    """

    __slots__ = ("_called", "_first", "_last", "_losses", "_names", "_target", "_writer", "system")

    def __init__(self, target: Target, names: Names, losses: Losses) -> None:
        self._target, self._names, self._losses = target, names, losses
        self._writer = PartWriter(target, names, losses)
        self._first: _Turn | None = None
        self._last: _Turn | None = None
        self._called: dict[str, tuple[_Turn, str, int]] = {}
        """Of each call's id: the turn that made it, its name on the wire, its place among the turn's calls."""
        self.system: list[Wire] = []

    def take(self, messages: Iterable[Message]) -> None:
        for n, message in enumerate(messages):
            if message.name is not None:
                self._losses.dropped("messages.name", "turns have no names here")
            at = f"messages[{n}].parts"
            if message.role == "system":
                self._system(message)
            elif message.role == "assistant":
                self._model(message.parts, at)
            else:
                self._user(message.parts, at)
        if self._last is None and self.system:
            self._losses.approximated("messages.system", "a request needs a turn of the user's: the instructions are sent as one")
            turn = _Turn("user")
            turn.parts, self.system = list(self.system), []
            self._append(turn)

    @property
    def contents(self) -> list[Wire]:
        turns: list[_Turn] = []
        turn = self._first
        while turn is not None:
            turns.append(turn)
            turn = turn.after
        if self._target.quirks.return_reasoning:
            self._sign(turns)
        return [{"role": turn.role, "parts": turn.parts} for turn in turns]

    # --- turns ----------------------------------------------------------------------------------------------------------

    def _system(self, message: Message) -> None:
        written: list[Wire] = []
        for part in message.parts:
            if isinstance(part, Text):
                if (wire := self._writer.text(part)) is not None:
                    written.append(wire)
            else:
                self._losses.dropped("messages.system", "instructions are text only")
        if written and self._last is not None:
            self._losses.approximated("messages.system", "instructions stand before all turns here: put there")
        self.system += written

    def _model(self, parts: tuple[Part, ...], at: str) -> None:
        turn = _Turn("model")
        calls: list[ToolCall] = []
        for n, part in enumerate(parts):
            wire = self._writer.said(part, f"{at}[{n}]")
            if wire is None:
                continue
            turn.parts.append(wire)
            if isinstance(part, ToolCall):
                calls.append(part)
        turn = self._add(turn)
        for call in calls:
            self._called[call.id] = turn, self._names.of(call.name), turn.calls
            turn.calls += 1

    def _add(self, turn: _Turn) -> _Turn:
        """The turn that holds it now."""
        last = self._last
        same = last is not None and last.role == turn.role
        if not turn.parts:
            self._losses.dropped("messages", "a turn without parts is refused")
        elif last is not None and same and (self._target.quirks.alternate_roles or last.only_answers):
            last.parts += turn.parts  # what is said after answers of tools stands in their turn (RULES)
            return last
        else:
            self._append(turn)
        return turn

    def _append(self, turn: _Turn) -> None:
        if self._last is None:
            self._first = turn
        else:
            self._last.after = turn
        self._last = turn

    def _user(self, parts: tuple[Part, ...], at: str) -> None:
        turn = _Turn("user")
        answers = 0
        for n, part in enumerate(parts):
            where = f"{at}[{n}]"
            if isinstance(part, ToolResult):
                self._answer(part, n, where)
                answers += 1
            elif (wire := self._writer.shown(part, where)) is not None:
                turn.parts.append(wire)
        if answers and self._last is not None and self._last.role == "user":
            self._last.parts += turn.parts
        elif turn.parts or not answers:
            self._add(turn)

    def _answer(self, part: ToolResult, number: int, at: str) -> None:
        """Put an answer into the turn after its call; one whose call is not there goes to the end."""
        made = self._called.get(part.tool_call_id)
        name = self._name(part) if made is None else made[1]
        wire = self._writer.result(part, name, at)
        if made is not None:
            turn = self._after(made[0])
        elif self._last is not None and self._last.only_answers:
            turn = self._last
        else:
            turn = _Turn("user")
            self._append(turn)
        turn.answer(number if made is None else made[2], wire)

    def _after(self, calling: _Turn) -> _Turn:
        """The user's turn that follows the turn ``calling``."""
        following = calling.after
        if following is not None and following.role == "user":
            return following
        turn = _Turn("user")
        if following is None:
            self._append(turn)
        else:
            calling.after, turn.after = turn, following
        return turn

    def _name(self, part: ToolResult) -> str:
        """The function's name, of an answer whose call is not there."""
        if part.name is None:
            self._losses.approximated(
                "messages.tool_result.name", "an answer needs the function's name, and its call is not there"
            )
        return self._names.of(part.name or "tool")

    # --- signatures -----------------------------------------------------------------------------------------------------

    def _sign(self, turns: list[_Turn]) -> None:
        """The first call of every step since the user last spoke needs a signature, else the model refuses the request (gemini
        §6): where history came from elsewhere, the documented stand-in takes its place."""
        for turn in reversed(turns):
            if turn.role == "user":
                if not turn.only_answers:
                    return
                continue
            call = next((part for part in turn.parts if isinstance(part, dict) and "functionCall" in part), None)
            if call is not None and not _signed(call):
                call["thoughtSignature"] = NO_SIGNATURE
                self._losses.approximated(
                    "messages.tool_call.state",
                    "this model wants a signature with its calls: sent in its place is the stand-in for none",
                )


def _signed(part: Wire) -> bool:
    signature = part.get("thoughtSignature")
    return bool(signature) and signature != msgspec.Raw(b'""')
