"""The strict subset of JSON Schema that structured output wants: closed objects, every key required, optional ones nullable.

Source: OpenAI's guide to structured outputs, also for the limits; what it does not name is refused ("'minLength' is not
permitted", "'uri' is not a valid format"), and stands in the description here. Anthropic's ``output_config.format`` asks for
closed objects likewise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

Schema = dict[str, Any]

_DROPPED = frozenset({"default", "discriminator"})  # advice that loses its meaning where every key is required
_BEYOND = (
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
    "prefixItems",
)
_KNOWN = frozenset({
    "$ref", "$schema", "additionalProperties", "anyOf", "const", "description", "enum", "exclusiveMaximum", "exclusiveMinimum",
    "format", "items", "maxItems", "maximum", "minItems", "minimum", "multipleOf", "oneOf", "pattern", "properties", "required",
    "title", "type",
})  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_WORDS_SHOWN = 200
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


_MOST_PROPERTIES, _MOST_LEVELS, _MOST_ENUM_VALUES, _MOST_CHARACTERS = 5000, 10, 1000, 120_000
_MANY_ENUM_VALUES, _MOST_ENUM_CHARACTERS = 250, 15_000
_MOST_NODES = 20_000
"""Schemas that are looked at before we give up: a definition that others refer to may be written out many times."""


class _BeyondError(Exception):
    """The strict subset cannot say this."""


class _Told:
    """What a strict schema holds so far, against the guide's limits."""

    def __init__(self) -> None:
        self.nodes = self.properties = self.values = self.characters = 0

    def count(self, node: Schema) -> None:
        self.nodes += 1
        names = node.get("properties")
        if isinstance(names, dict):
            self.properties += len(names)
            self.characters += sum(map(len, names))
        values = [*_listed(node.get("enum")), *([node["const"]] if "const" in node else ())]
        self.values += len(values)
        words = sum(len(value) for value in values if isinstance(value, str))
        self.characters += words
        if (
            self.nodes > _MOST_NODES
            or self.properties > _MOST_PROPERTIES
            or self.values > _MOST_ENUM_VALUES
            or self.characters > _MOST_CHARACTERS
            or (len(values) > _MANY_ENUM_VALUES and words > _MOST_ENUM_CHARACTERS)
        ):
            raise _BeyondError


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def strict_schema(schema: Schema) -> Schema | None:
    """``schema`` within the strict subset, or None where that cannot say it (free-form objects, tuples, anything at all).

    The schema given is not changed. What was optional may be null instead: ``parse_output`` takes such nulls out again.
    """
    definitions: Schema = {}
    for word in ("definitions", "$defs"):
        definitions |= schema[word] if isinstance(schema.get(word), dict) else {}
    root = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    told = _Told()
    try:
        if isinstance(reference := root.get("$ref"), str):
            root = {**_lookup(reference, definitions), **{k: v for k, v in root.items() if k != "$ref"}}
        made = _strict(root, definitions, told)
        if made.get("type") != "object":
            return None
        needed: Schema = {}
        _gather(made, definitions, needed, told)
        if needed:
            made["$defs"] = needed
    except (_BeyondError, RecursionError, TypeError, ValueError, AttributeError, LookupError):  # a schema may be anything
        return None
    return made


def _gather(node: Any, definitions: Schema, needed: Schema, told: _Told) -> None:
    """Puts into ``needed`` the definitions that ``node`` refers to, and those that they refer to: tokens are paid for."""
    if isinstance(node, list):
        for item in node:
            _gather(item, definitions, needed, told)
    elif isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            name = reference.rpartition("/")[2]
            node["$ref"] = f"#/$defs/{name}"
            if name not in needed:
                needed[name] = {}  # it may refer to itself
                told.characters += len(name)
                needed[name] = _strict(_lookup(reference, definitions), definitions, told)
                _gather(needed[name], definitions, needed, told)
        for item in node.values():
            _gather(item, definitions, needed, told)


def _lookup(reference: str, definitions: Schema) -> Schema:
    found = definitions.get(reference.rpartition("/")[2])
    if not isinstance(found, dict):
        raise _BeyondError
    return found


def _strict(node: Any, definitions: Schema, told: _Told, level: int = 0) -> Schema:
    """``level``: how many objects it stands in."""
    if not isinstance(node, dict) or any(word in node for word in _BEYOND):
        raise _BeyondError
    made = {key: value for key, value in node.items() if key not in _DROPPED}
    made = _merged(made, definitions)
    told.count(made)
    beyond = [word for word in made if word not in _KNOWN or (word == "format" and made[word] not in _FORMATS)]
    made = in_words(made, beyond)
    if "oneOf" in made:
        made["anyOf"] = [*made.get("anyOf", ()), *made.pop("oneOf")]
    if "anyOf" in made:
        made["anyOf"] = [_strict(alternative, definitions, told, level) for alternative in made["anyOf"]]
    elif made.get("type") == "object" or "properties" in made:
        made = _closed(made, definitions, told, level + 1)
    elif made.get("type") == "array":
        made["items"] = _strict(made.get("items"), definitions, told, level)
    elif "type" not in made and "$ref" not in made:
        made["type"] = _type_of(made)
    return made


def in_words(node: Schema, names: Iterable[str]) -> Schema:
    """Moves keywords of one schema into its description."""
    taken = {name: node.pop(name) for name in names if name in node}
    if taken:
        said = ", ".join(f"{name}: {_json(value)}" for name, value in taken.items())
        text = node.get("description")
        node["description"] = f"{text}\n({said})" if isinstance(text, str) and text else f"({said})"
    return node


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()[:_WORDS_SHOWN]
    except UnicodeEncodeError:  # half surrogates
        return "…"


def _merged(node: Schema, definitions: Schema) -> Schema:
    """``allOf`` of one, and a ``$ref`` with words beside it, as one schema: the subset knows neither."""
    if "allOf" in node:
        alone = node.pop("allOf")
        if len(alone) != 1 or not isinstance(alone[0], dict):
            raise _BeyondError
        node = {**alone[0], **node}
    if isinstance(reference := node.get("$ref"), str) and len(node) > 1:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        node = {key: value for key, value in {**_lookup(reference, definitions), **beside}.items() if key not in _DROPPED}
    return node


def _closed(node: Schema, definitions: Schema, told: _Told, level: int) -> Schema:
    if level > _MOST_LEVELS or "properties" not in node or node.get("additionalProperties") not in (None, False):
        raise _BeyondError
    required = set(node.get("required", ()))
    properties = {}
    for name, member in node["properties"].items():
        made = _strict(member, definitions, told, level)
        properties[name] = made if name in required else _nullable(made, definitions)
    return {**node, "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _nullable(node: Schema, definitions: Schema) -> Schema:
    alternatives = node.get("anyOf", [node])
    kinds = [_lookup(a["$ref"], definitions).get("type") if "$ref" in a else a.get("type") for a in alternatives]
    if any(kind == "null" or (isinstance(kind, list) and "null" in kind) for kind in kinds):
        return node
    if "anyOf" in node:
        return {**node, "anyOf": [*alternatives, {"type": "null"}]}
    return {"anyOf": [node, {"type": "null"}]}


def _type_of(node: Schema) -> Any:
    """The type of an enumeration that does not say it; a schema that allows anything is beyond the subset."""
    values = node["enum"] if "enum" in node else [node["const"]] if "const" in node else []
    kinds = list(dict.fromkeys(_TYPES.get(type(value)) for value in values))
    if not kinds or None in kinds:
        raise _BeyondError
    return kinds[0] if len(kinds) == 1 else kinds
