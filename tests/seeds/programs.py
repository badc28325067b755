"""A program ``claude`` in a folder of its own: it prints the lines it is given, and writes down what it was asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.dialects.claude_cli.lines import INIT, RESULT, end, start, text

_PROGRAM = """#!{python}
import json, os, sys
said = [json.loads(line) for line in sys.stdin.read().splitlines()]
seen = {{"argv": sys.argv[1:], "said": said, "env": dict(os.environ)}}
with open({seen!r}, "a") as file:
    file.write(json.dumps(seen) + "\\n")
sys.stdout.write(open({lines!r}).read())
sys.exit({code})
"""


class Program:
    """``claude`` in ``folder``, which tests put on the PATH."""

    def __init__(self, folder: Path, *lines: dict[str, Any], code: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        self._seen = folder / "seen"
        (folder / "lines").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        names = {"python": sys.executable, "seen": str(self._seen), "lines": str(folder / "lines"), "code": code}
        (folder / "claude").write_text(_PROGRAM.format(**names), encoding="utf-8")
        (folder / "claude").chmod(0o755)

    @property
    def seen(self) -> list[dict[str, Any]]:
        """``argv, said, env`` of each run."""
        lines = self._seen.read_text(encoding="utf-8").splitlines() if self._seen.exists() else []
        return [json.loads(line) for line in lines]


def saying(folder: Path, *pieces: str) -> Program:
    """One that answers with these pieces."""
    result = {**RESULT, "result": "".join(pieces)}
    return Program(folder, INIT, start(), *text(*pieces), *end(), result)


def failing(folder: Path) -> Program:
    """One that nobody has logged in to."""
    result = {**RESULT, "subtype": "success", "is_error": True, "api_error_status": 401, "result": "Not logged in"}
    return Program(folder, INIT, result, code=1)
