"""The code blocks of the four systems' documents, found by their heading where they lie, and run with the import root changed."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import CodeType
from typing import Any

FILES = {
    "A": "000_d378ebfc8a8e3a1f.txt",
    "A tasks": "001_54d6161ab4d2e554.txt",
    "B": "002_faef08588bcd7520.txt",
    "C": "003_1075d2efdfaf0b1a.txt",
    "D": "004_f461299e545893b9.txt",
}
ROOTS = {"A": "llm_communication", "B": "voice_assistant", "C": "personal_agent", "D": "core"}
_FENCE = re.compile(r"^```(\w*)\s*$")
_HEADING = re.compile(r"^#+\s+(.*?)\s*$")


class Documents:
    """The documents of a folder, block by block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def blocks(self, system: str, heading: str, language: str = "python") -> list[str]:
        """The blocks of ``language`` under the headings that begin with ``heading``, import root changed; at least one."""
        found: list[str] = []
        inside: str | None = None  # the language of the block that the line is in
        here, lines = "", list[str]()
        for line in (self._folder / FILES[system]).read_text(encoding="utf-8").splitlines():
            if (fence := _FENCE.match(line)) is not None:
                if inside == language and here.startswith(heading):
                    found.append(moved("\n".join(lines) + "\n", system))
                inside, lines = (None if inside is not None else fence[1]), []
            elif inside is not None:
                lines.append(line)
            elif (named := _HEADING.match(line)) is not None:
                here = named[1]
        assert found, f"no block under {heading!r} in {FILES[system]}"
        return found

    def block(self, system: str, heading: str, language: str = "python") -> str:
        """The first of them."""
        return self.blocks(system, heading, language)[0]


def moved(code: str, system: str) -> str:
    """``code`` with the system's import root replaced by its facade's."""
    return re.sub(rf"^(\s*from ){ROOTS[system]}\b", rf"\1trunkline.compat.{ROOTS[system]}", code, flags=re.MULTILINE)


def run(code: str, **names: Any) -> dict[str, Any]:
    """The names after ``code`` has run, with ``names`` given. An ``await`` at its top runs in an event loop of its own."""
    return asyncio.run(arun(code, **names))


async def arun(code: str, **names: Any) -> dict[str, Any]:
    """The same, in the event loop that runs."""
    space: dict[str, Any] = {"__name__": "block", **names}
    compiled: CodeType = compile(code, "<block>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    outcome = eval(compiled, space)
    if compiled.co_flags & inspect.CO_COROUTINE:
        await outcome
    return space
