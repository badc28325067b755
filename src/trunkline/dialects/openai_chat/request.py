"""A request as this protocol writes it."""

from __future__ import annotations

from typing import Any

from ...values.errors import UsageError
from ...values.model import Quirks, Target
from ...values.request import CustomTool, HostedTool, Request, Tool, ToolChoice
from ..cache_marks import auto_marked
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import json_bytes, merged
from .messages import MessageWriter, mark_end
from .names import Names
from .output import REFUSED, write_format, write_strict
from .parts import Wire
from .reasoning import effort_of, write_reasoning

_JSON = (("content-type", "application/json"),)
_SEARCH_OPTIONS = ("search_context_size", "user_location")
_PLACE = ("city", "country", "region", "timezone")


def encode_request(request: Request, target: Target) -> Encoded:
    """The call on the wire. Raises ``UsageError`` for a local file that was not read and an extra that is no JSON."""
    quirks, losses = target.quirks, Losses()
    if quirks.cache_marks == "cache_control":
        request = auto_marked(request, tools=False)
    names = Names(losses, nine=quirks.tool_id_format is not None)
    body: Wire = {"model": target.model}
    if request.tools:
        names.reserve([tool.name for tool in request.tools if tool.name is not None])
    body["messages"] = MessageWriter(target, losses, names).write(request.messages)
    if request.cache is not None and quirks.cache_marks == "cache_control":
        mark_end(body["messages"], request.cache)
    if request.stream:
        body["stream"] = True
        if quirks.no_stream_options is not True:
            body["stream_options"] = {"include_usage": True}
    if request.tools or request.tool_choice is not None or request.parallel_tool_calls is not None:
        _tools(request, quirks, names, losses, body)
    if request.reasoning is not None or (quirks.tools_need_effort_none and "tools" in body):
        write_reasoning(request.reasoning, quirks, losses, body)
    limit = request.max_tokens
    if limit is None and quirks.needs_max_tokens:
        limit = _usual_limit(target, request.stream)
    if limit is not None:
        body[quirks.max_tokens_field or "max_completion_tokens"] = limit
    if quirks.split_flag is not None:
        body[quirks.split_flag] = True
    _sampling(request, quirks, losses, body)
    _output(request, quirks, losses, body)
    _account(request, quirks, losses, body)
    if request.extra_body:
        body = merged(body, request.extra_body)
    return Encoded(
        WireRequest(
            path="/chat/completions",
            query=tuple(request.extra_query.items()) if request.extra_query else (),
            headers=(*_JSON, *request.extra_headers.items()) if request.extra_headers else _JSON,
            body=json_bytes(body, losses),
        ),
        tuple(losses.warnings),
        Context(
            target=target,
            model=target.model,
            stream=request.stream,
            include_usage=request.stream and "stream_options" in body,
            tool_names=names.tool_names,
            call_ids=names.call_ids,
        ),
    )


def _usual_limit(target: Target, stream: bool) -> int:
    """The output limit of a request that names none, where one must be named: the model's own, within reason (DESIGN §4)."""
    usual = 32_000 if stream else 8_192
    return usual if target.max_output is None else min(usual, target.max_output)


def _put(body: Wire, losses: Losses, name: str, value: Any, refused: bool | None, reason: str = REFUSED) -> None:
    if value is None:
        return
    if refused:
        losses.dropped(name, reason)
    else:
        body[name] = value


def _sampling(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    reason, refused = REFUSED, quirks.no_sampling
    if quirks.sampling_needs_effort_none and (effort_of(body) or quirks.default_effort) != "none":
        reason, refused = "this model takes sampling parameters only with reasoning effort none", True
    if request.temperature is not None:
        _put(body, losses, "temperature", request.temperature, refused, reason)
    if request.top_p is not None:
        _put(body, losses, "top_p", request.top_p, refused, reason)
    if request.top_k is not None:
        losses.dropped("top_k", "this protocol has no such parameter; where a server knows it, extra_body says it")
    penalised = refused or quirks.no_penalties
    _put(body, losses, "frequency_penalty", request.frequency_penalty, penalised, reason)
    _put(body, losses, "presence_penalty", request.presence_penalty, penalised, reason)
    if request.stop:
        _put(body, losses, "stop", request.stop, quirks.no_stop)
        if quirks.stop_faulty and not quirks.no_stop:
            losses.approximated("stop", "this server does not stop cleanly there: cut the text yourself")
    if request.seed is not None:
        if quirks.no_seed:
            losses.dropped("seed", REFUSED)
        else:
            body[quirks.seed_field or "seed"] = request.seed
    if request.n is not None and not (quirks.no_n and request.n == 1):
        _put(body, losses, "n", request.n, quirks.no_n)
    if request.logit_bias:
        _put(body, losses, "logit_bias", _biases(request.logit_bias), quirks.no_logit_bias)
    if request.logprobs is not None or request.top_logprobs is not None:
        wanted = True if request.logprobs is None else request.logprobs
        _put(body, losses, "logprobs", wanted, quirks.no_logprobs)
        if wanted:
            _put(body, losses, "top_logprobs", request.top_logprobs, quirks.no_logprobs)


def _biases(biases: dict[str, float]) -> dict[str, int | float]:
    return {token: int(bias) if float(bias).is_integer() else bias for token, bias in biases.items()}


def _output(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    if request.output is not None:
        write_format(request.output, quirks, losses, body)
    if request.verbosity is not None:
        body["verbosity"] = request.verbosity
    if request.modalities:
        body["modalities"] = request.modalities
    if request.audio is not None:
        if not request.modalities:
            body["modalities"] = ("text", "audio")
        form = request.audio.format
        if request.stream and form != "pcm16":
            losses.approximated("audio.format", "a stream carries pcm16 only")
            form = "pcm16"
        voice = request.audio.voice
        body["audio"] = {"voice": {"id": voice} if voice.startswith("voice_") else voice, "format": form}
    if request.prediction is not None:
        body["prediction"] = {"type": "content", "content": request.prediction}


def _account(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    if request.service_tier is not None:
        _put(body, losses, "service_tier", request.service_tier, quirks.no_service_tier)
    if request.metadata is not None:
        _put(body, losses, "metadata", request.metadata, quirks.no_metadata)
    if request.store is not None:
        # Who stores nothing keeps no metadata; not to be stored is then what happens anyway.
        if quirks.no_metadata and request.store:
            losses.dropped("store", REFUSED)
        elif not quirks.no_metadata:
            body["store"] = request.store
    if request.user is not None:
        if quirks.no_user:
            losses.dropped("user", REFUSED)
        else:
            body[quirks.user_field or "safety_identifier"] = request.user
    if request.cache_key is not None:
        if quirks.no_cache_key:
            losses.dropped("cache_key", REFUSED)
        else:
            body["prompt_cache_key"] = request.cache_key
    if request.cache is not None and request.cache.ttl is not None:
        _cache_ttl(request.cache.ttl, quirks, losses, body)


def _cache_ttl(ttl: str, quirks: Quirks, losses: Losses, body: Wire) -> None:
    """How long the whole prompt is kept; that it is cached at all goes without saying here."""
    if quirks.cache_marks == "cache_control":
        return  # said at the end of the messages
    if quirks.no_cache_key or quirks.cache_marks is not None:
        losses.dropped("cache.ttl", "this endpoint takes no lifetime for its cache")
    elif ttl == "30m":
        body["prompt_cache_options"] = {"mode": "implicit", "ttl": ttl}
    elif ttl in ("24h", "in_memory"):
        body["prompt_cache_retention"] = ttl
    else:
        losses.approximated("cache.ttl", "lifetimes are 30m or 24h here: the default was left to apply")


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(request: Request, quirks: Quirks, names: Names, losses: Losses, body: Wire) -> None:
    if quirks.no_tools and request.tools:
        losses.dropped("tools", "this model takes no tools")
        return
    written: list[Wire] = []
    choice, tools = request.tool_choice, request.tools
    if quirks.no_allowed_tools and choice is not None and choice.names and choice.mode in ("auto", "required"):
        losses.approximated("tool_choice.names", "a choice limited to some tools is made by sending only those")
        tools = tuple([tool for tool in tools if tool.name in choice.names])
        choice = ToolChoice(choice.mode)
    for tool in tools:
        if type(tool) is Tool:
            written.append(_function(tool, quirks, names, losses))
        elif type(tool) is CustomTool:
            written.append(_custom(tool, names))
        elif type(tool) is HostedTool:
            _hosted(tool, losses, body)
    if written:
        body["tools"] = written
    if choice is not None:
        if written:
            body["tool_choice"] = _choice(choice, quirks, names, losses)
        elif choice.mode != "none":
            losses.dropped("tool_choice", "there are no tools to choose from")
    if request.parallel_tool_calls is not None:
        _put(body, losses, "parallel_tool_calls", request.parallel_tool_calls, not written or quirks.no_parallel_tool_calls,
             REFUSED if written else "there are no tools to call")  # fmt: skip


def _function(tool: Tool, quirks: Quirks, names: Names, losses: Losses) -> Wire:
    from ..schemas import strict_parameters  # only who has tools pays for it

    function: Wire = {"name": names.tool(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    parameters, strict = strict_parameters(tool, losses, no_strict=quirks.no_strict is True)
    if parameters is not None:
        function["parameters"] = parameters
    if strict is not None:
        write_strict(function, strict, quirks, losses, "tools.strict")
    if tool.cache is not None:
        losses.dropped("cache", "a tool takes no cache mark here")
    wire: Wire = {"type": "function", "function": function}
    return merged(wire, tool.extra) if tool.extra else wire


def _custom(tool: CustomTool, names: Names) -> Wire:
    custom: Wire = {"name": names.tool(tool.name)}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.grammar is not None:
        grammar = {"syntax": tool.syntax or "lark", "definition": tool.grammar}
        custom["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": custom}


def _hosted(tool: HostedTool, losses: Losses, body: Wire) -> None:
    if not tool.kind.startswith("web_search"):
        losses.dropped(f"tools.{tool.kind}", "of hosted tools this protocol has web search only")
        return
    options: Wire = {}
    for name, value in tool.options.items():
        if name not in _SEARCH_OPTIONS:
            losses.dropped(f"tools.{tool.kind}.{name}", "web search has no such option here")
        elif name == "user_location" and isinstance(value, dict) and "approximate" not in value:
            options[name] = {
                "type": "approximate",
                "approximate": {key: value[key] for key in _PLACE if value.get(key) is not None},
            }
        else:
            options[name] = value
    body["web_search_options"] = options


def _choice(choice: ToolChoice, quirks: Quirks, names: Names, losses: Losses) -> Any:
    mode = choice.mode
    if mode in ("required", "tool") and (quirks.tool_choice_auto_only or quirks.no_forced_tool):
        losses.approximated("tool_choice", "whether tools are called is the model's choice here")
        return "auto"
    if mode == "tool":
        name = (choice.names or choice.custom or ("",))[0]
        if not name:
            raise UsageError("one tool must be named", field="tool_choice", allowed="the name of a tool")
        return _named(name, choice, names)
    if choice.names and mode != "none":
        allowed = {"mode": mode, "tools": [_named(name, choice, names) for name in choice.names]}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    return quirks.required_tool_choice or "required" if mode == "required" else mode


def _named(name: str, choice: ToolChoice, names: Names) -> Wire:
    kind = "custom" if name in choice.custom else "function"
    return {"type": kind, kind: {"name": names.tool(name)}}
