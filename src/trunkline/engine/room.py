"""Whether a prompt has room in a model at all: what surely does not fit is not sent."""

from __future__ import annotations

from ..policy.token_estimates import estimate
from ..providers.token_families import family_of
from ..values.errors import ContextLengthError, UsageError
from .call import Call
from .destination import Wire


def refuse_too_long(call: Call, wire: Wire, room: int) -> None:
    """Raises ``ContextLengthError`` where even the lower bound of the estimate is more than the ``room`` (tokens). Not where you
    send fields of your own, by which a provider may cut what is too long or give more room."""
    if call.request.extra_body or any("beta" in name.lower() for name in call.request.extra_headers):
        return
    told = estimate(call.request, family_of(wire.provider, wire.model))
    if told.low <= room:
        return
    words = f"not asked: the prompt has about {told.tokens} tokens, {told.low} at least, and the model has room for {room}"
    error = ContextLengthError(words, provider=wire.provider, model=wire.model)
    error.should_retry = False
    raise error from UsageError("surely too long", field="prompt")  # the target had no part in it
