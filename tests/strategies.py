"""Hypothesis strategies for all our values, derived from their annotations, so that a new field is covered from its first day."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from trunkline.values import errors, events, media, message, model, request, response, transcript
from trunkline.values.errors import TrunklineError
from trunkline.values.headers import Headers
from trunkline.values.media import LocalFile
from trunkline.values.message import Message, Part

T = TypeVar("T")
Strategy = st.SearchStrategy[Any]

FEW = 3  # how long a drawn list may be: values nest

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**53), 2**53)
json_values: Strategy = st.recursive(
    st.none() | st.booleans() | whole | numbers | texts,
    lambda inner: st.lists(inner, max_size=FEW) | st.dictionaries(texts, inner, max_size=FEW),
    max_leaves=5,
)
field_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=10)
headers = st.lists(st.tuples(field_text, field_text), max_size=FEW).map(Headers)

_SIMPLE: dict[Any, Strategy] = {
    NoneType: st.none(),
    str: texts,
    int: whole,
    float: numbers,
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    Any: json_values,
    object: json_values,
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    Headers: headers,
}


@cache
def of(kind: Any) -> Strategy:
    """Values of a type, given as an annotation."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([of(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*[of(argument) for argument in arguments])
    if kind == tuple[response.Step, ...]:  # a step holds a response, which may have steps
        return st.just(()) | st.lists(of(response.Step), max_size=1).map(tuple)
    if origin is tuple:
        return st.lists(of(arguments[0]), max_size=FEW).map(tuple)
    if isinstance(kind, TypeVar):  # what a reply is parsed into
        return json_values
    if origin is dict:
        return st.dictionaries(of(arguments[0]), of(arguments[1]), max_size=FEW)
    assert isinstance(kind, type), kind
    assert issubclass(kind, msgspec.Struct), kind
    return st.deferred(lambda: _struct(kind))


@cache
def _struct(kind: type[msgspec.Struct]) -> Strategy:
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {}
    for field in msgspec.structs.fields(kind):
        drawn = st.none() if (kind, field.name) == (LocalFile, "file") else of(field.type)
        (required if field.required else optional)[field.name] = drawn
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: kind(**fields))


def _public(module: Any, base: type[T]) -> tuple[type[T], ...]:
    found = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)]
    return tuple(kind for kind in found if kind.__module__ == module.__name__ and not kind.__name__.startswith("_"))


VALUE_TYPES: tuple[type[msgspec.Struct], ...] = tuple(
    kind for module in (media, message, model, request, response, transcript) for kind in _public(module, msgspec.Struct)
)
EVENT_TYPES: tuple[type[msgspec.Struct], ...] = tuple(
    kind for kind in _public(events, msgspec.Struct) if kind is not events.Event
)
ERROR_TYPES: tuple[type[TrunklineError], ...] = _public(errors, TrunklineError)

parts: Strategy = of(Part)
messages: Strategy = of(Message)

_optional_text = st.none() | texts
_ATTRIBUTES: dict[str, Strategy] = {
    "field": _optional_text, "got": _optional_text, "allowed": _optional_text, "hint": _optional_text, "provider": _optional_text,
    "model": _optional_text, "status": st.none() | st.integers(100, 599), "code": _optional_text, "kind": _optional_text,
    "request_id": _optional_text, "retry_after": st.none() | st.floats(0, 1e6), "provider_message": _optional_text,
    "should_retry": st.none() | st.booleans(), "attempts": of(tuple[response.Attempt, ...]), "retired": _optional_text,
    "successor": _optional_text, "param": _optional_text, "sent": st.booleans(), "seconds": st.none() | numbers,
    "path": _optional_text, "partial": st.none() | of(response.Response),
    "errors": st.lists(st.deferred(lambda: errors_of(errors.RateLimitError) | errors_of(errors.StreamInterruptedError)), max_size=2),
}  # fmt: skip
_PHASES = {errors.DeadlineError: errors.DeadlinePhase, errors.TransportError: errors.TransportPhase}


@cache
def errors_of(kind: type[TrunklineError]) -> st.SearchStrategy[TrunklineError]:
    """Errors of one class with all the facts that it knows."""
    known = vars(kind("")).keys() | {name for base in kind.__mro__ for name in vars(base).get("__annotations__", {})}
    facts = {name: drawn for name, drawn in _ATTRIBUTES.items() if name in known}
    if "phase" in known:
        facts["phase"] = next(of(phases) for base, phases in _PHASES.items() if issubclass(kind, base))

    def build(message: str, told: dict[str, Any]) -> TrunklineError:
        after = {name: told.pop(name) for name in ("retired", "successor", "param") if name in told}
        error = kind(message, **told)
        for name, value in after.items():
            setattr(error, name, value)
        return error

    return st.builds(build, texts, st.fixed_dictionaries({}, optional=facts))


def facts_of(error: BaseException) -> dict[str, Any]:
    """What an error says, comparable: its class and its facts, errors inside it likewise."""
    facts: dict[str, Any] = {"": type(error), "args": error.args}
    for name, value in vars(error).items():
        if value is not None:
            facts[name] = [facts_of(inner) for inner in value] if name == "errors" else value
    return facts
