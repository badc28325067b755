"""What the lines of a stream may be, in two profiles: what we emit (strict) and what others get away with (lenient)."""

from __future__ import annotations

from collections.abc import Sequence

from ...wire.sse import Frame
from ..dialect import Context, Fault
from ..grammar import Automaton, Rule
from .grammar_lenient import LenientOllama
from .grammar_rules import RULES
from .grammar_strict import StrictOllama


class Grammar:
    """The grammar of one stream (see ``dialect.StreamGrammar``)."""

    rules: tuple[Rule, ...] = RULES

    def __init__(self, *, strict: bool, context: Context | None = None) -> None:
        self._automaton: Automaton = StrictOllama() if strict else LenientOllama()

    def feed(self, frames: Sequence[Frame]) -> list[Fault]:
        """The faults of these frames."""
        return self._automaton.feed(frames)

    def finish(self) -> list[Fault]:
        """The stream has ended: what it still owed."""
        return self._automaton.finish()
