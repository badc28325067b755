"""From a model's name to the endpoint that serves it: provider, dialect, address, key, and whether the key may go there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..dialects.known import client_half_of
from ..engine.destination import Destination, Own, Planned, Signer, Turns, Wire
from ..engine.station import Stations
from ..providers.auth import NoAuth, SigV4
from ..providers.provider import Command, Endpoint, Provider
from ..providers.table import TABLE, is_dialect, is_provider, provider as provider_row
from ..values import expect
from ..values.errors import NoProviderError, UsageError
from ..values.expect import kind_of
from ..values.model import Model
from ..values.secret import Origin
from .addresses import Address, Values, address_of, handed_parameters
from .credentials import Given, chain_signer, given, signer_of
from .limits import Limiting
from .model_names import no_provider, split
from .options import BACKUP_OPTIONS, ModelName
from .routes import Route
from .settings import Settings
from .trust import at_place, checked_base_url, refuse_key
from .wiring import Place, Shown, as_text, profile_region, room_of, target_of

if TYPE_CHECKING:
    from .choosing import Seeker
    from .forking import Forks
    from .heirs import Heirs

MOST_WITHIN = 100
"""So many routes in one another are none any more, but a circle."""


class Destinations:
    """Finds destinations, and remembers them by the model's name. Reads settings and files when first asked, never before.

    What was handed over belongs to the provider of ``owner``, the model it was handed over with: ``api_key`` and ``base_url``,
    and likewise (``way_owner``) ``dialect`` and ``parameters``. Every other provider has what the settings say.
    """

    def __init__(
        self,
        settings: Settings | None,
        owner: ModelName | None = None,
        api_key: object = None,
        base_url: object = None,
        version: object = None,
        dialect: object = None,
        parameters: object = None,
        region: object = None,
        quota: object = None,
        limiting: Limiting | None = None,
    ) -> None:
        self._settings = settings
        self.limiting: Limiting = Limiting({}) if limiting is None else limiting
        self._region = None if region is None else as_text(region, "region", "the name of one, as in 'eu-west-1'")
        self._quota = None if quota is None else as_text(quota, "quota", "a name for the limit that is shared")
        self._version = None if version is None else as_text(version, "version", "as in '2023-06-01'")
        self._owner = owner
        self._api_key: Given | None = None if api_key is None else given(api_key)
        self._base_url = None if base_url is None else checked_base_url(base_url)
        self._way_owner = owner
        self._dialect = None if dialect is None else as_text(dialect, "dialect", "a dialect's id, as in 'openai-chat'")
        self._parameters: Mapping[str, str] = {} if parameters is None else handed_parameters(parameters)
        self._known: dict[str | None, Wire] = {}
        self._signers: dict[tuple[str, str, str], Signer] = {}
        self._turns: dict[str, Turns] = {}
        self._origin = Origin.ARGUMENT
        """Whose word the address and its parameters are that were handed over."""
        self._seeker: Seeker | None = None
        self._lock = Lock()

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = Settings.load()
        return self._settings

    @property
    def stations(self) -> Stations:
        """What is known of the targets, and the limits that hold for them."""
        return self.limiting.stations(self.settings)

    @cached_property
    def heirs(self) -> Heirs:
        """Backups, each with what it says itself."""
        from .heirs import Heirs

        return Heirs(self)

    @cached_property
    def forks(self) -> Forks:
        """The groups that routes are."""
        from .forking import Forks

        return Forks(self)

    def also(self, owner: ModelName | None, options: Mapping[str, Any]) -> Destinations:
        """The same with another key, address, version, dialect or parameters. A new key keeps the address, unless it is another
        provider's; a new address does not keep the old one's key."""
        api_key, base_url, version = options.get("api_key"), options.get("base_url"), options.get("version")
        way = options.get("dialect"), options.get("parameters")
        other = Destinations(self._settings, owner, api_key, base_url, version or self._version, *way, limiting=self.limiting)
        if base_url is None and (api_key is None or self._keeps_address(owner)):
            other._base_url = self._base_url
            if api_key is None:
                other._api_key, other._owner = self._api_key, self._owner
        if way == (None, None):
            other._dialect, other._parameters, other._way_owner = self._dialect, self._parameters, self._way_owner
        elif self._same(owner, self._way_owner):
            other._dialect = other._dialect or self._dialect
            other._parameters = {**self._parameters, **other._parameters}
        return other

    def limited(self, limiting: Limiting) -> Destinations:
        """The same under other limits."""
        other = self.also(self._owner, {})
        other.limiting, other._turns = limiting, self._turns
        return other

    def reloaded(self) -> Destinations:
        """The same as the settings are now."""
        other = self.limited(self.limiting)
        other._settings = None if self._settings is None else self._settings.reloaded()
        self.stations.forgive()
        return other

    def forget(self) -> None:
        """After a fork, in the child: what was found is found anew, for it is tied to limits and circuits of the parent."""
        self._lock = Lock()
        self._known, self._signers, self._turns, self._seeker = {}, {}, {}, None
        for name in ("heirs", "forks"):
            vars(self).pop(name, None)
        self.limiting.forget()

    def _keeps_address(self, owner: ModelName | None) -> bool:
        """Whether the address that was handed over is ``owner``'s too: nobody else's yet, its own, or that of an endpoint that
        has no other."""
        if self._base_url is None or (isinstance(owner, str) and is_dialect(owner.partition("/")[0])):
            return True
        return self._same(owner, self._owner)

    def _same(self, owner: ModelName | None, before: ModelName | None) -> bool:
        """Whether both are of one provider; or one is not known yet."""
        if owner is None or before is None:
            return True
        owner, before = self._lead(owner), self._lead(before)
        if not (isinstance(owner, str) and isinstance(before, str)):
            return True
        return self._split(owner)[0].name == self._split(before)[0].name

    def plan(self, model: ModelName | None, fallbacks: Sequence[ModelName | Mapping[str, Any]] = ()) -> tuple[Planned, ...]:
        """The targets to try, in order. Where nothing is configured, the first has to be looked for."""
        first = self.planned(model)
        if isinstance(fallbacks, str):
            raise UsageError("one name where several are expected", field="fallbacks", got="str", allowed="a list of model names")
        return (
            first,
            *(at_place(f := f"fallbacks[{n}]", partial(self._fallback, model, each, f)) for n, each in enumerate(fallbacks)),
        )

    def _fallback(self, model: ModelName | None, backup: ModelName | Mapping[str, Any], field: str) -> Planned:
        """A model, or options on top of those of ``model``."""
        if not isinstance(backup, Mapping):
            return self.planned(backup, field)
        expect.only(backup, field, sorted(BACKUP_OPTIONS), "option")
        name = backup["model"] if backup.get("model") is not None else self._lead(model)
        if not (name is None or isinstance(name, str)) or self.route(name) is not None:
            raise UsageError("an object of your own and a route take no options", field=field, allowed="'provider/model'")
        return self.heirs.find(name, {key: value for key, value in backup.items() if key != "model"}, f"{field}.model")

    def planned(self, model: ModelName | None, field: str = "model") -> Planned:
        """What ``model`` names: a target, the group that a route is, or where nothing is configured whoever is looked for."""
        if model is None and not self.is_configured():
            return self.seek()
        route = self.route(model)
        return self.find(model, field) if route is None else self.forks.of(route)

    def route(self, model: ModelName | None) -> Route | None:
        """The route that ``model`` is or names; None: it is none. A route's name holds no slash, and goes before a model's."""
        if model is None:
            if None in self._known:
                return None
            model = self.default()[0]
        if isinstance(model, str):
            return None if "/" in model else self.settings.routes.get(model)
        return model if isinstance(model, Route) else None

    def _lead(self, model: ModelName | None) -> ModelName | None:
        """``model``; of a route the first of its models: what is handed over with a route belongs to the provider of that. A
        project's file may not say whose it is."""
        for _ in range(MOST_WITHIN):
            route = self.route(model) if model is not None or self.is_configured() else None
            if route is None:
                return model
            if route.origin is Origin.PROJECT:
                raise UsageError("a project's file may not say whose key or address it is", field=route.field())
            model = route.listed[0].model
        raise UsageError("a route that leads to itself", field="model")

    def handed(self, name: str | None, field: str, base_url: object = None) -> dict[str, Any]:
        """What was handed over for the provider of ``name``, which may be at ``base_url``."""
        row = self._split(self.default()[0] if name is None else name, field, base_url)[0]
        found: dict[str, Any] = {"version": self._version}
        if self.owns(row):
            found |= {"api_key": self._api_key, "base_url": self._base_url}
        if self._has_way(row):
            found |= {"dialect": self._dialect, "parameters": self._parameters}
        return found

    def heir(self, name: str | None, options: Mapping[str, Any], origin: Origin | None) -> Destinations:
        """The same settings, with ``options`` for the provider of ``name``; ``origin``: whose word the address is, else as
        here."""
        other = Destinations(self.settings, name, **options, limiting=self.limiting)
        other._origin = self._origin if origin is None else min(origin, self._origin)
        return other

    def is_configured(self) -> bool:
        """Whether it is known without a look at this machine who answers when no model is named."""
        if None in self._known:
            return True
        try:
            self.default()
        except NoProviderError:
            return False
        return True

    def seek(self) -> Seeker:
        """Whoever answers on this machine: looked for when it is first needed, and remembered."""
        from .choosing import Seeker

        with self._lock:
            if self._seeker is None:
                self._seeker = Seeker(self)
            return self._seeker

    def find(self, model: ModelName | None, field: str = "model") -> Destination:
        """The one target that ``model`` names. ``UsageError`` names ``field``."""
        if model is None or isinstance(model, str):
            wire = self._known.get(model)
            if wire is None:
                wire = self._make(model, field)
                with self._lock:
                    wire = self._known.setdefault(model, wire)
            return wire
        speaks = callable(getattr(model, "generate", None)) or callable(getattr(model, "stream", None))
        if isinstance(model, Route) or not speaks:
            allowed = "'provider/model', a route, or an object with generate or stream"
            raise UsageError("no model", field=field, got=kind_of(model), allowed=allowed)
        own = Own(model)
        own.station = self.stations.of_object(own.provider, model)
        return own

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
        raise no_provider()

    def owns(self, row: Provider) -> bool:
        """Whether the key or address that was handed over is for ``row``."""
        return not (self._api_key is None and self._base_url is None) and self._is_of(row, self._owner)

    def _has_way(self, row: Provider) -> bool:
        """Whether the dialect or parameters that were handed over are for ``row``."""
        return bool(self._dialect is not None or self._parameters) and self._is_of(row, self._way_owner)

    def _is_of(self, row: Provider, owner: ModelName | None) -> bool:
        name = self._lead(self.default()[0] if owner is None else owner)
        return isinstance(name, str) and self._split(name)[0].name == row.name

    def _make(self, name: str | None, field: str) -> Wire:
        if name is None:
            name = self.default()[0]
            field = self.settings.field("model")
        return self.wire(*self._split(name, field))

    def _split(self, name: str, field: str = "model", base_url: object = None) -> tuple[Provider, str]:
        """The provider's row and its own name for the model. ``base_url``: where an endpoint of one's own is, else as here."""
        address = self._base_url if base_url is None else checked_base_url(base_url)
        return split(name, field, address, lambda: self.settings.catalog)

    def wire(self, row: Provider, model: str, at: str | None = None) -> Wire:
        """The endpoint of ``row`` that serves ``model``, with the key it takes; of several keys a ring of endpoints. ``at``: the
        address at which it was found."""
        record = self.settings.catalog.find(row.name, model)
        endpoint = self._endpoint(row, record)
        if endpoint.command is not None:
            return self._program(row, endpoint, endpoint.command, model, record)
        values = Values(self.settings, row, self._parameters if self._has_way(row) else {}, self._origin)
        handed = at or (self._base_url if self.owns(row) else None)
        if "region" not in values.texts and (region := profile_region(self.settings, row)) is not None:
            values.set("region", region, Origin.USER)
        base_url = self.settings.base_url(row) if handed is None else (handed, Origin.ARGUMENT if at else self._origin)
        address = address_of(row, endpoint, values, model, base_url)
        shown = self._shown(row, endpoint, values, handed is not None)
        place = Place(address.url, self._region or values.region, self._quota)
        wires = [self._wire(row, endpoint, model, record, address, each, place) for each in shown]
        if row.is_presumed and base_url is None and is_provider(row.name) and provider_row(row.name) is row:
            from .detection import guard

            guard(wires, row.name, address.url)
        if len(wires) == 1:
            return wires[0]
        with self._lock:
            turns = self._turns.setdefault(row.name, Turns())
        for wire in wires:
            wire.ring, wire.turns = wires, turns
        return wires[0]

    def _program(self, row: Provider, endpoint: Endpoint, command: Command, model: str, record: Model | None) -> Wire:
        """The program that ``row`` is. Whoever could name its address could read what it shows there: no project's file may."""
        from .programs import program

        keys = () if not self.owns(row) or self._api_key is None else self._api_key
        if not isinstance(keys, tuple):
            raise UsageError("a program takes a key as text", field="api_key", got=kind_of(keys), allowed="the key, or None")
        key = keys[0] if keys else next((found.value for found in self.settings.key_settings(row)), None)
        url = (self._base_url, Origin.ARGUMENT) if self.owns(row) and self._base_url else self.settings.base_url(row)
        if url is not None and url[1] <= Origin.PROJECT:
            raise UsageError(f"a project's file may not say where {row.name} asks", field="base_url", got="an address")
        target = target_of(row, endpoint, model, record, Shown(NoAuth(), None, key), None, Place(quota=self._quota))
        dialect = client_half_of(endpoint.dialect)
        return program(command, dialect, target, self.settings.environment(), key, url[0] if url else None, record)

    def _endpoint(self, row: Provider, record: Model | None) -> Endpoint:
        """That of the dialect which was handed over, else of the model's only one, else of the settings', else the first."""
        if self._dialect is not None and self._has_way(row):
            return row.endpoint(self._dialect)
        if record is not None and record.dialect is not None:
            return row.endpoint(record.dialect)
        found = self.settings.dialect(row)
        return row.endpoint() if found is None else row.endpoint(found.value, found.field)

    def _shown(self, row: Provider, endpoint: Endpoint, values: Values, elsewhere: bool) -> list[Shown]:
        """What the endpoint may be shown: one or several keys, or what signs. ``elsewhere``: at an address that was
        handed over."""
        if self._api_key is not None and self.owns(row):
            if not isinstance(self._api_key, tuple):
                source, auth = self._api_key, row.token_auth(endpoint)
                return [self._signed(row, endpoint, "", lambda: signer_of(source, row.chain, auth, row.name), Origin.ARGUMENT)]
            return [Shown(row.auth_for(endpoint), key.origin, key) for key in self._api_key]
        if found := self.settings.key_settings(row):
            return [Shown(row.auth_for(endpoint, key.name), key.value.origin, key.value) for key in found]
        if (chain := row.chain) is not None:
            region = values.need("region") if isinstance(chain, SigV4) else ""
            auth, proxies = row.token_auth(endpoint), self.settings.proxies
            return [self._signed(row, endpoint, region, lambda: chain_signer(chain, auth, region, proxies), Origin.USER)]
        if row.needs_key and not (elsewhere and is_dialect(row.name)):
            variables = " or ".join(row.key_variables)
            raise UsageError(f"{row.name} needs a key", field="api_key", got="None", allowed=f"api_key=…, or {variables} set")
        return [Shown(row.auth_for(endpoint), None)]

    def _signed(self, row: Provider, endpoint: Endpoint, region: str, make: Callable[[], Signer], origin: Origin) -> Shown:
        """With the signer for this provider, the same for all its models, so that they share a token."""
        key = (row.name, endpoint.dialect, region)
        signer = self._signers.get(key)
        if signer is None:
            made = make()
            with self._lock:
                signer = self._signers.setdefault(key, made)
        return Shown(NoAuth(), origin, signer=signer)

    def _wire(
        self, row: Provider, endpoint: Endpoint, model: str, record: Model | None, address: Address, shown: Shown, place: Place
    ) -> Wire:
        hosts = row.host_patterns(tenants=address.origin > Origin.PROJECT)
        refuse_key(shown.origin, address.url, address.origin, row.name, hosts)
        target = target_of(row, endpoint, model, record, shown, self._version, place)
        return Wire(
            client_half_of(endpoint.dialect),
            target,
            address.url,
            shown.auth,
            shown.secret,
            record=record,
            room=room_of(row, model, record, address.origin),
            headers=address.headers,
            signer=shown.signer,
            query=address.query,
            models_url=address.models_url,
            station=self.stations.of(row.name, model, target.key, address.url, shown.word),
        )

    def __repr__(self) -> str:
        return "Destinations()"
