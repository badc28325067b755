"""Tokens in our convention: input includes what hosted tools put into the prompt, output includes thoughts (gemini §7)."""

from __future__ import annotations

from typing import Any

from ...values.response import Usage
from .reasons import MODALITY_NUMBERS, name_of


def usage_of(raw: dict[str, Any]) -> Usage:
    """``usageMetadata`` as ours. Zero is left out on the wire, so a figure that is missing beside others is 0; but where the
    prompt's is, the total says what it was (RULES)."""
    prompt, total = count_of(raw.get("promptTokenCount")), count_of(raw.get("totalTokenCount"))
    written, thought = count_of(raw.get("candidatesTokenCount")), count_of(raw.get("thoughtsTokenCount"))
    if prompt is None and total is None and written is None and thought is None:
        return Usage(raw=raw)
    output = (written or 0) + (thought or 0)
    given = (prompt or 0) + (count_of(raw.get("toolUsePromptTokenCount")) or 0)
    return Usage(
        max(given, (total or 0) - output) if prompt is None else given,
        output,
        count_of(raw.get("cachedContentTokenCount")),
        reasoning_tokens=thought,
        input_audio_tokens=_of(raw.get("promptTokensDetails"), "AUDIO"),
        output_audio_tokens=_of(raw.get("candidatesTokensDetails"), "AUDIO"),
        input_image_tokens=_of(raw.get("promptTokensDetails"), "IMAGE"),
        output_image_tokens=_of(raw.get("candidatesTokensDetails"), "IMAGE"),
        raw=raw,
    )


def tier_of(raw: dict[str, Any]) -> str | None:
    tier = raw.get("serviceTier")
    return tier if isinstance(tier, str) and tier else None


def _of(details: object, modality: str) -> int | None:
    """The tokens of one modality; None where there are none."""
    found = [
        count
        for item in (details if isinstance(details, list) else ())
        if isinstance(item, dict)
        and name_of(item.get("modality"), MODALITY_NUMBERS) == modality
        and (count := count_of(item.get("tokenCount"))) is not None
    ]
    return sum(found) if found else None


def count_of(value: object) -> int | None:
    """A count; int64 may come as text (gemini §2)."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None
