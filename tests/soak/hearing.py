"""What the caller of one stream hears, and how he sees it end."""

from __future__ import annotations

from tests.soak.asks import Ask
from tests.soak.ledger import Ledger
from trunkline import Response, StreamInterruptedError, TextDelta, TransportError, TrunklineError
from trunkline.values.events import Event


class Hearing:
    """One call as its caller sees it. ``closed``: it is being closed from elsewhere."""

    def __init__(self, ledger: Ledger, ask: Ask) -> None:
        self.ask = ask
        self.closed = False
        self.left = False
        self.knot: object = None
        self._ledger = ledger
        self._heard: list[str] = []
        self._events = 0
        self._began = ledger.begin(ask)

    def take(self, event: Event) -> bool:
        """Whether the caller has heard enough."""
        if type(event) is TextDelta:
            self._heard.append(event.text)
        self._events += 1
        self.left = self.ask.ending in ("close", "abandon") and self._events >= self.ask.after
        return self.left

    def ended(self, response: Response) -> None:
        """Without an error."""
        outcome = "end"
        if self.left:
            outcome = self.ask.ending
        elif self.closed:
            outcome = "closed"
        self._finish(outcome, response, None)

    def cut_short(self, outcome: str) -> None:
        """By a cancellation or a Ctrl-C."""
        self._finish(outcome, None, None)

    def failed(self, error: Exception, over: bool) -> None:
        """``over``: the client is closed, and its streams with it."""
        if not isinstance(error, TrunklineError):
            self._ledger.complain(f"not ours: {error!r}")
        outcome = "error"
        if over and isinstance(error, StreamInterruptedError | TransportError):
            outcome = "shut"
        elif self.closed and isinstance(error, TrunklineError):
            outcome = "closed"
        self._finish(outcome, None, error)

    def _finish(self, outcome: str, response: Response | None, error: Exception | None) -> None:
        complaint = self.ask.complaints(outcome, "".join(self._heard), response, error)
        self._ledger.finish(self.ask, outcome, self._began, complaint)
