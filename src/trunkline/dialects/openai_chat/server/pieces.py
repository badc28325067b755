"""Single pieces of a reply as this protocol writes them, for whole replies and for streams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.media import Data, FileId, LocalFile
from ....values.message import Audio, Citation, Image, ProviderState, ToolCall
from ....values.response import FinishReason, TokenLogprob
from ...dialect import Context
from ...losses import Losses
from ...request_body import cleaned
from ..parts import base64_text, data_url
from ..pieces import ID

Wire = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_REASONS = {"stop": "stop", "length": "length", "content_filter": "content_filter", "error": "error"}
_FOR_CALLS = ("tool_calls", "function_call")
_CUT_OFF = ("length", "content_filter")
LISTS = ("reasoning_details", "annotations", "images")
FIELDS = frozenset(
    {"role", "content", "refusal", "tool_calls", "function_call", "audio", "reasoning", "reasoning_content", *LISTS}
)
"""The fields of a message that our values say."""
_UNLIKELY = -9999.0


def as_json(value: Any, losses: Losses) -> bytes:
    """The JSON of ``value``. Half surrogates, which are no text, become U+FFFD."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        losses.approximated("text", "half surrogates are no text: each was replaced by U+FFFD")
        return _encode(cleaned(value))


def reasoning_field(context: Context) -> str:
    """The field that holds reasoning: the elder of the two names in use, unless the target knows the other."""
    return "reasoning" if context.target.quirks.reasoning_field == "reasoning" else "reasoning_content"


def wants_functions(context: Context) -> bool:
    """Whether the caller knows ``function_call`` only."""
    return context.served is not None and context.served.functions


def custom_tools(context: Context) -> tuple[str, ...]:
    """The names of his tools with plain input."""
    return () if context.served is None else context.served.custom_tools


def wire_reason(reason: FinishReason, raw: str | None, *, calls: bool, functions: bool, losses: Losses) -> str:
    """Why a choice ended: as its own protocol said it, which is this one (see ``crossing``), else our word in its words. To end
    for calls there must have been some, in the same words; one that was cut off in their midst does not end for them."""
    if calls and (not raw or raw in _FOR_CALLS) and reason not in _CUT_OFF:
        return "function_call" if functions else "tool_calls"
    if raw and raw not in _FOR_CALLS:
        return raw
    if reason not in _REASONS:
        losses.approximated("finish_reason", f"this protocol has no word for {reason} here: stop was said")
    return _REASONS.get(reason, "stop")


def own_fields(state: ProviderState | None, field: str, losses: Losses) -> Wire:
    """Provider state as the fields that it is; nothing where it is another protocol's."""
    if state is None:
        return {}
    if state.dialect != ID:
        losses.dropped(field, "it is another protocol's")
        return {}
    try:
        fields = msgspec.json.decode(state.data)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        return fields
    losses.dropped(field, "its state is not a JSON object")
    return {}


def message_fields(state: ProviderState | None, field: str, losses: Losses) -> Wire:
    """The same of what stands in a message: a part of the content (it has a ``type``), or fields beside it. What would break the
    message, or say what our values say, is left out."""
    fields = own_fields(state, field, losses)
    if "type" in fields:
        if isinstance(fields["type"], str) and fields["type"]:
            return fields
        losses.dropped(field, "it has no type")
        return {}
    fields = saying(fields)
    kept = {name: value for name, value in fields.items() if _fits(name, value)}
    for name in [name for name in fields if name not in kept]:
        losses.dropped(f"{field}.{name[:40]}", "it does not fit a message")
    return kept


def saying(fields: Wire) -> Wire:
    """Those of ``fields`` that say something."""
    return {name: value for name, value in fields.items() if value is not None and value != {}}


def _fits(name: str, value: object) -> bool:
    if name in LISTS:
        return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    if name in ("reasoning", "reasoning_content"):
        return isinstance(value, str)
    return name not in FIELDS


def lay(said: Wire, fields: Wire) -> None:
    """Put ``fields`` into ``said``; lists of the same name follow each other."""
    for name, value in fields.items():
        held = said.get(name)
        said[name] = [*held, *value] if isinstance(held, list) and isinstance(value, list) else value


# --- citations --------------------------------------------------------------------------------------------------------


def note(citation: Citation, start: int, end: int, losses: Losses) -> Wire | None:
    """A citation as an annotation of the text from ``start`` to ``end``; None where this protocol has no such thing.

    Places of this protocol's own citations count within the text; another's, which name none, get the whole text.
    """
    if citation.kind not in ("url", "web") or not citation.url:
        losses.dropped("citations", "this protocol cites pages of the web only")
        return None
    if citation.state is not None:
        losses.dropped("citations.state", "it is another protocol's")
    facts: Wire = {}
    if citation.text_start is not None or citation.text_end is not None:
        facts["start_index"] = start + (citation.text_start or 0)
        facts["end_index"] = end if citation.text_end is None else start + citation.text_end
    elif citation.kind != "url":
        facts["start_index"], facts["end_index"] = start, end
    if citation.title is not None:
        facts["title"] = citation.title
    facts["url"] = citation.url
    if citation.cited_text is not None:
        facts["content"] = citation.cited_text
    return {"type": "url_citation", "url_citation": facts}


def is_reference(citation: Citation) -> bool:
    """Whether it is a part of the content here, and no annotation."""
    return citation.state is not None and citation.state.dialect == ID


# --- log probabilities ------------------------------------------------------------------------------------------------


def logprobs(content: Sequence[TokenLogprob], refusal: Sequence[TokenLogprob]) -> Wire:
    """The ``logprobs`` of a choice."""
    return {"content": [_token(one) for one in content] or None, "refusal": [_token(one) for one in refusal] or None}


def _token(token: TokenLogprob) -> Wire:
    return {**_likely(token), "top_logprobs": [_likely(other) for other in token.top]}


def _likely(token: TokenLogprob) -> Wire:
    logprob = token.logprob if math.isfinite(token.logprob) else _UNLIKELY
    return {"token": token.token, "logprob": logprob, "bytes": token.bytes}


# --- calls and media --------------------------------------------------------------------------------------------------


def call(part: ToolCall, losses: Losses) -> Wire:
    """A whole tool call."""
    said: Wire
    if part.kind == "custom":
        said = {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.raw_arguments}}
    else:
        said = {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.raw_arguments}}
    return {**own_fields(part.state, "tool_call.state", losses), **said}


def image(part: Image, losses: Losses) -> Wire | None:
    """A picture (openrouter §3)."""
    source = part.source
    if isinstance(source, (FileId, LocalFile)):
        losses.dropped("image", "pictures of a reply go by address or as bytes here")
        return None
    return {"type": "image_url", "image_url": {"url": data_url(source) if isinstance(source, Data) else source.url}}


def sound(part: Audio, losses: Losses) -> Wire:
    """What was said aloud."""
    said: Wire = {}
    if part.id:
        said["id"] = part.id
    if isinstance(part.source, Data):
        said["data"] = base64_text(part.source.data)
    elif part.source is not None:
        losses.dropped("audio", "sound goes as bytes only here")
    if part.transcript is not None:
        said["transcript"] = part.transcript
    if part.expires_at is not None:
        said["expires_at"] = part.expires_at
    return said
