"""Files of this machine that go with a request."""

from __future__ import annotations

import os
import stat


def read_file(path: str, most: int) -> bytes:
    """See ``IO.read_file``. A pipe is not waited for, and no device is opened."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    _refuse_other(os.stat(path).st_mode)  # noqa: PTH116 - pathlib would add nothing
    with open(os.open(path, flags), "rb") as file:
        _refuse_other(os.fstat(file.fileno()).st_mode)  # what the name stands for may have changed
        return file.read(most + 1)


def _refuse_other(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is a folder" if stat.S_ISDIR(mode) else "it is a pipe or a device, and no file")
