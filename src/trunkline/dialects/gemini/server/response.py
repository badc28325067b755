"""Whole replies in this protocol's words (gemini §7), and what streams share with them: candidates, reasons, heads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.headers import Headers
from ....values.message import Citation, Text
from ....values.response import FinishReason, Response, TokenLogprob
from ...dialect import Context, EncodedReply
from ...losses import Losses
from ...served_words import json_bytes as said_as_json, printable
from ..pieces import REPLY_FIELDS
from . import stand_in
from .grounding import OWN, grounded
from .said import Parts
from .usage import usage_in_words

Object = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_REASONS: dict[FinishReason, str] = {
    "stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "error": "MALFORMED_RESPONSE",
    "other": "OTHER",
}  # fmt: skip
_WORD = re.compile(r"[A-Z][A-Z0-9_]*").fullmatch
_SAID_HERE = ("content", "finishReason", "index")
_COMPUTED = ("candidates", "usageMetadata", "modelVersion", "responseId")


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply that says ``response``. When it was made and by which build is not said unless it came so: there is no place."""
    losses = Losses()
    said: list[Object] = []
    if not blocked(response.extra, bool(response.message.parts or response.alternatives)):
        said = [_candidate(response, losses), *(_alternative(choice, losses) for choice in response.alternatives)]
    if response.stop_sequence:
        losses.dropped("stop_sequence", "a reply does not say which one ended it")
    if response.reported_cost is not None:
        losses.dropped("reported_cost", "replies do not say what they cost here")
    body: Object = {"candidates": said} if said else {}
    usage = usage_in_words(response.usage, response.service_tier, losses)
    body |= reply_fields(response.extra)
    if usage is not None:
        body["usageMetadata"] = usage
    body["modelVersion"] = response.model or context.model or "unknown"
    body["responseId"] = response.id or reply_id(context)
    return EncodedReply(
        200, Headers(reply_headers(context, response.request_id)), json_bytes(body, losses), tuple(losses.warnings)
    )


def _candidate(response: Response, losses: Losses) -> Object:
    parts = Parts(losses)
    said = [found for part in response.message.parts for found in parts.of(part)]
    reason = finish_word(response.finish_reason, response.raw_finish_reason, parts)
    citations = [citation for part in response.message.parts if type(part) is Text for citation in part.citations]
    extra = candidate_fields(response.extra, citations, response.text, losses)
    return candidate(said, 0, reason, extra, response.logprobs)


def _alternative(choice: Any, losses: Losses) -> Object:
    parts = Parts(losses)
    said = [found for part in choice.message.parts for found in parts.of(part)]
    reason = finish_word(choice.finish_reason, choice.raw_finish_reason, parts)
    citations = [citation for part in choice.message.parts if type(part) is Text for citation in part.citations]
    return candidate(said, choice.index, reason, candidate_fields({}, citations, choice.message.text, losses), choice.logprobs)


def candidate(said: list[Object], index: int, reason: str | None, extra: Object, logprobs: Sequence[TokenLogprob]) -> Object:
    """One candidate, or a piece of one (``reason`` None: there is more to come)."""
    made: Object = {"content": {"parts": said, "role": "model"} if said else {"role": "model"}}
    if reason is not None:
        made["finishReason"] = reason
    made["index"] = index
    made |= extra
    if logprobs and "logprobsResult" not in extra:
        made["logprobsResult"] = logprobs_in_words(logprobs)
    return made


def logprobs_in_words(logprobs: Sequence[TokenLogprob]) -> Object:
    """What was chosen, and the likeliest at each place; bytes of tokens are not said here."""
    found: Object = {"chosenCandidates": [_token(item) for item in logprobs]}
    if any(item.top for item in logprobs):
        found["topCandidates"] = [{"candidates": [_token(other) for other in item.top]} for item in logprobs]
    return found


def _token(item: TokenLogprob) -> Object:
    return {"token": item.token, "logProbability": item.logprob}


def candidate_fields(extra: Object, citations: Sequence[Citation], text: str, losses: Losses) -> Object:
    """The fields of the first candidate that only this protocol knows; its citations in its own words, or made from ours."""
    own = {name: value for name, value in extra.items() if name not in REPLY_FIELDS and name not in _SAID_HERE}
    if citations and not any(own.get(name) for name in OWN):
        own |= grounded(citations, text, losses)
    return own


def reply_fields(extra: Object) -> Object:
    return {name: value for name, value in extra.items() if name in REPLY_FIELDS and name not in _COMPUTED}


def blocked(extra: Object, said: bool) -> bool:
    """Whether the prompt was refused: such a reply has no candidates (gemini §7)."""
    feedback = extra.get("promptFeedback")
    return not said and isinstance(feedback, dict) and bool(feedback.get("blockReason"))


def finish_word(reason: FinishReason, raw: str | None, parts: Parts) -> str:
    """Why it ended, as it was said in this protocol or in its nearest word. A call ends with ``STOP`` too."""
    if raw and _WORD(raw):
        return raw
    if parts.refused and reason in ("stop", "other"):
        return "SAFETY"
    if reason == "pause":
        parts.losses.approximated("finish_reason", "pause has no word here: OTHER")
    return _REASONS.get(reason, "OTHER")


# --- heads ------------------------------------------------------------------------------------------------------------------


def reply_id(context: Context) -> str:
    return (context.served.reply_id if context.served is not None else None) or stand_in.RESPONSE_ID


def reply_headers(context: Context, known: str | None = None) -> tuple[tuple[str, str], ...]:
    """``x-goog-request-id`` is the server's own id of this exchange, else the one that is ``known``."""
    return ("content-type", "application/json; charset=UTF-8"), *request_id_header(context, known)


def request_id_header(context: Context, known: str | None = None) -> tuple[tuple[str, str], ...]:
    id = (context.served.request_id if context.served is not None else None) or known
    return (("x-goog-request-id", printable(id)),) if id else ()


def json_bytes(body: Object, losses: Losses) -> bytes:
    """``body`` as JSON; media in it as base64."""
    try:
        return _encode(body)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError):
        return said_as_json(_plain(body), losses)


def _plain(value: Any) -> Any:
    """Bytes, which our encoder writes as base64, as text of it."""
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
