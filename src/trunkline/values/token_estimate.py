"""How many tokens a prompt is, before anybody has counted them: what a family of models makes of a text, and the answer."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class TokenEstimate(NamedTuple):
    """About how many ``tokens`` a prompt is, and between which bounds that very probably lies. ``family``: whose way of counting
    it is."""

    tokens: int
    low: int
    high: int
    family: str


class TokenFamily(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How models that share a tokenizer (and what their provider writes around a prompt) count, as ``tools/tokens.py`` fitted it.

    ``models``: what stands in the ids of its models, in lower case; ``providers``: whose they must be, where that matters.
    ``rates``: tokens for each of what ``policy.token_estimates.measure`` counts. ``request`` tokens come on top once, ``message``
    for every message but the first, ``system`` for one of the system, ``thinking`` and ``json`` where these are asked for;
    with tools ``tools``: once, for each tool, and a factor of their text; ``schema``: once, and a factor of its text.
    ``off``: by what share estimates of prompts were off that were not used for the fit: the median, and 19 of 20.
    ``prompts``: how many there were.
    """

    name: str
    rates: tuple[float, ...]
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    request: float = 0.0
    message: float = 0.0
    system: float = 0.0
    thinking: float = 0.0
    json: float = 0.0
    tools: tuple[float, float, float] = (15.0, 8.0, 0.8)
    schema: tuple[float, float] = (10.0, 0.9)
    off: tuple[float, float] = (0.15, 0.5)
    prompts: int = 0
