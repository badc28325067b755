"""The rules of this protocol's streams, and the shapes of their pieces. Source: gemini §4, §6, §7, §8, §9, §13."""

from __future__ import annotations

import binascii
import re

from ..grammar import (
    ANY,
    COUNT,
    FIELD_RULES,
    NAME,
    NUMBER,
    OBJECT,
    OBJECTS,
    TEXT,
    WHOLE,
    Each,
    Fields,
    Leaf,
    Rule,
    Shape,
    word,
)

RULES: tuple[Rule, ...] = (
    Rule(
        "json",
        "Every frame is one JSON object, no name twice in an object.",
        "Every frame is JSON and an object, however loosely written, or some such lines; `[DONE]` is passed over.",
    ),
    Rule("event-name", "A frame has no `event:` and no `id:`."),
    *FIELD_RULES,
    Rule(
        "shape",
        None,
        "Candidates, their contents, parts and calls are objects in lists where they should be, and words are text.",
    ),
    Rule("same-reply", "`responseId` and `modelVersion` are the same in every piece."),
    Rule("candidate", "No two candidates of a piece have the same index."),
    Rule("part", "A part has one field of data, beside what may stand with any."),
    Rule("empty-text", "A text says something, or holds a signature, or comes with the finish reason."),
    Rule("signed-call", "The first call of a candidate is signed: who keeps to the rules of Gemini 3 sends that back."),
    Rule(
        "finish-missing",
        "A candidate that has begun ends with a finish reason.",
        "A candidate that has said something ends with a finish reason.",
    ),
    Rule("last-piece", "All finish reasons come together, in the last piece."),
    Rule(
        "after-finish",
        None,
        "No words and no calls of a candidate follow its finish reason.",
    ),
    Rule("end", "A finish reason, a blocked prompt or an error is the last word.", "The same."),
    Rule(
        "after-end",
        "Nothing follows an error, or the last piece.",
        "Nothing that says anything follows an error.",
    ),
)

STRICT = frozenset(rule.name for rule in RULES if rule.strict is not None)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient is not None)

STATUSES = (
    "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "ABORTED",
    "RESOURCE_EXHAUSTED", "CANCELLED", "INTERNAL", "UNIMPLEMENTED", "UNAVAILABLE", "DEADLINE_EXCEEDED",
)  # fmt: skip


def _is_base64(value: object) -> bool:
    if type(value) is not str:
        return False
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except (ValueError, UnicodeError):
        return False
    return True


_BASE64 = Leaf("base64", _is_base64)
_REASON = Leaf("a word in capitals", lambda value: type(value) is str and value.isascii() and value.isupper() and len(value) > 1)
_FLAG = Leaf("true or false", lambda value: type(value) is bool)
_COUNTS = Each(Fields({"modality": NAME, "tokenCount": COUNT}))

_USAGE = Fields(
    {},
    {
        "promptTokenCount": WHOLE,
        "cachedContentTokenCount": WHOLE,
        "candidatesTokenCount": WHOLE,
        "thoughtsTokenCount": WHOLE,
        "toolUsePromptTokenCount": WHOLE,
        "totalTokenCount": WHOLE,
        "promptTokensDetails": _COUNTS,
        "cacheTokensDetails": _COUNTS,
        "candidatesTokensDetails": _COUNTS,
        "toolUsePromptTokensDetails": _COUNTS,
        "trafficType": TEXT,
        "serviceTier": TEXT,
    },
    ANY,
)
_CONTENT = Fields({"role": word("model")}, {"parts": OBJECTS})
_CANDIDATE = Fields(
    {"content": _CONTENT, "index": COUNT},
    {
        "finishReason": _REASON,
        "finishMessage": TEXT,
        "safetyRatings": Each(OBJECT),
        "citationMetadata": OBJECT,
        "groundingMetadata": OBJECT,
        "urlContextMetadata": OBJECT,
        "logprobsResult": OBJECT,
        "avgLogprobs": NUMBER,
        "tokenCount": WHOLE,
    },
    ANY,
)
PIECE = Fields(
    {"modelVersion": NAME, "responseId": NAME},
    {
        "candidates": Each(_CANDIDATE, filled=True),
        "usageMetadata": _USAGE,
        "promptFeedback": OBJECT,
        "createTime": TEXT,
        "modelStatus": ANY,
    },
)
_DURATION = Leaf("a duration in seconds", lambda value: type(value) is str and bool(re.fullmatch(r"\d+(\.\d{1,9})?s", value)))
_DETAIL = Fields(
    {"@type": NAME},
    {"retryDelay": _DURATION, "reason": NAME, "domain": NAME, "violations": OBJECTS, "fieldViolations": OBJECTS},
    ANY,
)
ERROR = Fields(
    {
        "error": Fields(
            {"code": COUNT, "message": NAME, "status": word(*STATUSES)},
            {"details": Each(_DETAIL, filled=True)},
        )
    }
)

_BESIDE: dict[str, Shape] = {"thought": _FLAG, "thoughtSignature": NAME, "partMetadata": OBJECT, "videoMetadata": OBJECT}
PARTS: dict[str, Fields] = {
    "text": Fields({"text": TEXT}, _BESIDE, ANY),
    "inlineData": Fields({"inlineData": Fields({"mimeType": NAME, "data": _BASE64}, {"displayName": TEXT}, ANY)}, _BESIDE, ANY),
    "fileData": Fields({"fileData": Fields({"fileUri": NAME}, {"mimeType": NAME, "displayName": TEXT}, ANY)}, _BESIDE, ANY),
    "functionCall": Fields({"functionCall": Fields({"name": NAME, "args": OBJECT}, {"id": NAME}, ANY)}, _BESIDE, ANY),
    "functionResponse": Fields({"functionResponse": OBJECT}, _BESIDE, ANY),
    "executableCode": Fields({"executableCode": OBJECT}, _BESIDE, ANY),
    "codeExecutionResult": Fields({"codeExecutionResult": OBJECT}, _BESIDE, ANY),
    "toolCall": Fields({"toolCall": OBJECT}, _BESIDE, ANY),
    "toolResponse": Fields({"toolResponse": OBJECT}, _BESIDE, ANY),
}
"""Parts by their data; a part of a later kind has none of these."""
BESIDE = frozenset(_BESIDE)
