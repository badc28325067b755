"""Tools and the choice among them (gemini §5)."""

from __future__ import annotations

import re
from typing import Any

from ...values.message import CacheMark
from ...values.model import Quirks
from ...values.request import CustomTool, HostedTool, Request, Tool, ToolChoice
from ..losses import Losses
from .calls import CUSTOM_INPUT
from .names import Names
from .schemas import write_schema

Wire = dict[str, Any]
_ELSEWHERE = (
    (re.compile(r"web_search.*"), "googleSearch"),
    (re.compile(r"web_fetch.*"), "urlContext"),
    (re.compile(r"code_interpreter|code_execution_\d+"), "codeExecution"),
)
"""Other protocols' words for tools that are here too."""
_DATED = re.compile(r".*_\d{8}").fullmatch


def write_tools(request: Request, quirks: Quirks, names: Names, losses: Losses, body: Wire) -> None:
    """``tools`` and ``toolConfig`` into ``body``, as far as there are any."""
    tools, choice = request.tools, request.tool_choice
    if quirks.no_tools and tools:
        losses.dropped("tools", "this model calls no tools")
        return
    if request.parallel_tool_calls is False:
        losses.dropped("parallel_tool_calls", "how many calls come at once is the model's choice here")
    if quirks.no_allowed_tools and choice is not None and choice.names and choice.mode in ("auto", "required"):
        losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
        tools = tuple([tool for tool in tools if tool.name in choice.names])
        choice = ToolChoice(choice.mode)
    functions = [_function(tool, names, losses) for tool in tools if isinstance(tool, (Tool, CustomTool))]
    written: list[Wire] = [{"functionDeclarations": functions}] if functions else []
    written += [wire for tool in tools if isinstance(tool, HostedTool) and (wire := _hosted(tool, losses)) is not None]
    if written:
        body["tools"] = written
    if choice is None:
        return
    if functions:
        body["toolConfig"] = {"functionCallingConfig": _choice(choice, quirks, names, losses)}
    elif choice.mode != "none":
        losses.dropped("tool_choice", "there are no functions to choose from")


def _function(tool: Tool | CustomTool, names: Names, losses: Losses) -> Wire:
    if isinstance(tool, CustomTool):
        return _custom(tool, names, losses)
    wire: Wire = {"name": names.of(tool.name)}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.parameters is not None:
        write_schema(tool.parameters, ("parameters", "parametersJsonSchema"), wire, "tools.parameters", losses)
    if tool.strict:
        losses.dropped("tools.strict", "arguments are not held to the schema here")
    _unmarked(tool.cache, losses)
    return {**wire, **tool.extra}


def _custom(tool: CustomTool, names: Names, losses: Losses) -> Wire:
    losses.approximated("tools.custom", f"a tool with plain input becomes a function with one text argument, {CUSTOM_INPUT}")
    argument: Wire = {"type": "STRING"}
    if tool.grammar:
        argument["description"] = f"Must obey this {tool.syntax or 'lark'} grammar:\n{tool.grammar}"
    name = names.of(tool.name)
    names.custom += (name,)
    wire: Wire = {"name": name}
    if tool.description is not None:
        wire["description"] = tool.description
    wire["parameters"] = {"type": "OBJECT", "properties": {CUSTOM_INPUT: argument}, "required": [CUSTOM_INPUT]}
    return wire


def _hosted(tool: HostedTool, losses: Losses) -> Wire | None:
    """A tool under its own name, with its options as they stand; what is no object (a list) is its only option, of that name."""
    _unmarked(tool.cache, losses)
    ours = next((ours for pattern, ours in _ELSEWHERE if pattern.fullmatch(tool.kind)), None)
    if ours is not None:
        losses.approximated(f"tools.{tool.kind}", f"sent as {ours}" + (", without its options" if tool.options else ""))
        return {ours: {}}
    if _DATED(tool.kind):
        losses.dropped(f"tools.{tool.kind}", "a tool of another provider's")
        return None
    return {tool.kind: tool.options[tool.kind] if tool.options.keys() == {tool.kind} else tool.options}


def _unmarked(mark: CacheMark | None, losses: Losses) -> None:
    if mark is not None:
        losses.dropped("cache", "prompts are cached by themselves here; a tool takes no mark")


def _choice(choice: ToolChoice, quirks: Quirks, names: Names, losses: Losses) -> Wire:
    if choice.mode in ("required", "tool") and (quirks.tool_choice_auto_only or quirks.no_forced_tool):
        losses.approximated("tool_choice", "whether tools are called is the model's choice here")
        return {"mode": "AUTO"}
    allowed = (
        {"allowedFunctionNames": [names.of(name) for name in (choice.names or choice.custom)]}
        if choice.names or choice.custom
        else {}
    )
    if choice.mode in ("required", "tool"):
        return {"mode": "ANY", **allowed}
    if choice.mode == "none":
        return {"mode": "NONE"}
    return {"mode": "VALIDATED", **allowed} if allowed else {"mode": "AUTO"}  # names stand with these two only
