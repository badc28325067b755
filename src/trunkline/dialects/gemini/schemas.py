"""Schemas of the wire (gemini §5) and JSON Schema: ``parameters`` and ``responseSchema`` are a subset of OpenAPI's, with types in
capitals; ``parametersJsonSchema`` and ``responseJsonSchema`` are JSON Schema as it stands.

A schema that the subset can say goes out in it, because every version and model reads that; any other goes out as JSON Schema,
of which the vendor's reference (``responseJsonSchema``) names what is held to: bounds of texts, and conditions, are not; and
beside ``$ref`` nothing may stand.
``subset_of(json_schema_of(schema))`` says the same as ``schema``.
"""

from __future__ import annotations

import re
from typing import Any

from ...wire.loose_json import DEEPEST
from ..losses import Losses
from ..schemas import BOUNDS, CONDITIONS, mapped, words_of

Object = dict[str, Any]
TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
"""In the order of the wire's numbers, from 1: enums may come as those."""
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_PLAIN = frozenset({
    "format", "title", "description", "minimum", "maximum", "pattern", "default", "example", "required", "propertyOrdering",
    "nullable", *_COUNTS,
})  # fmt: skip
_FORMATS = frozenset({"date-time", "enum", "float", "double", "int32", "int64"})
"""Others are refused in the subset: "only 'enum' and 'date-time' are supported for STRING type"."""
_HELD = frozenset({"minimum", "maximum", "minItems", "maxItems"})
_SNAKE = re.compile(r"_([a-z0-9])")


def camel(name: str) -> str:
    """A field's name as proto3 JSON writes it: ``any_of`` is ``anyOf`` (gemini §2: both are read)."""
    return _SNAKE.sub(lambda found: found[1].upper(), name) if "_" in name.strip("_") else name


def json_schema_of(schema: Any, depth: int = 0) -> Any:
    """JSON Schema of a schema of the subset; what is no such schema is left as it is."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return schema
    found: Object = {}
    for key, value in schema.items():
        name = camel(key)
        if name in ("items", "additionalProperties"):
            found[name] = json_schema_of(value, depth + 1)
        elif name == "anyOf" and isinstance(value, list):
            found[name] = [json_schema_of(item, depth + 1) for item in value]
        elif name == "properties" and isinstance(value, dict):
            found[name] = {own: json_schema_of(item, depth + 1) for own, item in value.items()}
        elif name == "type":
            if value not in ("TYPE_UNSPECIFIED", 0):
                found[name] = _json_type(value)
        elif name in _COUNTS and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            found[name] = int(value)  # int64 may be text
        else:
            found[name] = value
    return _with_null(found) if found.get("nullable") is True and isinstance(found.get("type"), str) else found


def _json_type(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in TYPES:
        return value.lower()
    return TYPES[value - 1] if type(value) is int and 0 < value <= len(TYPES) else value


def _with_null(schema: Object) -> Object:
    """``nullable`` as JSON Schema says it."""
    found = {key: value for key, value in schema.items() if key != "nullable"}
    found["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list):
        found["enum"] = [*schema["enum"], None]
    return found


def write_schema(schema: Object, fields: tuple[str, str], into: Object, field: str, losses: Losses) -> None:
    """Puts ``schema`` into one of two fields: the first for the subset, the second for JSON Schema."""
    subset = subset_of(schema)
    if subset is not None:
        into[fields[0]] = subset
        return
    into[fields[1]] = mapped(schema, _readable)
    if unheld := words_of(schema) & ((BOUNDS | CONDITIONS) - _HELD):
        losses.approximated(field, f"the model is told, but not held to: {', '.join(sorted(unheld))}")


def _readable(schema: Object) -> Object:
    """One schema of JSON Schema in the words that are read here, which say the same."""
    if "const" in schema and "enum" not in schema:
        schema = {"enum" if name == "const" else name: [value] if name == "const" else value for name, value in schema.items()}
    if "$ref" in schema and "anyOf" not in schema and not all(name.startswith("$") for name in schema):
        return {"anyOf": [{"$ref": schema.pop("$ref")}], **schema}
    return schema


def subset_of(schema: Any, depth: int = 0) -> Object | None:
    """The schema in the subset; None where that cannot say it."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return None
    found: Object = {}
    for key, value in schema.items():
        if key == "format" and value not in _FORMATS:
            return None
        if key in _PLAIN:
            found[key] = value
            continue
        said = _said(key, value, schema, found, depth)
        if said is None:
            return None
        found[key] = said
    return found if found.get("type") != "OBJECT" or "properties" in found else None  # an object that names none is refused


def _said(key: str, value: Any, schema: Object, found: Object, depth: int) -> Any:
    """The value of ``key`` in the subset; None where it cannot be said."""
    if key == "type":
        return _type(value, found)
    if key == "enum":
        nullable = isinstance(schema.get("type"), list)
        words = value[:-1] if nullable and isinstance(value, list) and value[-1:] == [None] else value
        return words if isinstance(words, list) and words and all(isinstance(word, str) for word in words) else None
    if key == "items":
        return subset_of(value, depth + 1)
    if key == "anyOf" and isinstance(value, list):
        kinds = [subset_of(item, depth + 1) for item in value]
        return kinds if kinds and None not in kinds else None
    if key == "properties" and isinstance(value, dict):
        inner = {name: subset_of(item, depth + 1) for name, item in value.items()}
        return inner if None not in inner.values() else None
    return None


def _type(value: Any, found: Object) -> str | None:
    if isinstance(value, str) and value in TYPES:
        return value.upper()
    if isinstance(value, list) and len(value) == 2 and value[1] == "null" and value[0] in TYPES[:-1]:
        found["nullable"] = True
        return str(value[0]).upper()
    return None
