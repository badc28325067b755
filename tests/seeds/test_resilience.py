"""System A's retries, circuit breaker, and who is passed over; the document's own classes beside ours, in virtual time."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.seeds.documents import Documents, run
from tests.seeds.test_llm_own_providers import Parrot
from trunkline import Client, RetryPolicy, UsageError
from trunkline.compat.llm_communication import (
    AuthenticationException,
    CircuitBreaker,
    Configuration,
    LLMCommunication,
    LLMException,
    NetworkException,
    ProviderManager,
    ProviderUnavailableException,
    RateLimitException,
    RetryHandler,
    choosing,
)
from trunkline.sim import Fail, Raw, Reset, Rule, Say, ScriptedIO, Simulator, VirtualClock, When

NET, SLOW, KEY = NetworkException("gone"), RateLimitException("slow"), AuthenticationException("no")
DOWN = ProviderUnavailableException("down")
ASK = [{"role": "user", "content": "two and two?"}]


class Scripted:
    """A function that fails as it is told, and then succeeds."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures, self.calls = list(failures), 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return args, kwargs


# --- RetryHandler --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["the document's", "ours"])
def handled(request: pytest.FixtureRequest, documents: Documents, waits: list[float]) -> type[Any]:
    if request.param == "ours":
        return RetryHandler
    names = {"time": time, "Callable": object, "Any": Any, "RateLimitException": RateLimitException}
    kinds = {"NetworkException": NetworkException, "AuthenticationException": AuthenticationException}
    return run(documents.block("A", "9.1 Retry Logic"), **names, **kinds)["RetryHandler"]  # type: ignore[no-any-return]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is slept: nobody does."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.mark.parametrize(
    ("options", "failures", "raised", "slept"),
    [
        ({}, [], None, []),
        ({}, [NET], None, [1]),
        ({}, [SLOW, NET, SLOW], None, [1, 2, 4]),
        ({}, [NET] * 4, NET, [1, 2, 4]),
        ({}, [NET, KEY], KEY, [1]),
        ({}, [DOWN], DOWN, []),
        ({}, [ValueError("mine")], ValueError, []),
        ({}, [KeyboardInterrupt()], KeyboardInterrupt, []),
        ({"max_retries": 0}, [NET], NET, []),
        ({"max_retries": 5}, [NET] * 5, None, [1, 2, 4, 8, 16]),
        ({"max_retries": 2, "backoff_factor": 3}, [NET] * 3, NET, [1, 3]),
        ({"backoff_factor": 1}, [NET] * 3, None, [1, 1, 1]),
        ({"backoff_factor": 0.5}, [NET] * 3, None, [1, 0.5, 0.25]),
    ],
)
def test_it_tries_again_as_the_documents_does(
    handled: type[Any], options: Any, failures: Any, raised: Any, slept: list[float], waits: list[float]
) -> None:
    function, handler = Scripted(*failures), handled(**options)
    if raised is None:
        assert handler.execute_with_retry(function, 1, a=2) == ((1,), {"a": 2})
    else:
        with pytest.raises(raised if isinstance(raised, type) else type(raised)) as caught:
            handler.execute_with_retry(function)
        assert isinstance(raised, type) or caught.value is raised
    assert waits == slept
    assert function.calls == len(slept) + 1


def test_its_attributes() -> None:
    handler = RetryHandler(None, None)
    assert (handler.max_retries, handler.backoff_factor) == (3, 2)
    slept: list[float] = []
    handler = RetryHandler(backoff_factor=3, sleep=slept.append)
    handler.max_retries, handler.backoff_factor = 1, 7
    with pytest.raises(NetworkException):
        handler.execute_with_retry(Scripted(*[NET] * 3))
    assert slept == [1.0]
    with pytest.raises(UsageError, match=r"retries\.retries"):
        RetryHandler(-1).execute_with_retry(Scripted())


def test_around_calls(simulated: Simulator, waits: list[float]) -> None:
    llm, handler = LLMCommunication("openai"), RetryHandler()
    simulated.use([Rule(Fail(429), times=1), Rule(Reset(), times=1), Rule(Say("four"))])
    assert handler.execute_with_retry(llm.generate_text, "2+2?", retries=0) == "four"
    assert waits == [1, 2]


def test_a_provider_that_wants_nothing_tried_again_is_obeyed(simulated: Simulator, waits: list[float]) -> None:
    simulated.use([Rule(Fail(429, headers={"x-should-retry": "false"}))])
    with pytest.raises(RateLimitException):
        RetryHandler().execute_with_retry(LLMCommunication("openai").generate_text, "2+2?", retries=0)
    assert (waits, len(simulated.requests)) == ([], 1)


# --- CircuitBreaker ------------------------------------------------------------------------------------------------------


def guarded(threshold: int = 2, timeout: float = 60.0) -> tuple[CircuitBreaker, VirtualClock]:
    clock = VirtualClock()
    return CircuitBreaker(threshold, timeout, clock=clock.now), clock


def fail(breaker: CircuitBreaker, *errors: BaseException) -> None:
    for error in errors:
        with pytest.raises(type(error)) as caught:
            breaker.call(Scripted(error))
        assert caught.value is error


def refuse(breaker: CircuitBreaker) -> None:
    function = Scripted()
    with pytest.raises(ProviderUnavailableException, match="Circuit breaker is OPEN"):
        breaker.call(function)
    assert function.calls == 0


def test_its_life() -> None:
    breaker, clock = guarded()
    assert (breaker.state, breaker.failure_count, breaker.last_failure_time) == ("CLOSED", 0, None)
    assert breaker.call(Scripted(), 1, a=2) == ((1,), {"a": 2})
    fail(breaker, NET)
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 1)
    fail(breaker, DOWN)
    assert (breaker.state, breaker.failure_count) == ("OPEN", 2)
    assert abs(time.time() - (breaker.last_failure_time or 0)) < 60
    refuse(breaker)
    clock.advance(59.9)
    refuse(breaker)
    clock.advance(0.1)
    assert breaker.state == "HALF_OPEN"
    fail(breaker, RuntimeError("still down"))
    assert (breaker.state, breaker.failure_count) == ("OPEN", 3)
    clock.advance(60)
    assert breaker.state == "HALF_OPEN", "the same time again, and no longer one"
    breaker.call(Scripted())
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 0)
    fail(breaker, NET)
    breaker.call(Scripted())
    fail(breaker, NET)
    assert breaker.state == "CLOSED", "only failures in a row open it"


def test_its_defaults_and_one_without_a_wait() -> None:
    assert (CircuitBreaker().failure_threshold, CircuitBreaker(None, None).timeout) == (5, 60)
    breaker, clock = guarded(5, timeout=0)
    fail(breaker, *[NET] * 5)
    clock.advance(0.001)
    assert breaker.state == "HALF_OPEN"
    with pytest.raises(UsageError, match="failures"):
        CircuitBreaker(0)


def caused(cause: Exception) -> LLMException:
    error = LLMException("?")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("error", [
    KEY, SLOW, ValueError("?"), TypeError("?"), KeyError("?"), AttributeError("?"), AssertionError("?"), KeyboardInterrupt(),
    UsageError("?"), caused(UsageError("?")),
])  # fmt: skip
def test_the_hosts_own_errors_do_not_count(error: BaseException) -> None:
    breaker, clock = guarded()
    fail(breaker, NET, error, error, error)
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 1)
    fail(breaker, NET)
    assert breaker.state == "OPEN", "nor do they make up for anything"
    clock.advance(60)
    fail(breaker, error)
    assert breaker.state == "HALF_OPEN", "the probe is given back"
    breaker.call(Scripted())
    assert breaker.state == "CLOSED"


@pytest.mark.parametrize("error", [NET, DOWN, LLMException("?"), RuntimeError("?"), TimeoutError("?"), OSError("?"), caused(NET)])
def test_all_others_do(error: Exception) -> None:
    breaker, _ = guarded()
    fail(breaker, error, error)
    assert breaker.state == "OPEN"


@pytest.mark.parametrize(("step", "state"), [(Fail(500), "OPEN"), (Reset(), "OPEN"), (Fail(400), "CLOSED"), (Fail(404), "CLOSED"), (Fail(401), "CLOSED"), (Raw([b"{}"], headers={"content-type": "application/json"}), "OPEN")])  # fmt: skip
def test_around_calls_that_fail(step: Any, state: str, simulated: Simulator) -> None:
    breaker, _ = guarded()
    simulated.use([Rule(step)])
    llm = LLMCommunication("openai")
    for _ in range(3):
        with pytest.raises(LLMException):
            breaker.call(llm.generate_text, "hi", retries=0)
    assert (breaker.state, len(simulated.requests)) == (state, 2 if state == "OPEN" else 3)


def test_one_call_at_a_time_tries_it() -> None:
    breaker, clock = guarded()
    fail(breaker, NET, NET)
    clock.advance(60)
    begun, over, asked = threading.Event(), threading.Event(), Scripted()

    def slow() -> Any:
        begun.set()
        assert over.wait(30)
        return asked()

    with ThreadPoolExecutor(2) as pool:
        probe = pool.submit(breaker.call, slow)
        assert begun.wait(30)
        refuse(breaker)
        over.set()
        probe.result(30)
    assert (breaker.state, asked.calls) == ("CLOSED", 1)


def test_as_the_document_writes_it(documents: Documents) -> None:
    """Its signatures, and its attributes when it is made."""
    names = {"Callable": object, "Any": Any, "ProviderUnavailableException": ProviderUnavailableException}
    theirs = run(documents.block("A", "9.2 Circuit Breaker"), **names)["CircuitBreaker"]()
    assert {name: getattr(CircuitBreaker(), name) for name in vars(theirs)} == vars(theirs)


# --- who is passed over --------------------------------------------------------------------------------------------------


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> ScriptedIO:
    """The clock and the chance of whoever chooses among providers."""
    io = ScriptedIO()
    monkeypatch.setattr(choosing, "Client", lambda target, **options: Client(target, io=io, **options))
    return io


def two(first: Parrot, second: Parrot) -> ProviderManager:
    manager = ProviderManager()
    manager.register_provider("first", first)
    manager.register_provider("second", second)
    return manager


def test_who_has_failed_too_often_is_passed_over(world: ScriptedIO) -> None:
    first, second = Parrot(*[DOWN] * 6), Parrot()
    manager = two(first, second)
    for n in range(6):
        assert manager.generate_response(ASK).content == "you said two and two?"
        assert (len(first.asked), len(second.asked)) == (min(2 * n + 2, 5), n + 1), "tried twice each time, until it is five"
    world.clock.advance(9.9)
    manager.generate_response(ASK)
    assert len(first.asked) == 5
    world.clock.advance(0.1)
    manager.generate_response(ASK, model="other", timeout=5)
    assert len(first.asked) == 6, "one call tries it, and fails"
    world.clock.advance(19.9)
    list(manager.generate_stream(ASK))
    assert len(first.asked) == 6
    world.clock.advance(0.1)
    manager.generate_response(ASK)
    manager.generate_response(ASK)
    assert (len(first.asked), len(second.asked)) == (8, 9), "it answers again"
    assert not world.sleeps


def test_who_is_asked_too_often_is_left_alone_for_a_while(world: ScriptedIO) -> None:
    first, second = Parrot(SLOW), Parrot()
    manager = two(first, second)
    for _ in range(3):
        manager.generate_response(ASK)
    assert (len(first.asked), len(second.asked)) == (1, 3)
    world.clock.advance(5)
    manager.generate_response(ASK)
    assert len(first.asked) == 2


def test_the_last_one_is_not_asked_either(world: ScriptedIO) -> None:
    manager = ProviderManager()
    manager.register_provider("parrot", parrot := Parrot(*[DOWN] * 5))
    for _ in range(5):
        with pytest.raises(ProviderUnavailableException):
            manager.generate_response(ASK, retries=0)
    with pytest.raises(ProviderUnavailableException, match="failed too often"):
        manager.generate_response(ASK)
    assert len(parrot.asked) == 5


def test_a_provider_of_the_librarys_is_passed_over_too(simulated: Simulator) -> None:
    simulated.use([Rule(Fail(529), when=When(dialect="anthropic-messages")), Rule(Say("four"))])
    llm = LLMCommunication()
    for _ in range(8):
        assert llm.generate_response(ASK).provider == "openai"
    asked = [each.dialect for each in simulated.requests]
    assert (asked.count("anthropic-messages"), asked.count("openai-chat")) == (5, 8)
    assert json.loads(simulated.requests[-1].http.body)["model"]


def test_the_factor_of_the_configuration_is_read(world: ScriptedIO) -> None:
    class Patient(Configuration):
        MAX_RETRIES = 4
        RETRY_BACKOFF_FACTOR = 3

    manager = ProviderManager(Patient)
    manager.register_provider("parrot", parrot := Parrot(*[NET] * 4))
    assert manager.generate_response(ASK).content
    assert world.uniforms == [(0.0, 1.0), (0.0, 3.0), (0.0, 9.0), (0.0, 27.0)]
    assert len(parrot.asked) == 5
    parrot.failures = [NET]
    manager.generate_response(ASK, retries=RetryPolicy(1, first=2.5, jitter=False))
    assert world.sleeps[4:] == [2.5]


@pytest.mark.parametrize("factor", ["two", -1, None])
def test_a_factor_that_is_none(factor: Any, world: ScriptedIO) -> None:
    manager = ProviderManager(type("Odd", (Configuration,), {"RETRY_BACKOFF_FACTOR": factor}))
    manager.register_provider("parrot", Parrot())
    with pytest.raises(LLMException, match=r"retries\.factor"):
        manager.generate_response(ASK)
