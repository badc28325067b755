"""Where the command begins."""

from __future__ import annotations

import signal
from typing import NoReturn

INTERRUPTED, TERMINATED = 130, 143


def main() -> int:
    """As ``main.main``. Ctrl-C while that is still being loaded ends it as it does later, without a traceback; and SIGTERM leaves
    the terminal as it was: cursor, echo."""
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _end)
        from .main import main as command

        return command()
    except KeyboardInterrupt:
        return INTERRUPTED


def _end(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)
