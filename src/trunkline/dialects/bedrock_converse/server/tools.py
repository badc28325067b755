"""Tools of a request, and the choice among them, as ours (bedrock-converse §3)."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.request import AnyTool, HostedTool, Tool, ToolChoice
from ...losses import Losses
from ...reply_fields import Fields
from ...served_fields import is_null
from ..pieces import SYSTEM_TOOL, without_nulls
from .fields import cache_mark, flag, inner_object, items_at, object_at, refuse, required_text, text, value_at

_NAMED = ("name", "description", "inputSchema", "strict")


def tools_of(config: Fields, losses: Losses) -> tuple[AnyTool, ...]:
    if is_null(config.get("tools")):
        return ()
    tools: list[AnyTool] = []
    for n, item in enumerate(items_at(config["tools"], "toolConfig.tools")):
        at = f"toolConfig.tools[{n}]"
        said = without_nulls(object_at(item, at), ())
        if len(said) != 1:
            refuse(at, "a tool has one key, which says what it is")
        (kind, raw), *_ = said.items()
        if kind == "cachePoint":
            _mark(tools, raw, f"{at}.cachePoint", losses)
        else:
            where = f"{at}.{kind}" if kind in ("toolSpec", SYSTEM_TOOL) else at  # a path quotes no name that is not ours
            tools.append(_tool(kind, object_at(raw, where), f"{where}.", losses))
    return tuple(tools)


def _mark(tools: list[AnyTool], raw: msgspec.Raw, path: str, losses: Losses) -> None:
    mark = cache_mark(raw, path)
    last = tools[-1] if tools else None
    if mark is None or not isinstance(last, (Tool, HostedTool)) or last.cache is not None:
        losses.dropped("toolConfig.tools.cachePoint", "it marks no tool, or in words that are not known")
    else:
        tools[-1] = msgspec.structs.replace(last, cache=mark)


def _tool(kind: str, fields: Fields, at: str, losses: Losses) -> AnyTool:
    if kind != "toolSpec":
        name = required_text(fields, "name", at) if kind == SYSTEM_TOOL else text(fields, "name", at)
        return HostedTool(kind, name, _rest(fields, ("name",), at))
    name = required_text(fields, "name", at)
    holder = inner_object(fields, "inputSchema", at)
    schema = value_at(holder["json"], f"{at}inputSchema.json") if "json" in holder else None
    if holder.keys() - {"json"}:
        losses.dropped(f"{at}inputSchema", "a schema is its JSON, and nothing beside it")
    if not isinstance(schema, dict):
        refuse(f"{at}inputSchema.json", "a JSON Schema is expected, as an object")
    return Tool(name, text(fields, "description", at), schema, flag(fields, "strict", at), extra=_rest(fields, _NAMED, at))


def _rest(fields: Fields, ours: tuple[str, ...], at: str) -> dict[str, Any]:
    return {name: value_at(raw, at[:-1]) for name, raw in without_nulls(fields, ours).items()}


def choice_of(config: Fields, losses: Losses) -> ToolChoice | None:
    said = without_nulls(inner_object(config, "toolChoice", "toolConfig."), ())
    if not said:
        return None
    (kind, raw), *others = said.items()
    if kind == "tool" and not others:
        chosen = object_at(raw, "toolConfig.toolChoice.tool")
        return ToolChoice("tool", (required_text(chosen, "name", "toolConfig.toolChoice.tool."),))
    if kind not in ("auto", "any") or others:
        refuse("toolConfig.toolChoice", "one of auto, any and tool is expected")
    if object_at(raw, f"toolConfig.toolChoice.{kind}"):
        losses.dropped(f"toolConfig.toolChoice.{kind}", "our values have no such field")
    return ToolChoice("auto" if kind == "auto" else "required")
