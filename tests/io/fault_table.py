"""The table of faults: what each must come to, with another target left and with none."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from tests.io import faulty
from tests.io.faulty import FAILURES, MIDST, Opened, proxied, raw, simulated
from trunkline import (
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    DeadlineError,
    MalformedResponseError,
    NameResolutionError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    Timeout,
    TlsError,
    TransportError,
    TruncatedBodyError,
)
from trunkline.sim import Close, Reset, Say

ANSWERED_WITHIN = 2.0
"""Seconds from a refusal, a failure or a connection that hangs until another target's answer begins; silence counts from the
user's own deadline on."""
RAISED_WITHIN = 1.0
"""Seconds from the last failure, or from the deadline, until the error is raised."""

Kind = Literal["blocking", "async"]
Shape = Literal["whole", "stream"]
Error = type[ProviderError]


class End(NamedTuple):
    """How a call ends: by an answer of the ``first`` target, the ``second``, ``one`` of them, or ``both`` (one carries on the
    other to the letter); or with an error of this class, raised from one of the class ``cause``."""

    by: Literal["first", "second", "one", "both", "error"]
    error: Error = ProviderError
    cause: Error | None = None

    def __str__(self) -> str:
        if self.by != "error":
            return {"one": "one of them answers", "both": "the second carries on"}.get(self.by, f"the {self.by} answers")
        return f"`{self.error.__name__}`" + (f" from `{self.cause.__name__}`" if self.cause else "")


SECOND, FIRST, ONE = End("second"), End("first"), End("one")


def interrupted(cause: Error) -> End:
    return End("error", StreamInterruptedError, cause)


class Situation(NamedTuple):
    """``whole`` and ``stream``: how each ends. ``deadline``: seconds that the user set and that run before anything is wrong:
    from the server's last word on; from the call's begin where ``from_begin``. ``most``: how often the first target may be
    asked. ``words`` of the prompt."""

    whole: End
    stream: End
    options: dict[str, Any] = {}
    deadline: float = 0.0
    from_begin: bool = False
    most: int = 2
    words: str = "hi"

    def end(self, shape: Shape) -> End:
        return self.whole if shape == "whole" else self.stream


class Fault(NamedTuple):
    """A row of the table. ``alone``: None where it is that of another row. ``calls``: so many in a row, for each of which the
    same holds."""

    name: str
    opened: Opened
    left: Situation
    alone: Situation | None
    calls: int = 1
    proxy: bool = False


def fails(error: Error, **more: Any) -> dict[str, Situation]:
    """Nothing has come: the second target answers; where there is none, this is raised."""
    alone = {"retries": 1, **more.pop("alone", {})}
    most = more.pop("most", 2)
    end = End("error", error)
    return {"left": Situation(SECOND, SECOND, most=most, **more), "alone": Situation(end, end, alone, **more)}


def breaks(whole: Error, cause: Error, alone: dict[str, Any], timeout: dict[str, Any] | None = None) -> dict[str, Situation]:
    """Something has come: a whole reply is had from the second target, a stream is never carried on in secret."""
    stream, options, deadline = interrupted(cause), timeout or {}, 0.3 if timeout else 0.0
    return {
        "left": Situation(SECOND, stream, options, deadline),
        "alone": Situation(End("error", whole), stream, {**alone, **options}, deadline),
    }


def carried_on(broken: dict[str, Situation], words: str = "hi") -> dict[str, Situation | None]:
    """The same where the user wants broken answers carried on by another target."""
    left, both = broken["left"], End("both")
    options = {**left.options, "on_interrupt": "continue"}
    return {"left": left._replace(whole=both, stream=both, options=options, words=words), "alone": None}


ONCE = {"retries": 0}
"""Where no server can tell when it failed last: the call's begin is the moment."""
LATE = End("error", DeadlineError)
RESET, CLOSED = ConnectionResetByHostError, TruncatedBodyError

SLOW = Situation(LATE, LATE, {"timeout": 0.3}, 0.3, from_begin=True)
DRIPPING = Situation(LATE, interrupted(DeadlineError), {"timeout": 0.6}, 0.6, from_begin=True)
ERRORS: dict[str, Error] = {"429": RateLimitError, "529": OverloadedError, "503": OverloadedError, "500": ServerError}


def _failing(name: str) -> Fault:
    """An error reply: one immediate retry at most while a target is left, and none of a rate limit."""
    error: Error = ERRORS.get(name[:3], ServerError)
    asked = {"most": 1} if error is RateLimitError else {}
    alone = {"timeout": 2.0} if "30 s" in name else {}  # the wait is beyond the deadline: it is not begun
    return Fault(name, simulated(*FAILURES[name]), **fails(error, alone=alone, **asked))


def _silent(name: str, opened: Opened, timeout: Timeout, deadline: float) -> Fault:
    """Nothing comes for as long as the user waits."""
    options = {"timeout": timeout}
    return Fault(
        name, opened, Situation(SECOND, SECOND, options, deadline), Situation(LATE, LATE, {**options, "retries": 1}, deadline)
    )


FAULTS = [
    Fault("refused connection", faulty.refused, **fails(ConnectionRefusedByHostError, alone=ONCE)),
    Fault(
        "connect hang",
        faulty.hanging,
        Situation(SECOND, SECOND, most=1),
        Situation(LATE, LATE, {"timeout": Timeout(connect=0.3), "retries": 0}, 0.3, from_begin=True),
    ),
    Fault("DNS failure", faulty.nameless, **fails(NameResolutionError, alone=ONCE)),
    Fault("TLS: a certificate of nobody", faulty.self_signed, **fails(TlsError, alone=ONCE)),
    Fault("TLS: plain HTTP there", faulty.not_tls, **fails(TlsError, alone=ONCE)),
    _silent("black hole, `first_byte=0.3`", raw(faulty.black_hole), Timeout(first_byte=0.3), 0.3),
    Fault(
        "black hole (proxy), `first_byte=0.3`, `timeout=0.4`",
        proxied("blackhole"),
        Situation(SECOND, SECOND, {"timeout": Timeout(first_byte=0.3)}, 0.3),
        Situation(LATE, LATE, {"timeout": 0.4}, 0.4, from_begin=True),
        proxy=True,
    ),
    Fault(
        "latency of 0.5 s (proxy)", proxied("latency", 0.5), Situation(FIRST, FIRST, words="briefly", most=1), SLOW, proxy=True
    ),
    Fault(
        "latency of 0.5 s (proxy), `first_byte=0.3`",
        proxied("latency", 0.5),
        Situation(SECOND, SECOND, {"timeout": Timeout(first_byte=0.3)}, 0.3),
        Situation(LATE, LATE, {"timeout": Timeout(first_byte=0.3), "retries": 0}, 0.3, from_begin=True),
        proxy=True,
    ),
    Fault("drip of 2 kB/s (proxy)", proxied("drip", 100), Situation(FIRST, FIRST, words="briefly", most=1), DRIPPING, proxy=True),
    Fault("reset before the head", raw(faulty.reset_before_head), **fails(RESET)),
    Fault("clean close before the head", raw(faulty.closed_before_head), **fails(TransportError)),
    Fault("clean close before the first event", raw(faulty.closed_before_first_event), **fails(CLOSED)),
    Fault(
        "end of the body before the first event",
        raw(faulty.ended_before_first_event),
        Situation(SECOND, SECOND),
        Situation(End("error", MalformedResponseError), End("error", StreamInterruptedError), {"retries": 1}),
    ),
    _silent("stall before the first event, `idle=0.3`", raw(faulty.stalled_before_first_event), Timeout(idle=0.3), 0.3),
    Fault("reset in the midst", simulated(Say("Hello wor"), Reset()), **breaks(RESET, RESET, {"retries": 1})),
    Fault("reset in the midst (proxy)", proxied("rst", MIDST), **breaks(RESET, RESET, ONCE), proxy=True),
    Fault("clean close in the midst", simulated(Say("Hello wor"), Close()), **breaks(CLOSED, CLOSED, {"retries": 1})),
    Fault("clean close in the midst (proxy)", proxied("fin", MIDST), **breaks(CLOSED, CLOSED, ONCE), proxy=True),
    Fault(
        "stall in the midst (proxy), `idle=0.3`",
        proxied("stall", MIDST),
        **breaks(DeadlineError, DeadlineError, ONCE, {"timeout": Timeout(idle=0.3)}),
        proxy=True,
    ),
    Fault(
        "reset in the midst, `continue`",
        simulated(Say(faulty.SECOND[:12]), Reset()),
        **carried_on(breaks(RESET, RESET, {"retries": 1})),
    ),
    Fault(
        "clean close in the midst (proxy), `continue`",
        proxied("fin", MIDST),
        **carried_on(breaks(CLOSED, CLOSED, ONCE), "together"),
        proxy=True,
    ),
    Fault(
        "stall in the midst (proxy), `idle=0.3`, `continue`",
        proxied("stall", MIDST),
        **carried_on(breaks(DeadlineError, DeadlineError, ONCE, {"timeout": Timeout(idle=0.3)}), "together"),
        proxy=True,
    ),
    *map(_failing, FAILURES),
    Fault(
        "half-dead: every second request gets a 503",
        simulated(*FAILURES["503"], every=2),
        Situation(ONE, ONE, most=6),
        Situation(FIRST, FIRST, {"retries": 1}, most=6),
        calls=3,
    ),
]
