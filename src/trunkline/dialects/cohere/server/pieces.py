"""Pieces of a reply in this protocol's words: what whole replies and streams share."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.message import Audio, Citation, Opaque, Part, ProviderState, Reasoning, Refusal, Text, ToolCall
from ....values.response import FinishReason, TokenLogprob, Usage
from ...grammar import is_count
from ...losses import Losses
from ...served_words import FOREIGN, json_bytes
from ..parts import tag
from ..pieces import CUSTOM_INPUT, ID, PLAN, finish_reason
from ..usage import read_usage

Wire = dict[str, Any]

_any = msgspec.json.Decoder().decode
_CITED = ("TEXT_CONTENT", "THINKING_CONTENT", "PLAN")
_REASONS: dict[FinishReason, str] = {
    "stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "error": "ERROR", "content_filter": "ERROR_TOXIC"
}  # fmt: skip


def own(state: ProviderState | None, field: str, losses: Losses) -> Wire | None:
    """What only this protocol knows, as the fields that it is; None where there are none."""
    if state is None:
        return None
    if state.dialect != ID:
        losses.dropped(f"message.{field}.state", FOREIGN)
        return None
    try:
        value = _any(state.data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        losses.dropped(f"message.{field}.state", "it is not a JSON object")
        return None
    return value


def is_plan(part: Reasoning) -> bool:
    """Whether a thought is what this protocol calls the plan."""
    if part.state is None or part.state.dialect != ID or PLAN.encode() not in part.state.data:
        return False
    value = own(part.state, "reasoning", Losses())
    return value is not None and value.keys() == {PLAN}


# --- content ----------------------------------------------------------------------------------------------------------


def words_of(part: Part, losses: Losses) -> str | None:
    """The words of a part that is text here; None where it is not."""
    if type(part) is Text:
        if part.state is not None:
            losses.dropped("message.text.state", "this protocol keeps no state there")
        return part.text
    if type(part) is Refusal:
        losses.approximated("message.refusal", "a refusal is text like any other here")
        return part.text
    if type(part) is Audio and part.transcript:
        losses.approximated("message.audio", "replies are text here: the transcript alone")
        return part.transcript
    return None


def item_of(part: Part, losses: Losses) -> Wire | None:
    """A part that is neither words nor a thought nor a call, as an item of content; None where it cannot be said."""
    if type(part) is Opaque and (item := own(part.state, part.kind, losses)) is not None and isinstance(item.get("type"), str):
        return item
    if type(part) is not Opaque:
        losses.dropped(f"message.{tag(part)}", "a reply of this protocol has no such part")
    return None


def thought(part: Reasoning, losses: Losses) -> str:
    """The words of a thought; none where it has none, with a warning."""
    if part.state is not None and not is_plan(part):
        losses.dropped("message.reasoning.state", "thoughts have no state here")
    if not part.text:
        losses.dropped("message.reasoning", "a thought without words is none here")
    return part.text


def call_of(part: ToolCall, n: int, losses: Losses) -> Wire:
    """Call number ``n``."""
    arguments = part.raw_arguments or "{}"
    if part.kind == "custom":
        losses.approximated("message.tool_call", f"plain input stands in an object, as {CUSTOM_INPUT}")
        arguments = json_bytes({CUSTOM_INPUT: part.raw_arguments}, losses).decode()
    else:
        judge(arguments, losses)
    if not part.name:
        losses.approximated("message.tool_call.name", "it has none: unknown was said")
    name = part.name or "unknown"
    others = own(part.state, "tool_call", losses) or {}
    return {**others, "id": part.id or f"{name}_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}


def judge(arguments: str, losses: Losses) -> None:
    """Note arguments that are no JSON object; none at all are one."""
    try:
        if not arguments or isinstance(_any(arguments), dict):
            return
    except (ValueError, RecursionError):
        pass
    losses.approximated("message.tool_call.arguments", "they are no JSON object, and went out as they came")


def cite(citation: Citation, text: str, place: int, losses: Losses) -> Wire:
    """A citation of item number ``place``, whose words so far are ``text``: in its own form, or in the one of this protocol."""
    if citation.state is not None and citation.state.dialect == ID:
        item = own(citation.state, "citations", losses)
        if item is not None and is_citation(item):
            return item if item.get("content_index", place) == place else {**item, "content_index": place}
    elif citation.state is not None:
        losses.dropped("message.citations.state", "another protocol's, which this one has no words for")
    if citation.start is not None or citation.document is not None or citation.file_id is not None:
        losses.dropped("message.citations.place", "where in its source it stands is not said here")
    start, end = citation.text_start or 0, citation.text_end
    start = min(max(0, start), len(text))
    end = len(text) if end is None else min(max(start, end), len(text))
    facts = {name: value for name in ("title", "url") if (value := getattr(citation, name)) is not None}
    source: Wire = {"type": "document", "document": facts}
    if citation.source or citation.url:
        source["id"] = citation.source or citation.url
    said = citation.cited_text if citation.cited_text is not None else text[start:end]
    return {"start": start, "end": end, "text": said, "sources": [source], "type": "TEXT_CONTENT", "content_index": place}


def is_citation(item: Wire) -> bool:
    """Whether it has what every citation of this protocol has."""
    sources = item.get("sources")
    return (
        is_count(item.get("start"))
        and is_count(item.get("end"))
        and isinstance(item.get("text"), str)
        and is_count(item.get("content_index", 0))
        and item.get("type", "TEXT_CONTENT") in _CITED
        and isinstance(sources, list)
        and all(isinstance(source, dict) and _is_source(source) for source in sources)
    )


def _is_source(source: Wire) -> bool:
    facts = [source.get(name, {}) for name in ("document", "tool_output")]
    return (
        source.get("type") in ("document", "tool")
        and isinstance(source.get("id", ""), str)
        and all(isinstance(fact, dict) for fact in facts)
    )


def logprob(token: TokenLogprob, losses: Losses) -> Wire:
    """One piece of the reply with its log probability; the ids of its tokens are nobody's but the provider's."""
    if token.top:
        losses.dropped("logprobs.top", "the likeliest others are not said here")
    return {"text": token.token, "token_ids": [], "logprobs": [token.logprob]}


# --- the end ----------------------------------------------------------------------------------------------------------


def reason_of(reason: FinishReason, raw: str | None, sequence: str | None, losses: Losses, *, calls: bool) -> str:
    """Why it ended: as it was said in this protocol, or in its nearest word."""
    if raw and raw.isupper() and raw != "TOOL_CALL" and finish_reason(raw, calls=calls) == reason:
        return raw
    if sequence is not None:
        losses.dropped("stop_sequence", "which it was is not said here")
        if reason == "stop":
            return "STOP_SEQUENCE"
    if reason == "tool_calls" and not calls:
        losses.approximated("finish_reason", "there is no call of a tool: COMPLETE")
        return "COMPLETE"
    word = _REASONS.get(reason, "COMPLETE")
    if reason not in _REASONS:
        losses.approximated("finish_reason", f"{reason} has no word here: {word}")
    return word


def usage_of(usage: Usage, losses: Losses) -> Wire:
    """Tokens: the provider's own figures where they are known, else ours. What is not known is not said."""
    if usage.raw and ("tokens" in usage.raw or "billed_units" in usage.raw) and read_usage(usage.raw) == usage:
        return dict(usage.raw)
    if usage.cache_write_tokens:
        losses.dropped("usage.cache_write_tokens", "counted within the input here")
    for name in ("input_audio_tokens", "output_audio_tokens", "output_image_tokens"):
        if getattr(usage, name):
            losses.dropped(f"usage.{name}", "counted within input and output here")
    counted = (("input_tokens", usage.input_tokens), ("output_tokens", usage.output_tokens))
    billed = {name: value for name, value in counted if value is not None}
    detailed = (("reasoning_tokens", usage.reasoning_tokens), ("image_tokens", usage.input_image_tokens))
    said: Wire = {}
    if billed:
        said["billed_units"] = billed
        said["tokens"] = {**billed, **{name: value for name, value in detailed if value is not None}}
    if usage.cache_read_tokens is not None:
        said["cached_tokens"] = usage.cache_read_tokens
    return said
