"""A provider as data: a name, whose key opens it, and endpoints."""

from __future__ import annotations

import msgspec

from ..values.errors import UsageError
from ..values.model import NO_QUIRKS, Quirks
from .address import Parameter, host_in, host_pattern, matches
from .auth import Auth, Bearer, Chain


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint is reached where its parameter ``api_version`` is a date: by these paths below its host (azure-openai §1).

    ``{model}`` stands for the model's name. ``operation`` is what an address that a portal shows ends in.
    """

    path: str
    models: str
    operation: str


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program that answers: its ``name``, and what of the environment it is given, nothing else. A key or an address that is
    handed over stands in ``key_variable`` and ``url_variable``; the variables' own values of these two never do."""

    name: str
    key_variable: str
    url_variable: str
    variables: tuple[str, ...] = ()


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One address that speaks one dialect, and how it strays from it. ``url`` None: the user's ``base_url`` says where.

    Gaps in ``url`` (``{region}``) are filled with the provider's parameters.
    """

    dialect: str
    url: str | None = None
    url_where: dict[str, str] = {}
    """Other addresses for some values of a parameter: ``{"region=global": "https://…", "region=cn-*": "https://…"}``."""
    query: tuple[tuple[str, str], ...] = ()
    """Goes with every request. A value with a gap is left out where nothing fills it."""
    headers: tuple[tuple[str, str], ...] = ()
    """Likewise, as header fields."""
    dated: Dated | None = None
    models_url: str | None = None
    """Where the models are listed, if that is elsewhere."""
    quirks: Quirks = NO_QUIRKS
    auth: Auth | None = None
    """Where this endpoint wants its key shown in another way than its provider."""
    command: Command | None = None
    """It is a program on this machine."""

    def template(self, values: dict[str, str]) -> str | None:
        """Its address with gaps, for these values of its parameters."""
        for condition, url in self.url_where.items():
            name, _, value = condition.partition("=")
            if name in values and matches(values[name].lower(), value):
                return url
        return self.url


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers. ``key_variables``: where its key may lie in the environment, the first that is set counts.

    ``hosts``: where its key may be sent besides its own endpoints and an address that its owner named; gaps as in an endpoint's
    address. ``default_model``: what a client takes that was told no model; None: the endpoint is asked what it has.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    key_variables: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    auth: Auth = Bearer()
    variable_auth: dict[str, Auth] = {}
    """Variables whose key is shown in another way (``ANTHROPIC_AUTH_TOKEN`` is a bearer token)."""
    chain: Chain | None = None
    """Whose credentials take the place of a key that there is not."""
    needs_key: bool = True
    url_variables: tuple[str, ...] = ()
    """Where its address may lie in the environment, besides ``NAME_BASE_URL``."""
    parameters: tuple[Parameter, ...] = ()
    default_model: str | None = None
    models_of: str | None = None
    """The provider whose models it serves under the same names: what the catalog knows of those holds here too. Not what they
    cost, unless ``same_prices``."""
    same_prices: bool = False

    @property
    def dialects(self) -> tuple[str, ...]:
        return tuple(endpoint.dialect for endpoint in self.endpoints)

    @property
    def needs_base_url(self) -> bool:
        """Whether the user has to say where it is."""
        return self.endpoints[0].url is None and self.endpoints[0].command is None

    @property
    def is_presumed(self) -> bool:
        """Whether its address is only where such a server usually listens: nobody has said that there is one."""
        return not (self.needs_key or self.needs_base_url)

    def endpoint(self, dialect: str | None = None, field: str = "dialect") -> Endpoint:
        """Its endpoint for ``dialect``; without one its first. ``UsageError`` names ``field`` where it speaks no such dialect."""
        for endpoint in self.endpoints:
            if dialect in (None, endpoint.dialect):
                return endpoint
        raise UsageError(f"{self.name} does not speak {dialect}", field=field, allowed=", ".join(self.dialects))

    def parameter(self, name: str, field: str = "parameters") -> Parameter:
        """Its parameter of that name. ``UsageError`` names ``field`` where it has none such."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        names = ", ".join(parameter.name for parameter in self.parameters)
        raise UsageError(f"{self.name} has no parameter of that name", field=field, allowed=names or "none")

    def auth_for(self, endpoint: Endpoint, variable: str | None = None) -> Auth:
        """How a key is shown to ``endpoint``; ``variable`` is where the key was found, where that is known."""
        return (self.variable_auth.get(variable) if variable else None) or endpoint.auth or self.auth

    def token_auth(self, endpoint: Endpoint) -> Auth:
        """How a token is shown to ``endpoint`` that a function or a chain of credentials gave: where keys are not all that it
        takes, tokens are bearer tokens."""
        return Bearer() if self.chain is not None else self.auth_for(endpoint)

    def host_patterns(self, tenants: bool = True) -> tuple[str, ...]:
        """Where its key may be sent, as ``address.matches`` reads it. Without ``tenants``: but for hosts that may be another
        customer's of the same provider."""
        urls = (url for row in self.endpoints for url in (row.url, *row.url_where.values(), row.models_url) if url is not None)
        known = dict.fromkeys((*self.hosts, *map(host_in, urls)))
        return tuple(pattern for host in known if (pattern := host_pattern(host, self.parameters, tenants)) is not None)

    def owns(self, host: str) -> bool:
        """Whether its key may go to ``host`` (without port) wherever that name came from."""
        name = host.lower().rstrip(".")
        return any(matches(name, pattern) for pattern in self.host_patterns(tenants=False))
