"""What is lost on the way to the wire, said once each."""

from __future__ import annotations

from typing import Literal

from ...values.response import Warning

LossKind = Literal["dropped", "renamed", "approximated"]


class Losses:
    """Collects warnings; one that was said already is not said again."""

    __slots__ = ("warnings",)

    def __init__(self) -> None:
        self.warnings: list[Warning] = []

    def _say(self, kind: LossKind, field: str, reason: str) -> None:
        warning = Warning(kind, field, reason)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def dropped(self, field: str, reason: str) -> None:
        self._say("dropped", field, reason)

    def renamed(self, field: str, reason: str) -> None:
        self._say("renamed", field, reason)

    def approximated(self, field: str, reason: str) -> None:
        self._say("approximated", field, reason)
