"""Where the command begins."""

from __future__ import annotations

INTERRUPTED = 130


def main() -> int:
    """As ``main.main``. Ctrl-C while that is still being loaded ends it as it does later, without a traceback."""
    try:
        from .main import main as command

        return command()
    except KeyboardInterrupt:
        return INTERRUPTED
