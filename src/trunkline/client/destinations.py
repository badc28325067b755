"""From a model's name to the endpoint that serves it: provider, address, key, and whether the key may go there."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from urllib.parse import urlsplit

import msgspec

from ..dialects.known import client_half_of
from ..engine.destination import Destination, Own, Wire
from ..providers import catalog
from ..providers.provider import Endpoint, Provider
from ..providers.table import TABLE, default_path, is_dialect, is_provider, own_endpoint, provider as provider_row
from ..values.errors import NoProviderError, UsageError
from ..values.expect import kind_of
from ..values.model import Model, Target
from ..values.secret import Origin, Secret
from .keys import checked_key
from .options import ModelName
from .settings import Settings
from .trust import bare, checked_base_url, refuse_key

SEEN_IN_HEALTH = "; `trunkline health` shows what was looked at"
"""How the error ends where nothing is configured."""


class Destinations:
    """Finds destinations, and remembers them by the model's name. Reads settings and files when first asked, never before.

    An ``api_key`` or ``base_url`` that was handed over belongs to the provider of ``owner``, the model it was handed over
    with; every other provider has what the settings say.
    """

    def __init__(
        self,
        settings: Settings | None,
        owner: ModelName | None = None,
        api_key: object = None,
        base_url: object = None,
        version: object = None,
    ) -> None:
        self._settings = settings
        if version is not None and not isinstance(version, str):
            raise UsageError("a version is text", field="version", got=kind_of(version), allowed="as in '2023-06-01'")
        self._version = version
        self._owner = owner
        self._api_key = None if api_key is None else _key(api_key)
        self._base_url = None if base_url is None else checked_base_url(base_url)
        self._known: dict[str | None, Wire] = {}
        self._lock = Lock()

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = Settings.load()
        return self._settings

    def also(self, owner: ModelName | None, api_key: object, base_url: object, version: object) -> Destinations:
        """The same with another key, address or version. A new key keeps the address, unless it is another provider's; a new
        address does not keep the old one's key."""
        other = Destinations(self._settings, owner, api_key, base_url, version or self._version)
        if base_url is None and (api_key is None or self._keeps_address(owner)):
            other._base_url = self._base_url
            if api_key is None:
                other._api_key, other._owner = self._api_key, self._owner
        return other

    def _keeps_address(self, owner: ModelName | None) -> bool:
        """Whether the address that was handed over is ``owner``'s too: nobody else's yet, its own, or that of an endpoint that
        has no other."""
        before = self._owner
        if not (isinstance(owner, str) and isinstance(before, str)) or self._base_url is None:
            return True
        return is_dialect(owner.partition("/")[0]) or self._split(owner)[0].name == self._split(before)[0].name

    def plan(self, model: ModelName | None, fallbacks: Sequence[ModelName] = ()) -> tuple[Destination, ...]:
        """The targets to try, in order."""
        first = self.find(model)
        if not fallbacks:
            return (first,)
        if isinstance(fallbacks, str):
            raise UsageError("one name where several are expected", field="fallbacks", got="str", allowed="a list of model names")
        return (first, *(self.find(name, f"fallbacks[{n}]") for n, name in enumerate(fallbacks)))

    def find(self, model: ModelName | None, field: str = "model") -> Destination:
        """The one target that ``model`` names. ``UsageError`` names ``field``."""
        if model is None or isinstance(model, str):
            wire = self._known.get(model)
            if wire is None:
                wire = self._make(model, field)
                with self._lock:
                    wire = self._known.setdefault(model, wire)
            return wire
        if not callable(getattr(model, "generate", None)) and not callable(getattr(model, "stream", None)):
            raise UsageError(
                "no model", field=field, got=kind_of(model), allowed="'provider/model', or an object with generate or stream"
            )
        return Own(model)

    def default(self) -> tuple[str, str]:
        """The model when none is named, and why that one: the configured one, else that of the first provider with a key."""
        configured = self.settings.model
        handed = "api_key" if self._api_key is not None else "base_url" if self._base_url is not None else None
        if handed and self._owner is None and (configured is None or self.settings.origin("model") is Origin.PROJECT):
            why = f"{handed} does not say whose it is" + ("" if configured is None else ", and a project's file may not say it")
            raise UsageError(why, field="model", got="None", allowed="provider/model beside it")
        if configured is not None:
            return configured, "it is configured as the model"
        for row in TABLE:
            if row.default_model and row.key_variables and self.settings.key(row) is not None:
                return f"{row.name}/{row.default_model}", f"{row.name} has a key, and is first in the order that has one"
        names = ", ".join(variable for row in TABLE[:2] for variable in row.key_variables[:1])
        raise NoProviderError(
            f"no provider is configured: set a key ({names}, …), name a model (Client('provider/model', api_key=…)), or give a"
            f" base_url{SEEN_IN_HEALTH}"
        )

    def owns(self, row: Provider) -> bool:
        """Whether what was handed over is for ``row``."""
        if self._api_key is None and self._base_url is None:
            return False
        owner = self.default()[0] if self._owner is None else self._owner
        return isinstance(owner, str) and self._split(owner)[0].name == row.name

    def _key(self, row: Provider) -> tuple[Secret | None, str | None]:
        """The key for ``row`` and the variable it was found in: the argument's, else the settings'."""
        if self._api_key is not None and self.owns(row):
            return self._api_key, None
        found = self.settings.key_setting(row)
        return (found.value, found.name) if found is not None else (None, None)

    def _make(self, name: str | None, field: str) -> Wire:
        if name is None:
            name = self.default()[0]
            field = self.settings.field("model")
        return self.wire(*self._split(name, field))

    def _split(self, name: str, field: str = "model") -> tuple[Provider, str]:
        """The provider's row and its own name for the model."""
        prefix, slash, rest = name.partition("/")
        if slash and not rest:
            raise UsageError("no model after the provider's name", field=field, allowed="provider/model")
        if slash and is_dialect(prefix):
            if self._base_url is None:
                raise UsageError(
                    "an endpoint of your own needs its address", field="base_url", got="None", allowed="http(s)://host/…"
                )
            return own_endpoint(prefix, self._base_url), rest
        if slash and is_provider(prefix):
            return provider_row(prefix), rest
        if not slash and not name.strip():
            raise UsageError("no model's name", field=field, got="empty text", allowed="provider/model")
        if slash:
            return provider_row(prefix, field), rest  # it says what there is
        if is_provider(name.lower()):
            raise UsageError("a provider's name, and no model's", field=field, allowed=f"{name.lower()}/model")
        return provider_row(catalog.resolve(name, field).provider), name

    def wire(self, row: Provider, model: str) -> Wire:
        """The endpoint of ``row`` that serves ``model``, with the key it takes."""
        endpoint = row.endpoint()
        base_url, origin = self.address(row, endpoint)
        key, variable = self._key(row)
        if key is None and row.needs_key:
            variables = " or ".join(row.key_variables)
            raise UsageError(f"{row.name} needs a key", field="api_key", got="None", allowed=f"api_key=…, or {variables} set")
        refuse_key(key, base_url, origin, row.name, row.hosts)
        record = catalog.find(row.name, model)
        target = _target(row, endpoint, model, record, key, self._version)
        auth = row.auth_for(endpoint, variable)
        return Wire(client_half_of(endpoint.dialect), target, base_url, auth, key, record=record)

    def address(self, row: Provider, endpoint: Endpoint) -> tuple[str, Origin]:
        """The base URL and where it came from. An address without a path takes the path of the row's own."""
        if self._base_url is not None and self.owns(row):
            return _with_path(self._base_url, endpoint), Origin.ARGUMENT
        configured = self.settings.base_url(row)
        if configured is not None:
            return _with_path(configured[0], endpoint), configured[1]
        if endpoint.url is None:
            raise UsageError(f"{row.name} needs an address", field="base_url", got="None", allowed="http(s)://host:port/v1")
        return endpoint.url, Origin.BUILT_IN

    def __repr__(self) -> str:
        return "Destinations()"


def _with_path(base_url: str, endpoint: Endpoint) -> str:
    return base_url if urlsplit(base_url).path else base_url + default_path(endpoint)


def _target(
    row: Provider, endpoint: Endpoint, model: str, record: Model | None, key: Secret | None, version: str | None
) -> Target:
    quirks = record.quirks.over(endpoint.quirks) if record is not None else endpoint.quirks
    if version is not None:
        quirks = msgspec.structs.replace(quirks, version=version)
    return Target(
        dialect=endpoint.dialect,
        provider=row.name,
        model=model,
        quirks=quirks,
        max_output=record.max_output if record is not None else None,
        key=key.id if key is not None else None,
    )


def _key(value: object) -> Secret:
    if not isinstance(value, Secret):
        raise UsageError("a key is text", field="api_key", got=kind_of(value), allowed="str")
    try:
        key = checked_key(value.reveal(), "api_key", value.origin)
    except UsageError as error:
        raise bare(error) from None  # the frames below hold the text
    if key is None:
        got = "text" if value.reveal().strip() else "empty text"
        raise UsageError("that is no key but a placeholder", field="api_key", got=got, allowed="the provider's key, or None")
    return key
