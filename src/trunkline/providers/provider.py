"""A provider as data: a name, whose key opens it, and endpoints."""

from __future__ import annotations

import msgspec

from ..values.errors import UsageError
from ..values.model import NO_QUIRKS, Quirks
from .auth import Auth, Bearer


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One address that speaks one dialect, and how it strays from it. ``url`` None: the user's ``base_url`` says where."""

    dialect: str
    url: str | None = None
    quirks: Quirks = NO_QUIRKS
    auth: Auth | None = None
    """Where this endpoint wants its key shown in another way than its provider."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers. ``key_variables``: where its key may lie in the environment, the first that is set counts.

    ``hosts``: where its key may be sent besides an address that its owner named. ``default_model``: what a client takes that
    was told no model; None: the endpoint is asked what it has.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    key_variables: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    auth: Auth = Bearer()
    variable_auth: dict[str, Auth] = {}
    """Variables whose key is shown in another way (``ANTHROPIC_AUTH_TOKEN`` is a bearer token)."""
    needs_key: bool = True
    default_model: str | None = None

    @property
    def dialects(self) -> tuple[str, ...]:
        return tuple(endpoint.dialect for endpoint in self.endpoints)

    @property
    def needs_base_url(self) -> bool:
        """Whether the user has to say where it is."""
        return self.endpoints[0].url is None

    def endpoint(self, dialect: str | None = None) -> Endpoint:
        """Its endpoint for ``dialect``; without one its first. ``UsageError`` where it speaks no such dialect."""
        for endpoint in self.endpoints:
            if dialect in (None, endpoint.dialect):
                return endpoint
        raise UsageError(f"{self.name} does not speak {dialect}", field="dialect", allowed=", ".join(self.dialects))

    def auth_for(self, endpoint: Endpoint, variable: str | None = None) -> Auth:
        """How a key is shown to ``endpoint``; ``variable`` is where the key was found, where that is known."""
        return (self.variable_auth.get(variable) if variable else None) or endpoint.auth or self.auth

    def owns(self, host: str) -> bool:
        """Whether its key may go to ``host`` (without port)."""
        return host.lower().rstrip(".") in self.hosts
