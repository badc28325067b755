"""Python types into JSON Schema, and JSON text back into them.

Types: msgspec Structs, dataclasses, TypedDicts, builtin generics, and pydantic models (known by their methods; pydantic is
never imported).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec

from .errors import MalformedResponseError, UsageError
from .late_pattern import LatePattern
from .strict_schema import strict_schema

Schema = dict[str, Any]
WRAPPED = "value"
"""The key under which a type that is no object travels: the reply's JSON must be an object."""

_PATH = LatePattern(r"`(\$[^`]*)`$")
_FENCE = LatePattern(r"\A\s*```[A-Za-z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


class Plan(NamedTuple):
    """What is known of one output type: its own schema, what the provider is sent, and whether the value travels wrapped."""

    own: Schema
    sent: Schema
    strict: bool
    wrapped: bool


def is_pydantic(kind: object) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def json_schema(kind: Any) -> Schema:
    """The JSON Schema of a Python type. Raises ``UsageError`` for a type that has none."""
    schemas, definitions = schemas_of([kind])
    return {**schemas[0], "$defs": definitions} if definitions else schemas[0]


def schemas_of(kinds: list[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """The schemas of several types, and the definitions that they share (``$defs``)."""
    definitions: dict[str, Schema] = {}

    def hook(kind: type) -> Schema:
        if not is_pydantic(kind):
            raise TypeError("no JSON Schema is known for this type")
        schema: Schema = dict(kind.model_json_schema())  # type: ignore[attr-defined]
        definitions.update(schema.pop("$defs", {}))
        return schema

    try:
        schemas, own = msgspec.json.schema_components(kinds, schema_hook=hook, ref_template="#/$defs/{name}")
    except (TypeError, NameError, ValueError, RecursionError) as error:
        names = ", ".join(_name(kind) for kind in kinds)
        raise UsageError(
            "a type without a JSON Schema",
            got=names,
            allowed="builtin types, dataclass, TypedDict, msgspec Struct, pydantic model",
        ) from error
    return list(schemas), {**definitions, **own}


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", None) or type(kind).__name__


def output_plan(kind: Any) -> Plan:
    """How a value of ``kind`` is asked for; made once for a type."""
    try:
        return _cached_plan(kind)
    except TypeError:  # an annotation that cannot be hashed
        return _plan(kind)


def _plan(kind: Any) -> Plan:
    own = json_schema(kind)
    wrapped = not _is_object(own)
    if wrapped:
        definitions = own.pop("$defs", None)
        own = {"type": "object", "properties": {WRAPPED: own}, "required": [WRAPPED]}
        if definitions:
            own["$defs"] = definitions
    strict = strict_schema(own)
    return Plan(own, own if strict is None else strict, strict is not None, wrapped)


_cached_plan = lru_cache(maxsize=256)(_plan)


def _is_object(schema: Schema) -> bool:
    resolved = resolve(schema, schema.get("$defs", {}))
    return resolved.get("type") == "object"


def resolve(schema: Any, definitions: Mapping[str, Any]) -> Schema:
    """``schema``, or what its ``$ref`` stands for."""
    for _ in range(20):
        if not isinstance(schema, dict) or not isinstance(reference := schema.get("$ref"), str):
            break
        schema = definitions.get(reference.rpartition("/")[2], {})
    return schema if isinstance(schema, dict) else {}


def output_name(kind: Any) -> str:
    """A name for the schema that every provider takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", _name(kind))[:64] or "output"


def parse_output(kind: Any, text: str) -> Any:
    """``text``, the JSON of a reply, as a value of ``kind``.

    Nulls that stand only because the strict subset knows no optional keys are taken out again. Raises
    ``MalformedResponseError`` with the JSON path, never the content.
    """
    fenced = _FENCE().match(text)
    data = (fenced[1] if fenced else text).encode("utf-8", "surrogatepass")
    plan = output_plan(kind)
    decode = _decoder(kind)
    if not plan.wrapped:
        try:
            return decode(data)
        except (ValueError, RecursionError):
            pass  # read again below, with the strict subset's nulls taken out
    try:
        value = without_added_nulls(msgspec.json.decode(data), plan.own, plan.own.get("$defs", {}))
        if plan.wrapped and isinstance(value, dict) and WRAPPED in value:
            value = value[WRAPPED]
        again = msgspec.json.encode(value)
    except (ValueError, RecursionError):
        what = "the reply's text is not JSON" if text.strip() else "the reply has no text to parse"
        raise MalformedResponseError(what, path="$") from None
    try:
        return decode(again)
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError("the reply is not of the type asked for (output=)", path=_path_of(error)) from None


def _decoder(kind: Any) -> Callable[[bytes], Any]:
    if is_pydantic(kind):
        validate: Callable[[bytes], Any] = kind.model_validate_json
        return validate
    return lambda data: msgspec.json.decode(data, type=kind, dec_hook=decode_pydantic)


def decode_pydantic(kind: type, value: Any) -> Any:
    """msgspec's hook for types that it does not know: pydantic models inside other types."""
    if not is_pydantic(kind):
        raise TypeError("no value of this type can be read")
    return kind.model_validate(value)  # type: ignore[attr-defined]


def _path_of(error: Exception) -> str:
    """Where a decoding error points, as a JSON path; of pydantic's errors the first."""
    if (found := _PATH().search(str(error))) is not None:
        return found[1]
    details: Any = getattr(error, "errors", None)
    if callable(details):
        for fault in cast("list[dict[str, Any]]", details()):
            return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.get("loc", ()))
    return "$"


def without_added_nulls(value: Any, schema: Any, definitions: Mapping[str, Any]) -> Any:
    """``value`` without the nulls of keys that ``schema`` lets be absent but not be null."""
    shapes = _shapes(schema, definitions)
    if isinstance(value, list):
        members = [shape["items"] for shape in shapes if isinstance(shape.get("items"), dict)]
        return [without_added_nulls(item, {"anyOf": members}, definitions) for item in value] if members else value
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        known = [shape for shape in shapes if key in shape.get("properties", {}) and _fits(value, shape)]
        members = [shape["properties"][key] for shape in known]
        members += [shape["additionalProperties"] for shape in shapes if isinstance(shape.get("additionalProperties"), dict)]
        optional = any(key not in shape.get("required", ()) for shape in known)
        if item is None and optional and not any(_admits_null(member, definitions) for member in members):
            continue
        kept[key] = without_added_nulls(item, {"anyOf": members}, definitions) if members else item
    return kept


def _shapes(schema: Any, definitions: Mapping[str, Any], depth: int = 0) -> list[Schema]:
    """The alternatives of a schema, each without ``$ref`` at its root."""
    resolved = resolve(schema, definitions)
    if depth > 20:
        return []
    found = [resolved]
    for word in ("anyOf", "oneOf", "allOf"):
        for alternative in resolved.get(word, ()):
            found += _shapes(alternative, definitions, depth + 1)
    return found


def _fits(value: dict[str, Any], shape: Schema) -> bool:
    """Whether the tags of an alternative (constants) are those of ``value``."""
    for key, member in shape["properties"].items():
        constants = member.get("enum", [member["const"]] if "const" in member else None) if isinstance(member, dict) else None
        if constants is not None and len(constants) == 1 and value.get(key) not in (*constants, None):
            return False
    return True


def _admits_null(schema: Any, definitions: Mapping[str, Any]) -> bool:
    for shape in _shapes(schema, definitions):
        kind = shape.get("type")
        if kind == "null" or (isinstance(kind, list) and "null" in kind) or None in shape.get("enum", ()) or not shape:
            return True
    return False
