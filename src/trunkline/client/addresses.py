"""Where an endpoint is: its address with the gaps filled, and whose word decided the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from ..providers.address import Parameter, filled, gaps, host_in
from ..providers.provider import Dated, Endpoint, Provider
from ..providers.table import default_path
from ..values import expect
from ..values.errors import UsageError
from ..values.late_pattern import LatePattern
from ..values.secret import Origin
from .settings import Settings
from .trust import checked_parameter

Pairs = tuple[tuple[str, str], ...]
_DATE = LatePattern(r"\d{4}-\d{2}-\d{2}(?:-preview)?")


class Address(NamedTuple):
    """``origin``: whose word decided the host. ``query`` and ``headers`` go with every request; ``models_url``: where the models
    are listed, if elsewhere."""

    url: str
    origin: Origin
    query: Pairs = ()
    models_url: str | None = None
    headers: Pairs = ()


class Values:
    """A provider's parameters: what was handed over (``origin``: whose word that is), else what the settings say, else the
    default."""

    def __init__(self, settings: Settings, row: Provider, handed: Mapping[str, str], origin: Origin = Origin.ARGUMENT) -> None:
        self._row = row
        self.texts: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}
        for name in handed:
            row.parameter(name, f"parameters[{name!r}]")
        for parameter in row.parameters:
            if (text := handed.get(parameter.name)) is not None:
                self.set(parameter.name, checked_parameter(text, _field(parameter), address=parameter.address), origin)
            elif (found := settings.parameter(row, parameter)) is not None:
                self.set(parameter.name, found.value, found.origin)
            elif parameter.default is not None:
                self.set(parameter.name, parameter.default, Origin.BUILT_IN)

    def set(self, name: str, text: str, origin: Origin) -> None:
        self.texts[name], self.origins[name] = text, origin

    @property
    def region(self) -> str | None:
        """The place at its provider where the endpoint is, where it has several."""
        return self.texts.get("region") or self.texts.get("location")

    def need(self, name: str) -> str:
        """The value. ``UsageError`` says where it may stand."""
        text = self.texts.get(name)
        if text is None:
            parameter = self._row.parameter(name)
            variables = (*parameter.variables, *(self._row.url_variables if not parameter.optional else ()))
            places = (f"parameters={{{name!r}: …}}", *variables, f"{name} below [providers.{self._row.name}] in a file")
            raise UsageError(f"{self._row.name} needs its {name}", field=name, got="None", allowed=", ".join(places))
        return text

    def fill(self, template: str) -> str:
        for name in gaps(template):
            if name != "model":
                self.need(name)
        return filled(template, self.texts)

    def origin(self, template: str) -> Origin:
        """Whose word decides the host: ours, but for parameters that may name another customer."""
        own = {parameter.name for parameter in self._row.parameters if parameter.place}
        return min((self.origins[name] for name in gaps(host_in(template)) if name not in own), default=Origin.BUILT_IN)


def handed_parameters(value: object) -> dict[str, str]:
    """What was handed over as ``parameters``, as texts."""
    return {name: expect.text(text, f"parameters[{name!r}]") for name, text in expect.mapping(value, "parameters").items()}


def address_of(row: Provider, endpoint: Endpoint, values: Values, model: str, given: tuple[str, Origin] | None) -> Address:
    """The address of ``endpoint`` for ``model``; ``given``: a base URL that takes the place of the row's own."""
    found = _address_of(row, endpoint, values, model, given)
    return found._replace(headers=_said(endpoint.headers, values)) if endpoint.headers else found


def _address_of(row: Provider, endpoint: Endpoint, values: Values, model: str, given: tuple[str, Origin] | None) -> Address:
    if given is not None:
        return _given(endpoint, values, model, *given)
    template = endpoint.template(values.texts)
    if template is None:
        raise UsageError(f"{row.name} needs an address", field="base_url", got="None", allowed="http(s)://host:port/v1")
    url, origin = values.fill(template), values.origin(template)
    version = values.texts.get("api_version", "")
    if endpoint.dated is not None and _DATE().fullmatch(version):
        return _dated(url.removesuffix(urlsplit(url).path), origin, endpoint.dated, model, (("api-version", version),))
    models = None if endpoint.models_url is None else values.fill(endpoint.models_url)
    return Address(url, origin, _query(endpoint, values, ()), models)


def _given(endpoint: Endpoint, values: Values, model: str, base: str, origin: Origin) -> Address:
    """A base URL without a path takes that of the endpoint's own."""
    base, _, text = base.partition("?")
    said = tuple(parse_qsl(text))
    path = urlsplit(base).path
    if endpoint.dated is not None:
        base = base.removesuffix(endpoint.dated.operation)
        version = dict(said).get("api-version") or values.texts.get("api_version", "")
        if "/deployments/" in path or (_DATE().fullmatch(version) and not base.endswith("/v1")):
            return _dated(base, origin, endpoint.dated, model, (("api-version", version or values.need("api_version")), *said))
        if path in ("", "/openai"):
            base = base.removesuffix(path) + default_path(endpoint)
    elif not path:
        base += values.fill(default_path(endpoint))
    return Address(base, origin, _query(endpoint, values, said))


def _dated(base: str, origin: Origin, dated: Dated, model: str, query: Pairs) -> Address:
    """The address of the older style. One that names its deployment is taken as it is."""
    if "/deployments/" in base:
        root, _, rest = base.partition("/deployments/")
        url = base if "{model}" in dated.path and rest else root
        models = root
    else:
        root = base.removesuffix("/openai")
        url, models = root + filled(dated.path, {"model": quote(model, safe="")}), root + dated.models
    return Address(url, origin, tuple(dict(query).items()), models)


def _query(endpoint: Endpoint, values: Values, said: Pairs) -> Pairs:
    """What goes with every request: the endpoint's own where its gaps are filled, and what the base URL ``said``."""
    dates = endpoint.dated is not None  # here it is not reached by one
    kept = {name: value for name, value in _said(endpoint.query, values) if not (dates and _DATE().fullmatch(value))}
    return tuple({**kept, **dict(said)}.items())


def _said(pairs: Pairs, values: Values) -> Pairs:
    """Those whose gaps are filled."""
    own = ((name, filled(value, values.texts)) for name, value in pairs)
    return tuple((name, value) for name, value in own if not gaps(value))


def _field(parameter: Parameter) -> str:
    return f"parameters[{parameter.name!r}]"
