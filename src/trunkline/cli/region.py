"""The last lines of the screen, drawn again and again while what stands there grows; everything above is printed for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, RLock, Thread
from time import monotonic

from rich.console import Console
from rich.control import Control
from rich.segment import ControlCode, ControlType, Segment, Segments

Lines = Sequence[Sequence[Segment]]
_FRAME = 1 / 12  # seconds


class Region:
    """Draws what ``lines()`` gives, twelve times a second at most, and no more of it than the screen has room for.

    One lock is held over every change and every write, so that nothing is drawn between the two. ``stop`` is owed.
    """

    def __init__(self, console: Console, lines: Callable[[], Lines]) -> None:
        self.lock: RLock = RLock()
        """Whoever changes what ``lines`` draws from holds it."""
        self._console = console
        self._lines = lines
        self._height = 0
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._console.show_cursor(False)
            self._thread = Thread(target=self._draw_on, daemon=True)
            self._thread.start()

    def print(self, lines: Lines) -> None:
        """Print ``lines`` for good, above the region."""
        with self.lock:
            self._write(lines, self._tail())

    def stop(self) -> None:
        """Draw no more, and leave nothing of the region."""
        self._stopped.set()
        if self._thread is None:
            return
        with self.lock:
            self._write((), ())
        self._thread.join()
        self._console.show_cursor(True)

    def _draw_on(self) -> None:
        pause = _FRAME
        while not self._stopped.wait(pause):
            with self.lock:
                if self._stopped.is_set():
                    return
                began = monotonic()
                self._write((), self._tail())
                pause = max(_FRAME, 4 * (monotonic() - began))  # long blocks take their time, and the answer comes first

    def _tail(self) -> Lines:
        """The last lines, as many as leave the screen some room: what is drawn again must not scroll away."""
        return () if self._stopped.is_set() else self._lines()[-max(self._console.height - 2, 1) :]

    def _write(self, above: Lines, region: Lines) -> None:
        """In one piece: erase the region, print what goes above it, draw it again."""
        pieces: list[Segment] = [self._erasing()]
        for line in above:
            pieces += [*line, Segment.line()]
        for n, line in enumerate(region):
            pieces += [Segment.line(), *line] if n else line
        self._height = len(region)
        self._console.print(Segments(pieces), end="", soft_wrap=True)

    def _erasing(self) -> Segment:
        codes: list[ControlCode] = []
        if self._height:
            erase: ControlCode = (ControlType.ERASE_IN_LINE, 2)
            codes = [(ControlType.CARRIAGE_RETURN,), erase, *((ControlType.CURSOR_UP, 1), erase) * (self._height - 1)]
        return Control(*codes).segment
