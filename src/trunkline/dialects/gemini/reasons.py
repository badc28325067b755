"""Why a reply ended, and other enumerations of the wire: names in capitals, or numbers where ``enum-encoding=int`` was asked."""

from __future__ import annotations

from ...values.response import FinishReason

_FILTERED = (
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED", "JAILBREAK",
)  # fmt: skip
_FAILED = (
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE",
)  # fmt: skip
_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(_FAILED, "error"),
}
_UNSAID = ("", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
FINISH_NUMBERS = (
    "", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
    "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER",
    "UNEXPECTED_TOOL_CALL", "NO_IMAGE",
)  # fmt: skip
"""As aiplatform v1 numbers them; above 5 AI Studio's service has others, and the SDKs know its names only."""
BLOCK_NUMBERS = ("", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "MODEL_ARMOR", "IMAGE_SAFETY", "JAILBREAK")
MODALITY_NUMBERS = ("", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")


def name_of(value: object, numbers: tuple[str, ...]) -> str | None:
    """The name of an enumeration's value, whichever way it was written; None where it says nothing."""
    if type(value) is int:
        value = numbers[value] if 0 <= value < len(numbers) else str(value)
    return value if isinstance(value, str) and value not in _UNSAID else None


def reason_of(raw: str | None, *, calls: bool, blocked: bool = False) -> FinishReason:
    """Our word; a function call ends with ``STOP`` too (gemini §7)."""
    if calls:
        return "tool_calls"
    return "content_filter" if blocked else _REASONS.get(raw or "", "other")
