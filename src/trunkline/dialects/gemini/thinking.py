"""How much to think, in this protocol's words: ``thinkingConfig`` (gemini §3)."""

from __future__ import annotations

from typing import Any

from ...values.model import Target
from ...values.request import ReasoningOptions
from ..losses import Losses

BUDGETS: dict[str, int] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
"""Tokens for an effort, as the vendor's OpenAI-compatible service has it; used only where a model takes no effort."""
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
DYNAMIC = -1
"""The budget of a model that decides for itself."""


def thinking_config(asked: ReasoningOptions, target: Target, losses: Losses) -> dict[str, Any]:
    """``thinkingConfig``; empty where there is nothing to say.

    By quirk ``thinking_config`` a model takes a ``budget`` (2.5) or a ``level`` (3 and later); unknown: what was asked for goes
    out in its own words, never both. By quirk ``thinking`` it cannot be switched off (``always``), or cannot think (``none``).
    """
    mode = target.quirks.thinking
    off = asked.effort == "none" or asked.enabled is False or asked.budget == 0
    if mode == "none":
        if not off:
            losses.dropped("reasoning", "this model does not think")
        return {}
    by_level = target.quirks.thinking_config == "level"
    if off:
        config = _off(target, losses, always=mode == "always", by_level=by_level)
    elif by_level or (target.quirks.thinking_config is None and asked.budget is None and asked.effort is not None):
        config = _level(asked, target, losses)
    else:
        config = _budget(asked, losses)
    if asked.show is not None:
        _show(config, asked.show, losses)
    return config


def _off(target: Target, losses: Losses, *, always: bool, by_level: bool) -> dict[str, Any]:
    if by_level:
        least = _accepted("minimal", target)
        losses.approximated("reasoning", f"this model always thinks: level {least} is its least")
        return {"thinkingLevel": least.upper()}
    if always:
        losses.approximated("reasoning", "this model always thinks: it decides how much")
        return {}
    return {"thinkingBudget": 0}


def _level(asked: ReasoningOptions, target: Target, losses: Losses) -> dict[str, Any]:
    effort = asked.effort
    if effort is None:
        if asked.budget is None:
            return {}  # to think is what it does anyway
        nearest = next((level for level in LEVELS if asked.budget <= BUDGETS[level]), "high")
        level = _accepted(nearest, target)
        losses.approximated("reasoning.budget", f"this model takes a level, not a budget: {level}")
        return {"thinkingLevel": level.upper()}
    if asked.budget is not None:
        losses.dropped("reasoning.budget", "this model's thinking is steered by its level, which is given too")
    level = _accepted(effort, target)
    if level != effort:
        losses.approximated("reasoning.effort", f"{effort} is not known here: {level}")
    return {"thinkingLevel": level.upper()}


def _accepted(effort: str, target: Target) -> str:
    """The nearest level that the model accepts, the lower of two equally near."""
    scale = (*LEVELS, "max")
    accepted = [level for level in LEVELS if level in (target.quirks.efforts or LEVELS)] or list(LEVELS)
    return min(accepted, key=lambda level: (abs(scale.index(level) - scale.index(effort)), scale.index(level)))


def _budget(asked: ReasoningOptions, losses: Losses) -> dict[str, Any]:
    if asked.budget is not None:
        if asked.effort is not None:
            losses.dropped("reasoning.effort", "this model's thinking is steered by its budget, which is given too")
        return {"thinkingBudget": asked.budget}
    if asked.effort is not None:
        budget = BUDGETS[asked.effort]
        losses.approximated("reasoning.effort", f"this model takes a budget, not an effort: {budget} tokens")
        return {"thinkingBudget": budget}
    return {"thinkingBudget": DYNAMIC} if asked.enabled else {}


def _show(config: dict[str, Any], show: str, losses: Losses) -> None:
    if show not in ("summarized", "omitted"):
        losses.approximated("reasoning.show", "known here are summarized and omitted: summarized")
    config["includeThoughts"] = show != "omitted"
