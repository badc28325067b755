"""Errors in the agent's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trunkline
from trunkline import ContextLengthError, NotFoundError, PermissionDeniedError, QuotaError, TrunklineError


class LLMException(Exception):  # noqa: N818  (the documents' name)
    """Base exception for LLM-related errors."""


class AuthenticationError(LLMException):
    """The provider does not accept the key, or not for this."""


class RateLimitError(LLMException):
    """A rate limit or quota is exceeded."""


class ModelError(LLMException):
    """Something is wrong with the model: there is none of that name, or the prompt does not fit it."""


_WORDS: tuple[tuple[tuple[type[TrunklineError], ...], type[LLMException]], ...] = (
    ((trunkline.AuthenticationError, PermissionDeniedError), AuthenticationError),
    ((trunkline.RateLimitError, QuotaError), RateLimitError),
    ((NotFoundError, ContextLengthError), ModelError),
)


@contextmanager
def in_their_words() -> Iterator[None]:
    """Raises the agent's errors for the library's."""
    try:
        yield
    except TrunklineError as error:
        kind = next((kind for errors, kind in _WORDS if isinstance(error, errors)), LLMException)
        raise kind(str(error)) from error
