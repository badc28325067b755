"""A request as callers write it, to our value: liberal in what it takes, and what it has no field for is kept as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ....values.message import CacheMark
from ....values.model import Target
from ....values.request import EFFORTS, OutputFormat, ReasoningOptions, Request
from ....wire.http import HttpRequest
from ....wire.loose_json import loads
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ...openai_fields import Json, count, filled, flag, items, mapping, number, optional_text, read_body, refuse, text, whole
from ..pieces import ID
from .items import NO_STORE, ItemReader
from .tools import custom_names, read_choice, read_tools

_MOST_LOGPROBS = 20  # openai-responses §2
_VERBOSITY = ("low", "medium", "high")
_SCHEMA = frozenset({"type", "name", "schema", "strict", "description"})
_SEALED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_ECHOED = frozenset({
    "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls", "prompt_cache_key", "reasoning",
    "safety_identifier", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
})  # fmt: skip
_SECRET = ("authorization", "headers")


def decode_request(http: HttpRequest) -> Decoded:
    """The request of a body. Raises ``InvalidRequestError`` (400; ``param``: the path) for what is none, and for what would need
    a store of earlier replies."""
    fields = {name: value for name, value in read_body(http.body).items() if value is not None}
    echoed = _echoed(fields)
    _without_store(fields)
    losses = Losses()
    model = text(fields.pop("model", ""), "model")
    context = Context(target=Target(dialect=ID, provider="", model=model), model=model, served=Served())
    instructions = fields.pop("instructions", None)
    if instructions is not None:
        text(instructions, "instructions")
    asked = fields.pop("input", None)
    messages = ItemReader(context, losses).read(instructions, [] if asked is None and "prompt" in fields else asked)
    stream = flag(fields.pop("stream", False), "stream")
    said: Json = {
        "tools": read_tools(fields, losses),
        "tool_choice": read_choice(fields, losses),
        "reasoning": _reasoning(fields),
    }
    _plain(fields, said)
    _text(fields, said)
    _account(fields, said)
    sealed = _SEALED in _include(fields, said)
    request = Request(model=model, messages=messages, stream=stream, **said, extra_body=fields)
    context = replace(
        context,
        stream=stream,
        include_usage=stream,
        served=Served(custom_tools=custom_names(request.tools), sealed=sealed, echoed=echoed),
    )
    return Decoded(request, tuple(losses.warnings), context)


def context_of(http: HttpRequest) -> Context:
    """The context of a request, as much of it as can be told. Never raises."""
    try:
        body = loads(http.body)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    model = body.get("model")
    model = model if isinstance(model, str) else ""
    return Context(
        target=Target(dialect=ID, provider="", model=model), model=model, stream=body.get("stream") is True, served=Served()
    )


def _echoed(fields: Json) -> Json:
    """What the reply says again (openai-responses §4). What a tool's server is told in confidence is not repeated."""
    found = {name: value for name, value in fields.items() if name in _ECHOED}
    if isinstance(tools := found.get("tools"), list):
        found["tools"] = [
            {name: value for name, value in tool.items() if name not in _SECRET} if isinstance(tool, dict) else tool
            for tool in tools
        ]
    return found


def _without_store(fields: Json) -> None:
    """Refuse what refers to earlier replies or asks to keep this one."""
    for name in ("previous_response_id", "conversation"):
        if name in fields:
            refuse(name, f"it names what a store holds, and {NO_STORE}", "unsupported_parameter")
    if "background" in fields and flag(fields["background"], "background"):
        refuse("background", f"a reply that is fetched later needs a store, and {NO_STORE}", "unsupported_parameter")
    if "store" in fields and flag(fields["store"], "store"):
        refuse("store", f"it cannot be kept: {NO_STORE}", "unsupported_parameter")


# --- plain fields -----------------------------------------------------------------------------------------------------

_PLAIN: tuple[tuple[str, str, Callable[[object, str], Any]], ...] = (
    ("temperature", "temperature", number),
    ("top_p", "top_p", number),
    ("parallel_tool_calls", "parallel_tool_calls", flag),
    ("store", "store", flag),
    ("service_tier", "service_tier", text),
    ("max_output_tokens", "max_tokens", count),
)


def _plain(fields: Json, said: Json) -> None:
    for name, ours, read in _PLAIN:
        if (value := fields.pop(name, None)) is not None:
            said[ours] = read(value, name)
    if (top := fields.pop("top_logprobs", None)) is not None:
        if not 0 <= (most := whole(top, "top_logprobs")) <= _MOST_LOGPROBS:
            refuse("top_logprobs", f"expected a number from 0 to {_MOST_LOGPROBS}")
        said["top_logprobs"] = most


def _include(fields: Json, said: Json) -> list[Any]:
    """What the reply shall hold besides. The list stays where it is: only this protocol knows it."""
    wanted = items(fields.get("include") or [], "include")
    if _LOGPROBS in wanted or said.get("top_logprobs"):
        said["logprobs"] = True
    return wanted


# --- objects: what holds more than we can say stays in ``fields`` too ---------------------------------------------------


def _reasoning(fields: Json) -> ReasoningOptions | None:
    asked = mapping(fields.get("reasoning", {}), "reasoning")
    known = {name: value for name, value in asked.items() if value is not None}
    effort, summary = optional_text(known, "effort", "reasoning"), optional_text(known, "summary", "reasoning")
    understood = (effort is None or effort in EFFORTS) and summary in (None, "auto") and known.keys() <= {"effort", "summary"}
    if understood:
        fields.pop("reasoning", None)
    effort = effort if effort in EFFORTS else None
    if effort is None and summary is None:
        return None
    return ReasoningOptions(effort=effort, show=None if summary is None else "summarized")


def _text(fields: Json, said: Json) -> None:
    """The form of the output and its verbosity."""
    asked = {name: value for name, value in mapping(fields.get("text", {}), "text").items() if value is not None}
    form = mapping(asked.get("format", {}), "text.format")
    verbosity = asked.get("verbosity")
    if verbosity in _VERBOSITY:
        said["verbosity"] = verbosity
    shape = _format(form) if form else None
    if shape is not None:
        said["output"] = shape
    plain = not form or form == {"type": "text"} or (shape is not None and form.keys() <= _SCHEMA)
    if plain and verbosity in (None, *_VERBOSITY) and asked.keys() <= {"format", "verbosity"}:
        fields.pop("text", None)


def _format(form: Json) -> OutputFormat | None:
    """The form wanted; None for plain text, and for one that we have no value for."""
    kind = filled(form.get("type"), "text.format.type")
    if kind == "json_object":
        return OutputFormat()
    if kind != "json_schema":
        return None
    said, at = form, "text.format"
    if "schema" not in form and isinstance(form.get("json_schema"), dict):  # as the elder protocol has it
        said, at = form["json_schema"], "text.format.json_schema"
    schema, strict, name = said.get("schema"), said.get("strict"), optional_text(said, "name", at)
    return OutputFormat(
        {} if schema is None else mapping(schema, f"{at}.schema"),
        "output" if name is None else name,
        optional_text(said, "description", at),
        None if strict is None else flag(strict, f"{at}.strict"),
    )


def _account(fields: Json, said: Json) -> None:
    """Who asks, and what is kept for whom. A second name for the same thing stays in ``fields`` where both are given."""
    for name in ("safety_identifier", "user"):
        if "user" not in said and (value := fields.get(name)) is not None:
            said["user"] = text(value, name)
            del fields[name]
    if (key := fields.pop("prompt_cache_key", None)) is not None:
        said["cache_key"] = text(key, "prompt_cache_key")
    if fields.get("prompt_cache_options") == {"mode": "implicit", "ttl": "30m"}:
        said["cache"] = CacheMark("30m")
        del fields["prompt_cache_options"]
    elif fields.get("prompt_cache_retention") in ("24h", "in_memory"):
        said["cache"] = CacheMark(fields.pop("prompt_cache_retention"))
    metadata = fields.get("metadata")
    if metadata is not None and all(isinstance(value, str) for value in mapping(metadata, "metadata").values()):
        said["metadata"] = fields.pop("metadata")
