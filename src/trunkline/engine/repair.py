"""What a model is told when its words are not the output that was asked for, and what comes of that."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import msgspec

from ..ports import IO
from ..values.errors import MalformedResponseError, ProviderError
from ..values.response import Response, Step
from . import engine
from .call import Call
from .destination import Destination
from .settlement import Settlement

CORRECTIONS = 1
"""So often a model is told what is wrong, unless somebody says how often."""
_WRONG = "Your last answer is not what was asked for:"
_AGAIN = "Answer again with the whole JSON, mended, and nothing else."


def correction(call: Call, error: MalformedResponseError) -> str | None:
    """Words that let it mend them; None where nothing can be mended: no reply was understood, or it was cut off."""
    response = error.response
    if call.parse is None or response is None or response.finish_reason == "length":
        return None
    from ..values.output import Output

    wrong = call.parse.complaint(response.text) if isinstance(call.parse, Output) else error.message
    return f"{_WRONG}\n{wrong}\n{_AGAIN}"


def generate(io: IO, call: Call) -> Coroutine[Any, Any, Response]:
    """The reply to ``call``; an output that is not what was asked for goes back to the model, as often as may be.

    Then the reply's ``steps`` are the tries before, and its figures are of all of them; so are those of the ``response`` of the
    ``MalformedResponseError`` that is raised when the last one is no better. Any other error has them as its ``steps``. Each try
    is settled by itself; hooks hear of the whole.
    """
    return _mended(io, call) if call.corrections and call.parse is not None else engine.generate(io, call)


async def _mended(io: IO, call: Call) -> Response:
    from .steps import Steps  # few calls ask for an output

    settlement = Settlement(io, call)
    call = msgspec.structs.replace(call, until=settlement.until)  # the whole call's
    steps = Steps(settlement.began)
    own: Response | None = None
    try:
        call = await engine.prepare(io, call)
        while True:
            own = None
            own = await engine.replied(io, call, settlement)
            try:
                own = engine.parsed(call, own)
                break
            except MalformedResponseError as error:
                words = correction(call, error) if len(steps) < call.corrections else None
                if words is None:
                    raise
            settlement.settle("end", io.now(), own)
            step = steps.add(own, settlement.began, correction=words)
            call = _again(call, step, settlement.destination)
            settlement = Settlement(io, call)
        response = await engine.heard(call, steps.whole(own, settlement.began, io.now()))
    except BaseException as error:
        if isinstance(error, ProviderError):
            error.steps = steps.all
        if own is not None and isinstance(error, MalformedResponseError):
            error.response = steps.whole(own, settlement.began, io.now())
            error.attempts = error.response.attempts
        await engine.fail(io, call, settlement, error, own)
        raise
    settlement.settle("end", io.now(), own if len(steps) else response)
    return response


def _again(call: Call, step: Step, answered: Destination | None) -> Call:
    """The call in which whoever ``answered`` is told what was wrong with that; others, if he cannot be reached."""
    request = msgspec.structs.replace(call.request, messages=call.request.messages + step.messages)
    plan = call.plan if answered is None else (answered, *(each for each in call.plan if each is not answered))
    return msgspec.structs.replace(call, request=request, plan=plan)
