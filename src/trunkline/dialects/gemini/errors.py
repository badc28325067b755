"""Which of our errors a reply of this protocol is: by ``details[].reason`` and ``status``, then by the HTTP status (gemini §9).

The text is asked where there is no word: a prompt that is too long, a region that is not served, a limit that is 0 or spent.
"""

from __future__ import annotations

from ...values.errors import (
    InvalidRequestError,
    MalformedResponseError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
)
from ...values.headers import NO_HEADERS, Headers
from ...values.late_pattern import LatePattern
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import ErrorBody, error_class, provider_error, read_error, read_error_body

_NO_LIMIT = LatePattern(r"limit: 0\b(?![.,]\d)|\bspend(?:ing)? (?:limit|cap)|\bprepayment credits|\bbilling account")
_NOT_HERE = LatePattern(r"location is not supported|region is not supported|not available in your (?:country|region)")
_UNPAID = LatePattern(r"\benable billing|\bbilling (?:is |to be )?(?:not |disabled|enabled)")


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that an unsuccessful reply is. Never raises."""
    error = _error(read_error_body(reply.body), context, reply.status, reply.headers)
    if type(error) is InvalidRequestError and error.param is None and b"fieldViolations" in reply.body:
        error.param = _field(reply.body)
    return error


def _field(data: bytes) -> str | None:
    """The first field that ``google.rpc.BadRequest`` finds fault with."""
    try:
        body = loads(data)
        details = (body[0] if isinstance(body, list) else body)["error"]["details"]
        return next(str(name) for item in details for one in item.get("fieldViolations", ()) if (name := one.get("field")))
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return None


def error_within(value: object, context: Context, headers: Headers = NO_HEADERS) -> ProviderError:
    """The error that stands in a reply, or in a piece of a stream, that had begun well."""
    return _error(read_error(value), context, None, headers)


def malformed(path: str, context: Context, *, status: int | None = None) -> MalformedResponseError:
    return MalformedResponseError(path=path, provider=context.target.provider, model=context.target.model, status=status)


def _error(body: ErrorBody, context: Context, status: int | None, headers: Headers) -> ProviderError:
    kind = _kind(body, error_class(body, status, context.target.quirks))
    return provider_error(body, context.target, status=status, headers=headers, kind=kind)


def _kind(body: ErrorBody, kind: type[ProviderError]) -> type[ProviderError]:
    said = (body.message or "")[:2000].lower()
    if kind is RateLimitError and _NO_LIMIT().search(said):
        return QuotaError
    if kind is InvalidRequestError and "failedprecondition" in body.words:
        return PermissionDeniedError if _NOT_HERE().search(said) else QuotaError if _UNPAID().search(said) else kind
    return kind
