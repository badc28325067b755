"""A request as this protocol writes it."""

from __future__ import annotations

from ...values.model import Quirks, Target
from ...values.request import EFFORTS, OutputFormat, ReasoningOptions, Request
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from ..request_body import ONLY_JSON, json_bytes, merged
from .messages import MessageWriter
from .tools import Wire, write_tools

_JSON = (("content-type", "application/json"),)
_REFUSED = "this model refuses or ignores it"
_EFFORTS = ("low", "medium", "high", "max")
_BUDGETS = ((2048, "low"), (8192, "medium"))
"""Tokens up to which a budget is a level, where a model knows levels only."""
_UNKNOWN = (
    "logit_bias", "verbosity", "audio", "prediction", "service_tier", "user", "cache_key", "metadata", "store",
)  # fmt: skip


def encode_request(request: Request, target: Target) -> Encoded:
    """The call on the wire. Raises ``UsageError`` for a local file that was not read and an extra that is no JSON.

    Beware of the context: a server's default may be 4,096 tokens, and of a longer conversation **it drops the oldest messages
    without a word** (local-servers §3). ``extra_body={"options": {"num_ctx": 32768}}`` asks for more; ``keep_alive``,
    ``truncate``, ``shift`` and further ``options`` go the same way.
    """
    losses = Losses()
    body: Wire = {"model": target.model, "messages": MessageWriter(target, losses).write(request.messages)}
    body["stream"] = request.stream  # without it the server streams
    custom: tuple[str, ...] = ()
    if target.quirks.no_tools and request.tools:
        losses.dropped("tools", "this model takes no tools")
    elif request.tools:
        custom = write_tools(request, losses, body)
    elif request.tool_choice is not None and request.tool_choice.mode != "none":
        losses.dropped("tool_choice", "there are no tools to choose from")
    if request.output is not None:
        _output(request.output, target.quirks, losses, body)
    if request.reasoning is not None:
        _reasoning(request.reasoning, target.quirks, losses, body)
    _options(request, target.quirks, losses, body)
    _lost(request, losses)
    if request.extra_body:
        body = merged(body, request.extra_body)
    return Encoded(
        WireRequest(
            path="/api/chat",
            query=tuple(request.extra_query.items()),
            headers=(*_JSON, *request.extra_headers.items()),
            body=json_bytes(body, losses),
        ),
        tuple(losses.warnings),
        Context(target=target, model=target.model, stream=request.stream, include_usage=request.stream, custom_tools=custom),
    )


def _output(output: OutputFormat, quirks: Quirks, losses: Losses, body: Wire) -> None:
    """A model that is not told to write JSON may write blanks without end: one is told."""
    schema = None if quirks.json_object_only else output.schema
    if quirks.json_object_only and output.schema is not None:
        losses.dropped("output.schema", "this endpoint takes no schema")
    if output.description is not None:
        losses.dropped("output.description", "a schema stands alone here")
    if schema is None and "json" not in str(body["messages"]).lower():
        losses.approximated("output", "JSON without a schema must be asked for in words: they were added")
        body["messages"].insert(0, {"role": "system", "content": ONLY_JSON})
    body["format"] = "json" if schema is None else schema


def _reasoning(wanted: ReasoningOptions, quirks: Quirks, losses: Losses, body: Wire) -> None:
    """``think``: true, false, or a level."""
    off = wanted.effort == "none" or wanted.enabled is False or wanted.budget == 0
    asked = not off and (wanted.effort is not None or wanted.enabled is True or wanted.budget is not None)
    if wanted.show is not None:
        losses.dropped("reasoning.show", "thinking is shown whole here")
    if quirks.thinking == "none":
        if asked:
            losses.dropped("reasoning", "this model does not think")
    elif off and quirks.thinking == "always":
        losses.dropped("reasoning", "this model always thinks")
    elif off:
        body["think"] = False
    elif asked:
        if wanted.budget is not None:
            losses.approximated("reasoning.budget", "thinking is switched on, or has a level, here")
        if wanted.effort is not None:
            body["think"] = _level(wanted.effort, quirks, losses)
        elif quirks.thinking != "always":
            body["think"] = True
        elif wanted.budget is not None:  # it takes a level and nothing else (local-servers §3)
            effort = next((level for most, level in _BUDGETS if wanted.budget <= most), "high")
            body["think"] = _level(effort, quirks, losses)


def _level(effort: str, quirks: Quirks, losses: Losses) -> str:
    """The level of an effort; of those that there are the nearest, the lower of two."""
    order: dict[str, int] = {name: n for n, name in enumerate(EFFORTS)}
    accepted = [name for name in quirks.efforts or _EFFORTS if name in order and name != "none"] or _EFFORTS
    if effort in accepted:
        return effort
    chosen = min(accepted, key=lambda name: (abs(order[name] - order[effort]), order[name]))
    losses.approximated("reasoning.effort", f"levels are {', '.join(accepted)} here: {chosen} was asked for")
    return chosen


def _options(request: Request, quirks: Quirks, losses: Losses, body: Wire) -> None:
    sampling = quirks.no_sampling
    options: Wire = {}
    for name, field, refused in (
        ("max_tokens", "num_predict", None),
        ("temperature", "temperature", sampling),
        ("top_p", "top_p", sampling),
        ("top_k", "top_k", sampling),
        ("frequency_penalty", "frequency_penalty", sampling or quirks.no_penalties),
        ("presence_penalty", "presence_penalty", sampling or quirks.no_penalties),
        ("seed", "seed", quirks.no_seed),
        ("stop", "stop", quirks.no_stop),
    ):
        value = getattr(request, name)
        if value is None or value == ():
            continue
        if refused:
            losses.dropped(name, _REFUSED)
        else:
            options[field] = value
    if options:
        body["options"] = options
    for name in ("logprobs", "top_logprobs"):
        if (value := getattr(request, name)) is not None:
            if quirks.no_logprobs:
                losses.dropped(name, _REFUSED)
            else:
                body[name] = value


def _lost(request: Request, losses: Losses) -> None:
    for name in _UNKNOWN:
        if getattr(request, name):
            losses.dropped(name, "this protocol has no such parameter")
    if request.n is not None and request.n != 1:
        losses.dropped("n", "there is one choice here")
    if any(kind != "text" for kind in request.modalities):
        losses.dropped("modalities", "models write text only here")
    if request.cache is not None and not request.cache.auto:
        losses.dropped("cache", "prompts are cached without being asked here")
