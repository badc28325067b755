"""System D on Azure: backups in other regions, configuration, connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.seeds.azure import ASK, CTX, PATH, WORDS, ask, bodies, config, heard, mini
from tests.seeds.conftest import KEY
from trunkline import (
    AllTargetsFailedError,
    AuthenticationError,
    DeadlineError,
    MalformedResponseError,
    RateLimitError,
    StreamInterruptedError,
    TransportError,
    UsageError,
)
from trunkline.compat.core.llms import (
    AzureConnector,
    GPT_4_1_MiniLLM,
    create_llm,
)
from trunkline.compat.core.llms.providers.azure.regions import region_of
from trunkline.sim import Close, Cut, Fail, Raw, Reset, Rule, Say, Simulator, Stall, StreamError


@pytest.mark.parametrize("step", [Fail(503), Fail(500), Reset(), Close(), Stall()])
def test_another_region_answers(step: Any, east: Simulator, west: Simulator) -> None:
    east.use([Rule(step)])
    llm = mini(east, west, timeout=0.15 if isinstance(step, Stall) else 30, retries=0)

    async def act(llm: Any) -> tuple[str, list[str]]:
        answer = await llm.get_answer(ASK, CTX, max_tokens=5)
        return answer.content, [chunk.content for chunk in await heard(llm)]

    assert ask(llm, act) == ("".join(WORDS), [*WORDS, ""])
    assert [asked.status for asked in west.requests] == [200, 200]
    assert all(str(asked.http.url).endswith(PATH) for asked in west.requests)
    assert all(asked.http.headers.get("api-key") == KEY for asked in west.requests)


def test_a_region_that_refuses_connections(refused: str, east: Simulator) -> None:
    llm = mini(east, endpoint=refused, backups=[{"endpoint": east.url}])
    assert ask(llm, heard)[-1].is_final
    with pytest.raises(AllTargetsFailedError):
        ask(mini(east, endpoint=refused, backups=[{"endpoint": f"{refused}/x", "region": "far"}], retries=0), heard)
    with pytest.raises(TransportError):
        ask(mini(east, endpoint=refused, retries=0), heard)


@pytest.mark.parametrize("step", [Cut(events=0), StreamError("overloaded"), Reset()])
def test_before_the_first_word_nobody_notices(step: Any, east: Simulator, west: Simulator) -> None:
    """Azure's first piece tells nothing but what its filter thinks: a stream that ends there has not begun."""
    odd = b'data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}\n\n'
    east.use([Rule(Raw([odd], headers={"content-type": "text/event-stream"}), step) if isinstance(step, Reset) else Rule(step)])
    llm = mini(east, west, retries=0)
    assert "".join(chunk.content for chunk in ask(llm, heard)) == "".join(WORDS)
    assert len(west.requests) == 1


def test_after_the_first_word_the_stream_says_that_it_broke(east: Simulator, west: Simulator) -> None:
    east.use([Rule(Say("two "), Reset())])
    with pytest.raises(StreamInterruptedError):
        ask(mini(east, west), heard)
    assert not west.requests


@pytest.mark.parametrize("status,kind", [(401, AuthenticationError), (429, RateLimitError)])
def test_a_wrong_key_or_a_rate_limit_is_no_reason(status: int, kind: type[Exception], east: Simulator, west: Simulator) -> None:
    east.use([Rule(Fail(status))])
    llm = mini(east, west, retries=0)

    async def act(llm: Any) -> None:
        for asked in (lambda: llm.get_answer(ASK, CTX), lambda: heard(llm)):
            with pytest.raises(kind) as caught:
                await asked()
            assert KEY not in str(caught.value)

    ask(llm, act)
    assert (len(east.requests), len(west.requests)) == (2, 0)


def test_a_region_that_keeps_failing_is_passed_over(east: Simulator, west: Simulator) -> None:
    """Its circuit is open: nobody asks it for a while, and the backup answers at once."""
    east.use([Rule(Fail(503))])

    async def act(llm: Any) -> None:
        for _ in range(7):
            assert (await llm.get_answer(ASK, CTX)).content == "".join(WORDS)
        assert [chunk.content for chunk in await heard(llm)] == [*WORDS, ""]
        circuits = [target.circuit for target in llm.connector._get_session().status().targets]
        assert circuits == ["open", "closed"]

    ask(mini(east, west), act)
    assert (len(east.requests), len(west.requests)) == (5, 8)


@pytest.mark.parametrize("status,kind", [(401, AuthenticationError), (429, RateLimitError)])
def test_nor_does_a_wrong_key_or_a_rate_limit_open_its_circuit(
    status: int, kind: type[Exception], east: Simulator, west: Simulator
) -> None:
    """However often: the backup is never asked, and the region always."""
    east.use([Rule(Fail(status))])

    async def act(llm: Any) -> None:
        for _ in range(7):
            with pytest.raises(kind):
                await llm.get_answer(ASK, CTX)

    ask(mini(east, west, retries=0), act)
    assert (len(east.requests), len(west.requests)) == (7, 0)


def test_a_backup_says_what_differs(east: Simulator, west: Simulator) -> None:
    east.use([Rule(Fail(503))])
    other = {"endpoint": west.url, "api_key": "k" * 24, "deployment_name": "mini-2", "api_version": "2025-03-01-preview"}
    assert ask(mini(east, backups=[other]), heard)[-1].is_final
    [asked] = west.requests
    assert str(asked.http.url).endswith("/openai/deployments/mini-2/chat/completions?api-version=2025-03-01-preview")
    assert asked.http.headers.get("api-key") == "k" * 24


@pytest.mark.parametrize("backup", [
    {"endpoint": "https://acme-eastus.openai.azure.com"}, {"deployment_name": "other"}, {"endpoint": "https://x.openai.azure.com", "region": "eastus"},
])  # fmt: skip
def test_a_backup_in_the_same_region_warns(backup: dict[str, Any]) -> None:
    section = {"api_key": KEY, "endpoint": "https://eastus.openai.azure.com", "deployment_name": "d", "backups": [backup]}
    with pytest.warns(UserWarning, match=r"backups\[0\] is in the same region.*eastus"):
        AzureConnector(section)


def test_regions_by_name() -> None:
    hosts = {"acme-eastus2.openai.azure.com": "eastus2", "eastus.x": "eastus", "west-europe-1.x": "westeurope", "acme.x": None}
    assert {host: region_of(host) for host in hosts} == hosts


@pytest.mark.parametrize("wrong,named", [
    ({"backups": ["https://west"]}, r"backups\[0\]"), ({"backups": [{"url": "x"}]}, r"backups\[0\]"), ({"deployment_name": None}, "deployment_name"),
    ({"endpoint": "no url"}, "base_url"), ({"timeout": -1}, "timeout"),
    ({"api_version": "v1", "backups": [{"endpoint": "http://127.0.0.1:1", "deployment_name": "e"}]}, "deployment_name"),
])  # fmt: skip
def test_bad_configuration_is_told_by_name(wrong: dict[str, Any], named: str) -> None:
    section = {"api_key": KEY, "endpoint": "https://eastus.openai.azure.com", "deployment_name": "d", **wrong}
    with pytest.raises(UsageError, match=named):
        ask(GPT_4_1_MiniLLM(AzureConnector(section)), heard)


@pytest.mark.parametrize("name", ["AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"])
def test_the_environment_configures(name: str, east: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {name: KEY, "AZURE_OPENAI_ENDPOINT": east.url, "AZURE_OPENAI_DEPLOYMENT": "gpt-4.1-mini"}.items():
        monkeypatch.setenv(variable, value)
    assert ask(create_llm("azure-gpt-4.1-mini"), heard)[-1].is_final
    [asked] = east.requests
    assert str(asked.http.url).endswith(PATH)
    assert asked.http.headers.get("api-key") == KEY


def test_the_newer_addresses(east: Simulator, west: Simulator) -> None:
    east.use([Rule(Fail(503))])
    assert ask(mini(east, west, api_version="v1"), heard)[-1].is_final
    [asked] = west.requests
    assert str(asked.http.url) == f"{west.url}/openai/v1/chat/completions"
    assert bodies(west)[0]["model"] == "gpt-4.1-mini"


def test_one_pool_for_all_requests(east: Simulator) -> None:
    connector = AzureConnector(config(east))

    async def main() -> None:
        async with connector:
            for _ in range(3):
                assert (await connector.request("chat/completions", {"messages": ASK}))["choices"]
            pieces = [piece async for piece in connector.stream("chat/completions", {"messages": ASK})]
            assert pieces[-1]["choices"][0]["finish_reason"] == "stop"
            session = connector._get_session()
        assert (await connector.request("/chat/completions", {"messages": ASK}))["choices"], "closed, it opens others"
        assert connector._get_session() is not session
        await connector.close()

    asyncio.run(main())
    assert len({asked.http.headers.get("host") for asked in east.requests}) == 1


def test_a_reply_that_is_none(east: Simulator) -> None:
    east.use([Rule(Raw([b"[1]"], headers={"content-type": "application/json"}), times=1), Rule(Raw([b"{}"]))])

    async def act(llm: Any) -> None:
        for _ in range(2):
            with pytest.raises(MalformedResponseError):
                await llm.get_answer(ASK, CTX)

    ask(mini(east), act)


def test_a_whole_answer_in_place_of_a_stream(east: Simulator) -> None:
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "two and"}}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    east.use([Rule(Raw([json.dumps(body).encode()], headers={"content-type": "application/json"}))])
    first, last = ask(mini(east), heard)
    assert (first.content, last.finish_reason, last.usage, last.is_final) == ("two and", "length", usage, True)


def test_a_stream_may_be_left(east: Simulator) -> None:
    async def act(llm: Any) -> str:
        chunks = llm.stream_answer(ASK, CTX)
        first = await anext(chunks)
        await chunks.aclose()
        return str(first.content)

    assert ask(mini(east), act) == WORDS[0]


def test_a_slow_region_without_backups(east: Simulator) -> None:
    east.use([Rule(Stall())])
    with pytest.raises(DeadlineError):
        ask(mini(east, timeout=0.1, retries=0), heard)
