"""What ``models`` asks of providers; written once as coroutines for both clients."""

from __future__ import annotations

from ..dialects.dialect import Context
from ..engine.attempt import bare, complete, failure, fetch
from ..engine.call import Call, Limits, dress
from ..engine.destination import Destination, Own, Sought, Wire
from ..ports import IO, Deadlines
from ..providers.table import provider as provider_row
from ..values import expect
from ..values.errors import ProviderError, UsageError
from ..values.model import Model
from ..values.request import Request
from .calls import Calls
from .setting_values import ErrorStyle

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
    wire = await _lister(io, calls, provider)
    if isinstance(wire, Own):
        raise UsageError("a target of your own names no models", field="provider", got="None", allowed="a provider's name")
    ids = await listed(io, wire, calls.errors)
    known = destinations.settings.catalog
    return tuple(known.find(wire.provider, name) or Model(id=name, provider=wire.provider) for name in ids)


async def _lister(io: IO, calls: Calls, provider: str | None) -> Destination:
    """The endpoint that is asked: the provider's, else the one that a call would use."""
    destinations = calls.destinations
    if provider is not None:
        return destinations.wire(provider_row(provider), "")
    planned = destinations.planned(calls.model)
    if not isinstance(planned, Sought):
        return planned
    return planned.leading() or await destinations.seek().chosen(io)


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
