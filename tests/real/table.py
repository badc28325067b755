"""Which programs there are, and how each differs from what ``scenarios.py`` wants of all."""

from __future__ import annotations

from typing import Any

from tests.real.programs import Program

OPENAI, ANTHROPIC, RESPONSES = "openai-chat", "anthropic-messages", "openai-responses"

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
_PYDANTIC_AI = {
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

_RESPONSES = _TYPED | {"models": "asked in its other protocol"}
_GOOGLE_SDK = dict.fromkeys((400, 401, 403, 404, 413, 429), "ClientError") | dict.fromkeys((500, 503, 529), "ServerError")
_BOTOCORE = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    413: "ValidationException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
}
_COHERE_SDK = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    413: "ApiError",
    429: "TooManyRequestsError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
    529: "ApiError",
}
_NO_529 = dict.fromkeys(("retry-529", "retrystream-529"), "its own retries know no 529")
_NO_RESET = {"retry-reset": "its own retries know no broken connection"}


def _uncounted(why: str) -> dict[str, Any]:
    """Where reasoning is not counted apart, the simulator's count of it is lost, and that is told."""
    thinking = {"warnings": [f"usage.reasoning_tokens was dropped: {why}"]}
    return dict.fromkeys(("thinking", "thinkingstream", "tools-thinking", "toolstream-thinking"), thinking)


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
    Program(
        "responses-python",
        "sdk",
        "openai_responses.py",
        RESPONSES,
        lacks=_RESPONSES,
        errors=_SDK,
        broken="APIConnectionError",
        otherwise={"broken-event": {"error": "FailedEvent"}},
    ),
    Program(
        "responses-node",
        "node",
        "openai_responses.mjs",
        RESPONSES,
        lacks=_RESPONSES | {"count": "asked in Python"},
        errors=_SDK | {413: "APIError"},
        broken="TypeError",
        otherwise={"broken-event": {"error": "APIError"}},
    ),
    Program(
        "google-genai",
        "google",
        "google_genai.py",
        "gemini",
        lacks=_TYPED | _HEADER | _NO_RESET,
        errors=_GOOGLE_SDK,
        hides=_UNCOUNTED,
        otherwise=_HTTPX_BREAKS | {"broken-event": {"error": "ServerError"}},
    ),
    Program(
        "google-vertex",
        "google",
        "google_genai.py",
        "gemini",
        only=("chat", "stream", "tools", "toolstream-parallel", "image", "structured", "error-429", "models", "count"),
        lacks=_THOUGHTS,
        errors=_GOOGLE_SDK,
        variables={"GOOGLE_GENAI_USE_VERTEXAI": "true"},
    ),
    Program(
        "botocore",
        "aws",
        "botocore_client.py",
        "bedrock-converse",
        lacks=_TYPED | _HEADER | _NO_529 | {"image-url": "it takes no addresses", "models": "another service lists them"},
        errors=_BOTOCORE,
        broken="ProtocolError",
        hides=_UNCOUNTED,
        otherwise=_uncounted("counted within input and output here") | {"broken-event": {"error": "EventStreamError"}},
    ),
    Program(
        "cohere",
        "cohere",
        "cohere_client.py",
        "cohere",
        lacks=_TYPED | _HEADER | _NO_RESET | {"retrystream": "it tries no stream again", "count": "it counts none"},
        errors=_COHERE_SDK,
        hides=_UNCOUNTED,
        otherwise=_HTTPX_BREAKS | {"broken-event": {"error": "ErrorEvent"}},
    ),
    Program(
        "ollama",
        "ollama",
        "ollama_client.py",
        "ollama",
        lacks=_TYPED
        | dict.fromkeys(("retry", "retrystream"), "it tries nothing again")
        | {"image-url": "it takes no addresses", "count": "it counts none"},
        every_error="ResponseError",
        hides={"error-429": ("retry-after",)},
        otherwise=_uncounted("this protocol does not count them apart") | _HTTPX_BREAKS,
    ),
    Program(
        "mistral",
        "mistral",
        "mistral_client.py",
        OPENAI,
        only=("chat", "system", "stream", "tools", "tools-parallel", "image", "structured", "error", "broken", "retry-429"),
        lacks=_THOUGHTS,
        every_error="SDKError",
        hides={"stream": ("usage",), **_UNCOUNTED},
        otherwise=_HTTPX_BREAKS | {"broken-event": {"error": "ResponseValidationError"}},
    ),
)
