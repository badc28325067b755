"""Tools and the choice among them, in this protocol's flat words (§5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...values.errors import UsageError
from ...values.model import Quirks
from ...values.request import AnyTool, CustomTool, HostedTool, Request, Tool, ToolChoice
from ..losses import Losses
from ..request_body import merged
from .names import Names

Wire = dict[str, Any]

REFUSED = "this endpoint refuses or ignores it"
_AUTO = "whether tools are called is the model's choice here"


def write_tools(request: Request, quirks: Quirks, names: Names, losses: Losses, body: Wire) -> None:
    """Put the tools and the choice among them into ``body``."""
    tools, choice = request.tools, request.tool_choice
    if quirks.no_tools and tools:
        losses.dropped("tools", "this model takes no tools")
        tools = ()
    if quirks.no_allowed_tools and choice is not None and choice.names and choice.mode in ("auto", "required"):
        losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
        tools = tuple([tool for tool in tools if _called(tool) in choice.names])
        choice = ToolChoice(choice.mode)
    if tools:
        body["tools"] = [_tool(tool, quirks, names, losses) for tool in tools]
    if choice is not None:
        if tools:
            body["tool_choice"] = _choice(choice, tools, quirks, names, losses)
        elif choice.mode != "none":
            losses.dropped("tool_choice", "there are no tools to choose from")
    if request.parallel_tool_calls is not None:
        if not tools:
            losses.dropped("parallel_tool_calls", "there are no tools to call")
        elif quirks.no_parallel_tool_calls:
            losses.dropped("parallel_tool_calls", REFUSED)
        else:
            body["parallel_tool_calls"] = request.parallel_tool_calls


def _called(tool: AnyTool) -> str:
    return tool.name or tool.kind if isinstance(tool, HostedTool) else tool.name


def _tool(tool: AnyTool, quirks: Quirks, names: Names, losses: Losses) -> Wire:
    if isinstance(tool, HostedTool):
        wire: Wire = {"type": tool.kind}
        if tool.name is not None:
            wire["name"] = tool.name
        wire |= tool.options
    elif isinstance(tool, CustomTool):
        return _custom(tool, names)
    else:
        wire = _function(tool, quirks, names, losses)
    if tool.cache is not None:
        losses.dropped("cache", "a tool takes no cache mark here")
    return wire


def _function(tool: Tool, quirks: Quirks, names: Names, losses: Losses) -> Wire:
    """``strict`` and ``parameters`` always stand, null where nothing is said: the protocol's types demand the keys."""
    from ..schemas import strict_parameters  # only who has tools pays for it

    parameters, strict = strict_parameters(tool, losses, no_strict=quirks.no_strict is True)
    if tool.strict and quirks.no_strict:
        losses.dropped("tools.strict", REFUSED)
    wire: Wire = {"type": "function", "name": names.tool(tool.name), "parameters": parameters, "strict": strict}
    if quirks.no_strict:
        del wire["strict"]
    if tool.description is not None:
        wire["description"] = tool.description
    return merged(wire, tool.extra) if tool.extra else wire


def _custom(tool: CustomTool, names: Names) -> Wire:
    wire: Wire = {"type": "custom", "name": names.tool(tool.name)}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.grammar is not None:
        wire["format"] = {"type": "grammar", "syntax": tool.syntax or "lark", "definition": tool.grammar}
    return wire


# --- the choice -------------------------------------------------------------------------------------------------------


def _choice(choice: ToolChoice, tools: Sequence[AnyTool], quirks: Quirks, names: Names, losses: Losses) -> Any:
    mode = choice.mode
    if mode in ("required", "tool") and (quirks.tool_choice_auto_only or quirks.no_forced_tool):
        losses.approximated("tool_choice", _AUTO)
        return "auto"
    if mode == "tool":
        name = (choice.names or choice.custom or ("",))[0]
        if not name:
            raise UsageError("one tool must be named", field="tool_choice", allowed="the name of a tool")
        return _named(name, choice, tools, names)
    if choice.names and mode != "none":
        return {"type": "allowed_tools", "mode": mode, "tools": [_named(name, choice, tools, names) for name in choice.names]}
    return quirks.required_tool_choice or "required" if mode == "required" else mode


def _named(name: str, choice: ToolChoice, tools: Sequence[AnyTool], names: Names) -> Wire:
    """A tool by its name: a hosted one by its type, a server of the MCP by its label."""
    for tool in tools:
        if isinstance(tool, HostedTool):
            label = tool.options.get("server_label")
            if name == label:
                return {"type": tool.kind, "server_label": label}
            if name in (tool.kind, tool.name):
                return {"type": tool.kind} if label is None else {"type": tool.kind, "server_label": label}
        elif tool.name == name:
            return {
                "type": "custom" if isinstance(tool, CustomTool) or name in choice.custom else "function",
                "name": names.tool(name),
            }
    return {"type": "custom" if name in choice.custom else "function", "name": names.tool(name)}
