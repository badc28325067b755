"""How much to think, in this protocol's words: ``thinking``, ``output_config.effort`` and room for both in ``max_tokens``."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.model import Target
from ...values.request import Effort, ReasoningOptions, Request
from ..losses import Losses

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
BUDGETS: dict[str, int] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 65536}
"""Our table between efforts and budgets (tokens), used only where a model takes the other of the two; always with a warning."""
LEAST_BUDGET = 1024
ROOM_TO_ANSWER = 4096
"""What is left for the answer when we choose ``max_tokens`` for a budget that would fill it."""
PLAIN_LIMIT, STREAM_LIMIT = 8192, 32_000
"""The output limit when none is asked for and the protocol demands one: the model's own, at most this."""


class Plan(msgspec.Struct):
    """What goes on the wire. ``on``: the model will think, as far as we know, so that what thinking forbids must stay out."""

    max_tokens: int
    thinking: dict[str, Any] | None = None
    effort: str | None = None
    on: bool = False


def plan(request: Request, target: Target, losses: Losses) -> Plan:
    """``request.reasoning`` and ``request.max_tokens`` for this model.

    By quirk ``thinking``: ``adaptive`` is steered by an effort, ``enabled`` by a budget, ``always`` cannot be switched
    off, ``none`` cannot think; unknown: whatever was asked for goes out in the words nearest to it.
    """
    chosen = Plan(request.max_tokens if request.max_tokens is not None else _default_limit(request, target))
    mode = target.quirks.thinking
    asked = request.reasoning
    if asked is None:
        chosen.on = mode == "always"
        return chosen
    if mode == "none":
        if asked.enabled or asked.budget or asked.effort not in (None, "none"):
            losses.dropped("reasoning", "this model does not think")
        return chosen
    if asked.effort == "none" or asked.enabled is False or asked.budget == 0:
        _switch_off(chosen, mode, target, losses)
    elif mode == "enabled" or (mode is None and asked.budget is not None):
        _enable(chosen, asked, request, target, losses)
    else:
        _adapt(chosen, asked, mode, target, losses)
    if asked.show is not None:
        _show(chosen, asked.show, losses)
    return chosen


def _default_limit(request: Request, target: Target) -> int:
    most = STREAM_LIMIT if request.stream else PLAIN_LIMIT
    return most if target.max_output is None else min(most, target.max_output)


def _switch_off(chosen: Plan, mode: str | None, target: Target, losses: Losses) -> None:
    least = target.quirks.least_thinking
    if mode == "always" and least is not None:
        chosen.on, chosen.thinking = True, {"type": least}
        losses.approximated("reasoning", f"this model always thinks: {least} is its least")
    elif mode == "always":
        chosen.on = True
        chosen.effort = _accepted("low", target, losses, "reasoning.effort") or "low"
        losses.approximated("reasoning", f"this model always thinks: effort {chosen.effort} is its least")
    else:
        chosen.thinking = {"type": "disabled"}


def _adapt(chosen: Plan, asked: ReasoningOptions, mode: str | None, target: Target, losses: Losses) -> None:
    chosen.on = True
    if mode != "always":
        chosen.thinking = {"type": "adaptive"}
    if asked.effort is not None:
        chosen.effort = _accepted(asked.effort, target, losses, "reasoning.effort")
        if asked.budget is not None:
            losses.dropped("reasoning.budget", "this model's thinking is steered by its effort, which is given too")
    elif asked.budget is not None:
        nearest = next((effort for effort in EFFORTS if asked.budget <= BUDGETS[effort]), "max")
        chosen.effort = _accepted(nearest, target, None, "reasoning.budget")
        losses.approximated("reasoning.budget", f"this model takes an effort, not a budget: {chosen.effort}")


def _accepted(effort: str, target: Target, losses: Losses | None, field: str) -> str:
    """The nearest effort that the model accepts, the lower of two equally near."""
    accepted = [known for known in EFFORTS if known in (target.quirks.efforts or EFFORTS)] or list(EFFORTS)
    if effort in accepted:
        return effort
    scale = list(BUDGETS)
    nearest = min(accepted, key=lambda known: (abs(scale.index(known) - scale.index(effort)), scale.index(known)))
    if losses is not None:
        losses.approximated(field, f"{effort} is not known here: {nearest}")
    return nearest


def _enable(chosen: Plan, asked: ReasoningOptions, request: Request, target: Target, losses: Losses) -> None:
    budget = asked.budget
    if asked.effort is not None and target.quirks.efforts:
        chosen.effort = _accepted(asked.effort, target, losses, "reasoning.effort")
    if budget is None:
        budget = BUDGETS[asked.effort or "medium"]
        if chosen.effort is None:
            losses.approximated("reasoning", f"this model's thinking needs a budget: {budget} tokens")
    elif asked.effort is not None and chosen.effort is None:
        losses.dropped("reasoning.effort", "this model's thinking is steered by its budget, which is given too")
    if budget < LEAST_BUDGET:
        losses.approximated("reasoning.budget", f"the least budget is {LEAST_BUDGET} tokens")
        budget = LEAST_BUDGET
    _fit(chosen, budget, request, target, losses)


def _fit(chosen: Plan, budget: int, request: Request, target: Target, losses: Losses) -> None:
    """The budget counts into ``max_tokens`` and must be smaller."""
    if request.max_tokens is None and budget + ROOM_TO_ANSWER > chosen.max_tokens:
        wanted = budget + ROOM_TO_ANSWER
        chosen.max_tokens = wanted if target.max_output is None else min(wanted, target.max_output)
    if budget >= chosen.max_tokens:
        if chosen.max_tokens <= LEAST_BUDGET:
            losses.dropped(
                "reasoning", f"max_tokens {chosen.max_tokens} leaves no room for the least budget of {LEAST_BUDGET} tokens"
            )
            return
        budget = max(LEAST_BUDGET, min(chosen.max_tokens - 1, chosen.max_tokens // 2))
        losses.approximated("reasoning.budget", f"it must be smaller than max_tokens {chosen.max_tokens}: {budget}")
    chosen.on = True
    chosen.thinking = {"type": "enabled", "budget_tokens": budget}


def _show(chosen: Plan, show: str, losses: Losses) -> None:
    if show not in ("summarized", "omitted", "updates"):
        losses.dropped("reasoning.show", "known here are summarized, omitted and updates")
    elif not chosen.on:
        losses.dropped("reasoning.show", "thinking is off")
    else:
        chosen.thinking = {**(chosen.thinking or {"type": "adaptive"}), "display": show}
