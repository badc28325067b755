"""The output that was asked for, out of a model's words; and what to tell it where they are not that."""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import MalformedResponseError
from .json_text import json_in
from .partial_json import WRAPPED, PartialJson
from .schema import Plan, output_plan, parse_output, without_added_nulls
from .schema_check import faults

_MOST_SAID = 2_000
"""So many characters of a validator's own words go to the model."""


class Output:
    """Reads what was asked for: a value of ``kind`` (a type), or, where that is None, JSON that obeys ``schema`` in plain types
    (None: any JSON). Calling it with a text raises ``MalformedResponseError`` with the path, never the content."""

    __slots__ = ("_kind", "_opening", "_schema")

    def __init__(self, kind: Any, schema: dict[str, Any] | None = None) -> None:
        self._kind, self._schema = kind, schema
        self._opening = "[" if kind is None and schema is not None and schema.get("type") == "array" else "{"

    def __call__(self, text: str) -> Any:
        whole, value = json_in(text, self._opening)
        if self._kind is not None:
            return parse_output(self._kind, whole)
        if self._schema is not None and (wrong := faults(value, self._schema, most=1)):
            raise MalformedResponseError("the reply is not what the schema asks for (output=)", path=wrong[0][0])
        return value

    @property
    def _plan(self) -> Plan | None:
        return None if self._kind is None else output_plan(self._kind)

    def partial(self) -> PartialJson:
        """What takes the pieces of such a text as it is written."""
        plan = self._plan
        return PartialJson(wrapped=plan is not None and plan.wrapped, opening=self._opening)

    def complaint(self, text: str) -> str:
        """What is wrong with ``text``, in words for whoever wrote it."""
        try:
            _, value = json_in(text, self._opening)
        except MalformedResponseError as error:
            return error.message
        plan, schema = self._plan, self._schema
        if plan is not None:
            schema = plan.own
            value = without_added_nulls(value, schema, schema.get("$defs", {}))
        found = [f"at {path}: {wanted}" for path, wanted in faults(value, schema)] if schema else []
        return "\n".join(f"- {fault}" for fault in found or [self._own_words(value)])

    def _own_words(self, value: Any) -> str:
        """What the type's own validators say."""
        try:
            parse_output(self._kind, msgspec.json.encode(value).decode())
        except MalformedResponseError as error:
            inner = f".{WRAPPED}" if (plan := self._plan) is not None and plan.wrapped else ""
            return f"at ${inner}{(error.path or '$')[1:]}: {_reason(error.__cause__ or error.__context__)}"
        return "it is not what was asked for"


def partial_of(parse: object, text: str) -> PartialJson | None:
    """What takes the pieces that follow ``text``; None where something else than an ``Output`` parses it."""
    if not isinstance(parse, Output):
        return None
    begun = parse.partial()
    begun.feed(text)
    return begun


def _reason(error: BaseException | None) -> str:
    details: Any = getattr(error, "errors", None)
    try:
        said = "; ".join(str(each.get("msg")) for each in details()) if callable(details) else str(error)
    except Exception:  # noqa: BLE001 - a validator of the user's own, which may break on being asked
        said = "it was refused"
    return said[:_MOST_SAID]
