"""Plain Python functions as tools: their signature and docstring into a schema, a model's arguments back into theirs."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from . import expect
from .errors import UsageError
from .request import Tool
from .schema import decode_pydantic, schemas_of

Function = Callable[..., Any]

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Params|Returns?|Yields?|Raises|Examples?|Notes?|Attributes):\s*$")
_PARAMETERS = ("Args", "Arguments", "Parameters", "Params")
_GOOGLE = re.compile(r"^(\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r"^:(\w+)(?:\s+[^:]*?(\w+))?\s*:\s*(.*)$")


class Parameter(NamedTuple):
    """One parameter as a model sees it. ``kind`` is its annotation; ``inspect.Parameter.empty`` marks what is not said."""

    name: str
    kind: Any
    default: Any
    description: str | None

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


def function_tool(function: Function, at: str = "function") -> Tool:
    """The tool that ``function`` is: its name, the docstring's first part, and a schema of its parameters.

    Parameter descriptions come from ``Annotated[T, "text"]`` or a docstring in Google's (``Args:``) or Sphinx' (``:param x:``)
    style. Raises ``UsageError`` for parameters that a model cannot give by name, or whose type has no JSON Schema.
    """
    name = getattr(function, "__name__", None) or type(function).__name__
    description, documented = split_docstring(_docstring(function))
    parameters = _parameters(function, documented, at)
    return Tool(name, description or None, _schema(parameters, at))


def _docstring(function: Function) -> str:
    own = getattr(function, "__doc__", None)
    if not inspect.isroutine(function) and not isinstance(function, type):  # an object that can be called: its class tells
        own = type(function).__call__.__doc__ or own
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def _parameters(function: Function, documented: Mapping[str, str], at: str) -> list[Parameter]:
    try:
        signature = inspect.signature(function)
        source = function if inspect.isroutine(function) else getattr(function, "func", type(function).__call__)
        kinds = typing.get_type_hints(inspect.unwrap(source), include_extras=True)
    except (ValueError, TypeError, NameError) as error:
        raise UsageError(
            "its signature cannot be read", field=at, got=expect.kind_of(function), allowed="a plain function"
        ) from error
    found = []
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise UsageError(
                "a parameter without a name to call it by", field=f"{at}.{name}", allowed="parameters that may be named"
            )
        kind, description = _described(kinds.get(name, inspect.Parameter.empty))
        found.append(Parameter(name, kind, parameter.default, description or documented.get(name)))
    return found


def _described(kind: Any) -> tuple[Any, str | None]:
    """An annotation, and the text that ``Annotated[T, "text"]`` gives it."""
    texts = [item for item in getattr(kind, "__metadata__", ()) if isinstance(item, str)]
    return kind, texts[0] if texts else None


def _schema(parameters: list[Parameter], at: str) -> dict[str, Any]:
    typed = [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.empty]
    for parameter in typed:
        try:
            schemas_of([parameter.kind])
        except UsageError as error:
            raise UsageError(
                "a type without a JSON Schema", field=f"{at}.{parameter.name}", got=error.got, allowed=error.allowed
            ) from error
    schemas, definitions = schemas_of([parameter.kind for parameter in typed])
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
        made["description"] = parameter.description
    if not parameter.required and parameter.default is not None:
        try:
            made["default"] = msgspec.to_builtins(parameter.default)
        except (TypeError, ValueError, RecursionError):
            made.pop("default", None)  # a default without a JSON form: the model may leave the parameter out all the same
    return made


def split_docstring(doc: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of the function, and of each parameter."""
    description: list[str] = []
    parameters: dict[str, list[str]] = {}
    into: list[str] | None = description
    section, indent = "", 0
    for line in doc.splitlines():
        if section in _PARAMETERS and line[:1].strip():
            section, into = "", description
        if (heading := _SECTION.match(line)) is not None:
            section, into, indent = heading[1], None, 0
        elif (field := _SPHINX.match(line)) is not None:
            section = "sphinx"
            into = parameters.setdefault(field[2], [field[3]]) if field[1] in ("param", "parameter", "arg") and field[2] else None
        elif section in _PARAMETERS and (entry := _GOOGLE.match(line)) is not None and len(entry[1]) <= (indent or len(entry[1])):
            indent = len(entry[1])
            into = parameters.setdefault(entry[2], [entry[3]])
        elif into is not None:
            into.append(line.strip() if section else line)
    return "\n".join(description).strip(), {name: " ".join(filter(None, lines)).strip() for name, lines in parameters.items()}


def bind_arguments(function: Function, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A model's arguments as the keyword arguments of ``function``, converted to its annotations.

    Raises ``UsageError``, which names the argument and can be shown to the model: missing, unknown, or of the wrong type.
    """
    parameters = {parameter.name: parameter for parameter in _parameters(function, {}, "arguments")}
    expect.only(arguments, "", parameters, "argument")
    bound = {}
    for name, parameter in parameters.items():
        if name in arguments:
            bound[name] = _converted(arguments[name], parameter)
        elif parameter.required:
            raise UsageError("missing argument", field=name)
    return bound


def _converted(value: Any, parameter: Parameter) -> Any:
    if parameter.kind is inspect.Parameter.empty:
        return value
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=parameter.kind, dec_hook=decode_pydantic)
    except (ValueError, TypeError, RecursionError) as error:
        found = re.search(r"`\$([^`]*)`$", str(error))
        where = parameter.name + (found[1] if found else "")
        raise UsageError("wrong argument", field=where, got=expect.kind_of(value), allowed=_allowed(parameter.kind)) from None


def _allowed(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
