"""Whether to try again, when, or elsewhere: decisions from facts."""

from __future__ import annotations

import locale
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from trunkline.policy.retry import (
    Fallback,
    Raise,
    Retry,
    RetryPolicy,
    Verdict,
    asked_wait,
    judge,
    reset_wait,
    should_retry,
    transient,
)
from trunkline.policy.verdicts import elsewhere
from trunkline.values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    ConnectionRefusedByHostError,
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
    UsageError,
)
from trunkline.values.headers import Headers

NEVER = (
    AuthenticationError,
    PermissionDeniedError,
    NotFoundError,
    InvalidRequestError,
    ContextLengthError,
    ContentFilterError,
    QuotaError,
    MalformedResponseError,
)
PASSING = (RateLimitError, OverloadedError, ServerError, TransportError, StreamInterruptedError)
WALL = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC).timestamp()


def verdict(
    error: ProviderError, *, tried: int = 0, another: bool = False, remaining: float = 600.0, retries: int = 2
) -> Verdict:
    return judge(
        error,
        tried=tried,
        another=another,
        remaining=remaining,
        policy=RetryPolicy(retries=retries),
        uniform=lambda low, high: high,
    )


def judged(error: ProviderError, policy: RetryPolicy, *, another: bool) -> Verdict:
    return judge(error, tried=0, another=another, remaining=600.0, policy=policy, uniform=lambda low, high: high)


@pytest.mark.parametrize("kind", NEVER)
def test_what_does_not_pass(kind: type[ProviderError]) -> None:
    assert not transient(kind())
    assert verdict(kind()) == Raise()
    assert transient(kind(should_retry=True))
    assert verdict(kind(should_retry=True)) == Retry(0.5)


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes(kind: type[ProviderError]) -> None:
    assert [verdict(kind(), tried=tried, retries=5) for tried in range(6)] == [
        Retry(0.5),
        Retry(1.0),
        Retry(2.0),
        Retry(4.0),
        Retry(8.0),
        Raise(),
    ]
    assert verdict(kind(should_retry=False)) == Raise()


@pytest.mark.parametrize(
    ("phase", "expected"), [("connect", Retry(0.5)), ("first_byte", Retry(0.5)), ("idle", Retry(0.5)), ("total", Raise())]
)
def test_deadlines(phase: str, expected: Verdict) -> None:
    error = DeadlineError(phase=phase)  # type: ignore[arg-type]
    assert verdict(error) == expected
    if phase == "total":
        assert verdict(DeadlineError(should_retry=True)) == Raise(), "there is no time left, whoever says what"
        assert verdict(error, another=True) == Raise()


@pytest.mark.parametrize("status", [408, 409])
def test_a_status_that_passes_whatever_its_class(status: int) -> None:
    assert verdict(InvalidRequestError(status=status)) == Retry(0.5)


@pytest.mark.parametrize("kind", [CircuitOpenError, ConcurrencyLimitError])
def test_what_was_not_tried_is_not_tried_again(kind: type[ProviderError]) -> None:
    assert verdict(kind()) == Raise()
    assert verdict(kind(), another=True) == Fallback()


@pytest.mark.parametrize(("wait", "expected"), [(0.0, Retry(0.0)), (60.0, Retry(60.0)), (60.1, Raise())])
def test_a_wait_that_was_asked_for(wait: float, expected: Verdict) -> None:
    assert verdict(RateLimitError(retry_after=wait)) == expected


def test_no_wait_reaches_the_end() -> None:
    assert verdict(ServerError(), remaining=0.5) == Raise()
    assert verdict(ServerError(), remaining=0.51) == Retry(0.5)
    assert verdict(RateLimitError(retry_after=9.0), remaining=9.0) == Raise()


@pytest.mark.parametrize(
    ("error", "first"),
    [
        (ServerError(), Retry(0.0)),
        (TransportError(), Retry(0.0)),
        (DeadlineError(phase="idle"), Fallback()),
        (DeadlineError(phase="connect"), Fallback()),
        (RateLimitError(), Fallback()),
        (OverloadedError(), Fallback()),
        (ServerError(retry_after=0.0), Fallback()),
        (NameResolutionError(), Fallback()),
        (AuthenticationError(), Fallback()),
        (PermissionDeniedError(), Fallback()),
        (NotFoundError(), Fallback()),
        (QuotaError(), Fallback()),
        (ContextLengthError(), Fallback()),
        (MalformedResponseError(), Fallback()),
        (AllTargetsFailedError(), Fallback()),
        (InvalidRequestError(), Raise()),
        (ContentFilterError(), Raise()),
        (AuthenticationError(should_retry=True), Fallback()),
        (ServerError(should_retry=False), Fallback()),
    ],
)
def test_with_another_target(error: ProviderError, first: Verdict) -> None:
    assert verdict(error, another=True) == first
    assert verdict(error, another=True, tried=1) == (Fallback() if isinstance(first, Retry) else first)
    assert not isinstance(verdict(error, another=True, retries=0), Retry)


ERRORS = st.sampled_from([*NEVER, *PASSING, DeadlineError, CircuitOpenError])


@given(
    ERRORS,
    st.integers(0, 12),
    st.booleans(),
    st.floats(0, 1e4),
    st.integers(0, 10),
    st.none() | st.floats(0, 1e6),
    st.none() | st.booleans(),
)
def test_whatever_the_facts(
    kind: type[ProviderError], tried: int, another: bool, remaining: float, retries: int, wait: float | None, ordered: bool | None
) -> None:
    error = kind(retry_after=wait, should_retry=ordered)
    got = verdict(error, tried=tried, another=another, remaining=remaining, retries=retries)
    another = another and elsewhere(error, RetryPolicy()) != "never"
    if isinstance(got, Retry):
        assert tried < (min(retries, 1) if another else retries)
        assert got.after == 0.0 if another else 0.0 <= got.after <= 60.0
        assert another or got.after < remaining
    assert isinstance(got, Fallback) <= another
    assert isinstance(got, Raise) <= (not another)


def test_what_the_user_names_goes_elsewhere_and_nothing_else() -> None:
    policy = RetryPolicy(elsewhere=(ContentFilterError,))
    assert judged(ContentFilterError(), policy, another=True) == Fallback()
    assert judged(ContentFilterError(), policy, another=False) == Raise()
    assert judged(ServerError(), policy, another=True) == Retry(0.5)
    assert judged(NotFoundError(), policy, another=True) == Raise()


def test_the_policy_of_those_who_say_nothing() -> None:
    assert RetryPolicy() == RetryPolicy(retries=2, first=0.5, cap=8.0, longest=60.0, elsewhere=None)
    assert (RetryPolicy().factor, RetryPolicy().jitter, RetryPolicy().never) == (2.0, True, ())
    assert judged(ServerError(), RetryPolicy(retries=1), another=True) == Retry(0.0)


def waits(policy: RetryPolicy) -> list[float]:
    """Before each retry, chance being half of what it may be."""
    told = [
        judge(ServerError(), tried=n, another=False, remaining=1e9, policy=policy, uniform=lambda low, high: (low + high) / 2)
        for n in range(policy.retries + 1)
    ]
    assert told[-1] == Raise()
    return [verdict.after for verdict in told if isinstance(verdict, Retry)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (RetryPolicy(3, first=2.0, jitter=False), [2.0, 4.0, 8.0]),
        (RetryPolicy(3, first=2.0), [1.0, 2.0, 4.0]),
        (RetryPolicy(4, first=1, factor=3, cap=20, jitter=False), [1.0, 3.0, 9.0, 20.0]),
        (RetryPolicy(3, first=1, factor=0.5, jitter=False), [1.0, 0.5, 0.25]),
        (RetryPolicy(2, first=0, jitter=False), [0.0, 0.0]),
        (RetryPolicy(2, first=3, factor=0, jitter=False), [3.0, 0.0]),
        (RetryPolicy(2, first=3, cap=0), [0.0, 0.0]),
    ],
)
def test_waits_as_they_are_said(policy: RetryPolicy, expected: list[float]) -> None:
    assert waits(policy) == expected
    assert [policy.backoff(n) for n in range(policy.retries)] == [wait * (2 if policy.jitter else 1) for wait in expected]


def test_a_wait_that_the_provider_asks_for_wins_over_what_is_said() -> None:
    policy = RetryPolicy(3, first=2.0, jitter=False, longest=5.0)
    assert judged(ServerError(retry_after=0.1), policy, another=False) == Retry(0.1)
    assert judged(ServerError(retry_after=5.0), policy, another=False) == Retry(5.0)
    assert judged(ServerError(retry_after=5.1), policy, another=False) == Raise()


def test_the_longest_of_all_waits_is_a_number() -> None:
    assert RetryPolicy(100, first=1e9, cap=1e9, factor=1000).backoff(99) == 1e9


def test_what_is_never_tried_again() -> None:
    policy = RetryPolicy(2, never=(ConnectionRefusedByHostError, OverloadedError))
    for error in (ConnectionRefusedByHostError(), OverloadedError(), OverloadedError(should_retry=True, retry_after=1.0)):
        assert judged(error, policy, another=False) == Raise()
        assert judged(error, policy, another=True) == Fallback(), "somebody else may be asked"
    for other in (TransportError(), ServerError()):
        assert judged(other, policy, another=False) == Retry(0.5)
        assert judged(other, policy, another=True) == Retry(0.0)


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("retries", [-1, 101, 1.5, True, None], [0, 100]),
        ("first", [-0.1, 1e9 + 1, "1", None, float("nan")], [0, 1e9]),
        ("cap", [-0.1, 1e9 + 1, float("inf")], [0, 1e9]),
        ("longest", [-0.1, 1e9 + 1], [0, 1e9]),
        ("factor", [-0.1, 1000.1, True, None], [0, 1000]),
        ("jitter", [0, None, "no"], [True, False]),
        ("never", [None, OverloadedError, [OverloadedError], (ValueError,), ("x",)], [(), (ProviderError,)]),
        ("elsewhere", [OverloadedError, [OverloadedError], (OverloadedError, int)], [None, (), (OverloadedError,)]),
    ],
)
def test_a_policy_is_checked(field: str, wrong: list[object], right: list[object]) -> None:
    for value in wrong:
        with pytest.raises(UsageError, match=rf"retries\.{field}"):
            RetryPolicy(**{field: value})  # type: ignore[arg-type]
    for value in right:
        assert getattr(RetryPolicy(**{field: value}), field) == value  # type: ignore[arg-type]


def test_the_least_wait_is_none_at_all() -> None:
    asked: list[tuple[float, float]] = []
    judge(
        ServerError(),
        tried=1,
        another=False,
        remaining=600.0,
        policy=RetryPolicy(),
        uniform=lambda low, high: asked.append((low, high)) or low,  # type: ignore[func-returns-value]
    )
    assert asked == [(0.0, 1.0)], "full jitter"


def test_verdicts_are_values() -> None:
    assert len({Retry(0.0), Retry(0.5), Fallback(), Raise(), RetryPolicy()}) == 5


DATES = [
    "Fri, 20 Nov 2026 09:00:30 GMT",
    "Friday, 20-Nov-26 09:00:30 GMT",
    "Fri Nov 20 09:00:30 2026",
    "fri, 20 nov 2026 09:00:30 gmt",
]


@pytest.mark.parametrize("date", DATES)
def test_dates_in_the_three_forms_of_the_rfc(date: str) -> None:
    assert asked_wait(Headers([("retry-after", date)]), WALL) == 30.0


def test_dates_are_english_in_every_locale() -> None:
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue
            assert asked_wait(Headers([("retry-after", "Wed, 02 Dec 2026 09:00:30 GMT")]), WALL) == 12 * 86_400 + 30.0
    finally:
        locale.setlocale(locale.LC_TIME, before)


@pytest.mark.parametrize(
    ("headers", "said", "wait"),
    [
        ({}, None, None),
        ({}, 3.0, 3.0),
        ({"retry-after": "5"}, 3.0, 5.0),
        ({"retry-after": "nonsense"}, 3.0, 3.0),
        ({"retry-after-ms": "1500", "retry-after": "5"}, 3.0, 1.5),
        ({"retry-after-ms": "x", "retry-after": "5"}, 3.0, 5.0),
        ({"retry-after": "Fri, 20 Nov 2026 08:00:00 GMT"}, None, 0.0),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9s"}, None, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}, None, 9.0),
        ({"x-ratelimit-remaining-requests": "0"}, None, None),
        (
            {
                "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s",
                "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m1s",
            },
            None, 61.0,
        ),
        ({"anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "2026-11-20T09:01:00+00:00"}, None, 60.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}, 2.0, 2.0),
    ],
)  # fmt: skip
def test_who_says_how_long(headers: dict[str, str], said: float | None, wait: float | None) -> None:
    assert asked_wait(Headers(headers.items()), WALL, said) == wait


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0), ("6m0s", 360.0), ("1h2m3.5s", 3_723.5), ("20ms", 0.02), ("2026-11-20T09:00:10Z", 10.0), ("2026-11-20T09:00:10", 10.0),
        ("2026-11-20T08:00:00Z", 0.0), ("", None), ("soon", None), ("5 potatoes", None), ("-5", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert reset_wait(text, WALL) == (seconds if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=40), st.floats(0, 4e9))
def test_no_header_breaks_it(text: str, wall: float) -> None:
    names = ("retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-should-retry")
    headers = Headers([*((name, text) for name in names), ("x-ratelimit-remaining-tokens", "0")])
    wait = asked_wait(headers, wall)
    assert wait is None or wait >= 0.0
    assert should_retry(headers) in (None, True, False)


def test_a_providers_order_in_either_direction() -> None:
    told = [should_retry(Headers([("x-should-retry", word)])) for word in (" True ", "false", "perhaps")]
    assert told == [True, False, None]
    assert should_retry(Headers()) is None


def test_a_moment_that_is_over_is_no_wait() -> None:
    assert reset_wait("1700000000", 1_700_000_000.5) == 0.0
    assert reset_wait("1700000000400", 1_700_000_000.0) == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("what", ["requests", "tokens", "input-tokens", "output-tokens"])
def test_each_limit_of_which_nothing_is_left_is_waited_for(what: str) -> None:
    fields = [(f"anthropic-ratelimit-{what}-remaining", "0"), (f"anthropic-ratelimit-{what}-reset", "7")]
    assert asked_wait(Headers(fields), 0.0) == 7.0
    assert asked_wait(Headers(fields[1:]), 0.0) is None
