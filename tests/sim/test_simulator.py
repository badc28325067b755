"""The simulator as its users hold it: where it listens, what it remembers, that it is the same every time."""

from __future__ import annotations

import asyncio
import http.client
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.sim.asking import BOTH, client, simulator
from trunkline import (
    AsyncClient,
    ConnectionRefusedByHostError,
    OverloadedError,
    RateLimitError,
    StreamInterruptedError,
    UsageError,
)
from trunkline.sim import Fail, Limits, Pace, Rule, Say, Scenario, Simulator, Stall, Think, VirtualClock, When

dialects = pytest.mark.parametrize("dialect", BOTH)
PATHS = {"openai-chat": "/v1/chat/completions", "anthropic-messages": "/v1/messages"}


def post(sim: Simulator, path: str, body: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (but the date) and body of one request."""
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc)
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    connection.request("POST", path, data, {"content-type": "application/json", **headers})
    reply = connection.getresponse()
    told = {name.lower(): value for name, value in reply.getheaders() if name.lower() != "date"}
    answer = reply.status, told, reply.read()
    connection.close()
    return answer


def body_of(stream: bool = False, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 500, "stream": stream, "messages": [{"role": "user", "content": "hi"}], **fields}


TOOL = {"name": "f", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def conversation(sim: Simulator) -> list[tuple[int, dict[str, str], bytes]]:
    """Several requests of every sort."""
    found = []
    for stream in (False, True):
        for path in PATHS.values():
            found.append(post(sim, path, body_of(stream)))
            found.append(post(sim, path, {"model": "m"}))
        found.append(post(sim, PATHS["openai-chat"], body_of(stream, tools=[FUNCTION], tool_choice="required", n=2)))
        found.append(post(sim, PATHS["openai-chat"], body_of(stream, logprobs=True, top_logprobs=2)))
        found.append(post(sim, PATHS["anthropic-messages"], body_of(stream, tools=[TOOL], tool_choice={"type": "any"})))
    return found


def test_the_same_requests_get_the_same_bytes() -> None:
    with simulator(seed=3) as sim:
        first = conversation(sim)
    with simulator(seed=3) as sim:
        second = conversation(sim)
    with simulator(seed=4) as sim:
        other = conversation(sim)
    assert first == second
    assert first != other
    assert [status for status, _, _ in first] == [status for status, _, _ in other]


def test_time_does_not_change_the_answer() -> None:
    """``created`` is a fixed moment, or the clock's."""
    with simulator() as sim:
        assert b'"created":1767225600' in post(sim, PATHS["openai-chat"], body_of())[2]
    with simulator(clock=VirtualClock(wall=1_800_000_000)) as sim:
        assert b'"created":1800000000' in post(sim, PATHS["openai-chat"], body_of())[2]


def test_jitter_is_foretold() -> None:
    from random import Random

    from tests.sim.asking import asked
    from trunkline import Message
    from trunkline.sim.script import script_of

    decoded = asked(Message.user("hi")).decoded
    assert decoded is not None
    rule, pace = Rule(Say("one two three four")), Pace(1.0, 10.0, 0.5)
    waits = [[beat.wait for beat in script_of(decoded.request, rule, pace, Random(seed)).beats] for seed in (1, 1, 2)]
    assert waits[0] == waits[1] != waits[2]
    assert 0.5 <= waits[0][0] <= 1.5
    assert all(0.05 <= wait <= 0.15 for wait in waits[0][2:])


# --- where ------------------------------------------------------------------------------------------------------------


def test_where_it_listens() -> None:
    sim = Simulator()
    assert repr(sim) == "Simulator(not started, 0 rules, 0 requests)"
    with pytest.raises(UsageError, match="not started"):
        _ = sim.url
    with sim:
        assert sim.url == f"http://127.0.0.1:{sim.port}"
        assert sim.base_url("openai-chat") == sim.url + "/v1"
        assert sim.base_url("anthropic-messages") == sim.url
        with pytest.raises(UsageError, match="unknown dialect"):
            sim.base_url("morse")
    with client(sim, "openai-chat") as llm, pytest.raises(ConnectionRefusedByHostError):
        llm.generate("hi")
    sim.close()


def test_in_an_event_loop() -> None:
    async def main() -> list[str]:
        async with simulator(Rule(Say("Hello there"))) as sim:
            said = []
            for dialect in BOTH:
                async with AsyncClient(f"{dialect}/m", base_url=sim.base_url(dialect), api_key="k") as llm:
                    said.append((await llm.generate("hi")).text)
                    async with llm.stream("hi") as events:
                        async for _ in events:
                            pass
                    said.append(events.response.text)
            return said

    assert asyncio.run(main()) == ["Hello there"] * 4


@dialects
def test_closing_ends_everything_at_once(dialect: str) -> None:
    sim = simulator(Rule(Say("Hello"), Stall())).start()
    begun, ended = threading.Event(), []

    def read() -> None:
        with client(sim, dialect) as llm:
            try:
                with llm.stream("hi") as events:
                    for event in events:
                        if event.text:
                            begun.set()
            except StreamInterruptedError as error:
                ended.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(30)
    sim.close()
    reader.join(30)
    assert len(ended) == 1
    assert [seen.outcome for seen in sim.requests] == ["gone"]


@pytest.mark.parametrize(
    "options, field",
    [
        ({"speed": 0}, "speed"),
        ({"speed": -1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"port": 70_000}, "port"),
        ({"limits": 5}, "limits"),
        ({"keys": "sk-1"}, "keys"),
        ({"quirks": ["odd"]}, "quirks[0]"),
        ({"scenario": [Say("hi")]}, "rules[0]"),
        ({"scenario": Rule(Say("hi"))}, "scenario"),
        ({"scenario": 5}, "scenario"),
        ({"scenario": "a\0b"}, "a\0b"),
        ({"speed": 1e-300}, "speed"),
        ({"seed": "a"}, "seed"),
        ({"models": "sim-small"}, "models"),
        ({"models": [1]}, "models[0]"),
        ({"pace": "instant"}, "pace"),
        ({"clock": 5}, "clock"),
        ({"told": 5}, "told"),
        ({"keys": 5}, "keys"),
        ({"keys": ["a", ""]}, "keys[1]"),
        ({"keys": [5]}, "keys[0]"),
    ],
)
def test_what_is_wrong_is_told_before_it_listens(options: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        Simulator(**options)
    assert caught.value.field == field


def test_it_is_started_once() -> None:
    threads = threading.active_count()
    sim = Simulator().start()
    with pytest.raises(UsageError, match="runs already"):
        sim.start()
    with sim:
        assert post(sim, "/v1/messages", body_of())[0] == 200
    assert threading.active_count() <= threads
    with sim:  # a second time
        assert post(sim, "/v1/messages", body_of())[0] == 200


def test_it_is_called_by_names_that_it_knows() -> None:
    with Simulator(hosts=("models.internal",)) as sim:
        assert post(sim, PATHS["openai-chat"], body_of(), host=f"models.internal:{sim.port}")[0] == 200
        assert post(sim, PATHS["openai-chat"], body_of(), host="elsewhere.internal")[0] == 421


def test_a_host_is_text() -> None:
    with pytest.raises(UsageError) as caught:
        Simulator(host=5).start()  # type: ignore[arg-type]
    assert caught.value.field == "host"


def test_a_scenario_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("rules: [{steps: [{say: from a file}]}]")
    with simulator() as sim, client(sim, "openai-chat") as llm:
        sim.use(path)
        assert llm.generate("hi").text == "from a file"
        sim.use(Scenario((Rule(Say("from Python"), times=1),)))
        assert llm.generate("hi").text == "from Python"
        sim.use([Rule(Say("from a list"))])
        assert llm.generate("hi").text == "from a list"
        sim.use(None)
        assert llm.generate("hi").text.startswith("This is a simulated answer")


# --- what it remembers ------------------------------------------------------------------------------------------------


@dialects
def test_it_remembers_what_it_was_asked(dialect: str) -> None:
    told = []
    with simulator(Rule(Think("Hm."), Say("Hello")), told=told.append) as sim, client(sim, dialect) as llm:
        llm.generate("a secret", system="Be brief.")
        with llm.stream("another") as events:
            next(iter(events))
        assert sim.wait()
        first, second = sim.requests
    assert (first.number, first.dialect, first.operation, first.status, first.outcome, first.rule) == (
        0, dialect, "generate", 200, "end", 0,
    )  # fmt: skip
    assert first.request is not None
    assert first.request.model == "sim-small"
    assert [message.text for message in first.request.messages] == ["Be brief.", "a secret"]
    assert first.http.url == sim.url + PATHS[dialect]
    assert b"a secret" in first.http.body
    assert second.request is not None
    assert second.request.stream
    assert second.request_id != first.request_id
    assert "secret" not in repr(first) + repr(sim.requests)
    assert [seen.number for seen in told] == [0, 1]
    sim.forget()
    assert sim.requests == ()


def test_it_remembers_what_it_did_not_understand() -> None:
    with simulator() as sim:
        assert post(sim, "/v1/nothing", b"{}")[0] == 404
        assert post(sim, "/v1/messages", b"not json")[0] == 400
        connection = http.client.HTTPConnection(urlsplit(sim.url).netloc)
        connection.request("GET", "/")
        assert b"simulated" in connection.getresponse().read()
        connection.close()
        assert sim.wait()
        lost, broken = sim.requests
    assert (lost.dialect, lost.request, lost.status, lost.outcome) == (None, None, 404, "failed")
    assert lost.http.url.endswith("/v1/nothing")
    assert (broken.status, broken.http.body) == (400, b"not json")


def test_versions_differ_in_what_they_take() -> None:
    asked, counted = PATHS["anthropic-messages"], PATHS["anthropic-messages"] + "/count_tokens"
    newer = {"anthropic-version": "2026-10-21"}
    with simulator() as sim:
        for path in (asked, counted):
            assert post(sim, path, body_of(temperature=1))[0] == 200
            status, _, body = post(sim, path, body_of(temperature=1), **newer)
            assert (status, msgspec.json.decode(body)["error"]["type"]) == (400, "invalid_request_error")
    with simulator(strict=False) as sim:
        assert post(sim, asked, body_of(temperature=1), **newer)[0] == 200


def test_tokens_are_counted() -> None:
    with simulator() as sim:
        status, _, body = post(
            sim, "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "one two"}]}
        )
        assert (status, msgspec.json.decode(body)) == (200, {"input_tokens": 6})
        assert sim.requests[-1].operation == "count_tokens"
        _, _, reply = post(sim, "/v1/messages", body_of(messages=[{"role": "user", "content": "one two"}]))
        assert msgspec.json.decode(reply)["usage"]["input_tokens"] == 6


@dialects
def test_faults_of_other_operations(dialect: str) -> None:
    rules = [Rule(Fail(529), when=When(operation="models"), times=1), Rule(Fail(500))]
    with simulator(*rules) as sim, client(sim, dialect) as llm:
        with pytest.raises(OverloadedError):
            llm.models(live=True)
        assert llm.models(live=True), "a rule without `when` is for answers only"


# --- limits -----------------------------------------------------------------------------------------------------------


@dialects
def test_limits_say_what_is_left_and_when(dialect: str) -> None:
    clock = VirtualClock()
    with simulator(limits=Limits(requests=2, tokens=1_000, period=60), clock=clock) as sim:
        path = PATHS[dialect]
        _, first, _ = post(sim, path, body_of())
        clock.advance(20)
        _, second, _ = post(sim, path, body_of(stream=True))
        status, third, body = post(sim, path, body_of())
        left = "x-ratelimit-remaining-requests" if dialect == "openai-chat" else "anthropic-ratelimit-requests-remaining"
        assert (first[left], second[left], third[left]) == ("1", "0", "0")
        assert status == 429
        assert float(third["retry-after"]) == 40
        assert b"requests" in body
        clock.advance(40)
        assert post(sim, path, body_of())[0] == 200


@dialects
def test_tokens_are_limited_too(dialect: str) -> None:
    with simulator(Rule(Say("word " * 100)), limits=Limits(tokens=150), clock=VirtualClock()) as sim:
        with client(sim, dialect) as llm:
            assert llm.generate("hi").usage.output_tokens == 101
            with pytest.raises(RateLimitError) as caught:
                llm.generate("hi")
            assert caught.value.retry_after == 60
        with client(sim, dialect) as llm, pytest.raises(RateLimitError) as caught:
            llm.generate("word " * 200)
        assert caught.value.retry_after is None, "no waiting helps"


def test_a_refused_request_uses_no_rule() -> None:
    clock = VirtualClock()
    with simulator(Rule(Say("once"), times=1), limits=Limits(requests=1), clock=clock) as sim:
        sim.use([Rule(Say("first"), times=1), Rule(Say("second"), times=1)])
        assert b"first" in post(sim, PATHS["openai-chat"], body_of())[2]
        assert post(sim, PATHS["openai-chat"], body_of())[0] == 429
        assert sim.requests[-1].rule is None
        clock.advance(60)
        assert b"second" in post(sim, PATHS["openai-chat"], body_of())[2]


def test_limits_are_exact_however_many_ask() -> None:
    with simulator(limits=Limits(requests=17), clock=VirtualClock()) as sim, ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: post(sim, PATHS["openai-chat"], body_of())[0], range(60)))
    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(200) == 17


def test_speed() -> None:
    """At any speed but infinity waits are waited for: here a day, a million times faster."""
    with Simulator([Rule(Stall(86_400), Say("Hello"))], speed=10**6) as sim, client(sim, "openai-chat") as llm:
        assert llm.generate("hi").text == "Hello"
    assert math.isinf(simulator()._tempo.speed)
