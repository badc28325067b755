"""How much to think, in the words of each kind of endpoint that clients have learnt to speak to."""

from __future__ import annotations

from typing import Any, cast

from ....values.request import EFFORTS, Effort, ReasoningOptions
from ...openai_fields import MOST, Json, text

_OWN = frozenset({"effort", "max_tokens", "enabled", "exclude"})


class _Wanted:
    """What was understood so far. A field takes one value: who says another is not understood."""

    def __init__(self) -> None:
        self.effort: str | None = None
        self.budget: int | None = None
        self.enabled: bool | None = None
        self.show: str | None = None

    def take(self, **facts: Any) -> bool:
        """Take all ``facts``, or none: whether they could be taken."""
        if any(value is not None and getattr(self, name) not in (None, value) for name, value in facts.items()):
            return False
        for name, value in facts.items():
            if value is not None:
                setattr(self, name, value)
        return True

    def options(self) -> ReasoningOptions | None:
        if self.effort is not None and self.enabled is (self.effort != "none"):
            self.enabled = None  # the effort says as much
        found = ReasoningOptions(cast("Effort | None", self.effort), self.budget, self.enabled, self.show)
        return None if found == ReasoningOptions() else found


def read_reasoning(fields: Json) -> ReasoningOptions | None:
    """What was understood, which is taken out of ``fields``; the rest stays there."""
    wanted = _Wanted()
    for name, read in _READERS:
        value = fields.get(name)
        if value is not None and (facts := read(value, name)) is not None and _agrees(wanted, facts) and wanted.take(**facts):
            del fields[name]
    return wanted.options()


def _agrees(wanted: _Wanted, facts: Json) -> bool:
    """An effort beside a switch that is off, or the other way round, is more than we can say."""
    effort = facts.get("effort") or wanted.effort
    enabled = wanted.enabled if facts.get("enabled") is None else facts["enabled"]
    return effort is None or enabled is None or enabled is (effort != "none")


def _effort(value: Any, at: str) -> Json | None:
    return {"effort": value} if text(value, at) in EFFORTS else None


def _own(value: Any, _: str) -> Json | None:
    """``{effort | max_tokens, enabled, exclude}`` (openrouter §3)."""
    if not isinstance(value, dict) or not value.keys() <= _OWN:
        return None
    effort, budget, enabled, exclude = (value.get(name) for name in ("effort", "max_tokens", "enabled", "exclude"))
    known = (
        (effort is None or effort in EFFORTS)
        and (budget is None or _is_budget(budget))
        and (enabled is None or isinstance(enabled, bool))
        and (exclude is None or isinstance(exclude, bool))
    )
    facts = {"effort": effort, "budget": budget, "enabled": enabled, "show": "omitted" if exclude else None}
    return facts if known and any(fact is not None for fact in facts.values()) else None


def _thinking(value: Any, _: str) -> Json | None:
    """``{type: enabled | disabled, budget_tokens}``."""
    if not isinstance(value, dict) or not value.keys() <= {"type", "budget_tokens"}:
        return None
    kind, budget = value.get("type"), value.get("budget_tokens")
    if kind not in ("enabled", "disabled") or not (budget is None or _is_budget(budget)):
        return None
    return {"enabled": kind == "enabled", "budget": budget}


def _switch(value: Any, _: str) -> Json | None:
    return {"enabled": value} if isinstance(value, bool) else None


def _budget(value: Any, _: str) -> Json | None:
    return {"budget": value} if _is_budget(value) else None


def _template(value: Any, _: str) -> Json | None:
    """``{enable_thinking}`` and nothing else."""
    return _switch(value["enable_thinking"], "") if isinstance(value, dict) and value.keys() == {"enable_thinking"} else None


def _is_budget(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST


_READERS = (
    ("reasoning_effort", _effort),
    ("reasoning", _own),
    ("thinking", _thinking),
    ("enable_thinking", _switch),
    ("thinking_budget", _budget),
    ("chat_template_kwargs", _template),
)
