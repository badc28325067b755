"""What ``health`` finds out: what is configured, what runs on this machine, who answers; written once for both clients."""

from __future__ import annotations

import msgspec

from ..engine import engine
from ..engine.call import Call
from ..engine.destination import Destination, Own, Sought, Wire
from ..engine.program import Program
from ..ports import IO
from ..providers.local import LOCAL, local
from ..providers.provider import Provider
from ..providers.table import TABLE, provider as provider_row
from ..values.errors import NoProviderError, TrunklineError, UsageError
from ..values.message import Message
from ..values.request import Request
from .calls import Calls
from .choosing import choose
from .destinations import Destinations
from .detection import Found, detect
from .health import Health, ProviderHealth
from .listing import listed
from .model_names import SEEN_IN_HEALTH
from .programs import place_of
from .setting_values import ErrorStyle, base_url_variables

_QUESTION = "Say OK."
_ENOUGH = 64
"""Tokens of an answer that only shows that there is one; some models think first."""


async def health(io: IO, calls: Calls, ask: bool, deep: bool) -> Health:
    """What is configured, what a call would use and why. ``ask``: also who runs on this machine, and each is asked for its
    models; ``deep``: and each with a model a question, which is paid for."""
    detects = (ask or deep) and calls.destinations.settings.detects
    servers = {found.local.name: found for found in await detect(io)} if detects else {} if ask or deep else None
    chosen, why = await _chosen(io, calls, servers)
    wires = {row.name: _wire(calls.destinations, row, servers) for row in TABLE}
    if isinstance(chosen, Wire):
        wires = {chosen.provider: chosen} | wires | {chosen.provider: chosen}
    looks = [_looked_at(io, calls, name, wire, ask or deep, deep) for name, wire in wires.items()]
    rows = await io.all(looks) if ask or deep else [await look for look in looks]  # where nobody is asked, nobody is waited for
    if isinstance(chosen, Own):
        rows.insert(0, ProviderHealth(provider=chosen.provider, configured=True))
    name = None if chosen is None else "/".join(part for part in (chosen.provider, chosen.model) if part)
    return Health(model=name, why=why, providers=tuple(rows))


Servers = dict[str, Found]


async def _chosen(io: IO, calls: Calls, servers: Servers | None) -> tuple[Destination | None, str]:
    """What a call would use, and why; None, and why not."""
    destinations, model = calls.destinations, calls.model
    try:
        if model is None and not destinations.is_configured():
            if servers is None:
                return None, "nothing is configured; who runs on this machine is looked for by the first call"
            return await choose(io, destinations, tuple(servers[kind.name] for kind in LOCAL if kind.name in servers))
        why = "it was named" if model is not None else destinations.default()[1]
        planned = destinations.planned(model)
        if isinstance(planned, Sought):
            return planned.leading(), f"{why}: the first target of the route {destinations.route(model)}"
        return planned, why
    except (NoProviderError, UsageError) as error:
        return None, str(error).removesuffix(SEEN_IN_HEALTH)


def _wire(destinations: Destinations, row: Provider, servers: Servers | None) -> Wire | str:
    """Its endpoint, or what is missing. A server that is only presumed is not asked before it has been found, or somebody has
    said that it is there."""
    settings = destinations.settings
    command = row.endpoints[0].command
    if command is not None and place_of(command, settings.environment()) is None:
        return f"there is no {command.name} on the PATH"
    try:
        if command is None and row.is_presumed and not (settings.base_url(row) or settings.key_settings(row)):
            if servers is not None and (found := servers.get(row.name)) is not None:
                return destinations.wire(row, found.local.model or "", found.address)
            looked = servers is not None and local(row.name) is not None
            return f"{'does not run at its usual port; ' if looked else ''}set {base_url_variables(row)[0]}, or name it"
        return destinations.wire(row, row.default_model or "")
    except UsageError as error:
        lacking = {
            "api_key": row.key_variables,
            "base_url": base_url_variables(row),
            **{parameter.name: parameter.variables for parameter in row.parameters},
        }.get(error.field or "", ())
        return f"set {' or '.join(lacking)}" if lacking and error.got == "None" else str(error)


async def _looked_at(io: IO, calls: Calls, name: str, wire: Wire | str, ask: bool, deep: bool) -> ProviderHealth:
    if isinstance(wire, str):
        return ProviderHealth(provider=name, configured=False, problem=wire)
    known = ProviderHealth(provider=name, configured=True, key_from=wire.key_from, base_url=_place(calls, wire))
    if not ask:
        return known
    began = io.now()
    count: int | None = None
    problem: str | None = None
    try:
        count = len(await listed(io, wire, calls.errors))
    except TrunklineError as error:
        problem = str(error)
    known = msgspec.structs.replace(known, reachable=problem is None, seconds=io.now() - began, models=count, problem=problem)
    return await _asked(io, known, wire, calls.errors) if deep and wire.model else known


def _place(calls: Calls, wire: Wire) -> str | None:
    if not isinstance(wire, Program):
        return wire.base_url
    command = provider_row(wire.provider).endpoints[0].command
    return None if command is None else place_of(command, calls.destinations.settings.environment())


async def _asked(io: IO, known: ProviderHealth, wire: Wire, errors: ErrorStyle) -> ProviderHealth:
    """With the answer to a question of a few words."""
    request = Request(model=wire.model, messages=(Message.user(_QUESTION),), max_tokens=_ENOUGH)
    try:
        reply = await engine.generate(io, Call(request=request, plan=(wire,), errors=errors))
    except TrunklineError as error:
        return msgspec.structs.replace(known, answered=False, problem=str(error))
    cost = None if reply.cost is None else str(reply.cost)
    return msgspec.structs.replace(known, answered=True, answer_seconds=reply.latency, answer_cost=cost)
