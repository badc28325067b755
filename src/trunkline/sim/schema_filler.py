"""The smallest value that a JSON Schema takes: what the built-in brain gives where a form was asked for. Always the same."""

from __future__ import annotations

import math
from typing import Any

from .pattern_text import text_like

Schema = dict[str, Any]

WORD = "simulated"
_DEEP = 1
_DEEPEST = 12
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "simulated@example.com",
    "idn-email": "simulated@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/",
    "iri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "regex": ".*",
    "json-pointer": "/a",
    "byte": "c2lt",
    "base64": "c2lt",
    "decimal": "0",
}
_HINTS = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "patternProperties"),
    "array": ("items", "prefixItems", "minItems", "contains"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


class _TooDeepError(Exception):
    """The schema contains itself this way: another alternative may end."""


def fill(schema: Schema) -> Any:
    """A value that ``schema`` takes: every required member and no more, numbers next to 0, texts that say that they are
    simulated.

    ``not``, ``if`` and their like are not looked at.
    """
    try:
        return _fill(schema, schema, 0, 0)
    except _TooDeepError:
        return None


def _fill(schema: Any, root: Schema, depth: int, number: int) -> Any:
    """``number`` tells apart values that must differ."""
    if not isinstance(schema, dict):
        return WORD if schema is True else None
    if depth > _DEEPEST:
        raise _TooDeepError
    schema = _plain(schema, root)
    if "const" in schema:
        return schema["const"]
    if enum := schema.get("enum"):
        return enum[number % len(enum)]
    for word in ("anyOf", "oneOf"):
        if alternatives := schema.get(word):
            rest = {name: value for name, value in schema.items() if name != word}
            return _first_that_ends(alternatives, rest, root, depth, number)
    match _type(schema):
        case "object":
            return _object(schema, root, depth)
        case "array":
            return _array(schema, root, depth)
        case "string":
            return _text(schema, number)
        case "integer":
            return int(_number(schema, 1, number))
        case "number":
            return _number(schema, 0, number)
        case "boolean":
            return number % 2 == 1
        case "null":
            return None
        case _:
            return WORD


def _first_that_ends(alternatives: list[Any], rest: Schema, root: Schema, depth: int, number: int) -> Any:
    if depth > _DEEP:  # sooner than going round for ever, what refers to nothing
        alternatives = sorted(alternatives, key=lambda alternative: isinstance(alternative, dict) and "$ref" in alternative)
    for alternative in alternatives:
        merged = _merge(rest, _plain(alternative, root)) if isinstance(alternative, dict) else alternative
        try:
            return _fill(merged, root, depth + 1, number)
        except _TooDeepError:
            continue
    raise _TooDeepError


def _plain(schema: Schema, root: Schema) -> Schema:
    """``schema`` with its references followed and its ``allOf`` put together."""
    for _ in range(_DEEPEST):
        if isinstance(reference := schema.get("$ref"), str):
            schema = _merge({name: value for name, value in schema.items() if name != "$ref"}, _lookup(reference, root))
        elif parts := schema.get("allOf"):
            schema = {name: value for name, value in schema.items() if name != "allOf"}
            for part in parts:
                schema = _merge(schema, part if isinstance(part, dict) else {})
        else:
            break
    return schema


def _merge(one: Schema, other: Schema) -> Schema:
    merged = {**other, **one}
    for name in ("properties", "$defs"):
        if name in one and name in other:
            merged[name] = {**other[name], **one[name]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *(name for name in other["required"] if name not in one["required"])]
    if "allOf" in one and "allOf" in other:
        merged["allOf"] = [*one["allOf"], *other["allOf"]]
    return merged


def _lookup(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _type(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    return next((name for name, words in _HINTS.items() if any(word in schema for word in words)), None)


def _object(schema: Schema, root: Schema, depth: int) -> Schema:
    members = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    found = {name: _fill(members.get(name, others or {}), root, depth + 1, 0) for name in schema.get("required") or ()}
    optional = [name for name in members if name not in found]
    while len(found) < schema.get("minProperties", 0):
        name = optional.pop(0) if optional else f"{WORD}_{len(found)}"
        found[name] = _fill(members.get(name, others or {}), root, depth + 1, 0)
    return found


def _array(schema: Schema, root: Schema, depth: int) -> list[Any]:
    first = schema.get("prefixItems") or []
    least = max(schema.get("minItems", 0), 1 if "contains" in schema else 0)
    found = [_fill(item, root, depth + 1, 0) for item in first[: schema.get("maxItems", len(first))]]
    member = schema.get("items", schema.get("contains", {}))
    while len(found) < least:
        found.append(_fill(member, root, depth + 1, len(found)))
    return found


def _text(schema: Schema, number: int) -> str:
    if isinstance(pattern := schema.get("pattern"), str) and (found := text_like(pattern)) is not None:
        return found
    form = str(schema.get("format") or schema.get("contentEncoding"))
    text: str = _FORMATS.get(form, WORD) + (str(number) if number else "")
    text += "." * (schema.get("minLength", 0) - len(text))
    longest: int = schema.get("maxLength", len(text))
    return text[len(text) - longest :] if number and longest else text[:longest]


def _number(schema: Schema, step: int, number: int) -> float:
    """The number nearest 0 within the bounds, ``number`` steps further on."""
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, bool) or isinstance(below, bool):  # as drafts before 6 say it
        above, below = (least if above is True else None), (most if below is True else None)
    multiple = schema.get("multipleOf") or step
    if above is not None:
        least = max(least, _beyond(above, multiple, 1, below if below is not None else most))
    if below is not None:
        most = min(most, _beyond(below, multiple, -1, least))
    found = 0 if least <= 0 <= most else least if least > 0 else most
    if multiple:
        found = (math.ceil if found >= 0 and found == least else math.floor)(found / multiple) * multiple
    found += number * (multiple or 1) * (1 if least <= found + number * (multiple or 1) <= most else -1)
    return int(found) if found == int(found) else found


def _beyond(bound: float, multiple: float, way: int, other: float) -> float:
    """The nearest allowed number past ``bound``, on the way to ``other``."""
    if multiple:
        return (math.floor(bound / multiple) + 1 if way > 0 else math.ceil(bound / multiple) - 1) * multiple
    return (bound + other) / 2 if math.isfinite(other) else bound + way
