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
    named = (first.leading() or first) if isinstance(first, Sought) else first
    to = named.provider, named.model
    known, due = calls.experience
    if (seen := known.get(to)) is None:
        while len(known) >= MOST:
            oldest = next(iter(known))
            known.pop(oldest, None)
            due.discard(oldest)
        seen = known[to] = Experience()
    due.add(to)
    return seen.applied(estimated(call.request, family_of(*to)))


def taught(call: Call, experience: tuple[dict[tuple[str, str], Experience], set[tuple[str, str]]]) -> Call:
    """``call``, of which whoever answers teaches what he counts."""
    return msgspec.structs.replace(call, observers=(*call.observers, _Pupil(call.request, *experience)))


def retaught(call: Call) -> Call:
    """The same of a call that says more than it did when it was made."""
    heard = (_Pupil(call.request, each._known, each._due) if isinstance(each, _Pupil) else each for each in call.observers)
    return msgspec.structs.replace(call, observers=tuple(heard))


class _Pupil:
    """Hears what was counted of one request. It learns where somebody has asked for an estimate meanwhile: nobody else pays."""

    __slots__ = ("_due", "_known", "_request")

    def __init__(self, request: Request, known: dict[tuple[str, str], Experience], due: set[tuple[str, str]]) -> None:
        self._request, self._known, self._due = request, known, due

    def attempted(self, call_id: str, attempt: Attempt) -> None: ...

    def settled(self, settled: Settled) -> None:
        to, response = (settled.provider or "", settled.model or ""), settled.response
        if to not in self._due or settled.how != "end" or response is None or response.fallback or response.steps:
            return
        if any(attempt.interrupted for attempt in settled.attempts):  # prompts of several, added up
            return
        if (counted := response.usage.input_tokens) and (seen := self._known.get(to)) is not None:
            self._due.discard(to)
            seen.learn(estimated(self._request, family_of(*to)), counted)
