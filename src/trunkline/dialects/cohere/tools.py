"""Tools and the choice among them, as this protocol writes them."""

from __future__ import annotations

from typing import Any

from ...values.errors import UsageError
from ...values.request import CustomTool, HostedTool, Request, Tool, ToolChoice
from ..losses import Losses
from ..request_body import merged
from .names import Names
from .pieces import CUSTOM_INPUT

Wire = dict[str, Any]


def write_tools(request: Request, names: Names, losses: Losses, body: Wire) -> None:
    """Put ``tools``, ``tool_choice`` and ``strict_tools`` into ``body``. Which tool is called cannot be said here: only those
    that may be are sent."""
    choice, tools = request.tool_choice, request.tools
    if choice is not None and choice.mode == "tool" and not choice.names and not choice.custom:
        raise UsageError("one tool must be named", field="tool_choice", allowed="the name of a tool")
    if choice is not None and (wanted := _wanted(choice)) and choice.mode != "none":
        kept = tuple([tool for tool in tools if tool.name in wanted])
        if kept and len(kept) < len(tools):
            losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
            tools = kept
    written: list[Wire] = []
    for tool in tools:
        if type(tool) is HostedTool:
            losses.dropped(f"tools.{tool.kind}", "this protocol has no hosted tools")
        elif type(tool) is CustomTool:
            written.append(_custom(tool, names, losses))
        elif type(tool) is Tool:
            written.append(_function(tool, names, losses))
    if written:
        body["tools"] = written
        _strict(tools, losses, body)
    _choose(choice, written, losses, body)
    if request.parallel_tool_calls is False:
        losses.dropped("parallel_tool_calls", "how many tools are called at once is the model's choice here")


def _wanted(choice: ToolChoice) -> tuple[str, ...]:
    names = choice.names or choice.custom
    return names[:1] if choice.mode == "tool" else names


def _choose(choice: ToolChoice | None, written: list[Wire], losses: Losses, body: Wire) -> None:
    if choice is None:
        return
    if not written:
        if choice.mode != "none":
            losses.dropped("tool_choice", "there are no tools to choose from")
    elif choice.mode != "auto":
        body["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"


def _strict(tools: tuple[Any, ...], losses: Losses, body: Wire) -> None:
    """``strict_tools`` holds for all of them; tools with optional parameters only are refused with it (the vendor's guide)."""
    functions = [tool for tool in tools if type(tool) is Tool]
    if not any(tool.strict for tool in functions):
        return
    if any(tool.parameters and tool.parameters.get("properties") and not tool.parameters.get("required") for tool in functions):
        losses.dropped("tools.strict", "with it every tool must have a parameter that is required")
        return
    body["strict_tools"] = True
    if not all(tool.strict for tool in functions):
        losses.approximated("tools.strict", "it holds for all tools or for none here: for all")


def _function(tool: Tool, names: Names, losses: Losses) -> Wire:
    function: Wire = {"name": names.of(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    if tool.cache is not None:
        losses.dropped("cache", "prompts are cached without being asked here")
    wire: Wire = {"type": "function", "function": function}
    return merged(wire, tool.extra) if tool.extra else wire


def _custom(tool: CustomTool, names: Names, losses: Losses) -> Wire:
    losses.approximated("tools.custom", f"a tool with plain input becomes a function with one text argument, {CUSTOM_INPUT}")
    name = names.of(tool.name)
    names.custom += (name,)
    argument: Wire = {"type": "string"}
    if tool.grammar:
        argument["description"] = f"Must obey this {tool.syntax or 'lark'} grammar:\n{tool.grammar}"
    function: Wire = {"name": name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", "properties": {CUSTOM_INPUT: argument}, "required": [CUSTOM_INPUT]}
    return {"type": "function", "function": function}
