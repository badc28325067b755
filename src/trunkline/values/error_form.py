"""Errors in the JSON form: class names from the nearest up, and the facts that they carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from . import errors
from .errors import TrunklineError, UsageError
from .response import Attempt, Response

Json = dict[str, Any]
Convert = Callable[[Any, Any, str], Any]

_TEXT = str | None
_FACTS: dict[str, Any] = {
    "message": str,
    "field": _TEXT,
    "got": _TEXT,
    "allowed": _TEXT,
    "hint": _TEXT,
    "provider": _TEXT,
    "model": _TEXT,
    "status": int | None,
    "code": _TEXT,
    "kind": _TEXT,
    "request_id": _TEXT,
    "retry_after": float | None,
    "provider_message": _TEXT,
    "should_retry": bool | None,
    "attempts": tuple[Attempt, ...],
    "retired": _TEXT,
    "successor": _TEXT,
    "param": _TEXT,
    "categories": dict[str, str] | None,
    "phase": str,
    "sent": bool,
    "seconds": float | None,
    "path": _TEXT,
    "partial": Response | None,
    "response": Response | None,
    "errors": tuple[Any, ...],
}
"""What errors carry besides their class, and of which type."""

CLASSES: dict[str, type[TrunklineError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TrunklineError)
}


def error_to_builtins(error: TrunklineError, convert: Callable[[msgspec.Struct], Any]) -> Json:
    """``{"type": "error", "classes": [...], "facts": {...}}``; facts that say nothing are left out."""
    lineage = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, TrunklineError)]
    unsaid = vars(next(CLASSES[name] for name in lineage if name in CLASSES)(""))
    said = {name: value for name, value in vars(error).items() if name in _FACTS and value != unsaid.get(name)}
    return {"type": "error", "classes": lineage, "facts": {name: _fact(value, convert) for name, value in said.items()}}


def _fact(value: Any, convert: Callable[[msgspec.Struct], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_fact(item, convert) for item in value]
    if isinstance(value, TrunklineError):
        return error_to_builtins(value, convert)
    return convert(value) if isinstance(value, msgspec.Struct) else value


def error_from_builtins(tree: Json, at: str, convert: Convert) -> TrunklineError:
    """The error of the nearest class that we know; facts that we do not know are passed over."""
    names = convert(tree.get("classes"), tuple[str, ...], f"{at}.classes")
    kind = next((CLASSES[name] for name in names if name in CLASSES), None)
    if kind is None:
        raise UsageError("an error of no class that we know", field=f"{at}.classes", allowed=", ".join(CLASSES))
    facts = convert(tree.get("facts", {}), dict[str, Any], f"{at}.facts")
    error = kind("")
    known = {name: _read(name, value, f"{at}.facts.{name}", convert) for name, value in facts.items() if name in _FACTS}
    error.__dict__.update({name: value for name, value in known.items() if hasattr(error, name)})
    error.args = (error.message,)
    return error


def _read(name: str, value: Any, at: str, convert: Convert) -> Any:
    if name == "errors":
        trees = convert(value, tuple[dict[str, Any], ...], at)
        return tuple(error_from_builtins(tree, f"{at}[{n}]", convert) for n, tree in enumerate(trees))
    return convert(value, _FACTS[name], at)
