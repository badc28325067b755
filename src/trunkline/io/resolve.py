"""Names to addresses. A look-up cannot be interrupted, so each is made in a thread of its own, which is left behind when
nobody waits for it any more: a dead name server delays neither a deadline nor the end of the program."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

Address = tuple[int, Any]
"""Family and socket address."""
Answer = list[Address] | OSError


def numeric(host: str, port: int) -> list[Address] | None:
    """The address that ``host`` already is, or None for a name."""
    if not host[-1:].isdigit() and ":" not in host:
        return None
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None


def ask(host: str, port: int, answered: Callable[[Answer], None]) -> None:
    """Look the name up and call ``answered``, in the thread that does it."""

    def work() -> None:
        try:
            answer: Answer = _look_up(host, port, 0)
        except OSError as error:
            answer = error
        except UnicodeError:  # a label that is empty or too long
            answer = socket.gaierror(socket.EAI_NONAME, "not a host name")
        answered(answer)

    threading.Thread(target=work, name="trunkline-resolve", daemon=True).start()


def plain(answer: list[Address]) -> list[str]:
    """The addresses alone, each once."""
    return list(dict.fromkeys(str(where[0]) for _, where in answer))


def _look_up(host: str, port: int, flags: int) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(int(family), where) for family, _, _, _, where in infos]
