"""Log records under ``trunkline``: silent by default, never a key, never a prompt or a reply."""

from __future__ import annotations

import logging
from threading import Lock

from ..ports import Settled, correlation_id
from ..values.errors import AuthenticationError, ProviderError
from ..values.response import Attempt

_log = logging.getLogger("trunkline")
_log.addHandler(logging.NullHandler())
_MOST_WARNINGS = 1_000
_REFUSED = AuthenticationError.__name__


class LogObserver:
    """Tells the log of attempts (debug; failed ones info; a key that was refused is a warning, whoever answers then), of ends
    (debug; failed ones info), and of each warning once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str]] = set()
        self._lock = Lock()

    def attempted(self, call_id: str, attempt: Attempt) -> None:
        refused = attempt.error == _REFUSED and attempt.asked
        level = logging.WARNING if refused else logging.INFO if attempt.error else logging.DEBUG
        if not _log.isEnabledFor(level):
            return
        _log.log(
            level,
            "call %s: %s/%s %s in %.3f s%s%s",
            call_id,
            attempt.provider,
            attempt.model,
            f"failed with {attempt.error}" if attempt.error else "answered",
            attempt.seconds,
            f" (HTTP {attempt.status}, request {_in_line(attempt.request_id)})" if attempt.status else "",
            f", correlation {correlation}" if (correlation := correlation_id.get()) else "",
        )

    def settled(self, settled: Settled) -> None:
        if settled.response is not None and settled.response.warnings:
            self._warn(settled)
        level = logging.INFO if settled.how == "error" else logging.DEBUG
        if not _log.isEnabledFor(level):
            return
        _log.log(
            level,
            "call %s: %s after %.3f s, %d attempts%s%s",
            settled.call_id,
            settled.how,
            settled.seconds,
            len(settled.attempts),
            f", {self._what(settled.error)}" if settled.error is not None else "",
            f", correlation {settled.correlation_id}" if settled.correlation_id else "",
        )

    @staticmethod
    def _what(error: BaseException) -> str:
        """The error without anybody's words: those can quote prompts."""
        status = f" (HTTP {error.status})" if isinstance(error, ProviderError) and error.status else ""
        return type(error).__name__ + status

    def _warn(self, settled: Settled) -> None:
        assert settled.response is not None
        for warning in settled.response.warnings:
            known = (f"{settled.provider}/{settled.model}", warning.field, warning.kind)
            with self._lock:
                if known in self._told or len(self._told) >= _MOST_WARNINGS:
                    continue
                self._told.add(known)
            _log.warning("%s: %s was %s: %s", *known[:3], warning.reason)


def _in_line(words: str | None) -> str:
    """What a provider named, short and without anything that could begin another line."""
    return "None" if words is None else words[:100] if words.isprintable() else ascii(words[:100])


def show(level: str) -> None:
    """Writes our log to standard error from ``level`` on (``TRUNKLINE_LOG``); ``off`` leaves it silent. Asked for again, it only
    moves the level."""
    if level == "off":
        return
    _log.setLevel(level.upper())
    if not any(getattr(handler, "trunkline", False) for handler in _log.handlers):
        handler = logging.StreamHandler()
        handler.trunkline = True  # type: ignore[attr-defined]
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        _log.addHandler(handler)
