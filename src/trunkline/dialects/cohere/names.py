"""Names of tools, which the wire takes only in its own alphabet: renamed, and the way back remembered."""

from __future__ import annotations

import re

from ..losses import Losses

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}").fullmatch
_OTHERS = re.compile(r"[^A-Za-z0-9_]")


class Names:
    """Names of one request. ``wire`` leads from the wire's to ours; ``custom`` are those of tools with plain input."""

    __slots__ = ("_losses", "_ours", "_taken", "custom", "wire")

    def __init__(self, losses: Losses, reserved: list[str]) -> None:
        self._losses = losses
        self._ours: dict[str, str] = {}
        self._taken = {name for name in reserved if _NAME(name)}
        self.wire: dict[str, str] = {}
        self.custom: tuple[str, ...] = ()

    def of(self, name: str) -> str:
        """The wire's name of a tool: letters, digits and ``_``, and no digit first."""
        if _NAME(name):
            return name
        if (known := self._ours.get(name)) is not None:
            return known
        stem = _OTHERS.sub("_", name)[:120] or "tool"
        stem = f"_{stem}" if stem[0].isdigit() else stem
        wire, n = stem, 1
        while wire in self._taken:
            n += 1
            wire = f"{stem}_{n}"
        self._taken.add(wire)
        self._ours[name], self.wire[wire] = wire, name
        self._losses.renamed("tools.name", "a tool's name is made of letters, digits and _ here, and begins with no digit")
        return wire
