"""How much to think, and what is shown of it (§2 ``reasoning``)."""

from __future__ import annotations

from typing import Any

from ...values.model import Quirks
from ...values.request import EFFORTS, ReasoningOptions
from ..losses import Losses

# The least budget (tokens) that is called by each effort, since there are efforts only.
_BUDGETS = ((0, "none"), (1, "minimal"), (1_025, "low"), (4_097, "medium"), (12_289, "high"), (32_769, "xhigh"))
_SHOWN = {"summarized": "auto", "updates": "auto", "auto": "auto", "concise": "concise", "detailed": "detailed"}


def never_reasons(quirks: Quirks) -> bool:
    """Whether no reasoning can come, so that nobody need ask for it."""
    return quirks.reasoning_style == "none" or quirks.thinking == "none"


def write_reasoning(wanted: ReasoningOptions, quirks: Quirks, losses: Losses, body: dict[str, Any]) -> None:
    """Put what is wanted into ``body``."""
    asks = wanted.effort not in (None, "none") or bool(wanted.budget) or (wanted.enabled is True and wanted.effort != "none")
    if never_reasons(quirks):
        if asks:
            losses.dropped("reasoning", "this model does not reason")
        return
    said: dict[str, Any] = {}
    if quirks.thinking == "always" and not asks:
        if wanted.effort == "none" or wanted.enabled is False:
            losses.dropped("reasoning", "this model always thinks")
    elif (effort := _effort(wanted, losses)) is not None:
        said["effort"] = _nearest(effort, quirks, losses)
    if wanted.show is not None and wanted.show != "omitted":
        shown = _SHOWN.get(wanted.show, "auto")
        if wanted.show not in _SHOWN or wanted.show == "updates":
            losses.approximated("reasoning.show", "reasoning is summarized here, or not shown")
        said["summary"] = shown
    if said:
        body["reasoning"] = said


def effort_of(body: dict[str, Any], quirks: Quirks) -> str | None:
    """The effort with which a body will be answered, where that is known."""
    said = body.get("reasoning")
    return (said.get("effort") if isinstance(said, dict) else None) or quirks.default_effort


def _effort(wanted: ReasoningOptions, losses: Losses) -> str | None:
    if wanted.effort is not None:
        if wanted.budget is not None:
            losses.dropped("reasoning.budget", "there are efforts only here")
        return wanted.effort
    if wanted.enabled is False:
        return "none"
    if wanted.budget is not None:
        effort = next(name for least, name in reversed(_BUDGETS) if wanted.budget >= least or least == 0)
        losses.approximated("reasoning.budget", f"there are efforts only here: {effort} was asked for")
        return effort
    if wanted.enabled:
        losses.approximated("reasoning.enabled", "there are efforts only here: medium was asked for")
        return "medium"
    return None


def _nearest(effort: str, quirks: Quirks, losses: Losses) -> str:
    """``effort``, or of those that the model accepts the nearest, the lower of two. That never switches thinking off."""
    accepted = quirks.efforts
    if not accepted or effort in accepted:
        return effort
    order = {name: n for n, name in enumerate(EFFORTS)}
    thinking = [name for name in accepted if name != "none" and name in order]
    if not thinking or effort not in order:
        return effort if effort not in order else accepted[0]
    chosen = min(thinking, key=lambda name: (abs(order[name] - order[effort]), order[name]))
    losses.approximated("reasoning.effort", f"this model accepts {', '.join(accepted)}: {chosen} was asked for")
    return chosen
