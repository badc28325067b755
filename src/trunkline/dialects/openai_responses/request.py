"""A request as this protocol writes it (§2), stateless: nothing is stored unless the user says so."""

from __future__ import annotations

import re

from ...values.model import Quirks, Target
from ...values.request import OutputFormat, Request
from ..cache_marks import auto_marked
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import OBEY, ONLY_JSON, json_bytes, merged
from .effort import effort_of, never_reasons, write_reasoning
from .messages import ItemWriter, speaks_of_json
from .names import Names
from .tools import REFUSED, Wire, write_tools

PATH = "/responses"
SEALED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
_JSON = (("content-type", "application/json"),)
_UNKNOWN = "this protocol has no such parameter"


def encode_request(request: Request, target: Target) -> Encoded:
    """The call on the wire. Raises ``UsageError`` for a local file that was not read and an extra that is no JSON."""
    quirks, losses = target.quirks, Losses()
    if quirks.cache_marks == "cache_control":
        request = auto_marked(request, tools=False)
    names = Names(losses)
    if request.tools:
        names.reserve([tool.name for tool in request.tools if tool.name is not None])
    stored = request.extra_body.get("store", request.store) is True
    instructions, items = ItemWriter(target, losses, names, stored=stored).write(request.messages)
    body: Wire = {"model": target.model}
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = items
    body["store"] = stored
    if request.stream:
        body["stream"] = True
    if request.tools or request.tool_choice is not None or request.parallel_tool_calls is not None:
        write_tools(request, quirks, names, losses, body)
    if request.reasoning is not None:
        write_reasoning(request.reasoning, quirks, losses, body)
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    include = [] if stored or never_reasons(quirks) else [SEALED]
    _sampling(request, quirks, losses, body, include)
    if request.output is not None or request.verbosity is not None:
        _text(request, quirks, losses, body)
    _account(request, quirks, losses, body)
    _unsayable(request, losses)
    if include:
        body["include"] = include
    if request.extra_body:
        body = merged(body, request.extra_body)
    return Encoded(
        WireRequest(
            path=PATH,
            query=tuple(request.extra_query.items()) if request.extra_query else (),
            headers=(*_JSON, *request.extra_headers.items()) if request.extra_headers else _JSON,
            body=json_bytes(body, losses),
        ),
        tuple(losses.warnings),
        Context(
            target=target,
            model=target.model,
            stream=request.stream,
            include_usage=request.stream,
            tool_names=names.tool_names,
            call_ids=names.call_ids,
        ),
    )


# --- fields -----------------------------------------------------------------------------------------------------------


def _sampling(request: Request, quirks: Quirks, losses: Losses, body: Wire, include: list[str]) -> None:
    reason, refused = REFUSED, quirks.no_sampling
    if quirks.sampling_needs_effort_none and effort_of(body, quirks) != "none":
        reason, refused = "this model takes sampling parameters only with reasoning effort none", True
    for name, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value is None:
            continue
        if refused:
            losses.dropped(name, reason)
        else:
            body[name] = value
    wanted = bool(request.top_logprobs) if request.logprobs is None else request.logprobs
    if wanted and (quirks.no_logprobs or refused):
        losses.dropped("logprobs", REFUSED if quirks.no_logprobs else reason)
    elif wanted:
        include.append(LOGPROBS)
        if request.top_logprobs is not None:
            body["top_logprobs"] = request.top_logprobs


def _text(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    text: Wire = {}
    if request.output is not None:
        form = _format(request.output, quirks, losses, body)
        if form is not None:
            text["format"] = form
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _format(output: OutputFormat, quirks: Quirks, losses: Losses, body: Wire) -> Wire | None:
    if output.schema is not None and not (quirks.json_object_only or quirks.no_response_format):
        return _schema(output, quirks, losses)
    words = ONLY_JSON
    if output.schema is not None:
        losses.approximated("output.schema", "this endpoint takes no schema: it is asked for in words")
        words += OBEY + json_bytes(output.schema, losses).decode()
    elif quirks.no_response_format or not speaks_of_json(body["input"]):
        losses.approximated("output", "JSON without a schema must be asked for in words: they were added")
    else:
        words = ""
    if words:  # as input: of instructions, no server sees that they speak of JSON
        body["input"].insert(0, {"role": quirks.system_role or "system", "content": words})
    return None if quirks.no_response_format else {"type": "json_object"}


def _schema(output: OutputFormat, quirks: Quirks, losses: Losses) -> Wire:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", output.name)[:64] or "output"
    if name != output.name:
        losses.renamed("output.name", "names of schemas are 1 to 64 letters, digits, _ or - here")
    form: Wire = {"type": "json_schema", "name": name, "schema": output.schema}
    if output.description is not None:
        form["description"] = output.description
    strict = output.strict
    if strict == "if_known":
        strict = None if quirks.no_strict else True
    if strict and quirks.no_strict:
        losses.dropped("output.strict", REFUSED)
    elif strict is not None and not quirks.no_strict:
        form["strict"] = strict
    return form


def _account(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    for name, field, value, refused in (
        ("service_tier", "service_tier", request.service_tier, quirks.no_service_tier),
        ("metadata", "metadata", request.metadata, quirks.no_metadata),
        ("user", quirks.user_field or "safety_identifier", request.user, quirks.no_user),
        ("cache_key", "prompt_cache_key", request.cache_key, quirks.no_cache_key),
    ):
        if value is None:
            continue
        if refused:
            losses.dropped(name, REFUSED)
        else:
            body[field] = value
    if request.cache is not None and request.cache.ttl is not None:
        _cache_ttl(request.cache.ttl, quirks, losses, body)


def _cache_ttl(ttl: str, quirks: Quirks, losses: Losses, body: Wire) -> None:
    """How long the whole prompt is kept; that it is cached at all goes without saying here."""
    if ttl in ("24h", "in_memory") and not quirks.no_cache_key:
        body["prompt_cache_retention"] = ttl
    elif quirks.no_cache_key or quirks.cache_marks is not None:
        losses.dropped("cache.ttl", "this endpoint takes no lifetime for its cache")
    elif ttl in ("30m", "12h"):
        body["prompt_cache_options"] = {"mode": "implicit", "ttl": ttl}
    else:
        losses.approximated("cache.ttl", "lifetimes are 30m, 12h or 24h here: the default was left to apply")


def _unsayable(request: Request, losses: Losses) -> None:
    """What this protocol has no words for. What asks for nothing but the default is no loss."""
    for name, said in (
        ("stop", request.stop), ("top_k", request.top_k is not None), ("seed", request.seed is not None),
        ("frequency_penalty", request.frequency_penalty), ("presence_penalty", request.presence_penalty),
        ("logit_bias", request.logit_bias), ("prediction", request.prediction is not None),
        ("audio", request.audio is not None),
    ):  # fmt: skip
        if said:
            losses.dropped(name, _UNKNOWN)
    if request.n is not None and request.n > 1:
        losses.dropped("n", "there is one choice here")
    if request.audio is None and any(modality != "text" for modality in request.modalities):
        losses.dropped("modalities", "replies are text here")
