"""google-genai reading the same bytes from the same server.

What the SDK cannot read is read from the raw JSON, by the same rules: enumerations as numbers (``enum-encoding=int``), the JSON
array that a stream without ``alt=sse`` is, and two made-up streams: one without blank lines between its events, one with a
signature that is not base64.

Further normalisation (see ``reading``): text and reasoning are the parts of the first candidate that are no thoughts, and that
are; the input is prompt and tool-use tokens, the output candidates and thoughts, each as the last piece of a stream that tells any
has it (zero is left out on the wire, so a figure that is missing beside others is 0; but where the prompt's is missing, the total
says what it was); a blocked prompt ends with its ``blockReason`` for ``content_filter``.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from google import genai
from google.genai import types

from tests.recorded.reading import Reading
from tests.recorded.records import Record

_FILTERED = {
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED",
}  # fmt: skip
_FAILED = {
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE",
}  # fmt: skip
_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"} | dict.fromkeys(_FILTERED, "content_filter") | dict.fromkeys(_FAILED, "error")
_NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}


@cache
def _client() -> Any:
    return genai.Client(api_key="judge-000000000000", vertexai=False)  # one for all: each loads the system's certificates


def read(record: Record, url: str) -> Reading:
    """What the SDK reads. Raises the errors of the provider's that it raises."""
    if not record.body.startswith(b"["):
        try:
            return _reading([_of(reply) for reply in _replies(record, url)])
        except (ValueError, AttributeError):  # the SDK's own: it cannot read the bytes
            pass
    return _reading([_plain(reply) for reply in _raw(record.body)])


def _replies(record: Record, url: str) -> list[Any]:
    options = types.HttpOptions(base_url=url, api_version="v1beta")
    config = types.GenerateContentConfig(http_options=options)
    models = _client().models
    if record.stream:
        return list(models.generate_content_stream(model=record.model, contents="hi", config=config))
    return [models.generate_content(model=record.model, contents="hi", config=config)]


def _raw(body: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data:") for line in body.splitlines() if line.startswith(b"data:")]
    value = [json.loads(line) for line in lines] if lines else json.loads(body)
    return value if isinstance(value, list) else [value]


def _of(reply: Any) -> Any:
    """The SDK's value as JSON of its own making."""
    return reply.model_dump(mode="json", by_alias=True, exclude_none=True)


def _plain(reply: Any) -> Any:
    """Raw JSON with names where it has numbers."""
    for candidate in reply.get("candidates", ()):
        if isinstance(candidate.get("finishReason"), int):
            candidate["finishReason"] = _NUMBERS[candidate["finishReason"]]
    return reply


def _reading(replies: list[Any]) -> Reading:
    parts: list[Any] = []
    raw: str | None = None
    usage: dict[str, Any] = {}
    head: dict[str, Any] = {"id": None, "model": None}
    blocked: str | None = None
    for reply in replies:
        usage |= reply.get("usageMetadata") or {}
        head = {"id": reply.get("responseId") or head["id"], "model": reply.get("modelVersion") or head["model"]}
        blocked = (reply.get("promptFeedback") or {}).get("blockReason") or blocked
        for candidate in reply.get("candidates") or ():
            if not candidate.get("index"):
                parts += (candidate.get("content") or {}).get("parts") or []
                raw = candidate.get("finishReason") or raw
    calls = [_call(part["functionCall"]) for part in parts if part.get("functionCall") is not None]
    return {
        "text": "".join(part.get("text") or "" for part in parts if not part.get("thought")),
        "reasoning": "".join(part.get("text") or "" for part in parts if part.get("thought")),
        "calls": calls,
        "finish": "tool_calls" if calls else "content_filter" if blocked else _FINISH.get(raw or "", "other"),
        "raw_finish": blocked or raw,
        **_usage(usage),
        **head,
        "refusal": None,
    }


def _call(call: Any) -> list[Any]:
    return [call.get("id") or None, call.get("name") or "", call.get("args") or {}]


def _usage(usage: dict[str, Any]) -> Reading:
    told = any(name in usage for name in ("promptTokenCount", "totalTokenCount", "candidatesTokenCount", "thoughtsTokenCount"))
    if not told:
        return {"input": None, "output": None, "cached": None}
    output = (usage.get("candidatesTokenCount") or 0) + (usage.get("thoughtsTokenCount") or 0)
    given = (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0)
    return {
        "input": given if usage.get("promptTokenCount") is not None else max(given, (usage.get("totalTokenCount") or 0) - output),
        "output": output,
        "cached": usage.get("cachedContentTokenCount"),
    }
