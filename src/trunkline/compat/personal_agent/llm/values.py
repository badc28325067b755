"""What is said and answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Message:
    """One turn; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass
class LLMResponse:
    """A whole answer. ``finish_reason`` and the keys of ``usage`` are the provider's own words."""

    content: str
    finish_reason: str
    usage: dict[str, int]
    model: str
