"""Which of our errors a failure of the program is: by ``api_error_status`` and the word of its last line, then by its subtype."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.errors import AuthenticationError, MalformedResponseError, ProviderError, QuotaError, ServerError
from ...values.headers import NO_HEADERS
from ...wire.http import HttpReply
from ..dialect import Context
from ..error_body import error_class, provider_error, read_error, read_error_body

_SUBTYPES: dict[str, type[ProviderError]] = {
    "error_max_turns": ServerError,
    "error_during_execution": ServerError,
    "error_max_budget_usd": QuotaError,
    "error_max_structured_output_retries": MalformedResponseError,
}
_LOGIN = "run `claude` once and log in, or hand over api_key"


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that an unsuccessful reply is; a program has none, but whoever stands in for it may. Never raises."""
    return provider_error(read_error_body(reply.body), context.target, status=reply.status, headers=reply.headers)


def error_of_result(result: dict[str, Any], word: str | None, context: Context) -> ProviderError:
    """The error that the program's ``result`` line is; ``word`` is the ``error`` of the line before it (claude-cli §4)."""
    status = result.get("api_error_status")
    status = status if type(status) is int else None
    said = result.get("result")
    if not isinstance(said, str):
        errors = result.get("errors")
        said = "; ".join(error for error in errors if isinstance(error, str)) if isinstance(errors, list) else ""
    told: dict[str, Any] = {"message": said}
    if word and word != "unknown":
        told["type"] = word
    body = read_error({"error": told})
    subtype = result.get("subtype")
    kind = _SUBTYPES.get(subtype) if isinstance(subtype, str) else None
    kind = kind or error_class(body, status, context.target.quirks)
    error = provider_error(
        msgspec.structs.replace(body, message=said or None), context.target, status=status, headers=NO_HEADERS, kind=kind
    )
    if isinstance(error, AuthenticationError):
        error.hint = _LOGIN
    return error
