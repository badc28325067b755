"""What encoding could not say, gathered once each."""

from __future__ import annotations

from typing import Literal

from ...values.response import Warning


class Losses:
    """Warnings in the order in which they first arose; the same one twice is one."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], None] = {}

    def dropped(self, field: str, reason: str) -> None:
        self._found["dropped", field, reason] = None

    def renamed(self, field: str, reason: str) -> None:
        self._found["renamed", field, reason] = None

    def approximated(self, field: str, reason: str) -> None:
        self._found["approximated", field, reason] = None

    def warnings(self) -> tuple[Warning, ...]:
        if not self._found:
            return ()
        return tuple(Warning(_kind(kind), field, reason) for kind, field, reason in self._found)


def _kind(kind: str) -> Literal["dropped", "renamed", "approximated"]:
    return "dropped" if kind == "dropped" else "renamed" if kind == "renamed" else "approximated"
