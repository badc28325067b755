"""What was handed over and is not written yet: a bounded queue, and one thread that empties it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from typing import NamedTuple

from ..values.errors import StoreError
from .forks import Still

REST = 0.02
"""Seconds between two batches: the first record is written at once, and those that come meanwhile together."""
IDLE = 30.0
"""Seconds without work after which the thread ends; the next record starts another."""
PAUSES = (0.02, 0.5)
"""Seconds between two attempts to write: twice as many each time, from the first to the second."""
PATIENCE = 1.0
"""Seconds of trouble before it is told of: files are locked for moments all the time."""

_log = logging.getLogger("trunkline.stores")


class Order(NamedTuple):
    """One thing to be written: ``put, delete, append, clear`` or ``book``; a key, log or lease; when it ends or came, or how
    much; a value or record."""

    what: str
    name: str
    number: float | None = None
    data: bytes = b""


class Spool(Still):
    """Takes orders, never waiting for the disk; beyond ``most`` of them, or ``most_bytes``, the oldest are lost, and counted.

    ``write`` writes what waits: it takes it (``take``) and settles it (``settle``), one thread at a time. Raises ``StoreError``.
    """

    def __init__(self, place: str, write: Callable[[], None], most: int, most_bytes: int) -> None:
        super().__init__()
        self._place = place
        self._write = write
        self._most = most
        self._most_bytes = most_bytes
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self.dropped: int = 0
        """How many were lost so far."""
        self.added: int = 0
        """How many have come so far."""
        self._taken: deque[Order] = deque()
        self._waiting: deque[Order] = deque()
        self._bytes = 0
        """Of what waits."""
        self._thread: Thread | None = None
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._asleep = self._told_of_loss = self._told_of_trouble = False

    def add(self, order: Order) -> None:
        """One more, in order."""
        with self.lock:
            self._waiting.append(order)
            self.added += 1
            self._bytes += len(order.data)
            lost = self._drop()
            self._wake()
        self._tell_of_loss(lost)

    def take(self) -> Sequence[Order]:
        """All that waits, to be written now. ``settle`` it: a Ctrl-C finds it here or there, never nowhere."""
        with self.lock:
            self._taken, self._waiting, self._bytes = self._all(), deque(), 0
            return self._taken

    def settle(self, *, written: bool) -> None:
        """What was taken is kept now; or it could not be, and waits again, in its old place."""
        lost = False
        with self.lock:
            if written:
                self._taken = deque()
                self._told_of_loss = self._told_of_trouble = False
            else:
                self._bytes += sum(len(order.data) for order in self._taken)
                self._waiting, self._taken = self._all(), deque()
                lost = self._drop()
                self._wake()  # it was another thread's attempt, perhaps: ours saw nothing waiting
        self._tell_of_loss(lost)

    def pending(self) -> list[Order]:
        """All that is not written yet, in order."""
        with self.lock:
            return [*self._taken, *self._waiting]

    def left(self, added: int | None = None) -> int:
        """How many of the first ``added`` (None: of all) are not written yet; not above 0: none."""
        with self.lock:
            return len(self._taken) + len(self._waiting) - (0 if added is None else self.added - added)

    def close(self) -> None:
        """What is not written by now is lost, and counted; so is whatever comes later."""
        with self.lock:
            self._closed, self._told_of_loss = True, False
            lost = self._drop()
            self._wakes.put(None)
        self._tell_of_loss(lost)

    def let_go(self, *, child: bool) -> None:
        """In a child nothing waits: what was handed over is its parent's to write."""
        if child:
            self._begin()
        super().let_go(child=child)

    def _all(self) -> deque[Order]:
        return deque([*self._taken, *self._waiting]) if self._taken and self._waiting else self._taken or self._waiting

    def _drop(self) -> bool:
        """Makes the spool as small as it has to be; the newest stays, however large it is. Whether something is lost."""
        before = self.dropped
        while self._waiting and (self._closed or (len(self._waiting) > 1 and self._is_full())):
            self._bytes -= len(self._waiting.popleft().data)
            self.dropped += 1
        return self.dropped > before

    def _is_full(self) -> bool:
        return self._bytes > self._most_bytes or len(self._waiting) > self._most

    def _tell_of_loss(self, lost: bool) -> None:
        """One warning, until something could be written again."""
        with self.lock:
            told, self._told_of_loss = self._told_of_loss, self._told_of_loss or lost
        if lost and not told:
            why = "its store is closed" if self._closed else "too many wait, as nothing can be written"
            _log.warning("records for %s are lost, %d so far: %s", self._place, self.dropped, why)

    def _tell_of_trouble(self, error: Exception) -> None:
        with self.lock:
            told, self._told_of_trouble = self._told_of_trouble, True
        if not told:
            _log.warning("%s (%d records wait in memory)", error, self.left())

    def _wake(self) -> None:
        """Somebody is at work on what waits."""
        if self._asleep:
            self._asleep = False
            self._wakes.put(None)
        elif self._thread is None and not self._closed:
            self._start()

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="trunkline-store", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter ends, or the system has no thread left: whoever flushes or closes writes it
            self._thread = None

    def _run(self) -> None:
        pause, since = PAUSES[0], None
        try:
            while self._awaited():
                try:
                    self._write()
                    pause, since = PAUSES[0], None
                    time.sleep(REST)
                except StoreError as error:
                    since = since or time.monotonic()
                    if time.monotonic() >= since + PATIENCE:
                        self._tell_of_trouble(error)
                    time.sleep(pause)
                    pause = min(2 * pause, PAUSES[1])
        finally:
            with self.lock:
                if self._thread is current_thread():
                    self._thread = None

    def _awaited(self) -> bool:
        """Waits for work; where none comes the thread is nobody's any more, and has to end."""
        with self.lock:
            self._asleep, wakes = not self._waiting and not self._closed, self._wakes
        if self._asleep:
            with suppress(Empty):
                wakes.get(timeout=IDLE)
        with self.lock:
            self._asleep = False
            if self._waiting and not self._closed:
                return True
            self._thread = None
            return False
