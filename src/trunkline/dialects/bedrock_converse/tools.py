"""Tools and the choice among them, in this protocol's words (bedrock-converse §3)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

from ...values.message import CacheMark
from ...values.model import Quirks
from ...values.request import AnyTool, CustomTool, HostedTool, Request
from ..losses import Losses
from .pieces import CUSTOM_INPUT, SYSTEM_TOOL

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")


class Names:
    """Tool names as this protocol spells them, and the way back (``wire`` to ours)."""

    __slots__ = ("_losses", "_ours", "_taken", "custom", "wire")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._ours: dict[str, str] = {}
        self._taken: frozenset[str] = frozenset()
        self.wire: dict[str, str] = {}
        self.custom: list[str] = []

    def reserve(self, tools: Iterable[AnyTool]) -> None:
        """Names that fit as they are: nothing is renamed to one of them."""
        self._taken = frozenset([tool.name for tool in tools if tool.name is not None])

    def of(self, name: str) -> str:
        if _NAME(name):
            return name
        known = self._ours.get(name)
        if known is None:
            stem, number = _NOT_IN_NAME.sub("_", name)[:56] or "tool", len(self.wire)
            known = stem
            while known in self.wire or known in self._taken:
                known, number = f"{stem}_{number}", number + 1
            self._ours[name], self.wire[known] = known, name
            self._losses.renamed("tools.name", "a tool's name is made of 1 to 64 letters, digits, _ and -")
        return known


def cache_point(mark: CacheMark, losses: Losses, quirks: Quirks) -> dict[str, Any] | None:
    """The block that ends what may be cached; None where there is no such thing."""
    if quirks.cache_marks == "none":
        losses.dropped("cache", "not understood here")
        return None
    point = {"type": "default"}
    if mark.ttl is not None:
        ttl = mark.ttl
        if ttl not in ("5m", "1h"):
            ttl = "1h" if ttl[-1:] in ("h", "d") else "5m"
            losses.approximated("cache.ttl", f"prompts are cached for 5m or 1h: {ttl}")
        point["ttl"] = ttl
    return {"cachePoint": point}


def _spec(name: str, description: str | None, schema: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": name}
    if description:
        spec["description"] = description
    return spec | {"inputSchema": {"json": schema}}


def encode_tool(tool: AnyTool, names: Names, losses: Losses, quirks: Quirks) -> list[dict[str, Any]]:
    """One tool, and the mark that may follow it."""
    if isinstance(tool, CustomTool):
        return [{"toolSpec": _custom(tool, names, losses)}]
    if isinstance(tool, HostedTool):
        if tool.kind != SYSTEM_TOOL or tool.name is None:
            losses.dropped("tools.hosted", f"known here are those of the kind {SYSTEM_TOOL}, by their name")
            return []
        encoded: dict[str, Any] = {SYSTEM_TOOL: {"name": tool.name, **tool.options}}
    else:
        from ..schemas import closed_parameters  # only who has tools pays for it

        schema, strict = closed_parameters(tool, losses, no_strict=quirks.no_strict is True)
        spec = _spec(names.of(tool.name), tool.description, schema)
        if strict is not None:
            spec["strict"] = strict
        encoded = {"toolSpec": spec | tool.extra}
    point = cache_point(tool.cache, losses, quirks) if tool.cache is not None else None
    return [encoded] if point is None else [encoded, point]


def _custom(tool: CustomTool, names: Names, losses: Losses) -> dict[str, Any]:
    losses.approximated("tools.custom", f"a tool with plain input becomes a function with one text argument, {CUSTOM_INPUT}")
    argument: dict[str, Any] = {"type": "string"}
    if tool.grammar:
        argument["description"] = f"Must obey this {tool.syntax or 'lark'} grammar:\n{tool.grammar}"
    name = names.of(tool.name)
    names.custom.append(name)
    schema = {"type": "object", "properties": {CUSTOM_INPUT: argument}, "required": [CUSTOM_INPUT]}
    return _spec(name, tool.description, schema)


def encode_tools(
    request: Request, names: Names, losses: Losses, quirks: Quirks, *, called: tuple[str, ...], forceable: bool
) -> dict[str, Any]:
    """``toolConfig``, or nothing. ``called``: the names of tools that the conversation calls, for without tools it is then
    refused; ``forceable``: the model lets a call be forced just now."""
    choice = request.tool_choice
    if quirks.no_tools:
        if request.tools:
            losses.dropped("tools", "this model calls no tools")
        return {}
    if not request.tools:
        if choice is not None and choice.mode != "none":
            losses.dropped("tool_choice", "there are no tools")
        if request.parallel_tool_calls is not None:
            losses.dropped("parallel_tool_calls", "there are no tools")
        return _stand_ins(called, losses)
    if choice is not None and choice.mode == "none":
        if not called:
            for field in ("tools", "tool_choice"):
                losses.approximated(field, "that none may be called is said by sending none")
            return {}
        losses.dropped("tool_choice", "that no tool may be called cannot be said here")
    encoded: list[dict[str, Any]] = []
    for tool in _chosen(request, losses):
        encoded += encode_tool(tool, names, losses, quirks)
    if not encoded:
        return _stand_ins(called, losses)
    config: dict[str, Any] = {"tools": encoded}
    given = {spec.get("name") for tool in encoded for spec in tool.values()}
    said = _choice(request, names, losses, given, forceable=forceable)
    if said is not None:
        config["toolChoice"] = said
    if request.parallel_tool_calls is False:
        losses.dropped("parallel_tool_calls", "unknown here")
    return {"toolConfig": config}


def _stand_ins(called: tuple[str, ...], losses: Losses) -> dict[str, Any]:
    if not called:
        return {}
    losses.approximated("tools", "a conversation that calls tools must give them: described by their names alone")
    specs = [{"toolSpec": _spec(name, None, {"type": "object"})} for name in dict.fromkeys(called)]
    return {"toolConfig": {"tools": specs}}


def _chosen(request: Request, losses: Losses) -> tuple[AnyTool, ...]:
    choice, tools = request.tool_choice, request.tools
    if choice is None or not choice.names or choice.mode == "none" or (choice.mode != "auto" and len(choice.names) == 1):
        return tools
    kept = tuple([tool for tool in tools if getattr(tool, "name", None) in choice.names])
    if kept and len(kept) < len(tools):
        losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
        return kept
    return tools


def _choice(
    request: Request, names: Names, losses: Losses, given: Container[str | None], *, forceable: bool
) -> dict[str, Any] | None:
    choice = request.tool_choice
    if choice is None or choice.mode == "none":
        return None
    if choice.mode == "auto":
        return {"auto": {}}
    if not forceable:
        losses.approximated("tool_choice", "a call cannot be forced while this model thinks: auto")
        return {"auto": {}}
    if len(choice.names) != 1:
        return {"any": {}}
    if (name := names.of(choice.names[0])) in given:
        return {"tool": {"name": name}}
    losses.approximated("tool_choice", "the tool that it names cannot be given here: auto")
    return {"auto": {}}
