"""Hedging, carrying on, speed and answers of last resort as users have them: both clients, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trunkline import (
    AllTargetsFailedError,
    AsyncClient,
    Client,
    DeadlineError,
    Event,
    Response,
    StreamInterruptedError,
    TextDelta,
    Timeout,
)
from trunkline.sim import Fail, Pause, Reset, Rule, Say, Simulator, SlowHead, Stall
from trunkline.values.events import Moved
from trunkline.values.fold import fold

PIECES = ("Once ", "upon a time", ":", "\n\n", "1. there ", "lived a mil", "ler, ", " \the and his cat.", "\n")
TEXT = "".join(PIECES)

Both = Callable[..., tuple[list[Event], Response]]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Simulator, Simulator]]:
    with Simulator(speed=1.0) as first, Simulator(speed=math.inf) as second:
        yield first, second


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name == "trunkline-branch"]
    assert not left


def made(kind: Any, pair: tuple[Simulator, Simulator], dialect: str = "openai-chat", **options: Any) -> Any:
    second = {"model": f"{dialect}/m", "base_url": pair[1].base_url(dialect), "api_key": "k2"}
    return kind("openai-chat/m", base_url=pair[0].base_url("openai-chat"), api_key="k1", fallbacks=[second], **options)


@pytest.fixture(params=[Client, AsyncClient])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def streamed(kind: Any, pair: tuple[Simulator, Simulator]) -> Both:
    """The events of a stream, and its response."""

    def plain(*, raised: list[Any] | None = None, **options: Any) -> tuple[list[Event], Response]:
        events: list[Event] = []
        with made(Client, pair, **options) as llm, llm.stream("hi") as stream:
            try:
                events += stream
            except StreamInterruptedError as error:
                assert raised is not None
                raised.append(error)
            return events, stream.response

    def asynchronous(*, raised: list[Any] | None = None, **options: Any) -> tuple[list[Event], Response]:
        async def main() -> tuple[list[Event], Response]:
            events: list[Event] = []
            async with made(AsyncClient, pair, **options) as llm, llm.stream("hi") as stream:
                try:
                    async for event in stream:
                        events.append(event)
                except StreamInterruptedError as error:
                    assert raised is not None
                    raised.append(error)
                return events, stream.response

        return asyncio.run(main())

    return plain if kind is Client else asynchronous


@pytest.fixture
def whole(kind: Any, pair: tuple[Simulator, Simulator]) -> Callable[..., Response]:
    def plain(**options: Any) -> Response:
        with made(Client, pair, **options) as llm:
            response: Response = llm.generate("hi")
            return response

    def asynchronous(**options: Any) -> Response:
        async def main() -> Response:
            async with made(AsyncClient, pair, **options) as llm:
                response: Response = await llm.generate("hi")
                return response

        return asyncio.run(main())

    return plain if kind is Client else asynchronous


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
def test_carried_on_to_the_letter(pair: tuple[Simulator, Simulator], streamed: Both, dialect: str) -> None:
    for cut in range(1, len(PIECES)):
        pair[0].use([Rule(Say(PIECES[:cut]), Reset())])
        pair[1].use([Rule(Say(TEXT))])
        events, response = streamed(dialect=dialect, on_interrupt="continue")
        assert text_of(events) == response.text == TEXT, cut
        assert fold(events).message == response.message
        assert fold(events).usage == response.usage
        assert [(a.provider, a.interrupted) for a in response.attempts] == [("openai-chat", True), (dialect, False)]
        assert sum(isinstance(event, Moved) for event in events) == 1


def test_where_nobody_can_the_error_holds_what_there_is(pair: tuple[Simulator, Simulator], streamed: Both) -> None:
    pair[0].use([Rule(Say(PIECES[:4]), Reset())])
    pair[1].use([Rule(Fail(404))])
    raised: list[StreamInterruptedError] = []
    events, _ = streamed(on_interrupt="continue", raised=raised)
    assert text_of(events) == "".join(PIECES[:4])
    assert raised[0].partial is not None
    assert raised[0].partial.text == "".join(PIECES[:4])
    assert [a.error for a in raised[0].attempts] == ["ConnectionResetByHostError", "NotFoundError"]


@pytest.mark.parametrize("slow", [Stall(), SlowHead(20.0)])
def test_a_second_one_is_asked_when_the_first_is_slow(
    pair: tuple[Simulator, Simulator], whole: Callable[..., Response], streamed: Both, slow: Any
) -> None:
    pair[0].use([Rule(slow, Say("one")) if isinstance(slow, SlowHead) else Rule(slow)])
    pair[1].use([Rule(Say("two"))])
    began = time.monotonic()
    response = whole(hedge=0.05)
    assert (response.text, response.provider) == ("two", "openai-chat")
    events, streamed_response = streamed(hedge=0.05)
    assert text_of(events) == "two"
    for each in (response, streamed_response):
        assert sorted((a.overtaken, a.error) for a in each.attempts) == [(False, None), (True, None)]
    assert time.monotonic() - began < 10.0, "nobody waits for the loser"


def test_the_first_still_answers_where_the_second_fails(
    pair: tuple[Simulator, Simulator], whole: Callable[..., Response], streamed: Both
) -> None:
    pair[0].use([Rule(Pause(0.3), Say("one"))])
    pair[1].use([Rule(Fail(404))])
    response = whole(hedge=0.02)
    events, streamed_response = streamed(hedge=0.02)
    assert response.text == text_of(events) == "one"
    for each in (response, streamed_response):
        assert sorted(str(a.error) for a in each.attempts) == ["None", "NotFoundError"]


def test_where_both_fail_both_are_told(pair: tuple[Simulator, Simulator], whole: Callable[..., Response]) -> None:
    pair[0].use([Rule(Pause(0.2), Fail(404))])
    pair[1].use([Rule(Fail(403))])
    with pytest.raises(AllTargetsFailedError) as caught:
        whole(hedge=0.02)
    assert sorted(type(error).__name__ for error in caught.value.errors) == ["NotFoundError", "PermissionDeniedError"]
    assert len(caught.value.attempts) == 2


def test_ctrl_c_and_close_in_a_race(pair: tuple[Simulator, Simulator]) -> None:
    pair[0].use([Rule(Stall())])
    pair[1].use([Rule(Stall())])

    async def main() -> None:
        async with made(AsyncClient, pair, hedge=0.01) as llm:
            task = asyncio.create_task(llm.generate("hi"))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert all(target.in_flight == 0 for target in llm.status().targets)

    asyncio.run(main())
    with made(Client, pair, hedge=0.01) as llm:
        stream = llm.stream("hi")
        timer = threading.Timer(0.5, stream.close)
        timer.start()
        with pytest.raises(Exception, match="closed"):
            next(iter(stream))
        timer.join()
        assert all(target.in_flight == 0 for target in llm.status().targets)


def test_a_silent_first_one_and_a_slow_one(pair: tuple[Simulator, Simulator], streamed: Both) -> None:
    pair[0].use([Rule(Stall())])
    pair[1].use([Rule(Say("two"))])
    events, response = streamed(timeout=Timeout(first_token=1.0), retries=0)
    assert text_of(events) == "two"
    assert [a.error for a in response.attempts] == ["DeadlineError", None]
    raised: list[StreamInterruptedError] = []
    pair[0].use([Rule(Say("word "), Stall())])
    streamed(min_tokens_per_second=0.19, timeout=Timeout(idle=0.5), raised=raised)
    assert isinstance(raised[0].__cause__, DeadlineError)
    assert raised[0].__cause__.phase == "idle"


def test_an_answer_of_last_resort(pair: tuple[Simulator, Simulator], whole: Callable[..., Response], streamed: Both) -> None:
    for sim in pair:
        sim.use([Rule(Fail(403))])
    response = whole(fallback_answer="sorry")
    events, streamed_response = streamed(fallback_answer=lambda request, error: f"sorry, {len(error.attempts)} failed")
    assert (response.text, response.fallback) == ("sorry", True)
    assert (text_of(events), streamed_response.fallback) == ("sorry, 2 failed", True)
    assert [a.error for a in response.attempts] == ["PermissionDeniedError"] * 2
