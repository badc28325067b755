"""Whether to try again, when, or elsewhere: pure decisions from facts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from ..dialects.error_body import duration
from ..values import expect
from ..values.errors import ProviderError
from ..values.headers import Headers
from ..values.late_pattern import LatePattern
from .verdicts import elsewhere, ends, row_of

_LONGEST = 1e9  # seconds


class Retry(msgspec.Struct, frozen=True):
    """Try the same target again after so many seconds."""

    after: float


class Fallback(msgspec.Struct, frozen=True):
    """Try the next target."""


class Raise(msgspec.Struct, frozen=True):
    """Give up."""


Verdict = Retry | Fallback | Raise


class RetryPolicy(msgspec.Struct, frozen=True):
    """``retries`` more tries of one target, up to 100. Before the first of them ``first`` seconds are waited, before each next
    one ``factor`` times as long (up to 1,000), at most ``cap``; with ``jitter`` anything from 0 to that. A wait that the provider
    asks for is obeyed up to ``longest`` seconds, else the error is raised at once with its ``retry_after``.

    ``elsewhere``: the errors (classes) after which another target is asked; None: as ``fallback_on`` says, or as the table has
    it (``verdicts.ROWS``). ``never``: those after which the same target is not asked again, whatever the table says.

    Raises ``UsageError``, which names the field.
    """

    retries: int = 2
    first: float = 0.5
    cap: float = 8.0
    longest: float = 60.0
    elsewhere: tuple[type[ProviderError], ...] | None = None
    factor: float = 2.0
    jitter: bool = True
    never: tuple[type[ProviderError], ...] = ()

    def __post_init__(self) -> None:
        expect.whole(self.retries, "retries.retries", 0, 100)
        for name in ("first", "cap", "longest"):
            expect.number(getattr(self, name), f"retries.{name}", 0, _LONGEST)
        expect.number(self.factor, "retries.factor", 0, 1000)
        expect.flag(self.jitter, "retries.jitter")
        for name, kinds in (("never", self.never), ("elsewhere", () if self.elsewhere is None else self.elsewhere)):
            if not isinstance(kinds, tuple) or not all(map(_is_kind, kinds)):
                expect.wrong(f"retries.{name}", kinds, "a tuple of ProviderError and classes below it", "no classes of errors")

    def backoff(self, tried: int) -> float:
        """Seconds until the next try of a target that was tried again ``tried`` times already; with jitter, the longest."""
        return min(self.cap, self.first * float(self.factor) ** tried)


def _is_kind(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, ProviderError)


def transient(error: ProviderError) -> bool:
    """Whether the same request may succeed a little later. The provider's own order (``x-should-retry``) wins over the table."""
    if ends(error):
        return False
    return row_of(error).again if error.should_retry is None else error.should_retry


def judge(
    error: ProviderError,
    *,
    tried: int,
    another: bool,
    remaining: float,
    policy: RetryPolicy,
    uniform: Callable[[float, float], float],
) -> Verdict:
    """What to do about ``error`` after ``tried`` retries of this target, with ``remaining`` seconds left. ``another``: a target
    remains that may take over after this error (``verdicts.may_take_over``).

    While one remains: at most one retry, at once, where the table says that it is worth it, and none where the provider asks
    us to wait.
    """
    again = not isinstance(error, policy.never)
    if another and elsewhere(error, policy) != "never":
        slow = error.retry_after is not None or error.should_retry is False
        return Retry(0.0) if again and tried == 0 and policy.retries and row_of(error).at_once and not slow else Fallback()
    if not again or not transient(error) or tried >= policy.retries:
        return Raise()
    wait = error.retry_after
    if wait is None:
        wait = policy.backoff(tried)
        if policy.jitter:
            wait = uniform(0.0, wait)
    elif wait > policy.longest:
        return Raise()
    return Retry(wait) if wait < remaining else Raise()


def asked_wait(headers: Headers, wall: float, said: float | None = None) -> float | None:
    """How many seconds the provider asks us to wait: ``retry-after-ms``, ``retry-after`` (seconds or HTTP date), what the
    body ``said``, or the reset of a limit of which nothing remains. ``wall``: now, Unix seconds. None: it does not say."""
    if (text := headers.get("retry-after-ms")) is not None and (ms := _number(text)) is not None:
        return ms / 1000.0
    if (text := headers.get("retry-after")) is not None:
        seconds = _number(text)
        if seconds is None and (moment := _http_date(text)) is not None:
            seconds = max(0.0, moment - wall)
        if seconds is not None:
            return seconds
    return said if said is not None else _reset_wait(headers, wall)


def should_retry(headers: Headers) -> bool | None:
    """The provider's own order (``x-should-retry``), None where there is none."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 <= number < 1e9 else None


# RFC 9110, 5.6.7: the form that is sent, and the two old ones that must be understood. Months by name in every locale.
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = LatePattern(
    r"[a-z]+,? +(\d{1,2})[ -]([a-z]{3})[ -](\d{4}|\d{2}) +(\d\d):(\d\d):(\d\d)(?: +(?:gmt|utc|[+-]0000))?", re.IGNORECASE
)
_ASCTIME = LatePattern(r"[a-z]{3} +([a-z]{3}) +(\d{1,2}) +(\d\d):(\d\d):(\d\d) +(\d{4})", re.IGNORECASE)


def _http_date(text: str) -> float | None:
    text = text.strip()
    if found := _DATE().fullmatch(text):
        day, month, year, *clock = found.groups()
    elif found := _ASCTIME().fullmatch(text):
        month, day, *clock, year = found.groups()
    else:
        return None
    years = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
    hour, minute, second = map(int, clock)
    try:
        moment = datetime(years, _MONTHS.index(month.lower()) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def reset_wait(text: str, wall: float) -> float | None:
    """Seconds of a reset header: ``6m0s`` (Go), ``30`` (seconds), ``2026-11-20T09:00:00Z`` or Unix time (a moment)."""
    text = text.strip()
    if (seconds := _number(text)) is not None:
        return seconds
    if text.isascii() and text.isdigit() and len(text) in (10, 13):  # Unix seconds, or milliseconds (OpenRouter)
        return max(0.0, int(text) / (1.0 if len(text) == 10 else 1000.0) - wall)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return duration(text)
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - wall)


# Where what is left of a limit stands, and when it is whole again (openai-chat §10, anthropic-messages §9, openrouter §6).
LIMITS = tuple(
    (f"x-ratelimit-remaining{what}", f"x-ratelimit-reset{what}") for what in ("", "-requests", "-tokens", "-project-tokens")
) + tuple(
    (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset")
    for what in ("requests", "tokens", "input-tokens", "output-tokens")
)


def _reset_wait(headers: Headers, wall: float) -> float | None:
    waits = [
        wait
        for remaining, reset in LIMITS
        if headers.get(remaining, "").strip() == "0" and (wait := reset_wait(headers.get(reset, ""), wall)) is not None
    ]
    return max(waits) if waits else None
