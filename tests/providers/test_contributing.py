"""What CONTRIBUTING shows of providers and quirks is the code as it stands, and as short as it says."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from trunkline.providers.table import is_provider

DIFFS = re.findall(
    r"^```diff\n\+\+\+ b/(\S+)\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize(("path", "lines"), DIFFS, ids=[path for path, _ in DIFFS])
def test_a_diff_is_what_the_file_holds(path: str, lines: str) -> None:
    added = "".join(line.removeprefix("+") for line in lines.splitlines(keepends=True))
    assert added.strip()
    assert added in (ROOT / path).read_text(encoding="utf-8")


def test_a_provider_is_shown_in_three_to_six_lines() -> None:
    rows = [lines.splitlines() for path, lines in DIFFS if "providers/rows_" in path]
    assert len(rows) == 2
    for row in rows:
        assert 3 <= len(row) <= 6
        assert is_provider(re.findall(r'name="([^"]+)"', "".join(row))[0])


def test_a_quirk_is_shown_with_its_flag_its_branch_and_its_fixture() -> None:
    where = [path.split("/")[0:3] for path, _ in DIFFS if "providers/rows_" not in path]
    assert where == [["src", "trunkline", "values"], ["src", "trunkline", "dialects"], ["tests", "dialects", "openai_chat"]]
