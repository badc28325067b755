"""Every test of the engine runs in both worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.virtual import World
from trunkline.sim.scripted_io import Script

MakeIO = Callable[..., World]


@pytest.fixture(params=["blocking", "async"])
def world(request: pytest.FixtureRequest) -> MakeIO:
    """Makes a virtual world of either kind."""

    def make(script: Script = (), **more: Any) -> World:
        return World(script, blocking=request.param == "blocking", **more)

    return make
