"""How many tokens a prompt is: estimated here, by what targets have counted before, or counted by the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..engine.call import Call
from ..engine.destination import Sought
from ..policy.token_estimates import estimate as estimated
from ..policy.token_learning import Experience
from ..ports import Settled
from ..providers.token_families import family_of
from ..values.request import Request
from ..values.response import Attempt
from ..values.token_estimate import TokenEstimate
from .calls import Calls
from .options import Prompt

MOST = 256
"""Targets of which it is remembered what they count; of more, the oldest is forgotten."""


def estimate(calls: Calls, prompt: Prompt, options: Mapping[str, Any]) -> TokenEstimate:
    """About how many tokens the first target would count."""
    call = calls.call(prompt, options, False)
    first = call.plan[0]
    to = (first.leading() or first) if isinstance(first, Sought) else first
    known = calls.experience
    if (seen := known.get((to.provider, to.model))) is None:
        while len(known) >= MOST:
            known.pop(next(iter(known)), None)
        seen = known[to.provider, to.model] = Experience()
    seen.due = True
    return seen.applied(estimated(call.request, family_of(to.provider, to.model)))


def taught(call: Call, known: dict[tuple[str, str], Experience]) -> Call:
    """``call``, of which whoever answers teaches what he counts."""
    return msgspec.structs.replace(call, observers=(*call.observers, _Pupil(call.request, known)))


class _Pupil:
    """Hears what was counted of one request. It learns where somebody has asked for an estimate meanwhile: nobody else pays."""

    __slots__ = ("_known", "_request")

    def __init__(self, request: Request, known: dict[tuple[str, str], Experience]) -> None:
        self._request, self._known = request, known

    def attempted(self, call_id: str, attempt: Attempt) -> None: ...

    def settled(self, settled: Settled) -> None:
        to = settled.provider or "", settled.model or ""
        seen = self._known.get(to)
        if seen is None or not seen.due or settled.how != "end" or settled.response is None or settled.response.fallback:
            return
        counted = settled.response.usage.input_tokens
        if counted and settled.response.message.role == "assistant" and not settled.response.steps:
            seen.learn(estimated(self._request, family_of(*to)), counted)
