"""A request as callers write it, to our value: liberal in what it takes, and what it has no field for is kept as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....values.model import Target
from ....values.request import OutputFormat, ReasoningOptions, Request, Tool, ToolChoice
from ....wire.http import HttpRequest
from ....wire.loose_json import loads
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ..pieces import ID, other_fields
from .fields import Json, filled, flag, inner, items, mapping, number, only, optional_text, read_body, refuse, text, whole, wrong
from .messages import read_messages, with_documents

_PLAIN: tuple[tuple[str, str, Callable[[object, str], Any]], ...] = (
    ("max_tokens", "max_tokens", whole),
    ("temperature", "temperature", number),
    ("p", "top_p", number),
    ("k", "top_k", whole),
    ("frequency_penalty", "frequency_penalty", number),
    ("presence_penalty", "presence_penalty", number),
    ("seed", "seed", whole),
    ("logprobs", "logprobs", flag),
)
_TOOL = frozenset({"type", "function"})
_FUNCTION = frozenset({"name", "description", "parameters"})


def decode_request(http: HttpRequest) -> Decoded:
    """The request of a body. Raises ``InvalidRequestError`` (400; ``param``: the path) for what is none."""
    fields, losses = read_body(http.body), Losses()
    model = filled(fields.pop("model", None), "model")
    stream = flag(fields.pop("stream", False), "stream")
    context = _context(model, stream=stream)
    messages = read_messages(fields.pop("messages", None), context, losses)
    if (documents := fields.pop("documents", None)) is not None:
        messages = with_documents(messages, documents)
    said: Json = {"tools": _tools(fields), "tool_choice": _choice(fields)}
    for name, ours, read in _PLAIN:
        if (value := fields.pop(name, None)) is not None:
            said[ours] = read(value, name)
    if (stop := fields.pop("stop_sequences", None)) is not None:
        said["stop"] = tuple([text(item, f"stop_sequences[{n}]") for n, item in enumerate(items(stop, "stop_sequences"))])
    said["output"] = _output(fields, losses)
    said["reasoning"] = _reasoning(fields)
    request = Request(model=model, messages=messages, stream=stream, **said, extra_body=fields)
    return Decoded(request, tuple(losses.warnings), context)


def context_of(http: HttpRequest) -> Context:
    """The context of a request, as much of it as can be told. Never raises."""
    try:
        body = loads(http.body)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    model = body.get("model")
    return _context(model if isinstance(model, str) else "", stream=body.get("stream") is True)


def _context(model: str, *, stream: bool) -> Context:
    target = Target(dialect=ID, provider="", model=model)
    return Context(target=target, model=model, stream=stream, include_usage=stream, served=Served())


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(fields: Json) -> tuple[Tool, ...]:
    strict = fields.pop("strict_tools", None)
    strict = True if strict is not None and flag(strict, "strict_tools") else None
    listed = items(fields.pop("tools", []), "tools")
    return tuple([_tool(mapping(item, f"tools[{n}]"), f"tools[{n}]", strict=strict) for n, item in enumerate(listed)])


def _tool(item: Json, at: str, *, strict: bool | None) -> Tool:
    if item.get("type", "function") != "function":
        refuse(f"{at}.type", "expected function")
    function = mapping(item.get("function"), f"{at}.function")
    parameters = function.get("parameters")
    extra = other_fields(item, _TOOL)
    if own := other_fields(function, _FUNCTION):
        extra["function"] = own
    return Tool(
        filled(function.get("name"), f"{at}.function.name"),
        optional_text(function, "description", f"{at}.function"),
        None if parameters is None else mapping(parameters, f"{at}.function.parameters"),
        strict,
        extra=extra,
    )


def _choice(fields: Json) -> ToolChoice | None:
    choice = fields.pop("tool_choice", None)
    if choice is None:
        return None
    if isinstance(choice, dict):  # as in the protocol that most others speak
        function = mapping(choice.get("function"), "tool_choice.function")
        return ToolChoice("tool", (filled(function.get("name"), "tool_choice.function.name"),))
    said = text(choice, "tool_choice").lower()
    if said in ("required", "any"):
        return ToolChoice("required")
    if said == "none":
        return ToolChoice("none")
    if said == "auto":
        return ToolChoice("auto")
    return refuse("tool_choice", "expected REQUIRED or NONE")


# --- output and thinking ----------------------------------------------------------------------------------------------


def _output(fields: Json, losses: Losses) -> OutputFormat | None:
    """The form wanted. The schema has had three places: ``json_schema``, ``schema``, and inside a named ``json_schema``."""
    value = fields.get("response_format")
    if value is None:
        return None
    form, at = mapping(value, "response_format"), "response_format"
    kind = filled(form.get("type"), f"{at}.type")
    if kind not in ("text", "json_object", "json_schema"):
        return None
    del fields["response_format"]
    only(form, ("type", "json_schema", "schema"), at, losses)
    if kind == "text":
        return None
    schema = form.get("json_schema")
    if isinstance(schema, dict) and isinstance(schema.get("schema"), dict):
        only(schema, ("schema", "name", "strict"), f"{at}.json_schema", losses)
        schema = schema["schema"]
    if schema is None:
        schema = form.get("schema")
    if schema is not None and not isinstance(schema, dict):
        wrong(f"{at}.json_schema", schema, "a JSON Schema, as an object")
    return OutputFormat(schema)


def _reasoning(fields: Json) -> ReasoningOptions | None:
    value = fields.get("thinking")
    if value is None:
        return None
    thinking = mapping(value, "thinking")
    kind, budget = thinking.get("type"), thinking.get("token_budget")
    if kind not in ("enabled", "disabled") or thinking.keys() - {"type", "token_budget"}:
        return None
    del fields["thinking"]
    if kind == "disabled":
        return ReasoningOptions(enabled=False)
    if budget is None:
        return ReasoningOptions(enabled=True)
    if (tokens := whole(budget, inner("thinking", "token_budget"))) < 1:
        refuse("thinking.token_budget", "expected a number of tokens from 1")
    return ReasoningOptions(budget=tokens)
