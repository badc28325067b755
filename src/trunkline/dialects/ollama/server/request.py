"""A request as callers write it, to our value: what it has no field for is kept as it is (local-servers §3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ....values.model import Target
from ....values.request import EFFORTS, Effort, OutputFormat, ReasoningOptions, Request, Tool
from ....wire.http import HttpRequest
from ....wire.loose_json import loads
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ...openai_fields import (
    Json,
    filled,
    flag,
    inner,
    items,
    mapping,
    number,
    optional_text,
    read_body,
    refuse,
    text,
    whole,
    wrong,
)
from ..pieces import ID
from .messages import MessageReader, read_tools

_MOST_LOGPROBS = 20
_OPTIONS: tuple[tuple[str, str, Callable[[object, str], Any]], ...] = (
    ("num_predict", "max_tokens", whole),
    ("temperature", "temperature", number),
    ("top_p", "top_p", number),
    ("top_k", "top_k", whole),
    ("frequency_penalty", "frequency_penalty", number),
    ("presence_penalty", "presence_penalty", number),
    ("seed", "seed", whole),
)


def decode_request(http: HttpRequest) -> Decoded:
    """The request of a body. Raises ``InvalidRequestError`` (400; ``param``: the path) for what is none.

    Without ``stream`` it is a stream that is asked for. ``keep_alive`` and its like, and options that we have no field for, stay
    in ``extra_body``.
    """
    fields = {name: value for name, value in read_body(http.body).items() if value is not None}
    losses = Losses()
    model = filled(fields.pop("model", None), "model")
    messages = MessageReader(losses).read(fields.pop("messages", None))
    stream = flag(fields.pop("stream", True), "stream")
    said: Json = {"tools": tuple([_tool(tool, n) for n, tool in enumerate(read_tools(fields.pop("tools", None), losses))])}
    _format(fields, said)
    _think(fields, said)
    _logprobs(fields, said)
    _options(fields, said)
    context = Context(
        target=Target(dialect=ID, provider="", model=model), model=model, stream=stream, include_usage=stream, served=Served()
    )
    return Decoded(
        Request(model=model, messages=messages, stream=stream, **said, extra_body=fields), tuple(losses.warnings), context
    )


def context_of(http: HttpRequest) -> Context:
    """The context of a request, as much of it as can be told. Never raises."""
    try:
        body = loads(http.body)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    model = body.get("model")
    model = model if isinstance(model, str) else ""
    stream = body.get("stream") is not False
    return Context(target=Target(dialect=ID, provider="", model=model), model=model, stream=stream, served=Served())


def _tool(tool: Json, n: int) -> Tool:
    at = f"tools[{n}].function"
    parameters, strict = tool.get("parameters"), tool.get("strict")
    return Tool(
        filled(tool.get("name"), f"{at}.name"),
        optional_text(tool, "description", at),
        None if parameters is None else mapping(parameters, f"{at}.parameters"),
        None if strict is None else flag(strict, f"{at}.strict"),
        extra=tool["extra"],
    )


def _format(fields: Json, said: Json) -> None:
    """``"json"``, or a schema."""
    form = fields.pop("format", None)
    if form == "json":
        said["output"] = OutputFormat()
    elif isinstance(form, dict):
        said["output"] = OutputFormat(form)
    elif isinstance(form, str) and form:
        refuse("format", "expected json or a JSON Schema")
    elif form not in (None, ""):
        wrong("format", form, "json or a JSON Schema")


def _think(fields: Json, said: Json) -> None:
    """True, false, or a level; a level that we have no word for stays where it is."""
    think = fields.get("think")
    if isinstance(think, bool):
        said["reasoning"] = ReasoningOptions(enabled=think)
    elif think is not None and text(think, "think") in EFFORTS:
        said["reasoning"] = ReasoningOptions(cast(Effort, think))
    if think == "" or "reasoning" in said:
        fields.pop("think", None)


def _logprobs(fields: Json, said: Json) -> None:
    if (value := fields.pop("logprobs", None)) is not None:
        said["logprobs"] = flag(value, "logprobs")
    if (top := fields.pop("top_logprobs", None)) is not None:
        if not 0 <= (most := whole(top, "top_logprobs")) <= _MOST_LOGPROBS:
            refuse("top_logprobs", f"expected a number from 0 to {_MOST_LOGPROBS}")
        said["top_logprobs"] = most


def _options(fields: Json, said: Json) -> None:
    options = {name: value for name, value in mapping(fields.pop("options", {}), "options").items() if value is not None}
    for name, field, read in _OPTIONS:
        if name not in options:
            continue
        value = read(options[name], inner("options", name))
        if name in ("num_predict", "top_k") and value < 0:
            continue  # no limit, and the like
        said[field] = value
        del options[name]
    stop = options.pop("stop", None)
    if isinstance(stop, str):
        said["stop"] = (stop,)
    elif stop is not None:
        said["stop"] = tuple([text(item, f"options.stop[{n}]") for n, item in enumerate(items(stop, "options.stop"))])
    if options:
        fields["options"] = options
