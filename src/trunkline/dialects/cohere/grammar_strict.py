"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, is_count, numbered, shown, strict_object
from .grammar_rules import CUT_SHORT, EVENTS, ITEMS, PIECES, STRICT


class StrictCohere(Automaton):
    """``message-start``, the plan, items of content and calls one after the other, ``message-end``, ``[DONE]``."""

    def __init__(self) -> None:
        super().__init__(STRICT)
        self._started: bool = False
        self._open: tuple[str, int] | None = None
        """What is open: the kind of the item, or ``call``; and its number."""
        self._items: list[str] = []
        """The kinds of the items of content so far."""
        self._calls: int = 0
        self._pieces: list[str] = []
        self._cited: int = 0
        self._citing: bool = False
        self._broken: tuple[int, int] | None = None
        """The frame and number of the last call, if its arguments are no JSON object: forgiven where the reply was cut short."""
        self._ended: bool = False
        self._done: bool = False

    def _frame(self, frame: Frame) -> None:
        if frame.data == b"[DONE]":
            self._last(frame)
            return
        if self._ended:
            self._fault("after-end", "a frame after message-end")
            return
        try:
            said = strict_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        kind = said.get("type")
        if frame.event != kind or frame.id is not None:
            self._fault("event-name", "the event's name is not its type, or it has an id")
        if type(kind) is not str or not kind:
            self._fault("field-type", "$.type is not text that is not empty")
            return
        if kind in EVENTS:
            self._misfits(EVENTS[kind], said, "$")
        self._begun(kind, said)
        if self._citing and kind != "citation-end":
            self._fault("citation", "a citation has not ended")
            self._citing = False
        take = getattr(self, f"_{kind.replace('-', '_')}", None) if kind in EVENTS else None
        if take is not None:
            take(said)

    def _last(self, frame: Frame) -> None:
        if frame.event is not None or frame.id is not None:
            self._fault("event-name", "[DONE] has a name or an id")
        if self._done:
            self._fault("after-end", "[DONE] for a second time")
        elif not self._ended:
            self._fault("end", "[DONE] before message-end")
        self._done = self._ended = True

    def _end(self) -> None:
        if not self._done:
            self._fault("end", "the stream stops without [DONE]")

    def _begun(self, kind: str, said: dict[str, Any]) -> None:
        if not self._started and kind != "message-start" and not (kind == "message-end" and "error" in _inner(said, "delta")):
            self._fault("start", f"{kind if kind in EVENTS else 'an event'} before message-start")
            self._started = True  # said once

    # --- the message --------------------------------------------------------------------------------------------------

    def _message_start(self, said: dict[str, Any]) -> None:
        if self._started:
            self._fault("start", "message-start for a second time, or too late")
        self._started = True

    def _message_end(self, said: dict[str, Any]) -> None:
        self._ended = True
        if self._open is not None:
            self._fault("closed", f"{self._open[0]} {self._open[1]} is open at message-end")
        reason = _inner(said, "delta").get("finish_reason")
        if type(reason) is str and reason in CUT_SHORT:
            self._broken = None
        self._tell_broken()
        if reason == "TOOL_CALL" and not self._calls:
            self._fault("finish-fits", "the reply ends for a call that it does not make")

    def _tell_broken(self) -> None:
        if self._broken is not None:
            frame, number = self._broken
            self._fault("tool-input", f"the arguments of call {number} are not a JSON object", frame)
            self._broken = None

    def _tool_plan_delta(self, said: dict[str, Any]) -> None:
        if self._items or self._calls:
            self._fault("plan-first", "the plan after content or a call")

    # --- content ------------------------------------------------------------------------------------------------------

    def _alone(self, kind: str) -> None:
        if self._open is not None:
            self._fault("item-open", f"{kind} while {self._open[0]} {self._open[1]} is open")

    def _content_start(self, said: dict[str, Any]) -> None:
        self._alone("an item begins")
        index = said.get("index")
        if index != len(self._items):
            self._fault("item-index", f"item {numbered(index)} where {len(self._items)} was due")
        item = _message(said, "content")
        kind = item.get("type")
        kind = kind if type(kind) is str else ""
        if kind in ITEMS:
            self._misfits(ITEMS[kind], item, "$.delta.message.content")
        self._open = (kind, len(self._items))
        self._items.append(kind)

    def _content_delta(self, said: dict[str, Any]) -> None:
        if self._grown("an item", said) is None or self._open is None:
            return
        kind, piece = self._open[0], _message(said, "content")
        if kind not in PIECES:
            self._fault("piece-kind", "a piece of an item that comes whole")
            return
        for _ in [name for name in PIECES if name in piece and name != kind]:
            self._fault("piece-kind", f"a piece of another kind in {kind}")
        self._misfits(PIECES[kind], piece, "$.delta.message.content")

    def _content_end(self, said: dict[str, Any]) -> None:
        if self._grown("an item", said) is not None:
            self._open = None

    def _grown(self, what: str, said: dict[str, Any]) -> int | None:
        """The number of the item or call that is open, where this belongs to it."""
        is_call = what == "a call"
        if self._open is None or (self._open[0] == "call") is not is_call:
            self._fault("item-open", f"{what} grows or ends, and none is open")
            return None
        number = self._open[1]
        if said.get("index") != number:
            self._fault("call-index" if is_call else "item-index", f"{what} {numbered(said.get('index'))} where {number} is open")
        return number

    # --- calls --------------------------------------------------------------------------------------------------------

    def _tool_call_start(self, said: dict[str, Any]) -> None:
        self._alone("a call begins")
        self._tell_broken()
        if said.get("index") != self._calls:
            self._fault("call-index", f"call {numbered(said.get('index'))} where {self._calls} was due")
        self._open, self._pieces = ("call", self._calls), []
        self._calls += 1

    def _tool_call_delta(self, said: dict[str, Any]) -> None:
        if self._grown("a call", said) is not None:
            words = _inner(_message(said, "tool_calls"), "function").get("arguments")
            if type(words) is str:
                self._pieces.append(words)

    def _tool_call_end(self, said: dict[str, Any]) -> None:
        number = self._grown("a call", said)
        if number is None:
            return
        self._open = None
        if self._pieces:
            try:
                strict_object("".join(self._pieces).encode("utf-8", "surrogatepass"))
            except ValueError:
                self._broken = (self._number, number)

    # --- citations ----------------------------------------------------------------------------------------------------

    def _citation_start(self, said: dict[str, Any]) -> None:
        self._citing = True
        if self._open is not None and self._open[0] == "call":
            self._fault("item-open", "a citation while a call is open")
        if said.get("index") != self._cited:
            self._fault("citation", f"citation {numbered(said.get('index'))} where {self._cited} was due")
        citation = _message(said, "citations")
        place = citation.get("content_index")
        if is_count(place) and place >= len(self._items):
            self._fault("citation", f"item {shown(place)} has not begun")

    def _citation_end(self, said: dict[str, Any]) -> None:
        if not self._citing:
            self._fault("citation", "a citation ends that has not begun")
        elif said.get("index") != self._cited:
            self._fault("citation", f"citation {numbered(said.get('index'))} where {self._cited} was due")
        self._citing = False
        self._cited += 1


def _inner(said: dict[str, Any], name: str) -> dict[str, Any]:
    inner = said.get(name)
    return inner if type(inner) is dict else {}


def _message(said: dict[str, Any], name: str) -> dict[str, Any]:
    return _inner(_inner(_inner(said, "delta"), "message"), name)
