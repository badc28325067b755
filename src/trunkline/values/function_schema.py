"""Plain Python functions as tools: their signature and docstring into a schema, a model's arguments back into theirs."""

from __future__ import annotations

import enum
import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from . import expect
from .docstrings import split_docstring
from .errors import UsageError
from .json_types import FaultsError, fields_of, from_json, is_pydantic, name_of, path_of, readable, schemas_of
from .late_pattern import LatePattern
from .request import Tool
from .schema import without_added_nulls

Function = Callable[..., Any]
_EMPTY = inspect.Parameter.empty
_UNIONS = (typing.Union, types.UnionType)
_PLACE = LatePattern(r" - at `\$([^`]*)`$")
_QUOTING = ("Invalid enum value", "Invalid value")
_PATH_SHOWN = 200
_DEEPEST = 20
_MOST_FAULTS = 10
_LOOKED_INTO = 1000
"""Items of one list or dict that are looked at one by one for faults."""


class Parameter(NamedTuple):
    """One parameter as a model sees it. ``kind`` is its annotation as msgspec reads it; ``inspect.Parameter.empty`` marks what
    is not said."""

    name: str
    kind: Any
    default: Any
    description: str | None

    @property
    def required(self) -> bool:
        return self.default is _EMPTY


class Signature(NamedTuple):
    """What a function does, what a model may give it, and the JSON Schema of that."""

    description: str | None
    parameters: dict[str, Parameter]
    schema: dict[str, Any]


def function_tool(function: Function, at: str = "function") -> Tool:
    """The tool that ``function`` is: its name, the docstring's first part, and a schema of its parameters.

    Parameter descriptions come from ``Annotated[T, "text"]`` or a docstring in Google's (``Args:``), NumPy's or Sphinx'
    (``:param x:``) style. What ``functools.partial`` gives by name is the caller's own, and not shown to the model. Raises
    ``UsageError`` for parameters that a model cannot give by name, or whose type has no JSON Schema.
    """
    core = _core(function)
    name = getattr(function, "__name__", None) or getattr(core, "__name__", None) or type(core).__name__
    signature = _signature(function, at)
    return Tool(name, signature.description, signature.schema)


def bind_arguments(function: Function, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A model's arguments as the keyword arguments of ``function``, converted to its annotations.

    What models get wrong without harm is borne: a number, a truth or null as text, an object or a list as its JSON text, null
    for what may be left out. Raises ``UsageError``, whose text tells all faults (ten at most) by their path and what is wanted,
    so that the model can mend them.
    """
    signature = _signature(function, "arguments")
    bound, faults = _bound(arguments, signature)
    if faults:
        schema = signature.schema
        bound, faults = _bound(without_added_nulls(dict(arguments), schema, schema.get("$defs", {})), signature)
    if not faults:
        return bound
    (at, first), *others = faults[:_MOST_FAULTS]
    raise UsageError("; ".join([first, *(f"{at}: {words}" for at, words in others)]), field=at)


# ------------------------------------------------------------------------------------------------------------- what it takes

_known: WeakKeyDictionary[Any, dict[bool, Signature]] = WeakKeyDictionary()


def _signature(function: Function, at: str) -> Signature:
    """Read once for a function; of a method, and of an object that can be called, once for its class."""
    key: Any = function
    if isinstance(function, types.MethodType):
        key = function.__func__
    elif not (inspect.isroutine(function) or isinstance(function, (type, functools.partial)) or hasattr(function, "__wrapped__")):
        key = type(function)
    try:
        known = _known.setdefault(key, {})
    except TypeError:  # cannot be hashed, or referred to weakly
        return _read(function, at)
    bound = key is not function
    if bound not in known:
        known[bound] = _read(function, at)
    return known[bound]


def _read(function: Function, at: str) -> Signature:
    description, documented = split_docstring(_docstring(_core(function)))
    parameters = _parameters(function, documented, at)
    schema = _schema(parameters, at)
    return Signature(description or None, {one.name: one._replace(kind=readable(one.kind)) for one in parameters}, schema)


def _core(function: Any) -> Any:
    """The function behind partials and decorators that say what they wrap."""
    for _ in range(100):
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    return function


def _docstring(core: Any) -> str:
    own = inspect.getdoc(core) if inspect.isroutine(core) or isinstance(core, type) else None
    if own is None and not inspect.isroutine(core):  # an object that can be called: its method tells, or its class
        own = getattr(type(core).__call__, "__doc__", None) or type(core).__doc__
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def _parameters(function: Function, documented: Mapping[str, str], at: str) -> list[Parameter]:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError, NameError) as error:
        raise UsageError(
            "its signature cannot be read", field=at, got=expect.kind_of(function), allowed="a plain function"
        ) from error
    given = function.keywords if isinstance(function, functools.partial) else {}
    wanted = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in given]
    kinds = _kinds(_core(function), wanted, at)
    for n, parameter in enumerate(wanted):
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise UsageError(
                "a parameter without a name to call it by", field=f"{at}.{parameter.name}", allowed="parameters that may be named"
            )
        if n == 0 and parameter.name == "self" and parameter.annotation is _EMPTY:
            raise UsageError(
                "a method without its object", field=at, got="a function of a class", allowed="a method of an object"
            )
    return [Parameter(p.name, kinds[p.name], p.default, _described(kinds[p.name]) or documented.get(p.name)) for p in wanted]


def _kinds(core: Any, wanted: list[inspect.Parameter], at: str) -> dict[str, Any]:
    """The annotations of the parameters; what others say (a return type that is not known here) does not matter."""
    source = core if inspect.isroutine(core) or isinstance(core, type) else type(core).__call__
    try:
        hints = typing.get_type_hints(source, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError):
        space = getattr(source, "__globals__", {})
        hints = {p.name: _hint(p, space, at) for p in wanted}
    return {p.name: hints.get(p.name, p.annotation) for p in wanted}


def _hint(parameter: inspect.Parameter, space: dict[str, Any], at: str) -> Any:
    alone = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        return typing.get_type_hints(alone, space, include_extras=True)["it"]
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        missing = f"{error.name} is not defined where the function is" if isinstance(error, NameError) else "it cannot be read"
        raise UsageError(
            f"its annotation does not say a type: {missing}", field=f"{at}.{parameter.name}", allowed="a type known in its module"
        ) from error


def _described(kind: Any) -> str | None:
    """The text that ``Annotated[T, "text"]`` gives."""
    return next((item for item in getattr(kind, "__metadata__", ()) if isinstance(item, str)), None)


def _schema(parameters: list[Parameter], at: str) -> dict[str, Any]:
    typed = [parameter for parameter in parameters if parameter.kind is not _EMPTY]
    try:
        schemas, definitions = schemas_of([parameter.kind for parameter in typed])
    except UsageError:
        for parameter in typed:  # which of them?
            try:
                schemas_of([parameter.kind])
            except UsageError as error:
                message = str(error).partition("; got")[0]
                raise UsageError(message, field=f"{at}.{parameter.name}", got=error.got, allowed=error.allowed) from error
        raise
    known = {parameter.name: schema for parameter, schema in zip(typed, schemas, strict=True)}
    properties = {parameter.name: _property(parameter, known.get(parameter.name, {})) for parameter in parameters}
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if required := [parameter.name for parameter in parameters if parameter.required]:
        made["required"] = required
    if definitions:
        made["$defs"] = definitions
    return made


def _property(parameter: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
    made = dict(schema)
    if parameter.description:
        made.setdefault("description", parameter.description)
    if not parameter.required and parameter.default is not None:
        try:
            made["default"] = msgspec.json.decode(msgspec.json.encode(parameter.default))
        except (TypeError, ValueError, RecursionError, OverflowError):
            made.pop("default", None)  # a default without a JSON form: the model may leave the parameter out all the same
    return made


# ---------------------------------------------------------------------------------------------------------- what it was given

Fault = tuple[str, str]
"""Where, and in words what is wanted."""


def _bound(arguments: Mapping[str, Any], signature: Signature) -> tuple[dict[str, Any], list[Fault]]:
    parameters = signature.parameters
    bound: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, parameter in parameters.items():
        if name not in arguments:
            if parameter.required:
                faults.append((name, "missing argument" + _wanted(parameter.kind)))
            continue
        try:
            bound[name] = _converted(arguments[name], parameter.kind)
        except (ValueError, TypeError, RecursionError, OverflowError):
            faults += islice(_faults(arguments[name], parameter.kind, name, 0), _MOST_FAULTS)
    if len(bound) < len(arguments):
        known = ", ".join(parameters) or "none"
        for name in islice((name for name in arguments if name not in parameters), _MOST_FAULTS):
            words = f"unknown argument{expect.did_you_mean(name, parameters)}; allowed: {known[:400]}"
            faults.append((str(name)[:40], words))
    return bound, faults


def _wanted(kind: Any) -> str:
    if kind is _EMPTY:
        return ""
    values = [member.value for member in kind] if isinstance(kind, type) and issubclass(kind, enum.Enum) else []
    return f"; wanted {(f'one of {values}' if values else name_of(kind))[:200]}"


def _converted(value: Any, kind: Any) -> Any:
    """First to the letter, then as what it plainly means."""
    if kind is _EMPTY:
        return value
    try:
        return from_json(value, kind)
    except (ValueError, TypeError):
        pass
    try:
        return from_json(value, kind, strict=False)
    except (ValueError, TypeError):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
            raise
        try:
            inside = msgspec.json.decode(value)
        except (ValueError, RecursionError):
            inside = None
        if inside is None:
            raise
    return from_json(inside, kind, strict=False)


def _faults(value: Any, kind: Any, at: str, depth: int) -> Iterator[Fault]:
    """What is wrong with ``value``, as deep inside as can be said. Nothing where it is right."""
    try:
        _converted(value, kind)
        return
    except RecursionError:
        yield at, "nested too deeply"
        return
    except (ValueError, TypeError, OverflowError) as error:
        wrong = error
    found = False
    shape = _shape(value, kind)
    for fault in _missing(value, shape, at):
        found = True
        yield fault
    if depth < _DEEPEST:
        for inner, of, where in islice(_inside(value, shape, at), _LOOKED_INTO):
            for fault in _faults(inner, of, where, depth + 1):
                found = True
                yield fault
    if not found:
        yield from _told(wrong, kind, at)


def _shape(value: Any, kind: Any) -> Any:
    """The one alternative that an object or a list can be meant for; None where there are several, or none."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    kinds = getattr(kind, "kinds", None) or (typing.get_args(kind) if typing.get_origin(kind) in _UNIONS else ())
    if kinds:
        found = [shape for shape in (_shape(value, one) for one in kinds) if shape is not None]
        return found[0] if len(found) == 1 else None
    origin = typing.get_origin(kind)
    if isinstance(value, dict):
        return (
            kind if fields_of(kind) or is_pydantic(kind) or (isinstance(origin, type) and issubclass(origin, Mapping)) else None
        )
    return kind if isinstance(value, list) and isinstance(origin, type) and issubclass(origin, Collection) else None


def _missing(value: Any, shape: Any, at: str) -> Iterator[Fault]:
    for name, field in fields_of(shape).items() if isinstance(value, dict) else ():
        if field.required and name not in value:
            yield f"{at}.{name}", "missing" + _wanted(field.kind)


def _inside(value: Any, shape: Any, at: str) -> Iterator[tuple[Any, Any, str]]:
    """The values within one, with their types and places."""
    kinds = typing.get_args(shape)
    if isinstance(value, dict):
        fields = fields_of(shape)
        for name, item in value.items():
            of = fields[name].kind if name in fields else kinds[1] if len(kinds) == 2 else None
            if of is not None:
                yield item, of, at[:_PATH_SHOWN] + path_of((name,))
    elif kinds:
        for n, item in enumerate(value):
            if kinds[-1] is ... or len(kinds) == 1:
                yield item, kinds[0], f"{at[:_PATH_SHOWN]}[{n}]"
            elif n < len(kinds):
                yield item, kinds[n], f"{at[:_PATH_SHOWN]}[{n}]"


def _told(error: Exception, kind: Any, at: str) -> Iterator[Fault]:
    """An error in words: never what stood there, but where the function's own code says so."""
    if isinstance(error.__cause__, FaultsError):
        found = _PLACE().search(str(error))
        base = at + (found[1] if found else "")
        for path, words in error.__cause__.found:
            yield base + path, words
        return
    text, _, place = str(error)[:400].partition(" - at ")
    words = "not one of the values allowed" if text.startswith(_QUOTING) else text[:200].replace("`", "")
    wanted = "" if text.startswith("Expected") else _wanted(kind)
    within = place[2:-1] if place.startswith("`$") else ""
    yield at + within[:_PATH_SHOWN], words[:1].lower() + words[1:] + wanted
