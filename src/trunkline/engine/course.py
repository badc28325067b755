"""Which of a call's targets are left, and who may take over after an error."""

from __future__ import annotations

from collections.abc import Sequence

from ..policy.retry import RetryPolicy
from ..policy.tokens import prompt_tokens
from ..policy.verdicts import Standing, may_take_over
from ..values.errors import (
    AuthenticationError,
    CircuitOpenError,
    ContextLengthError,
    ProviderError,
    QuotaError,
    RateLimitError,
)
from ..values.request import Request
from .destination import Destination, Planned, Sought, Wire

_OF_THE_QUOTA = (RateLimitError, QuotaError)
_OF_THE_KEY = (*_OF_THE_QUOTA, AuthenticationError, CircuitOpenError)


class Course:
    """The targets of one call in their order. ``at`` is the one that is being asked."""

    __slots__ = ("_left", "_policy", "_request", "_tokens", "_tried", "at")

    def __init__(self, plan: Sequence[Planned], request: Request, policy: RetryPolicy, now: float) -> None:
        targets = [planned for planned in plan if not isinstance(planned, Sought)]
        self._left: list[Destination] = targets[1:]
        self._request, self._policy = request, policy
        self._tokens: int | None = None
        self.at: Destination = targets[0].in_turn(now)
        self._tried: list[Destination] = [self.at]

    def sibling(self, error: ProviderError, now: float) -> Destination | None:
        """The same target with another key, where ``error`` is one of the key's; None: there is none that is worth showing, or
        all share the quota that is used up."""
        if not isinstance(error, _OF_THE_KEY):
            return None
        if not isinstance(error, _OF_THE_QUOTA):
            return self.at.sibling(now, self._tried)
        quota = standing(self.at).quota
        return self.at.sibling(now, [*self._tried, *(key for key in _keys(self.at) if standing(key).quota == quota)])

    def after(self, error: ProviderError) -> Destination | None:
        """Who may take over after ``error`` of the one that is being asked, under one of its keys at least: the first of those
        that are left; None: nobody."""
        return next((other for other in self._left if len(self._barred(other, error)) < len(_keys(other))), None)

    def move(self, to: Destination, now: float, error: ProviderError) -> Destination:
        """Goes on to one that ``after`` or ``sibling`` named after ``error``; those that were passed over for it are not asked
        any more."""
        if to in self._left:
            del self._left[: self._left.index(to) + 1]
            to = to.in_turn(now, self._barred(to, error))
        return self.settle(to)

    def settle(self, on: Destination) -> Destination:
        """Goes on to this very one, which may have been asked beside another."""
        self._tried.append(on)
        self.at = on
        return on

    def _barred(self, other: Destination, error: ProviderError) -> list[Destination]:
        """The keys under which ``other`` may not be asked after ``error``: one may share a quota with the key that failed."""
        failed, prompt = standing(self.at), self._prompt(error)
        return [key for key in _keys(other) if not may_take_over(error, failed, standing(key), self._policy, prompt)]

    def drop(self) -> None:
        """The next one is not asked any more."""
        del self._left[0]

    @property
    def next(self) -> Destination | None:
        """Whoever stands next, whatever happens."""
        return self._left[0] if self._left else None

    def _prompt(self, error: ProviderError) -> int | None:
        """How large the prompt is, estimated where that is asked for."""
        if self._tokens is None and isinstance(error, ContextLengthError):
            self._tokens = prompt_tokens(self._request)
        return self._tokens


def _keys(destination: Destination) -> Sequence[Destination]:
    """The target under each of its keys."""
    return destination.ring if isinstance(destination, Wire) and destination.ring else (destination,)


def standing(destination: Destination) -> Standing:
    """What decides whether it may take over from another."""
    target, record = destination.target, destination.record
    quota = target.quota or f"{target.owner}|{target.key}|{target.model}"
    return Standing(target.owner, quota, None if record is None else record.context)
