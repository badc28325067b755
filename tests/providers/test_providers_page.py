"""``docs/providers.md`` lists the rows as they are."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from trunkline.providers import rows_clouds, rows_gateways, rows_hosts, rows_local, rows_makers
from trunkline.providers.provider import Provider

PAGE = ROOT / "docs" / "providers.md"
KINDS = {
    "makers": rows_makers, "hosts": rows_hosts, "gateways": rows_gateways, "clouds": rows_clouds, "servers": rows_local,
}  # fmt: skip


def line(row: Provider) -> str:
    """One row of the page: name, where its key lies, the dialects (the first is asked), what its address wants, where it is."""
    keys = ", ".join(f"`{variable}`" for variable in row.key_variables) or ("a chain" if row.chain else "none")
    dialects = ", ".join(row.dialects)
    wants = ", ".join(f"`{each.name}`{'' if each.default is None and not each.optional else '?'}" for each in row.parameters)
    return f"| `{row.name}` | {keys} | {dialects} | {wants} | {row.endpoints[0].url or 'yours'} |"


def test_the_page_lists_the_rows() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for kind, module in KINDS.items():
        found = re.search(rf"<!-- {kind} -->\n\n\|[^\n]*\n\|[-|]*\n(.*?)\n\n<!-- end -->", page, re.DOTALL)
        assert found
        assert found[1].splitlines() == [line(row) for row in module.ROWS if row.endpoints[0].command is None], kind
