"""What ``models`` and ``health`` ask of providers; written once as coroutines for both clients."""

from __future__ import annotations

from ..engine.attempt import failure, fetch
from ..engine.destination import Own, Wire
from ..dialects.dialect import Context
from ..ports import IO, Deadlines
from ..providers import catalog
from ..providers.provider import Provider
from ..providers.table import TABLE
from ..providers.table import provider as provider_row
from ..values.errors import NoProviderError, ProviderError, TrunklineError, UsageError
from ..values.model import Model
from .destinations import Destinations
from .health import Health, ProviderHealth
from .options import ModelName

_PATIENCE = 10.0
"""Seconds for one provider's list of models."""


async def models(io: IO, destinations: Destinations, model: ModelName | None, provider: str | None, live: bool) -> tuple[Model, ...]:
    """The catalog's models; ``live`` those that the provider names itself (what the catalog knows of each beside it)."""
    if not live:
        if provider is not None:
            provider_row(provider)
        return catalog.models(provider)
    wire = destinations.wire(provider_row(provider), "") if provider is not None else destinations.find(model)
    if isinstance(wire, Own):
        raise UsageError("a target of your own names no models", field="provider", got="None", allowed="a provider's name")
    ids = await listed(io, wire)
    return tuple(catalog.find(wire.provider, name) or Model(id=name, provider=wire.provider) for name in ids)


async def listed(io: IO, wire: Wire) -> tuple[str, ...]:
    """The ids of the models that the endpoint names, all pages of them."""
    limits = Deadlines(connect=5.0, until=io.now() + _PATIENCE, total=_PATIENCE)
    names: list[str] = []
    after: str | None = None
    while True:
        reply = await fetch(io, wire, wire.dialect.models_request(after), limits)
        if not 200 <= reply.status < 300:
            raise failure(io, wire, reply, Context(target=wire.target, model=wire.model))
        page, after = wire.dialect.decode_models(reply)
        names += page
        if after is None or not page:
            return tuple(names)


async def health(io: IO, destinations: Destinations, model: ModelName | None, ask: bool) -> Health:
    """What is configured, what a call would use and why; ``ask`` also asks every configured provider for its models."""
    try:
        chosen, why = _chosen(destinations, model)
    except (NoProviderError, UsageError) as error:
        chosen, why = None, str(error)
    rows = [_row(destinations, row) for row in TABLE]
    if ask:
        rows = [await _asked(io, destinations, row) if row.configured else row for row in rows]
    return Health(model=chosen, why=why, providers=tuple(rows))


def _chosen(destinations: Destinations, model: ModelName | None) -> tuple[str, str]:
    if model is None:
        name, why = destinations.default()
        destinations.find(None)
        return name, why
    found = destinations.find(model)
    return "/".join(part for part in (found.provider, found.model) if part), "it was named"


def _row(destinations: Destinations, row: Provider) -> ProviderHealth:
    try:
        wire = destinations.wire(row, "")
    except UsageError as error:
        return ProviderHealth(provider=row.name, configured=False, problem=str(error))
    key_from = wire.secret.origin.name.lower() if wire.secret is not None else None
    return ProviderHealth(provider=row.name, configured=True, key_from=key_from, base_url=wire.base_url)


async def _asked(io: IO, destinations: Destinations, row: ProviderHealth) -> ProviderHealth:
    began = io.now()
    count: int | None = None
    problem: str | None = None
    try:
        count = len(await listed(io, destinations.wire(provider_row(row.provider), "")))
    except ProviderError as error:
        problem = str(error)
    except TrunklineError as error:
        problem = error.message
    return ProviderHealth(
        provider=row.provider,
        configured=True,
        key_from=row.key_from,
        base_url=row.base_url,
        reachable=problem is None,
        seconds=io.now() - began,
        models=count,
        problem=problem,
    )
