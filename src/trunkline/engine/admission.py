"""What stands between a call and its target: a target that wants to be left alone, limits of the user's own, an open circuit."""

from __future__ import annotations

from collections.abc import Callable
from math import nextafter

from ..policy.rate_limit import Reservation
from ..policy.tokens import prompt_tokens
from ..ports import INFINITY, IO
from ..values.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    ProviderError,
    QuotaError,
    RateLimitError,
)
from .call import Call
from .station import Gate, Station, Ticket
from .trial import Trial

Spare = Callable[[ProviderError], bool]
"""Whether somebody else may be asked after such an error."""


async def admit(io: IO, call: Call, trial: Trial, spare: Spare) -> None:
    """Returns once ``trial`` may go. While somebody else may be asked nothing is waited for.

    Raises ``CircuitOpenError``, ``RateLimitError``, ``QuotaError`` or ``ConcurrencyLimitError``: nothing was asked. Raises
    ``StreamInterruptedError`` where the call was ended meanwhile, from elsewhere.
    """
    if trial.enter(trial.began):
        return
    trial.check()
    station = trial.station
    if station.breaker is not None and (wait := station.breaker.wait(io.now())) > 0.0:
        raise _open(station, wait)
    await _rest(io, call, trial, station, spare)
    for gate in reversed(station.gates):  # who waits for a place under a narrow limit holds none under a wider one
        if gate.slots is not None:
            await _slot(io, trial, gate, spare)
    paced = [gate for gate in station.gates if gate.window is not None]
    while True:
        if paced:
            await _pace(io, call, trial, paced, spare)
        if station.free_at <= io.now() or not call.limits.retry.retries:
            break
        if paced:  # it was said while this one waited: its moment is somebody else's
            _give_up(trial, paced)
        await _rest(io, call, trial, station, spare)
    if not trial.go(io.now()):
        assert station.breaker is not None
        raise _open(station, station.breaker.wait(io.now()))


def _open(station: Station, wait: float) -> CircuitOpenError:
    last = "" if station.last is None else f", with {station.last} last"
    return CircuitOpenError(f"not asked: it has failed too often just now{last}", retry_after=wait)


async def _rest(io: IO, call: Call, trial: Trial, station: Station, spare: Spare) -> None:
    """Leaves a target alone that said that it wants to be; one that only may want to be is left alone while there are others."""
    now = io.now()
    said, guessed = station.free_at - now, station.rests_until - now
    if (wait := station.account.rests_until - now) > 0.0:
        refused = AuthenticationError("not asked: its key was refused just now", retry_after=wait)
        gone = refused if station.account.refused else QuotaError("not asked: its quota was gone just now", retry_after=wait)
        if spare(gone):
            raise gone
    if (wait := max(said, guessed)) > 0.0:
        busy = RateLimitError("not asked: it wants to be left alone for a while", retry_after=wait)
        if spare(busy):
            raise busy
    if said > 0.0 and call.limits.retry.retries:  # who wants nothing tried again wants nothing waited for
        if said >= trial.until - now or said > call.limits.retry.longest:
            raise RateLimitError("not asked: it wants to be left alone, for longer than there is time", retry_after=said)
        await _sleep_until(io, trial, station.free_at)


async def _sleep_until(io: IO, trial: Trial, moment: float) -> None:
    began = now = io.now()
    if moment > now:
        trial.bell = io.signal()
    while now < moment and trial.bell is not None:
        trial.check()
        await trial.bell.wait(moment - now)
        now = io.now()
    trial.waited += now - began


async def _slot(io: IO, trial: Trial, gate: Gate, spare: Spare) -> None:
    """Takes one of the places among those that are under way, in the order of coming."""
    slots, concurrency = gate.slots, gate.concurrency
    assert slots is not None
    assert concurrency is not None
    ticket = Ticket()
    trial.tickets.append((gate, ticket))  # from here on it is given back, whatever happens
    began = io.now()
    with gate.lock:
        entry = slots.enter(ticket)
        if entry == "queued":
            ticket.signal = io.signal()
    gate.heed()
    if entry == "in":
        return
    under_way = f"not asked: as many calls to {gate.name} are under way as your limit allows (concurrency={concurrency.most})"
    full = ConcurrencyLimitError(f"{under_way}, and {concurrency.queue} wait" if entry == "full" else under_way)
    if entry == "full" or ticket.signal is None or spare(full):
        raise full
    trial.check()
    patience = INFINITY if concurrency.wait is None else concurrency.wait
    woken = await ticket.signal.wait(min(patience, trial.until - began))
    trial.waited += io.now() - began
    trial.check()
    if not woken:
        raise full


async def _pace(io: IO, call: Call, trial: Trial, gates: list[Gate], spare: Spare) -> None:
    """Books the first moment at which the request may go under all limits, and waits for it."""
    counting = [gate for gate in gates if gate.window is not None and gate.window.limit.tokens is not None]
    tokens = _tokens(call) if counting else 0
    now = io.now()
    refused = _book(trial, gates, now, tokens, now)
    if refused is not None and not spare(refused):
        refused = _book(trial, gates, now, tokens, nextafter(trial.until, -INFINITY))
    if refused is not None:
        raise refused
    await _sleep_until(io, trial, max(booked.at for _, booked in trial.reserved))


def _book(trial: Trial, gates: list[Gate], now: float, tokens: int, latest: float) -> RateLimitError | None:
    """Books the same moment everywhere; the error says where that cannot be had by ``latest``, and nothing is booked then."""
    with gates[0].lock:  # it is that of all of them: nobody books in between
        refused = _booked(trial.reserved, gates, now, tokens, latest)
    gates[0].heed()
    return refused


def _booked(
    reserved: list[tuple[Gate, Reservation]], gates: list[Gate], now: float, tokens: int, latest: float
) -> RateLimitError | None:
    moment = now
    while True:
        for gate in gates:
            assert gate.window is not None
            booked = gate.window.reserve(now, tokens, latest, moment)
            if isinstance(booked, float):
                _take_back(reserved)
                return _reached(gate, tokens, booked)
            reserved.append((gate, booked))
            moment = booked.at
        if reserved[0][1].at == moment:  # the first is the earliest
            return None
        _take_back(reserved)


def _give_up(trial: Trial, gates: list[Gate]) -> None:
    with gates[0].lock:
        _take_back(trial.reserved)
    gates[0].heed()


def _take_back(reserved: list[tuple[Gate, Reservation]]) -> None:
    while reserved:
        gate, booked = reserved.pop()
        assert gate.window is not None
        gate.window.cancel(booked)


def _reached(gate: Gate, tokens: int, wait: float) -> RateLimitError:
    assert gate.window is not None
    if wait == INFINITY:
        limit = gate.window.limit.tokens
        error = RateLimitError(f"not asked: it takes about {tokens} tokens, and your limit for {gate.name} is {limit}")
    else:
        error = RateLimitError(f"not asked: your limit for {gate.name} is reached", retry_after=wait)
    error.should_retry = False  # what there is to wait for has been waited for
    return error


def _tokens(call: Call) -> int:
    """What the prompt and the longest reply may take of a limit, estimated."""
    return max(1, prompt_tokens(call.request) + (call.request.max_tokens or 0))
