"""What is known of the providers' models: read from ``catalog.json`` when somebody first asks.

``tools/catalog.py`` writes that file; nobody edits it.
"""

from __future__ import annotations

from functools import cache, lru_cache

import msgspec

from ..values.errors import UsageError
from ..values.model import Model

_FILE = f"{__file__.rpartition('catalog.py')[0]}catalog.json"


class _Shelf:
    """One provider's models, by id and by what else they answer to."""

    __slots__ = ("by_id", "prefixes")

    def __init__(self) -> None:
        self.by_id: dict[str, Model] = {}
        self.prefixes: list[tuple[str, Model]] = []

    def add(self, model: Model) -> None:
        self.by_id[model.id] = model
        for alias in model.aliases:
            if alias.endswith("*"):
                self.prefixes.append((alias[:-1], model))
            else:
                self.by_id[alias] = model

    def find(self, model_id: str) -> Model | None:
        found = self.by_id.get(model_id)
        return found or next((model for prefix, model in self.prefixes if model_id.startswith(prefix)), None)


@cache
def _models() -> tuple[Model, ...]:
    with open(_FILE, "rb") as file:
        return msgspec.json.decode(file.read(), type=tuple[Model, ...])


@cache
def _shelves() -> dict[str, _Shelf]:
    shelves: dict[str, _Shelf] = {}
    for model in _models():
        shelves.setdefault(model.provider, _Shelf()).add(model)
    return shelves


@lru_cache(maxsize=1024)
def find(provider: str, model_id: str) -> Model | None:
    """What the catalog knows of ``model_id`` (an id, an alias or a dated snapshot) at ``provider``; None: nothing."""
    shelf = _shelves().get(provider)
    return shelf.find(model_id) if shelf else None


def models(provider: str | None = None) -> tuple[Model, ...]:
    """All models, or those of one provider, in the catalog's order; retired ones too."""
    return _models() if provider is None else tuple(model for model in _models() if model.provider == provider)


def resolve(name: str, field: str = "model") -> Model:
    """The only model of that bare name; ask its provider for the name as it was given (it may be a dated snapshot).

    ``UsageError`` names ``field`` and lists the providers that have one, or what is spelled like it.
    """
    found = [model for shelf in _shelves().values() if (model := shelf.find(name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"several providers have {name}", field=field, allowed=", ".join(model.name for model in found))
    import difflib  # only for this message

    known = {key: model.name for shelf in _shelves().values() for key, model in shelf.by_id.items()}
    near = [known[key] for key in difflib.get_close_matches(name.lower(), known, 3)]
    hint = f" (did you mean {' or '.join(dict.fromkeys(near))}?)" if near else ""
    raise UsageError(f"the catalog has no model of that name{hint}", field=field, allowed="provider/model for any other")


def retired_note(model: Model, today: str) -> str | None:
    """What to tell whoever was answered that ``model`` does not exist; None unless it is retired by ``today`` (YYYY-MM-DD)."""
    if model.retires is None or model.retires > today:
        return None
    note = f"{model.name} was retired on {model.retires}"
    return f"{note}; use {model.provider}/{model.successor}" if model.successor else note
