"""Names and ids that the wire takes only in its own alphabet and length: renamed, and the way back remembered."""

from __future__ import annotations

import hashlib
import re

from ..losses import Losses

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_LONGEST_ID = 64
_NONE: dict[str, str] = {}


class Names:
    """Tool names and call ids of one request. ``tool_names`` and ``call_ids`` lead from the wire's to ours."""

    __slots__ = ("_losses", "_numbers", "_taken", "_wire", "call_ids", "tool_names")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}  # the last that was put behind each name
        self._wire: dict[str, str] = {}
        self.tool_names: dict[str, str] = _NONE  # most requests rename nothing, and each open stream holds these: one for all
        self.call_ids: dict[str, str] = _NONE

    def reserve(self, names: list[str]) -> None:
        """Names that fit as they are: nothing is renamed to one of them."""
        self._taken.update(name for name in names if _NAME(name))

    def tool(self, name: str) -> str:
        """The wire's name of a tool: 1 to 64 of letters, digits, ``_`` and ``-``."""
        if _NAME(name):
            return name
        if (known := self._wire.get(name)) is not None:
            return known
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "tool"
        wire, n = stem, self._numbers.get(stem, 1)
        while wire in self._taken:
            n += 1
            wire = f"{stem[: 63 - len(str(n))]}_{n}"
        self._numbers[stem] = n
        self._taken.add(wire)
        self._wire[name] = wire
        if self.tool_names is _NONE:
            self.tool_names = {}
        self.tool_names[wire] = name
        self._losses.renamed("tools.name", "names of tools are 1 to 64 letters, digits, _ or - here")
        return wire

    def call(self, call_id: str) -> str:
        """The wire's id of a call: of at most 64 characters."""
        if len(call_id) <= _LONGEST_ID:
            return call_id
        wire = "call_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        if self.call_ids is _NONE:
            self.call_ids = {}
        self.call_ids[wire] = call_id
        self._losses.renamed("tool_call.id", f"call ids have at most {_LONGEST_ID} characters here")
        return wire
