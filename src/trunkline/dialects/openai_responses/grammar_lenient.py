"""The lenient profile: a stream of anybody's, refused only where a reader would lose or garble something.

Not refused, because it is common and harms nobody (openai-responses §7, the corpus' oddities): events, items, parts and fields
that are new, no numbers, no event names, items and parts that were not said to begin, several items open at once, a last response
without its items, ``[DONE]`` at the end, an error before the response that failed of it.
"""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, is_count, loose_object, numbered
from .grammar_rules import CALLS, ITEM_OF, LENIENT, STEMS, TERMINAL, WORDS, stem_of

_NUMBERS = ("output_index", "content_index", "summary_index")


class LenientResponses(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(LENIENT)
        self._number_of_last: int = -1
        self._created: bool = False
        self._begun: dict[int, str] = {}
        self._done: dict[int, str] = {}
        self._said: dict[tuple[Any, ...], list[str]] = {}
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        data = frame.data
        if not data.strip() or data.startswith(b"[DONE]"):
            return
        try:
            said = loose_object(data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        kind = said.get("type")
        kind = kind if type(kind) is str and kind else frame.event or ""
        if self._ended is not None and not (self._ended == "an error" and kind == "response.failed"):
            if kind.startswith("response.") or kind == "error":
                self._fault("after-end", f"an event after {self._ended}")
            return
        number = said.get("sequence_number")
        if type(number) is int:
            if number <= self._number_of_last:
                self._fault("number", f"event {numbered(number)} after {self._number_of_last}")
            self._number_of_last = number
        self._event(kind, said)

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        stem, last = stem_of(kind)
        if kind == "response.created":
            if self._created:
                self._fault("start", "a second response begins")
            self._created = True
            self._inner(said, "response")
        elif kind in TERMINAL:
            self._last(kind, said)
        elif kind == "error" or (not kind and "error" in said):
            self._ended = "an error"
        elif kind == "response.output_item.added":
            self._add(said)
        elif kind == "response.output_item.done":
            self._close(said)
        elif stem in STEMS:
            self._words(STEMS[stem], last, said)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without its last response")

    # --- the response -------------------------------------------------------------------------------------------------

    def _last(self, kind: str, said: dict[str, Any]) -> None:
        self._ended = kind
        response = self._inner(said, "response")
        status = response.get("status")
        if status is not None and status != TERMINAL[kind] and not (status == "complete" and kind == "response.completed"):
            self._fault("status", f"the status of the last response is not {TERMINAL[kind]}")
        if type(response.get("usage")) not in (dict, type(None)):
            self._fault("usage", "usage is not an object")
        output = response.get("output")
        if type(output) is not list or not output:
            return
        types = [item.get("type") if type(item) is dict else None for item in output]
        if self._done and types != [self._done[index] for index in sorted(self._done)]:
            self._fault("final", "the last response has not the items that were done")
        if kind == "response.completed" and (missing := self._begun.keys() - self._done.keys()):
            self._fault("item-done", f"{len(missing)} items are open at {kind}")

    # --- items --------------------------------------------------------------------------------------------------------

    def _item(self, said: dict[str, Any]) -> tuple[int, str]:
        """The number and the type of an item; without a number it is the one that comes next."""
        index, item = said.get("output_index"), self._inner(said, "item")
        kind = item.get("type")
        return index if is_count(index) else len(self._done), kind if type(kind) is str else ""

    def _add(self, said: dict[str, Any]) -> None:
        if not self._created:
            self._created = True  # said once
            self._fault("start", "an item before response.created")
        index, kind = self._item(said)
        if index in self._begun:
            self._fault("item-index", f"item {index} begins for a second time")
        self._begun[index] = kind

    def _close(self, said: dict[str, Any]) -> None:
        index, kind = self._item(said)
        if index in self._done:
            self._fault("item-open", f"item {index} is done for a second time")
        if self._begun.get(index, kind) != kind:
            self._fault("item-same", f"item {index} began as another type")
        self._done[index] = kind

    def _words(self, kind: str, last: str, said: dict[str, Any]) -> None:
        index = said.get("output_index")
        begun = self._begun.get(index) if is_count(index) else None
        if begun is not None and begun != ITEM_OF[kind]:
            self._fault("delta-kind", f"words of a kind that item {numbered(index)} has not")
        if is_count(index) and index in self._done:
            self._fault("item-open", f"words of item {numbered(index)} after it was done")
        field = "delta" if last == "delta" else CALLS[kind][1] if kind in CALLS else WORDS[kind]
        text = said.get(field)
        if type(text) is not str:
            self._fault("shape", f"$.{field} is not text")
            return
        place = (kind, *(said.get(name) if is_count(said.get(name)) else None for name in _NUMBERS))
        if last == "delta":
            self._said.setdefault(place, []).append(text)
        elif (pieces := self._said.pop(place, None)) is not None and "".join(pieces) != text:
            self._fault("adds-up", f"the words of item {numbered(index)} are not what was said")

    def _inner(self, said: dict[str, Any], name: str) -> dict[str, Any]:
        inner = said.get(name)
        if type(inner) is dict:
            return inner
        self._fault("shape", f"$.{name} is not an object")
        return {}
