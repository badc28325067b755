"""When to go elsewhere: every line of the sheet, who may take over, and what the user may change about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from trunkline.dialects.error_body import provider_error, read_error
from trunkline.policy.retry import Fallback, Raise, Retry, RetryPolicy, Verdict, judge
from trunkline.policy.verdicts import ROWS, Row, Standing, counts, elsewhere, ends, may_take_over, row_of
from trunkline.values import errors
from trunkline.values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ClosedByCallerError,
    ConcurrencyLimitError,
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    ContentFilterError,
    ContextLengthError,
    DeadlineError,
    GarbledReplyError,
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
    TlsError,
    TransportError,
    TruncatedBodyError,
)
from trunkline.values.model import Target

ASKED = Standing("acme", "acme, key 1", 8_000)
OTHERS = {
    "backup": ASKED,
    "key": Standing("acme", "acme, key 2", 8_000),
    "abroad": Standing("umbra", "umbra, key 1", 8_000),
    "large": Standing("acme", "acme, key 1", 8_001),
}
ALL, NONE = "backup key abroad large", ""
DEFAULT = RetryPolicy()
AT_ONCE, LATER, NEXT, GIVE_UP = Retry(0.0), Retry(0.5), Fallback(), Raise()
MARK, NEUTRAL = True, False

# The line of the sheet (§1), the error, who may take over, what then follows while one of those remains, what on the last
# target, and whether it is a mark against the target.
LINES: list[tuple[str, ProviderError, str, Verdict | None, Verdict, bool]] = [
    ("auth", AuthenticationError(status=401), "abroad", NEXT, GIVE_UP, NEUTRAL),
    ("permission", PermissionDeniedError(status=403), ALL, NEXT, GIVE_UP, NEUTRAL),
    ("not_found", NotFoundError(status=404), ALL, NEXT, GIVE_UP, NEUTRAL),
    ("invalid_request", InvalidRequestError(status=400), NONE, None, GIVE_UP, NEUTRAL),
    ("invalid_request", InvalidRequestError(status=400, code="unsupported_parameter"), ALL, NEXT, GIVE_UP, NEUTRAL),
    ("invalid_request", InvalidRequestError(status=400, code="unsupported_value"), ALL, NEXT, GIVE_UP, NEUTRAL),
    ("invalid_request", InvalidRequestError(status=400, code="invalid_function_parameters"), NONE, None, GIVE_UP, NEUTRAL),
    ("context_length", ContextLengthError(status=400), "large", NEXT, GIVE_UP, NEUTRAL),
    ("context_length", ContextLengthError(status=409, code="unsupported_value"), "large", NEXT, GIVE_UP, NEUTRAL),
    ("content_filter", ContentFilterError(status=400), NONE, None, GIVE_UP, NEUTRAL),
    ("rate_limit", RateLimitError(status=429), "key abroad", NEXT, LATER, NEUTRAL),
    ("rate_limit", RateLimitError(status=429, retry_after=7.0), "key abroad", NEXT, Retry(7.0), NEUTRAL),
    ("rate_limit", RateLimitError(status=413, should_retry=False), "key abroad", NEXT, GIVE_UP, NEUTRAL),
    ("quota_exhausted", QuotaError(status=402), "key abroad", NEXT, GIVE_UP, NEUTRAL),
    ("overloaded", OverloadedError(status=503), ALL, NEXT, LATER, MARK),
    ("overloaded", OverloadedError(status=529, retry_after=3.0), ALL, NEXT, Retry(3.0), MARK),
    ("server", ServerError(status=500), ALL, AT_ONCE, LATER, MARK),
    ("server", ServerError(status=502), ALL, AT_ONCE, LATER, MARK),
    ("server", ServerError(status=500, retry_after=3.0), ALL, NEXT, Retry(3.0), MARK),
    ("server", ServerError(status=409), ALL, AT_ONCE, LATER, MARK),
    ("server", InvalidRequestError(status=409), ALL, AT_ONCE, LATER, MARK),
    ("server", ProviderError(status=409), ALL, AT_ONCE, LATER, MARK),
    ("timeout", ServerError(status=408), ALL, AT_ONCE, LATER, MARK),
    ("timeout", InvalidRequestError(status=408), ALL, AT_ONCE, LATER, MARK),
    ("timeout", ProviderError(status=408), ALL, AT_ONCE, LATER, MARK),
    ("timeout", ServerError(status=504), ALL, NEXT, LATER, MARK),
    ("timeout", ServerError(status=522), ALL, NEXT, LATER, MARK),
    ("timeout", ServerError(status=524), ALL, NEXT, LATER, MARK),
    ("timeout", DeadlineError(phase="connect"), ALL, NEXT, LATER, MARK),
    ("timeout", DeadlineError(phase="first_byte"), ALL, NEXT, LATER, MARK),
    ("timeout", DeadlineError(phase="first_token"), ALL, NEXT, LATER, MARK),
    ("timeout", DeadlineError(phase="idle"), ALL, NEXT, LATER, MARK),
    ("timeout", DeadlineError(phase="speed"), ALL, NEXT, LATER, NEUTRAL),
    ("timeout", DeadlineError(phase="total"), NONE, None, GIVE_UP, MARK),
    ("connection", TransportError(), ALL, AT_ONCE, LATER, MARK),
    ("connection", ConnectionRefusedByHostError(), ALL, AT_ONCE, LATER, MARK),
    ("connection", ConnectionResetByHostError(), ALL, AT_ONCE, LATER, MARK),
    ("connection", TlsError(), ALL, AT_ONCE, LATER, MARK),
    ("connection", TruncatedBodyError(), ALL, AT_ONCE, LATER, MARK),
    ("connection", GarbledReplyError(), ALL, AT_ONCE, LATER, MARK),
    ("connection", NameResolutionError(), ALL, NEXT, LATER, MARK),
    ("connection", StreamInterruptedError(), ALL, AT_ONCE, LATER, MARK),
    ("ours", ClosedByCallerError(), NONE, None, GIVE_UP, NEUTRAL),
    ("ours", MalformedResponseError(), ALL, NEXT, GIVE_UP, MARK),
    ("ours", CircuitOpenError(), ALL, NEXT, GIVE_UP, NEUTRAL),
    ("ours", ConcurrencyLimitError(), ALL, NEXT, GIVE_UP, NEUTRAL),
    ("ours", AllTargetsFailedError(), ALL, NEXT, GIVE_UP, MARK),
    ("ours", ProviderError(), ALL, NEXT, GIVE_UP, MARK),
]
PLAIN = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProviderError)]


def named(line: Any) -> str | None:
    if isinstance(line, ProviderError):
        told = (line.status, line.code, getattr(line, "phase", None), line.retry_after)
        return " ".join([type(line).__name__, *(str(word) for word in told if word is not None)])
    return None


def verdict(
    error: ProviderError, another: bool, policy: RetryPolicy = DEFAULT, tried: int = 0, remaining: float = 99.0
) -> Verdict:
    return judge(error, tried=tried, another=another, remaining=remaining, policy=policy, uniform=lambda low, high: high)


@pytest.mark.parametrize(("line", "error", "who", "then", "last", "mark"), LINES, ids=named)
def test_every_line(line: str, error: ProviderError, who: str, then: Verdict | None, last: Verdict, mark: bool) -> None:
    for name, other in OTHERS.items():
        another = may_take_over(error, ASKED, other, DEFAULT)
        assert another == (name in who.split()), name
        assert verdict(error, another) == (then if another else last), name
        if another:
            assert verdict(error, another, tried=1) == NEXT, "one retry at most while a target remains"
    assert (then is None) == (who == NONE)
    assert verdict(error, another=False) == last
    assert verdict(error, another=False, tried=DEFAULT.retries) == GIVE_UP
    assert counts(error, answered=False) is mark
    assert counts(error, answered=True) is (mark and not ends(error))
    assert row_of(error).counts is mark


def test_the_lines_are_those_of_the_sheet(shared: Path) -> None:
    sheet = (shared / "wire" / "errors-and-limits.md").read_text(encoding="utf-8")
    first = sheet.partition("\n## 1.")[2].partition("\n## 2.")[0]
    kinds = set(re.findall(r"^\| (\w+) \|", first, re.MULTILINE)) - {"kind"}
    assert kinds == {line for line, *_ in LINES} - {"ours"}
    assert len(kinds) == 12


def test_every_class_has_a_line() -> None:
    assert {type(error) for _, error, *_ in LINES} == set(PLAIN)


def test_a_class_without_a_row_has_its_nearest_base_s() -> None:
    class Throttled(RateLimitError):
        """A user's own."""

    class Lost(Throttled, TransportError):
        """Two bases: the first that has a row."""

    assert row_of(Throttled()) is ROWS[RateLimitError]
    assert row_of(Lost()) is ROWS[RateLimitError]
    assert row_of(TruncatedBodyError()) is ROWS[TransportError]
    assert row_of(AllTargetsFailedError()) is ROWS[ProviderError]
    assert row_of(type("Mine", (InvalidRequestError,), {})(code="unsupported_value")).elsewhere == "any"


def test_what_is_refined_is_refined_for_that_class_only() -> None:
    for kind in PLAIN:
        for error in (kind(status=408), kind(status=409), kind(status=504), kind(code="unsupported_parameter")):
            if kind not in (InvalidRequestError, ProviderError, AllTargetsFailedError, ServerError, DeadlineError):
                assert row_of(error) is row_of(kind()), (kind, error.status, error.code)
    assert row_of(InvalidRequestError(status=504)) is ROWS[InvalidRequestError]
    assert row_of(ProviderError(code="unsupported_parameter")) is ROWS[ProviderError]
    assert row_of(ServerError(status=500)) is ROWS[ServerError]
    for status in (407, 410, 503, 505, 521, 523, 525):
        assert row_of(InvalidRequestError(status=status)) is ROWS[InvalidRequestError]
        assert row_of(ServerError(status=status)) is ROWS[ServerError]


@pytest.mark.parametrize(
    ("status", "body", "who"),
    [
        (400, {"error": {"message": "no 'seed'", "type": "invalid_request_error", "code": "unsupported_parameter"}}, ALL),
        (400, {"error": {"message": "no 2", "type": "invalid_request_error", "code": "unsupported_value"}}, ALL),
        (400, {"error": {"message": "no", "type": "invalid_request_error", "code": None}}, NONE),
        (409, {"error": {"message": "busy", "type": "invalid_request_error", "code": None}}, ALL),
        (401, {"error": {"message": "no", "type": "invalid_request_error", "code": "invalid_api_key"}}, "abroad"),
        (402, {"error": {"code": 402, "message": "Insufficient credits"}}, "key abroad"),
    ],
)
def test_as_it_comes_from_the_wire(status: int, body: object, who: str) -> None:
    error = provider_error(read_error(body), Target(provider="acme", model="m", dialect="openai-chat"), status=status)
    assert " ".join(name for name, other in OTHERS.items() if may_take_over(error, ASKED, other, DEFAULT)) == who


# -- who may take over

LONG = ContextLengthError()


@pytest.mark.parametrize(
    ("mine", "theirs", "prompt", "may"),
    [
        (8_000, 8_001, None, True),
        (8_000, 8_000, None, False),
        (8_000, 7_999, None, False),
        (8_000, None, None, False),
        (8_000, None, 10, False),
        (8_000, 8_001, 9_000, True),  # an estimate is no proof: the larger window is asked
        (8_000, 8_000, 10, False),
        (None, 8_000, 7_999, True),
        (None, 8_000, 8_000, False),
        (None, 8_000, None, False),
        (None, None, 10, False),
        (None, None, None, False),
        (0, 1, None, True),
        (None, 1, 0, True),
    ],
)
def test_only_a_larger_window_known_to_be_larger(mine: int | None, theirs: int | None, prompt: int | None, may: bool) -> None:
    for other in (Standing("acme", "k", theirs), Standing("umbra", "q", theirs)):
        assert may_take_over(LONG, Standing("acme", "k", mine), other, DEFAULT, prompt) is may


def test_a_quota_is_the_same_whoever_provides() -> None:
    shared_quota = Standing("umbra", ASKED.quota, None)
    for error in (RateLimitError(), QuotaError()):
        assert not may_take_over(error, ASKED, shared_quota, DEFAULT)
    assert may_take_over(AuthenticationError(), ASKED, shared_quota, DEFAULT)


# -- what the user asks for (fallback_on)


def takers(error: ProviderError, *named: type[ProviderError]) -> str:
    policy = RetryPolicy(elsewhere=named)
    return " ".join(name for name, other in OTHERS.items() if may_take_over(error, ASKED, other, policy))


@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_not_named_does_not_go_elsewhere(kind: type[ProviderError]) -> None:
    named = NotFoundError if kind is not NotFoundError else QuotaError
    if kind is not ProviderError:
        assert takers(kind(), named) == NONE
    assert takers(kind()) == NONE
    assert elsewhere(kind(), RetryPolicy(elsewhere=())) == "never"
    assert verdict(kind(), True, RetryPolicy(elsewhere=())) == verdict(kind(), False)


@pytest.mark.parametrize(
    ("error", "who"),
    [
        (AuthenticationError(), ALL),
        (InvalidRequestError(), ALL),
        (ContentFilterError(), ALL),
        (ServerError(), ALL),
        (CircuitOpenError(), ALL),
        (DeadlineError(phase="idle"), ALL),
        (RateLimitError(), "key abroad"),
        (QuotaError(), "key abroad"),
        (ContextLengthError(), "large"),
        (DeadlineError(phase="total"), NONE),
        (ClosedByCallerError(), NONE),
    ],
    ids=named,
)
def test_what_is_named_goes_anywhere_but_to_the_same_limit(error: ProviderError, who: str) -> None:
    for kind in (type(error), ProviderError):
        assert takers(error, kind) == takers(error, NotFoundError, kind) == who


@pytest.mark.parametrize("kind", [kind for kind in ROWS if not issubclass(kind, CircuitOpenError)])
def test_an_open_circuit_is_named_by_what_opens_it(kind: type[ProviderError]) -> None:
    """Who goes elsewhere after a failure goes there too when that has happened so often that nobody is asked any more."""
    assert takers(CircuitOpenError(), kind) == (ALL if ROWS[kind].counts else NONE)
    assert takers(CircuitOpenError(), NotFoundError, ConnectionRefusedByHostError) == ALL
    assert takers(ConcurrencyLimitError(), kind) == (ALL if kind in (ConcurrencyLimitError, ProviderError) else NONE)


def test_a_base_of_it_names_it_too() -> None:
    assert takers(ContextLengthError(), InvalidRequestError) == "large"
    assert takers(ConnectionRefusedByHostError(), TransportError) == ALL
    assert takers(TransportError(), ConnectionRefusedByHostError) == NONE
    assert verdict(ContentFilterError(), True, RetryPolicy(elsewhere=(ContentFilterError,))) == NEXT
    assert verdict(ContentFilterError(), True) == GIVE_UP, "not asked for"


def test_where_it_goes_as_the_user_wants_it() -> None:
    assert {kind.__name__: elsewhere(kind(), DEFAULT) for kind in ROWS if elsewhere(kind(), DEFAULT) != "any"} == {
        "AuthenticationError": "provider",
        "InvalidRequestError": "never",
        "ContextLengthError": "larger",
        "ContentFilterError": "never",
        "RateLimitError": "quota",
        "QuotaError": "quota",
        "DeadlineError": "never",  # the total one
        "ClosedByCallerError": "never",
    }


# -- the provider's own order (x-should-retry)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("order", [True, False])
def test_an_order_decides_about_the_same_target_and_no_other(kind: type[ProviderError], order: bool) -> None:
    error, plain = kind(should_retry=order), kind()
    assert row_of(error) == row_of(plain)
    assert verdict(error, another=False) == (LATER if order and not ends(error) else GIVE_UP)
    for other in OTHERS.values():
        another = may_take_over(plain, ASKED, other, DEFAULT)
        assert may_take_over(error, ASKED, other, DEFAULT) == another
        if another:
            assert verdict(error, another) == (verdict(plain, another) if order else NEXT)
    assert counts(error, answered=False) == counts(plain, answered=False)


# -- what else stands in the way of an immediate retry


def test_no_retry_where_none_is_allowed() -> None:
    assert verdict(ServerError(), True, RetryPolicy(retries=0)) == NEXT
    assert verdict(ServerError(), True, RetryPolicy(retries=1)) == AT_ONCE
    assert verdict(ServerError(retry_after=0.0), True) == NEXT
    assert verdict(ServerError(), False, RetryPolicy(retries=0)) == GIVE_UP


def test_waiting_ends_before_the_deadline() -> None:
    assert verdict(RateLimitError(retry_after=7.0), False, remaining=7.0) == GIVE_UP
    assert verdict(RateLimitError(retry_after=7.0), False, remaining=7.01) == Retry(7.0)
    assert verdict(RateLimitError(retry_after=7.0), True, remaining=7.0) == NEXT


def test_what_ends() -> None:
    assert ends(ClosedByCallerError())
    assert ends(DeadlineError(phase="total"))
    assert not any(ends(DeadlineError(phase=phase)) for phase in ("connect", "first_byte", "first_token", "idle", "speed"))
    assert not ends(TransportError())
    assert verdict(ClosedByCallerError(should_retry=True), another=True) == GIVE_UP


def test_a_row_is_plain_data() -> None:
    assert row_of(RateLimitError()) == Row(again=True, elsewhere="quota", counts=False, at_once=False)
    assert row_of(InvalidRequestError()) == Row(again=False, elsewhere="never", counts=False, at_once=False)
    assert row_of(ClosedByCallerError()) == Row(again=False, elsewhere="never", counts=False, at_once=False)
    assert row_of(DeadlineError(phase="total")) == Row(again=False, elsewhere="never", counts=True, at_once=False)
    with pytest.raises(AttributeError):
        row_of(RateLimitError()).again = False  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ASKED.context = 9  # type: ignore[misc]
