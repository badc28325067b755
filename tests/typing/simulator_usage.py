"""How users write scenarios, as type checkers see it: checked by mypy and pyright in ``make check``, never run."""

from __future__ import annotations

import math
from typing import assert_type

from trunkline import Request, Usage
from trunkline.sim import (
    Call,
    Cut,
    Fail,
    Limits,
    Pace,
    Raw,
    Recorded,
    Rule,
    Say,
    Scenario,
    Simulator,
    Think,
    VirtualClock,
    When,
)


def long(request: Request) -> bool:
    return len(request.messages) > 3


def scenarios() -> Scenario:
    return Scenario(
        [
            Rule(Fail(529), times=1),
            Rule(Fail(kind="rate_limit", body={"error": "x"}, headers={"a": "b"}, retry_after=1), when=long),
            Rule(Think("Hm."), Say(["a", "b"]), Call("f", {"x": 1}), when=When(text="weather", tools=True), quirks=["crlf"]),
            Rule(Cut(events=3), Say("x"), usage=Usage(input_tokens=1), finish="length", pace=Pace(0.3, 50)),
            Rule(Raw([b"a", "b"], headers={"content-type": "text/plain"}), when=lambda request: bool(request.tools)),
        ],
        models=["a"],
        limits=Limits(requests=3),
    )


def simulators() -> None:
    with Simulator([Rule(Say("hi"))], speed=math.inf, seed=3, keys={"k"}, quirks=["no_usage"], clock=VirtualClock()) as sim:
        assert_type(sim, Simulator)
        assert_type(sim.url, str)
        assert_type(sim.base_url("openai-chat"), str)
        assert_type(sim.requests, tuple[Recorded, ...])
        sim.use("scenario.yaml")
        with sim.refusing():
            pass
        for asked in sim.requests:
            assert_type(asked.request, Request | None)
            assert_type(asked.status, int | None)


async def asynchronous() -> None:
    async with Simulator() as sim:
        assert_type(sim, Simulator)
