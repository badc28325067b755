"""Types as msgspec can read them, whatever else they are: pydantic models, paths, unions that it refuses, documented fields.

``readable`` rewrites an annotation once; ``from_json`` reads values of the result. pydantic is known by its methods and never
imported.
"""

from __future__ import annotations

import enum
import functools
import operator
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from .errors import UsageError
from .late_pattern import LatePattern

_META = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "title")
_MODULES = LatePattern(r"(?:[\w<>]+\.)+(?=\w)")
_WRAPPERS = (typing.Required, typing.NotRequired, getattr(typing, "ReadOnly", typing.Required))
_MANY = 1 << 30
_PLAIN = (str, int, float, bool, type(None))


class FaultsError(ValueError):
    """What pydantic found wrong: each with the path from here."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        self.found = found
        super().__init__("; ".join(f"{at.lstrip('.')}: {words}" if at else words for at, words in found[:5]))


class _Stand(type):
    def __instancecheck__(cls, _: object) -> bool:
        return True  # msgspec asks it of what its hook has read


class Made(metaclass=_Stand):
    """A stand-in for a type that msgspec refuses: how it is written as a schema and how it is read."""

    kinds: tuple[Any, ...] = ()
    members: tuple[Any, ...] = ()
    made_of: Any = None


def is_pydantic(kind: object) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def _is_path(kind: Any) -> bool:
    """Whether it is a class of ``pathlib``, which is not imported for it."""
    return isinstance(kind, type) and kind.__module__.partition(".")[0] == "pathlib" and hasattr(kind, "__fspath__")


def readable(kind: Any) -> Any:
    """``kind`` as msgspec can read it, with ``Annotated[T, "text"]`` and pydantic's constraints as msgspec's own."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _annotated(kind)
    if origin in _WRAPPERS:
        return readable(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        return _union(tuple([readable(inner) for inner in typing.get_args(kind)]))
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and not issubclass(kind, enum.Flag):
        return _enumeration(kind)
    if origin is None or origin is typing.Literal or not isinstance(origin, type) or origin.__module__ == "types":
        return kind
    return _generic(kind, origin)


def _generic(kind: Any, origin: type) -> Any:
    arguments = typing.get_args(kind)
    if not arguments or any(isinstance(inner, list) for inner in arguments):  # a callable's
        return kind
    inner = tuple([item if item is ... else readable(item) for item in arguments])
    if origin.__module__ == "collections.abc" and origin.__name__ in ("Iterable", "Iterator", "Reversible"):
        return list[inner[0]]  # type: ignore[valid-type]
    return kind if all(new is old for new, old in zip(inner, arguments, strict=True)) else origin[inner]  # type: ignore[index]


def _annotated(kind: Any) -> Any:
    inner, *notes = typing.get_args(kind)
    found: dict[str, Any] = {}
    kept = [note for note in notes if isinstance(note, msgspec.Meta)]
    for note in notes:
        if isinstance(note, str):
            found.setdefault("description", note)
        elif not isinstance(note, msgspec.Meta):
            found |= _constraints(note)
    made = readable(inner)
    if found:
        kept.insert(0, msgspec.Meta(**found))
    for meta in kept:
        made = typing.Annotated[made, meta]
    return made


def _constraints(note: Any) -> dict[str, Any]:
    """What pydantic's ``Field`` (its ``metadata`` holds the bounds), ``annotated_types`` or PEP 727's ``Doc`` say."""
    found: dict[str, Any] = {}
    for item in (note, *(getattr(note, "metadata", None) or ())):
        found |= {name: value for name in _META if (value := getattr(item, name, None)) is not None and not callable(value)}
    text = getattr(note, "description", None) or getattr(note, "documentation", None)
    return found | {"description": text} if isinstance(text, str) else found


def _union(kinds: tuple[Any, ...]) -> Any:
    whole = functools.reduce(operator.or_, kinds)
    try:
        msgspec.json.schema_components([whole], schema_hook=lambda _: {})
    except TypeError:
        return type("OneOf", (Made,), {"kinds": kinds})
    except (NameError, ValueError, RecursionError):
        return whole  # said where it is made a schema
    return whole


def _enumeration(kind: type[enum.Enum]) -> Any:
    """An enumeration as it is where its values are all texts or all whole numbers, else by a stand-in."""
    values = tuple([member.value for member in kind])
    if any(all(type(value) is plain for value in values) for plain in (str, int)) or issubclass(kind, (str, int)):
        return kind
    if not values or not all(isinstance(value, _PLAIN) for value in values):
        return kind
    return type(kind.__name__, (Made,), {"members": values, "made_of": kind})


# --------------------------------------------------------------------------------------------------------- into a schema


class SchemaHook:
    """msgspec's hook for the types that it does not know. ``definitions`` gathers what pydantic defines; ``clashes``: two
    definitions of one name; ``prefixed``: pydantic's are told apart by their model."""

    def __init__(self, *, prefixed: bool) -> None:
        self.definitions: dict[str, dict[str, Any]] = {}
        self.clashes: bool = False
        self._prefixed = prefixed

    def __call__(self, kind: Any) -> dict[str, Any]:
        if is_pydantic(kind):
            return self._pydantic(kind)
        if isinstance(kind, type) and issubclass(kind, Made):
            if kind.members:
                return {"title": kind.__name__, "enum": list(kind.members)}
            schemas, own = components(list(kind.kinds), self)
            self.define(own)
            return {"anyOf": list(schemas)}
        if _is_path(kind):
            return {"type": "string", "format": "path"}
        if getattr(kind, "__module__", None) == "collections.abc" and kind.__name__ in ("Iterable", "Iterator", "Reversible"):
            return {"type": "array"}
        raise TypeError("no JSON Schema is known for this type")

    def define(self, found: Mapping[str, dict[str, Any]]) -> None:
        for name, schema in found.items():
            if self.definitions.setdefault(name, schema) != schema:
                self.clashes = True

    def _pydantic(self, kind: Any) -> dict[str, Any]:
        prefix = re.sub(r"\W+", "_", f"{kind.__module__}.{kind.__qualname__}.") if self._prefixed else ""
        made = dict(kind.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}"))
        self.define({prefix + name: schema for name, schema in made.pop("$defs", {}).items()})
        return made


def components(kinds: list[Any], hook: SchemaHook) -> tuple[Iterable[dict[str, Any]], dict[str, dict[str, Any]]]:
    schemas, own = msgspec.json.schema_components(kinds, schema_hook=hook, ref_template="#/$defs/{name}")
    _document(kinds, own)
    return schemas, own


def _document(kinds: Iterable[Any], definitions: Mapping[str, dict[str, Any]]) -> None:
    """Puts into the schemas of classes what ``Annotated[T, "text"]`` says of their fields, and into those of numbered
    enumerations the names of the numbers."""
    for kind in _classes(kinds):
        schema = definitions.get(kind.__name__)
        if schema is None:
            continue
        if issubclass(kind, enum.Enum):
            if all(isinstance(member.value, int) for member in kind) and len(kind) <= 50:
                schema.setdefault("description", ", ".join(f"{member.value}: {member.name}" for member in kind))
            continue
        for name, field in fields_of(kind).items():
            note = next((note for note in getattr(field.kind, "__metadata__", ()) if not isinstance(note, msgspec.Meta)), None)
            text = note if isinstance(note, str) else _constraints(note).get("description") if note is not None else None
            if text and name in schema.get("properties", {}):
                schema["properties"][name].setdefault("description", text)


def _classes(kinds: Iterable[Any]) -> list[type]:
    found: dict[type, None] = {}
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        waiting += [inner for inner in typing.get_args(kind) if not isinstance(inner, (str, int, bytes, enum.Enum))]
        if isinstance(kind, type) and kind not in found and typing.get_origin(kind) is None:
            if fields := fields_of(kind):
                waiting += [field.kind for field in fields.values()]
            if fields or issubclass(kind, enum.Enum):
                found[kind] = None
    return list(found)


class Field(NamedTuple):
    """A field of a class: its annotation, and whether it must be given."""

    kind: Any
    required: bool


def fields_of(kind: Any) -> dict[str, Field]:
    """The fields of a dataclass, TypedDict or Struct, by their names in JSON; none for any other type."""
    return _fields_of(kind) if isinstance(kind, type) else {}


@functools.lru_cache(maxsize=512)
def _fields_of(kind: Any) -> dict[str, Field]:
    try:
        if typing.is_typeddict(kind):
            hints = typing.get_type_hints(kind, include_extras=True)
            return {name: Field(_bare(hint), _required(kind, name, hint)) for name, hint in hints.items()}
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            hints = typing.get_type_hints(kind, include_extras=True)
            return {field.encode_name: Field(hints[field.name], field.required) for field in msgspec.structs.fields(kind)}
        if hasattr(kind, "__dataclass_fields__") and not is_pydantic(kind):
            import dataclasses  # the whole of inspect comes with it

            hints = typing.get_type_hints(kind, include_extras=True)
            missing = dataclasses.MISSING
            return {
                field.name: Field(hints[field.name], field.default is missing and field.default_factory is missing)
                for field in dataclasses.fields(kind) if field.init
            }  # fmt: skip
    except (NameError, TypeError, AttributeError, KeyError):
        return {}  # said where it is made a schema
    return {}


def _required(kind: Any, name: str, hint: Any) -> bool:
    """Whether a TypedDict wants the key: annotations that are texts say so when they are read only."""
    origin = typing.get_origin(hint)
    return origin is typing.Required or (origin is not typing.NotRequired and name in kind.__required_keys__)


def _bare(hint: Any) -> Any:
    while typing.get_origin(hint) in _WRAPPERS:
        hint = typing.get_args(hint)[0]
    return hint


# ------------------------------------------------------------------------------------------------------------- and back again


def from_json(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """A value of plain JSON types as one of ``kind`` (``readable``). Not ``strict``: text that says a number, a truth or
    null is taken for it, and whole floats for integers. Raises ``ValueError``."""
    return msgspec.convert(value, kind, strict=strict, str_keys=True, dec_hook=read_strictly if strict else _read_laxly)


def read_strictly(kind: type, value: Any) -> Any:
    """msgspec's hook for reading what it does not know."""
    return _read(kind, value, True)


def _read_laxly(kind: type, value: Any) -> Any:
    return _read(kind, value, False)


def _read(kind: Any, value: Any, strict: bool) -> Any:
    if is_pydantic(kind):
        try:
            return kind.model_validate(value)
        except ValueError as error:
            raise FaultsError(pydantic_faults(error)) from None
    if isinstance(kind, type) and issubclass(kind, Made):
        return _member(kind, value) if kind.members else _alternative(kind.kinds, value, strict)
    if _is_path(kind) and (isinstance(value, str) or hasattr(value, "__fspath__")):
        return kind(value)
    if isinstance(value, list) and getattr(kind, "__module__", None) == "collections.abc":
        return value
    raise TypeError(f"Expected `{getattr(kind, '__name__', 'a value')}`, got `{json_name(value)}`")


def _member(kind: type[Made], value: Any) -> Any:
    for member in kind.made_of:
        if member.value == value and isinstance(member.value, bool) == isinstance(value, bool):
            return member
    raise ValueError("Invalid enum value")


def _alternative(kinds: Collection[Any], value: Any, strict: bool) -> Any:
    """``value`` as the alternative that fits; of several the one that knows most of its keys, the foremost first."""
    fits, meant = [], []
    for kind in kinds:
        known: Any = fields_of(kind) or getattr(kind, "model_fields", None)
        unknown = len(value.keys() - known) if isinstance(value, dict) and known else 0
        try:
            fits.append((unknown, from_json(value, kind, strict=strict)))
        except (ValueError, TypeError):
            meant += [unknown] if isinstance(value, dict) and known else []
    if not fits or min(fits, key=_first)[0] > min(meant, default=_MANY):  # what it was meant for it does not fit
        raise ValueError("fits none of: " + ", ".join(name_of(kind) for kind in kinds))
    return min(fits, key=_first)[1]


def _first(fit: tuple[int, Any]) -> int:
    return fit[0]


def pydantic_faults(error: Any) -> list[tuple[str, str]]:
    """Where pydantic found faults, as paths from the model, and its words for them, without what stood there."""
    told: Callable[..., list[dict[str, Any]]] | None = getattr(error, "errors", None)
    if told is None:
        return [("", str(error)[:120])]
    faults = told(include_url=False, include_context=False, include_input=False)
    return [(path_of(fault.get("loc", ())), str(fault.get("msg", "wrong"))[:120]) for fault in faults[:10]]


def path_of(steps: Iterable[Any]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{str(step)[:40]}" for step in steps)


def json_name(value: Any) -> str:
    """What a value is called in JSON."""
    names = {str: "str", bool: "bool", int: "int", float: "float", type(None): "null", dict: "object", list: "array"}
    return names.get(type(value), type(value).__name__)


def name_of(kind: Any) -> str:
    """A type in a reader's words."""
    if isinstance(kind, type) and issubclass(kind, Made):
        return " | ".join(map(name_of, kind.kinds)) or f"one of {list(kind.members)}"
    if typing.get_origin(kind) is typing.Annotated:
        return name_of(typing.get_args(kind)[0])
    if isinstance(kind, type) and typing.get_origin(kind) is None:
        return "null" if kind is type(None) else kind.__name__
    said = str(kind)
    return (said if "'" in said else _MODULES().sub("", said)).replace("typing.", "").replace("NoneType", "null")


def schemas_of(kinds: list[Any]) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The schemas of several types, and the definitions that they share (``$defs``).

    Raises ``UsageError`` for a type that has none, in msgspec's words where it has any.
    """
    try:
        return _schemas(kinds, prefixed=False) or _schemas(kinds, prefixed=True) or ([], {})
    except (TypeError, NameError, ValueError, RuntimeError, AttributeError) as error:  # the last two are pydantic's
        told = isinstance(error, TypeError | AttributeError | RuntimeError) and not isinstance(error, RecursionError)
        why = str(error).partition("\n")[0].partition(" - type `")[0] if told else ""
        if isinstance(error, NameError):
            why = f"{error.name} is not defined where the type is" if error.name else str(error)[:120]
        raise UsageError(
            "a type without a JSON Schema" + (f" ({why[:240]})" if why else ""),
            got=", ".join(map(name_of, kinds))[:200],
            allowed="builtin types, dataclass, TypedDict, msgspec Struct, pydantic model",
        ) from error


def _schemas(kinds: list[Any], *, prefixed: bool) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]] | None:
    hook = SchemaHook(prefixed=prefixed)
    schemas, own = components([readable(kind) for kind in kinds], hook)
    hook.define(own)
    if hook.clashes and prefixed:
        raise TypeError("two of its types share one name")
    return None if hook.clashes else (list(schemas), hook.definitions)
