"""Files that somebody has opened, and names of those that nobody has."""

from __future__ import annotations

from collections.abc import Callable
from io import RawIOBase
from typing import Any

from . import expect
from .errors import UsageError


def read_open(read: Callable[[int], Any], most: int, at: str = "file") -> bytes:
    """What is left in an open file. Raises ``UsageError``, which names ``at``, for one that is open as text, is closed, cannot be
    read, or holds more than ``most`` bytes."""
    pieces: list[bytes] = []
    left = most + 1
    while left:
        try:
            piece = read(left)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot be read: {error}", field=at) from None
        if not isinstance(piece, bytes):
            raise UsageError("the file was opened as text", field=at, got=type(piece).__name__, allowed="mode 'rb'")
        pieces.append(piece)
        left -= len(piece)
        if not piece or (left and not isinstance(getattr(read, "__self__", None), RawIOBase)):
            return b"".join(pieces)
    raise too_large(at, most)


def too_large(at: str, most: int) -> UsageError:
    return UsageError("is too large to go with a request", field=at, got="more", allowed=f"up to {most:,} bytes")


def name_of(file: object) -> str | None:
    """The name, without folders, that an open file has of itself."""
    name = getattr(file, "name", None)
    return base_name(name) if isinstance(name, str) else None


def base_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def path_of(path: object) -> str:
    """The path as text. Raises ``UsageError`` for what is none."""
    turned = as_path() if callable(as_path := getattr(path, "__fspath__", None)) else path
    if not isinstance(turned, str):
        expect.wrong("file", path, "a path, or a file that is open in binary mode (bytes: .bytes(data))")
    if turned[:8].lower().startswith(("https://", "http://", "data:")):
        raise UsageError("an address is no file", field="file", got="a URL", allowed="a path; an address: .url(…)")
    return turned
