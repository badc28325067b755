"""What is said and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trunkline import Part

Content = str | Sequence[str | Part | Mapping[str, Any]]
"""Text; or a list of texts and whatever else a model is shown: ``Image.file("a.png")``, ``Audio.bytes(data)``, ``File.url(…)`` of
the library's, or parts as dicts in OpenAI's or Anthropic's shape."""


@dataclass
class Message:
    """One turn; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: Content


@dataclass
class LLMResponse:
    """A whole answer. ``finish_reason`` and the keys of ``usage`` are the provider's own words."""

    content: str
    finish_reason: str
    usage: dict[str, int]
    model: str
