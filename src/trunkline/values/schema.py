"""Python types into JSON Schema, and JSON text back into them.

Types: msgspec Structs, dataclasses, TypedDicts, builtin generics, unions of these, and pydantic models (known by their methods;
pydantic is never imported).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec

from .errors import MalformedResponseError
from .json_types import FaultsError, is_pydantic, read_strictly, readable, schemas_of
from .late_pattern import LatePattern
from .strict_schema import strict_schema

Schema = dict[str, Any]
WRAPPED = "value"
"""The key under which a type that is no object travels: the reply's JSON must be an object."""

_PATH = LatePattern(r"`(\$[^`]*)`$")


class _Wrapped(msgspec.Struct):
    value: msgspec.Raw


_unwrapped = msgspec.json.Decoder(_Wrapped).decode


class Plan(NamedTuple):
    """What is known of one output type: its own schema, what the provider is sent, whether the value travels wrapped, and what
    reads it."""

    own: Schema
    sent: Schema
    strict: bool
    wrapped: bool
    read: Callable[[bytes], Any]


def json_schema(kind: Any) -> Schema:
    """The JSON Schema of a Python type. Raises ``UsageError`` for a type that has none."""
    schemas, definitions = schemas_of([kind])
    return {**schemas[0], "$defs": definitions} if definitions else schemas[0]


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
    return Plan(own, own if strict is None else strict, strict is not None, wrapped, _reader(kind))


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
    data = text.encode("utf-8", "surrogatepass")
    plan = output_plan(kind)
    decode = plan.read
    try:
        return decode(bytes(_unwrapped(data).value) if plan.wrapped else data)
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


def _reader(kind: Any) -> Callable[[bytes], Any]:
    if is_pydantic(kind):
        validate: Callable[[bytes], Any] = kind.model_validate_json
        return validate
    return msgspec.json.Decoder(readable(kind), dec_hook=read_strictly).decode


def _path_of(error: Exception) -> str:
    """Where a decoding error points, as a JSON path; of pydantic's errors the first."""
    if (found := _PATH().search(str(error))) is not None:
        inner = error.__cause__.found[:1] if isinstance(error.__cause__, FaultsError) else ()
        return found[1] + "".join(path for path, _ in inner)
    details: Any = getattr(error, "errors", None)
    if callable(details):
        for fault in cast("list[dict[str, Any]]", details()):
            return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.get("loc", ()))
    return "$"


def without_added_nulls(value: Any, schema: Any, definitions: Mapping[str, Any]) -> Any:
    """``value`` without the nulls of keys that ``schema`` lets be absent but not be null."""
    if isinstance(value, list):
        members = [shape["items"] for shape in _shapes(schema, definitions) if isinstance(shape.get("items"), dict)]
        return [without_added_nulls(item, {"anyOf": members}, definitions) for item in value] if members else value
    if not isinstance(value, dict):
        return value
    shapes = _shapes(schema, definitions)
    named = [shape for shape in shapes if isinstance(shape.get("properties"), dict) and _fits(value, shape)]
    others = [shape["additionalProperties"] for shape in shapes if isinstance(shape.get("additionalProperties"), dict)]
    kept = {}
    for key, item in value.items():
        known = [shape for shape in named if key in shape["properties"]]
        members = [shape["properties"][key] for shape in known] + others
        optional = any(key not in shape.get("required", ()) for shape in known)
        if item is None and optional and not any(_admits_null(member, definitions) for member in members):
            continue
        kept[key] = without_added_nulls(item, {"anyOf": members}, definitions) if members else item
    return kept


def _shapes(schema: Any, definitions: Mapping[str, Any]) -> list[Schema]:
    """The alternatives of a schema, each without ``$ref`` at its root; each definition once, however often it is referred to."""
    found: list[Schema] = []
    seen: set[int] = set()
    waiting = [schema]
    while waiting:
        resolved = resolve(waiting.pop(), definitions)
        if id(resolved) in seen:
            continue
        seen.add(id(resolved))
        found.append(resolved)
        for word in ("anyOf", "oneOf", "allOf"):
            waiting += reversed(resolved.get(word) or ())
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
