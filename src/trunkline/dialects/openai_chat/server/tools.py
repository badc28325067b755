"""Tools and the choice among them as callers write them, today's way and that of before there were tools."""

from __future__ import annotations

from typing import Literal, cast

from ....values.message import CacheMark
from ....values.request import AnyTool, CustomTool, HostedTool, Tool, ToolChoice
from ...losses import Losses
from ...openai_fields import Json, filled, flag, items, mapping, only, optional_text, refuse, wrong

_GRAMMAR = ("syntax", "definition")
_FUNCTION = ("name", "description", "parameters", "strict")
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto", "none": "none", "required": "required", "any": "required"
}  # fmt: skip


def read_tools(fields: Json, losses: Losses) -> tuple[AnyTool, ...]:
    """The tools of a request: ``tools``, ``functions`` and ``web_search_options``, which are taken out of ``fields``."""
    listed, functions = fields.pop("tools", None) or [], fields.pop("functions", None) or []
    tools = [_tool(mapping(item, f"tools[{n}]"), f"tools[{n}]", losses) for n, item in enumerate(items(listed, "tools"))]
    for n, item in enumerate(items(functions, "functions")):
        tools.append(_function(mapping(item, f"functions[{n}]"), f"functions[{n}]", {}, None))
    search = fields.pop("web_search_options", None)
    if search is not None:
        tools.append(HostedTool("web_search", options=mapping(search, "web_search_options")))
    return tuple(tools)


def _tool(item: Json, at: str, losses: Losses) -> AnyTool:
    kind = item.get("type")
    if kind is None:
        kind = "custom" if "custom" in item else "function"
    if kind == "function":
        return _of_function(item, at)
    if filled(kind, f"{at}.type") == "custom":
        return _custom(item, at, losses)
    options = {field: value for field, value in item.items() if field not in ("type", "name")}
    return HostedTool(kind, optional_text(item, "name", at), options)


def _of_function(item: Json, at: str) -> Tool:
    """``{type, function: {…}}``, or the same without the inner object."""
    mark = item.get("cache_control")
    cache: CacheMark | None = None
    known = {"type", "function"} if "function" in item else {"type", *_FUNCTION}
    if isinstance(mark, dict) and mark.get("type") == "ephemeral" and isinstance(ttl := mark.get("ttl"), (str, type(None))):
        cache = CacheMark(ttl)
        known.add("cache_control")
    extra = {field: value for field, value in item.items() if field not in known and value is not None}
    if "function" in item:
        return _function(mapping(item["function"], f"{at}.function"), f"{at}.function", extra, cache)
    return _function({field: item.get(field) for field in _FUNCTION}, at, extra, cache)


def _function(said: Json, at: str, extra: Json, cache: CacheMark | None) -> Tool:
    """What we have no field for goes back to where it stood."""
    own = {field: value for field, value in said.items() if field not in _FUNCTION and value is not None}
    if own:
        extra = {**extra, "function": own}
    parameters, strict = said.get("parameters"), said.get("strict")
    return Tool(
        filled(said.get("name"), f"{at}.name"),
        optional_text(said, "description", at),
        None if parameters is None else mapping(parameters, f"{at}.parameters"),
        None if strict is None else flag(strict, f"{at}.strict"),
        cache,
        extra,
    )


def _custom(item: Json, at: str, losses: Losses) -> CustomTool:
    nested = "custom" in item
    where = f"{at}.custom" if nested else at
    said = mapping(item["custom"], where) if nested else item
    only(said, ("name", "description", "format", "type"), "tools.custom", losses)
    if nested:
        only(item, ("type", "custom"), "tools.custom", losses)
    syntax, grammar = _grammar(said.get("format"), f"{where}.format", losses)
    return CustomTool(filled(said.get("name"), f"{where}.name"), optional_text(said, "description", where), syntax, grammar)


def _grammar(value: object, at: str, losses: Losses) -> tuple[Literal["lark", "regex"] | None, str | None]:
    if value is None:
        return None, None
    form = mapping(value, at)
    kind = filled(form.get("type"), f"{at}.type")
    if kind == "text":
        only(form, ("type",), "tools.custom.format", losses)
        return None, None
    if kind != "grammar":
        refuse(f"{at}.type", "expected text or grammar")
    said = mapping(form.get("grammar", form), f"{at}.grammar")
    only(form, ("type", "grammar", *(() if "grammar" in form else _GRAMMAR)), "tools.custom.format", losses)
    only(said, ("type", *_GRAMMAR), "tools.custom.format.grammar", losses)
    syntax = said.get("syntax")
    if syntax not in ("lark", "regex"):
        refuse(f"{at}.grammar.syntax", "expected lark or regex")
    return cast("Literal['lark', 'regex']", syntax), filled(said.get("definition"), f"{at}.grammar.definition")


# --- the choice -------------------------------------------------------------------------------------------------------


def read_choice(fields: Json, losses: Losses) -> ToolChoice | None:
    """``tool_choice`` or ``function_call``, taken out of ``fields``; a choice that we have no value for stays there."""
    legacy = fields.pop("function_call", None)
    value = fields.get("tool_choice")
    if value is None:
        return None if legacy is None else _legacy(legacy, losses)
    choice = _choice(value, losses)
    if choice is not None:
        del fields["tool_choice"]
    return choice


def _legacy(value: object, losses: Losses) -> ToolChoice:
    if isinstance(value, str) and value in ("auto", "none"):
        return ToolChoice(_MODES[value])
    if isinstance(value, str):
        refuse("function_call", "expected auto, none or the name of a function")
    said = mapping(value, "function_call")
    only(said, ("name",), "function_call", losses)
    return ToolChoice("tool", (filled(said.get("name"), "function_call.name"),))


def _choice(value: object, losses: Losses) -> ToolChoice | None:
    if isinstance(value, str):
        if value not in _MODES:
            refuse("tool_choice", "expected none, auto, required, or the tool")
        return ToolChoice(_MODES[value])
    if not isinstance(value, dict):
        wrong("tool_choice", value, "none, auto, required, or the tool")
    kind = value.get("type")
    if isinstance(kind, str) and kind in _MODES:
        only(value, ("type",), "tool_choice", losses)
        return ToolChoice(_MODES[kind])
    if kind == "allowed_tools":
        return _allowed(value, losses)
    named = _named(value, "tool_choice", losses)
    return None if named is None else ToolChoice("tool", (named[0],), (named[0],) if named[1] else ())


def _named(value: Json, at: str, losses: Losses) -> tuple[str, bool] | None:
    """The tool that is named, and whether it is a custom one. None for a kind of tool that we do not know."""
    kind = value.get("type", "function")
    if kind not in ("function", "custom", "tool"):
        return None
    said = value.get(kind) if isinstance(value.get(kind), dict) else value
    assert isinstance(said, dict)
    if said is value:
        only(value, ("type", "name"), "tool_choice", losses)
    else:
        only(value, ("type", kind), "tool_choice", losses)
        only(said, ("name",), f"tool_choice.{kind}", losses)
    at = at if said is value else f"{at}.{kind}"
    return filled(said.get("name"), f"{at}.name"), kind == "custom"


def _allowed(value: Json, losses: Losses) -> ToolChoice | None:
    said = mapping(value.get("allowed_tools", value), "tool_choice.allowed_tools")
    only(value, ("type", "allowed_tools", "mode", "tools"), "tool_choice", losses)
    only(said, ("type", "mode", "tools"), "tool_choice.allowed_tools", losses)
    mode = said.get("mode", "auto")
    if mode not in ("auto", "required"):
        refuse("tool_choice.allowed_tools.mode", "expected auto or required")
    found: list[tuple[str, bool]] = []
    for n, item in enumerate(items(said.get("tools"), "tool_choice.allowed_tools.tools")):
        at = f"tool_choice.allowed_tools.tools[{n}]"
        if (named := _named(mapping(item, at), at, losses)) is None:
            return None
        found.append(named)
    return ToolChoice(_MODES[mode], tuple([name for name, _ in found]), tuple([name for name, custom in found if custom]))


def custom_names(tools: tuple[AnyTool, ...]) -> tuple[str, ...]:
    """The names of those with plain input."""
    return tuple([tool.name for tool in tools if type(tool) is CustomTool])
