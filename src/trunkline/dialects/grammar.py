"""What the stream grammars share: rules as data, shapes of JSON, and the automaton that counts frames and keeps faults.

Names of rules and what they demand: docs/stream-grammar.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

import msgspec

from ..values.late_pattern import LatePattern
from ..wire.loose_json import loads
from ..wire.sse import Frame
from .dialect import Fault

_PLAIN_NAME = LatePattern(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", re.ASCII)


class Rule(msgspec.Struct, frozen=True):
    """What a stream owes. ``strict``: what our own must keep, a sentence; ``lenient``: what of that anybody's must, None for
    nothing."""

    name: str
    strict: str | None
    lenient: str | None = None


class Automaton:
    """One pass over a stream's frames: ``_frame`` looks at each, ``_end`` at what is missing in the end.

    Each of the two notes faults with ``_fault`` and goes on. It works per frame in time that depends on that frame only.
    """

    def __init__(self, rules: Collection[str]) -> None:
        self._rules = rules
        self._number: int = 0
        self._faults: list[Fault] = []
        self._finished: bool = False

    def feed(self, frames: Sequence[Frame]) -> list[Fault]:
        """The faults of these frames."""
        for frame in frames:
            self._frame(frame)
            self._number += 1
        return self._taken()

    def finish(self) -> list[Fault]:
        """The faults that show at the end only; a second time there are none."""
        if not self._finished:
            self._finished = True
            self._end()
        return self._taken()

    def _frame(self, frame: Frame) -> None:
        """Look at one frame."""

    def _end(self) -> None:
        """Look at what is missing."""

    def _fault(self, rule: str, detail: str, frame: int | None = None) -> None:
        assert rule in self._rules, rule
        self._faults.append(Fault(rule, self._number if frame is None else frame, detail))

    def _misfits(self, shape: Shape, value: object, path: str) -> None:
        for rule, detail in misfits(shape, value, path):
            self._fault(rule, detail)

    def _taken(self) -> list[Fault]:
        taken, self._faults = self._faults, []
        return taken


# --- JSON -----------------------------------------------------------------------------------------------------------------


def strict_object(data: bytes) -> dict[str, Any]:
    """The JSON object that ``data`` is to the letter. Raises ``ValueError`` without content: for what is no object, and for a
    name that stands twice in one."""
    try:
        value = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    import json  # costs a millisecond, and few need it

    try:
        json.loads(data, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("JSON with a field that stands twice")


def loose_object(data: bytes) -> dict[str, Any]:
    """The JSON object that ``data`` means. Raises ``ValueError`` without content."""
    value = loads(data)
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    return value


def is_count(value: object) -> TypeGuard[int]:
    """Whether it is a whole number from 0 (and no bool)."""
    return type(value) is int and value >= 0


def shown(name: object) -> str:
    """A field's name or a number as a detail may show it: what does not look like one is not quoted."""
    if type(name) is int and abs(name) < 1_000_000:
        return str(name)
    return name if isinstance(name, str) and _PLAIN_NAME().fullmatch(name) else "(unprintable)"


def numbered(index: object) -> str:
    """A number as a detail may show it: what stands where a number should is not quoted."""
    return shown(index) if type(index) is int else "without a number"


# --- shapes ---------------------------------------------------------------------------------------------------------------


class Leaf(msgspec.Struct, frozen=True):
    """A value that ``holds`` says yes to; ``says`` is what it should be."""

    says: str
    holds: Callable[[Any], bool]


class Each(msgspec.Struct, frozen=True):
    """A list of one shape; ``filled``: not an empty one."""

    item: Shape
    filled: bool = False


class Fields(msgspec.Struct, frozen=True):
    """An object with these fields, those in ``may`` perhaps absent, and no others; with ``others``, any others of that shape."""

    must: Mapping[str, Shape] = {}
    may: Mapping[str, Shape] = {}
    others: Shape | None = None


class Nullable(msgspec.Struct, frozen=True):
    """Null, or what is of the shape."""

    shape: Shape


Shape: TypeAlias = "Leaf | Each | Fields | Nullable"

ANY = Leaf("anything", lambda _value: True)
NULL = Leaf("null", lambda value: value is None)
TEXT = Leaf("text", lambda value: type(value) is str)
NAME = Leaf("text that is not empty", lambda value: type(value) is str and value != "")
COUNT = Leaf("a whole number from 0", is_count)
WHOLE = Leaf("a whole number", lambda value: type(value) is int)
NUMBER = Leaf("a number", lambda value: type(value) in (int, float))
OBJECT = Leaf("an object", lambda value: type(value) is dict)
OBJECTS = Each(OBJECT, filled=True)


def word(*words: str) -> Leaf:
    """One of these texts."""
    allowed = frozenset(words)
    return Leaf(" or ".join(sorted(words)), lambda value: type(value) is str and value in allowed)


def misfits(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    """Where ``value`` is not of the shape: the rule's name (``field-missing, field-unknown, field-type``) and the detail."""
    if type(shape) is Nullable:
        if value is not None:
            yield from misfits(shape.shape, value, path)
    elif type(shape) is Leaf:
        if not shape.holds(value):
            yield "field-type", f"{path} is not {shape.says}"
    elif type(shape) is Each:
        if type(value) is not list or (shape.filled and not value):
            yield "field-type", f"{path} is not a list{' that holds something' if shape.filled else ''}"
        else:
            for n, item in enumerate(value):
                yield from misfits(shape.item, item, f"{path}[{n}]")
    elif type(shape) is Fields:
        if type(value) is dict:
            yield from _field_misfits(shape, value, path)
        else:
            yield "field-type", f"{path} is not an object"


def _field_misfits(shape: Fields, value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name in shape.must:
        if name not in value:
            yield "field-missing", f"{path}.{name} is missing"
    for name, inner in value.items():
        wanted = shape.must.get(name) or shape.may.get(name) or shape.others
        if wanted is None:
            yield "field-unknown", f"{path}.{shown(name)} is no field of the protocol"
        else:
            yield from misfits(wanted, inner, f"{path}.{shown(name)}")


FIELD_RULES = (
    Rule("field-missing", "Every field that the protocol always has is there."),
    Rule("field-unknown", "There is no field that the protocol does not know."),
    Rule(
        "field-type", "Every field holds what it should: text, a number, one of its words; and a list something, where it must."
    ),
)


# --- whose stream it is ---------------------------------------------------------------------------------------------------


def guess_dialect(frames: Sequence[Frame]) -> str | None:
    """The dialect that the first frame with a telling word speaks; None where none has one."""
    for frame in frames:
        if frame.data.startswith(b"[DONE]"):
            return "openai-chat"
        try:
            said = loose_object(frame.data)
        except ValueError:
            continue
        kind = said.get("type")
        if isinstance(kind, str) and kind.startswith("response."):
            return "openai-responses"
        if isinstance(kind, str) and kind in _COHERE_WORDS:
            return "cohere"
        if isinstance(kind, str) and (kind in _MESSAGES_WORDS or kind == frame.event):
            return "anthropic-messages"
        if "candidates" in said or "promptFeedback" in said:
            return "gemini"
        if frame.event is not None and frame.event.startswith(_CONVERSE_EVENTS):
            return "bedrock-converse"
        if "done" in said and "model" in said:
            return "ollama"
        if "choices" in said or "error" in said:
            return "openai-chat"
    return None


_CONVERSE_EVENTS = ("messageStart", "contentBlock", "messageStop", "!")
_COHERE_WORDS = frozenset(
    {"message-start", "message-end", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start"}
    | {"tool-call-delta", "tool-call-end", "citation-start", "citation-end"}
)
_MESSAGES_WORDS = frozenset(
    {"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"}
    | {"ping", "error"}
)
