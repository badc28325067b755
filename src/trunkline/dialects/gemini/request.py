"""Requests in this protocol's words (``…:generateContent``, ``…:streamGenerateContent``)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ...values.model import Target
from ...values.request import OutputFormat, Request
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import OBEY, ONLY_JSON, json_bytes, merged
from .names import Names
from .schemas import write_schema
from .thinking import thinking_config
from .tools import write_tools
from .turns import Turns

Wire = dict[str, Any]
MOST_STOPS = 5
_HEADERS = (("content-type", "application/json"),)
_SSE = ("alt", "sse")
_OWN_PLACES = ("models/", "tunedModels/", "publishers/", "endpoints/", "projects/")
_BASE = "publishers/google/"
_TIERS = {"default": "standard", "standard_only": "standard"}


def encode_request(request: Request, target: Target) -> Encoded:
    """The wire of ``request``, what of it could not be said, and what decoding must remember. Raises ``UsageError`` for what no
    JSON can hold, for a ``LocalFile`` that has not been read, and for parts in a turn of the wrong role."""
    losses = Losses()
    names = Names(losses)
    if request.tools:
        names.reserve([tool.name for tool in request.tools if tool.name is not None])
    turns = Turns(target, names, losses)
    turns.take(request.messages)
    body: Wire = {}
    config = _config(request, target, turns, losses)
    body["contents"] = turns.contents
    if turns.system:
        body["systemInstruction"] = {"parts": turns.system}
    if request.tools or request.tool_choice is not None or request.parallel_tool_calls is not None:
        write_tools(request, target.quirks, names, losses, body)
    if config:
        body["generationConfig"] = config
    _account(request, target, losses, body)
    if request.extra_body:
        body = merged(body, request.extra_body)
    method = "streamGenerateContent" if request.stream else "generateContent"
    wire = WireRequest(
        path=f"{model_path(target.model)}:{method}",
        query=_query(request),
        headers=(*_HEADERS, *request.extra_headers.items()) if request.extra_headers else _HEADERS,
        body=json_bytes(body, losses),
    )
    context = Context(
        target=target,
        model=target.model,
        stream=request.stream,
        include_usage=True,
        tool_names=names.wire,
        custom_tools=names.custom,
    )
    return Encoded(wire, tuple(losses.warnings), context)


def model_path(model: str) -> str:
    """Where a model answers under the base URL, which names version and (at Vertex) project, place and publisher."""
    own = model.removeprefix(_BASE)
    if not own.startswith(_OWN_PLACES):
        own = f"models/{own}"
    return "/" + quote(own, safe="/:@")


def _query(request: Request) -> tuple[tuple[str, str], ...]:
    if not request.extra_query:
        return (_SSE,) if request.stream else ()
    asked = tuple(request.extra_query.items())
    return asked if not request.stream or "alt" in request.extra_query else (_SSE, *asked)


# --- generationConfig ---------------------------------------------------------------------------------------------------


def _config(request: Request, target: Target, turns: Turns, losses: Losses) -> Wire:
    config: Wire = {}
    _sampling(request, target, losses, config)
    _lengths(request, target, losses, config)
    if request.output is not None:
        _output(request.output, target, turns, losses, config)
    if request.reasoning is not None and (thinking := thinking_config(request.reasoning, target, losses)):
        config["thinkingConfig"] = thinking
    _voices(request, losses, config)
    return config


def _sampling(request: Request, target: Target, losses: Losses, config: Wire) -> None:
    quirks = target.quirks
    for name, field in (("temperature", "temperature"), ("top_p", "topP"), ("top_k", "topK")):
        value = getattr(request, name)
        if value is not None and quirks.no_sampling:
            losses.dropped(name, "this model chooses for itself")
        elif value is not None:
            config[field] = value
    for name, field in (("presence_penalty", "presencePenalty"), ("frequency_penalty", "frequencyPenalty")):
        value = getattr(request, name)
        if value is not None and (quirks.no_penalties or quirks.no_sampling):
            losses.dropped(name, "this model takes no penalties")
        elif value is not None:
            config[field] = value


def _lengths(request: Request, target: Target, losses: Losses, config: Wire) -> None:
    quirks = target.quirks
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    if request.n is not None:
        if quirks.no_n and request.n > 1:
            losses.dropped("n", "there is one candidate here")
        elif not quirks.no_n:
            config["candidateCount"] = request.n
    if request.stop:
        if quirks.no_stop:
            losses.dropped("stop", "not understood here")
        else:
            if len(request.stop) > MOST_STOPS:
                losses.dropped("stop", f"{MOST_STOPS} stop sequences are the most: the first were sent")
            config["stopSequences"] = list(request.stop[:MOST_STOPS])
    if request.seed is not None:
        if quirks.no_seed:
            losses.dropped("seed", "not understood here")
        else:
            config["seed"] = request.seed
    if request.logprobs is not None or request.top_logprobs is not None:
        if quirks.no_logprobs:
            losses.dropped("logprobs", "this model tells none")
        else:
            wanted = config["responseLogprobs"] = True if request.logprobs is None else request.logprobs
            if wanted and request.top_logprobs is not None:
                config["logprobs"] = request.top_logprobs


def _output(output: OutputFormat, target: Target, turns: Turns, losses: Losses, config: Wire) -> None:
    quirks = target.quirks
    if output.description is not None:
        losses.dropped("output.description", "a schema has no description beside it here")
    words = ONLY_JSON
    if not quirks.no_response_format:
        config["responseMimeType"] = "application/json"
        if output.schema is None:
            return
        if not quirks.json_object_only:
            write_schema(output.schema, ("responseSchema", "responseJsonSchema"), config, "output.schema", losses)
            return
    if output.schema is None:
        losses.approximated("output", "JSON is asked for in words")
    else:
        losses.approximated("output.schema", "this model takes no schema: it is asked for in words")
        words += OBEY + json_bytes(output.schema, losses).decode()
    turns.system.append({"text": words})


def _voices(request: Request, losses: Losses, config: Wire) -> None:
    if request.modalities:
        config["responseModalities"] = [modality.upper() for modality in request.modalities]
    audio = request.audio
    if audio is None:
        return
    config.setdefault("responseModalities", ["AUDIO"])
    config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": audio.voice}}}
    if audio.format != "pcm16":
        losses.approximated(
            "audio.format", "sound comes as the model makes it (16-bit samples), not in a format that is asked for"
        )


# --- the rest -----------------------------------------------------------------------------------------------------------


def _account(request: Request, target: Target, losses: Losses, body: Wire) -> None:
    """What stands beside the conversation. What asks for nothing but the default is no loss."""
    quirks = target.quirks
    tier = request.service_tier
    if tier is not None and tier != "auto":
        if quirks.no_service_tier:
            losses.dropped("service_tier", "not understood here")
        else:
            body["serviceTier"] = _TIERS.get(tier, tier)
    if request.store is not None:
        body["store"] = request.store
    if request.metadata:
        if quirks.no_metadata is False:
            body["labels"] = request.metadata
        else:
            losses.dropped("metadata", "requests carry none here")
    if request.cache is not None and request.cache.ttl is not None:
        losses.dropped("cache.ttl", "prompts are cached by themselves here; for how long is not ours to say")
    for name in ("logit_bias", "prediction", "verbosity", "user", "cache_key"):
        if getattr(request, name):
            losses.dropped(name, "unknown here")
