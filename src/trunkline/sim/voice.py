"""One choice of an answer as it is spoken: token by token, until it is said, a stop sequence comes, or no more may be said."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ..values.events import Event, Finish, PartDone, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from ..values.message import Reasoning, Refusal, Text, ToolCall
from ..values.request import CustomTool, Request
from ..values.response import FinishReason, TokenLogprob
from .steps import Call, Refuse, Say, Step, Think
from .tokens import pieces

_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_OTHERS = (
    " the", " a", " and", " of", " to", ".", ",", " is", " in", " it", "\n", " not", " you", " for", " on", " as", "!", "?",
)  # fmt: skip


Kind = type[Text] | type[Reasoning] | type[Refusal]


class Voice:
    """What choice number ``choice`` says of ``steps``. ``free``: neither the limit of tokens nor stop sequences hold. ``begun``:
    words that were said already; where those of the steps begin with them, only the rest is said.

    ``say`` gives a list of events a token; ``tokens`` is how many there were, ``thought`` how many of them were reasoning.
    """

    def __init__(
        self, request: Request, choice: int, steps: Sequence[Step], chance: random.Random, *, free: bool, begun: str = ""
    ) -> None:
        self.choice: int = choice
        self.tokens: int = 0
        self.thought: int = 0
        self._request = request
        self._chance = chance
        self._most = None if free else request.max_tokens
        self._custom = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
        self._open: Kind | None = None
        self._said: list[str] = []
        self._ended_by_stop = False
        self._calls = 0
        self._reason: FinishReason | None = None
        says = [step for step in steps if isinstance(step, Say)]
        words = "".join("".join(step.text) for step in says)
        self._known = len(begun) if words.startswith(begun) and all(step.continues for step in says) else 0
        self._left, self._stop = _first_stop(() if free else request.stop, words[self._known :])

    def say(self, step: Step) -> list[list[Event]]:
        """The events of ``step``, a list for each token; none once the choice is finished."""
        if self._reason is not None:
            return []
        match step:
            case Say():
                return self._close_unless(Text) + list(self._speak(Text, self._until_stop(self._unsaid(step.text))))
            case Think() if self._known:  # it led to words that are said already
                return []
            case Think():
                return self._close_unless(Reasoning) + list(self._speak(Reasoning, _pieces(step.text)))
            case Refuse():
                return self._close_unless(Refusal) + list(self._speak(Refusal, _pieces(step.text)))
            case Call():
                return self._close_unless(None) + self._call(step)
            case _:
                raise AssertionError(step)

    def finish(self, reason: FinishReason | None) -> list[Event]:
        """What is still to be said at the end; ``reason`` wins over our own."""
        closing = [event for events in self._close_unless(None) for event in events]
        own = self._reason or ("tool_calls" if self._calls else "stop")
        return [
            *closing,
            Finish(reason or own, choice=self.choice, stop_sequence=self._stop if self._ended_by_stop and not reason else None),
        ]

    def _close_unless(self, kind: Kind | None) -> list[list[Event]]:
        """The end of the part that is open, where another kind begins."""
        done: list[list[Event]] = []
        if self._open is not None and self._open is not kind and self._said:
            done.append([PartDone(self._open("".join(self._said)), choice=self.choice)])
        if self._open is not kind:
            self._open, self._said = kind, []
        return done

    def _may_say_more(self) -> bool:
        if self._most is not None and self.tokens >= self._most:
            self._reason, self._ended_by_stop = "length", False
            return False
        return True

    def _speak(self, kind: Kind, said: Sequence[str]) -> Iterator[list[Event]]:
        for piece in said:
            if not self._may_say_more():
                return
            self.tokens += 1
            self._said.append(piece)
            if kind is Reasoning:
                self.thought += 1
                yield [ReasoningDelta(piece, self.choice)]
            elif kind is Refusal:
                yield [RefusalDelta(piece, self.choice, None, self._logprobs(piece))]
            else:
                yield [TextDelta(piece, self.choice, None, self._logprobs(piece))]
        if self._ended_by_stop:
            self._reason = "stop"

    def _unsaid(self, text: str | Sequence[str]) -> Sequence[str]:
        """``text`` in pieces, without what of it was said before."""
        if not self._known:
            return _pieces(text)
        known = min(self._known, len("".join(text)))
        self._known -= known
        if isinstance(text, str):
            return pieces(text[known:])
        kept = []
        for piece in text:
            kept.append(piece[known:])
            known -= min(known, len(piece))
        return [piece for piece in kept if piece]

    def _until_stop(self, said: Sequence[str]) -> Sequence[str]:
        """Of the tokens ``said`` those before the stop sequence that comes first in all that the choice has to say."""
        if self._left is None:
            return said
        kept = []
        for piece in said:
            kept.append(piece[: self._left])
            self._left -= len(kept[-1])
            if not self._left:
                self._ended_by_stop = True
                break
        return [piece for piece in kept if piece]

    def _call(self, step: Call) -> list[list[Event]]:
        id_ = step.id if step.id is not None else "call_" + "".join(self._chance.choices(_ID_LETTERS, k=24))
        index = self._calls
        begun: list[list[Event]] = []
        arguments = ""
        for piece in pieces(step.raw_arguments) or [""]:
            if not self._may_say_more():
                break
            self.tokens += 1
            arguments += piece
            begun.append([ToolCallDelta(index, None, None, piece, self.choice)])
        if not begun:
            return []
        self._calls += 1
        kind: Literal["custom", "function"] = "custom" if step.name in self._custom else "function"
        begun[0].insert(0, ToolCallDelta(index, id_, step.name, "", self.choice))
        begun[-1].append(PartDone(ToolCall(id_, step.name, arguments, kind), index, self.choice))
        return begun

    def _logprobs(self, piece: str) -> tuple[TokenLogprob, ...]:
        if not self._request.logprobs:
            return ()
        likely = self._token(piece, 0.01)
        others = self._chance.sample(
            [other for other in _OTHERS if other != piece], max(0, (self._request.top_logprobs or 0) - 1)
        )
        top = [likely, *(self._token(other, 2.0) for other in others)] if self._request.top_logprobs else []
        return (msgspec.structs.replace(likely, top=tuple(sorted(top, key=lambda token: -token.logprob))),)

    def _token(self, token: str, least: float) -> TokenLogprob:
        """A token that is somewhat less likely than ``least``, in natural logarithms."""
        return TokenLogprob(token, -round(least + self._chance.random(), 4), tuple(token.encode()))


def _pieces(text: str | Sequence[str]) -> Sequence[str]:
    return pieces(text) if isinstance(text, str) else text


def _first_stop(stops: Sequence[str], text: str) -> tuple[int | None, str | None]:
    """How much of ``text`` comes before the stop sequence that is whole first, and which it is."""
    found = [(at + len(stop), at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not found:
        return None, None
    _, at, stop = min(found)
    return at, stop
