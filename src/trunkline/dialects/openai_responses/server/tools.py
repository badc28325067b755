"""Tools and the choice among them as callers write them (openai-responses §5)."""

from __future__ import annotations

from typing import Literal, cast

from ....values.request import AnyTool, CustomTool, HostedTool, Tool, ToolChoice
from ...losses import Losses
from ...openai_fields import Json, filled, flag, items, mapping, only, optional_text, refuse, wrong

_FUNCTION = ("name", "description", "parameters", "strict")
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto", "none": "none", "required": "required", "any": "required"
}  # fmt: skip


def read_tools(fields: Json, losses: Losses) -> tuple[AnyTool, ...]:
    """The tools of a request, taken out of ``fields``. Hosted ones and namespaces are kept as they are."""
    listed = items(fields.pop("tools", None) or [], "tools")
    return tuple([_tool(mapping(item, f"tools[{n}]"), f"tools[{n}]", losses) for n, item in enumerate(listed)])


def _tool(item: Json, at: str, losses: Losses) -> AnyTool:
    kind = filled(item.get("type", "function"), f"{at}.type")
    if kind == "function":
        return _function(item, at)
    if kind == "custom":
        return _custom(item, at, losses)
    options = {field: value for field, value in item.items() if field not in ("type", "name")}
    return HostedTool(kind, optional_text(item, "name", at), options)


def _function(item: Json, at: str) -> Tool:
    """A function; some write it inside ``function``, as the elder protocol has it."""
    said = item
    if isinstance(item.get("function"), dict):
        said, at = item["function"], f"{at}.function"
    parameters, strict = said.get("parameters"), said.get("strict")
    extra = {name: value for name, value in said.items() if name not in ("type", *_FUNCTION) and value is not None}
    return Tool(
        filled(said.get("name"), f"{at}.name"),
        optional_text(said, "description", at),
        None if parameters is None else mapping(parameters, f"{at}.parameters"),
        None if strict is None else flag(strict, f"{at}.strict"),
        extra=extra,
    )


def _custom(item: Json, at: str, losses: Losses) -> CustomTool:
    only(item, ("type", "name", "description", "format"), "tools.custom", losses)
    name, description = filled(item.get("name"), f"{at}.name"), optional_text(item, "description", at)
    form = item.get("format")
    if form is None:
        return CustomTool(name, description)
    at = f"{at}.format"
    kind = filled(mapping(form, at).get("type"), f"{at}.type")
    if kind == "text":
        return CustomTool(name, description)
    if kind != "grammar":
        refuse(f"{at}.type", "expected text or grammar")
    only(form, ("type", "syntax", "definition"), "tools.custom.format", losses)
    syntax = form.get("syntax")
    if syntax not in ("lark", "regex"):
        refuse(f"{at}.syntax", "expected lark or regex")
    return CustomTool(
        name, description, cast("Literal['lark', 'regex']", syntax), filled(form.get("definition"), f"{at}.definition")
    )


# --- the choice -------------------------------------------------------------------------------------------------------


def read_choice(fields: Json, losses: Losses) -> ToolChoice | None:
    """``tool_choice``, taken out of ``fields``; a choice that we have no value for stays there."""
    value = fields.get("tool_choice")
    if value is None:
        return None
    choice = _choice(value, losses)
    if choice is not None:
        del fields["tool_choice"]
    return choice


def _choice(value: object, losses: Losses) -> ToolChoice | None:
    if isinstance(value, str):
        if value not in _MODES:
            refuse("tool_choice", "expected none, auto, required, or the tool")
        return ToolChoice(_MODES[value])
    if not isinstance(value, dict):
        wrong("tool_choice", value, "none, auto, required, or the tool")
    kind = value.get("type", "function")
    if isinstance(kind, str) and kind in _MODES:
        return ToolChoice(_MODES[kind])
    if kind == "allowed_tools":
        return _allowed(value, losses)
    named = _named(value, "tool_choice", losses)
    return None if named is None else ToolChoice("tool", (named[0],), (named[0],) if named[1] else ())


def _named(value: Json, at: str, losses: Losses) -> tuple[str, bool] | None:
    """The tool that is named, and whether it is a custom one. None for a kind of tool that we do not know."""
    kind = value.get("type", "function")
    if kind not in ("function", "custom"):
        return None
    inside = value.get(kind)
    said, place = (inside, f"{at}.{kind}") if isinstance(inside, dict) else (value, at)
    only(said, ("type", "name"), "tool_choice", losses)
    return filled(said.get("name"), f"{place}.name"), kind == "custom"


def _allowed(value: Json, losses: Losses) -> ToolChoice | None:
    only(value, ("type", "mode", "tools"), "tool_choice", losses)
    mode = value.get("mode", "auto")
    if mode not in ("auto", "required"):
        refuse("tool_choice.mode", "expected auto or required")
    found: list[tuple[str, bool]] = []
    for n, item in enumerate(items(value.get("tools"), "tool_choice.tools")):
        at = f"tool_choice.tools[{n}]"
        if (named := _named(mapping(item, at), at, losses)) is None:
            return None
        found.append(named)
    return ToolChoice(_MODES[mode], tuple([name for name, _ in found]), tuple([name for name, custom in found if custom]))


def custom_names(tools: tuple[AnyTool, ...]) -> tuple[str, ...]:
    """The names of those with plain input, those inside namespaces too."""
    found = [tool.name for tool in tools if type(tool) is CustomTool]
    for tool in tools:
        if type(tool) is HostedTool and tool.kind == "namespace":
            inside = objects(tool.options.get("tools"))
            found += [item["name"] for item in inside if item.get("type") == "custom" and isinstance(item.get("name"), str)]
    return tuple(found)


def objects(value: object) -> list[Json]:
    """The objects in a list; what is no list has none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
