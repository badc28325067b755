# noqa: INP001 - a program, not a package
"""Writes src/trunkline/providers/catalog.json from the price package and catalog.toml: the same input gives the same bytes.

    python tools/catalog.py [path of models.md]

Prices, context windows and further models are those of the data package ``genai-prices`` (whose version catalog.toml names);
limits, abilities, dates and quirks are catalog.toml's, each with its source. Where both say something of one thing, what
catalog.toml says counts: it is there because somebody looked it up. The sheet ``models.md`` is a check only: where it says
something else than the catalog, a line of docs/catalog-disagreements.md tells so.
"""

from __future__ import annotations

import re
import sys
import tomllib
from datetime import date, time
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from trunkline.providers.catalog import PLAIN, read
from trunkline.providers.table import TABLE
from trunkline.values.model import Model

HERE = Path(__file__).resolve().parent
SHEET = HERE.parents[1] / "shared" / "wire" / "models.md"
FACTS = HERE / "catalog.toml"
CATALOG = HERE.parent / "src" / "trunkline" / "providers" / "catalog.json"
REPORT = HERE.parent / "docs" / "catalog-disagreements.md"

TODAY = date(2026, 11, 20)  # the day of the sheet: its prices are compared with those of that day
ORDER = [*(row.name for row in TABLE), "voyage"]  # whose models have embeddings only, so that it has no row yet
ABILITIES = {
    "V": "vision", "A": "audio", "Vid": "video", "P": "pdf", "T": "tools", "R": "reasoning",
    "S": "structured_output", "W": "web_search", "C": "computer_use", "E": "embeddings",
}  # fmt: skip
FLAGS: dict[str, dict[str, Any]] = {
    "noSamp": {"no_sampling": True},
    "noPrefill": {"no_prefill": True},
    "think!": {"thinking": "always"},
    "noForce": {"no_forced_tool": True},
}
PRICES = {
    "input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "cache_read", "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h", "input_audio_mtok": "input_audio", "output_audio_mtok": "output_audio",
}  # fmt: skip
ELSEWHERE = {"web_searches_kcount", "storage_searches_kcount", "cache_audio_read_mtok"}  # what the price policy looks at itself
COPIED = ("max_output", "abilities", "quirks")

Row = dict[str, Any]
Rows = dict[str, Row]


def build(providers: Any, facts: str) -> bytes:
    """The catalog's bytes. ``providers``: the package's."""
    told = tomllib.loads(facts)
    rows: Rows = {}
    for name, line in told.get("models", {}).items():
        provider, _, model_id = name.partition("/")
        rows[name] = {"id": model_id, "provider": provider, **_described(line)}
    packaged(rows, providers, told)
    for fact in told.get("fact", ()):
        _lay(rows, fact)
    for like in told.get("like", ()):
        _copy(rows, like)
    return _written(rows)


def _written(rows: Rows) -> bytes:
    shelves: dict[str, list[bytes]] = {provider: [] for provider in ORDER}
    for name, row in rows.items():
        if row["provider"] not in shelves:
            raise SystemExit(f"{name}: there is no such provider")
        if row.get("aliases"):
            row["aliases"] = list(dict.fromkeys(alias for alias in row["aliases"] if alias != row["id"]))
        plain = {field: value for field, value in row.items() if value and field[0] != "_"}
        shelves[row["provider"]].append(_line(msgspec.convert(plain, Model)))
    written = [f'"{provider}":[\n'.encode() + b",\n".join(models) + b"\n]" for provider, models in shelves.items() if models]
    return b"{\n" + b",\n".join(written) + b"\n}\n"


def _line(model: Model) -> bytes:
    """A model as ``providers.catalog.read`` reads it: its provider is told above, and prices of ``PLAIN`` by their places."""
    row = msgspec.to_builtins(model)
    del row["provider"]
    if len(prices := row.get("prices", ())) == 1 and not prices[0].keys() - set(PLAIN):
        last = max(map(PLAIN.index, prices[0]))
        usd = [prices[0].get(name) for name in PLAIN[: last + 1]]
        row = {name: value for name, value in row.items() if name != "prices"} | {"usd": usd}
    return msgspec.json.encode(row)


# -- what catalog.toml says -------------------------------------------------------------------------------------------


def _described(line: Row) -> Row:
    row: Row = {field: line[field] for field in ("context", "max_output", "retires") if field in line}
    if "price" in line:
        row["prices"] = [dict(line["price"])]
    if "has" in line:
        words = line["has"].split()
        row["abilities"] = [*(() if "E" in words else ("text",)), *(ABILITIES[word] for word in words if word in ABILITIES)]
        quirks = {key: value for word in words if word not in ABILITIES for key, value in FLAGS[word].items()}
        if "R" not in words and "E" not in words:
            quirks["reasoning_style"] = "none"
        row["quirks"] = quirks
    return row


def _lay(rows: Rows, fact: Row) -> None:
    if fact.get("new"):
        for name in fact["models"]:
            provider, _, model_id = name.partition("/")
            rows.setdefault(name, {"id": model_id, "provider": provider})
    for pattern in fact["models"]:
        named = [name for name in rows if fnmatchcase(name, pattern)]
        if not named:
            raise SystemExit(f"{pattern}: catalog.toml speaks of a model that is not there ({fact['because']})")
        for name in named:
            _add(name, rows[name], fact)


def _add(name: str, row: Row, fact: Row) -> None:
    for field in ("retires", "successor", "abilities", "dialect", "max_output"):
        if field in fact:
            _once(row, field, fact[field], name)
    aliases = (alias.replace("{id}", row["id"]).replace("{lower}", row["id"].lower()) for alias in fact.get("aliases", ()))
    if not re.search(r"-20\d\d", row["id"]):  # a dated snapshot has no snapshots
        row.setdefault("aliases", []).extend(aliases)
    for field, value in fact.get("quirks", {}).items():
        _once(row.setdefault("quirks", {}), field, value, name)
    for price in row.get("prices", ()):
        for field, value in fact.get("price", {}).items():
            _once(price, field, value, name)
    if fact.get("doubtful_hours"):
        _doubt_hours(row)


def _doubt_hours(row: Row) -> None:
    """Prices of some hours become doubts about the price that holds all day."""
    for hourly in [price for price in row["prices"] if "hours" in price]:
        row["prices"].remove(hourly)
        for price in row["prices"]:
            if price.get("since", "") == hourly.get("since", ""):
                price["unknown_hours"] = sorted([*price.get("unknown_hours", ()), *hourly["hours"]])


def _once(record: Row, field: str, value: Any, name: str = "") -> None:
    if record.get(field, value) != value:
        raise SystemExit(f"{name} {field}: said twice, {record[field]!r} and {value!r}")
    record[field] = value


def _copy(rows: Rows, like: Row) -> None:
    for name, row in rows.items():
        if found := re.fullmatch(like["models"], name):
            other = rows.get(found.expand(like["as"]), {})
            row |= {field: other[field] for field in COPIED if other.get(field) and not row.get(field)}


# -- what the package says --------------------------------------------------------------------------------------------


def packaged(rows: Rows, providers: Any, told: Row) -> None:
    """Adds the package's prices and context windows to ``rows``, and the models that it alone knows and that are worth it."""
    skipped = [pattern for skip in told.get("skip", ()) for pattern in skip["models"]]
    known = {provider.id: provider for provider in providers}
    for theirs, ours in told["package"]["providers"].items():
        for model in known[theirs].models:
            model_id, aliases = _names(known[theirs], ours.get("prefix", "") + model.id)
            name = f"{ours['to']}/{model_id}"
            prices = _prices(model)
            if name not in rows:
                priced = all("input" in price and "output" in price for price in prices)
                if (
                    model.deprecated
                    or model.context_window is None
                    or not priced
                    or any(fnmatchcase(name, skip) for skip in skipped)
                ):
                    continue
                rows[name] = {"id": model_id, "provider": ours["to"]}
            row = rows[name]
            row.setdefault("aliases", []).extend(aliases)
            row.setdefault("prices", [price for price in prices if any(field in price for field in PRICES.values())])
            if model.context_window is not None:
                row.setdefault("context", model.context_window)


def _names(provider: Any, model_id: str) -> tuple[str, list[str]]:
    """Amazon's names begin with where they answer; the package has one model for all of a continent's prefixes."""
    if not model_id.startswith("regional."):
        return model_id, []
    bare = model_id.removeprefix("regional.")
    model = next(each for each in provider.models if each.id == model_id)
    found = [name for place in ("us.", "eu.", "apac.", "jp.", "au.", "") if provider.find_model(name := place + bare) is model]
    return (found[0], found[1:]) if found else (model_id, [])


def _prices(model: Any) -> list[Row]:
    """The package's prices as ours: the later of two has the say, as there."""
    if not isinstance(model.prices, list):
        return [_with_variants(model, model.prices, {}, None)]
    made: list[Row] = []
    since: date | None = None
    starts = [each.constraint.start_date for each in model.prices if hasattr(each.constraint, "start_date")]
    for each in model.prices:
        when: Row = {}
        if hasattr(each.constraint, "start_date"):
            since = each.constraint.start_date
        elif each.constraint is not None:
            when["hours"] = _hours(each.constraint.start_time, each.constraint.end_time)
        if since is not None:
            when["since"] = since.isoformat()
        until = min((start for start in starts if since is None or start > since), default=None)
        made.append(_with_variants(model, each.prices, when, until))
    return made


def _hours(start: time, end: time) -> list[list[int]]:
    """Whole hours; one that is begun counts as whole."""
    first, last = start.hour, end.hour + (end.minute > 0)
    return [[first, last]] if first < last else [[first, 24], *([[0, last]] if last else [])]


def _with_variants(model: Any, price: Any, when: Row, until: date | None) -> Row:
    row = {**when, **_fields(price)}
    variants = []
    for variant in model.price_variants or ():
        since = variant.constraint.start_date if variant.constraint is not None else None
        rate = variant.when.get("processing") or variant.when.get("service_tier") or variant.when.get("speed")
        if len(variant.when) > 1 or rate in (None, "default") or (until is not None and since is not None and until <= since):
            continue
        resolved = _fields(type(price)(**{**price.__dict__, **_said(variant.prices)}))
        resolved.pop("unknown_fee", None)  # the price itself says so
        factor = _factor(row, resolved)
        own = {"factor": factor} if factor else resolved
        variants.append({"rate": rate, **({"since": since.isoformat()} if since else {}), **own})
    return row | ({"variants": variants} if variants else {})


def _said(price: Any) -> Row:
    return {key: value for key, value in price.__dict__.items() if value is not None}


def _fields(price: Any) -> Row:
    """A price without its days and hours; tiers hold whatever holds in them, also what stays the same."""
    said = _said(price)
    row: Row = {"unknown_fee": True} if said.keys() - PRICES.keys() - ELSEWHERE else {}
    starts = {tier.start for value in said.values() if hasattr(value, "tiers") for tier in value.tiers}
    row |= {ours: _text(_at(said[key], 0)) for key, ours in PRICES.items() if key in said}
    if starts:
        row["tiers"] = [
            {"above": start, **{ours: _text(_at(said[key], start + 1)) for key, ours in PRICES.items() if key in said}}
            for start in sorted(starts)
        ]
    return row


def _at(value: Any, tokens: int) -> Decimal:
    if not hasattr(value, "tiers"):
        return Decimal(value)
    return next((tier.price for tier in sorted(value.tiers, key=lambda t: -t.start) if tokens > tier.start), value.base)


def _text(price: Decimal) -> str:
    return f"{price.normalize():f}"


def _factor(usual: Row, other: Row) -> str | None:
    """The one number that makes ``other`` of ``usual``, if there is one."""
    pairs = [(usual[field], other.get(field)) for field in PRICES.values() if field in usual]
    for tier, their in zip(usual.get("tiers", ()), other.get("tiers", ()), strict=False):
        pairs += [(tier[field], their.get(field)) for field in PRICES.values() if field in tier]
    if len(usual.get("tiers", ())) != len(other.get("tiers", ())) or any(theirs is None for _, theirs in pairs):
        return None
    ratios = {Decimal(theirs) / Decimal(ours) for ours, theirs in pairs if Decimal(ours)}
    return _text(ratios.pop()) if len(ratios) == 1 else None


# -- the check --------------------------------------------------------------------------------------------------------

SHEETS = {"x-ai": "xai", "google": "gemini", "moonshotai": "moonshot", "voyageai": "voyage", "aws": "bedrock"}


def disagreements(sheet: str, catalog: bytes) -> list[tuple[str, str, str, str]]:
    """Where the sheet says something else: model, what of it, the sheet's word, ours."""
    shelves = msgspec.json.decode(catalog, type=dict[str, msgspec.Raw])
    ours = {model.name: model for provider, part in shelves.items() for model in read(provider, part)}
    found = []
    for line in sheet.splitlines():
        if line.startswith("| `"):
            cells = re.split(r"\s*\|\s*", line.strip().strip("|").strip(" "))
            name = f"{SHEETS.get(cells[1], cells[1])}/{cells[0].strip('`')}"
            found += _differences(name, cells, ours.get(name))
    return found


def _differences(name: str, cells: list[str], model: Model | None) -> list[tuple[str, str, str, str]]:
    if model is None:
        return [(name, "model", "is there", "unknown")]
    begun = [price for price in model.prices if price.since <= TODAY.isoformat() and not price.hours]
    price = msgspec.to_builtins(max(begun, key=lambda each: each.since)) if begun else {}
    said = [("context", cells[2], model.context), ("output limit", cells[3], model.max_output)]
    said += zip(
        ("input", "output", "cache_read", "cache_write"),
        cells[4:8],
        map(price.get, ("input", "output", "cache_read", "cache_write")),
        strict=True,
    )
    said += [("retires", cells[9] if len(cells) > 9 else "", model.retires)]
    words = {ABILITIES[word] for word in cells[8].split() if word in ABILITIES}
    if cells[8] not in ("?", "—") and words != {*(model.abilities or ())} - {"text", "embeddings"}:
        said.append(("abilities", " ".join(sorted(words)), " ".join(sorted(model.abilities or ()))))
    rows = [(name, what, theirs.rstrip("†"), "—" if mine is None else str(mine)) for what, theirs, mine in said]
    return [row for row in rows if row[2].strip("—?") and not _same(row[2], row[3])]


def _same(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except ArithmeticError:
        return one == other or (one == "0" and other == "—")


def report(found: list[tuple[str, str, str, str]], version: str) -> str:
    lines = [f"| `{name}` | {what} | {theirs} | {mine} |" for name, what, theirs, mine in found]
    return (
        "# Where the catalog and the sheet of models disagree\n\n"
        f"Written by `tools/catalog.py` from genai-prices {version}, `tools/catalog.toml` and the protocol sheet models.md of\n"
        f"{TODAY}.\n\n"
        "Which counts: what `catalog.toml` says, with its source, before the package; prices and context windows of the package\n"
        "before those of the sheet. What neither says is unknown here, whatever the sheet says: a cost is exact, or not told.\n\n"
        "| model | what | the sheet | the catalog |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def main() -> None:
    import genai_prices
    from genai_prices.data import providers

    facts = FACTS.read_text(encoding="utf-8")
    version = tomllib.loads(facts)["package"]["version"]
    if genai_prices.__version__ != version:
        raise SystemExit(
            f"genai-prices {genai_prices.__version__} is installed; catalog.toml is about {version}: look it over first"
        )
    made = build(providers, facts)
    CATALOG.write_bytes(made)
    models = made.count(b'\n{"id"')
    sys.stdout.write(f"{CATALOG}: {models} models, {len(made)} bytes\n")
    sheet = Path(sys.argv[1]) if len(sys.argv) > 1 else SHEET
    if sheet.exists():
        found = disagreements(sheet.read_text(encoding="utf-8"), made)
        REPORT.write_text(report(found, version), encoding="utf-8")
        sys.stdout.write("".join(f"{name} {what}: {theirs} in the sheet, {mine} here\n" for name, what, theirs, mine in found))


if __name__ == "__main__":
    main()
