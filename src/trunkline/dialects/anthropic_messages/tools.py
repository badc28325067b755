"""Tools and the choice among them, in this protocol's words."""

from __future__ import annotations

import re
from typing import Any

from ...values.message import CacheMark
from ...values.model import Quirks
from ...values.request import AnyTool, CustomTool, HostedTool, Request
from ..losses import Losses

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}").fullmatch
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_VERSION = re.compile(r"_\d{8}$")
_HOSTED_NAMES = {
    "text_editor_20250124": "str_replace_editor",
    "text_editor_20250429": "str_replace_based_edit_tool",
    "text_editor_20250728": "str_replace_based_edit_tool",
}
"""Typed tools whose name is not their type without its date (the vendor's request types)."""
_NAMELESS = re.compile(r"mcp_toolset|.*_toolset_\d{8}").fullmatch
CUSTOM_INPUT = "input"
"""The one argument of the function that stands for a tool whose input is plain text."""


class Names:
    """Tool names as this protocol spells them, and the way back (``wire`` to ours)."""

    __slots__ = ("_losses", "_ours", "custom", "wire")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._ours: dict[str, str] = {}
        self.wire: dict[str, str] = {}
        self.custom: tuple[str, ...] = ()

    def of(self, name: str) -> str:
        if _NAME(name):
            return name
        known = self._ours.get(name)
        if known is None:
            known = _NOT_IN_NAME.sub("_", name)[:120] or "tool"
            while known in self.wire:
                known = f"{known}_{len(self.wire)}"
            self._ours[name], self.wire[known] = known, name
            self._losses.renamed("tools.name", "a tool's name is made of 1 to 128 letters, digits, _ and -")
        return known


def cache_control(mark: CacheMark, losses: Losses) -> dict[str, str]:
    if mark.ttl is None:
        return {"type": "ephemeral"}
    ttl = mark.ttl
    if ttl not in ("5m", "1h"):
        ttl = "1h" if ttl[-1:] in ("h", "d") else "5m"
        losses.approximated("cache.ttl", f"prompts are cached for 5m or 1h: {ttl}")
    return {"type": "ephemeral", "ttl": ttl}


def encode_tool(tool: AnyTool, names: Names, losses: Losses, quirks: Quirks) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        encoded: dict[str, Any] = {"type": tool.kind}
        if tool.name is not None:
            encoded["name"] = tool.name
        elif not _NAMELESS(tool.kind):
            encoded["name"] = _HOSTED_NAMES.get(tool.kind) or _VERSION.sub("", tool.kind)
        encoded.update(tool.options)
    elif isinstance(tool, CustomTool):
        return _custom(tool, names, losses)
    else:
        from ..schemas import closed_parameters  # only who has tools pays for it

        encoded = {"name": names.of(tool.name)}
        if tool.description:
            encoded["description"] = tool.description
        encoded["input_schema"], strict = closed_parameters(tool, losses, no_strict=quirks.no_strict is True)
        if strict is not None:
            encoded["strict"] = strict
        if tool.extra:
            encoded.update(tool.extra)
    if tool.cache is not None:
        encoded["cache_control"] = cache_control(tool.cache, losses)
    return encoded


def _custom(tool: CustomTool, names: Names, losses: Losses) -> dict[str, Any]:
    losses.approximated("tools.custom", f"a tool with plain input becomes a function with one text argument, {CUSTOM_INPUT}")
    argument: dict[str, Any] = {"type": "string"}
    if tool.grammar:
        argument["description"] = f"Must obey this {tool.syntax or 'lark'} grammar:\n{tool.grammar}"
    name = names.of(tool.name)
    names.custom += (name,)
    encoded: dict[str, Any] = {"name": name}
    if tool.description:
        encoded["description"] = tool.description
    encoded["input_schema"] = {"type": "object", "properties": {CUSTOM_INPUT: argument}, "required": [CUSTOM_INPUT]}
    return encoded


def encode_tools(request: Request, names: Names, losses: Losses, quirks: Quirks, *, forceable: bool) -> dict[str, Any]:
    """``tools`` and ``tool_choice``, as far as there are any. ``forceable``: the model lets a call be forced just now."""
    choice = request.tool_choice
    if not request.tools:
        if choice is not None and choice.mode != "none":
            losses.dropped("tool_choice", "there are no tools")
        if request.parallel_tool_calls is not None:
            losses.dropped("parallel_tool_calls", "there are no tools")
        return {}
    tools = request.tools
    if choice is not None and choice.names and choice.mode != "none" and (choice.mode == "auto" or len(choice.names) > 1):
        kept = tuple(tool for tool in tools if getattr(tool, "name", None) in choice.names)
        if kept and len(kept) < len(tools):
            losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
            tools = kept
    encoded: dict[str, Any] = {"tools": [encode_tool(tool, names, losses, quirks) for tool in tools]}
    chosen = _choice(request, names, losses, quirks, forceable=forceable)
    if chosen is not None:
        encoded["tool_choice"] = chosen
    return encoded


def _choice(request: Request, names: Names, losses: Losses, quirks: Quirks, *, forceable: bool) -> dict[str, Any] | None:
    choice = request.tool_choice
    encoded: dict[str, Any] | None = None
    if choice is not None:
        forced = choice.mode in ("required", "tool")
        if forced and not forceable:
            losses.approximated("tool_choice", "a call cannot be forced while this model thinks: auto")
            encoded = {"type": "auto"}
        elif forced and len(choice.names) == 1:
            encoded = {"type": "tool", "name": names.of(choice.names[0])}
        else:
            encoded = {"type": "any" if forced else choice.mode}
    if request.parallel_tool_calls is False and (encoded is None or encoded["type"] != "none"):
        if quirks.no_parallel_tool_calls:
            losses.dropped("parallel_tool_calls", "not understood here")
            return encoded
        encoded = encoded or {"type": "auto"}
        encoded["disable_parallel_tool_use"] = True
    return encoded
