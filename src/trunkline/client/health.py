"""What was found and tried, and why that: the answer of ``health()``."""

from __future__ import annotations

import msgspec


class ProviderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. ``configured``: it has what it needs (a key, an address), else ``problem`` says what is missing.

    ``reachable``: it answered when asked for its models (no paid call); None: not asked. ``seconds`` that took, ``models`` how
    many it named. ``answered``: it answered a question (a paid call, ``deep`` only), in ``answer_seconds``, for ``answer_cost``
    USD, where that is known.
    """

    provider: str
    configured: bool
    key_from: str | None = None
    base_url: str | None = None
    reachable: bool | None = None
    seconds: float | None = None
    models: int | None = None
    answered: bool | None = None
    answer_seconds: float | None = None
    answer_cost: str | None = None
    problem: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``model``: what a call without a model's name uses, ``why``; None with the reason when nothing can answer. ``ok``: it can
    be reached."""

    model: str | None
    why: str
    providers: tuple[ProviderHealth, ...] = ()

    @property
    def ok(self) -> bool:
        if self.model is None:
            return False
        name = self.model.partition("/")[0]
        found = [row for row in self.providers if row.provider == name and row.configured]
        return any(row.answered if row.answered is not None else row.reachable is not False for row in found)

    def __str__(self) -> str:
        lines = [f"model: {self.model or 'none'} ({self.why})"]
        for row in self.providers:
            state = "not configured" if not row.configured else "configured"
            if row.reachable is not None:
                state = f"reachable in {row.seconds or 0:.2f} s" if row.reachable else "not reachable"
            if row.answered:
                state = f"answers in {row.answer_seconds or 0:.2f} s"
            lines.append(f"{row.provider}: {state}" + (f" ({row.problem})" if row.problem else ""))
        return "\n".join(lines)
