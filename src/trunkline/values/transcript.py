"""A conversation as it is handed on: what was said, and what belongs to it."""

from __future__ import annotations

from decimal import Decimal

from .message import Message
from .response import Usage
from .value import Value


class Transcript(Value, frozen=True, kw_only=True, tag="transcript"):
    """A whole conversation. ``turns``: where in ``messages`` turns begin; ``pinned``: which of them are never left out.

    ``summary`` stands for the first ``summarized`` messages where those are left out. ``usage`` and ``cost`` (USD; None: not
    known) are of all answers.
    """

    messages: tuple[Message, ...]
    system: Message | None = None
    title: str | None = None
    turns: tuple[int, ...] = ()
    pinned: tuple[int, ...] = ()
    summary: Message | None = None
    summarized: int = 0
    usage: Usage = Usage()
    cost: Decimal | None = Decimal(0)
