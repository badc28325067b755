"""Models and prices that users describe themselves: ``[models."provider/model"]`` in ``trunkline.toml``, or a file of their own
that ``models_file`` (``TRUNKLINE_MODELS``) names, as TOML or JSON.

The fields are those of ``Model``; ``price = {…}`` is short for one price that always holds. They say what a model is and costs,
never where it is: a project's file may hold them too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ..providers.catalog import Catalog, merged
from ..providers.table import is_dialect, is_provider
from ..values.errors import UsageError
from ..values.model import Model, Price
from ..values.secret import Origin, mask_keys
from .trust import bare

Tables = dict[str, dict[str, Any]]
FIELDS = (*(field for field in Model.__struct_fields__ if field not in ("id", "provider")), "price")
_FIGURES = frozenset({"input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio", "factor"})


def checked_models(table: object, path: str, place: str = "models") -> Tables:
    """What stands below ``models``, checked; ``UsageError`` names the model and its field, and shows no value."""
    return {name: _checked(name, fields, path, place) for name, fields in _table(table, place, path).items()}


def read_models(named: str, origin: Origin, setting: str, by: str | None = None) -> Tables:
    """The models of the file that a setting names; ``by``: the file in which that stands. They are at its top, or below
    ``models``."""
    from .config_files import parse_file

    path = file_named(named, origin, os.path.dirname(by) if by else None, f"{setting} ({by or 'environment'})")  # noqa: PTH120  (as config_files)
    table = _table(parse_file(path), "the file", path)
    return checked_models(table["models"] if isinstance(table.get("models"), dict) and "/" not in "".join(table) else table, path)


def catalog_of(described: list[tuple[Origin, Tables]]) -> Catalog:
    """The catalog, and laid over it what is ``described``, the more trusted above the less."""
    own: Tables = {}
    for _, tables in sorted(described, key=lambda each: each[0]):
        for name, fields in tables.items():
            lower = own.get(name, {})
            quirks = {**lower.get("quirks", {}), **fields.get("quirks", {})}
            own[name] = {**lower, **fields, **({"quirks": quirks} if quirks else {})}
    return Catalog(own)


def file_named(text: str, origin: Origin, folder: str | None, field: str) -> str:
    """The file that a setting names: as it is, or below the ``folder`` of the file that names it. A project's file names one
    of the project."""
    home = text.startswith("~") and origin > Origin.PROJECT
    path = os.path.expanduser(text) if home else os.path.join(folder or "", text)  # noqa: PTH111, PTH118  (as config_files)
    if origin is Origin.PROJECT:
        root = os.path.join(os.path.realpath(folder or ""), "")  # noqa: PTH118
        if not os.path.realpath(path).startswith(root):
            raise UsageError("a project's file may name a file of the project only", field=field, allowed="a path below it")
    return path


def _checked(name: str, value: object, path: str, place: str) -> dict[str, Any]:
    shown = f'{place}."{mask_keys(name[:60])}"' if re.fullmatch(r"[\w.:/@-]+", name) else f"{place}.…"
    provider, slash, model_id = name.partition("/")
    if not (slash and model_id):
        raise UsageError("is no model's name", field=f"{shown} ({path})", allowed="provider/model")
    if not (is_provider(provider) or is_dialect(provider)):
        raise UsageError("names no provider that there is", field=f"{shown} ({path})", allowed="provider/model")
    fields = dict(_table(value, shown, path))
    for field in fields:
        if field not in FIELDS:
            raise _unknown(field, FIELDS, f"{shown}.", path)
    if "price" in fields:
        if "prices" in fields:
            raise UsageError("price and prices exclude each other", field=f"{shown} ({path})")
        fields["prices"] = [fields.pop("price")]
    if "prices" in fields:
        fields["prices"] = _in_text(fields["prices"])
    try:
        model = merged(Model(id=model_id, provider=provider), fields)
    except msgspec.ValidationError as error:
        raise bare(_told(str(error), shown, path)) from None
    _check_prices(model, shown, path)
    return fields


def _in_text(value: Any) -> Any:
    """Figures as decimal text; files may write them as numbers."""
    if isinstance(value, list):
        return [_in_text(each) for each in value]
    if not isinstance(value, dict):
        return value
    written = {}
    for name, each in value.items():
        number = name in _FIGURES and isinstance(each, int | float) and not isinstance(each, bool)
        written[name] = f"{Decimal(str(each)):f}" if number else _in_text(each)
    return written


def _check_prices(model: Model, shown: str, path: str) -> None:
    for n, price in enumerate(model.prices):
        place = f"{shown}.prices[{n}]"
        for inner in (price, *price.tiers, *price.variants, *(tier for variant in price.variants for tier in variant.tiers)):
            for figure in _FIGURES & set(inner.__struct_fields__):
                text = getattr(inner, figure)
                if text is not None and not re.fullmatch(r"\d{1,9}(?:\.\d{1,12})?", text):
                    raise UsageError("is no price", field=f"{place}.{figure} ({path})", allowed="USD per million tokens, as 1.25")
        days = [price.since, *(variant.since for variant in price.variants)]
        _check_days(days, f"{place}.since ({path})")
        _check_hours(price, f"{place}.hours ({path})")
    _check_days([model.retires] if model.retires else [], f"{shown}.retires ({path})")


def _check_days(days: list[str], field: str) -> None:
    from datetime import date

    for day in days:
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
                raise ValueError
            date.fromisoformat(day)
        except ValueError:
            raise UsageError("is no day", field=field, allowed="YYYY-MM-DD") from None


def _check_hours(price: Price, field: str) -> None:
    if any(not 0 <= start < end <= 24 for start, end in (*price.hours, *price.unknown_hours)):
        raise UsageError("are no hours of a day", field=field, allowed="[[from, until]] from 0 to 24, UTC")


def _told(message: str, shown: str, path: str) -> UsageError:
    """msgspec's complaint without what it quotes."""
    what, _, place = message.partition(" - at `$")
    field = f"{shown}{place.rstrip('`')} ({path})"
    if found := re.match(r"Object contains unknown field `(\w{1,40})`", what):
        return UsageError("unknown field", field=field, got=found[1])
    wanted = re.match(r"Expected (`[^`]*`)", what)
    return UsageError("has a value that cannot stand there", field=field, allowed=wanted[1].strip("`") if wanted else None)


def _unknown(field: str, known: tuple[str, ...], prefix: str, path: str) -> UsageError:
    from difflib import get_close_matches  # only for this message

    near = get_close_matches(field, known, 1)
    shown = field if re.fullmatch(r"\w{1,40}", field) else "…"
    return UsageError(
        "unknown field" + (f"; did you mean {near[0]}?" if near else ""),
        field=f"{prefix}{shown} ({path})",
        allowed=", ".join(known),
    )


def _table(value: object, place: str, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UsageError("must be a table of names and values", field=f"{place} ({path})", got=type(value).__name__)
    return value
