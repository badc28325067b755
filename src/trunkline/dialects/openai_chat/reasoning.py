"""How much to think, in the words of each kind of endpoint."""

from __future__ import annotations

from typing import Any

from ...values.model import Quirks
from ...values.request import EFFORTS, ReasoningOptions
from ..losses import Losses

_FIELD = "reasoning"
# The least budget (tokens) that is called by each effort, where only efforts exist.
_BUDGETS = ((0, "none"), (1, "minimal"), (1_025, "low"), (4_097, "medium"), (12_289, "high"), (32_769, "xhigh"))


def write_reasoning(wanted: ReasoningOptions | None, quirks: Quirks, losses: Losses, body: dict[str, Any]) -> None:
    """Put what is wanted into ``body`` as the endpoint's ``reasoning_style`` has it."""
    if quirks.tools_need_effort_none and "tools" in body:
        asked = wanted is not None and _asks(wanted)
        if asked:
            losses.approximated(_FIELD, "this model takes tools over this protocol only with reasoning effort none")
        body["reasoning_effort"] = "none"
        return
    if wanted is None:
        return
    style = quirks.reasoning_style or "effort"
    if style == "none" or quirks.thinking == "none":
        if _asks(wanted):
            losses.dropped(_FIELD, "this endpoint has no say over reasoning")
        return
    if quirks.thinking == "always" and not _asks(wanted):
        if wanted.effort == "none" or wanted.enabled is False:
            losses.dropped(_FIELD, "this model always thinks")
        return
    if wanted.show is not None and style != "openrouter":
        losses.dropped("reasoning.show", "this endpoint has no say over what is shown")
    if style == "openrouter":
        _openrouter(wanted, quirks, losses, body)
    elif style == "effort":
        _effort(wanted, quirks, losses, body)
    else:
        _switch(style, wanted, quirks, losses, body)


def effort_of(body: dict[str, Any]) -> str | None:
    """The effort that a body asks for, whatever the style."""
    own = body.get("reasoning")
    return body.get("reasoning_effort") or (own.get("effort") if isinstance(own, dict) else None)


def _asks(wanted: ReasoningOptions) -> bool:
    return wanted.effort not in (None, "none") or bool(wanted.budget) or (wanted.enabled is True and wanted.effort != "none")


def _effort(wanted: ReasoningOptions, quirks: Quirks, losses: Losses, body: dict[str, Any]) -> None:
    effort: str | None = wanted.effort
    if effort is None and wanted.enabled is False:
        effort = "none"
    elif effort is None and wanted.budget is not None:
        effort = _of_budget(wanted.budget)
        losses.approximated("reasoning.budget", f"there are efforts only here: {effort} was asked for")
    elif effort is None and wanted.enabled:
        effort = "medium"
        losses.approximated("reasoning.enabled", "there are efforts only here: medium was asked for")
    elif wanted.budget is not None:
        losses.dropped("reasoning.budget", "there are efforts only here")
    if effort is not None:
        body["reasoning_effort"] = nearest(effort, quirks, losses)


def _of_budget(budget: int) -> str:
    return next(name for least, name in reversed(_BUDGETS) if budget >= least or least == 0)


def nearest(effort: str, quirks: Quirks, losses: Losses) -> str:
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


def _openrouter(wanted: ReasoningOptions, quirks: Quirks, losses: Losses, body: dict[str, Any]) -> None:
    said: dict[str, Any] = {}
    if wanted.effort is not None:
        said["effort"] = nearest(wanted.effort, quirks, losses)
        if wanted.budget is not None:
            losses.dropped("reasoning.budget", "effort and budget exclude each other here")
    elif wanted.budget is not None:
        said["max_tokens"] = wanted.budget
    if wanted.enabled is not None and not said:
        said["enabled"] = wanted.enabled
    if wanted.show == "omitted":
        said["exclude"] = True
    elif wanted.show is not None:
        losses.dropped("reasoning.show", "reasoning is shown or left out here, nothing between")
    if said:
        body["reasoning"] = said


def _switch(style: str, wanted: ReasoningOptions, quirks: Quirks, losses: Losses, body: dict[str, Any]) -> None:
    """Endpoints with a switch; where they know efforts beside it, ``efforts`` lists them."""
    on = _asks(wanted)
    if not on and wanted.effort is None and wanted.enabled is None and wanted.budget is None:
        return
    if style == "thinking_type":
        body["thinking"] = {"type": "enabled" if on else "disabled"}
    elif style == "enable_thinking":
        body["enable_thinking"] = on
    elif style == "together":
        body["reasoning"] = {"enabled": on}
    else:
        body["chat_template_kwargs"] = {"enable_thinking": on}
    if wanted.budget is not None and on:
        if style == "enable_thinking":
            body["thinking_budget"] = wanted.budget
        else:
            losses.approximated("reasoning.budget", "thinking is switched on or off here, nothing between")
    if wanted.effort is not None and on:
        if quirks.efforts:
            body["reasoning_effort"] = nearest(wanted.effort, quirks, losses)
        else:
            losses.approximated("reasoning.effort", "thinking is switched on or off here, nothing between")
