"""What goes wrong in the streams of a long run, and what a caller may then be told. The prompt names it, and all that is said."""

from __future__ import annotations

from typing import NamedTuple

from trunkline import (
    ConnectionResetByHostError,
    DeadlineError,
    GarbledReplyError,
    MalformedResponseError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    TransportError,
    TruncatedBodyError,
)

NONE = "none"
SOUND = "soak-sound"
"""The model that never fails, whatever the prompt says."""
ROUGH = "soak-rough"
GUARDED = "soak-guarded"
"""Fails as the rough one does; its breaker is on."""
PIECES = 24
LINES = 16


class Fault(NamedTuple):
    """``midst``: after the first words, when nothing can be made good any more. ``passing``: the same request may succeed a little
    later, so that a client tries again."""

    errors: tuple[type[ProviderError], ...]
    midst: bool = False
    passing: bool = True


FAULTS: dict[str, Fault] = {
    "reset": Fault((ConnectionResetByHostError, TransportError)),
    "hangup": Fault((TruncatedBodyError, TransportError)),
    "s500": Fault((ServerError,)),
    "s529": Fault((OverloadedError, ServerError)),
    "s429": Fault((RateLimitError,)),
    "busy": Fault((OverloadedError,)),
    "silent": Fault((DeadlineError,)),
    "junk": Fault((GarbledReplyError,)),
    "spoilt": Fault((MalformedResponseError,), passing=False),
    "cut": Fault((StreamInterruptedError,), midst=True),
    "midreset": Fault((StreamInterruptedError,), midst=True),
    "midclose": Fault((StreamInterruptedError,), midst=True),
    "midstall": Fault((StreamInterruptedError,), midst=True),
    "midbusy": Fault((StreamInterruptedError,), midst=True),
    "midspoilt": Fault((StreamInterruptedError,), midst=True),
}
BY_THE_LINE = ("midreset", "midclose", "midstall", "midbusy", "midspoilt")
"""Those whose words are written down beforehand, a line of them by the number; all else says something that only it says."""


def prompt(number: int, fault: str, once: bool, padding: int) -> str:
    """What is asked: at most 60 letters, which the simulator's own brain repeats whole."""
    return f"{number} {fault} {'once' if once else 'always'} {'abcdefghijklmnopqrstuvwxyz'[:padding]}".strip()


def pieces(number: int) -> list[str]:
    """The words of one line."""
    return [f"{number % LINES}.{n} " for n in range(PIECES)]


def said(prompt: str, number: int, fault: str) -> tuple[str, str]:
    """The whole text of the answer where the fault happens, and where it does not."""
    sound = f'This is a simulated answer. You said: "{prompt}".'
    return ("".join(pieces(number)) if fault in BY_THE_LINE else sound), sound
