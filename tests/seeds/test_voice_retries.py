"""System B's automatic retries: three attempts, waits of 2 s and 4 s, transient errors only, nobody waited for who is not there."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents
from tests.seeds.test_on_the_simulator import BACKENDS, FOUR, assistant
from tests.seeds.test_voice_conversations import adaptive, answered, both
from trunkline import ConnectionRefusedByHostError, RetryPolicy
from trunkline.compat.voice_assistant.llm import (
    LLMConnectionError,
    LLMError,
    LLMInvalidRequestError,
    LLMProvider,
    LLMRateLimitError,
    Message,
    MessageRole,
    ProviderFactory,
)
from trunkline.io.aio import AsyncIO
from trunkline.sim import Fail, Reset, Rule, Say, Simulator

ASKED = [Message(MessageRole.USER, "What is 2+2?")]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is waited between attempts, which takes no time."""
    waited: list[float] = []

    async def sleep(self: AsyncIO, seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(AsyncIO, "sleep", sleep)
    return waited


async def whole(provider: LLMProvider, **options: Any) -> str:
    async with provider:
        return (await provider.complete(ASKED, **options)).content


async def streamed(provider: LLMProvider, **options: Any) -> str:
    async with provider:
        return "".join([piece async for piece in provider.stream_complete(ASKED, **options)])  # type: ignore[union-attr]


@pytest.mark.parametrize("heard", [whole, streamed])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [Fail(429), Fail(529), Fail(500), Reset()])
def test_waits_as_the_document_says(
    step: Any, backend: str, heard: Any, documents: Documents, simulated: Simulator, waits: list[float]
) -> None:
    [told] = re.findall(
        r"Exponential backoff \((\d)s, (\d)s, (\d)s\)", (documents._folder / "002_faef08588bcd7520.txt").read_text()
    )
    simulated.use([Rule(step, times=2), Rule(Say(FOUR))])
    assert asyncio.run(heard(assistant(backend, simulated))) == FOUR
    assert waits == [int(seconds) for seconds in told[:2]] == [2, 4]
    simulated.use([Rule(step)])
    with pytest.raises(LLMRateLimitError if step == Fail(429) else LLMConnectionError):
        asyncio.run(heard(assistant(backend, simulated)))
    assert waits == [2, 4] * 2, "three attempts, and no more"
    waits.clear()
    simulated.use([Rule(step, times=3), Rule(Say(FOUR))])
    assert asyncio.run(heard(assistant(backend, simulated, retries=3))) == FOUR
    assert waits == [2, 4, 8] == [int(seconds) for seconds in told]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_only_what_may_pass_is_tried_again(status: int, simulated: Simulator, waits: list[float]) -> None:
    simulated.use([Rule(Fail(status))])
    with pytest.raises(LLMInvalidRequestError):
        asyncio.run(whole(assistant("openai", simulated)))
    assert (waits, len(simulated.requests)) == ([], 1)


def test_a_provider_that_says_how_long_is_obeyed(simulated: Simulator, waits: list[float]) -> None:
    simulated.use([Rule(Fail(429, headers={"retry-after": "7"}), times=1), Rule(Say(FOUR))])
    assert asyncio.run(whole(assistant("openai", simulated))) == FOUR
    assert waits == [7]


@pytest.mark.parametrize(
    ("section", "call", "expected"),
    [
        ({}, {"retries": 1}, [2]),
        ({"retries": 1}, {}, [2]),
        ({"retries": 4}, {}, [2, 4, 8, 8]),
        ({"retries": RetryPolicy(2, first=0.25, factor=3, jitter=False)}, {}, [0.25, 0.75]),
        ({}, {"retries": RetryPolicy(1, first=0.5, jitter=False)}, [0.5]),
    ],
)
def test_other_waits_may_be_said(
    section: dict[str, Any], call: dict[str, Any], expected: list[float], simulated: Simulator, waits: list[float]
) -> None:
    simulated.use([Rule(Fail(529))])
    with pytest.raises(LLMConnectionError):
        asyncio.run(whole(assistant("openai", simulated, **section), **call))
    assert waits == expected


def at(backend: str, url: str, **section: Any) -> LLMProvider:
    return ProviderFactory.create(backend, {"base_url": url, "api_key": KEY, "model": "m", **section})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_is_waited_for_who_is_not_there(host: str, backend: str, refused: str, waits: list[float]) -> None:
    for heard in (whole, streamed):
        with pytest.raises(LLMConnectionError) as caught:
            asyncio.run(heard(at(backend, refused.replace("127.0.0.1", host))))
        assert isinstance(caught.value.__cause__, ConnectionRefusedByHostError)
    assert waits == []


@pytest.mark.parametrize("section", [{"retries": RetryPolicy(2, first=2.0, jitter=False)}])
def test_unless_the_host_says_so(section: dict[str, Any], refused: str, waits: list[float]) -> None:
    with pytest.raises(LLMConnectionError):
        asyncio.run(whole(at("local_gpt_oss", refused, **section)))
    assert waits == [2, 4]


@pytest.mark.parametrize("url,here", [
    ("http://localhost:8080", True), ("http://127.0.0.1/v1", True), ("http://127.8.9.1", True), ("http://[::1]:80", True),
    ("http://gpt.localhost", True), ("http://192.168.1.7:8080", False), ("https://api.openai.com", False), ("http://10.0.0.1", False),
    ("http://localhost.example", False), ("http://[::1", False), ("", False), (None, False), (5, False),
])  # fmt: skip
def test_which_addresses_are_this_machines(url: Any, here: bool) -> None:
    from trunkline.compat.voice_assistant.llm.providers import trunk

    assert trunk._retries(2, url).never == ((ConnectionRefusedByHostError,) if here else ())


@pytest.mark.parametrize("retries", [-1, "x", 101])
def test_a_count_that_is_none(retries: Any) -> None:
    with pytest.raises(LLMInvalidRequestError, match="retries"):
        at("openai", "http://127.0.0.1:1", retries=retries)


def test_the_adaptive_sample_moves_at_once(documents: Documents, simulated: Simulator, refused: str, waits: list[float]) -> None:
    """Nothing listens where the local model should be; the configuration says nothing of retries."""
    simulated.use([Rule(Say("Here."))])
    made = adaptive(documents, both({"base_url": refused}, simulated))
    assert asyncio.run(answered(made)) == ("AnthropicProvider", "Here.")
    assert waits == []


def test_a_circuit_that_is_open_is_a_connection_that_failed(simulated: Simulator, waits: list[float]) -> None:
    simulated.use([Rule(Fail(500))])

    async def main() -> None:
        async with assistant("openai", simulated, retries=0) as provider:
            for _ in range(5):
                with pytest.raises(LLMError):
                    await provider.complete(ASKED)
            with pytest.raises(LLMConnectionError, match="failed too often"):
                await provider.complete(ASKED)

    asyncio.run(main())
    assert len(simulated.requests) == 5
