"""A request as this protocol writes it."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.model import Quirks, Target
from ...values.request import OutputFormat, ReasoningOptions, Request
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import ONLY_JSON, cleaned, json_bytes, merged
from .messages import MessageWriter
from .names import Names
from .tools import Wire, write_tools

_encode = msgspec.json.Encoder().encode
_JSON = (("content-type", "application/json"),)
_REFUSED = "this model refuses or ignores it"
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 4096, "high": 12288, "xhigh": 32768}
"""Our table from efforts, which this protocol does not know, to budgets (tokens); the highest effort has no limit."""
_UNKNOWN = (
    "top_logprobs", "logit_bias", "verbosity", "audio", "prediction", "service_tier", "user", "cache_key", "metadata",
)  # fmt: skip


def encode_request(request: Request, target: Target) -> Encoded:
    """The call on the wire. Raises ``UsageError`` for a local file that was not read and an extra that is no JSON."""
    losses = Losses()
    names = Names(losses, [tool.name for tool in request.tools if tool.name is not None])
    body: Wire = {"model": target.model}
    writer = MessageWriter(target, losses, names)
    body["messages"] = writer.write(request.messages)
    if request.stream:
        body["stream"] = True
    if request.tools or request.tool_choice is not None:
        _tools(request, target.quirks, names, losses, body)
    if writer.documents:
        body["documents"] = writer.documents
    if request.output is not None:
        _output(request.output, losses, body)
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    _sampling(request, target.quirks, losses, body)
    if request.reasoning is not None:
        _reasoning(request.reasoning, target.quirks, losses, body)
    _lost(request, losses)
    if request.extra_body:
        body = merged(body, request.extra_body)
    return Encoded(
        WireRequest(
            path="/v2/chat",
            query=tuple(request.extra_query.items()),
            headers=(*_JSON, *request.extra_headers.items()),
            body=json_bytes(body, losses),
        ),
        tuple(losses.warnings),
        Context(
            target=target,
            model=target.model,
            stream=request.stream,
            include_usage=request.stream,
            tool_names=names.wire,
            custom_tools=names.custom,
        ),
    )


def _tools(request: Request, quirks: Quirks, names: Names, losses: Losses, body: Wire) -> None:
    if quirks.no_tools and request.tools:
        losses.dropped("tools", "this model takes no tools")
    else:
        write_tools(request, names, losses, body)


def _sampling(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    sampling = quirks.no_sampling
    for name, field, refused in (
        ("temperature", "temperature", sampling),
        ("top_p", "p", sampling),
        ("top_k", "k", sampling),
        ("frequency_penalty", "frequency_penalty", sampling or quirks.no_penalties),
        ("presence_penalty", "presence_penalty", sampling or quirks.no_penalties),
        ("stop", "stop_sequences", quirks.no_stop),
        ("seed", "seed", quirks.no_seed),
        ("logprobs", "logprobs", quirks.no_logprobs),
    ):
        value = getattr(request, name)
        if value is None or value == ():
            continue
        if refused:
            losses.dropped(name, _REFUSED)
        else:
            body[field] = value


def _output(output: OutputFormat, losses: Losses, body: Wire) -> None:
    """A model that is not told to write JSON may write blanks without end (the vendor's own words): one is told."""
    form: Wire = {"type": "json_object"}
    if output.schema is not None:
        form["json_schema"] = output.schema
        if output.description is not None:
            losses.dropped("output.description", "a schema stands alone here")
    elif "json" not in _encode_loosely(body["messages"]).lower():
        losses.approximated("output", "JSON without a schema must be asked for in words: they were added")
        body["messages"].insert(0, {"role": "system", "content": ONLY_JSON})
    body["response_format"] = form


def _encode_loosely(messages: Any) -> str:
    return _encode(cleaned(messages)).decode()


def _reasoning(wanted: ReasoningOptions, quirks: Quirks, losses: Losses, body: Wire) -> None:
    off = wanted.effort == "none" or wanted.enabled is False or wanted.budget == 0
    asked = not off and (wanted.effort is not None or wanted.enabled is True or wanted.budget is not None)
    if wanted.show is not None:
        losses.dropped("reasoning.show", "thinking is shown whole here")
    if quirks.thinking == "none":
        if asked:
            losses.dropped("reasoning", "this model does not think")
    elif off:
        if quirks.thinking == "always":
            losses.dropped("reasoning", "this model always thinks")
        else:
            body["thinking"] = {"type": "disabled"}
    elif asked:
        thinking: Wire = {"type": "enabled"}
        budget = wanted.budget
        if budget is None and wanted.effort is not None:
            budget = _BUDGETS.get(wanted.effort)
            losses.approximated("reasoning.effort", f"thinking has a budget here, or none: {budget or 'none'}")
        elif wanted.effort is not None:
            losses.dropped("reasoning.effort", "thinking has a budget here, which is given too")
        if budget is not None:
            thinking["token_budget"] = budget
        body["thinking"] = thinking


def _lost(request: Request, losses: Losses) -> None:
    for name in _UNKNOWN:
        if getattr(request, name):
            losses.dropped(name, "this protocol has no such parameter")
    if request.n is not None and request.n != 1:
        losses.dropped("n", "there is one choice here")
    if request.store:
        losses.dropped("store", "this protocol has no such parameter")
    if any(kind != "text" for kind in request.modalities):
        losses.dropped("modalities", "models write text only here")
    if request.cache is not None and not request.cache.auto:
        losses.dropped("cache", "prompts are cached without being asked here")
