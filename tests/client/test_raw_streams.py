"""Requests of the caller's own: streamed, and with other addresses of the same provider to fall back on."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from trunkline import (
    AllTargetsFailedError,
    AsyncClient,
    Client,
    InvalidRequestError,
    OpaqueEvent,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    TransportError,
    UsageError,
)
from trunkline.sim import Cut, Fail, Reset, Rule, Say, Simulator, StreamError

WORDS = ("two ", "and ", "two")
ASK = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "hi"}], "odd": [1]}
MOVES = (OverloadedError, ServerError, TransportError)


@pytest.fixture
def sims() -> Iterator[tuple[Simulator, Simulator]]:
    with Simulator([Rule(Say(WORDS))], speed=math.inf) as first, Simulator([Rule(Say(WORDS))], speed=math.inf) as second:
        yield first, second


def client(sims: tuple[Simulator, Simulator], **options: Any) -> Client:
    first, second = (sim.base_url("openai-chat") for sim in sims)
    return Client("openai/m-1", api_key="k", base_url=first, fallbacks=[{"base_url": second}], retries=0, **options)


def test_pieces_come_before_their_events(sims: tuple[Simulator, Simulator]) -> None:
    with client(sims) as llm, llm.stream_request("POST", "/chat/completions", json=ASK) as stream:
        events = list(stream)
        reply = stream.response
    pieces = [event.data for event in events if isinstance(event, OpaqueEvent)]
    assert isinstance(events[0], OpaqueEvent)
    assert pieces[-1] == b"[DONE]"
    told = [choice["delta"].get("content") for piece in pieces[:-1] for choice in json.loads(piece)["choices"]]
    assert [text for text in told if text] == [event.text for event in events if event.text] == list(WORDS)
    assert (reply.text, reply.finish_reason, reply.partial) == ("".join(WORDS), "stop", False)
    [asked] = sims[0].requests
    assert json.loads(asked.http.body) == ASK


def test_asynchronously(sims: tuple[Simulator, Simulator]) -> None:
    async def main() -> str:
        async with (
            AsyncClient("openai/m-1", api_key="k", base_url=sims[0].base_url("openai-chat")) as llm,
            llm.stream_request("POST", "/chat/completions", json=ASK) as stream,
        ):
            return "".join([text async for text in stream.text])

    assert asyncio.run(main()) == "".join(WORDS)


@pytest.mark.parametrize("step", [Fail(503), Fail(500), Reset(), Cut(events=0), StreamError("overloaded")])
def test_before_the_first_word_another_address_answers(step: Any, sims: tuple[Simulator, Simulator]) -> None:
    sims[0].use([Rule(step)])
    with client(sims, fallback_on=MOVES) as llm:
        with llm.stream_request("POST", "/chat/completions", json=ASK) as stream:
            assert "".join(stream.text) == "".join(WORDS)
        if not isinstance(step, Cut | StreamError):
            assert b"two" in llm.request("POST", "/chat/completions", json={**ASK, "stream": False}).body
    assert all(asked.status == 200 for asked in sims[1].requests)
    assert len(sims[1].requests) in (1, 2)


def test_after_the_first_word_nobody_else_is_asked(sims: tuple[Simulator, Simulator]) -> None:
    sims[0].use([Rule(Say("two "), Reset())])
    with (
        client(sims) as llm,
        pytest.raises(StreamInterruptedError) as caught,
        llm.stream_request("POST", "/chat/completions", json=ASK) as stream,
    ):
        list(stream)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "two "
    assert not sims[1].requests


@pytest.mark.parametrize("status,kind", [(401, ProviderError), (429, RateLimitError), (400, InvalidRequestError)])
def test_errors_that_are_not_named_do_not_move_on(status: int, kind: type[Exception], sims: tuple[Simulator, Simulator]) -> None:
    sims[0].use([Rule(Fail(status))])
    with client(sims, fallback_on=MOVES) as llm:
        for ask in (lambda: llm.request("POST", "/chat/completions", json=ASK), lambda: llm.generate("hi")):
            with pytest.raises(kind) as caught:
                ask()
            assert not isinstance(caught.value, AllTargetsFailedError)
        assert not sims[1].requests
        with pytest.raises(ServerError):
            sims[0].use([Rule(Fail(500))])
            llm.generate("hi", fallback_on=[RateLimitError])
        sims[0].use([Rule(Fail(429))])
        with pytest.raises(RateLimitError):  # the same key at another address has the same quota
            llm.generate("hi", fallback_on=[RateLimitError])
        other = [{"base_url": sims[1].base_url("openai-chat"), "quota": "another"}]
        assert llm.generate("hi", fallback_on=[RateLimitError], fallbacks=other).text == "".join(WORDS)
        assert llm.generate("hi", fallback_on=None, fallbacks=other).text == "".join(WORDS)


def test_a_raw_request_goes_to_no_other_provider(sims: tuple[Simulator, Simulator]) -> None:
    sims[0].use([Rule(Fail(503))])
    address, other = (sim.base_url("openai-chat") for sim in sims)
    fallbacks: list[Any] = [{"model": "groq/x", "api_key": "k2", "base_url": other}, "openai/m-2"]
    llm = Client("openai/m-1", api_key="k", base_url=address, fallbacks=fallbacks, retries=0)
    with llm, pytest.raises(OverloadedError):
        llm.request("POST", "/chat/completions", json=ASK)
    assert (len(sims[0].requests), len(sims[1].requests)) == (1, 0)


@pytest.mark.parametrize("wrong", [[ValueError], "RateLimitError", [RateLimitError("x")], 3])
def test_no_class_of_errors(wrong: Any) -> None:
    with pytest.raises(UsageError, match="fallback_on"):
        Client("openai/m", fallback_on=wrong)
