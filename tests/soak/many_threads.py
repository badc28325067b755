"""Hundreds of threads that read blocking streams of one client: ``python -m tests.soak.many_threads URL SECONDS THREADS PACE SEED``.

The main thread is one of them. Once it reads (``ready``) it may be sent SIGINT at any time: each is answered with a line (``.``), that
after the time is up with ``over``. Then comes a line of JSON: what came of it.
"""

from __future__ import annotations

import heapq
import itertools
import json
import queue
import sys
import threading
import time

from tests.soak.asks import Ask, Draw, settings, without_breaker
from tests.soak.hearing import Hearing
from tests.soak.ledger import Ledger
from tests.soak.leftovers import Held, left, raise_descriptors
from tests.soak.watcher import Watcher
from trunkline import Client, Stream

GRACE = 30.0
"""Seconds that threads have to end once the client is closed."""
FOREVER = 3_600.0


class Meddler(threading.Thread):
    """Closes streams that others read."""

    def __init__(self) -> None:
        super().__init__(name="meddler")
        self._coming: queue.SimpleQueue[tuple[float, int, Stream, Hearing] | None] = queue.SimpleQueue()
        self._numbers = itertools.count()

    def close_later(self, stream: Stream, hearing: Hearing) -> None:
        self._coming.put((time.monotonic() + hearing.ask.delay, next(self._numbers), stream, hearing))

    def end(self) -> None:
        self._coming.put(None)
        self.join()

    def run(self) -> None:
        due: list[tuple[float, int, Stream, Hearing]] = []
        while True:
            try:
                coming = self._coming.get(timeout=max(0.0, due[0][0] - time.monotonic()) if due else FOREVER)
            except queue.Empty:
                _, _, stream, hearing = heapq.heappop(due)
                hearing.closed = True
                stream.close()
                del stream, hearing
                continue
            if coming is None:
                return
            heapq.heappush(due, coming)
            del coming


class Run:
    """``threads`` readers, the main thread among them, and those that look after them."""

    def __init__(self, url: str, seconds: float, threads: int, pace: float, seed: int) -> None:
        self.pace, self.seed = pace, seed
        self.ledger = Ledger()
        self.watcher = Watcher(self.ledger, seconds)
        self.client = Client("openai/soak", settings=settings(url), observers=[self.ledger])
        self.rough = self.client.with_options(**without_breaker())
        self.over = self.reads = False
        self.interrupts = 0
        self.mine: set[int] = set()
        """The numbers of the main thread's calls."""
        self.meddler = Meddler()
        self.readers = [threading.Thread(target=self.reader, args=(n,), name=f"reader {n}") for n in range(1, threads)]
        self.lookout = threading.Thread(target=self.watch, name="lookout")

    def reader(self, number: int) -> None:
        draw = Draw(f"{self.seed}:{number}", self.pace)
        while not self.over:
            self.read(draw.ask(self.ledger.number()))

    def main_reader(self) -> None:
        """Reads until the first Ctrl-C after the time is up. What it does about one takes no step in which it would let other
        threads go first: the next may come."""
        draw = Draw(f"{self.seed}:main", self.pace)
        while True:
            try:
                self.reads = True
                ask = draw.ask(self.ledger.number())
                self.mine.add(ask.number)
                self.read(ask)
            except KeyboardInterrupt:
                self.interrupts += 1
                if self.watcher.over:
                    return

    def read(self, ask: Ask) -> None:
        """One call from its beginning to its end."""
        if ask.ending == "cancel":  # threads are not cancelled
            ask.ending = "closed"
        hearing = Hearing(self.ledger, ask)
        try:
            stream = (self.client if ask.guarded else self.rough).stream(ask.prompt, **ask.options)
            if ask.ending == "abandon":
                for event in stream:
                    if hearing.take(event):
                        break
            else:
                self.hear(hearing, stream)
            hearing.ended(stream.response)
            if ask.tangled:
                hearing.knot = (hearing, stream)
        except KeyboardInterrupt:
            hearing.cut_short("interrupt")
            raise
        except Exception as error:
            hearing.failed(error, self.over)

    def hear(self, hearing: Hearing, stream: Stream) -> None:
        if hearing.ask.ending == "closed":
            self.meddler.close_later(stream, hearing)
        with stream:
            for event in stream:
                if hearing.take(event):
                    break

    def watch(self) -> None:
        """Measures, and answers for the main thread."""
        answered, said = 0, False
        while not self.over:
            due = time.monotonic() + Watcher.EVERY
            time.sleep(Watcher.EVERY)
            self.watcher.look(due)
            if self.reads and not said:
                said = True
                print("ready", flush=True)
            while answered < self.interrupts + self.watcher.interrupts_lost and not self.over:
                answered += 1
                print(".", flush=True)

    def whole(self) -> list[str]:
        """What is left at the end."""
        before = Held()
        self.meddler.start()
        for reader in self.readers:
            reader.start()
        self.watcher.begin()
        self.lookout.start()
        self.main_reader()
        self.over = True
        print("over", flush=True)
        self.lookout.join()
        self.ledger.post()
        for hanging in self.ledger.hanging():
            self.ledger.complain(hanging)
        self.client.close()
        until = time.monotonic() + GRACE
        for reader in self.readers:
            reader.join(max(0.0, until - time.monotonic()))
        self.meddler.end()
        self.client.close()
        return left(before)


def main(url: str, seconds: float, threads: int, pace: float, seed: int) -> None:
    raise_descriptors(4 * threads + 1_000)
    run = Run(url, seconds, threads, pace, seed)
    kept = run.whole()
    run.ledger.end(run.mine)
    figures = {"most": len(run.readers) + 1, "interrupts": run.interrupts, "left": kept}
    print(json.dumps({**figures, **run.watcher.report(), **run.ledger.report()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
