"""Tokens as this protocol counts them (gemini §7): its own figures where they are known, else ours."""

from __future__ import annotations

from typing import Any

from ....values.response import Usage
from ...losses import Losses
from ..usage import usage_of

Object = dict[str, Any]


def usage_in_words(usage: Usage, tier: str | None, losses: Losses) -> Object | None:
    """``usageMetadata``: input includes the cache, what candidates hold excludes thoughts. None where nothing is known."""
    said: Object = {}
    if usage.raw and usage_of(usage.raw) == usage:
        said = {name: value for name, value in usage.raw.items() if value is not None}
    elif usage.input_tokens is not None or usage.output_tokens is not None:
        said = _computed(usage, losses)
    if tier is not None and "serviceTier" not in said:
        said["serviceTier"] = tier
    return said or None


def _computed(usage: Usage, losses: Losses) -> Object:
    for name, value in (("input_tokens", usage.input_tokens), ("output_tokens", usage.output_tokens)):
        if value is None:
            losses.approximated(f"usage.{name}", "it is not known, and said to be 0")
    prompt, output, thoughts = usage.input_tokens or 0, usage.output_tokens or 0, usage.reasoning_tokens
    if thoughts is not None and thoughts > output:
        losses.approximated("usage.reasoning_tokens", "more than the whole output: no more than that is said")
        thoughts = output
    if usage.cache_write_tokens:
        losses.dropped("usage.cache_write_tokens", "counted within the prompt here")
    counted = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": output - (thoughts or 0),
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + output,
        "promptTokensDetails": _details(prompt, usage.input_audio_tokens, usage.input_image_tokens),
        "candidatesTokensDetails": _details(output - (thoughts or 0), usage.output_audio_tokens, usage.output_image_tokens),
    }
    return {name: value for name, value in counted.items() if value is not None}


def _details(whole: int, audio: int | None, image: int | None) -> list[Object] | None:
    """The tokens by modality, where more than text is known of them."""
    if audio is None and image is None:
        return None
    counts = {"TEXT": max(0, whole - (audio or 0) - (image or 0)), "AUDIO": audio, "IMAGE": image}
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count is not None]
