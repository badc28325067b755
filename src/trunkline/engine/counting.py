"""How many tokens a prompt is, as the target itself counts: asked like any call, nothing is answered."""

from __future__ import annotations

import msgspec

from ..dialects.dialect import Context
from ..dialects.token_counts import Count, count_of, count_request, tokens_counted
from ..ports import IO, Deadlines
from ..values.errors import InvalidRequestError, NotFoundError, ProviderError, UnsupportedOperationError
from .attempt import complete, encode, failure, fetch
from .call import Call
from .destination import Planned, Wire
from .engine import course_of, fail, prepare
from .pursuit import pursue
from .settlement import Settlement
from .trial import Trial

_HINT = "`estimate(prompt)` tells about how many, without asking anybody"
_NO_SUCH_PATH = (404, 405)


async def count_tokens(io: IO, call: Call) -> int:
    """What the first target of ``call`` counts in its prompt; no other is asked. Raises ``UnsupportedOperationError`` where it
    has no way to tell, and the target's own error."""
    settlement = Settlement(io, call)
    try:
        call = await prepare(io, call)
        call = msgspec.structs.replace(call, plan=call.plan[:1], hedge=None)
        _counting(call.plan[0])
        trial, tokens = await pursue(io, call, settlement, _attempt, course_of(io, call))
        trial.tokens = 0  # of a limit of tokens nothing is used
        trial.released()  # how soon it counts says nothing of how soon it answers
    except BaseException as error:
        await fail(io, call, settlement, error)
        if isinstance(error, NotFoundError | InvalidRequestError) and error.status in _NO_SUCH_PATH:
            raise UnsupportedOperationError(f"{error.provider} does not count the tokens of a prompt", hint=_HINT) from error
        raise
    settlement.settle("end", io.now())
    return tokens


async def _attempt(io: IO, call: Call, trial: Trial, limits: Deadlines) -> int:
    wire, count = _counting(trial.destination)
    encoded = encode(call, wire)
    reply = await fetch(io, wire, count_request(count, encoded), limits, call.limits.max_line, trial)
    context = Context(target=wire.target, model=wire.model)
    if not 200 <= reply.status < 300:
        raise failure(io, wire, reply, context)
    try:
        return tokens_counted(count, reply)
    except ProviderError as error:
        raise complete(io, wire, error, reply) from None


def _counting(destination: Planned) -> tuple[Wire, Count]:
    count = count_of(destination.target)
    if not isinstance(destination, Wire) or count is None:
        raise UnsupportedOperationError(f"{destination.provider} has no way to count the tokens of a prompt", hint=_HINT)
    return destination, count
