"""Errors in the assistant's words, and the way between those and the library's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trunkline import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    TransportError,
    TrunklineError,
    UnsupportedOperationError,
    UsageError,
)


class LLMError(Exception):
    """Base exception."""


class LLMConnectionError(LLMError):
    """The connection failed, or the provider did."""


class LLMTimeoutError(LLMError):
    """The request took too long."""


class LLMRateLimitError(LLMError):
    """A rate limit or quota is exceeded."""


class LLMInvalidRequestError(LLMError):
    """The request cannot succeed as it stands; a key that is missing or wrong counts as that."""


_WORDS: tuple[tuple[tuple[type[TrunklineError], ...], type[LLMError]], ...] = (
    ((DeadlineError,), LLMTimeoutError),
    ((RateLimitError, QuotaError), LLMRateLimitError),
    ((TransportError, StreamInterruptedError, OverloadedError, ServerError, AllTargetsFailedError), LLMConnectionError),
    ((CircuitOpenError, ConcurrencyLimitError), LLMConnectionError),
    (
        (UsageError, UnsupportedOperationError, InvalidRequestError, NotFoundError, AuthenticationError, PermissionDeniedError),
        LLMInvalidRequestError,
    ),
)


@contextmanager
def in_their_words() -> Iterator[None]:
    """Raises the assistant's errors for the library's."""
    try:
        yield
    except TrunklineError as error:
        kind = next((kind for errors, kind in _WORDS if isinstance(error, errors)), LLMError)
        raise kind(str(error)) from error


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raises the library's errors for those of a provider of the host's own, so that the engine can judge them."""
    try:
        yield
    except LLMConnectionError as error:
        raise TransportError("its connection failed", phase="head", sent=True, provider_message=str(error)) from error
    except LLMTimeoutError as error:
        raise DeadlineError("it took too long", phase="first_byte", provider_message=str(error)) from error
    except LLMRateLimitError as error:
        raise RateLimitError("it is asked too often", provider_message=str(error)) from error
    except LLMInvalidRequestError as error:
        raise InvalidRequestError("it refused the request", provider_message=str(error)) from error
    except LLMError as error:
        raise ProviderError("it failed", provider_message=str(error)) from error
