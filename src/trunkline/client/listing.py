"""What ``models`` and ``health`` ask of providers; written once as coroutines for both clients."""

from __future__ import annotations

import msgspec

from ..dialects.dialect import Context
from ..engine.attempt import bare, complete, failure, fetch
from ..engine.call import Call, Limits, dress
from ..engine.destination import Destination, Own, Wire
from ..ports import IO, Deadlines
from ..providers.provider import Provider
from ..providers.table import TABLE, provider as provider_row
from ..values import expect
from ..values.errors import NoProviderError, ProviderError, TrunklineError, UsageError
from ..values.model import Model
from ..values.request import Request
from .calls import Calls
from .destinations import SEEN_IN_HEALTH, Destinations
from .health import Health, ProviderHealth
from .setting_values import ErrorStyle
from .settings import base_url_variables

_PATIENCE = 10.0
"""Seconds for one provider's list of models."""


async def models(io: IO, calls: Calls, provider: str | None, live: bool) -> tuple[Model, ...]:
    """The catalog's models; ``live`` those that the provider names itself (what the catalog knows of each beside it)."""
    destinations = calls.destinations
    if provider is not None:
        expect.text(provider, "provider")
    if not live:
        if provider is not None:
            provider_row(provider)
        return destinations.settings.catalog.models(provider)
    wire = destinations.wire(provider_row(provider), "") if provider is not None else destinations.find(calls.model)
    if isinstance(wire, Own):
        raise UsageError("a target of your own names no models", field="provider", got="None", allowed="a provider's name")
    ids = await listed(io, wire, calls.errors)
    known = destinations.settings.catalog
    return tuple(known.find(wire.provider, name) or Model(id=name, provider=wire.provider) for name in ids)


async def listed(io: IO, wire: Wire, errors: ErrorStyle) -> tuple[str, ...]:
    """The ids of the models that the endpoint names, all pages of them."""
    try:
        return await _pages(io, wire)
    except ProviderError as error:
        failed = bare(error)
    dress(failed, wire, Call(request=Request(model=wire.model, messages=()), plan=(wire,), errors=errors))
    raise failed


async def _pages(io: IO, wire: Wire) -> tuple[str, ...]:
    limits = Deadlines(connect=5.0, until=io.now() + _PATIENCE, total=_PATIENCE)
    names: list[str] = []
    after: str | None = None
    while True:
        page, after = await _page(io, wire, after, limits)
        names += page
        if after is None or not page:
            return tuple(names)


async def _page(io: IO, wire: Wire, after: str | None, limits: Deadlines) -> tuple[tuple[str, ...], str | None]:
    wire = wire.lister()
    reply = await fetch(io, wire, wire.dialect.models_request(after), limits, Limits().max_line)
    if not 200 <= reply.status < 300:
        raise failure(io, wire, reply, Context(target=wire.target, model=wire.model))
    try:
        return wire.dialect.decode_models(reply)
    except ProviderError as error:
        raise complete(io, wire, error, reply) from None


async def health(io: IO, calls: Calls, ask: bool) -> Health:
    """What is configured, what a call would use and why; ``ask`` also asks every configured provider for its models."""
    destinations, model = calls.destinations, calls.model
    chosen: Destination | None = None
    try:
        why = "it was named" if model is not None else destinations.default()[1]
        chosen = destinations.find(model)
    except (NoProviderError, UsageError) as error:
        why = str(error).removesuffix(SEEN_IN_HEALTH)
    wires = {row.name: _wire(destinations, row) for row in TABLE}
    if isinstance(chosen, Wire):
        wires = {chosen.provider: chosen} | wires | {chosen.provider: chosen}
    rows = [await _looked_at(io, name, wire, ask, calls.errors) for name, wire in wires.items()]
    if isinstance(chosen, Own):
        rows.insert(0, ProviderHealth(provider=chosen.provider, configured=True))
    name = None if chosen is None else "/".join(part for part in (chosen.provider, chosen.model) if part)
    return Health(model=name, why=why, providers=tuple(rows))


def _wire(destinations: Destinations, row: Provider) -> Wire | str:
    """Its endpoint, or what is missing. A server that is only presumed is not asked before somebody has said that it is there."""
    settings = destinations.settings
    if row.is_presumed and not (settings.base_url(row) or settings.key_settings(row)):
        return f"set {base_url_variables(row)[0]}, or name it"
    try:
        return destinations.wire(row, "")
    except UsageError as error:
        lacking = {"api_key": row.key_variables, "base_url": base_url_variables(row)}.get(error.field or "", ())
        return f"set {' or '.join(lacking)}" if lacking and error.got == "None" else str(error)


async def _looked_at(io: IO, name: str, wire: Wire | str, ask: bool, errors: ErrorStyle) -> ProviderHealth:
    if isinstance(wire, str):
        return ProviderHealth(provider=name, configured=False, problem=wire)
    known = ProviderHealth(provider=name, configured=True, key_from=wire.key_from, base_url=wire.base_url)
    if not ask:
        return known
    began = io.now()
    count: int | None = None
    problem: str | None = None
    try:
        count = len(await listed(io, wire, errors))
    except TrunklineError as error:
        problem = str(error)
    return msgspec.structs.replace(known, reachable=problem is None, seconds=io.now() - began, models=count, problem=problem)
