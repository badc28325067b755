"""From a model's name to its provider; and what to say where there is no name."""

from __future__ import annotations

from collections.abc import Callable

from ..providers.catalog import Catalog
from ..providers.provider import Provider
from ..providers.table import TABLE, is_dialect, is_provider, own_endpoint, provider as provider_row
from ..values.errors import NoProviderError, UsageError

SEEN_IN_HEALTH = "; `trunkline health` shows what was looked at"
"""How the error ends where nothing is configured."""


def no_provider(looked: str = "") -> NoProviderError:
    """What to set where nothing is; ``looked``: where else somebody was looked for."""
    names = ", ".join(variable for row in TABLE[:2] for variable in row.key_variables[:1])
    return NoProviderError(
        f"no provider is configured{looked}: set a key ({names}, …), name a model (Client('provider/model', api_key=…)), or"
        f" give a base_url{SEEN_IN_HEALTH}"
    )


def split(name: str, field: str, address: str | None, catalog: Callable[[], Catalog]) -> tuple[Provider, str]:
    """The provider's row and its own name for the model. ``address``: of an endpoint of one's own. ``UsageError`` names
    ``field``."""
    prefix, slash, rest = name.partition("/")
    if slash and not rest:
        raise UsageError("no model after the provider's name", field=field, allowed="provider/model")
    if slash and is_provider(prefix):
        return provider_row(prefix), rest
    if slash and is_dialect(prefix):
        if address is None:
            raise UsageError(
                "an endpoint of your own needs its address", field="base_url", got="None", allowed="http(s)://host/…"
            )
        return own_endpoint(prefix, address), rest
    if not slash and not name.strip():
        raise UsageError("no model's name", field=field, got="empty text", allowed="provider/model")
    if slash:
        return provider_row(prefix, field), rest  # it says what there is
    if is_provider(name.lower()):
        known = provider_row(name.lower()).default_model
        raise UsageError("a provider's name, and no model's", field=field, allowed=f"{name.lower()}/{known or 'model'}")
    return provider_row(catalog().resolve(name, field).provider), name


def provider_of(name: str, field: str, catalog: Callable[[], Catalog]) -> str:
    """The provider, or the dialect of an endpoint of one's own."""
    prefix, slash, _ = name.partition("/")
    return prefix if slash else catalog().resolve(name, field).provider
