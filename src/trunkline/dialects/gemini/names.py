"""Names of functions as this protocol takes them, and the way back."""

from __future__ import annotations

import re

from ..losses import Losses

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}").fullmatch
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_.:-]")


class Names:
    """``wire`` leads from a name on the wire to ours, where the two differ; ``custom``: those of tools with plain input."""

    __slots__ = ("_losses", "_ours", "_taken", "custom", "wire")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._ours: dict[str, str] = {}
        self._taken: set[str] = set()
        self.wire: dict[str, str] = {}
        self.custom: tuple[str, ...] = ()

    def reserve(self, names: list[str]) -> None:
        """Names that fit as they are: nothing is renamed to one of them."""
        self._taken.update(name for name in names if _NAME(name))

    def of(self, name: str) -> str:
        """The wire's name: a letter or ``_``, then up to 127 letters, digits, ``_``, ``.``, ``:`` and ``-`` (gemini §5)."""
        if _NAME(name):
            return name
        if (known := self._ours.get(name)) is not None:
            return known
        stem = _NOT_IN_NAME.sub("_", name)[:120] or "tool"
        stem = stem if _NAME(stem) else f"_{stem}"
        wire, n = stem, 1
        while wire in self._taken:
            n += 1
            wire = f"{stem[:120]}_{n}"
        self._taken.add(wire)
        self._ours[name], self.wire[wire] = wire, name
        self._losses.renamed("tools.name", "a function's name is a letter or _, then letters, digits, _ . : and -, 128 in all")
        return wire
