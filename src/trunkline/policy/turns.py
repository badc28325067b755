"""What the model said when it called tools, kept for hosts that send back nothing but the results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from threading import Lock

import msgspec

from ..values.errors import UsageError
from ..values.expect import kind_of
from ..values.message import Message, Part, Text, ToolCall, ToolResult
from ..values.response import Warning

_ANSWERED, _UNKNOWN = -1, 0  # where a result belongs that needs no turn, and one whose turn nobody remembers
_NAMELESS = "tool"
LIMIT = 1_000
_role = attrgetter("role")


class TurnMemory:
    """The last ``limit`` assistant turns that called tools, by the ids of their calls: ``Client(..., tool_memory=TurnMemory())``.

    A client that has one remembers the turns of its replies, and puts them back into a conversation that holds results of tools
    but not the turn that asked for them. Turns are kept whole, with reasoning and provider state. Safe to share among threads and
    clients. Providers make ids unique; where a server does not, the newest turn counts: give each conversation a memory of its
    own (``llm.with_options(tool_memory=TurnMemory())``). Raises ``UsageError`` for a limit below 1.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise UsageError("not a count", field="limit", got=kind_of(limit), allowed="a whole number, 1 or more")
        self._limit = limit
        self._turns: dict[int, Message] = {}  # oldest first
        self._newest: dict[str, int] = {}  # of which turn a call's id is
        self._last = _UNKNOWN
        self._lock = Lock()

    def remember(self, message: Message) -> None:
        """Keep an assistant's turn that calls tools; any other is none of its business."""
        calls = message.tool_calls
        if message.role != "assistant" or not calls:
            return
        with self._lock:
            self._last += 1
            self._turns[self._last] = message
            self._newest.update(dict.fromkeys((call.id for call in calls), self._last))
            if len(self._turns) > self._limit:
                self._forget(next(iter(self._turns)))

    def _forget(self, number: int) -> None:
        for call in self._turns.pop(number).tool_calls:
            if self._newest.get(call.id) == number:
                del self._newest[call.id]

    def mend(self, messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Warning, ...]]:
        """``messages`` with a turn before each run of tool results whose calls were not said, and what was lost by it.

        The turn is the remembered one, without its calls that have no result here (``dropped``), or for an unknown id one
        that is made up (``approximated``). Where nothing is amiss the same tuple comes back.
        """
        if "tool" not in map(_role, messages):  # at C speed: a conversation may be long
            return messages, ()
        mended: list[Message] | None = None
        warnings: list[Warning] = []
        unanswered: set[str] = set()
        for start, end in _runs(messages):
            run = messages[start:end]
            if run[0].role != "tool":
                unanswered.update(call.id for message in run if message.role == "assistant" for call in message.tool_calls)
            elif not (answered := _answered(run)) <= unanswered:
                mended = list(messages[:start]) if mended is None else mended
                self._lead(mended, run, unanswered, start, warnings)
                unanswered -= answered
                continue
            else:
                unanswered -= answered
            if mended is not None:
                mended += run
        return (messages, ()) if mended is None else (tuple(mended), tuple(warnings))

    def _lead(self, said: list[Message], run: Sequence[Message], unanswered: set[str], at: int, warnings: list[Warning]) -> None:
        """Adds ``run`` to what was ``said``, each result behind the turn that it answers."""
        with self._lock:
            turns = {id: self._newest.get(id, _UNKNOWN) for id in _answered(run) - unanswered}
            remembered = {number: self._turns[number] for number in turns.values() if number != _UNKNOWN}
        groups: dict[int, list[Message]] = {_ANSWERED: []}  # those come first: their turn stands right before
        for message in run:
            for number, piece in _divided(message, turns).items():
                groups.setdefault(number, []).append(piece)
        said += groups.pop(_ANSWERED)
        for number, results in groups.items():
            if number == _UNKNOWN:
                said.append(_made_up(results, at, warnings))
            else:
                turn = remembered[number]
                if said and _says_only(said[-1], turn.text):
                    said.pop()
                said.append(_with_results(turn, _answered(results), at, warnings))
            said += results

    def __len__(self) -> int:
        """How many turns it holds."""
        return len(self._turns)

    def __repr__(self) -> str:
        return f"<TurnMemory of {len(self)} turns>"


def _runs(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """From where to where messages are all of tools, or none of them is."""
    start = 0
    for n in range(1, len(messages) + 1):
        if n == len(messages) or (messages[n].role == "tool") != (messages[start].role == "tool"):
            yield start, n
            start = n


def _results(messages: Sequence[Message]) -> Iterator[ToolResult]:
    return (part for message in messages for part in message.parts if isinstance(part, ToolResult))


def _answered(messages: Sequence[Message]) -> set[str]:
    return {result.tool_call_id for result in _results(messages)}


def _divided(message: Message, turns: dict[str, int]) -> dict[int, Message]:
    """``message`` by the turns that its results answer; mostly it is one and the same."""
    pieces: dict[int, list[Part]] = {}
    number = _ANSWERED
    for part in message.parts:
        if isinstance(part, ToolResult):
            number = turns.get(part.tool_call_id, _ANSWERED)
        pieces.setdefault(number, []).append(part)
    if len(pieces) < 2:
        return {number: message}
    return {number: msgspec.structs.replace(message, parts=tuple(parts)) for number, parts in pieces.items()}


def _says_only(message: Message, text: str) -> bool:
    """Whether a host said the turn's words itself, and left its calls out."""
    return message.role == "assistant" and message.text == text and all(type(part) is Text for part in message.parts)


def _with_results(turn: Message, answered: set[str], at: int, warnings: list[Warning]) -> Message:
    left = [call.id for call in turn.tool_calls if call.id not in answered]
    if not left:
        return turn
    reason = f"the turn before these results called {', '.join(left)} too, of which there is no result: left out"
    warnings.append(Warning("dropped", f"messages[{at}].tool_calls", reason))
    kept = tuple(part for part in turn.parts if not isinstance(part, ToolCall) or part.id in answered)
    return msgspec.structs.replace(turn, parts=kept)


def _made_up(results: Sequence[Message], at: int, warnings: list[Warning]) -> Message:
    calls = {result.tool_call_id: ToolCall(result.tool_call_id, result.name or _NAMELESS) for result in _results(results)}
    reason = f"nobody remembers a turn that called {', '.join(calls)}: one without arguments stands in its place"
    warnings.append(Warning("approximated", f"messages[{at}].tool_calls", reason))
    return Message.assistant(*calls.values())
