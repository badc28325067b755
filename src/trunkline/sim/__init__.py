"""The simulator and what else stands in for the world in tests: ``from trunkline.sim import Simulator``.

Each name is loaded when it is first used: scripted replies and virtual time need no server. Where what stands:

- what is played: ``scenario`` (rules) of ``steps``, ``match`` (which rule), ``yaml_form`` (in a file);
- who answers: ``simulator`` runs the server, ``answering`` one request; ``script`` is all that will be said, ``voice``
  says it token by token, ``playback`` in time; ``builtin`` speaks where no rule does (``schema_filler, pattern_text``);
- who refuses: ``conversation``, ``limits``, ``failures``; who remembers: ``recorder``, ``watched``;
- what goes wrong: ``spoilt`` (streams), ``whole`` (replies), ``rudeness`` (past HTTP), ``garbling``; ``quirks`` with
  ``stray_chunks`` and ``stray_bodies``;
- no socket at all: ``scripted``, ``scripted_io``, ``scripted_exchange``, and ``clock``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import (
        StuckError as StuckError,
        VirtualClock as VirtualClock,
        VirtualLoop as VirtualLoop,
        virtual_run as virtual_run,
    )
    from .limits import Limits as Limits
    from .match import When as When
    from .quirks import (
        QUIRKS as QUIRKS,
        Quirk as Quirk,
    )
    from .recorder import Recorded as Recorded
    from .scenario import (
        LIFELIKE as LIFELIKE,
        Pace as Pace,
        Rule as Rule,
        Scenario as Scenario,
    )
    from .scripted import (
        NO_CONNECTION as NO_CONNECTION,
        NO_HEAD as NO_HEAD,
        REFUSED as REFUSED,
        Scripted as Scripted,
    )
    from .scripted_io import ScriptedIO as ScriptedIO
    from .simulator import Simulator as Simulator
    from .steps import (
        Call as Call,
        Close as Close,
        Cut as Cut,
        Down as Down,
        Fail as Fail,
        Garble as Garble,
        Pause as Pause,
        Raw as Raw,
        Refuse as Refuse,
        Reset as Reset,
        Say as Say,
        SlowHead as SlowHead,
        Stall as Stall,
        Step as Step,
        StreamError as StreamError,
        Think as Think,
    )
    from .yaml_form import read_scenario as read_scenario

_WHERE = {
    "clock": ("StuckError", "VirtualClock", "VirtualLoop", "virtual_run"),
    "limits": ("Limits",),
    "match": ("When",),
    "quirks": ("QUIRKS", "Quirk"),
    "recorder": ("Recorded",),
    "scenario": ("LIFELIKE", "Pace", "Rule", "Scenario"),
    "scripted": ("NO_CONNECTION", "NO_HEAD", "REFUSED", "Scripted"),
    "scripted_io": ("ScriptedIO",),
    "simulator": ("Simulator",),
    "steps": (
        "Call", "Close", "Cut", "Down", "Fail", "Garble", "Pause", "Raw", "Refuse", "Reset", "Say", "SlowHead", "Stall", "Step",
        "StreamError", "Think",
    ),
    "yaml_form": ("read_scenario",),
}  # fmt: skip
_MODULE = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "LIFELIKE", "NO_CONNECTION", "NO_HEAD", "QUIRKS", "REFUSED", "Call", "Close", "Cut", "Down", "Fail", "Garble", "Limits",
    "Pace", "Pause", "Quirk", "Raw", "Recorded", "Refuse", "Reset", "Rule", "Say", "Scenario", "Scripted", "ScriptedIO",
    "Simulator", "SlowHead", "Stall", "Step", "StreamError", "StuckError", "Think", "VirtualClock", "VirtualLoop", "When",
    "read_scenario", "virtual_run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    module = _MODULE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
