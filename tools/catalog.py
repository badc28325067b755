# noqa: INP001 - a program, not a package
"""Writes src/trunkline/providers/catalog.json from the price sheet and catalog.toml: the same input gives the same bytes.

python tools/catalog.py [path of models.md]
"""

from __future__ import annotations

import re
import sys
import tomllib
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from trunkline.providers.table import is_provider
from trunkline.values.model import Model

HERE = Path(__file__).resolve().parent
SHEET = HERE.parents[1] / "shared" / "wire" / "models.md"
FACTS = HERE / "catalog.toml"
CATALOG = HERE.parent / "src" / "trunkline" / "providers" / "catalog.json"

NAMES = {"x-ai": "xai"}  # the sheet's name of a provider, where ours is another
ABSENT = {"", "—", "?"}
ABILITIES = {
    "V": "vision", "A": "audio", "Vid": "video", "P": "pdf", "T": "tools", "R": "reasoning",
    "S": "structured_output", "W": "web_search", "C": "computer_use",
}  # fmt: skip
FLAGS: dict[str, dict[str, Any]] = {
    "noSamp": {"no_sampling": True},
    "noPrefill": {"no_prefill": True},
    "think!": {"thinking": "always"},
    "noForce": {"no_forced_tool": True},
}
OPENAI_TIER = 272_000  # the sheet's legend: above it input and cache cost twice, output one and a half times as much

Row = dict[str, Any]


def build(sheet: str, facts: str) -> bytes:
    """The catalog's bytes."""
    rows = {f"{row['provider']}/{row['id']}": row for row in map(_read, _cells(sheet)) if is_provider(row["provider"])}
    for fact in tomllib.loads(facts)["fact"]:
        _lay(rows, fact)
    for name, row in rows.items():
        if row.pop("tiered", False) and not {"tiers", "unknown_above"} & row["prices"][0].keys():
            raise SystemExit(f"{name}: the sheet marks a price tier; catalog.toml has to say where it begins")
    models = [msgspec.convert({field: value for field, value in row.items() if value}, Model) for row in rows.values()]
    return b"[\n" + b",\n".join(msgspec.json.encode(model) for model in models) + b"\n]\n"


def _cells(sheet: str) -> list[list[str]]:
    return [re.split(r"\s*\|\s*", line.strip().strip("|").strip(" ")) for line in sheet.splitlines() if line.startswith("| `")]


def _read(cells: list[str]) -> Row:
    name, provider, context, output, *prices, caps = cells[:9]
    retires = cells[9] if len(cells) > 9 else ""
    row: Row = {"id": name.strip("`"), "provider": NAMES.get(provider, provider)}
    row |= {field: int(cell) for field, cell in (("context", context), ("max_output", output)) if cell not in ABSENT}
    row["tiered"] = any("†" in cell for cell in prices)
    row["prices"] = _prices(row, prices)
    if caps not in ABSENT:
        words = caps.split()
        row["abilities"] = ["text", *(ABILITIES[word] for word in words if word in ABILITIES)]
        quirks = {key: value for word in words if word not in ABILITIES for key, value in FLAGS[word].items()}
        row["quirks"] = quirks if "R" in words else quirks | {"reasoning_style": "none"}
    if retires not in ABSENT:
        row["retires"] = retires
    return row


def _prices(row: Row, cells: list[str]) -> list[Row]:
    fields = ("input", "output", "cache_read", "cache_write")
    price = {field: cell.rstrip("†") for field, cell in zip(fields, cells, strict=True) if cell not in ABSENT}
    if not price:
        return []
    if row["provider"] == "anthropic":
        price["cache_write_1h"] = _times(price["input"], "2")
    tiered: Row = {**price}
    if row["provider"] == "openai" and row["tiered"]:
        factors = {field: "1.5" if field == "output" else "2" for field in price}
        tiered["tiers"] = [{"above": OPENAI_TIER} | {field: _times(price[field], factor) for field, factor in factors.items()}]
    return [tiered]


def _times(price: str, factor: str) -> str:
    return f"{(Decimal(price) * Decimal(factor)).normalize():f}"


def _lay(rows: dict[str, Row], fact: Row) -> None:
    if fact.get("new"):
        for name in fact["models"]:
            provider, _, model_id = name.partition("/")
            _once(rows, name, {"id": model_id, "provider": provider})
    for pattern in fact["models"]:
        named = [name for name in rows if fnmatchcase(name, pattern)]
        if not named:
            raise SystemExit(f"{pattern}: catalog.toml speaks of a model that is not there ({fact['because']})")
        for name in named:
            _add(name, rows[name], fact)


def _add(name: str, row: Row, fact: Row) -> None:
    for field in ("retires", "successor", "abilities"):
        if field in fact:
            _once(row, field, fact[field], name)
    row.setdefault("aliases", []).extend(alias.replace("{id}", row["id"]) for alias in fact.get("aliases", ()))
    for field, value in fact.get("quirks", {}).items():
        _once(row.setdefault("quirks", {}), field, value, name)
    for field, value in fact.get("price", {}).items():
        _once(row["prices"][0], field, value, name)


def _once(record: Row, field: str, value: Any, name: str = "") -> None:
    if field in record:
        raise SystemExit(f"{name} {field}: said twice, {record[field]!r} and {value!r}")
    record[field] = value


def main() -> None:
    sheet = Path(sys.argv[1]) if len(sys.argv) > 1 else SHEET
    CATALOG.write_bytes(build(sheet.read_text(encoding="utf-8"), FACTS.read_text(encoding="utf-8")))
    sys.stdout.write(f"{CATALOG}: {len(CATALOG.read_bytes().splitlines()) - 2} models\n")


if __name__ == "__main__":
    main()
