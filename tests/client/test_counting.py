"""``estimate`` and ``count_tokens``, over real sockets where anybody is asked."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import msgspec
import pytest

from trunkline import (
    AsyncClient,
    CacheMark,
    Client,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    Settings,
    TokenEstimate,
    Tool,
    UnsupportedOperationError,
    Usage,
    UsageError,
)
from trunkline.client.counting import MOST
from trunkline.sim import Rule, Say, Simulator
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO

KEY = "sk-counting-0123456789abcdef"
WEATHER = Tool("weather", "The weather in a city", {"type": "object", "properties": {"city": {"type": "string"}}})
COUNTING = ("anthropic-messages", "openai-responses", "gemini", "bedrock-converse")


def client(simulator: Simulator, dialect: str, **options: Any) -> Client:
    return Client(f"{dialect}/sim-small", base_url=simulator.base_url(dialect), api_key=KEY, retries=0, **options)


def test_the_provider_counts() -> None:
    """The simulator counts four for a message and one for up to four letters: the same in every protocol."""
    with Simulator(speed=math.inf) as simulator:
        for dialect in COUNTING:
            with client(simulator, dialect) as llm:
                assert llm.count_tokens("two words", max_tokens=100, temperature=0.5) == 4 + 3
                assert llm.count_tokens("two words", system="one") == 4 + 1 + 4 + 3
                assert llm.count_tokens("two words", tools=[WEATHER]) > 20
                (target,) = llm.status().targets
                assert (target.calls, target.failures, target.in_flight) == (3, 0, 0)
                assert target.whole_p50 is None  # it has answered nothing yet
        assert {entry.operation for entry in simulator.requests} == {"count_tokens"}


def test_a_server_that_counts_chats() -> None:
    url = "openai-chat"
    with (
        Simulator(speed=math.inf) as simulator,
        Client("llamacpp/x", base_url=simulator.base_url(url), settings=Settings({})) as llm,
    ):
        assert llm.count_tokens("two words") == 7


def test_the_asynchronous_client_counts_and_estimates_alike() -> None:
    async def asked(simulator: Simulator) -> tuple[int, TokenEstimate]:
        url = simulator.base_url("gemini")
        async with AsyncClient("gemini/sim-small", base_url=url, api_key=KEY) as llm:
            return await llm.count_tokens("two words"), llm.estimate("two words")

    with Simulator(speed=math.inf) as simulator:
        counted, told = asyncio.run(asked(simulator))
        with client(simulator, "gemini") as llm:
            assert (counted, told) == (7, llm.estimate("two words"))


@pytest.mark.parametrize("dialect", ["openai-chat", "cohere", "ollama"])
def test_who_cannot_count_says_so_before_anybody_is_asked(dialect: str) -> None:
    io = ScriptedIO([])
    llm = Client(f"{dialect}/m", base_url="http://127.0.0.1:1/v1", api_key=KEY, io=io)
    with pytest.raises(UnsupportedOperationError, match=r"estimate\(prompt\)") as caught:
        llm.count_tokens("hi")
    assert caught.value.hint is not None
    assert not io.requests


def test_an_object_of_ones_own_counts_nothing() -> None:
    class Mine:
        def generate(self, request: Any) -> str:
            return "hi"

    with pytest.raises(UnsupportedOperationError):
        Client(Mine()).count_tokens("hi")
    assert Client(Mine()).estimate("hi").family == "generic"


def scripted(*replies: Scripted, model: str = "anthropic/claude-haiku-4-5", **options: Any) -> tuple[Client, ScriptedIO]:
    io = ScriptedIO(list(replies))
    keys = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    return Client(model, settings=Settings(keys), io=io, **options), io


@pytest.mark.parametrize("status", [404, 405])
def test_an_endpoint_without_the_path_cannot_count(status: int) -> None:
    llm, _ = scripted(Scripted(status, {}, [b'{"error": {"message": "no such path"}}']))
    with pytest.raises(UnsupportedOperationError, match="does not count") as caught:
        llm.count_tokens("hi")
    assert isinstance(caught.value.__cause__, NotFoundError | InvalidRequestError)


def test_other_errors_are_the_targets_own_and_no_other_is_asked() -> None:
    busy = Scripted(429, {}, [b'{"error": {"type": "rate_limit_error", "message": "slow down"}}'])
    llm, io = scripted(busy, retries=0, fallbacks=["openai/gpt-5.4"])
    with pytest.raises(RateLimitError):
        llm.count_tokens("hi")
    assert len(io.requests) == 1


def test_it_is_tried_again_as_any_call_is() -> None:
    llm, io = scripted(Scripted(500, {}, [b"{}"]), Scripted(200, {}, [b'{"input_tokens": 9}']))
    assert llm.count_tokens("hi") == 9
    assert [request.url for request in io.requests] == ["https://api.anthropic.com/v1/messages/count_tokens"] * 2


def test_what_is_wrong_is_told_before_anybody_is_asked() -> None:
    llm, io = scripted()
    with pytest.raises(UsageError, match="temperatur"):
        llm.count_tokens("hi", temperatur=1)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="temperatur"):
        llm.estimate("hi", temperatur=1)  # type: ignore[call-arg]
    assert not io.requests


# -- estimates ---------------------------------------------------------------------------------------------------------


def answer(tokens: int) -> Scripted:
    body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": tokens, "output_tokens": 1},
    }  # fmt: skip
    return Scripted(200, {}, [msgspec.json.encode(body)])


def test_an_estimate_asks_nobody_and_knows_the_family() -> None:
    llm, io = scripted()
    told = llm.estimate("What is the capital of France?")  # 14, as the provider counts (recorded)
    assert told.family == "claude" and told.low <= 14 <= told.high and abs(told.tokens - 14) <= 1
    assert llm.estimate("What is 1 + 1?", model="openai/gpt-4o-mini").family == "o200k"
    assert not io.requests


def test_it_learns_from_what_was_counted_once_somebody_asked() -> None:
    llm, _ = scripted(*[answer(2_000)] * 3)
    llm.generate("hi there")
    first = llm.estimate("hi there")
    assert first.high < 100  # nobody had asked: nothing was learnt
    llm.generate("hi there")
    second = llm.estimate("hi there")
    assert abs(second.tokens - 2_000) <= 2 and second.low <= 2_000 <= second.high
    assert llm.with_options(temperature=0.5).estimate("hi there") == second  # one family, one experience
    assert llm.estimate("hi there", model="anthropic/claude-opus-4-1").high < 100
    llm.generate("hi there")
    assert llm.estimate("hi there").high - llm.estimate("hi there").low <= second.high - second.low


def test_it_learns_from_streams() -> None:
    rules = [Rule(Say("hi"), usage=Usage(input_tokens=70))]
    with Simulator(rules, speed=math.inf) as simulator, client(simulator, "anthropic-messages") as llm:
        before = llm.estimate("two words")
        with llm.stream("two words") as stream:
            assert [event.text for event in stream]
        after = llm.estimate("two words")
        assert before.high < 70 and abs(after.tokens - 70) <= 1


def test_answers_of_ones_own_and_replies_without_figures_teach_nothing() -> None:
    llm, _ = scripted(Scripted(400, {}, [b"{}"]), fallback_answer="sorry")
    before = llm.estimate("hi")
    assert llm.generate("hi").fallback
    assert llm.estimate("hi") == before


def test_of_many_targets_the_oldest_is_forgotten() -> None:
    llm, _ = scripted()
    for number in range(MOST + 5):
        llm.estimate("hi", model=f"anthropic/m-{number}")
    known, due = llm._calls.experience
    assert len(known) == MOST and due == known.keys()
    assert ("anthropic", "m-4") not in known and ("anthropic", "m-5") in known


def test_only_a_call_that_teaches_costs_more() -> None:
    llm, _ = scripted(answer(50), answer(5_000))
    few = len(llm._calls.call("hi", {}, False).observers)
    llm.estimate("hi")
    assert len(llm._calls.call("hi", {}, False).observers) == few + 1
    llm.generate("hi")
    assert len(llm._calls.call("hi", {}, False).observers) == few
    llm.generate("hi")  # nobody has asked for another estimate
    assert llm.estimate("hi").high < 100


def test_cache_is_a_word_or_a_mark() -> None:
    llm, _ = scripted()
    assert llm._calls.call("hi", {"cache": "auto"}, False).request.cache == CacheMark(auto=True)
    assert llm._calls.call("hi", {"cache": True}, False).request.cache == CacheMark()
    assert llm._calls.call("hi", {"cache": False}, False).request.cache is None
    with pytest.raises(UsageError, match="'auto'"):
        llm.generate("hi", cache="always")  # type: ignore[call-overload]


def test_a_stream_that_others_carried_on_teaches_nothing() -> None:
    def piece(text: str, finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    usage = {"prompt_tokens": 400, "completion_tokens": 2, "total_tokens": 402}
    kind = {"content-type": "text/event-stream"}
    whole = Scripted(200, kind, [piece("b", "stop", usage=usage), b"data: [DONE]\n\n"])
    for replies, learns in (([Scripted(200, kind, [piece("a ")]), whole], False), ([whole], True)):
        io = ScriptedIO(replies)
        settings = Settings({"OPENAI_API_KEY": KEY})
        llm = Client("openai/gpt-4o-mini", dialect="openai-chat", settings=settings, io=io, on_interrupt="continue")
        before = llm.estimate("two words")
        with llm.stream("two words") as stream:
            list(stream)
            assert stream.response.text.endswith("b")
        assert (llm.estimate("two words") != before) is learns
