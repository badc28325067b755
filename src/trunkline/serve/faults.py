"""What the log is told of a fault: what kind and where, never what was said."""

from __future__ import annotations

from pathlib import PurePath


def told(error: BaseException) -> str:
    """``KeyError at script.py:12``: the innermost place, no words of the error."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    return f"{type(error).__name__} at {PurePath(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
