"""How likely the tokens of a reply were: ``logprobsResult``."""

from __future__ import annotations

from typing import Any

from ...values.response import TokenLogprob
from .grounding import objects


def tokens_of(value: object) -> tuple[TokenLogprob, ...]:
    """What was chosen, and for each place the likeliest."""
    if not isinstance(value, dict):
        return ()
    tops = objects(value.get("topCandidates"))
    found: list[TokenLogprob] = []
    for n, item in enumerate(objects(value.get("chosenCandidates"))):
        token = _token(item)
        if token is not None:
            others = objects(tops[n].get("candidates")) if n < len(tops) else []
            top = tuple([other for one in others if (other := _token(one)) is not None])
            found.append(TokenLogprob(token.token, token.logprob, None, top))
    return tuple(found)


def _token(item: dict[str, Any]) -> TokenLogprob | None:
    """A probability of 1 has the logarithm 0, which is left out."""
    token, number = item.get("token"), item.get("logProbability", 0.0)
    if not isinstance(token, str) or isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < 1e300:
        return None
    return TokenLogprob(token, float(number))
