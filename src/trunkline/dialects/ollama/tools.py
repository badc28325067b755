"""Tools as this protocol writes them. Which of them is called is the model's choice: that cannot be said (local-servers §3)."""

from __future__ import annotations

from typing import Any

from ...values.request import AnyTool, CustomTool, HostedTool, Request, Tool, ToolChoice
from ...values.strict_schema import in_words
from ..losses import Losses
from ..request_body import merged
from ..schemas import BOUNDS, CONDITIONS, mapped, rooted, words_of, written_out
from .pieces import CUSTOM_INPUT

Wire = dict[str, Any]


def write_tools(request: Request, losses: Losses, body: Wire) -> tuple[str, ...]:
    """Put ``tools`` into ``body``; the names of those that have plain input, and go as functions with one text argument."""
    written: list[Wire] = []
    custom: list[str] = []
    for tool in _allowed(request.tools, request.tool_choice, losses):
        if type(tool) is HostedTool:
            losses.dropped(f"tools.{tool.kind}", "this protocol has no hosted tools")
        elif type(tool) is CustomTool:
            custom.append(tool.name)
            written.append(_custom(tool, losses))
        elif type(tool) is Tool:
            written.append(_function(tool, losses))
    if written:
        body["tools"] = written
    if request.parallel_tool_calls is False:
        losses.dropped("parallel_tool_calls", "how many tools are called at once is the model's choice here")
    return tuple(custom)


def _allowed(tools: tuple[AnyTool, ...], choice: ToolChoice | None, losses: Losses) -> tuple[AnyTool, ...]:
    if choice is None or not tools:
        return tools
    if choice.mode == "none":
        losses.approximated("tool_choice", "no tool is called where none is sent: they were left out")
        return ()
    if choice.mode in ("required", "tool"):
        losses.dropped("tool_choice", "whether a tool is called is the model's choice here")
    names = choice.names or choice.custom
    kept = tuple([tool for tool in tools if tool.name in names]) if names else tools
    if kept and len(kept) < len(tools):
        losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
    return kept or tools


def _function(tool: Tool, losses: Losses) -> Wire:
    function: Wire = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = _parameters(tool, losses)
    if tool.strict:
        losses.dropped("tools.strict", "arguments are the model's own here")
    if tool.cache is not None:
        losses.dropped("cache", "prompts are cached without being asked here")
    return merged({"type": "function", "function": function}, tool.extra)


def _parameters(tool: Tool, losses: Losses) -> Wire:
    """Of a parameter the server reads ``type``, ``items``, ``description``, ``enum``, ``properties`` and ``anyOf`` (its
    ``ToolProperty``): a definition is written out where it is meant, and bounds stand in the description."""
    if not tool.parameters:
        return {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    schema = rooted(tool.parameters, losses)
    whole = written_out(schema)
    if whole is None or "$ref" in (words := words_of(whole)):
        losses.approximated("tools.parameters", "definitions are not read here, and these cannot be written out")
        return schema
    if unread := words & BOUNDS:
        losses.approximated("tools.parameters", f"bounds are said in the description only: {', '.join(sorted(unread))}")
        whole = mapped(whole, lambda node: in_words(node, [name for name in node if name in BOUNDS]))
    if unread := words & CONDITIONS:
        losses.approximated("tools.parameters", f"not read here: {', '.join(sorted(unread))}")
    return whole


def _custom(tool: CustomTool, losses: Losses) -> Wire:
    losses.approximated("tools.custom", f"a tool with plain input becomes a function with one text argument, {CUSTOM_INPUT}")
    argument: Wire = {"type": "string"}
    if tool.grammar:
        argument["description"] = f"Must obey this {tool.syntax or 'lark'} grammar:\n{tool.grammar}"
    function: Wire = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", "properties": {CUSTOM_INPUT: argument}, "required": [CUSTOM_INPUT]}
    return {"type": "function", "function": function}
