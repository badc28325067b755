"""Tools of a request (§6), and the choice among them, as ours."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ....values.request import AnyTool, HostedTool, Tool, ToolChoice
from ...reply_fields import Fields
from ...served_fields import is_null
from .fields import cache_mark, flag, items_at, object_at, refuse, required_text, text, value_at

_NAMED = ("name", "description", "input_schema", "strict")
_MODES: dict[str, Literal["auto", "none", "required", "tool"]] = {
    "auto": "auto",
    "none": "none",
    "any": "required",
    "tool": "tool",
}


def tools_of(fields: Fields) -> tuple[AnyTool, ...]:
    raw = fields.get("tools")
    if raw is None or is_null(raw):
        return ()
    return tuple([_tool(object_at(item, f"tools[{n}]"), f"tools[{n}].") for n, item in enumerate(items_at(raw, "tools"))])


def _tool(fields: Fields, at: str) -> AnyTool:
    kind = text(fields, "type", at)
    if is_null(fields.get("input_schema")) and kind not in (None, "", "custom"):
        return _hosted(kind or "", fields, at)
    name = required_text(fields, "name", at)
    schema = value_at(fields["input_schema"], f"{at}input_schema") if "input_schema" in fields else None
    if not isinstance(schema, dict):
        refuse(f"{at}input_schema", "a JSON Schema is expected, as an object")
    strict, description, mark = flag(fields, "strict", at), text(fields, "description", at), cache_mark(fields, at)
    return Tool(name, description, schema, strict, mark, _rest(fields, _NAMED, at))


def _hosted(kind: str, fields: Fields, at: str) -> HostedTool:
    """A typed tool: its name, and whatever else it says."""
    name, mark = text(fields, "name", at), cache_mark(fields, at)
    return HostedTool(kind, name, _rest(fields, ("type", "name"), at), mark)


def _rest(fields: Fields, ours: tuple[str, ...], at: str) -> dict[str, Any]:
    return {name: value_at(raw, at[:-1]) for name, raw in fields.items() if name not in ours}


def choice_of(raw: msgspec.Raw | None) -> tuple[ToolChoice | None, bool | None, dict[str, Any]]:
    """The choice, whether calls may be parallel (None: not said), and what else is said there."""
    if raw is None or is_null(raw):
        return None, None, {}
    fields = object_at(raw, "tool_choice")
    kind = required_text(fields, "type", "tool_choice.")
    mode = _MODES.get(kind)
    if mode is None:
        refuse("tool_choice.type", "auto, any, tool or none is expected")
    names = (required_text(fields, "name", "tool_choice."),) if mode == "tool" else ()
    ours = ("type", "disable_parallel_tool_use", *(["name"] if names else []))
    alone = flag(fields, "disable_parallel_tool_use", "tool_choice.")
    return ToolChoice(mode, names), None if alone is None else not alone, _rest(fields, ours, "tool_choice.")
