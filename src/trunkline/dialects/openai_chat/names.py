"""Names and ids that the wire takes only in its own alphabet: renamed, and the way back remembered."""

from __future__ import annotations

import hashlib
import re

from ..losses import Losses

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NINE = re.compile(r"[A-Za-z0-9]{9}")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NONE: dict[str, str] = {}


class Names:
    """Tool names and call ids of one request. ``tool_names`` and ``call_ids`` lead from the wire's to ours."""

    __slots__ = ("_losses", "_nine", "_taken", "_wire", "call_ids", "tool_names")

    def __init__(self, losses: Losses, *, nine: bool) -> None:
        self._losses, self._nine = losses, nine
        self._taken: set[str] = set()
        self._wire: dict[str, str] = {}
        self.tool_names: dict[str, str] = _NONE  # most requests rename nothing, and each open stream holds these
        self.call_ids: dict[str, str] = _NONE

    def reserve(self, names: list[str]) -> None:
        """Names that fit as they are: nothing is renamed to one of them."""
        self._taken.update(name for name in names if _NAME.fullmatch(name))

    def tool(self, name: str) -> str:
        """The wire's name of a tool: 1 to 64 of letters, digits, ``_`` and ``-``."""
        if _NAME.fullmatch(name):
            return name
        if (known := self._wire.get(name)) is not None:
            return known
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "tool"
        wire, n = stem, 1
        while wire in self._taken:
            n += 1
            wire = f"{stem[: 63 - len(str(n))]}_{n}"
        self._taken.add(wire)
        self._wire[name] = wire
        self.tool_names = {**self.tool_names, wire: name}
        self._losses.renamed("tools.name", "names of tools are 1 to 64 letters, digits, _ or - here")
        return wire

    def call(self, call_id: str) -> str:
        """The wire's id of a call: some want exactly nine letters or digits."""
        if not self._nine or _NINE.fullmatch(call_id):
            return call_id
        digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()
        wire = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:9])
        self.call_ids = {**self.call_ids, wire: call_id}
        self._losses.renamed("tool_call.id", "call ids are exactly nine letters or digits here")
        return wire
