"""Thousands of asynchronous streams of one client at once: ``python -m tests.soak.many_tasks URL SECONDS STREAMS PACE SEED``.

Prints a line of JSON: what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Coroutine
from typing import Any

from tests.soak.asks import Ask, Draw, settings, without_breaker
from tests.soak.hearing import Hearing
from tests.soak.ledger import Ledger
from tests.soak.leftovers import Held, left, raise_descriptors
from tests.soak.watcher import Watcher
from trunkline import AsyncClient, AsyncStream

A_SECOND = 400
"""So many begin in a second, until there are enough."""
GRACE = 3.0
"""Seconds that streams have to end once the client is closed."""


class Run:
    """``streams`` slots, each with one stream at a time."""

    def __init__(self, url: str, seconds: float, streams: int, pace: float, seed: int) -> None:
        self.streams, self.pace, self.seed = streams, pace, seed
        self.ledger = Ledger()
        self.watcher = Watcher(self.ledger, seconds)
        self.client = AsyncClient("openai/soak", settings=settings(url), observers=[self.ledger])
        self.rough = self.client.with_options(**without_breaker())
        self.over = False
        self.most = self.now = 0
        self.closers: set[asyncio.Task[None]] = set()

    async def slot(self, number: int) -> None:
        draw = Draw(f"{self.seed}:{number}", self.pace)
        await asyncio.sleep(number / A_SECOND)
        while not self.over:
            ask = draw.ask(self.ledger.number())
            if ask.ending == "cancel":
                task = asyncio.create_task(self.read(ask))
                try:
                    await asyncio.wait((task,), timeout=ask.delay)
                finally:
                    task.cancel()
                await asyncio.wait((task,))
                del task  # and with it the frames that its cancellation came through
            else:
                await self.read(ask)

    async def read(self, ask: Ask) -> None:
        """One call from its beginning to its end."""
        hearing = Hearing(self.ledger, ask)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            stream = (self.client if ask.guarded else self.rough).stream(ask.prompt, **ask.options)
            if ask.ending == "abandon":
                async for event in stream:
                    if hearing.take(event):
                        break
            else:
                await self.hear(hearing, stream)
            hearing.ended(stream.response)
            if ask.tangled:
                hearing.knot = (hearing, stream)
        except asyncio.CancelledError:
            hearing.cut_short("cancel")
            raise
        except Exception as error:
            hearing.failed(error, self.over)
        finally:
            self.now -= 1

    async def hear(self, hearing: Hearing, stream: AsyncStream) -> None:
        later: asyncio.TimerHandle | None = None
        if hearing.ask.ending == "closed":

            def close() -> None:
                hearing.closed = True
                self.begin_close(stream.close())

            later = asyncio.get_running_loop().call_later(hearing.ask.delay, close)
        try:
            async with stream:
                async for event in stream:
                    if hearing.take(event):
                        break
        finally:
            if later is not None:
                later.cancel()

    def begin_close(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(closing)
        self.closers.add(task)
        task.add_done_callback(self.closers.discard)

    async def watch(self) -> None:
        await asyncio.sleep(self.streams / A_SECOND)
        self.watcher.begin()
        while not self.watcher.over:
            due = time.monotonic() + Watcher.EVERY
            await asyncio.sleep(Watcher.EVERY)
            self.watcher.look(due)

    async def whole(self) -> list[str]:
        """What is left at the end."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.ledger.complain(f"the loop was told: {context}"))
        before, tasks_before = Held(), asyncio.all_tasks()
        slots = [asyncio.create_task(self.slot(number)) for number in range(self.streams)]
        await self.watch()
        self.over = True
        self.ledger.post()
        for hanging in self.ledger.hanging():
            self.ledger.complain(hanging)
        await self.client.close()
        _, late = await asyncio.wait(slots, timeout=GRACE)
        for task in late:
            task.cancel()
        for task in slots:
            try:
                await task
            except asyncio.CancelledError:
                continue
            except BaseException as error:
                self.ledger.complain(f"a slot ended with {error!r}")
        await self.client.close()
        for _ in range(50):
            if len(asyncio.all_tasks()) == len(tasks_before):
                break
            await asyncio.sleep(0.02)
        kept = [f"task {task!r}" for task in asyncio.all_tasks() - tasks_before]
        await asyncio.sleep(0.1)
        return kept + left(before)


def main(url: str, seconds: float, streams: int, pace: float, seed: int) -> None:
    raise_descriptors(4 * streams + 1_000)
    before = Held()
    run = Run(url, seconds, streams, pace, seed)
    kept = asyncio.run(run.whole())
    kept += left(before)
    run.ledger.end(set())
    print(json.dumps({"most": run.most, "left": kept, **run.watcher.report(), **run.ledger.report()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
