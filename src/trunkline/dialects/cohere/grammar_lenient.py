"""The lenient profile: what any reader of this protocol has to rely on. The rules: ``grammar_rules``.

Indexes begin anew after each kind of item in some replies (``command-a-reasoning``), so that they only have to tell apart what is
open at the same time.
"""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, loose_object, numbered
from .grammar_rules import CUT_SHORT, KINDS, LENIENT

_SAYING = frozenset({"message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta"})


class LenientCohere(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(LENIENT)
        self._started: bool = False
        self._said: bool = False
        self._items: dict[int | None, str] = {}
        self._calls: dict[int | None, list[str]] = {}
        self._broken: list[tuple[int, int | None]] = []
        self._ended: bool = False

    def _frame(self, frame: Frame) -> None:
        data = frame.data.strip()
        if not data or data == b"[DONE]":
            return
        try:
            said = loose_object(data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        if "event_type" in said:  # version 1 has no other end either
            self._ended = self._ended or said["event_type"] == "stream-end"
            return
        kind = said.get("type")
        kind = kind if type(kind) is str and kind else frame.event or ""
        if self._ended:
            if kind in _SAYING:
                self._fault("after-end", f"{kind} after message-end")
            return
        if kind == "message-start":
            if self._said:
                self._fault("start", "message-start after something was said")
            self._started = True
        elif kind in _SAYING:
            self._say(kind)
        self._event(kind, said)

    def _say(self, kind: str) -> None:
        self._said = True
        if not self._started:
            self._started = True  # said once
            self._fault("start", f"{kind} before message-start")

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        index = said.get("index")
        index = index if type(index) is int else None
        if kind == "content-start":
            self._open(index, self._inner(said, "content"))
        elif kind == "content-delta":
            self._piece(index, self._inner(said, "content"))
        elif kind == "content-end":
            if self._items.pop(index, None) is None:
                self._fault("item-open", f"item {numbered(index)} ends, and is not open")
        elif kind == "tool-plan-delta":
            self._words(self._message(said).get("tool_plan"), "$.delta.message.tool_plan")
        elif kind == "tool-call-start":
            if index in self._calls:
                self._fault("item-open", f"call {numbered(index)} begins, and is open")
            self._calls[index] = self._arguments(said)
        elif kind == "tool-call-delta":
            self._grow(index, self._arguments(said))
        elif kind == "tool-call-end":
            self._call_end(index)
        elif kind == "message-end":
            self._message_end(said)

    def _end(self) -> None:
        if not self._ended:
            self._fault("end", "the stream stops without message-end")

    # --- content ------------------------------------------------------------------------------------------------------

    def _open(self, index: int | None, item: dict[str, Any]) -> None:
        if index in self._items:
            self._fault("item-open", f"item {numbered(index)} begins, and is open")
        kind = item.get("type")
        self._items[index] = kind if type(kind) is str and kind else next((name for name in KINDS if name in item), "text")

    def _piece(self, index: int | None, piece: dict[str, Any]) -> None:
        kind = self._items.get(index)
        if kind is None:
            self._fault("item-open", f"item {numbered(index)} grows, and is not open")
        for name in KINDS:
            if piece.get(name) is not None:
                self._words(piece[name], f"$.delta.message.content.{name}")
                if kind in KINDS and name != kind:
                    self._fault("piece-kind", f"a piece of {name} in {kind}")

    # --- calls --------------------------------------------------------------------------------------------------------

    def _grow(self, index: int | None, pieces: list[str]) -> None:
        if index in self._calls:
            self._calls[index] += pieces
        else:
            self._fault("item-open", f"call {numbered(index)} grows, and is not open")

    def _call_end(self, index: int | None) -> None:
        pieces = self._calls.pop(index, None)
        if pieces is None:
            self._fault("item-open", f"call {numbered(index)} ends, and is not open")
        elif text := "".join(pieces):
            try:
                loose_object(text.encode("utf-8", "surrogatepass"))
            except ValueError:
                self._broken.append((self._number, index))

    def _arguments(self, said: dict[str, Any]) -> list[str]:
        function = self._inner(said, "tool_calls").get("function")
        words = function.get("arguments") if type(function) is dict else None
        self._words(words, "$.delta.message.tool_calls.function.arguments")
        return [words] if type(words) is str else []

    # --- the end ------------------------------------------------------------------------------------------------------

    def _message_end(self, said: dict[str, Any]) -> None:
        self._ended = True
        delta = said.get("delta")
        if type(delta) is not dict:
            self._fault("shape", "$.delta is not an object")
            delta = {}
        reason, failed = delta.get("finish_reason"), delta.get("error") is not None
        if (type(reason) is not str or not reason) and not failed:
            self._fault("finish-reason", "none was given")
        if (self._items or self._calls) and not (failed or reason in CUT_SHORT):
            self._fault("closed", f"{len(self._items) + len(self._calls)} items or calls are open at message-end")
        for frame, index in self._broken:
            if reason not in CUT_SHORT:
                self._fault("tool-input", f"the arguments of call {numbered(index)} are not a JSON object", frame)

    def _words(self, value: object, path: str) -> None:
        if value is not None and type(value) is not str:
            self._fault("shape", f"{path} is not text")

    def _message(self, said: dict[str, Any]) -> dict[str, Any]:
        inner = said
        for name in ("delta", "message"):
            found = inner.get(name)
            if type(found) is not dict:
                self._fault("shape", f"$.{name} is not an object")
                return {}
            inner = found
        return inner

    def _inner(self, said: dict[str, Any], name: str) -> dict[str, Any]:
        found = self._message(said).get(name)
        if type(found) is dict:
            return found
        self._fault("shape", f"$.delta.message.{name} is not an object")
        return {}
