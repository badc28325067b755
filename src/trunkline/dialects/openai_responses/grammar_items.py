"""One item of a stream from its beginning to its end, as the strict profile wants it: each step gives the faults that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..grammar import Fields, misfits, numbered
from .grammar_rules import BEGUN_ITEMS, BEGUN_PARTS, CALLS, DONE_ITEMS, ITEM, LISTS, PARTS, WORDS

Faults = Iterator[tuple[str, str]]
_SAME = ("type", "id", "role", "call_id", "name")
_HELD = {"message": ("content",), "reasoning": ("summary", "content")}
_INDEX = {"response.content_part": "content_index", "response.reasoning_summary_part": "summary_index"}


class _Words:
    """Words that come in pieces: of which part (its index), what was said of them, and whether they are done."""

    __slots__ = ("annotations", "done", "kind", "logprobs", "number", "part", "pieces")

    def __init__(self, kind: str, number: int | None, part: dict[str, Any]) -> None:
        self.kind, self.number, self.part = kind, number, part
        self.pieces: list[str] = []
        self.annotations: list[Any] = []
        self.logprobs: list[Any] = []
        self.done: bool = False


class Item:
    """The item that is open."""

    __slots__ = ("_begun", "_lists", "_open", "_step", "id", "index", "kind")

    def __init__(self, index: int, begun: dict[str, Any]) -> None:
        kind, id = begun.get("type"), begun.get("id")
        self.index: int = index
        self.kind: str = kind if type(kind) is str else ""
        self.id: str = id if type(id) is str else ""
        self._begun = begun
        self._open: _Words | None = _Words(self.kind, None, {}) if self.kind in CALLS else None
        self._lists: dict[str, list[Any]] = {}
        self._step: int = -1

    def shape(self) -> Fields:
        """What it should look like as it begins."""
        return BEGUN_ITEMS.get(self.kind, ITEM)

    # --- parts --------------------------------------------------------------------------------------------------------

    def part(self, stem: str, last: str, said: dict[str, Any]) -> Faults:
        part, number = said.get("part"), said.get(_INDEX[stem])
        part = part if type(part) is dict else {}
        kind = part.get("type")
        kind = kind if type(kind) is str else ""
        place = "summary" if stem == "response.reasoning_summary_part" else "content"
        if (self.kind, place) not in (("message", "content"), ("reasoning", "content"), ("reasoning", "summary")):
            yield "delta-kind", f"item {self.index} has no such parts"
        elif LISTS.get(kind, "content") != place:
            yield "delta-kind", f"a part of item {self.index} that does not belong there"
        if last == "added":
            yield from self._begin(part, kind, place, number)
        else:
            yield from self._end(part, kind, place, number)

    def _begin(self, part: dict[str, Any], kind: str, place: str, number: object) -> Faults:
        held = self._lists.setdefault(place, [])
        if self._open is not None:
            yield "part-open", f"a part of item {self.index} begins while another is open"
        if number != len(held):
            yield "part-open", f"part {numbered(number)} of item {self.index} where {len(held)} was due"
        if kind in BEGUN_PARTS:
            yield from misfits(BEGUN_PARTS[kind], part, "$.part")
        self._open = _Words(kind, len(held), part)

    def _end(self, part: dict[str, Any], kind: str, place: str, number: object) -> Faults:
        words, self._open = self._open, None
        if words is None:
            yield "part-open", f"part {numbered(number)} of item {self.index} is done and not open"
            return
        self._lists.setdefault(place, []).append(part)
        if number != words.number:
            yield "part-open", f"part {numbered(number)} of item {self.index} is done, and {words.number} is open"
        if kind not in WORDS:
            if part != words.part:
                yield "adds-up", f"a part of item {self.index} is not what it began as"
            return
        yield from misfits(PARTS[kind], part, "$.part")
        if kind != words.kind or not words.done:
            yield "part-open", f"the words of part {numbered(number)} of item {self.index} are not done"
        if part.get(WORDS[kind]) != "".join(words.pieces):
            yield "adds-up", f"part {numbered(number)} of item {self.index} is not what was said"
        if kind == "output_text" and part.get("annotations") != words.annotations:
            yield "adds-up", f"the annotations of part {numbered(number)} of item {self.index} are not those that came"
        if kind == "output_text" and not _alike(part.get("logprobs", []), words.logprobs):
            yield "adds-up", f"the log probabilities of part {numbered(number)} of item {self.index} are not those that came"

    # --- words --------------------------------------------------------------------------------------------------------

    def words(self, kind: str, last: str, said: dict[str, Any]) -> Faults:
        words = self._open
        if words is None or words.kind != kind:
            yield "delta-kind", f"words of a kind that is not open in item {self.index}"
            return
        number = said.get("summary_index" if kind == "summary_text" else "content_index")
        if words.number is not None and number != words.number:
            yield "part-open", f"words of part {numbered(number)} of item {self.index} within {words.number}"
        if words.done:
            yield "part-open", f"words of a part of item {self.index} whose words are done"
        logprobs = said.get("logprobs")
        logprobs = logprobs if type(logprobs) is list else []
        if last == "delta":
            if said.get("delta") == "" and not logprobs:
                yield "empty-delta", f"a delta of item {self.index} says nothing"
            if type(said.get("delta")) is str:
                words.pieces.append(said["delta"])
            words.logprobs += logprobs
            return
        words.done = True
        field = CALLS[kind][1] if kind in CALLS else WORDS[kind]
        if said.get(field) != "".join(words.pieces) or not _alike(logprobs, words.logprobs):
            yield "adds-up", f"the words of item {self.index} are not what was said"

    def annotation(self, said: dict[str, Any]) -> Faults:
        words = self._open
        if words is None or words.kind != "output_text" or words.done or said.get("content_index") != words.number:
            yield "delta-kind", f"an annotation where no text of item {self.index} is open"
            return
        number = said.get("annotation_index")
        if number != len(words.annotations):
            yield "annotation-index", f"annotation {numbered(number)} where {len(words.annotations)} was due"
        words.annotations.append(said.get("annotation"))

    def progress(self, kind: str, step: str, steps: Mapping[str, tuple[str, ...]]) -> Faults:
        place = steps[kind].index(step)
        if kind != self.kind:
            yield "progress", f"what is told of another tool comes within item {self.index}"
        elif place <= self._step or place > self._step + 1 + (step == "failed"):
            yield "progress", f"{step} is out of order in item {self.index}"
        self._step = place

    # --- the end ------------------------------------------------------------------------------------------------------

    def done(self, item: dict[str, Any]) -> Faults:
        yield from misfits(DONE_ITEMS.get(self.kind, ITEM), item, "$.item")
        for name in _SAME:
            if name in self._begun and item.get(name) != self._begun[name]:
                yield "item-same", f"item {self.index} is done with another {name}"
        if self.kind in CALLS:
            words = self._open
            if words is None or not words.done:
                yield "part-open", f"the words of item {self.index} are not done"
            elif item.get(CALLS[self.kind][1]) != "".join(words.pieces):
                yield "adds-up", f"item {self.index} is not what was said"
            return
        if self._open is not None:
            yield "part-open", f"a part of item {self.index} is open when it is done"
        for name in _HELD.get(self.kind, ()):
            if (item.get(name) or []) != self._lists.get(name, []):
                yield "adds-up", f"$.item.{name} is not what was said"


def _alike(whole: object, pieces: list[Any]) -> bool:
    """Whether the tokens are the same: deltas say less of each."""
    if type(whole) is not list or len(whole) != len(pieces):
        return False
    return [_token(token) for token in whole] == [_token(token) for token in pieces]


def _token(token: Any) -> Any:
    return (token.get("token"), token.get("logprob")) if type(token) is dict else token
