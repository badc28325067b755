"""What a route is made of, checked: its targets, its filters; from code, or from ``[routes.name]`` in a configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, get_args

from ..engine import backend
from ..engine.backend import declared_async
from ..engine.destination import Own
from ..engine.fork import Choose
from ..policy.routing import Bounds, Condition, Strategy
from ..values import expect
from ..values.errors import UsageError
from ..values.model import Ability
from ..values.secret import Origin, Secret, mask_keys
from .credentials import is_async
from .options import BACKUP_OPTIONS, ModelName, seal
from .routes import Route
from .trust import placed

HANDED = Origin.ARGUMENT
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
ABILITIES: tuple[Ability, ...] = get_args(Ability)
FILE_KEYS = ("targets", "strategy", "needs", "regions", "max_input_price", "max_output_price")
MEMBER_KEYS = ("weight", "above", "up_to", "needs")
LOCAL_KEYS = BACKUP_OPTIONS - {"api_key", "base_url", "parameters"}
"""What a project's file may say of a target: neither a key nor whoever would be shown one."""
MOST = 1_000_000_000
_ALLOWED = "'provider/model', a route, an object with generate or stream, or a mapping of options"


class Listed(NamedTuple):
    """One target as it stands in a route. ``model`` None: that of the first. ``options``: those of ``BackupOptions``, without
    the model."""

    model: ModelName | None
    options: dict[str, Any]
    weight: float = 1.0
    condition: Condition = Condition()

    @property
    def shown(self) -> str:
        model = self.model
        if model is None:
            return "the same elsewhere"
        return model if isinstance(model, str) else repr(model) if isinstance(model, Route) else type(model).__name__

    def __repr__(self) -> str:
        return f"Listed({self.shown})"


# -- from code -----------------------------------------------------------------------------------------------------


def name(value: object) -> str | None:
    return None if value is None else expect.filled(value, "name")


def strategy(value: object) -> Strategy:
    expect.one_of(value, "strategy", STRATEGIES, "strategy")
    return next(word for word in STRATEGIES if word == value)


def function(value: Choose | None) -> Choose | None:
    if value is not None and not callable(value):
        expect.wrong("choose", value, "a function of a request and names, or None", "not a function")
    return value


def bounds(needs: object, regions: object, max_input_price: object, max_output_price: object) -> Bounds:
    """Whom it asks at all."""
    where = expect.items(regions, "regions", "a list of regions, as in 'eu' or 'us-east-1'")
    return Bounds(
        needs=_abilities(needs, "needs"),
        regions=tuple(expect.filled(region, f"regions[{n}]").lower() for n, region in enumerate(where)),
        max_input_price=_price(max_input_price, "max_input_price"),
        max_output_price=_price(max_output_price, "max_output_price"),
    )


def listed(targets: object) -> tuple[Listed, ...]:
    """Its targets; keys among them are sealed."""
    given = expect.items(targets, "targets", "a list of models")
    if not given:
        expect.wrong("targets", targets, "a list of one model or more", "nobody to ask")
    return tuple(_listed(each, f"targets[{n}]", first=n == 0) for n, each in enumerate(given))


def _listed(target: Any, field: str, *, first: bool) -> Listed:
    if not isinstance(target, Mapping):
        return Listed(_model(target, field), {})
    expect.only(target, field, (*BACKUP_OPTIONS, *MEMBER_KEYS), "option")
    options = {key: value for key, value in target.items() if key in BACKUP_OPTIONS and value is not None}
    said = {key: target[key] for key in MEMBER_KEYS if target.get(key) is not None}
    del target  # it may hold a key
    try:
        seal(options)
    except UsageError as error:
        raise placed(error, f"{field}.{error.field}") from None
    model = options.pop("model", None)
    if model is None and first:
        raise UsageError("the first target names its model", field=f"{field}.model", got="None", allowed="'provider/model'")
    if model is not None:
        _model(model, f"{field}.model")
    if options and not isinstance(model, str | None):
        raise UsageError("takes no options but its weight and conditions", field=field, got=expect.kind_of(model))
    for key in ("region", "quota", "version", "dialect"):
        if key in options:
            expect.filled(options[key], f"{field}.{key}")
    weight = float(expect.number(said.get("weight", 1.0), f"{field}.weight", 0, MOST))
    return Listed(model, options, weight, _condition(said, field))


def _condition(said: Mapping[str, Any], field: str) -> Condition:
    bounds = {key: expect.whole(said[key], f"{field}.{key}", 0) for key in ("above", "up_to") if key in said}
    if len(bounds) == 2 and bounds["above"] >= bounds["up_to"]:
        raise UsageError("no prompt is above the one and up to the other", field=f"{field}.up_to", allowed="more than above")
    return Condition(**bounds, needs=_abilities(said.get("needs", ()), f"{field}.needs"))


def _model(value: Any, field: str) -> ModelName:
    if isinstance(value, str):
        return expect.filled(value, field)
    if not (isinstance(value, Route) or callable(getattr(value, "generate", None)) or callable(getattr(value, "stream", None))):
        expect.wrong(field, value, _ALLOWED, "no model")
    named: ModelName = value
    return named


def _abilities(value: object, field: str) -> frozenset[str]:
    words = expect.items(value, field, "a list of abilities")
    return frozenset(expect.one_of(word, f"{field}[{n}]", ABILITIES, "ability") for n, word in enumerate(words))


def _price(value: object, field: str) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        if not value.is_finite() or value < 0:
            expect.wrong(field, value, "USD per million tokens", "out of range")
        return value
    return Decimal(str(expect.number(value, field, 0)))


def check(route: Route, blocking: bool) -> None:
    """Refuses what cannot work in a blocking client, and objects that cannot answer."""
    if blocking and declared_async(route.choose):
        raise UsageError("a coroutine function", field="choose", allowed="a plain function here; AsyncClient takes both")
    for each in route.listed:
        if isinstance(each.model, Route):
            check(each.model, blocking)
        elif each.model is not None and not isinstance(each.model, str):
            backend.check(Own(each.model), blocking)
        if blocking and is_async(each.options.get("api_key")):
            raise UsageError("a coroutine function", field="api_key", allowed="a plain function here; AsyncClient takes both")


# -- from files ----------------------------------------------------------------------------------------------------


def checked_routes(table: object, path: str, origin: Origin, keys: Origin) -> dict[str, Route]:
    """What stands below ``routes`` in a configuration file. ``UsageError`` names route, key and file, and shows no value."""
    if not isinstance(table, dict):
        raise UsageError("must be a table of keys and values", field=f"routes ({path})", got=type(table).__name__)
    return {name: _from_file(name, section, path, origin, keys) for name, section in table.items()}


def _from_file(name: object, section: object, path: str, origin: Origin, keys: Origin) -> Route:
    if not isinstance(name, str) or not re.fullmatch(r"[\w.:@-]{1,100}", name):
        allowed = "letters, digits, '.', '_', ':', '@' and '-'"
        raise UsageError("is no route's name", field=f"routes.… ({path})", allowed=allowed)
    place = f"routes.{mask_keys(name)}"
    if not isinstance(section, dict):
        raise UsageError("must be a table of keys and values", field=f"{place} ({path})", got=type(section).__name__)
    try:
        expect.only(section, "", FILE_KEYS)
        given = {**section, "targets": _sealed(section.get("targets"), origin, keys)}
        del section
        route = Route(**given, name=name)
    except UsageError as error:
        within = mask_keys(error.field or "")
        raise placed(error, f"{place}.{within} ({path})") from None
    route.file, route.origin = path, origin
    return route


def _sealed(targets: object, origin: Origin, keys: Origin) -> object:
    """What a file says of them, its keys as ``Secret``."""
    if not isinstance(targets, list):
        return targets
    return [_sealed_target(each, f"targets[{n}]", origin, keys) for n, each in enumerate(targets)]


def _sealed_target(target: object, field: str, origin: Origin, keys: Origin) -> object:
    if not isinstance(target, dict):
        if not isinstance(target, str):
            expect.wrong(field, target, "'provider/model', a route's name, or a table of options", "no model")
        return target
    if origin is Origin.PROJECT and (foreign := BACKUP_OPTIONS - LOCAL_KEYS & target.keys()):
        raise UsageError(
            "a project's file may not say where a key goes",
            field=f"{field}.{min(foreign)}",
            allowed=", ".join(sorted((*LOCAL_KEYS, *MEMBER_KEYS))),
        )
    if not isinstance(target.get("model", ""), str):
        expect.wrong(f"{field}.model", target["model"], "'provider/model', or a route's name", "no model")
    key = target.get("api_key")
    if isinstance(key, str):
        return {**target, "api_key": Secret(key, keys)}
    if isinstance(key, list) and all(isinstance(each, str) for each in key):
        return {**target, "api_key": tuple(Secret(each, keys) for each in key)}
    return target
