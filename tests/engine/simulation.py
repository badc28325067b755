"""One scenario, drawn from its seed: a client family, its providers with their hidden troubles, and many calls over minutes of virtual
time. ``python -m tests.engine.simulation async 4711`` plays one alone and tells what happened."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter

from tests.engine.simulated.callers import Caller, plans
from tests.engine.simulated.world import Family, Sky

CALLS = (1, 2, 3, 4, 5, 6, 8, 10, 14)
MANY = (25, 40, 60)


class Scenario:
    """``run`` it, then ask ``faults``."""

    def __init__(self, seed: int, port: str) -> None:
        self.seed, self.port = seed, port
        self.blocking = port == "blocking"
        chance = self.chance = random.Random(seed)
        self.hedges = chance.random() < 0.3
        self.lasts = chance.choice((5.0, 60.0, 300.0))
        self.io = Sky(chance, blocking=self.blocking)
        self.began = self.io.now()
        self.family = Family(self.io, chance, self.lasts, hedges=self.hedges)
        routes = plans(chance, self.family.leads)
        count = chance.choice(MANY) if chance.random() < 0.04 else chance.choice(CALLS)
        together = chance.random() < 0.4
        starts = sorted(chance.choice((0.0, 0.5)) if together else chance.uniform(0.0, self.lasts) for _ in range(count))
        self.callers = [
            Caller(n, chance, at, chance.choice(routes), self.family, hedges=self.hedges) for n, at in enumerate(starts)
        ]
        self.tasks_left = 0
        self.strict = not (self.hedges and self.blocking)
        """Time does not go back, as it does where branches run one after another."""

    def run(self) -> None:
        if self.blocking:
            self.io.run(self._one_by_one())
        else:
            self.io.run(self._at_once())

    async def _one_by_one(self) -> None:
        io, began = self.io, self.io.now()
        for caller in self.callers:
            io.clock.until(began + caller.at)
            first = io.turns
            if caller.manner in ("cancel", "abort"):
                io.meanwhile = lambda turn, caller=caller, first=first: turn >= first + caller.turn and caller.meddle(_interrupt)
            await caller.run(io)
            io.meanwhile = None

    async def _at_once(self) -> None:
        loop, began = asyncio.get_running_loop(), self.io.now()

        async def start(caller: Caller) -> None:
            await self.io.wait_until(began + caller.at)
            task = asyncio.current_task()
            assert task is not None
            timer = loop.call_later(caller.when, caller.meddle, task.cancel) if caller.manner in ("cancel", "abort") else None
            try:
                await caller.run(self.io)
            finally:
                if timer is not None:
                    timer.cancel()

        await asyncio.gather(*(start(caller) for caller in self.callers))
        self.tasks_left = len(asyncio.all_tasks()) - 1

    @property
    def meddled(self) -> int:
        """So many were ended from elsewhere, and may have been between their leave and their request."""
        return sum(caller.meddled for caller in self.callers)

    @property
    def command(self) -> str:
        return f"python -m tests.engine.simulation {self.port} {self.seed}"


def _interrupt() -> None:
    raise KeyboardInterrupt


def play(seed: int, port: str) -> Scenario:
    """The scenario, played. Whatever is wrong is an ``AssertionError`` with the command that plays it again."""
    from tests.engine.simulated.checks import check

    scenario = Scenario(seed, port)
    try:
        scenario.run()
        check(scenario)
    except Exception as wrong:
        raise AssertionError(f"{wrong or type(wrong).__name__}; again: {scenario.command}") from wrong
    return scenario


def story(scenario: Scenario) -> str:
    """What happened, call by call."""
    lines = []
    for caller in scenario.callers:
        ends = ", ".join(end.how for end in caller.ends)
        lines.append(
            f"call {caller.number} at {caller.began:.3f}, {caller.manner}, {caller.nature}, retries {caller.retries}, total {caller.total}, hedge {caller.call.hedge}, carries on {caller.call.carries_on}: {ends} at {caller.ended:.3f} {caller.error!r} {caller.told!r}"
        )
        lines += [f"    {attempt!r}" for attempt in caller.attempts]
        lines += [
            f"    {talk.number}: {talk.wire!r} {talk.asked.host} {talk.asked.key} {talk.sent:.3f}..{talk.shut:.3f} {talk.spoken.kind} {talk.text!r} {talk.spoken.headers}"
            for talk in scenario.io.talks
            if talk.asked.number == caller.number
        ]
    return "\n".join(lines)


def main(port: str, first: int, last: int | None = None) -> None:
    """Plays one and tells it, or many and tells which went wrong."""
    if last is None:
        scenario = Scenario(first, port)
        from tests.engine.simulated.checks import check

        try:
            scenario.run()
        finally:
            print(story(scenario))
        check(scenario)
        return
    wrong: Counter[str] = Counter()
    for seed in range(first, last):
        try:
            play(seed, port)
        except AssertionError as error:
            text = str(error)
            wrong[text.partition(":")[0][:60]] += 1
            if wrong[text.partition(":")[0][:60]] <= 3:
                print(text[:300])
    print(dict(wrong))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
