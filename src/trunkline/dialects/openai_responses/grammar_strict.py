"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, numbered, strict_object
from .grammar_items import Item
from .grammar_rules import EVENTS, HEADS, PROGRESS, STEMS, STRICT, TERMINAL, stem_of

_SAME = ("id", "created_at", "model")
_OWN = frozenset(EVENTS)


class StrictResponses(Automaton):
    """The head, items one after the other, the response with all of them; an error at any time."""

    def __init__(self) -> None:
        super().__init__(STRICT)
        self._due: int = 0
        self._heads: list[str] = []
        self._response: dict[str, Any] | None = None
        self._item: Item | None = None
        self._done: list[dict[str, Any]] = []
        self._begun: int = 0
        self._ids: set[str] = set()
        self._error: bool = False
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if self._ended is not None:
            self._fault("after-end", f"a frame after {self._ended}")
            return
        try:
            said = strict_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        kind = said.get("type")
        if frame.event != kind or frame.id is not None:
            self._fault("event-name", "the event's name is not its type, or it has an id")
        if type(kind) is not str or kind not in _OWN:
            self._fault("event-kind", "the protocol has no such event")
            return
        self._misfits(EVENTS[kind], said, "$")
        number = said.get("sequence_number")
        if number != self._due:
            self._fault("number", f"event {numbered(number)} where {self._due} was due")
        self._due = number + 1 if type(number) is int else self._due + 1
        if self._error and kind != "response.failed":
            self._fault("end", "after an error only response.failed comes")
        self._event(kind, said)

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        if kind in HEADS:
            self._head(kind, said)
        elif kind in TERMINAL:
            self._last(kind, said)
        elif kind == "error":
            self._error = True
        elif kind != "keepalive":
            self._of_item(kind, said)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without its last response")

    # --- the response -------------------------------------------------------------------------------------------------

    def _head(self, kind: str, said: dict[str, Any]) -> None:
        due = ("response.created",) if not self._heads else HEADS[HEADS.index(self._heads[-1]) + 1 :]
        if kind not in due or self._begun:
            self._fault("start", f"{kind} for a second time, or out of order")
        self._heads.append(kind)
        self._same(_inner(said, "response"))

    def _same(self, response: dict[str, Any]) -> None:
        if self._response is None:
            self._response = response
        for name in _SAME:
            if response.get(name) != self._response.get(name):
                self._fault("same-response", f"$.response.{name} is another")

    def _started(self) -> None:
        if self._heads[-1:] != ["response.in_progress"]:
            self._fault("start", "response.in_progress was due")
            self._heads.append("response.in_progress")  # said once

    def _last(self, kind: str, said: dict[str, Any]) -> None:
        self._started()
        self._ended = kind
        response, failed = _inner(said, "response"), kind == "response.failed"
        self._same(response)
        if self._item is not None and not failed:
            self._fault("item-done", f"item {self._item.index} is open at {kind}")
        if response.get("output") != self._done:
            self._fault("final", "$.response.output is not what was done")
        if response.get("status") != TERMINAL[kind] or (response.get("error") is not None) is not failed:
            self._fault("status", "status and error do not fit the event")
        if response.get("incomplete_details") is not None and kind != "response.incomplete":
            self._fault("status", "$.response.incomplete_details does not fit the event")
        usage = _inner(response, "usage")
        given, made, total = (usage.get(f"{name}_tokens") for name in ("input", "output", "total"))
        if type(given) is int and type(made) is int and type(total) is int and total < given + made:
            self._fault("usage", "total_tokens is less than the sum")

    # --- items --------------------------------------------------------------------------------------------------------

    def _of_item(self, kind: str, said: dict[str, Any]) -> None:
        self._started()
        if kind == "response.output_item.added":
            self._add(said)
            return
        item, index = self._item, said.get("output_index")
        if item is None:
            self._fault("item-open", f"{kind} of item {numbered(index)} while none is open")
            return
        if index != item.index:
            self._fault("item-index", f"{kind} of item {numbered(index)} within item {item.index}")
        elif kind != "response.output_item.done" and said.get("item_id") != item.id:
            self._fault("item-index", f"{kind} does not name item {item.index} by its id")
        self._within(item, kind, said)

    def _within(self, item: Item, kind: str, said: dict[str, Any]) -> None:
        stem, last = stem_of(kind)
        if kind == "response.output_item.done":
            faults = item.done(_inner(said, "item"))
            self._done.append(_inner(said, "item"))
            self._item = None
        elif stem in ("response.content_part", "response.reasoning_summary_part"):
            faults = item.part(stem, last, said)
        elif kind == "response.output_text.annotation.added":
            faults = item.annotation(said)
        elif stem in STEMS:
            faults = item.words(STEMS[stem], last, said)
        else:
            faults = item.progress(stem.removeprefix("response."), last, PROGRESS)
        for rule, detail in faults:
            self._fault(rule, detail)

    def _add(self, said: dict[str, Any]) -> None:
        index, item = said.get("output_index"), _inner(said, "item")
        if self._item is not None:
            self._fault("item-open", f"an item begins while {self._item.index} is open")
        if index != self._begun:
            self._fault("item-index", f"item {numbered(index)} where {self._begun} was due")
        self._item = Item(self._begun, item)
        self._begun += 1
        if self._item.id in self._ids and self._item.kind != "reasoning":
            self._fault("item-id", f"item {self._item.index} has the id of another")
        self._ids.add(self._item.id)
        self._misfits(self._item.shape(), item, "$.item")


def _inner(said: dict[str, Any], name: str) -> dict[str, Any]:
    inner = said.get(name)
    return inner if type(inner) is dict else {}
