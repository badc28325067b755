"""The one way from a call to its reply, written once and run two ways. Read it top to bottom."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from ..dialects.dialect import Context, WireRequest
from ..dialects.error_body import request_id_of
from ..ports import INFINITY, IO, Deadlines
from ..values.check import check_request
from ..values.errors import ClosedByCallerError, MalformedResponseError, ProviderError, UsageError
from ..values.expect import kind_of
from ..values.message import Message
from ..values.request import Request
from ..values.response import Response, Timings, Usage, Warning
from ..wire.http import HttpReply
from . import backend
from .attempt import encode, failure, fetch, unary
from .call import Call, refuse_losses, seconds
from .charges import charge
from .course import Course
from .destination import Destination, Own, Sought, Wire
from .media import fitted, holds_media
from .program import Program
from .pursuit import pursue
from .settlement import Settlement, called
from .source import WireSource, folded
from .trial import Trial


async def generate(io: IO, call: Call) -> Response:
    """The reply to ``call``. Raises the target's own error, or ``AllTargetsFailedError`` when several were tried."""
    settlement = Settlement(io, call)
    try:
        call = await prepare(io, call)
        response = await conclude(call, await replied(io, call, settlement))
    except BaseException as error:
        await fail(io, call, settlement, error)
        raise
    settlement.settle("end", io.now(), response)
    return response


async def replied(io: IO, call: Call, settlement: Settlement) -> Response:
    """What somebody answered, or the answer of last resort; as it came, and not settled yet."""
    try:
        trial, answer = await pursue(io, call, settlement, _answer, course_of(io, call))
        return finished(io, settlement, trial, answer)
    except ProviderError as error:
        return await stood_in(io, call, settlement, error)


async def raw(io: IO, call: Call, request: WireRequest) -> HttpReply:
    """The reply to a request that the user wrote: our address, key, pool, retries and errors; his bytes."""
    settlement = Settlement(io, call)

    async def attempt(io: IO, call: Call, trial: Trial, limits: Deadlines) -> HttpReply:
        to = trial.destination
        assert isinstance(to, Wire)
        reply = await fetch(io, to, request, limits, INFINITY, trial)  # his own business how long it is
        if not 200 <= reply.status < 300:
            raise failure(io, to, reply, Context(target=to.target, model=to.model))
        return to.masked(reply)

    try:
        trial, reply = await pursue(io, call, settlement, attempt, course_of(io, call))
        trial.ended(io.now(), status=reply.status, request_id=request_id_of(reply.headers))
    except BaseException as error:
        await fail(io, call, settlement, error)
        raise
    settlement.settle("end", io.now())
    return reply


def course_of(io: IO, call: Call) -> Course:
    """The targets of ``call``, none of them asked yet."""
    return Course(call.plan, call.request, call.limits.retry, io.now())


async def stood_in(io: IO, call: Call, settlement: Settlement, error: ProviderError) -> Response:
    """The answer of last resort, marked as such; raises ``error`` where there is none. What it cost is its own word, else
    nothing."""
    answer = call.last_resort
    if answer is None or isinstance(error, ClosedByCallerError) or settlement.settled:
        raise error
    if not isinstance(answer, str | Response):
        answer = await called(answer(call.request, error))
    if answer is None:
        raise error
    if isinstance(answer, str):
        answer = Response(message=Message.assistant(answer), finish_reason="stop")
    if not isinstance(answer, Response):
        raise UsageError(
            "gave no answer", field="fallback_answer", got=kind_of(answer), allowed="a text, a Response, or None"
        ) from error
    if call.hooks.on_error is not None:
        await called(call.hooks.on_error(error))
    took = io.now() - settlement.began
    return msgspec.structs.replace(
        answer,
        fallback=True,
        attempts=tuple(settlement.attempts),
        cost=Decimal(0) if answer.cost is None else answer.cost,
        latency=took,
        timings=Timings(end=took),
    )


async def prepare(io: IO, call: Call) -> Call:
    """``call`` with the ``before`` hook heard, turns that the messages lack put back, local media read and its targets found; a
    strict one encoded for every target, to see that it can be."""
    request = call.request
    if call.hooks.before is not None:
        replaced = await called(call.hooks.before(request))
        if replaced is not None:
            request = _replacement(replaced, request)
    if call.memory is not None:
        messages, warnings = call.memory.mend(request.messages)
        if messages is not request.messages:
            request = msgspec.structs.replace(request, messages=messages)
            call = msgspec.structs.replace(call, warnings=call.warnings + warnings)
            refuse_losses(call, warnings)
    if not (call.plain and request is call.request) and holds_media(request):
        from .media_step import MediaStep, read_files  # few calls have any

        request = await read_files(io, request)
        call = msgspec.structs.replace(call, media=call.media or MediaStep(call.fetch_urls))
    if request is not call.request:
        call = msgspec.structs.replace(call, request=request)
    if any(isinstance(planned, Sought) for planned in call.plan):
        call = msgspec.structs.replace(call, plan=await _found(io, call))
    if call.strict and len(call.plan) > 1:
        for destination in call.plan:
            if isinstance(destination, Wire):
                encode(await fitted(io, call, destination, io.now() + seconds(call.limits.total)), destination)
    return call


async def _found(io: IO, call: Call) -> tuple[Destination, ...]:
    """The targets, those found that have to be looked for; each once, whoever names it. A group of which nobody is fit is passed
    over where others follow."""
    found: list[Destination] = []
    unfit: UsageError | None = None
    for planned in call.plan:
        try:
            targets = await planned.found(io, call.request) if isinstance(planned, Sought) else (planned,)
            found += [each for each in targets if each not in found]
        except UsageError as error:
            unfit = unfit or error
    if unfit is not None and not found:
        raise unfit
    return tuple(found)


def _replacement(replaced: object, request: Request) -> Request:
    """What ``before`` gave instead, checked as the caller's own words are; whether it streams is the call's own business."""
    if not isinstance(replaced, Request):
        raise UsageError("gave no request", field="before", got=kind_of(replaced), allowed="a Request or None")
    check_request(replaced)
    return replaced if replaced.stream == request.stream else msgspec.structs.replace(replaced, stream=request.stream)


async def conclude(call: Call, response: Response) -> Response:
    """``response`` with the structured output parsed and the ``after`` hook heard; its turn remembered."""
    return await heard(call, response if call.parse is None else parsed(call, response))


def parsed(call: Call, response: Response) -> Response:
    """``response`` with its ``output``; without one where it calls tools, or refuses. Raises ``MalformedResponseError`` where its
    words are not what was asked for, or were cut off before they were."""
    parse, text = call.parse, response.text
    if parse is None or response.output is not None or response.finish_reason not in _PARSED or (response.refusal and not text):
        return response
    hint = "The reply stands in its `response`"
    try:
        return msgspec.structs.replace(response, output=parse(text))
    except ProviderError as raised:
        if response.fallback:  # your own words need not be what was asked of a model
            return response
        error = raised
        if isinstance(error, MalformedResponseError):
            if response.finish_reason == "length":
                error, hint = MalformedResponseError(_CUT), f"Allow it more (max_tokens=…). {hint}"
            error.response, error.hint = response, hint
    error.provider, error.model, error.request_id = response.provider, response.model, response.request_id
    error.attempts = response.attempts
    raise error


_PARSED = ("stop", "length", "other")
_CUT = "the reply was cut off by the limit of tokens before the output was whole"


async def heard(call: Call, response: Response) -> Response:
    """``response`` with the ``after`` hook heard, and its turn remembered."""
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


async def fail(io: IO, call: Call, settlement: Settlement, error: BaseException, own: Response | None = None) -> None:
    """Settles a call that ended with ``error``; what the caller ended himself is nobody's fault. ``own``: the reply that is to be
    counted, where the error's holds more."""
    if not isinstance(error, Exception) or isinstance(error, ClosedByCallerError):
        settlement.settle("close" if isinstance(error, Exception) else "cancel", io.now(), error=error)
        return
    response = own or (error.response if isinstance(error, MalformedResponseError) else None)
    if settlement.settle("error", io.now(), response, error) and call.hooks.on_error is not None:
        await called(call.hooks.on_error(error))


class Answer(NamedTuple):
    """A target's reply, before it is known what it cost and how long it took. ``usage``: what this target charges, where that is
    not all that the reply counts."""

    response: Response
    warnings: tuple[Warning, ...] = ()
    status: int | None = None
    reply: HttpReply | None = None
    usage: Usage | None = None


async def _answer(io: IO, call: Call, trial: Trial, limits: Deadlines) -> Answer:
    to = trial.destination
    if isinstance(to, Own):
        backend.check(to, io.blocking)
        return Answer(await backend.answer(io, to, call.request, limits), call.warnings)
    if isinstance(to, Program):
        return Answer(await folded(WireSource(io, call, trial, to, limits)))
    encoded, reply, response = await unary(io, call, trial, to, limits)
    return Answer(response, encoded.warnings, reply.status, reply)


def finished(io: IO, settlement: Settlement, trial: Trial, answer: Answer) -> Response:
    """The response with what only the engine knows: who answered, how long it took, what it cost, what was tried, the reply
    itself."""
    now, to = io.now(), trial.destination
    response, warnings, status, reply, usage = answer
    trial.tokens = (usage or response.usage).total_tokens
    trial.ended(now, status=status, request_id=response.request_id)
    took = now - settlement.began
    price = response.cost
    if price is None:
        price = charge(io, settlement.call, to, usage or response.usage, response)
    began = settlement.began
    return msgspec.structs.replace(
        response,
        provider=to.target.provider,
        latency=took,
        timings=Timings(head=trial.head and trial.head - began, first_event=trial.first and trial.first - began, end=took),
        attempts=tuple(settlement.attempts),
        warnings=warnings + response.warnings if warnings else response.warnings,
        cost=_charged(settlement, price),
        headers=response.headers if reply is None else reply.headers,
        raw=response.raw if reply is None else reply.body,
    )


def _charged(settlement: Settlement, price: Decimal | None) -> Decimal | None:
    """``price`` and what tries cost that were overtaken or interrupted; None where any of it is not known."""
    for attempt in settlement.attempts:
        if attempt.asked and (attempt.overtaken or attempt.interrupted):
            price = None if price is None or attempt.cost is None else price + attempt.cost
    return price
