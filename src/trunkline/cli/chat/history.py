"""The questions of earlier chats, in a file that only the user can read; and where the chats themselves are."""

from __future__ import annotations

import os
from pathlib import Path

from ...values.secret import mask_keys

KEPT = 1000
"""The newest so many questions are offered again; a file of twice as many is shortened to them."""


def history_file(environ: dict[str, str]) -> Path | None:
    """``$XDG_STATE_HOME/trunkline/history`` (``~/.local/state``; ``%LOCALAPPDATA%`` on Windows); None without a home."""
    return _place(environ, "XDG_STATE_HOME", "state", "history")


def chats_file(environ: dict[str, str]) -> Path | None:
    """``$XDG_DATA_HOME/trunkline/chats.db`` (``~/.local/share``; ``%LOCALAPPDATA%`` on Windows); None without a home."""
    return _place(environ, "XDG_DATA_HOME", "share", "chats.db")


def _place(environ: dict[str, str], variable: str, folder: str, name: str) -> Path | None:
    if os.name == "nt":
        base = environ.get("LOCALAPPDATA", "")
        return Path(base, "trunkline", name) if base else None
    base = environ.get(variable, "")
    if not Path(base).is_absolute():  # the XDG specification: a relative path is to be ignored
        home = environ.get("HOME", "")
        if not Path(home).is_absolute():
            return None
        base = str(Path(home, ".local", folder))
    return Path(base, "trunkline", name)


class History:
    """One question a line, line ends and backslashes escaped, anything like a key masked. Errors are told once, by ``problem``:
    a chat does not end for want of its history."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.problem: str | None = None

    def read(self) -> list[str]:
        """The oldest first."""
        if self._file is None or not self._file.is_file():
            return []
        try:
            text = self._file.read_bytes().decode("utf-8", "replace")
            lines = [line for line in text.split("\n") if line]  # splitlines() would split at what may stand in a question, too
            if len(lines) > 2 * KEPT:
                self._replace(lines[-KEPT:])
        except OSError as error:
            self._failed(error)
            return []
        return [_unescaped(line) for line in lines[-KEPT:]]

    def add(self, text: str) -> None:
        if self._file is None or not text.strip():
            return
        line = f"{_escaped(mask_keys(text))}\n".encode("utf-8", "replace")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._file, "ab", opener=_private) as file:
                file.write(line)
        except OSError as error:
            self._failed(error)

    def _replace(self, lines: list[str]) -> None:
        assert self._file is not None
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with open(new, "wb", opener=_private) as file:
            file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
        new.replace(self._file)

    def _failed(self, error: OSError) -> None:
        self.problem = f"{self._file} cannot be used for the history ({error.strerror or type(error).__name__})"
        self._file = None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o600)  # a pipe that nobody reads is no file, and not waited for


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")


def _unescaped(line: str) -> str:
    return "\\".join(piece.replace("\\n", "\n") for piece in line.split("\\\\"))
