"""When to go elsewhere, as data: what each class of error means for the same target, and for which others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from ..values.errors import (
    AuthenticationError,
    CircuitOpenError,
    ClosedByCallerError,
    ConcurrencyLimitError,
    ContentFilterError,
    ContextLengthError,
    DeadlineError,
    InvalidRequestError,
    MalformedResponseError,
    NameResolutionError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    TransportError,
)

if TYPE_CHECKING:
    from .retry import RetryPolicy

Elsewhere = Literal["any", "provider", "quota", "larger", "asked", "never"]
"""Which other targets may be asked: any; of another provider; of another quota; with a larger context; any, but only if the
user named the error; none."""


class Row(msgspec.Struct, frozen=True):
    """What an error means. ``again``: the same request may succeed at the same target a little later. ``elsewhere``: which others
    may be asked. ``counts``: it is a mark against the target; what the user or his account did is not. ``at_once``: while
    another target remains, one immediate retry is worth it."""

    again: bool
    elsewhere: Elsewhere
    counts: bool
    at_once: bool


_FAILED = Row(True, "any", True, at_once=True)
_SLOW = Row(True, "any", True, at_once=False)
_ENDED = Row(False, "never", False, at_once=False)

# errors-and-limits §1, a line of the sheet each, then those that we raise ourselves. A class without a line has its base's.
ROWS: dict[type[ProviderError], Row] = {
    AuthenticationError: Row(False, "provider", False, at_once=False),
    PermissionDeniedError: Row(False, "any", False, at_once=False),
    NotFoundError: Row(False, "any", False, at_once=False),
    InvalidRequestError: Row(False, "never", False, at_once=False),
    ContextLengthError: Row(False, "larger", False, at_once=False),
    ContentFilterError: Row(False, "asked", False, at_once=False),
    RateLimitError: Row(True, "quota", False, at_once=False),
    QuotaError: Row(False, "quota", False, at_once=False),
    OverloadedError: _SLOW,
    ServerError: _FAILED,
    DeadlineError: _SLOW,
    TransportError: _FAILED,
    NameResolutionError: _SLOW,  # what is asked about a name may take seconds, each time
    ClosedByCallerError: _ENDED,
    StreamInterruptedError: _FAILED,
    MalformedResponseError: Row(False, "any", True, at_once=False),
    CircuitOpenError: Row(False, "any", False, at_once=False),
    ConcurrencyLimitError: Row(False, "any", False, at_once=False),
    ProviderError: Row(False, "any", True, at_once=False),
}
"""The row of each class of errors."""

# 408 and 409: the official SDKs of OpenAI and Anthropic retry both (request timeout, lock conflict), whatever the words say.
# 504, and what Cloudflare makes of a server that is not heard: who asks at once again waits as long again.
REFINED: dict[type[ProviderError], tuple[tuple[str, frozenset[object], Row], ...]] = {
    InvalidRequestError: (
        ("code", frozenset({"unsupported_parameter", "unsupported_value"}), Row(False, "any", False, at_once=False)),
        ("status", frozenset({408, 409}), _FAILED),
    ),
    ProviderError: (("status", frozenset({408, 409}), _FAILED),),
    ServerError: (("status", frozenset({504, 522, 524}), _SLOW),),
    DeadlineError: (
        ("phase", frozenset({"total"}), Row(False, "never", True, at_once=False)),
        ("phase", frozenset({"speed"}), Row(True, "any", False, at_once=False)),  # the user's wish, not the target's fault
    ),
}
"""Other rows of a class, where a field of the error has one of these values: the first that holds."""


def row_of(error: ProviderError) -> Row:
    """What ``error`` means: the row of its most specific class that has one, or what a field of it refines that to."""
    kind = _place(type(error))
    for field, values, row in REFINED.get(kind, ()):
        if getattr(error, field) in values:
            return row
    return ROWS[kind]


def _place(kind: type[ProviderError]) -> type[ProviderError]:
    return next(each for each in kind.__mro__ if each in ROWS)


def ends(error: ProviderError) -> bool:
    """Whether nothing can follow, whoever says what: the caller has ended it, or the whole call's time is over."""
    return isinstance(error, ClosedByCallerError) or (isinstance(error, DeadlineError) and error.phase == "total")


def elsewhere(error: ProviderError, policy: RetryPolicy) -> Elsewhere:
    """Which other targets may be asked after ``error``, as the user wants it (``policy.elsewhere``); never "asked". An open
    circuit is named by whatever may have opened it."""
    where = row_of(error).elsewhere
    if ends(error):
        return "never"
    if policy.elsewhere is None:
        return "never" if where == "asked" else where
    if not isinstance(error, policy.elsewhere) and not (isinstance(error, CircuitOpenError) and _opens(policy.elsewhere)):
        return "never"
    return where if where in ("quota", "larger") else "any"


def _opens(kinds: tuple[type[ProviderError], ...]) -> bool:
    return any(ROWS[_place(kind)].counts for kind in kinds)


class Standing(msgspec.Struct, frozen=True):
    """Facts of one target: its ``provider``, whose ``quota`` it uses up (the same text, the same quota), and how many tokens its
    model reads (``context``; None: unknown)."""

    provider: str
    quota: str
    context: int | None


def may_take_over(
    error: ProviderError, failed: Standing, other: Standing, policy: RetryPolicy, prompt_tokens: int | None = None
) -> bool:
    """Whether ``other`` may be asked after ``error`` of ``failed``. ``prompt_tokens``: the prompt's size, estimated; it decides
    where the context of the one that failed is unknown."""
    where = elsewhere(error, policy)
    if where == "provider":
        return other.provider != failed.provider
    if where == "quota":
        return other.quota != failed.quota
    if where == "larger":
        least = prompt_tokens if failed.context is None else failed.context
        return other.context is not None and least is not None and other.context > least
    return where == "any"


def counts(error: ProviderError, answered: bool) -> bool:
    """Whether ``error`` is a mark against its target. ``answered``: the head of a reply had come; then the end of the whole
    call's time is not the target's fault."""
    return row_of(error).counts and not (answered and ends(error))
