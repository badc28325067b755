"""What the frames of a Cohere stream may be, in two profiles: what we emit (strict) and what others get away with (lenient)."""

from __future__ import annotations

from collections.abc import Sequence

from ...wire.sse import Frame
from ..dialect import Context, Fault
from ..grammar import Automaton, Rule
from .grammar_lenient import LenientCohere
from .grammar_rules import RULES
from .grammar_strict import StrictCohere


class Grammar:
    """The grammar of one stream (see ``dialect.StreamGrammar``). No rule needs the context."""

    rules: tuple[Rule, ...] = RULES

    def __init__(self, *, strict: bool, context: Context | None = None) -> None:
        self._automaton: Automaton = StrictCohere() if strict else LenientCohere()

    def feed(self, frames: Sequence[Frame]) -> list[Fault]:
        """The faults of these frames."""
        return self._automaton.feed(frames)

    def finish(self) -> list[Fault]:
        """The stream has ended: what it still owed."""
        return self._automaton.finish()
