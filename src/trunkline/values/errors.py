"""Every error that we raise.

    TrunklineError
    ├── UsageError (also ValueError)            you misused us; nothing was sent
    ├── NoProviderError                         nothing is configured that could answer
    ├── BudgetExceededError                     a budget of yours is spent
    ├── UnsupportedOperationError               this target cannot do that; ``hint`` says what can
    ├── StepLimitError                          tools were still called after the last step; ``response`` holds what came
    ├── ToolSourceError                         tools from elsewhere (an MCP server) cannot be had
    ├── StoreError                              a store cannot keep or give what it should
    └── ProviderError                           the world failed
        ├── AuthenticationError                 the key is missing, wrong or expired
        ├── PermissionDeniedError               the key may not do this
        ├── NotFoundError                       no such model, path or file (``retired``, ``successor`` where known)
        ├── InvalidRequestError                 the provider refused the request as it stands
        │   └── ContextLengthError              the prompt does not fit the model
        ├── ContentFilterError                  refused by the provider's content policy
        ├── RateLimitError                      too fast; waiting helps (``retry_after``)
        ├── QuotaError                          money or quota is gone; waiting does not help
        ├── OverloadedError                     the provider has no capacity just now
        ├── ServerError                         the provider failed
        ├── TransportError (also ConnectionError)   the connection failed; ``phase`` says when
        │   ├── ConnectionRefusedByHostError    nothing listens there
        │   ├── NameResolutionError             the host's name is unknown
        │   ├── TlsError                        TLS could not be agreed on, or the certificate does not hold
        │   ├── ConnectionResetByHostError      the other side reset the connection
        │   ├── TruncatedBodyError              closed in the middle of the body
        │   └── GarbledReplyError               what came back is not HTTP
        ├── DeadlineError (also TimeoutError)   a deadline passed; ``phase`` says which
        ├── MalformedResponseError              the reply breaks its protocol; ``path`` says where
        ├── StreamInterruptedError              a stream ended before its end; ``partial`` holds what came
        ├── CircuitOpenError                    not tried: this target has failed too often just now
        ├── ConcurrencyLimitError               not tried: too many calls are under way
        └── AllTargetsFailedError               several targets were tried; ``errors`` holds each one's error

All of them pickle, and none ever holds a key. The provider's own words (``provider_message``) end ``str(error)``, at
most 500 characters of them with anything like a key masked; they can quote prompts, so ``errors="quiet"`` leaves them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .secret import mask_keys

if TYPE_CHECKING:
    from .response import Attempt, Response, Step

WORDS_SHOWN = 500
"""How many characters of a provider's own words an error shows."""
WORDS_KEPT = 10_000
"""How many of them it keeps as ``provider_message``."""

DeadlinePhase = Literal["connect", "first_byte", "first_token", "idle", "speed", "total"]
TransportPhase = Literal["connect", "send", "head", "body"]


class TrunklineError(Exception):
    """Whatever we raise. ``str(error)`` says what happened and what to do next."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[Callable[..., TrunklineError], tuple[type[TrunklineError], dict[str, Any]]]:
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[TrunklineError], state: dict[str, Any]) -> TrunklineError:
    error = kind.__new__(kind)
    error.args = (state.get("message", ""),)
    error.__dict__.update(state)
    return error


class UsageError(TrunklineError, ValueError):
    """You misused us; nothing was sent. ``field`` names what, ``got`` its type (never its content), ``allowed`` what may stand
    there."""

    def __init__(self, message: str, *, field: str | None = None, got: str | None = None, allowed: str | None = None) -> None:
        self.field: str | None = field
        self.got: str | None = got
        self.allowed: str | None = allowed
        text = (f"{field}: {message}" if field else message).encode("utf-8", "backslashreplace").decode()
        if got is not None:
            text += f"; got {got}"
        if allowed is not None:
            text += f"; allowed: {allowed}"
        super().__init__(text)


class NoProviderError(TrunklineError):
    """Nothing is configured that could answer; the message says what to set."""


class BudgetExceededError(TrunklineError):
    """A budget of yours is spent; nothing was sent."""


class UnsupportedOperationError(TrunklineError):
    """This target cannot do that; ``hint`` says what can."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)


class StepLimitError(TrunklineError):
    """A model still called tools after the last step it was given. ``response`` is its last reply, with the steps before it."""

    def __init__(self, message: str = "", *, response: Response | None = None) -> None:
        super().__init__(message)
        self.response: Response | None = response


class ToolSourceError(TrunklineError):
    """Tools from elsewhere (an MCP server) cannot be had; the message says why and what to do."""


class StoreError(TrunklineError):
    """A store cannot keep or give what it should; the message says why and what to do."""


class ProviderError(TrunklineError):
    """The world failed. What is known stands on the error:

    ``provider, model`` who was asked; ``status`` the HTTP status (None when there was none, or when the error came inside
    a stream whose status was 200); ``code, kind`` the provider's own stable words for it; ``request_id``; ``retry_after``
    in seconds, as the provider gave it; ``provider_message`` the provider's own words, keys masked; ``hint`` what to do
    next; ``should_retry`` the provider's own order to retry or not (``x-should-retry``); ``attempts`` all that was tried;
    ``steps`` the turns of a run before this one, and the tries before it of an output, which have been paid for.
    """

    hint_default: ClassVar[str | None] = None
    steps: tuple[Step, ...] = ()

    def __init__(
        self,
        message: str = "",
        *,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        kind: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        provider_message: str | None = None,
        hint: str | None = None,
        should_retry: bool | None = None,
        attempts: Sequence[Attempt] = (),
    ) -> None:
        super().__init__(message)
        self.provider: str | None = provider
        self.model: str | None = model
        self.status: int | None = status
        self.code: str | None = code
        self.kind: str | None = kind
        self.request_id: str | None = request_id
        self.retry_after = retry_after
        self.provider_message: str | None = mask_keys(provider_message[:WORDS_KEPT]) if provider_message else None
        self.hint: str | None = hint or self.hint_default
        self.should_retry = should_retry
        self.attempts: tuple[Attempt, ...] = tuple(attempts)

    def __str__(self) -> str:
        who = "/".join(part for part in (self.provider, self.model) if part)
        known = (
            "" if self.status is None else f"HTTP {self.status}",
            self.code or "",
            "" if self.request_id is None else f"request {self.request_id}",
            "" if self.retry_after is None else f"retry after {self.retry_after:g} s",
            f"{len(self.attempts)} attempts" if len(self.attempts) > 1 else "",
        )
        facts = ", ".join(filter(None, known))
        said = (f"{who}: " if who else "") + (self.message or type(self).__name__) + (f" ({facts})" if facts else "")
        if self.hint:
            said += f". {self.hint}"
        if self.provider_message:
            words = self.provider_message
            said += ". The provider said: " + (words if len(words) <= WORDS_SHOWN else words[:WORDS_SHOWN] + "…")
        return said


class AuthenticationError(ProviderError):
    """The key is missing, wrong or expired."""

    hint_default: ClassVar[str | None] = "Check the key: `trunkline config` shows where it was read from"


class PermissionDeniedError(ProviderError):
    """The key may not do this: model, region or feature."""


class NotFoundError(ProviderError):
    """No such model, path or file. ``retired`` is the date (YYYY-MM-DD) on which the model ended and ``successor`` what
    to use now, where the catalog knows."""

    hint_default: ClassVar[str | None] = "Check the name: `trunkline models --live --provider NAME` lists what a provider has"
    retired: str | None = None
    successor: str | None = None


class InvalidRequestError(ProviderError):
    """The provider refused the request as it stands; the same request will be refused again. ``param`` is the provider's name for
    the field."""

    param: str | None = None


class ContextLengthError(InvalidRequestError):
    """The prompt does not fit the model."""

    hint_default: ClassVar[str | None] = "Shorten the prompt, or choose a model with a longer context (`trunkline models`)"


class ContentFilterError(ProviderError):
    """Refused by the provider's content policy. ``categories``: what was found and how severe it is (``{"violence": "high"}``),
    where the provider says."""

    categories: dict[str, str] | None = None


class RateLimitError(ProviderError):
    """Too fast: waiting helps. ``retry_after`` says how long, where the provider does."""


class QuotaError(ProviderError):
    """Money or quota is gone: waiting does not help."""

    hint_default: ClassVar[str | None] = "Add credit or raise the limit at the provider, or use another provider"


class OverloadedError(ProviderError):
    """The provider has no capacity just now."""

    hint_default: ClassVar[str | None] = "Try again later, or name another model in fallbacks"


class ServerError(ProviderError):
    """The provider failed."""


class TransportError(ProviderError, ConnectionError):
    """The connection failed. ``phase`` says when: while connecting, sending, waiting for the head, or in the body.

    ``sent`` is False when the provider cannot have seen the request.
    """

    def __init__(self, message: str = "", *, phase: TransportPhase = "connect", sent: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.phase: TransportPhase = phase
        self.sent = sent


class ConnectionRefusedByHostError(TransportError):
    """Nothing listens at that address."""

    hint_default: ClassVar[str | None] = "Is the server running, and is base_url right?"


class NameResolutionError(TransportError):
    """The host's name could not be resolved."""

    hint_default: ClassVar[str | None] = "Is base_url right, and is there a network?"


class TlsError(TransportError):
    """TLS could not be agreed on, or the certificate does not hold."""


class ConnectionResetByHostError(TransportError):
    """The other side reset the connection."""


class TruncatedBodyError(TransportError):
    """The connection was closed in the middle of the body."""


class GarbledReplyError(TransportError):
    """What came back is not HTTP."""


class ClosedByCallerError(TransportError):
    """You ended it yourself, from elsewhere: the client or the stream was closed while this waited. Nobody's fault, and not tried
    again."""


class DeadlineError(ProviderError, TimeoutError):
    """A deadline passed; ``phase`` says which, ``seconds`` how long it was: connect, first_byte, idle, total; ``first_token``:
    nothing was said in time; ``speed``: fewer tokens a second than asked for."""

    hint_default: ClassVar[str | None] = "A longer timeout gives it more time"

    def __init__(self, message: str = "", *, phase: DeadlinePhase = "total", seconds: float | None = None, **facts: Any) -> None:
        super().__init__(message or f"the {phase.replace('_', ' ')} deadline passed", **facts)
        self.phase: DeadlinePhase = phase
        self.seconds = seconds


class MalformedResponseError(ProviderError):
    """The reply breaks its protocol, or is not the ``output`` that was asked for: then ``response`` is the reply, which has been
    paid for. ``path`` is the JSON path where (never the content)."""

    def __init__(
        self,
        message: str = "the reply breaks its protocol",
        *,
        path: str | None = None,
        response: Response | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(f"{message} at {path}" if path else message, **facts)
        self.path = path
        self.response = response


class StreamInterruptedError(ProviderError):
    """A stream ended before its end. ``partial`` is the response so far; the cause stands in ``__cause__``."""

    hint_default: ClassVar[str | None] = "What came stands in its `partial`"

    def __init__(self, message: str = "the stream was interrupted", *, partial: Response | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.partial = partial


class CircuitOpenError(ProviderError):
    """Not tried: this target has failed too often just now."""


class ConcurrencyLimitError(ProviderError):
    """Not tried: too many calls are under way."""


class AllTargetsFailedError(ProviderError):
    """Several targets were tried and all failed; ``errors`` holds each one's error, in order. ``retry_after``: the shortest that
    any of them named."""

    def __init__(self, message: str = "all targets failed", *, errors: Sequence[ProviderError] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.errors: tuple[ProviderError, ...] = tuple(errors)

    def __str__(self) -> str:
        return super().__str__() + "".join(f"\n  - {error}" for error in self.errors)
