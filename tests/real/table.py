"""Which programs there are, and how each differs from what ``scenarios.py`` wants of all."""

from __future__ import annotations

from typing import Any

from tests.real.programs import Program

OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"

# What one has not, and why.
_TYPED = dict.fromkeys(("structured-json", "structuredstream", "corrected"), "an affair of programs for typed answers")
_THOUGHTS = dict.fromkeys(("tools-thinking", "toolstream-thinking"), "the protocol does not send reasoning back")
_OPENAI = _TYPED | _THOUGHTS | {"count": "the protocol counts no tokens"}
_LISTS = {"models": "it lists none", "count": "it counts by itself"}
_HEADER = dict.fromkeys(("retry-should", "retry-shouldnot"), "its own retries know no x-should-retry")

_SDK = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    413: "APIStatusError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    529: "InternalServerError",
}
_ANTHROPIC_SDK = _SDK | {413: "ContentTooLargeError", 503: "ServiceUnavailableError", 529: "OverloadedError"}
_PYDANTIC_AI: dict[str, Any] = {
    400: "ModelRequestRejectedError",
    401: "ModelAuthenticationError",
    403: "ModelAuthenticationError",
    404: "ModelNotFoundError",
    413: "ModelHTTPError",
    429: "ModelRateLimitError",
    500: "ModelServerError",
    503: "ModelOverloadedError",
    529: "ModelOverloadedError",
}
_PYDANTIC_AI_OTHERWISE = {
    "error-context": {"error": "ModelContextWindowExceededError"},
    "broken-event": {"error": "ModelOverloadedError"},
}
_LITELLM = _SDK | {403: "BadRequestError", 503: "ServiceUnavailableError", 529: "APIError"}
_LITELLM_ANTHROPIC = _SDK | {413: "BadRequestError"}
_HTTPX_BREAKS = {"broken-reset": {"error": "ReadError"}, "broken-close": {"error": "RemoteProtocolError"}}

_UNCOUNTED = {"retry": ("retry-count",), "retrystream": ("retry-count",)}
_AI_LACKS = _LISTS | _HEADER
_AI: dict[str, Any] = {
    "every_error": "APICallError",
    "hides": _UNCOUNTED,
    "otherwise": {"broken-event": {"error": "StreamProviderError"}},
    "stop": "stop",
}
_INSTRUCTOR: dict[str, Any] = {
    "only": ("structured", "structuredstream", "corrected", "error", "retry"),
    "every_error": "InstructorRetryException",
    "hides": {"retry": ("text", "finish")},
}
_LLM: dict[str, Any] = {
    "only": (
        "chat", "stream", "thinkingstream", "tools-parallel", "toolstream-parallel", "toolstream-thinking", "image", "structured",
        "error-401", "broken-event", "retry-529",
    ),
    "every_error": "CommandError",
    "hides": {"": ("finish", "calls", "status", "reasoning", "pieces", "usage")},
    "otherwise": {key: {"text": "I look. It is 4 °C in both."} for key in ("tools-parallel", "toolstream-parallel")},
}  # fmt: skip

PROGRAMS: tuple[Program, ...] = (
    Program("openai-python", "sdk", "openai_sdk.py", OPENAI, lacks=_OPENAI, errors=_SDK, broken="APIError"),
    Program(
        "anthropic-python",
        "sdk",
        "anthropic_sdk.py",
        ANTHROPIC,
        lacks=_TYPED,
        errors=_ANTHROPIC_SDK,
        broken="APIStatusError",
        otherwise=_HTTPX_BREAKS,
    ),
    Program(
        "openai-node",
        "node",
        "openai_sdk.mjs",
        OPENAI,
        lacks=_OPENAI,
        errors=_SDK | {413: "APIError"},
        broken="TypeError",
        otherwise={"broken-event": {"error": "APIError"}},
    ),
    Program(
        "anthropic-node",
        "node",
        "anthropic_sdk.mjs",
        ANTHROPIC,
        lacks=_TYPED,
        errors=_ANTHROPIC_SDK,
        broken="AnthropicError",
        otherwise={"broken-event": {"error": "APIError"}},
    ),
    Program(
        "ai-openai", "node", "ai_sdk.mjs", OPENAI, lacks=_OPENAI | _AI_LACKS | {"image-url": "it fetches pictures itself"}, **_AI
    ),
    Program("ai-anthropic", "node", "ai_sdk.mjs", ANTHROPIC, lacks=_TYPED | _AI_LACKS, **_AI),
    Program(
        "litellm-openai",
        "litellm",
        "litellm_client.py",
        OPENAI,
        lacks=_OPENAI | _LISTS | _HEADER | {"retrystream": "its retries end with the head"},
        errors=_LITELLM,
        broken="MidStreamFallbackError",
        hides=_UNCOUNTED,
        otherwise={"error-context": {"error": "ContextWindowExceededError"}},
    ),
    Program(
        "litellm-anthropic",
        "litellm",
        "litellm_client.py",
        ANTHROPIC,
        stop="stop",
        lacks=_TYPED | _LISTS | _HEADER | {"retrystream": "its retries end with the head"},
        errors=_LITELLM_ANTHROPIC,
        broken="MidStreamFallbackError",
        hides=_UNCOUNTED,
        otherwise={
            "error-413": {"status": 400},
            "error-503": {"status": 500},
            "error-529": {"status": 500},
            "error-context": {"error": "ContextWindowExceededError"},
        },
    ),
    Program(
        "langchain-openai",
        "langchain",
        "langchain_client.py",
        OPENAI,
        lacks=_OPENAI | _LISTS,
        errors=_SDK,
        broken="APIError",
        hides={"thinking": ("reasoning",), "thinkingstream": ("reasoning",)},
    ),
    Program(
        "langchain-anthropic",
        "langchain",
        "langchain_client.py",
        ANTHROPIC,
        lacks=_TYPED | {"models": "it lists none"},
        errors=_ANTHROPIC_SDK | {503: "InternalServerError"},
        broken="APIStatusError",
        otherwise=_HTTPX_BREAKS,
    ),
    Program(
        "pydantic-ai-openai",
        "pydantic-ai",
        "pydantic_ai_client.py",
        OPENAI,
        lacks=_OPENAI | _LISTS,
        errors=_PYDANTIC_AI,
        broken="ModelConnectionError",
        otherwise=_PYDANTIC_AI_OTHERWISE,
    ),
    Program(
        "pydantic-ai-anthropic",
        "pydantic-ai",
        "pydantic_ai_client.py",
        ANTHROPIC,
        stop="stop",
        lacks=_TYPED | _LISTS,
        errors=_PYDANTIC_AI,
        broken="ModelConnectionError",
        otherwise=_PYDANTIC_AI_OTHERWISE,
    ),
    Program("instructor-openai", "instructor", "instructor_client.py", OPENAI, **_INSTRUCTOR),
    Program("instructor-anthropic", "instructor", "instructor_client.py", ANTHROPIC, **_INSTRUCTOR),
    Program("llm-openai", "llm", "llm_client.py", OPENAI, lacks=_THOUGHTS, **_LLM),
    Program("llm-anthropic", "llm", "llm_client.py", ANTHROPIC, **_LLM),
)
