"""A scenario in a file: YAML or JSON, the same names in small letters. What is wrong in it is told with its place, before
anything listens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from ..values.errors import UnsupportedOperationError, UsageError
from ..values.expect import kind_of, only
from ..values.response import Usage
from .limits import Limits
from .match import When
from .scenario import LIFELIKE, Pace, Rule, Scenario
from .steps import STEPS, Step

T = TypeVar("T")
_TOP = ("rules", "pace", "quirks", "models", "limits", "seed")
_RULE = ("when", "steps", "times", "usage", "finish", "pace", "quirks")
_USAGE = tuple(name for name in Usage.__struct_fields__ if name != "raw")
LARGEST = 1_000_000
"""So many values may stand in a file, those counted that an alias stands for (a text is one for each 64 letters)."""
_PACES = {"lifelike": LIFELIKE, "instant": Pace()}


def read_scenario(path: str | os.PathLike[str]) -> Scenario:
    """The scenario in the file ``path`` (``.json``: JSON, else YAML). Raises ``UsageError`` that names the file, and the place
    in it."""
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:  # a name with a NUL in it
        raise UsageError(f"cannot be read: {getattr(error, 'strerror', None) or kind_of(error)}", field=str(name)) from None
    try:
        document = _json(data) if str(name).endswith(".json") else _yaml(data)
        _measure(document, {})
        return scenario_of(document)
    except RecursionError:
        raise UsageError(f"{name}: it is nested too deep") from None
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _measure(value: object, sizes: dict[int, int]) -> int:
    """How many values ``value`` is once aliases are written out. Raises ``UsageError`` for more than ``LARGEST``, and for
    what contains itself."""
    if not isinstance(value, dict | list | tuple | set):
        return 1 + len(value) // 64 if isinstance(value, str | bytes) else 1
    if (known := sizes.get(id(value))) is None:
        sizes[id(value)] = -1
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        known = sizes[id(value)] = 1 + sum(_measure(item, sizes) for item in inside)
    if known < 0:
        raise UsageError("an alias stands for what contains it")
    if known > LARGEST:
        raise UsageError("it is too large once its aliases are written out", allowed=f"{LARGEST:,} values")
    return known


def scenario_of(document: object) -> Scenario:
    """The scenario that a parsed file says. Raises ``UsageError`` with the place: ``rules[2].steps[0].call.name``."""
    table = _table(document, "the scenario", _TOP)
    if not table:
        raise UsageError("the scenario says nothing", allowed=", ".join(_TOP))
    rules = [_rule(rule, f"rules[{n}]") for n, rule in enumerate(_list(table.get("rules", []), "rules"))]
    rest: dict[str, Any] = {name: table[name] for name in ("quirks", "models", "seed") if table.get(name) is not None}
    if table.get("pace") is not None:
        rest["pace"] = _pace(table["pace"], "pace")
    if table.get("limits") is not None:
        rest["limits"] = _made(Limits, table["limits"], "limits")
    return _placed("", lambda: Scenario(tuple(rules), **rest))


def _rule(value: object, at: str) -> Rule:
    if isinstance(value, Mapping) and (stray := next((name for name in value if name in STEPS), None)):
        raise UsageError("a step stands in the list of steps", field=f"{at}.{stray}", allowed=f"steps: [{stray}: …]")
    table = _table(value, at, _RULE)
    steps = [_step(step, f"{at}.steps[{n}]") for n, step in enumerate(_list(table.get("steps", []), f"{at}.steps"))]
    facts: dict[str, Any] = {name: table.get(name) for name in ("times", "finish", "quirks")}
    if table.get("when") is not None:
        facts["when"] = _made(When, table["when"], f"{at}.when")
    if table.get("usage") is not None:
        facts["usage"] = _usage(table["usage"], f"{at}.usage")
    if table.get("pace") is not None:
        facts["pace"] = _pace(table["pace"], f"{at}.pace")
    return _placed(at, lambda: Rule(*steps, **facts))


def _step(value: object, at: str) -> Step:
    """``{say: "…"}``, ``{call: {name: …}}``, or a bare word: ``reset``."""
    table = {value: None} if isinstance(value, str) else value
    if not isinstance(table, dict) or len(table) != 1:
        allowed = 'one name and what belongs to it, as in {say: "hello"}'
        raise UsageError("not a step", field=at, got=kind_of(value), allowed=allowed)
    [(name, fields)] = table.items()
    only([name], at, STEPS, "step")
    kind = STEPS[name]
    first = kind.__struct_fields__[0] if kind.__struct_fields__ else None
    if fields is None:
        fields = {}
    elif first is not None and (not isinstance(fields, dict) or first == "arguments"):
        fields = {first: fields}
    return _made(kind, fields, f"{at}.{name}")


def _pace(value: object, at: str) -> Pace:
    if isinstance(value, str):
        only([value], at, _PACES, "pace")
        return _PACES[value]
    return _made(Pace, value, at)


def _usage(value: object, at: str) -> Usage:
    table = _table(value, at, _USAGE)
    try:
        return msgspec.convert(table, Usage)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        raise UsageError(words, field=at + place.rstrip("`")) from None


def _made(kind: Callable[..., T], fields: object, at: str) -> T:
    """``kind`` with ``fields``, none of them unknown and none missing."""
    struct: Any = kind
    table = _table(fields, at, struct.__struct_fields__)
    for info in msgspec.structs.fields(struct):
        if info.required and info.name not in table:
            raise UsageError("is missing", field=f"{at}.{info.name}", allowed=", ".join(struct.__struct_fields__))
    return _placed(at, lambda: kind(**table))


def _placed(at: str, make: Callable[[], T]) -> T:
    """What ``make`` makes; what it refuses is told with its place."""
    try:
        return make()
    except UsageError as error:
        words = str(error).removeprefix(f"{error.field}: ")
        raise UsageError(words, field=".".join(part for part in (at, error.field) if part)) from None


def _table(value: object, at: str, allowed: Iterable[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError("wrong type", field=at, got=kind_of(value), allowed="a table of " + ", ".join(allowed))
    only(value, "" if at == "the scenario" else at, allowed)
    return dict(value)


def _list(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError("wrong type", field=at, got=kind_of(value), allowed="a list")
    return value


def _json(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is not JSON: {error}") from None


def _yaml(data: bytes) -> object:
    try:
        import yaml  # type: ignore[import-untyped]  # PyYAML has no types
    except ImportError:
        raise UnsupportedOperationError(
            "a scenario in YAML needs PyYAML to be read", hint="pip install 'trunkline[yaml]', or write it as .json"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Refuses a key that stands twice: the first would be lost."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise UsageError(f"line {key.start_mark.line + 1}: a key is text")
                if key.value in seen and key.value != "<<":
                    raise UsageError(f"line {key.start_mark.line + 1}: this key stands twice", field=str(key.value)[:40])
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(data, Loader)  # noqa: S506 - it is a SafeLoader
    except UsageError:
        raise
    except (ValueError, AttributeError):  # what PyYAML lets through: a month 13, !!int x, a number of 5,000 digits
        raise UsageError("there is a value in it that is not what it looks like (quote what shall be text)") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = f" ({error.problem})" if getattr(error, "problem", None) else ""
        raise UsageError(f"line {mark.line + 1}: this is not YAML{why}" if mark else "this is not YAML") from None
