"""Requests in this protocol's words (``POST /model/{id}/converse``, ``…/converse-stream``; bedrock-converse §1, §3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ...values.model import Target
from ...values.request import OutputFormat, Request
from ..cache_marks import auto_marked
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import json_bytes, merged
from . import thinking
from .tools import Names, encode_tools
from .turns import Turns

_HEADERS = (("content-type", "application/json"),)
_TIERS = {"default": "default", "standard": "default", "priority": "priority", "flex": "flex", "reserved": "reserved"}
_MOST_STOPS = 2500
UNNAMED = OutputFormat().name


def path_of(model: str, stream: bool) -> str:
    """The model's id is one segment of the path, also where it is an ARN with slashes and colons."""
    return f"/model/{quote(model, safe='')}/{'converse-stream' if stream else 'converse'}"


def encode_request(request: Request, target: Target) -> Encoded:
    """The wire of ``request``, what of it could not be said, and what decoding must remember.

    A conversation that begins or ends with the assistant's words goes out as it stands: the provider's own refusal is then the
    answer. Raises ``UsageError`` for what no JSON can hold, for a ``LocalFile`` that has not been read, and for parts in a turn
    of the wrong role.
    """
    if target.quirks.cache_marks != "none":
        request = auto_marked(request)
    losses = Losses()
    names = Names(losses)
    names.reserve(request.tools)
    turns = Turns(target, names, losses)
    turns.take(request.messages)
    plan = thinking.plan(request, target, losses)
    body: dict[str, Any] = {}
    if request.output is not None:
        _output(request.output, body, turns, target, losses)
    if request.cache is not None and not request.cache.auto:
        turns.cache_all(request.cache)
    body["messages"] = turns.messages
    if turns.system:
        body["system"] = turns.system
    own = dict(plan.fields)
    if inference := _inference(request, target, plan, own, losses):
        body["inferenceConfig"] = inference
    forceable = not (plan.on or target.quirks.no_forced_tool)
    body.update(encode_tools(request, names, losses, target.quirks, called=tuple(turns.called), forceable=forceable))
    if own:
        body["additionalModelRequestFields"] = own
    if plan.effort is not None:
        body.setdefault("outputConfig", {})["effort"] = plan.effort
    _settings(request, target, body, losses)
    _unsayable(request, losses)
    if request.extra_body:
        body = merged(body, request.extra_body)
    return Encoded(
        WireRequest(
            path=path_of(target.model, request.stream),
            query=tuple(request.extra_query.items()) if request.extra_query else (),
            headers=_headers(request),
            body=json_bytes(body, losses),
        ),
        tuple(losses.warnings),
        Context(
            target=target,
            model=target.model,
            stream=request.stream,
            include_usage=True,
            tool_names=names.wire,
            custom_tools=tuple(names.custom),
        ),
    )


# --- fields -------------------------------------------------------------------------------------------------------------


def _output(output: OutputFormat, body: dict[str, Any], turns: Turns, target: Target, losses: Losses) -> None:
    """A schema goes into ``outputConfig``, as text; any JSON, or a schema where the model takes none, is asked for in words."""
    from ..schemas import asked_in_words, closed  # only who asks for an output pays for it

    demandable = output.schema is not None and not target.quirks.no_response_format
    if demandable and (schema := closed(output.schema or {}, "output.schema", losses)) is not None:
        said: dict[str, Any] = {"schema": json_bytes(schema, losses).decode()}
        if output.name != UNNAMED:
            said["name"] = output.name
        if output.description is not None:
            said["description"] = output.description
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": said}}}
        return
    turns.system.append({"text": asked_in_words(output, losses, demandable=demandable)})


def _inference(request: Request, target: Target, plan: thinking.Plan, own: dict[str, Any], losses: Losses) -> dict[str, Any]:
    """``inferenceConfig``; what is a model's own goes into ``own``."""
    config: dict[str, Any] = {}
    if plan.max_tokens is not None:
        config["maxTokens"] = plan.max_tokens
    for name, field, value in (("temperature", "temperature", request.temperature), ("top_p", "topP", request.top_p)):
        if value is None:
            continue
        if target.quirks.no_sampling:
            losses.dropped(name, "this model chooses for itself")
        elif plan.on and not (value == 1 if name == "temperature" else value >= 0.95):
            losses.dropped(name, "not while thinking is on")
        elif value > 1:
            losses.approximated(name, "the highest is 1")
            config[field] = 1
        else:
            config[field] = value
    _top_k(request, target, plan, own, losses)
    if request.stop:
        _stop(request.stop, target, config, losses)
    return config


def _top_k(request: Request, target: Target, plan: thinking.Plan, own: dict[str, Any], losses: Losses) -> None:
    field = target.quirks.top_k_field
    if request.top_k is None:
        return
    if field is None or target.quirks.no_sampling:
        losses.dropped("top_k", "the protocol has no field for it, and this model's own is not known or there is none")
    elif plan.on:
        losses.dropped("top_k", "not while thinking is on")
    else:
        holder, _, name = field.rpartition(".")
        (own.setdefault(holder, {}) if holder else own)[name] = request.top_k


def _stop(stop: tuple[str, ...], target: Target, config: dict[str, Any], losses: Losses) -> None:
    if target.quirks.no_stop:
        losses.dropped("stop", "not understood here")
        return
    kept = [text for text in stop if text][:_MOST_STOPS]
    if len(kept) < len(stop):
        losses.dropped("stop", f"empty ones, and more than {_MOST_STOPS}, are refused")
    if kept:
        config["stopSequences"] = kept


def _settings(request: Request, target: Target, body: dict[str, Any], losses: Losses) -> None:
    if request.metadata:
        if target.quirks.no_metadata:
            losses.dropped("metadata", "not understood here")
        else:
            body["requestMetadata"] = request.metadata
    tier = request.service_tier
    if tier is None or tier == "auto":
        return
    if target.quirks.no_service_tier:
        losses.dropped("service_tier", "not understood here")
    elif tier in _TIERS:
        body["serviceTier"] = {"type": _TIERS[tier]}
    else:
        losses.dropped("service_tier", f"known here are {', '.join(_TIERS)}")


def _unsayable(request: Request, losses: Losses) -> None:
    """What this protocol has no words for. What asks for nothing but the default is no loss."""
    if request.n is not None and request.n > 1:
        losses.dropped("n", "there is one choice here")
    for name in ("seed", "prediction", "verbosity", "user"):
        if getattr(request, name) is not None:
            losses.dropped(name, "unknown here")
    for name in ("logprobs", "frequency_penalty", "presence_penalty", "logit_bias"):
        if getattr(request, name):
            losses.dropped(name, "unknown here")
    if request.top_logprobs and not request.logprobs:
        losses.dropped("top_logprobs", "unknown here")
    if request.audio is not None or any(modality != "text" for modality in request.modalities):
        losses.dropped("audio" if request.audio is not None else "modalities", "what a model replies with cannot be chosen here")
    if request.store:
        losses.dropped("store", "nothing is stored here")
    if request.cache_key is not None:
        losses.dropped("cache_key", "the cache needs no key here")


# --- the wire -----------------------------------------------------------------------------------------------------------


def _headers(request: Request) -> tuple[tuple[str, str], ...]:
    if not request.extra_headers:
        return _HEADERS
    headers = dict(_HEADERS)
    headers.update((name.lower(), value) for name, value in request.extra_headers.items())
    return tuple(headers.items())
