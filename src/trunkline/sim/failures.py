"""Errors that the simulator sends: what a word or a status means, in our classes; the protocol's words are its server half's
affair."""

from __future__ import annotations

from ..dialects.dialect import Context, ServerHalf
from ..dialects.error_kinds import in_our_words, kind_of_status
from ..values.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from ..values.headers import Headers
from ..wire.http import HttpReply
from .limits import Refused
from .steps import Fail, Kind, StreamError

CLASSES: dict[Kind, type[ProviderError]] = {
    "authentication": AuthenticationError,
    "permission": PermissionDeniedError,
    "not_found": NotFoundError,
    "invalid_request": InvalidRequestError,
    "context_length": ContextLengthError,
    "content_filter": ContentFilterError,
    "rate_limit": RateLimitError,
    "quota": QuotaError,
    "overloaded": OverloadedError,
    "server": ServerError,
}


_WORDS: dict[type[ProviderError], str] = {
    AuthenticationError: "Incorrect API key provided (simulated).",
    ContextLengthError: "This model's maximum context length is 8192 tokens, and this prompt has 8193 (simulated).",
}
"""As at providers: some programs tell these errors by their words."""


def error_of(step: Fail | StreamError, model: str | None = None) -> ProviderError:
    """The error that a step asks for, of a request for ``model``."""
    status = step.status if isinstance(step, Fail) else None
    if step.kind is not None:
        kind = CLASSES[step.kind]
    else:
        kind = ServerError if status is None or status < 300 else kind_of_status(status)
    words = step.message or _WORDS.get(kind, f"This is a simulated error: {in_our_words(kind)}.")
    retry_after = step.retry_after if isinstance(step, Fail) else None
    return kind(words, status=status, code=step.code, retry_after=retry_after, provider_message=words, model=model)


def failed(step: Fail, half: ServerHalf, context: Context) -> HttpReply:
    """The reply that ``step`` asks for: the protocol's own, but for what the step says itself."""
    reply = half.encode_error(error_of(step, context.model), context)
    given = {name.lower() for name in step.headers}
    kept = [(name, value) for name, value in reply.headers.pairs if name.lower() not in given]
    headers = Headers([*kept, *step.headers.items()])
    body = reply.body if step.body is None else step.body
    assert isinstance(body, bytes)
    return HttpReply(reply.status if step.status is None else step.status, headers, body)


def over_limit(refused: Refused) -> RateLimitError:
    """The error of a request that a limit does not let pass."""
    words = f"Rate limit reached: {refused.limit.replace('_', ' ')} (simulated)."
    if refused.retry_after is None:
        words = f"Request too large: more {refused.limit.replace('_', ' ')} than the limit allows at all (simulated)."
    return RateLimitError(
        words,
        status=429,
        retry_after=refused.retry_after,
        provider_message=words,
        should_retry=False if refused.retry_after is None else None,
    )


def wrong_key(shown: bool) -> AuthenticationError:
    """The error of a request whose key is not accepted, or that shows none."""
    words = _WORDS[AuthenticationError] if shown else "There is no key (simulated)."
    return AuthenticationError(words, status=401, provider_message=words)


def unknown_model(name: str) -> NotFoundError:
    """The error of a request for a model that is not there."""
    words = f"The model {name[:100]!r} does not exist (simulated)."
    return NotFoundError("there is no such model (simulated)", status=404, code="model_not_found", provider_message=words)
