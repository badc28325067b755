"""Streams with one thing wrong: a closed list of operators, each applied at every place of a good stream.

drop: a frame, a field, an item of a list. double: a frame (beside itself, or at the end), a field (the name twice), an item.
swap: two frames, two items, the values of two fields. cut: the stream, a frame's bytes, a text. renumber: a whole number.
retype: a value of another type, a word for another word, a field's name, the event's, an id.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from trunkline.dialects.dialect import StreamGrammar
from trunkline.wire.sse import Frame

Path = tuple[str | int, ...]
Label = Callable[[Frame], str]
Words = Mapping[str, Sequence[str]]
"""The words that a field of this name may hold, for those fields that hold one of a few."""

OTHERS: tuple[Any, ...] = (None, True, 7, 1.5, "x", [], {})


class Mutant(NamedTuple):
    """``place``: the operator, the label of the frame or frames, and the path of the field with its numbers left out."""

    operator: str
    place: str
    frames: tuple[Frame, ...]


def mutants(stream: Sequence[Frame], label: Label, words: Words) -> Iterator[Mutant]:
    """Every mutant of a stream."""
    frames = tuple(stream)
    yield from _whole_frames(frames, label)
    for n, frame in enumerate(frames):
        for operator, path, mutant in _within(frame, words):
            place = f"{operator} {label(frame)} {path}".rstrip()
            yield Mutant(operator, place, (*frames[:n], mutant, *frames[n + 1 :]))


def _whole_frames(frames: tuple[Frame, ...], label: Label) -> Iterator[Mutant]:
    for n, frame in enumerate(frames):
        name = label(frame)
        yield Mutant("drop.frame", f"drop.frame {name}", frames[:n] + frames[n + 1 :])
        yield Mutant("double.frame", f"double.frame {name}", (*frames[: n + 1], *frames[n:]))
        yield Mutant("double.late", f"double.late {name}", (*frames, frame))
        yield Mutant("cut.stream", f"cut.stream {name}", frames[:n])
        for m in range(n + 1, len(frames)):
            swapped = (*frames[:n], frames[m], *frames[n + 1 : m], frame, *frames[m + 1 :])
            yield Mutant("swap.frames", f"swap.frames {name} {label(frames[m])}", swapped)


def _within(frame: Frame, words: Words) -> Iterator[tuple[str, str, Frame]]:
    """Operator, path, and the frame with one thing wrong in it."""
    for data in (frame.data[:-1], frame.data[: len(frame.data) // 2], frame.data + b" x"):
        yield "cut.frame", "", Frame(data, frame.event, frame.id)
    for event in {None, "message", "ping", "message_stop"} - {frame.event}:
        yield "retype.event", "", Frame(frame.data, event, frame.id)
    yield "retype.id", "", Frame(frame.data, frame.event, "1")
    try:
        whole = json.loads(frame.data)
    except ValueError:
        return
    for operator, path, value in _changes(whole, (), words):
        yield operator, shown(path), Frame(dumps(value).encode(), frame.event, frame.id)


def _changes(value: Any, path: Path, words: Words) -> Iterator[tuple[str, Path, Any]]:
    """Operator, the path of what is changed, and the changed value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "drop.field", (*path, name), {key: held for key, held in value.items() if key != name}
            yield "double.field", (*path, name), Doubled(value, name)
            yield "retype.name", (*path, name), {"zz" if key == name else key: held for key, held in value.items()}
            for operator, place, changed in (*_changes(inner, (*path, name), words), *_replaced(inner, (*path, name), words)):
                yield operator, place, {**value, name: changed}
        for one, other in _pairs(list(value)):
            if value[one] != value[other] or type(value[one]) is not type(value[other]):
                yield "swap.values", (*path, f"{one}~{other}"), {**value, one: value[other], other: value[one]}
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield "drop.item", (*path, n), value[:n] + value[n + 1 :]
            yield "double.item", (*path, n), value[: n + 1] + value[n:]
            if n and value[n - 1] != inner:
                yield "swap.items", (*path, n), [*value[: n - 1], inner, value[n - 1], *value[n + 1 :]]
            for operator, place, changed in (*_changes(inner, (*path, n), words), *_replaced(inner, (*path, n), words)):
                yield operator, place, [*value[:n], changed, *value[n + 1 :]]


def _replaced(value: Any, path: Path, words: Words) -> Iterator[tuple[str, Path, Any]]:
    """A value by another."""
    for other in OTHERS:
        if type(other) is not type(value):
            yield f"retype.{type(other).__name__}", path, other
    for word in words.get(str(path[-1]), ()):
        if word != value:
            yield "retype.word", path, word
    if isinstance(value, str) and value:
        yield "cut.empty", path, ""
        if len(value) > 1:
            yield "cut.text", path, value[:-1]
    if type(value) is int:
        yield from (("renumber", path, value + step) for step in (1, -1, 7))


def _pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    return ((one, other) for n, one in enumerate(names) for other in names[n + 1 :])


class Doubled:
    """An object in which one name stands twice."""

    def __init__(self, fields: dict[str, Any], name: str) -> None:
        self.fields, self.name = fields, name


def dumps(value: Any) -> str:
    """JSON, also of what ``json`` cannot write."""
    if isinstance(value, Doubled):
        pairs = [*value.fields.items(), (value.name, value.fields[value.name])]
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(held)}" for name, held in pairs) + "}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(held)}" for name, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    return json.dumps(value)


def shown(path: Path) -> str:
    return ".".join("[]" if isinstance(step, int) else step for step in path).replace(".[]", "[]")


# --- judging --------------------------------------------------------------------------------------------------------------


class Tally:
    """How many mutants of each operator a grammar refused, and why the others may pass.

    ``legal``: pattern of a place, and the reason why what comes out there is a stream of the protocol too.
    """

    def __init__(self, legal: Mapping[str, str]) -> None:
        self._legal = [(re.compile(pattern), reason) for pattern, reason in legal.items()]
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.same: Counter[str] = Counter()
        self.used: Counter[str] = Counter()
        self.escaped: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()

    def judge(self, stream: Iterable[Frame], found: Iterable[Mutant], grammar: Callable[[], StreamGrammar]) -> None:
        original = tuple(stream)
        for mutant in found:
            self.made[mutant.operator] += 1
            watching = grammar()
            faults = watching.feed(mutant.frames) + watching.finish()
            if faults:
                self.refused[mutant.operator] += 1
                self.rules.update({fault.rule for fault in faults})
            elif meaning(mutant.frames) == meaning(original):
                self.same[mutant.operator] += 1
            else:
                self._legal_or_escaped(mutant.place)

    def _legal_or_escaped(self, place: str) -> None:
        for pattern, _ in self._legal:
            if pattern.fullmatch(place):
                self.used[pattern.pattern] += 1
                return
        self.escaped[place] += 1

    def unused(self) -> list[str]:
        """Patterns that excuse nothing."""
        return [pattern.pattern for pattern, _ in self._legal if not self.used[pattern.pattern]]

    def table(self) -> str:
        """Counts by operator."""
        rows = [f"{'operator':<16}{'made':>8}{'refused':>9}{'same':>7}{'legal':>7}"]
        for name, made in sorted(self.made.items()):
            refused, same = self.refused[name], self.same[name]
            rows.append(f"{name:<16}{made:>8}{refused:>9}{same:>7}{made - refused - same:>7}")
        rows.append(f"{'all':<16}{self.made.total():>8}{self.refused.total():>9}{self.same.total():>7}{self.used.total():>7}")
        return "\n".join(rows)


def meaning(frames: Iterable[Frame]) -> list[Any]:
    """What a JSON reader gets of the frames."""
    read: list[Any] = []
    for frame in frames:
        try:
            read.append((frame.event, frame.id, dumps(json.loads(frame.data))))
        except ValueError:
            read.append((frame.event, frame.id, frame.data))
    return read
