"""What whole replies and the lines of a stream are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.message import Opaque, Part, ToolCall
from ....values.response import FinishReason, TokenLogprob, Usage
from ....wire.loose_json import loads, sound
from ...dialect import Context
from ...losses import Losses
from ..pieces import CUSTOM_INPUT, DURATIONS, count_of, moment_of

Wire = dict[str, Any]
SAID = frozenset(
    {"model", "created_at", "message", "done", "done_reason", "error", "prompt_eval_count", "eval_count", "logprobs"}
)
"""What no extra of a reply stands for: our values say it."""
MODEL = "unknown"
"""The model of a reply that names none, to a request that named none."""
_PLAIN: dict[FinishReason, str] = {"stop": "stop", "tool_calls": "stop", "length": "length"}
_CUT_SHORT = "content_filter"


def head(said: Any, context: Context) -> Wire:
    """What a reply and each line of a stream begin with. ``said`` (``Response``, ``Start``) has what the provider said of it."""
    served, created = context.served, said.created
    if created is None:
        created = 0 if served is None or served.created is None else served.created
    return {"model": said.model or context.model or MODEL, "created_at": moment_of(created)}


_NOT_APART = (
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens",
    "input_image_tokens", "output_image_tokens",
)  # fmt: skip


def ending(reason: FinishReason, raw: str | None, usage: Usage, extra: Wire, losses: Losses) -> Wire:
    """What the last line, or the whole reply, says of the end."""
    word = raw or _PLAIN.get(reason) or ("length" if reason == _CUT_SHORT else "stop")
    if raw is None and reason not in _PLAIN:
        losses.approximated("finish_reason", f"this protocol has no word for it: {word} was said")
    said: Wire = {"done": True, "done_reason": word}
    own = {name: value for name, value in extra.items() if name not in SAID and value is not None}
    # Readers take these for granted.
    said |= {name: count_of(own.pop(name, 0)) or 0 for name in DURATIONS}
    for name, count in (("prompt_eval_count", usage.input_tokens), ("eval_count", usage.output_tokens)):
        if count is not None:
            said[name] = count
    for name in _NOT_APART:
        if getattr(usage, name):
            losses.dropped(f"usage.{name}", "this protocol does not count them apart")
    return {**said, **own}


def message_extra(extra: Wire, said: Wire) -> None:
    """Fields of the message that only this protocol knows, back where they stood."""
    own = extra.get("message")
    if isinstance(own, dict):
        said.update({name: value for name, value in own.items() if name not in said and name not in ("thinking", "tool_calls")})


def call(part: ToolCall, index: int, losses: Losses) -> Wire:
    """A call. Its arguments are an object: what is none stands in one."""
    arguments: Any = {CUSTOM_INPUT: part.raw_arguments}
    if part.kind == "custom":
        losses.approximated("tool_call", f"there are no calls with plain input here: it stands in an object, as {CUSTOM_INPUT}")
    else:
        raw = part.raw_arguments.encode("utf-8", "surrogatepass")
        try:
            parsed = loads(raw) if raw.strip() else {}
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            arguments = parsed
        else:
            losses.approximated("tool_call.arguments", f"arguments are an object here: they stand in one, as {CUSTOM_INPUT}")
    if part.state is not None:
        losses.dropped("tool_call.state", "this protocol keeps no state")
    said = {"function": {"index": index, "name": part.name, "arguments": arguments}}
    return {"id": part.id, **said} if part.id else said


def logprobs(tokens: Sequence[TokenLogprob]) -> list[Wire]:
    """Tokens with their log probabilities."""
    return [_token(token, top=True) for token in tokens]


def _token(token: TokenLogprob, *, top: bool = False) -> Wire:
    said: Wire = {"token": token.token, "logprob": token.logprob}
    if token.bytes is not None:
        said["bytes"] = list(token.bytes)
    if top and token.top:
        said["top_logprobs"] = [_token(other) for other in token.top]
    return said


def lost(part: Part, losses: Losses) -> None:
    """Notes that ``part`` cannot be said."""
    tag = part.kind if isinstance(part, Opaque) else str(type(part).__struct_config__.tag)
    losses.dropped(tag, "a reply of this protocol has no such part")


def as_json(value: object, losses: Losses) -> bytes:
    """``value`` in JSON, mended where it cannot be."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError):
        losses.approximated("text", "what JSON cannot hold was replaced")
        return msgspec.json.encode(sound(value))
