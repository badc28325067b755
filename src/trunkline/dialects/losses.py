"""What encoding or decoding could not say, told once each."""

from __future__ import annotations

from typing import Literal

from ..values.response import Warning

LossKind = Literal["dropped", "renamed", "approximated"]


class Losses:
    """Gathers warnings in the order in which they first arose; the same one twice is one. ``warnings`` is one list that grows."""

    __slots__ = ("_told", "warnings")

    def __init__(self) -> None:
        self.warnings: list[Warning] = []
        self._told: set[tuple[LossKind, str, str]] = set()

    def _tell(self, kind: LossKind, field: str, reason: str) -> None:
        if (kind, field, reason) not in self._told:
            self._told.add((kind, field, reason))
            self.warnings.append(Warning(kind, field, reason))

    def dropped(self, field: str, reason: str) -> None:
        self._tell("dropped", field, reason)

    def renamed(self, field: str, reason: str) -> None:
        self._tell("renamed", field, reason)

    def approximated(self, field: str, reason: str) -> None:
        self._tell("approximated", field, reason)
