"""Tools, tool choice, output format and reasoning as callers say them, to our values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast, get_origin

import msgspec

from . import expect
from .errors import UsageError
from .expect import Json
from .input_fields import optional, read_cache
from .request import EFFORTS, AnyTool, CustomTool, HostedTool, OutputFormat, ReasoningOptions, Tool, ToolChoice

ToolLike = AnyTool | Mapping[str, Any] | Callable[..., Any]
"""A tool: one of our values, a dict in OpenAI's or Anthropic's shape, or a plain function (sync or async)."""

_ALLOWED = "Tool, CustomTool, HostedTool, a dict in OpenAI's or Anthropic's shape, or a function"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_MODES = ("auto", "none", "required", "any", "tool")
_FUNCTION_KEYS = ("name", "description", "parameters", "strict")
_CUSTOM_KEYS = ("name", "description", "format")
_ANTHROPIC_EXTRA = ("eager_input_streaming", "defer_loading", "allowed_callers", "input_examples")


def to_tools(tools: object) -> tuple[AnyTool, ...]:
    """The tools that a list (or tuple) of ``ToolLike`` says, in order.

    A function's schema is made once. Raises ``UsageError`` naming the place for a dict that is none, parameters that JSON
    cannot say, a name that no provider takes, and a name that occurs twice.
    """
    if tools is None:
        return ()
    if not isinstance(tools, (list, tuple)):
        expect.wrong("tools", tools, f"a list of tools: {_ALLOWED}")
    made = tuple([_checked(_tool(item, f"tools[{n}]"), f"tools[{n}]") for n, item in enumerate(tools)])
    names = [tool.name for tool in made]
    for n, name in enumerate(names):
        if name is not None and name in names[:n]:
            raise UsageError("two tools share this name", field=f"tools[{n}].name", allowed="a name for each tool")
    return made


def _tool(item: object, at: str) -> AnyTool:
    if isinstance(item, (Tool, CustomTool, HostedTool)):
        return item
    if isinstance(item, Mapping):
        return _from_dict(item, at)
    if callable(item) and not isinstance(item, type):
        return _from_function(item, at)
    return expect.wrong(at, item, _ALLOWED)


def _from_function(function: Callable[..., Any], at: str) -> Tool:
    from .function_schema import function_tool  # only who hands over functions pays for it

    return function_tool(function, at)


def _checked(tool: AnyTool, at: str) -> AnyTool:
    if isinstance(tool, HostedTool):
        expect.filled(tool.kind, f"{at}.type")
        expect.json_object(tool.options, f"{at}.options")
        return tool
    name = expect.text(tool.name, f"{at}.name")
    if not _NAME.match(name):
        raise UsageError("not a name that providers take", field=f"{at}.name", allowed="1 to 128 letters, digits, _ and -")
    if tool.description is not None:
        expect.text(tool.description, f"{at}.description")
    if isinstance(tool, Tool):
        if tool.parameters is not None:
            expect.json_object(tool.parameters, f"{at}.parameters")
        if tool.extra:
            expect.json_object(tool.extra, f"{at}.extra")
    return tool


def _from_dict(fields: Json, at: str) -> AnyTool:
    kind = fields.get("type")
    if kind is not None:
        expect.filled(kind, f"{at}.type")
    if kind == "function":
        return _openai_function(fields, at)
    if "input_schema" in fields:
        return _anthropic(fields, at)
    if kind == "custom":
        return _custom(fields, at)
    if kind is None or "function" in fields or "custom" in fields:
        words = ("function", "custom")
        raise UsageError(
            f"what kind of tool is this?{expect.did_you_mean(kind, words)}",
            field=f"{at}.type",
            got=expect.kind_of(kind),
            allowed="'function', 'custom', a hosted tool's type, or an 'input_schema'",
        )
    options = {key: value for key, value in fields.items() if key not in ("type", "name", "cache_control")}
    return HostedTool(kind, optional(fields, "name", at), options, read_cache(fields, at))


def _openai_function(fields: Json, at: str) -> Tool:
    said, where = fields, at
    if "function" in fields:
        expect.only(fields, at, ("type", "function", "cache_control", "prompt_cache_breakpoint"))
        where = f"{at}.function"
        said = expect.mapping(fields["function"], where)
        expect.only(said, where, _FUNCTION_KEYS)
    else:  # OpenAI's newer API writes the same without the inner object
        expect.only(fields, at, ("type", *_FUNCTION_KEYS, "cache_control", "prompt_cache_breakpoint"))
    parameters = said.get("parameters")
    return Tool(
        expect.filled(said.get("name"), f"{where}.name"),
        optional(said, "description", where),
        None if parameters is None else expect.json_object(parameters, f"{where}.parameters"),
        _strict(said, where),
        read_cache(fields, at),
    )


def _anthropic(fields: Json, at: str) -> Tool:
    expect.only(fields, at, ("type", "name", "description", "input_schema", "strict", "cache_control", *_ANTHROPIC_EXTRA))
    if fields.get("type") is not None:
        expect.one_of(fields["type"], f"{at}.type", ("custom",), "type of a tool with an input_schema")
    return Tool(
        expect.filled(fields.get("name"), f"{at}.name"),
        optional(fields, "description", at),
        expect.json_object(fields["input_schema"], f"{at}.input_schema"),
        _strict(fields, at),
        read_cache(fields, at),
        {key: fields[key] for key in _ANTHROPIC_EXTRA if fields.get(key) is not None},
    )


def _strict(fields: Json, at: str) -> bool | None:
    strict = fields.get("strict")
    return None if strict is None else expect.flag(strict, f"{at}.strict")


def _custom(fields: Json, at: str) -> CustomTool:
    said, where = fields, at
    if "custom" in fields:
        expect.only(fields, at, ("type", "custom"))
        where = f"{at}.custom"
        said = expect.mapping(fields["custom"], where)
        expect.only(said, where, _CUSTOM_KEYS)
    else:
        expect.only(fields, at, ("type", *_CUSTOM_KEYS))
    syntax, grammar = _grammar(said.get("format"), f"{where}.format")
    return CustomTool(expect.filled(said.get("name"), f"{where}.name"), optional(said, "description", where), syntax, grammar)


def _grammar(value: object, at: str) -> tuple[Literal["lark", "regex"] | None, str | None]:
    if value is None:
        return None, None
    form = expect.mapping(value, at)
    if expect.one_of(form.get("type"), f"{at}.type", ("text", "grammar"), "format") == "text":
        expect.only(form, at, ("type",))
        return None, None
    expect.only(form, at, ("type", "grammar"))
    said = expect.mapping(form.get("grammar"), f"{at}.grammar")
    expect.only(said, f"{at}.grammar", ("syntax", "definition"))
    syntax = expect.one_of(said.get("syntax"), f"{at}.grammar.syntax", ("lark", "regex"), "syntax")
    return cast("Literal['lark', 'regex']", syntax), expect.filled(said.get("definition"), f"{at}.grammar.definition")


# ---------------------------------------------------------------------------------------------------------- tool choice


def to_tool_choice(choice: object, tools: Sequence[AnyTool] = ()) -> ToolChoice | None:
    """What ``choice`` says: a mode, the name of one of ``tools``, a tool, or a dict in OpenAI's or Anthropic's shape."""
    at = "tool_choice"
    if choice is None or isinstance(choice, ToolChoice):
        return choice
    if isinstance(choice, Mapping):
        return _choice_from_dict(choice, at)
    if isinstance(choice, (Tool, CustomTool)):
        return _named(choice.name, isinstance(choice, CustomTool))
    if not isinstance(choice, str) and callable(choice):
        choice = getattr(choice, "__name__", None)
    known = {tool.name: isinstance(tool, CustomTool) for tool in tools if tool.name is not None}
    if isinstance(choice, str) and choice in known:
        return _named(choice, known[choice])
    return _mode(expect.one_of(choice, at, (*_MODES[:-1], *known), "choice"))


def _mode(word: str) -> ToolChoice:
    return ToolChoice("required" if word == "any" else cast("Literal['auto', 'none', 'required']", word))


def _named(name: str, custom: bool = False) -> ToolChoice:
    return ToolChoice("tool", (name,), (name,) if custom else ())


def _choice_from_dict(fields: Json, at: str) -> ToolChoice:
    kind = expect.one_of(fields.get("type"), f"{at}.type", (*_MODES, "function", "custom", "allowed_tools"), "choice")
    if "disable_parallel_tool_use" in fields:
        raise UsageError("is an option of its own", field=f"{at}.disable_parallel_tool_use", allowed="parallel_tool_calls=False")
    if kind == "tool":
        expect.only(fields, at, ("type", "name"))
        return _named(expect.filled(fields.get("name"), f"{at}.name"))
    if kind == "allowed_tools":
        return _allowed_tools(fields, at)
    if kind in _MODES:
        expect.only(fields, at, ("type",))
        return _mode(kind)
    if "name" in fields:
        expect.only(fields, at, ("type", "name"))
        return _named(expect.filled(fields["name"], f"{at}.name"), kind == "custom")
    expect.only(fields, at, ("type", kind))
    said = expect.mapping(fields.get(kind), f"{at}.{kind}")
    expect.only(said, f"{at}.{kind}", ("name",))
    return _named(expect.filled(said.get("name"), f"{at}.{kind}.name"), kind == "custom")


def _allowed_tools(fields: Json, at: str) -> ToolChoice:
    expect.only(fields, at, ("type", "allowed_tools"))
    where = f"{at}.allowed_tools"
    said = expect.mapping(fields.get("allowed_tools"), where)
    expect.only(said, where, ("mode", "tools"))
    mode = expect.one_of(said.get("mode"), f"{where}.mode", ("auto", "required"), "mode")
    chosen = []
    for n, item in enumerate(expect.items(said.get("tools"), f"{where}.tools")):
        fields_of = expect.mapping(item, f"{where}.tools[{n}]")
        expect.one_of(fields_of.get("type"), f"{where}.tools[{n}].type", ("function", "custom"), "type")
        chosen.append(_choice_from_dict(fields_of, f"{where}.tools[{n}]"))
    names = tuple(choice.names[0] for choice in chosen)
    return ToolChoice(
        cast("Literal['auto', 'required']", mode), names, tuple(name for choice in chosen for name in choice.custom)
    )


# --------------------------------------------------------------------------------------------------- output and reasoning


def to_output(output: Any) -> tuple[OutputFormat | None, Any]:
    """The format to ask for, and the type that the reply is parsed into (``parse_output``; None where there is none).

    ``output`` is a type (msgspec Struct, dataclass, TypedDict, builtin generic, pydantic model), a JSON Schema, a dict in
    OpenAI's or Anthropic's shape, an ``OutputFormat``, or ``"json"`` for any JSON object.
    """
    if output is None or isinstance(output, OutputFormat):
        return output, None
    if isinstance(output, str):
        expect.one_of(output, "output", ("json",), "output")
        return OutputFormat(), None
    if isinstance(output, Mapping):
        return _output_from_dict(output, "output"), None
    from .schema import output_name, output_plan  # few ask for an output of a type

    try:
        plan = output_plan(output)
    except UsageError as error:
        allowed = "a type, a JSON Schema, a dict in OpenAI's or Anthropic's shape, OutputFormat, or 'json'"
        is_type = isinstance(output, type) or get_origin(output) is not None
        why = str(error).partition("; got ")[0] if is_type else "nothing that a reply could be"
        raise UsageError(why, field="output", got=expect.kind_of(output), allowed=allowed) from error
    return OutputFormat(plan.sent, output_name(output), None, "if_known" if plan.strict else None), output


def _output_from_dict(fields: Json, at: str) -> OutputFormat | None:
    kind = fields.get("type")
    if kind in ("text", "json_object") and len(fields) == 1:
        return None if kind == "text" else OutputFormat()
    if kind == "json_schema":
        return _schema_output(fields, at)
    return OutputFormat(expect.json_object(dict(fields), at)) if fields else expect.wrong(at, fields, "a JSON Schema", "empty")


def _schema_output(fields: Json, at: str) -> OutputFormat:
    if "schema" in fields:
        expect.only(fields, at, ("type", "name", "description", "schema", "strict"))
        said, where = fields, at
    else:
        expect.only(fields, at, ("type", "json_schema"))
        where = f"{at}.json_schema"
        said = expect.mapping(fields.get("json_schema"), where)
        expect.only(said, where, ("name", "description", "schema", "strict"))
    name = optional(said, "name", where) or "output"
    schema = expect.json_object(said.get("schema"), f"{where}.schema")
    return OutputFormat(schema, name, optional(said, "description", where), _strict(said, where))


def to_reasoning(reasoning: object) -> ReasoningOptions | None:
    """How much to think: an effort by name, a budget in tokens, True or False, a dict of ``ReasoningOptions``' fields, or one."""
    at = "reasoning"
    if reasoning is None or isinstance(reasoning, ReasoningOptions):
        return reasoning
    if isinstance(reasoning, bool):
        return ReasoningOptions(enabled=reasoning)
    if isinstance(reasoning, int):
        return ReasoningOptions(budget=expect.whole(reasoning, at, 0))
    if isinstance(reasoning, Mapping):
        expect.only(reasoning, at, ReasoningOptions.__struct_fields__)
        try:
            return msgspec.convert(dict(reasoning), ReasoningOptions)
        except (msgspec.ValidationError, TypeError):
            pass  # said below, by field
        for name, value in reasoning.items():
            _reasoning_field(name, value, f"{at}.{name}")
        expect.wrong(at, reasoning, "an effort, a budget, True or False, or their dict")
    if not isinstance(reasoning, str):
        expect.wrong(at, reasoning, "an effort, a budget, True or False, a dict of them, or ReasoningOptions")
    effort = expect.one_of(reasoning, at, EFFORTS, "effort")
    return ReasoningOptions(effort=cast("Any", effort))


def _reasoning_field(name: str, value: object, at: str) -> None:
    if value is None:
        return
    if name == "effort":
        expect.one_of(value, at, EFFORTS, "effort")
    elif name == "budget":
        expect.whole(value, at, 0)
    elif name == "enabled":
        expect.flag(value, at)
    else:
        expect.text(value, at)
