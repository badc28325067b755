"""What was tried, told apart from outside: which attempt was which exchange, and whether each was allowed after the one before."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from tests.engine.simulated.callers import Caller
from tests.engine.simulated.watching import SLACK
from tests.engine.simulated.world import Talk
from trunkline.engine.destination import Wire
from trunkline.values.errors import ContentFilterError, RateLimitError
from trunkline.values.response import Attempt

ERRORS: dict[str, set[str]] = {
    "no connection": {"ConnectionRefusedByHostError"},
    "reset head": {"ConnectionResetByHostError"},
    "invalid": {"InvalidRequestError"},
    "denied": {"PermissionDeniedError"},
    "not found": {"NotFoundError"},
    "conflict": {"ServerError", "InvalidRequestError", "ProviderError"},
    "context": {"ContextLengthError"},
    "filter": {"ContentFilterError"},
    "key": {"AuthenticationError"},
    "quota": {"QuotaError"},
    "limit": {"RateLimitError"},
    "server": {"ServerError"},
    "gateway": {"ServerError"},
    "timeout": {"ServerError"},
    "overload": {"OverloadedError"},
    "should": {"ServerError", "OverloadedError", "RateLimitError"},
    "should not": {"ServerError", "OverloadedError", "RateLimitError"},
    "reset": {"ConnectionResetByHostError"},
    "truncated": {"TruncatedBodyError"},
    "cut": {"StreamInterruptedError", "MalformedResponseError"},
    "garbled": {"MalformedResponseError"},
    "event overload": {"OverloadedError", "MalformedResponseError"},
    "event server": {"ServerError", "MalformedResponseError"},
    "event limit": {"RateLimitError", "MalformedResponseError"},
}
"""What each trouble of a provider is called; a deadline may come before any."""
NOT_ASKED = {
    "AuthenticationError",
    "CircuitOpenError",
    "RateLimitError",
    "QuotaError",
    "ConcurrencyLimitError",
}
NEVER_AGAIN = {
    "AuthenticationError", "PermissionDeniedError", "NotFoundError", "ContextLengthError", "ContentFilterError", "QuotaError",
    "MalformedResponseError", "CircuitOpenError", "ConcurrencyLimitError",
}  # fmt: skip
"""After these the same target is not asked again."""
NOT_AT_ONCE = {"OverloadedError", "DeadlineError"}
"""After these it is not while another may be asked."""


class Made(NamedTuple):
    """One attempt, and its exchange. ``retry``: the same target was tried just before."""

    caller: Caller
    attempt: Attempt
    talk: Talk | None
    wire: Wire | None
    retry: bool = False

    @property
    def ended(self) -> float:
        return self.caller.began + self.attempt.at + self.attempt.seconds


def made_of(caller: Caller, talks: list[Talk], *, hedged: bool) -> list[Made]:
    """The attempts tell exactly the exchanges that were made, in their order; of a call that its caller ended, those that had ended."""
    left, made, found = list(talks), list[Made](), dict[int, Talk]()
    named = {talk.spoken.headers.get("x-request-id") for talk in talks} - {None}
    asked = [(n, attempt) for n, attempt in enumerate(caller.attempts) if attempt.asked]
    for n, attempt in sorted(asked, key=lambda pair: pair[1].request_id not in named) if hedged else asked:
        found[n] = _match(caller, attempt, left, hedged=hedged)
        left.remove(found[n])
    for n, attempt in enumerate(caller.attempts):
        if not attempt.asked:
            assert attempt.error in NOT_ASKED or hedged, f"not asked for {attempt.error}"
            made.append(Made(caller, attempt, None, _named(caller, attempt)))
            continue
        talk = found[n]
        check_error(attempt, talk)
        again = bool(made) and made[-1].wire is talk.wire
        made.append(Made(caller, attempt, talk, talk.wire, again))
    if caller.ends[0].how in ("end", "error") and caller.manner != "hook":
        assert not left, f"{len(left)} exchanges that no attempt tells"
    else:
        assert len(left) <= (2 if hedged else 1), "at most what was under way is not told"
    return made


def _match(caller: Caller, attempt: Attempt, left: list[Talk], *, hedged: bool) -> Talk:
    begun = caller.began + attempt.at
    ended = begun + attempt.seconds
    fit = [
        talk
        for talk in (left if hedged else left[:1])
        if (talk.wire.target.provider, talk.wire.target.model, talk.wire.target.key)
        == (attempt.provider, attempt.model, attempt.key)
        and begun - SLACK <= talk.sent <= ended + SLACK
    ]
    assert fit, f"no exchange was {attempt}, where the next was {left[0].wire if left else 'none'}"
    return min(fit, key=lambda talk: (*_unlike(caller, attempt, talk), abs(talk.shut - ended)))


def _unlike(caller: Caller, attempt: Attempt, talk: Talk) -> tuple[bool, ...]:
    """What speaks against this exchange, where two of a race are with the same target: its id, its trouble, or that it was told."""
    named = attempt.request_id is not None and talk.spoken.headers.get("x-request-id") != attempt.request_id
    status = attempt.status is not None and attempt.status != talk.reply.status
    trouble = attempt.error not in (None, "DeadlineError") and attempt.error not in ERRORS.get(talk.spoken.kind, ())
    told = attempt.overtaken and bool(talk.new) and bool(caller.told) and caller.told.startswith(talk.words[0])
    return named, status or trouble, told


def _named(caller: Caller, attempt: Attempt) -> Wire | None:
    """Who was not asked, where that can be told."""
    found = [
        wire
        for wire in caller.family.ring(caller.order())
        if (wire.target.provider, wire.target.model, wire.target.key) == (attempt.provider, attempt.model, attempt.key)
    ]
    return found[0] if len(found) == 1 else None


def check_error(attempt: Attempt, talk: Talk) -> None:
    """An attempt is told as what the provider did."""
    due = ERRORS.get(talk.spoken.kind, set())
    if attempt.overtaken:
        return
    if attempt.error is None:
        assert talk.spoken.whole, f"{talk.spoken.kind} is no success"
    else:
        assert attempt.error in due or attempt.error == "DeadlineError", f"{talk.spoken.kind} is told as {attempt.error}"
    if attempt.error is None or attempt.status is not None:
        assert attempt.status == talk.reply.status, "its status"


def check_course(caller: Caller, made: list[Made]) -> None:
    """No target is asked that policy forbids, and never again one that was left."""
    order = caller.order()
    places = [caller.family.place(order, one.wire) for one in made if one.wire is not None]
    assert places == sorted(places), f"back to an earlier target: {places}"
    left: list[Wire] = []
    again = 0
    for before, after in pairwise(made):
        again = again + 1 if before.wire is after.wire is not None and not before.attempt.interrupted else 0
        assert again <= caller.retries, f"{again} more tries of {after.wire}"
        if before.wire is None or after.wire is None:
            continue
        if after.wire is not before.wire:
            left.append(before.wire)
            assert after.wire not in left, f"back to {after.wire}"
            check_move(caller, before, after)
        else:
            check_retry(caller, before, after)


def remaining(caller: Caller, wire: Wire, error: str) -> list[Wire]:
    """Who of those behind ``wire`` may be asked after such an error."""
    order = caller.order()
    return [other for other in order[caller.family.place(order, wire) + 1 :] if allowed(caller, error, wire, other)]  # type: ignore[arg-type, misc]


def allowed(caller: Caller, error: str, wire: Wire, other: Wire, status: int | None = None) -> bool:
    """Whether ``other`` may be asked after ``error`` of ``wire``."""
    named = caller.named(error)
    if error == "CircuitOpenError" and caller.elsewhere is not None:  # whatever opens a circuit stands for it
        named = any(kind not in (RateLimitError, ContentFilterError) for kind in caller.elsewhere)
    if named is False:
        return False
    if error in ("RateLimitError", "QuotaError"):
        return other.target.quota != wire.target.quota
    if error == "ContextLengthError":
        mine = wire.record.context if wire.record is not None and wire.record.context is not None else caller.tokens
        return other.record is not None and other.record.context is not None and other.record.context > mine
    if named:
        return True
    if error == "AuthenticationError":
        return other.target.owner != wire.target.owner
    return error not in ("InvalidRequestError", "ContentFilterError")


def check_move(caller: Caller, before: Made, after: Made) -> None:
    error, wire, other = before.attempt.error, before.wire, after.wire
    assert error is not None, "nobody else is asked after a success"
    assert wire is not None
    assert other is not None
    if other in wire.ring and error in ("RateLimitError", "QuotaError", "AuthenticationError", "CircuitOpenError"):
        assert error not in ("RateLimitError", "QuotaError") or other.target.quota != wire.target.quota, (
            "another key of the same quota"
        )
        return
    if before.talk is not None and before.talk.spoken.kind == "conflict":
        return
    assert allowed(caller, error, wire, other), (
        f"{other} ({other.target.key}) was asked after {error} of {wire} ({wire.target.key})"
    )


def check_retry(caller: Caller, before: Made, after: Made) -> None:
    error, talk = before.attempt.error, before.talk
    assert error is not None
    assert before.wire is not None
    if talk is None:
        return  # not asked, and then carried on by the same
    kind = talk.spoken.kind
    assert kind != "should not", "x-should-retry: false is obeyed"
    assert error not in NEVER_AGAIN or kind in ("should", "cut"), f"again after {error}"
    if before.attempt.interrupted:
        return
    others = remaining(caller, before.wire, error)
    if others and kind not in ("should", "conflict"):
        assert error not in NOT_AT_ONCE, f"again after {error}, while {others} might be asked"
        assert error != "RateLimitError", f"again after {error}, while {others} might be asked"
        assert before.attempt.retry_after is None, "again at one that asked to wait, while others might be asked"
    if before.attempt.retry_after is not None:
        assert after.attempt.waited >= before.attempt.retry_after - SLACK, "the wait that was asked for"
