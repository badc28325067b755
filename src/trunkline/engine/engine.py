"""The one way from a call to its reply, written once and run two ways. Read it top to bottom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from ..dialects.dialect import Context, WireRequest
from ..dialects.error_body import request_id_of
from ..policy.price import cost
from ..policy.retry import Fallback, Raise, judge
from ..ports import INFINITY, IO, Deadlines
from ..values.check import check_request
from ..values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    ClosedByCallerError,
    MalformedResponseError,
    ProviderError,
    TrunklineError,
    UsageError,
)
from ..values.expect import kind_of
from ..values.message import HostedToolCall
from ..values.request import Request
from ..values.response import Response, Timings, Warning
from ..wire.http import HttpReply
from . import backend
from .attempt import deadlines, encode, failure, fetch, late, unary
from .call import Call, dress, refuse_losses
from .destination import Destination, Own, Sought, Wire
from .media import with_media
from .program import Program
from .settlement import Settlement, called
from .source import WireSource, folded

T = TypeVar("T")


async def generate(io: IO, call: Call) -> Response:
    """The reply to ``call``. Raises the target's own error, or ``AllTargetsFailedError`` when several were tried."""
    settlement = Settlement(io, call)
    try:
        call = await prepare(io, call)
        response = await pursue(io, call, settlement, _answer)
        response = await conclude(call, response)
    except BaseException as error:
        await fail(io, call, settlement, error)
        raise
    settlement.settle("end", io.now(), response)
    return response


async def raw(io: IO, call: Call, request: WireRequest) -> HttpReply:
    """The reply to a request that the user wrote: our address, key, pool, retries and errors; his bytes."""
    settlement = Settlement(io, call)

    async def attempt(io: IO, call: Call, settlement: Settlement, to: Destination, limits: Deadlines) -> HttpReply:
        assert isinstance(to, Wire)
        began = io.now()
        reply = await fetch(io, to, request, limits, INFINITY, settlement)  # his own business how long it is
        if not 200 <= reply.status < 300:
            raise failure(io, to, reply, Context(target=to.target, model=to.model))
        reply = to.masked(reply)
        settlement.attempted(to, io.now() - began, reply.status, request_id_of(reply.headers))
        return reply

    try:
        reply = await pursue(io, call, settlement, attempt)
    except BaseException as error:
        await fail(io, call, settlement, error)
        raise
    settlement.settle("end", io.now())
    return reply


async def prepare(io: IO, call: Call) -> Call:
    """``call`` with its targets found, the ``before`` hook heard, turns that the messages lack put back and local media read; a
    strict one encoded for every target, to see that it can be."""
    if any(isinstance(planned, Sought) for planned in call.plan):
        found: list[Destination] = []
        for planned in call.plan:
            found += await planned.found(io, call.request) if isinstance(planned, Sought) else (planned,)
        call = msgspec.structs.replace(call, plan=tuple(found))
    request = call.request
    if call.hooks.before is not None:
        replaced = await called(call.hooks.before(request))
        if replaced is not None:
            request = _replacement(replaced, request)
    if call.memory is not None:
        messages, warnings = call.memory.mend(request.messages)
        if messages is not request.messages:
            request = msgspec.structs.replace(request, messages=messages)
            call = msgspec.structs.replace(call, warnings=warnings)
            refuse_losses(call, warnings)
    request = await with_media(io, request)
    if request is not call.request:
        call = msgspec.structs.replace(call, request=request)
    if call.strict and len(call.plan) > 1:
        for destination in call.plan:
            if isinstance(destination, Wire):
                encode(call, destination)
    return call


def _replacement(replaced: object, request: Request) -> Request:
    """What ``before`` gave instead, checked as the caller's own words are; whether it streams is the call's own business."""
    if not isinstance(replaced, Request):
        raise UsageError("gave no request", field="before", got=kind_of(replaced), allowed="a Request or None")
    check_request(replaced)
    return replaced if replaced.stream == request.stream else msgspec.structs.replace(replaced, stream=request.stream)


async def conclude(call: Call, response: Response) -> Response:
    """``response`` with the structured output parsed and the ``after`` hook heard; its turn remembered."""
    if call.parse is not None and response.finish_reason == "stop" and (response.text or not response.refusal):
        response = msgspec.structs.replace(response, output=_parsed(call.parse, response))
    if call.hooks.after is not None:
        replaced: object = await called(call.hooks.after(response))
        if replaced is not None:
            if not isinstance(replaced, Response):
                raise UsageError("gave no response", field="after", got=kind_of(replaced), allowed="a Response or None")
            response = replaced
    if call.memory is not None:
        for alternative in response.alternatives:
            call.memory.remember(alternative.message)
        call.memory.remember(response.message)
    return response


def _parsed(parse: Callable[[str], Any], response: Response) -> Any:
    try:
        return parse(response.text)
    except ProviderError as error:
        error.provider, error.model, error.request_id = response.provider, response.model, response.request_id
        error.attempts = response.attempts
        if isinstance(error, MalformedResponseError):
            error.response, error.hint = response, "The reply stands in its `response`"
        raise


async def fail(io: IO, call: Call, settlement: Settlement, error: BaseException) -> None:
    """Settles a call that ended with ``error``; what the caller ended himself is nobody's fault."""
    if not isinstance(error, Exception) or isinstance(error, ClosedByCallerError):
        settlement.settle("close" if isinstance(error, Exception) else "cancel", io.now(), error=error)
        return
    response = error.response if isinstance(error, MalformedResponseError) else None
    if settlement.settle("error", io.now(), response, error) and call.hooks.on_error is not None:
        await called(call.hooks.on_error(error))


Attempt = Callable[[IO, Call, Settlement, Destination, Deadlines], Awaitable[T]]


async def pursue(io: IO, call: Call, settlement: Settlement, attempt: Attempt[T]) -> T:
    """The first success over the plan's targets and their retries."""
    errors: list[ProviderError] = []
    for number, planned in enumerate(call.plan):
        another = number + 1 < len(call.plan)
        destination = planned.in_turn()
        settlement.destination = destination
        tried, renewed = 0, False
        while True:
            own: Exception | None = None
            settlement.head = settlement.proof = None
            began = io.now()
            if began >= settlement.until:
                raise _final(errors, late(call, destination), settlement)
            try:
                return await attempt(io, call, settlement, destination, deadlines(call, settlement, another))
            except ProviderError as error:
                failed = error
            except Exception as error:  # noqa: BLE001 - an object of the user's own may raise anything; what is not its is raised on
                own, failed = error, _as_provider_error(error, destination, bool(errors))
            dress(failed, destination, call)
            if isinstance(failed, ClosedByCallerError) or settlement.settled:  # the caller has ended it, from elsewhere
                raise failed
            now = io.now()
            settlement.attempted(destination, now - began, error=failed)
            refused = isinstance(failed, AuthenticationError) or failed.status == 401
            if refused and not renewed and destination.renews(settlement.proof):
                renewed = True  # a token that is not taken any more is no reason to give up
                continue
            left, policy = settlement.until - now, call.limits.retry
            verdict = judge(failed, tried=tried, another=another, remaining=left, policy=policy, uniform=io.uniform)
            if isinstance(verdict, Raise):
                raise own if own is not None and not errors else _final(errors, failed, settlement)
            if isinstance(verdict, Fallback):
                errors.append(failed)
                break
            settlement.waited = verdict.after
            if verdict.after > 0.0:
                await io.sleep(verdict.after)
            tried += 1
    raise AssertionError("a plan's last target is never a fallback")


def _as_provider_error(error: Exception, destination: Destination, later: bool) -> ProviderError:
    """What an object of the user's own raised; or, on ``later`` targets, that this one cannot be asked. Anything else is
    raised."""
    if isinstance(destination, Own) and not isinstance(error, TrunklineError):
        return backend.raised(destination, error)
    if later and isinstance(error, UsageError):
        refused = ProviderError(f"not asked: {error.message}")
        refused.__cause__ = error
        return refused
    raise error


def _final(earlier: list[ProviderError], error: ProviderError, settlement: Settlement) -> ProviderError:
    if earlier:
        error = AllTargetsFailedError(f"{len(earlier) + 1} targets failed", errors=(*earlier, error))
    error.attempts = tuple(settlement.attempts)
    return error


async def _answer(io: IO, call: Call, settlement: Settlement, to: Destination, limits: Deadlines) -> Response:
    began = io.now()
    if isinstance(to, Own):
        backend.check(to, io.blocking)
        response = await backend.answer(io, to, call.request, limits)
        return finished(io, settlement, to, response, began, call.warnings, None, None)
    if isinstance(to, Program):
        response = await folded(WireSource(io, call, settlement, to, limits))
        return finished(io, settlement, to, response, began, (), None, None)
    encoded, reply, response = await unary(io, call, settlement, to, limits)
    return finished(io, settlement, to, response, began, encoded.warnings, None, reply.status, reply)


def finished(
    io: IO,
    settlement: Settlement,
    to: Destination,
    response: Response,
    began: float,
    warnings: tuple[Warning, ...],
    first_event: float | None,
    status: int | None,
    reply: HttpReply | None = None,
) -> Response:
    """``response`` with what only the engine knows: who answered, how long it took, what it cost, what was tried, the ``reply``
    itself."""
    now = io.now()
    settlement.attempted(to, now - began, status, response.request_id)
    took = now - settlement.began
    price = response.cost
    if price is None and to.record is not None:
        tier = response.service_tier or settlement.call.request.service_tier
        hosted = HostedToolCall in map(type, response.message.parts)
        price = cost(response.usage, to.record, io.wall(), tier, hosted_tools=hosted)
    return msgspec.structs.replace(
        response,
        provider=to.target.provider,
        latency=took,
        timings=Timings(head=settlement.head and settlement.head - settlement.began, first_event=first_event, end=took),
        attempts=tuple(settlement.attempts),
        warnings=warnings + response.warnings if warnings else response.warnings,
        cost=price,
        headers=response.headers if reply is None else reply.headers,
        raw=response.raw if reply is None else reply.body,
    )
