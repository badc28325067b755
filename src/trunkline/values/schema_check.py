"""What is wrong with a JSON value, by the words of JSON Schema that are most used.

Looked at are ``type, enum, const, properties, required, additionalProperties, items, prefixItems, anyOf, oneOf, allOf, $ref``
and the bounds of numbers, texts, lists and objects; not ``pattern``, ``format``, ``not``, ``if`` and their like. ``oneOf`` is
taken as ``anyOf``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_BOUNDS: tuple[tuple[str, type[Any], str, Callable[[Any, Any], bool]], ...] = (
    ("minimum", float, "at least {}", lambda value, bound: value >= bound),
    ("maximum", float, "at most {}", lambda value, bound: value <= bound),
    ("exclusiveMinimum", float, "more than {}", lambda value, bound: value > bound),
    ("exclusiveMaximum", float, "less than {}", lambda value, bound: value < bound),
    ("minLength", str, "at least {} characters", lambda value, bound: len(value) >= bound),
    ("maxLength", str, "at most {} characters", lambda value, bound: len(value) <= bound),
    ("minItems", list, "at least {} items", lambda value, bound: len(value) >= bound),
    ("maxItems", list, "at most {} items", lambda value, bound: len(value) <= bound),
    ("minProperties", dict, "at least {} keys", lambda value, bound: len(value) >= bound),
    ("maxProperties", dict, "at most {} keys", lambda value, bound: len(value) <= bound),
)
_DEFINITIONS = ("#/$defs", "#/definitions")
_MOST_SHOWN = 300
_DEEPEST = 1000


def faults(value: Any, schema: Schema, most: int = 10) -> list[tuple[str, str]]:
    """Where ``value`` is not what ``schema`` says, as paths (``$.lines[0].price``), and what is wanted; ``most`` at most."""
    check = _Check(schema, most)
    try:
        check.look(value, schema, "$", 0)
    except RecursionError:
        check.say("$", "less deeply nested")
    return check.found


class _Check:
    """One look at one value. What was found of a value under a schema is remembered: alternatives of alternatives come to
    the same again and again."""

    def __init__(self, root: Schema, most: int) -> None:
        self.found: list[tuple[str, str]] = []
        self._most = most
        self._definitions: Mapping[str, Any] = {**_mapping(root.get("definitions")), **_mapping(root.get("$defs"))}
        self._root = root
        self._fitting: dict[tuple[int, int], bool] = {}

    def say(self, path: str, wanted: str) -> None:
        if len(self.found) < self._most:
            self.found.append((path, wanted))

    def look(self, value: Any, schema: Any, path: str, depth: int) -> None:
        if schema is False:
            self.say(path, "nothing may stand here")
        if not isinstance(schema, dict) or len(self.found) >= self._most:
            return
        if depth > _DEEPEST:
            raise RecursionError
        if isinstance(reference := schema.get("$ref"), str):
            self.look(value, self._meant(reference), path, depth + 1)
        kinds = _kinds_in(schema)
        if kinds and not any(_KINDS.get(kind, _anything)(value) for kind in kinds):
            self.say(path, f"must be {' or '.join(kinds)}, and is {_kind_of(value)}")
            return
        allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(allowed, list) and not any(_same(value, each) for each in allowed):
            self.say(path, f"must be one of {_shown(allowed)}")
        self._bounds(value, schema, path)
        if isinstance(value, dict):
            self._object(value, schema, path, depth)
        elif isinstance(value, list):
            self._list(value, schema, path, depth)
        self._alternatives(value, schema, path, depth)

    def _meant(self, reference: str) -> Any:
        place, _, name = reference.rpartition("/")
        return self._root if reference == "#" else self._definitions.get(name, {}) if place in _DEFINITIONS else {}

    def _bounds(self, value: Any, schema: Schema, path: str) -> None:
        for word, kind, wanted, holds in _BOUNDS:
            if word in schema and _is_number(bound := schema[word]):
                fits = _is_number(value) if kind is float else isinstance(value, kind)
                if fits and not holds(value, bound):
                    self.say(path, f"must {'be' if kind is float else 'have'} {wanted.format(bound)}")

    def _object(self, value: dict[str, Any], schema: Schema, path: str, depth: int) -> None:
        members = _mapping(schema.get("properties"))
        for name in _listed(schema.get("required")):
            if isinstance(name, str) and name not in value:
                self.say(path, f"the key {name!r} is missing")
        others = schema.get("additionalProperties")
        for name, item in value.items():
            if name in members:
                self.look(item, members[name], f"{path}.{name}", depth + 1)
            elif others is False:
                if "patternProperties" not in schema:
                    self.say(path, f"there is no key {_shown(name)}")
            else:
                self.look(item, others, f"{path}.{name}", depth + 1)

    def _list(self, value: list[Any], schema: Schema, path: str, depth: int) -> None:
        first = _listed(schema.get("prefixItems"))
        for n, item in enumerate(value):
            self.look(item, first[n] if n < len(first) else schema.get("items"), f"{path}[{n}]", depth + 1)

    def _alternatives(self, value: Any, schema: Schema, path: str, depth: int) -> None:
        for part in _listed(schema.get("allOf")):
            if not self._fits(value, part, depth):
                self.look(value, part, path, depth + 1)
        for word in ("anyOf", "oneOf"):
            alternatives = _listed(schema.get(word))
            if not alternatives or any(self._fits(value, each, depth) for each in alternatives):
                continue
            nearest = [each for each in alternatives if self._is_kind(value, each)]
            if len(nearest) == 1:  # the only one that it can be meant to be
                self.look(value, nearest[0], path, depth + 1)
            else:
                self.say(path, f"fits none of the {len(alternatives)} alternatives ({word})")

    def _fits(self, value: Any, schema: Any, depth: int) -> bool:
        known = self._fitting.get((id(value), id(schema)))
        if known is None:
            found, most = self.found, self._most
            self.found, self._most = [], 1
            self._fitting[id(value), id(schema)] = True  # where it comes back to itself
            self.look(value, schema, "$", depth + 1)
            known = self._fitting[id(value), id(schema)] = not self.found
            self.found, self._most = found, most
        return known

    def _is_kind(self, value: Any, schema: Any) -> bool:
        for _ in range(20):
            if not isinstance(schema, dict) or not isinstance(reference := schema.get("$ref"), str):
                break
            schema = self._meant(reference)
        return any(_KINDS.get(kind, _anything)(value) for kind in _kinds_in(_mapping(schema)))


def _anything(value: Any) -> bool:
    return True


def _kinds_in(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type")
    return [kinds] if isinstance(kinds, str) else [kind for kind in _listed(kinds) if isinstance(kind, str)]


def _listed(value: Any) -> list[Any]:
    """A schema may be anything."""
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _kind_of(value: Any) -> str:
    return next(kind for kind, holds in _KINDS.items() if holds(value))


def _shown(value: Any) -> str:
    words = msgspec.json.encode(value).decode()
    return words if len(words) <= _MOST_SHOWN else f"{words[:_MOST_SHOWN]}…"
