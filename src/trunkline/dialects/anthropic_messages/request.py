"""Requests in this protocol's words (``POST /v1/messages``)."""

from __future__ import annotations

from typing import Any

from ...values.model import Target
from ...values.request import OutputFormat, Request
from ..cache_marks import auto_marked
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import json_bytes, merged
from . import thinking
from .tools import Names, cache_control, encode_tools
from .turns import Turns

PATH = "/v1/messages"
VERSION = "2023-06-01"
"""The long-lived version; later ones (quirk ``version``) refuse sampling parameters and citations in a user's turn."""
FILES_BETA = "files-api-2025-04-14"
UPDATES_BETA = "thinking-display-updates-2026-08-18"
_HEADERS = (("content-type", "application/json"), ("anthropic-version", VERSION))


def encode_request(request: Request, target: Target) -> Encoded:
    """The wire of ``request``, what of it could not be said, and what decoding must remember.

    A conversation that ends with the assistant's words goes out as it stands, also to a model that refuses that
    (quirk ``no_prefill``): to leave the words out would change what was asked, so the provider's own refusal
    (``InvalidRequestError``) is the answer. Raises ``UsageError`` for what no JSON can hold, for a ``LocalFile`` that has
    not been read, and for parts in a turn of the wrong role.
    """
    request = auto_marked(request)
    losses = Losses()
    names = Names(losses)
    version = _version(request, target)
    turns = Turns(target, names, losses, users_cite=version <= VERSION)
    turns.take(request.messages)
    plan = thinking.plan(request, target, losses)
    if plan.thinking is not None and plan.thinking["type"] == "enabled" and turns.loop_began_without_thinking():
        losses.dropped("reasoning", "the tool loop at hand began without thinking, and thinking cannot begin in its midst")
        plan.thinking, plan.on = None, False
    body: dict[str, Any] = {"model": target.model, "max_tokens": plan.max_tokens}
    if request.output is not None:
        _output(request.output, body, turns, target, losses)
    _conversation(body, turns, losses)
    if request.stream:
        body["stream"] = True
    if request.tools or request.tool_choice is not None or request.parallel_tool_calls is not None:
        _tools(request, target, body, names, losses, thinks=plan.on)
    if plan.thinking is not None:
        body["thinking"] = plan.thinking
    if plan.effort is not None:
        body.setdefault("output_config", {})["effort"] = plan.effort
    _sampling(request, target, version, body, losses, thinks=plan.on)
    _settings(request, target, body, losses)
    _unsayable(request, losses)
    if request.extra_body:
        body = merged(body, request.extra_body)
    return Encoded(
        WireRequest(
            path=PATH,
            query=tuple(request.extra_query.items()) if request.extra_query else (),
            headers=_headers(request, version, _betas(plan, turns, version)),
            body=json_bytes(body, losses),
        ),
        tuple(losses.warnings),
        Context(
            target=target,
            model=target.model,
            stream=request.stream,
            version=version,
            tool_names=names.wire,
            custom_tools=names.custom,
        ),
    )


def _version(request: Request, target: Target) -> str:
    own = target.quirks.version or VERSION
    if not request.extra_headers:
        return own
    return next((value for name, value in request.extra_headers.items() if name.lower() == "anthropic-version"), own)


def _conversation(body: dict[str, Any], turns: Turns, losses: Losses) -> None:
    if turns.system:
        only = turns.system[0]
        body["system"] = only["text"] if len(turns.system) == 1 and len(only) == 2 else turns.system
    body["messages"] = turns.messages
    if turns.messages and turns.messages[-1]["role"] == "assistant":
        _trim(turns.messages[-1], losses)


def _trim(turn: dict[str, Any], losses: Losses) -> None:
    """White space at the end of the last assistant turn is refused."""
    holder, key = (turn, "content") if isinstance(turn["content"], str) else (turn["content"][-1], "text")
    if isinstance(holder, dict) and isinstance(text := holder.get(key), str) and text != (trimmed := text.rstrip()):
        holder[key] = trimmed
        losses.approximated("messages", "white space at the end of the assistant's last words is refused: left out")


# --- fields -------------------------------------------------------------------------------------------------------------


def _tools(request: Request, target: Target, body: dict[str, Any], names: Names, losses: Losses, *, thinks: bool) -> None:
    if target.quirks.no_tools:
        losses.dropped("tools", "this model calls no tools")
    else:
        body.update(encode_tools(request, names, losses, target.quirks, forceable=not (thinks or target.quirks.no_forced_tool)))


def _output(output: OutputFormat, body: dict[str, Any], turns: Turns, target: Target, losses: Losses) -> None:
    """A schema goes into ``output_config.format``; any JSON, or a schema where the model takes none, is asked for in words."""
    if output.description is not None:
        losses.dropped("output.description", "a schema has no description beside it here")
    from ..schemas import asked_in_words, closed  # only who asks for an output pays for it

    demandable = output.schema is not None and not target.quirks.no_response_format
    if demandable and (schema := closed(output.schema or {}, "output.schema", losses)) is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return
    turns.system.append({"type": "text", "text": asked_in_words(output, losses, demandable=demandable)})


def _sampling(request: Request, target: Target, version: str, body: dict[str, Any], losses: Losses, *, thinks: bool) -> None:
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if temperature is None and top_p is None and top_k is None:
        return
    refused = "this model chooses for itself" if target.quirks.no_sampling else None
    if refused is None and version > VERSION:
        refused = f"refused in version {version}"
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is None:
            continue
        if refused is not None:
            losses.dropped(name, refused)
        elif thinks and not (value == 1 if name == "temperature" else name == "top_p" and value >= 0.95):
            losses.dropped(name, "not while thinking is on")
        elif name == "top_p" and "temperature" in body:
            losses.dropped(name, "models from 4 on take temperature or top_p, not both")
        elif name == "temperature" and value > 1:
            losses.approximated(name, "the highest is 1")
            body[name] = 1
        else:
            body[name] = value


_TIERS = {"auto": "auto", "standard_only": "standard_only", "default": "standard_only", "standard": "standard_only"}


def _settings(request: Request, target: Target, body: dict[str, Any], losses: Losses) -> None:
    if request.stop:
        _stop(request.stop, target, body, losses)
    user = request.user
    if request.metadata:
        user = user or request.metadata.get("user_id")
        if any(name != "user_id" for name in request.metadata):
            losses.dropped("metadata", "requests carry no metadata here but user_id")
    if user is not None:
        if target.quirks.no_user:
            losses.dropped("user", "not understood here")
        else:
            body["metadata"] = {"user_id": user}
    tier = request.service_tier
    if tier is not None:
        if target.quirks.no_service_tier:
            losses.dropped("service_tier", "not understood here")
        elif tier in _TIERS:
            body["service_tier"] = _TIERS[tier]
        elif tier == "priority":
            body["service_tier"] = "auto"
            losses.approximated("service_tier", "auto uses priority capacity where the account has any")
        else:
            losses.dropped("service_tier", "known here are auto and standard_only")
    if request.cache is not None:
        body["cache_control"] = cache_control(request.cache, losses)


def _stop(stop: tuple[str, ...], target: Target, body: dict[str, Any], losses: Losses) -> None:
    if target.quirks.no_stop:
        losses.dropped("stop", "not understood here")
        return
    kept = [text for text in stop if text.strip()]
    if len(kept) < len(stop):
        losses.dropped("stop", "a stop sequence that is only white space is refused")
    if kept:
        body["stop_sequences"] = kept


def _unsayable(request: Request, losses: Losses) -> None:
    """What this protocol has no words for. What asks for nothing but the default is no loss."""
    if request.n is not None and request.n > 1:
        losses.dropped("n", "there is one choice here")
    if request.seed is not None:
        losses.dropped("seed", "unknown here")
    if request.logprobs:
        losses.dropped("logprobs", "unknown here")
    elif request.top_logprobs:
        losses.dropped("top_logprobs", "unknown here")
    if request.frequency_penalty:
        losses.dropped("frequency_penalty", "unknown here")
    if request.presence_penalty:
        losses.dropped("presence_penalty", "unknown here")
    if request.logit_bias:
        losses.dropped("logit_bias", "unknown here")
    if request.prediction is not None:
        losses.dropped("prediction", "unknown here")
    if request.verbosity is not None:
        losses.dropped("verbosity", "unknown here")
    if request.audio is not None or any(modality != "text" for modality in request.modalities):
        losses.dropped("audio" if request.audio is not None else "modalities", "replies are text here")
    if request.store:
        losses.dropped("store", "nothing is stored here")
    if request.cache_key is not None:
        losses.dropped("cache_key", "the cache needs no key here")


# --- the wire -----------------------------------------------------------------------------------------------------------


def _betas(plan: thinking.Plan, turns: Turns, version: str) -> str | None:
    betas: list[str] = []
    if turns.uses_files and version <= VERSION:
        betas.append(FILES_BETA)
    if plan.thinking is not None and plan.thinking.get("display") == "updates":
        betas.append(UPDATES_BETA)
    return ",".join(betas) or None


def _headers(request: Request, version: str, betas: str | None) -> tuple[tuple[str, str], ...]:
    if not request.extra_headers and betas is None and version == VERSION:
        return _HEADERS
    headers = {"content-type": "application/json", "anthropic-version": version}
    if betas is not None:
        headers["anthropic-beta"] = betas
    for name, value in request.extra_headers.items():
        low = name.lower()
        if low == "anthropic-beta" and betas is not None and value:
            asked = [beta.strip() for beta in value.split(",")]
            value = ",".join([beta for beta in betas.split(",") if beta not in asked] + asked)  # noqa: PLW2901
        headers[low] = value
    return tuple(headers.items())
