"""Ctrl-C at every place where the interpreter looks for signals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, ModuleType


def interrupted(module: ModuleType, after: int, act: Callable[[], object], meanwhile: Callable[[], object] | None = None) -> bool:
    """Whether Ctrl-C broke into ``act``, once ``after`` places were passed.

    A place is the beginning of a function of the ``module``, and the end of a built-in one that it calls: CPython looks for
    signals there (and when a loop begins again, which is not tried), never between two assignments. ``meanwhile`` is what another
    thread does just there, in place of the Ctrl-C.
    """
    passed = 0

    def heard(frame: FrameType, event: str, _: object) -> None:
        nonlocal passed
        if event in ("call", "c_return") and frame.f_code.co_filename == module.__file__:
            passed += 1
            if passed == after + 1:
                if meanwhile is None:
                    raise KeyboardInterrupt
                meanwhile()

    before = sys.getprofile()
    sys.setprofile(heard)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(before)
    return meanwhile is not None and passed > after
