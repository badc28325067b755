"""A provider that fails as the prompt says, in a process of its own: ``python -m tests.soak.rough_provider PACE SEED``.

Prints its address as soon as it listens, and ends with its standard input.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable

from tests.soak.faults import BY_THE_LINE, FAULTS, LINES, NONE, PIECES, SOUND, pieces
from tests.soak.leftovers import raise_descriptors
from trunkline.sim import Close, Cut, Fail, Garble, Pace, Raw, Reset, Rule, Say, Simulator, Stall, Step, StreamError
from trunkline.values.request import Request

REMEMBERED = 50_000

BEFORE: dict[str, tuple[Step, ...]] = {
    "reset": (Reset(),),
    "hangup": (Close(),),
    "s500": (Fail(500),),
    "s529": (Fail(529),),
    "s429": (Fail(429, retry_after=0),),
    "busy": (StreamError("overloaded"),),
    "silent": (Stall(),),
    "junk": (Raw(b"\x00\x01 this is no HTTP\r\n\r\n", status=None),),
    "spoilt": (Garble(),),
    "cut": (Cut(events=8),),
}
MIDST: dict[str, Step] = {
    "midreset": Reset(),
    "midclose": Close(),
    "midstall": Stall(),
    "midbusy": StreamError("overloaded"),
    "midspoilt": Garble(),
}


class Chosen:
    """What each request shall meet: worked out once, and asked by every rule. What happens ``once`` happens to a prompt's first
    request."""

    def __init__(self) -> None:
        self._request: Request | None = None
        self._fault: tuple[str, int] = (NONE, 0)
        self._seen: OrderedDict[str, None] = OrderedDict()

    def fault_of(self, request: Request) -> tuple[str, int]:
        if request is not self._request:
            self._request, self._fault = request, self._choose(request)
        return self._fault

    def _choose(self, request: Request) -> tuple[str, int]:
        text = request.messages[0].text
        number, fault, how, *_ = text.split()
        if fault == NONE or request.model.endswith(SOUND):
            return (NONE, 0)
        if how == "once":
            if text in self._seen:
                return (NONE, 0)
            self._seen[text] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return (fault, int(number) % LINES if fault in BY_THE_LINE else 0)


def rules() -> list[Rule]:
    """The sound one first, which answers nine of ten."""
    chosen = Chosen()

    def when(fault: str, line: int = 0) -> Callable[[Request], bool]:
        return lambda request: chosen.fault_of(request) == (fault, line)

    found = [Rule(when=when(NONE)), *(Rule(*BEFORE[fault], when=when(fault)) for fault in FAULTS if fault in BEFORE)]
    for fault, step in MIDST.items():
        for line in range(LINES):
            words = pieces(line)
            after = () if fault != "midspoilt" else (Say(words[PIECES // 2 :]),)
            found.append(Rule(Say(words[: PIECES // 2]), step, *after, when=when(fault, line)))
    return found


def main(pace: float, seed: int) -> None:
    raise_descriptors(16_384)
    tempo = Pace(first=min(0.3, 2 / pace), tokens_per_second=pace, jitter=0.5)
    with Simulator(rules(), pace=tempo, seed=seed, keep=0) as simulator:
        print(simulator.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
