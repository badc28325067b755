"""Who answers when nothing is configured: a model server that runs on this machine, else a program that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.destination import Destination, Sought, Wire
from ..ports import IO
from ..providers.provider import Provider
from ..providers.table import TABLE, provider as provider_row
from ..values.errors import NoProviderError, ProviderError
from ..values.request import Request
from .detection import Found, detect
from .programs import place_of

if TYPE_CHECKING:
    from .destinations import Destinations


class Seeker(Sought):
    """Looks for somebody when a target is first needed, and remembers whom it found."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._chosen: Wire | None = None
        self.why: str = ""
        """Why that one, once it is found."""

    async def found(self, io: IO, request: Request) -> tuple[Destination]:
        return (await self.chosen(io),)

    async def chosen(self, io: IO) -> Wire:
        """The one that was found, whatever is asked."""
        if self._chosen is None:
            servers = await detect(io) if self._destinations.settings.detects else ()
            self._chosen, self.why = await choose(io, self._destinations, servers)
        return self._chosen


async def choose(io: IO, destinations: Destinations, servers: tuple[Found, ...]) -> tuple[Wire, str]:
    """The first of ``servers`` that has a model, else the first program that is installed, and why that one."""
    for server in servers:
        if (wire := await _served(io, destinations, server)) is not None:
            return wire, f"no key is configured, and {server.local.name} runs at {server.address}"
    for row in programs() if destinations.settings.detects else ():
        command = row.endpoints[0].command
        place = command and place_of(command, destinations.settings.environment())
        if place and row.default_model:
            return destinations.wire(row, row.default_model), f"no key is configured, no model server runs, and there is {place}"
    raise _nobody(destinations)


def _nobody(destinations: Destinations) -> NoProviderError:
    """What was looked for, and what to set."""
    from .model_names import no_provider

    names_of = ", ".join(row.endpoints[0].command.name for row in programs() if row.endpoints[0].command)
    looked = f"no model server runs on this machine and the program {names_of} is not installed"
    if not destinations.settings.detects:
        looked = "nobody is looked for on this machine (detect is off)"
    named = [row.name for row in TABLE if row.default_model is None and row.key_variables and destinations.settings.key(row)]
    if named:
        looked = f"keys are there for {', '.join(named)}, but no model was named ({named[0]}/…), {looked}"
    return no_provider(f", {looked}")


def programs() -> tuple[Provider, ...]:
    """The providers that are programs."""
    return tuple(row for row in TABLE if row.endpoints[0].command is not None)


async def _served(io: IO, destinations: Destinations, server: Found) -> Wire | None:
    """The server's endpoint for what it has; None: it has nothing, or does not say what."""
    row = provider_row(server.local.name)
    if server.local.model is not None:
        return destinations.wire(row, server.local.model, server.address)
    from .listing import listed  # only here

    try:
        ids = await listed(io, destinations.wire(row, "", server.address), "full")
    except ProviderError:
        return None
    return destinations.wire(row, ids[0], server.address) if ids else None
