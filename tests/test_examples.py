"""The demo runs as ``make demo`` runs it, and shows what it promises within 80 columns."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_demo_shows_what_it_promises(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "demo.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout
    assert "written by hand" in shown.splitlines()[0]
    assert "so blue light reaches us from all over the sky." in shown  # streamed
    assert 'get_weather({"city": "Paris"}) -> Paris: 21 degrees, sunny' in shown
    assert re.search(r"try: OverloadedError \(HTTP 503\)\n  try after 0\.4\d s: answered \(HTTP 200\)", shown)
    table = [line for line in shown.splitlines() if re.match(r"streamed answer|tool call|overloaded at|together", line)]
    assert len(table) == 5
    assert max(map(len, table)) <= 80
    *costs, together = [Decimal(line.rsplit(" ", 1)[1]) for line in table]
    assert all(cost > 0 for cost in costs)
    assert sum(costs) == together
