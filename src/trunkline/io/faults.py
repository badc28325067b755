"""What the network does wrong, as errors of ours.

An error leaves this layer bare: no traceback below the exchange's own frame, no context, no cause. The frames that it
came through (ours and third parties') hold request bytes in their locals, and those hold the key.
"""

from __future__ import annotations

import errno
import socket
import sys
from typing import TypeVar

from ..ports import Deadlines
from ..values.errors import (
    ClosedByCallerError,
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    DeadlineError,
    DeadlinePhase,
    NameResolutionError,
    TlsError,
    TransportError,
    TransportPhase,
)

E = TypeVar("E", bound=BaseException)

_WHEN: dict[TransportPhase, str] = {
    "connect": "while connecting",
    "send": "while the request was being sent",
    "head": "before the reply began",
    "body": "in the middle of the reply",
}

SLOW_NAMES = "the host's name was looked up for too long"

_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}


def bare(error: E) -> E:
    """The same error without the frames, the context and the cause that it has gathered so far."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def late(deadlines: Deadlines, phase: DeadlinePhase, now: float) -> DeadlineError:
    """The error of the deadline that has passed: the whole call's if that is over, else the one of ``phase``."""
    if now >= deadlines.until:
        phase = "total"
    seconds: float = getattr(deadlines, phase)
    return DeadlineError(f"the {phase.replace('_', ' ')} deadline of {seconds:g} s passed", phase=phase, seconds=seconds)


def by_proxy(proxy: str, where: str, status: int) -> TransportError:
    """The proxy's own refusal. Nothing of its words is told: they can quote the password."""
    hint = "Check the user and password of the proxy" if status == 407 else None
    return TransportError(f"{proxy} would not connect to {where}: HTTP {status}", phase="connect", hint=hint)


def ended(phase: TransportPhase, sent: bool) -> ClosedByCallerError:
    """The error of a wait whose exchange was closed from elsewhere."""
    return ClosedByCallerError(f"the exchange was closed from elsewhere {_WHEN[phase]}", phase=phase, sent=sent)


def ended_waiting() -> ClosedByCallerError:
    """The error of whoever waited before anything was asked, when the client was closed."""
    return ClosedByCallerError("the client was closed while it waited", phase="connect", sent=False)


def no_reply(where: str, reused: bool) -> TransportError:
    """The other side closed the connection without a byte of reply."""
    what = "closed a connection that had been idle" if reused else "closed the connection"
    return TransportError(f"{where} {what} without a reply", phase="head", sent=True)


def of_os(error: BaseException, where: str, phase: TransportPhase, sent: bool) -> TransportError:
    """Which error of ours an ``OSError`` of a socket is (``ssl.SSLError`` and ``socket.gaierror`` are ones too)."""
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(error, ssl.SSLError):
        return of_tls(error, where, phase, sent)
    if isinstance(error, socket.gaierror):
        return NameResolutionError(f"the name of {where} could not be resolved ({error.strerror})", phase=phase, sent=sent)
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, ConnectionRefusedError) or code == errno.ECONNREFUSED:
        return ConnectionRefusedByHostError(f"nothing listens at {where}", phase=phase, sent=sent)
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)) or code in _RESET:
        return ConnectionResetByHostError(f"{where} reset the connection {_WHEN[phase]}", phase=phase, sent=sent)
    why = errno.errorcode.get(code, str(code)) if code is not None else type(error).__name__
    return TransportError(f"the connection to {where} failed {_WHEN[phase]} ({why})", phase=phase, sent=sent)


def of_tls(error: BaseException, where: str, phase: TransportPhase, sent: bool) -> TlsError:
    """OpenSSL's own words for it: they name certificates and protocols, never content."""
    words = getattr(error, "verify_message", None) or getattr(error, "reason", None) or type(error).__name__
    return TlsError(f"TLS with {where} failed {_WHEN[phase]}: {words}", phase=phase, sent=sent)
