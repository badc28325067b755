"""What both halves agree on: the dialect's id, its words for an end, and small pieces of a body (local-servers §3)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...values.response import FinishReason, TokenLogprob

ID = "ollama"
CUSTOM_INPUT = "input"
"""The one argument of the function that stands for a tool whose input is plain text, and of a call whose arguments are no JSON
object, which this protocol cannot say."""
DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
"""Nanoseconds. 0 means that nobody has measured (the server itself leaves such figures out)."""
_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


def finish_reason(raw: str | None, *, calls: bool) -> FinishReason:
    """Our word for the server's, which says ``stop`` of calls too; ``tool_calls`` whenever there are calls."""
    return "tool_calls" if calls else _REASONS.get(raw or "", "other")


def text_or_none(value: object) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; what is no list has none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count_of(value: object) -> int | None:
    """A number of tokens."""
    return value if type(value) is int and value >= 0 else None


def call_id(created: str | None, number: int) -> str:
    """An id for a call that came without one (older servers), so that an answer can name it: the same whenever it is read."""
    return f"call_{hashlib.sha256(f'{created}/{number}'.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def seconds_of(moment: str | None) -> int | None:
    """Unix seconds of an RFC 3339 time; None where it is none."""
    if moment is None:
        return None
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return None
    try:
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError):
        return None


def moment_of(seconds: int) -> str:
    """Unix seconds as an RFC 3339 time in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return moment_of(0)


def arguments_text(value: object) -> str:
    """The arguments of a call as JSON text; null and nothing are no arguments."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def logprobs_of(value: object) -> tuple[TokenLogprob, ...]:
    """The tokens with their log probabilities: all of them, those of the thought too."""
    return tuple([found for item in objects(value) if (found := _logprob(item)) is not None])


def _logprob(item: dict[str, Any]) -> TokenLogprob | None:
    token, number, raw = item.get("token"), item.get("logprob"), item.get("bytes")
    if not isinstance(token, str) or not isinstance(number, (int, float)) or not abs(number) < 1e300:
        return None
    whole = tuple(raw) if isinstance(raw, list) and all(type(byte) is int for byte in raw) else None
    return TokenLogprob(token, float(number), whole, logprobs_of(item.get("top_logprobs")))
