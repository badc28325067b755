"""How the targets of a client fare just now: what ``status()`` tells."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..engine.station import Gate, Station, Stations

State = Literal["closed", "open", "half_open", "off"]


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One target: a model at an address, under a ``key`` (masked; ``key_id`` is what ``Attempt.key`` says).

    ``circuit``: ``closed`` (it is asked), ``open`` (left alone, for ``retry_in`` more seconds), ``half_open`` (one call tries
    it), ``off`` (no breaker). ``rests``: seconds for which it wants to be left alone, or had better be; ``key_state``: ``ready``,
    ``resting`` (or the target under it) or ``refused`` (401). ``calls`` and ``failures`` since the client was made (each try
    counts), ``in_flight`` those under way. Latencies in seconds, of the last 128 answers: the median and the 95th percentile
    until the first token (of whole replies: until the end), and until the end.
    """

    provider: str
    model: str
    address: str | None = None
    key: str | None = None
    key_id: str | None = None
    key_state: Literal["ready", "resting", "refused"] = "ready"
    circuit: State = "closed"
    retry_in: float = 0.0
    rests: float = 0.0
    in_flight: int = 0
    calls: int = 0
    failures: int = 0
    first_p50: float | None = None
    first_p95: float | None = None
    whole_p50: float | None = None
    whole_p95: float | None = None


class LimitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of your own. ``requests`` and ``tokens`` as used in the last ``period`` seconds, each with the most there may be;
    ``busy`` requests under way of ``most``, ``waiting`` for a place."""

    name: str
    requests: int | None = None
    most_requests: int | None = None
    tokens: int | None = None
    most_tokens: int | None = None
    period: float | None = None
    busy: int | None = None
    most: int | None = None
    waiting: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The targets that were asked so far, in the order in which they were first named, and the limits that hold."""

    targets: tuple[TargetStatus, ...] = ()
    limits: tuple[LimitStatus, ...] = ()

    def __str__(self) -> str:
        return "\n".join((*map(_target_line, self.targets), *map(_limit_line, self.limits)))


def _target_line(target: TargetStatus) -> str:
    name = f"{target.provider}/{target.model}" if target.model else target.provider
    circuit = f"circuit {target.circuit}" + (f" for {target.retry_in:.1f} s" if target.retry_in else "")
    key = "" if target.key is None else f", key {target.key} {target.key_state}"
    rests = f" for {target.rests:.1f} s" if target.rests else ""
    return f"{name}: {circuit}{key}{rests}, {target.in_flight} in flight, {target.calls} calls, {target.failures} failed"


def _limit_line(limit: LimitStatus) -> str:
    used = [
        "" if limit.most_requests is None else f"{limit.requests} of {limit.most_requests} requests in {limit.period:g} s",
        "" if limit.most_tokens is None else f"{limit.tokens} of {limit.most_tokens} tokens in {limit.period:g} s",
        "" if limit.most is None else f"{limit.busy} of {limit.most} under way, {limit.waiting} waiting",
    ]
    return f"limit for {limit.name}: {', '.join(filter(None, used))}"


def status_of(stations: Stations, now: float) -> Status:
    """How all of them fare at ``now``."""
    targets = tuple(_target(station, now) for station in stations.all() if station.calls)
    return Status(targets=targets, limits=tuple(_limit(gate, now) for gate in stations.gates()))


def _target(station: Station, now: float) -> TargetStatus:
    with station.lock:
        place, breaker, account = station.place, station.breaker, station.account
        assert place is not None  # it was made by a registry
        (first_50, first_95), (whole_50, whole_95) = station.latencies.percentiles()
        rests = max(0.0, station.free_at - now, station.rests_until - now, account.rests_until - now)
        found = TargetStatus(
            provider=place.provider,
            model=place.model,
            address=place.address,
            key=place.key,
            key_id=place.key_id,
            key_state="refused" if account.refused else "resting" if rests > 0.0 else "ready",
            circuit="off" if breaker is None else breaker.state(now),
            retry_in=0.0 if breaker is None else breaker.wait(now),
            rests=rests,
            in_flight=station.in_flight,
            calls=station.calls,
            failures=station.failures,
            first_p50=first_50,
            first_p95=first_95,
            whole_p50=whole_50,
            whole_p95=whole_95,
        )
    station.heed()
    return found


def _limit(gate: Gate, now: float) -> LimitStatus:
    with gate.lock:
        window, slots = gate.window, gate.slots
        requests, tokens = (None, None) if window is None else window.used(now)
        found = LimitStatus(
            name=gate.name,
            requests=requests,
            most_requests=None if window is None else window.limit.requests,
            tokens=tokens,
            most_tokens=None if window is None else window.limit.tokens,
            period=None if window is None else window.limit.period,
            busy=None if slots is None else slots.busy,
            most=None if slots is None else slots.concurrency.most,
            waiting=0 if slots is None else slots.waiting,
        )
    gate.heed()
    return found
