"""System C's pacing: the limiter by itself, in virtual time and among threads, and the client that is paced by it."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import pytest

from tests.seeds.documents import Documents, run
from trunkline import UsageError
from trunkline.compat.personal_agent.config.settings import Config, LLMConfig
from trunkline.compat.personal_agent.llm import RateLimiter
from trunkline.compat.personal_agent.llm.client import LLMClient, Message
from trunkline.sim import Rule, Say, Simulator, VirtualClock

HI = [Message("user", "hi")]


class Timeline:
    """Virtual time, and what was slept in it. ``late``: each sleep lasts so much longer."""

    def __init__(self, late: float = 0.0) -> None:
        self.clock, self.slept, self._late = VirtualClock(), list[float](), late

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds + self._late)

    def limiter(self, *limit: int) -> RateLimiter:
        return RateLimiter(*limit, clock=self.clock.now, sleep=self.sleep)


def most(moments: list[float], period: float) -> int:
    """The most of them in any half-open stretch of a period."""
    return max(sum(begin <= moment < begin + period for moment in moments) for begin in moments)


def test_it_waits_only_when_it_must() -> None:
    timeline = Timeline()
    limiter = timeline.limiter(3, 10)
    for _ in range(3):
        limiter.wait_if_needed()
    assert timeline.slept == []
    timeline.clock.advance(4)
    limiter.wait_if_needed()
    assert timeline.slept == [6.0]
    limiter.wait_if_needed()
    limiter.wait_if_needed()
    assert timeline.slept == [6.0], "all three had left"
    limiter.wait_if_needed()
    assert timeline.slept == [6.0, 10.0]


@pytest.mark.parametrize("late", [0.0, 0.7])
def test_no_stretch_of_a_period_holds_more(late: float) -> None:
    """Also where each sleep lasts too long."""
    timeline = Timeline(late)
    limiter, went = timeline.limiter(4, 3), list[float]()
    for n in range(40):
        limiter.wait_if_needed()
        went.append(timeline.clock.now())
        timeline.clock.advance(0.25 * (n % 3))
    assert most(went, 3) == 4


def test_among_threads() -> None:
    """Real threads and a real clock: whoever is held up goes later, and nobody ever too early."""
    limiter, went, lock = RateLimiter(10, 0.2), list[float](), Lock()
    began = time.monotonic()

    def go() -> None:
        limiter.wait_if_needed()
        with lock:
            went.append(time.monotonic())

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(go) for _ in range(35)]:
            future.result(30)
    assert len(went) == 35
    assert all(moment >= began + 0.2 * (n // 10) for n, moment in enumerate(sorted(went)))


def test_the_documents_waits_as_long(documents: Documents) -> None:
    """Where it is asked once in a while; it takes the moment before its sleep for that of the request, and so lets too many by."""

    def slept(kind: Any, timeline: Timeline) -> list[float]:
        limiter = kind(2, 10)
        for pause in (0, 3, 3, 20, 0, 5):
            timeline.clock.advance(pause)
            limiter.wait_if_needed()
        return timeline.slept

    theirs, ours = Timeline(), Timeline()
    clock = type("time", (), {"time": staticmethod(theirs.clock.now), "sleep": staticmethod(theirs.sleep)})
    names = run(documents.block("C", "Rate Limiter").replace("import time", ""), time=clock, deque=deque)
    assert slept(names["RateLimiter"], theirs) == slept(ours.limiter, ours) == [4.0, 5.0]
    default, its = RateLimiter(), names["RateLimiter"]()
    assert (default.max_requests, default.period) == (its.max_requests, its.period) == (60, 60)


def test_none_is_the_default_and_nonsense_is_told() -> None:
    assert (RateLimiter(None, None).max_requests, RateLimiter(None, None).period) == (60, 60)
    for wrong, field in (((0,), "requests"), ((1, 0), "period"), (("x",), "requests")):
        with pytest.raises(UsageError, match=rf"rate_limit\.{field}"):
            RateLimiter(*wrong)


# --- the client ----------------------------------------------------------------------------------------------------------


def test_the_client_is_paced_by_its_configuration(simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use([Rule(Say("four"))])
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    llm = LLMClient(Config(llm=LLMConfig(rate_limit_requests=2, rate_limit_period=30)))
    assert (llm.rate_limiter.max_requests, llm.rate_limiter.period) == (2, 30)
    llm.generate_response(HI)
    stream = llm.stream_response(HI)
    assert list(stream) == ["four"]
    assert slept == []
    unread = llm.stream_response(HI)
    assert slept == [], "what is not asked for does not count"
    llm.generate_response(HI)
    assert [29 < wait <= 30 for wait in slept] == [True]
    assert len(simulated.requests) == 3
    assert list(unread) == ["four"]
    assert len(slept) == 2


def test_another_limiter_in_its_place(simulated: Simulator) -> None:
    simulated.use([Rule(Say("four"))])
    timeline = Timeline()
    llm, other = LLMClient(Config()), LLMClient(Config())
    llm.rate_limiter = other.rate_limiter = timeline.limiter(1, 5)
    for each in (llm, other, llm):
        each.generate_response(HI)
    assert timeline.slept == [5.0, 5.0]
    with pytest.raises(UsageError, match=r"rate_limit\.requests"):
        LLMClient(Config(llm=LLMConfig(rate_limit_requests=0)))
