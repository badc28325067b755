"""``generationConfig`` (gemini §3) as ours: what is read is taken out of there, what we have no word for is left as it stands."""

from __future__ import annotations

from typing import Any, cast

from ....values.request import EFFORTS, AudioOutput, Effort, OutputFormat, ReasoningOptions
from ..schemas import camel, json_schema_of
from .fields import refuse, take_flag, take_number, take_whole, texts

Object = dict[str, Any]
AT = "generationConfig."
_JSON = "application/json"


def options_of(config: Object) -> Object:
    """Fields of ``Request``."""
    found: Object = {
        "temperature": take_number(config, "temperature", AT),
        "top_p": take_number(config, "topP", AT),
        "top_k": take_whole(config, "topK", AT),
        "max_tokens": take_whole(config, "maxOutputTokens", AT),
        "presence_penalty": take_number(config, "presencePenalty", AT),
        "frequency_penalty": take_number(config, "frequencyPenalty", AT),
        "n": take_whole(config, "candidateCount", AT, 1),
        "seed": take_whole(config, "seed", AT, -(2**31)),
        "logprobs": take_flag(config, "responseLogprobs", AT),
        "top_logprobs": take_whole(config, "logprobs", AT),
        "reasoning": _reasoning(config),
        "output": _output(config),
    }
    if (stop := config.pop("stopSequences", None)) is not None:
        found["stop"] = texts(stop, f"{AT}stopSequences")
    if (wanted := _modalities(config)) is not None:
        found["modalities"] = wanted
        found["audio"] = _voice(config)
    return found


def _voice(config: Object) -> AudioOutput | None:
    """One of the voices that there are; whatever else is said of speech stays."""
    match config.get("speechConfig"):
        case {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": str(voice), **more}, **beside}, **around} if voice:
            if not (more or beside or around):
                del config["speechConfig"]
                return AudioOutput(voice, "pcm16")
    return None


def _modalities(config: Object) -> tuple[str, ...] | None:
    """Words in small letters, where all are words that we know; else they stay."""
    asked = config.get("responseModalities")
    if asked is None:
        config.pop("responseModalities", None)
        return None
    words = tuple([word.lower() for word in texts(asked, f"{AT}responseModalities")])
    if not {"text", "image", "audio"}.issuperset(words):
        return None
    del config["responseModalities"]
    return words


def _reasoning(config: Object) -> ReasoningOptions | None:
    asked = config.get("thinkingConfig")
    if asked is None:
        config.pop("thinkingConfig", None)
        return None
    if not isinstance(asked, dict):
        refuse(f"{AT}thinkingConfig", "an object is expected")
    at = f"{AT}thinkingConfig."
    said = {camel(name): value for name, value in asked.items() if value is not None}
    shown = take_flag(said, "includeThoughts", at)
    budget = take_whole(said, "thinkingBudget", at, -1)
    level = said.get("thinkingLevel")
    effort = level.lower() if isinstance(level, str) and level.lower() in EFFORTS else None
    if effort is not None:
        del said["thinkingLevel"]
    config["thinkingConfig"] = said
    if not said:
        del config["thinkingConfig"]
    if budget is None and effort is None and shown is None:
        return None
    return ReasoningOptions(
        effort=cast("Effort | None", effort),
        budget=budget if budget is not None and budget > 0 else None,
        enabled=None if budget is None or budget > 0 else budget < 0,
        show=None if shown is None else "summarized" if shown else "omitted",
    )


def _output(config: Object) -> OutputFormat | None:
    """JSON as the reply, with the schema that is given; other types stay, and their schema with them."""
    kind = config.get("responseMimeType")
    if kind is not None and not isinstance(kind, str):
        refuse(f"{AT}responseMimeType", "text is expected")
    if kind in (None, "", "text/plain") or kind is None:
        config.pop("responseMimeType", None)  # the default
        return None
    if kind.lower() != _JSON:
        return None
    del config["responseMimeType"]
    subset, schema = config.pop("responseSchema", None), config.pop("responseJsonSchema", None)
    for name, value in (("responseSchema", subset), ("responseJsonSchema", schema)):
        if value is not None and not isinstance(value, dict):
            refuse(f"{AT}{name}", "a schema is expected, as an object")
    if subset is not None and schema is not None:
        refuse(f"{AT}responseJsonSchema", "either this or responseSchema may be given")
    return OutputFormat(schema if schema is not None else json_schema_of(subset))
