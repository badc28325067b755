"""Around any function of the host's: trying it again, and leaving it alone once it has failed too often."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from trunkline import (
    AllTargetsFailedError,
    Breaker,
    BreakerPolicy,
    DeadlineError,
    Leave,
    MalformedResponseError,
    OverloadedError,
    RetryPolicy,
    ServerError,
    StreamInterruptedError,
    TransportError,
    TrunklineError,
)

from .exceptions import (
    AuthenticationException,
    LLMException,
    NetworkException,
    ProviderUnavailableException,
    RateLimitException,
)

_PATIENT = 1e9  # seconds: the handler knows no longest wait
_SHORTEST = 1e-9  # seconds: a breaker's pause is above 0
_NEVER = 2**62  # results: a share of failures opens nothing, failures in a row do


class RetryHandler:
    """Calls a function again when it is asked too often or loses its connection: ``max_retries`` times, after 1 s,
    ``backoff_factor`` s, its square, and so on. ``sleep`` takes the place of ``time.sleep``."""

    def __init__(
        self, max_retries: int | None = 3, backoff_factor: float | None = 2, *, sleep: Callable[[float], None] | None = None
    ) -> None:
        self.max_retries: int = 3 if max_retries is None else max_retries
        self.backoff_factor: float = 2 if backoff_factor is None else backoff_factor
        self._sleep = sleep

    def execute_with_retry(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What ``func`` gives. All but ``RateLimitException`` and ``NetworkException`` is raised at once, and so are these where
        the provider says that nothing shall be tried again."""
        policy = RetryPolicy(self.max_retries, first=1.0, factor=self.backoff_factor, cap=_PATIENT, jitter=False)
        for tried in range(policy.retries):
            try:
                return func(*args, **kwargs)
            except (RateLimitException, NetworkException) as error:
                if getattr(error.__cause__, "should_retry", None) is False:
                    raise
            (self._sleep or time.sleep)(policy.backoff(tried))
        return func(*args, **kwargs)


class CircuitBreaker:
    """Leaves a function alone for ``timeout`` seconds once it has failed ``failure_threshold`` times in a row; then one call at a
    time may try it. Safe to share among threads. ``clock`` takes the place of ``time.monotonic``.

    ``failure_count``: failures since the last success; ``last_failure_time``: Unix seconds. Errors of the host's own do not
    count, neither way: a wrong key, too many requests, a request that cannot succeed, ``ValueError``, ``TypeError`` and the like.
    """

    def __init__(
        self, failure_threshold: int | None = 5, timeout: float | None = 60, *, clock: Callable[[], float] | None = None
    ) -> None:
        self.failure_threshold: int = 5 if failure_threshold is None else failure_threshold
        self.timeout: float = 60 if timeout is None else timeout
        self.failure_count: int = 0
        self.last_failure_time: float | None = None
        pause = max(self.timeout, _SHORTEST)
        self._breaker = Breaker(
            BreakerPolicy(failures=self.failure_threshold, rate=1.0, least=_NEVER, pause=pause, longest=pause)
        )
        self._clock = clock
        self._lock = Lock()

    @property
    def state(self) -> str:
        """``CLOSED``, ``OPEN``, or ``HALF_OPEN``: the time is over, and one call may try."""
        with self._lock:
            return self._breaker.state(self._now()).upper()

    def call(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What ``func`` gives. Raises ``ProviderUnavailableException`` while it is left alone, else what ``func`` raises."""
        with self._lock:
            leave = self._breaker.admit(self._now())
        if leave is Leave.NO:
            raise ProviderUnavailableException("Circuit breaker is OPEN")
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._raised(leave, error)
            raise
        with self._lock:
            self._breaker.succeeded(leave, self._now())
            self.failure_count = 0
        return result

    def _raised(self, leave: Leave, error: BaseException) -> None:
        with self._lock:
            if not _counts(error):
                self._breaker.released(leave, self._now())
                return
            self._breaker.failed(leave, self._now())
            self.failure_count += 1
            self.last_failure_time = time.time()

    def _now(self) -> float:
        return (self._clock or time.monotonic)()


_MARKS = (
    OverloadedError, ServerError, TransportError, DeadlineError, StreamInterruptedError, MalformedResponseError,
    AllTargetsFailedError,
)  # fmt: skip
_OWN = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, TypeError, ValueError,
    AuthenticationException, RateLimitException,
)  # fmt: skip


def _counts(error: BaseException) -> bool:
    """Whether it is a mark against whoever was asked."""
    known = error.__cause__ if type(error) is LLMException else error
    if isinstance(known, TrunklineError):
        return isinstance(known, _MARKS)
    return isinstance(error, Exception) and not isinstance(error, _OWN)
