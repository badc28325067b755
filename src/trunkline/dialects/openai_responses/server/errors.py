"""Errors inside a stream of this protocol: an ``error``, and the response that failed of it (openai-responses §7, §8)."""

from __future__ import annotations

from typing import Any

from ....values.errors import ProviderError
from ...openai_errors import error_words, telling_code


def stream_error(error: ProviderError) -> dict[str, Any]:
    """The fields of the ``error`` event: flat, as the vendor's types have it."""
    said = error_words(error)
    return {"code": telling_code(error), "message": said["message"], "param": said["param"]}


def failure(error: ProviderError) -> dict[str, Any]:
    """The ``error`` of a response that failed."""
    said = error_words(error)
    return {"code": telling_code(error), "message": said["message"]}
