"""How much to think: the protocol leaves that to each model's own fields (``additionalModelRequestFields``)."""

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
"""What is left for the answer when we choose ``maxTokens`` for a budget that would fill it; also the limit of a request
without."""
_SHOWN = ("summarized", "omitted", "updates")


class Plan(msgspec.Struct):
    """What goes on the wire: the model's own ``fields``, ``outputConfig.effort``, the limit. ``on``: it thinks in a way that
    forbids a choice of temperature and of a forced tool."""

    fields: dict[str, Any] = {}
    effort: str | None = None
    max_tokens: int | None = None
    on: bool = False


def plan(request: Request, target: Target, losses: Losses) -> Plan:
    """``request.reasoning`` for this model, by the quirks ``reasoning_style`` (whose words they are) and ``thinking``."""
    chosen = Plan(max_tokens=request.max_tokens)
    quirks, asked = target.quirks, request.reasoning
    if asked is None:
        chosen.on = quirks.thinking == "always" and quirks.reasoning_style in (None, "thinking_type")
        return chosen
    off = asked.effort == "none" or asked.enabled is False or asked.budget == 0
    if quirks.thinking == "none" or quirks.reasoning_style == "none":
        if not off:
            losses.dropped("reasoning", "this model does not think, or cannot be told how much")
    elif quirks.reasoning_style in ("effort", "reasoning_config"):
        _by_effort(chosen, asked, target, losses, off=off)
    elif off:
        _switch_off(chosen, target, losses)
    elif quirks.thinking == "enabled" or (quirks.thinking is None and asked.budget is not None):
        _enable(chosen, asked, target, losses)
    else:
        _adapt(chosen, asked, target, losses)
    if asked.show is not None:
        _show(chosen, asked.show, losses)
    return chosen


def _by_effort(chosen: Plan, asked: ReasoningOptions, target: Target, losses: Losses, *, off: bool) -> None:
    """``reasoning_effort``, or ``reasoningConfig`` with an effort in it."""
    nested = target.quirks.reasoning_style == "reasoning_config"
    if off and nested:
        chosen.fields = {"reasoningConfig": {"type": "disabled"}}
        return
    if off:
        losses.approximated("reasoning", "this model always thinks: effort low is its least")
        chosen.fields = {"reasoning_effort": "low"}
        return
    wanted = asked.effort
    if asked.budget is not None:
        if wanted is None:
            wanted = _effort_of(asked.budget)
            losses.approximated("reasoning.budget", f"this model takes an effort, not a budget: {wanted}")
        else:
            losses.dropped("reasoning.budget", "this model's thinking is steered by its effort, which is given too")
    effort = _accepted(wanted or "medium", target.quirks.efforts or ("low", "medium", "high"), losses)
    chosen.fields = (
        {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}} if nested else {"reasoning_effort": effort}
    )


def _effort_of(budget: int) -> Effort:
    return next((effort for effort in EFFORTS if budget <= BUDGETS[effort]), "max")


def _accepted(effort: str, accepted: tuple[str, ...], losses: Losses) -> str:
    """The nearest effort that the model accepts, the lower of two equally near."""
    if effort in accepted:
        return effort
    scale = list(BUDGETS)
    nearest = min(accepted, key=lambda known: (abs(scale.index(known) - scale.index(effort)), scale.index(known)))
    losses.approximated("reasoning.effort", f"{effort} is not known here: {nearest}")
    return nearest


def _switch_off(chosen: Plan, target: Target, losses: Losses) -> None:
    least = target.quirks.least_thinking
    if target.quirks.thinking == "always":
        chosen.on = True
        if least is not None:
            chosen.fields = {"thinking": {"type": least}}
        else:
            chosen.effort = "low"
        losses.approximated("reasoning", f"this model always thinks: {least or 'effort low'} is its least")
    else:
        chosen.fields = {"thinking": {"type": "disabled"}}


def _adapt(chosen: Plan, asked: ReasoningOptions, target: Target, losses: Losses) -> None:
    chosen.on = True
    if target.quirks.thinking != "always":
        chosen.fields = {"thinking": {"type": "adaptive"}}
    wanted = asked.effort
    if asked.budget is not None:
        if wanted is None:
            wanted = _effort_of(asked.budget)
            losses.approximated("reasoning.budget", f"this model takes an effort, not a budget: {wanted}")
        else:
            losses.dropped("reasoning.budget", "this model's thinking is steered by its effort, which is given too")
    if wanted is not None:
        chosen.effort = _accepted(wanted, target.quirks.efforts or EFFORTS, losses)


def _enable(chosen: Plan, asked: ReasoningOptions, target: Target, losses: Losses) -> None:
    budget = asked.budget
    if budget is None:
        budget = BUDGETS[asked.effort or "medium"]
        losses.approximated("reasoning", f"this model's thinking needs a budget: {budget} tokens")
    elif asked.effort is not None:
        losses.dropped("reasoning.effort", "this model's thinking is steered by its budget, which is given too")
    if budget < LEAST_BUDGET:
        losses.approximated("reasoning.budget", f"the least budget is {LEAST_BUDGET} tokens")
        budget = LEAST_BUDGET
    if chosen.max_tokens is None and budget >= ROOM_TO_ANSWER:
        wanted = budget + ROOM_TO_ANSWER
        chosen.max_tokens = wanted if target.max_output is None else min(wanted, target.max_output)
    if chosen.max_tokens is not None and budget >= chosen.max_tokens:
        if chosen.max_tokens <= LEAST_BUDGET:
            losses.dropped("reasoning", f"max_tokens {chosen.max_tokens} leaves no room for the least budget")
            return
        budget = max(LEAST_BUDGET, chosen.max_tokens // 2)
        losses.approximated("reasoning.budget", f"it must be smaller than max_tokens {chosen.max_tokens}: {budget}")
    chosen.on = True
    chosen.fields = {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _show(chosen: Plan, show: str, losses: Losses) -> None:
    thinking = chosen.fields.get("thinking")
    if show not in _SHOWN:
        losses.dropped("reasoning.show", "known here are summarized, omitted and updates")
    elif not chosen.on or (thinking is None and chosen.fields):
        losses.dropped("reasoning.show", "this model's thinking is off, or shown as it is")
    else:
        chosen.fields = {**chosen.fields, "thinking": {**(thinking or {"type": "adaptive"}), "display": show}}
