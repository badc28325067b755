"""What is known of the providers' models: read from ``catalog.json`` when somebody first asks, each provider's part on its own.

``tools/catalog.py`` writes that file; nobody edits it. What a user knows better is laid over it: see ``Catalog``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import msgspec

from ..values.errors import UsageError
from ..values.model import Model
from .provider import Provider
from .table import is_provider, provider as provider_row

_FILE = f"{__file__.rpartition('catalog.py')[0]}catalog.json"
PLAIN = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
Own = Mapping[str, Mapping[str, Any]]
"""Fields of models by ``provider/model``, as builtins."""


class _Shelf:
    """One provider's models, by id and by what else they answer to."""

    __slots__ = ("by_id", "models", "prefixes")

    def __init__(self) -> None:
        self.models: list[Model] = []
        self.by_id: dict[str, Model] = {}
        self.prefixes: list[tuple[str, Model]] = []

    def add(self, model: Model) -> None:
        self.models.append(model)
        self.by_id[model.id] = model
        for alias in model.aliases:
            if alias.endswith("*"):
                self.prefixes.append((alias[:-1], model))
            else:
                self.by_id.setdefault(alias, model)

    def find(self, model_id: str) -> Model | None:
        found = self.by_id.get(model_id)
        return found or next((model for prefix, model in self.prefixes if model_id.startswith(prefix)), None)


@cache
def _parts() -> dict[str, msgspec.Raw]:
    with open(_FILE, "rb") as file:
        return msgspec.json.decode(file.read(), type=dict[str, msgspec.Raw])


def read(provider: str, part: msgspec.Raw) -> tuple[Model, ...]:
    """The models of a provider's part of the file. Prices that always hold stand there as ``usd``, in the order of ``PLAIN``."""
    rows: list[dict[str, Any]] = msgspec.json.decode(part)
    for row in rows:
        row["provider"] = provider
        if usd := row.pop("usd", None):
            row["prices"] = [{name: price for name, price in zip(PLAIN, usd, strict=False) if price is not None}]
    return msgspec.convert(rows, tuple[Model, ...])


@cache
def _shelf(provider: str) -> _Shelf | None:
    """What the catalog says itself; where it has nothing of a provider, what it has of the one whose models that serves."""
    part = _parts().get(provider)
    if part is not None:
        return _filled(read(provider, part))
    row = provider_row(provider) if is_provider(provider) else None
    if row is None or row.models_of is None or (other := _shelf(row.models_of)) is None:
        return None
    return _filled(_of(model, row) for model in other.models)


def _of(model: Model, row: Provider) -> Model:
    dialect = model.dialect if model.dialect in row.dialects else None
    prices = model.prices if row.same_prices else ()
    return msgspec.structs.replace(model, provider=row.name, dialect=dialect, prices=prices)


def _filled(models: Iterable[Model]) -> _Shelf:
    shelf = _Shelf()
    for model in models:
        shelf.add(model)
    return shelf


class Catalog:
    """The catalog with ``own`` laid over it: a field that stands there is ours no more, of quirks each on its own.

    ``own`` holds fields of ``Model`` that ``checked`` has let through. Everything is made when it is first asked for.
    """

    __slots__ = ("_found", "_own", "_shelves")

    def __init__(self, own: Own | None = None) -> None:
        self._own: dict[str, dict[str, Mapping[str, Any]]] = {}
        for name, fields in (own or {}).items():
            provider, _, model_id = name.partition("/")
            self._own.setdefault(provider, {})[model_id] = fields
        self._shelves: dict[str, _Shelf | None] = {}
        self._found: dict[tuple[str, str], Model | None] = {}

    def find(self, provider: str, model_id: str) -> Model | None:
        """What is known of ``model_id`` (an id, an alias or a dated snapshot) at ``provider``; None: nothing."""
        shelf = self._shelf(provider)
        return shelf.find(model_id) if shelf else None

    def models(self, provider: str | None = None) -> tuple[Model, ...]:
        """All models, or those of one provider, in the catalog's order; retired ones too."""
        if provider is not None:
            shelf = self._shelf(provider)
            return tuple(shelf.models) if shelf else ()
        return tuple(model for name in self._names() for model in self.models(name))

    def resolve(self, name: str, field: str = "model") -> Model:
        """The only model of that bare name; ask its provider for the name as it was given (it may be a dated snapshot).

        ``UsageError`` names ``field`` and lists the providers that have one, or what is spelled like it.
        """
        found = [model for provider in self._names() if (model := self.find(provider, name))]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"several providers have {name}", field=field, allowed=", ".join(model.name for model in found))
        import difflib  # only for this message

        shelves = [shelf for provider in self._names() if (shelf := self._shelf(provider))]
        known = {key: model.name for shelf in shelves for key, model in shelf.by_id.items()}
        near = [known[key] for key in difflib.get_close_matches(name.lower(), known, 3)]
        hint = f" (did you mean {' or '.join(dict.fromkeys(near))}?)" if near else ""
        raise UsageError(f"the catalog has no model of that name{hint}", field=field, allowed="provider/model for any other")

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*_parts(), *self._own)))

    def _shelf(self, provider: str) -> _Shelf | None:
        own = self._own.get(provider)
        if own is None:
            return _shelf(provider)
        if provider not in self._shelves:
            self._shelves[provider] = _over(provider, own, _shelf(provider))
        return self._shelves[provider]


def _over(provider: str, own: Mapping[str, Mapping[str, Any]], lower: _Shelf | None) -> _Shelf:
    known = {model.id: model for model in (lower.models if lower else ())}
    for model_id, fields in own.items():
        known[model_id] = merged(known.get(model_id) or Model(id=model_id, provider=provider), fields)
    return _filled(known.values())


def merged(model: Model, fields: Mapping[str, Any]) -> Model:
    """``model`` with ``fields`` in place of its own; raises ``msgspec.ValidationError`` for one that is none, or wrong."""
    lower = msgspec.to_builtins(model)
    quirks = {**lower.get("quirks", {}), **fields["quirks"]} if isinstance(fields.get("quirks"), dict) else fields.get("quirks")
    given = {**fields, **({} if quirks is None else {"quirks": quirks})}
    return msgspec.convert({**lower, **given}, Model)


BUILT_IN = Catalog()


@lru_cache(maxsize=1024)
def find(provider: str, model_id: str) -> Model | None:
    """``Catalog.find`` of what is built in."""
    return BUILT_IN.find(provider, model_id)


def models(provider: str | None = None) -> tuple[Model, ...]:
    """``Catalog.models`` of what is built in."""
    return BUILT_IN.models(provider)


def resolve(name: str, field: str = "model") -> Model:
    """``Catalog.resolve`` of what is built in."""
    return BUILT_IN.resolve(name, field)


def retired_note(model: Model, today: str) -> str | None:
    """What to tell whoever was answered that ``model`` does not exist; None unless it is retired by ``today`` (YYYY-MM-DD)."""
    if model.retires is None or model.retires > today:
        return None
    note = f"{model.name} was retired on {model.retires}"
    return f"{note}; use {model.provider}/{model.successor}" if model.successor else note
