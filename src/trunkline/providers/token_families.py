"""Which family of models counts tokens how: read from ``token_families.json`` when somebody first asks.

``tools/tokens.py`` writes that file from recorded traffic; nobody edits it.
"""

from __future__ import annotations

from functools import cache, lru_cache

import msgspec

from ..values.token_estimate import TokenFamily

_FILE = f"{__file__.rpartition('.py')[0]}.json"


@cache
def families() -> tuple[TokenFamily, ...]:
    """All of them; the first that a model fits is its own. The last fits every model."""
    with open(_FILE, "rb") as file:
        return msgspec.json.decode(file.read(), type=tuple[TokenFamily, ...])


@lru_cache(1024)
def family_of(provider: str, model: str) -> TokenFamily:
    """The family of a model, told by its provider and what stands in its id."""
    return fitting(families(), provider, model)


def fitting(among: tuple[TokenFamily, ...], provider: str, model: str) -> TokenFamily:
    """The first that fits."""
    name = model.lower()
    for family in among:
        if family.providers and provider not in family.providers:
            continue
        if not family.models or any(word in name for word in family.models):
            return family
    return among[-1]
