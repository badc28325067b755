"""What was found and tried, and why that: the answer of ``health()``."""

from __future__ import annotations

import msgspec


class ProviderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. ``configured``: it has what it needs (a key, an address), else ``problem`` says what is missing.

    ``reachable``: it answered when asked for its models (no paid call); None: not asked. ``seconds`` that took, ``models`` how
    many it named.
    """

    provider: str
    configured: bool
    key_from: str | None = None
    base_url: str | None = None
    reachable: bool | None = None
    seconds: float | None = None
    models: int | None = None
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
        return any(row.provider == name and row.configured and row.reachable is not False for row in self.providers)

    def __str__(self) -> str:
        lines = [f"model: {self.model or 'none'} ({self.why})"]
        for row in self.providers:
            state = "not configured" if not row.configured else "configured"
            if row.reachable is not None:
                state = f"reachable in {row.seconds or 0:.2f} s" if row.reachable else "not reachable"
            lines.append(f"{row.provider}: {state}" + (f" ({row.problem})" if row.problem else ""))
        return "\n".join(lines)
