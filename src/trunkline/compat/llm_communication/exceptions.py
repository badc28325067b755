"""The host's exceptions, and the way between those and the library's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trunkline import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    DeadlineError,
    NoProviderError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    TransportError,
    TrunklineError,
)


class LLMException(Exception):  # noqa: N818  (the documents' name)
    """Base exception for LLM communication errors."""


class ProviderUnavailableException(LLMException):
    """No provider is available."""


class RateLimitException(LLMException):
    """A rate limit or quota is exceeded."""


class AuthenticationException(LLMException):
    """The provider does not accept the key, or not for this."""


class NetworkException(LLMException):
    """The connection failed, broke off, or took too long."""


_EXCEPTIONS: tuple[tuple[tuple[type[TrunklineError], ...], type[LLMException]], ...] = (
    ((AuthenticationError, PermissionDeniedError), AuthenticationException),
    ((RateLimitError, QuotaError), RateLimitException),
    ((OverloadedError, ServerError, NoProviderError, CircuitOpenError, ConcurrencyLimitError), ProviderUnavailableException),
    ((TransportError, DeadlineError, StreamInterruptedError), NetworkException),
)


def _exception_for(error: TrunklineError) -> type[LLMException]:
    """Several targets that failed alike failed in that way; else none was available."""
    if isinstance(error, AllTargetsFailedError):
        kinds = {_exception_for(failed) for failed in error.errors}
        return kinds.pop() if len(kinds) == 1 else ProviderUnavailableException
    return next((kind for errors, kind in _EXCEPTIONS if isinstance(error, errors)), LLMException)


@contextmanager
def in_their_words() -> Iterator[None]:
    """Raises the host's exceptions for the library's errors."""
    try:
        yield
    except TrunklineError as error:
        raise _exception_for(error)(str(error)) from error


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raises the library's errors for the exceptions of a provider of the host's own, so that the engine can judge them."""
    try:
        yield
    except NetworkException as error:
        raise TransportError("its connection failed", phase="head", sent=True, provider_message=str(error)) from error
    except RateLimitException as error:
        raise RateLimitError("it is asked too often", provider_message=str(error)) from error
    except AuthenticationException as error:
        raise AuthenticationError("it does not accept its key", provider_message=str(error)) from error
    except ProviderUnavailableException as error:
        raise ServerError("it is not available", provider_message=str(error)) from error
    except LLMException as error:
        raise ProviderError("it failed", provider_message=str(error)) from error
