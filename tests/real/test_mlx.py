"""A local model server that we have not written, mlx-lm, asked through the public API, by both clients.

``make test-real`` installs it into ``.venv-real/mlx``. It answers with tiny models that have learnt a few sentences by heart: two that
reason and call tools, and one of gpt-oss's kind, whose markup the server hands on as text. It speaks HTTP/1.0 without keep-alive, sends
comments between its events, and ends its streams with a chunk of usage and ``[DONE]``.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import owed
from trunkline import AsyncClient, Client, MalformedResponseError, NotFoundError, Response, StepEnded, ToolEnded, ToolStarted
from trunkline.values.events import ReasoningDelta, TextDelta
from trunkline.values.message import Reasoning, Text

SERVER = Path(__file__).resolve().parents[2] / ".venv-real" / "mlx" / "bin" / "python"
MODELS = ("tiny-llama", "tiny-qwen2", "tiny-gptoss-mlx")
TALKERS, HARMONY = MODELS[:2], MODELS[2]
HELLO = "Hello there, I am a tiny model."
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "w",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
                if reply.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not come up in time:\n{log.read_text()}")


@pytest.fixture(scope="module")
def servers(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Base URLs of a server for each model; they start side by side."""
    owed(SERVER, "mlx")
    home = tmp_path_factory.mktemp("mlx")
    (home / "hub").mkdir()  # without this folder the server answers /v1/models with an empty body
    running: dict[str, tuple[subprocess.Popen[bytes], str, Path]] = {}
    try:
        for model in MODELS:
            port, log = _free_port(), home / f"{model}.log"
            running[model] = (_start(shared / "real" / "models" / model, port, home, log), f"http://127.0.0.1:{port}", log)
        for server, url, log in running.values():
            _wait_until_healthy(url, server, log)
        yield {model: f"{url}/v1" for model, (_, url, _) in running.items()}
    finally:
        for server, _, _ in running.values():
            server.terminate()
        for server, _, _ in running.values():
            server.wait(30)


def _start(model: Path, port: int, home: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [str(SERVER), "-m", "mlx_lm", "server", "--model", str(model), "--host", "127.0.0.1", "--port", str(port)]
    environment = {"PATH": os.defpath, "HOME": str(home), "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)


Ask = Callable[..., tuple[Response, Response, list[Any]]]
"""The whole reply, that of the stream, and the stream's events."""


def _blocking(model: str, base_url: str, prompt: Any, **options: Any) -> tuple[Response, Response, list[Any]]:
    with Client(model, base_url=base_url) as client:
        whole = client.generate(prompt, **options)
        with client.stream(prompt, **options) as stream:
            events = list(stream)
        return whole, stream.response, events


def _asynchronous(model: str, base_url: str, prompt: Any, **options: Any) -> tuple[Response, Response, list[Any]]:
    async def asked() -> tuple[Response, Response, list[Any]]:
        async with AsyncClient(model, base_url=base_url) as client:
            whole = await client.generate(prompt, **options)
            async with client.stream(prompt, **options) as stream:
                events = [event async for event in stream]
            return whole, stream.response, events

    return asyncio.run(asked())


@pytest.fixture(params=[_blocking, _asynchronous], ids=["blocking", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


@pytest.fixture(params=TALKERS)
def base_url(request: pytest.FixtureRequest, servers: dict[str, str]) -> str:
    return servers[request.param]


@pytest.fixture(params=["local", "mlx"])
def model(request: pytest.FixtureRequest) -> str:
    """By both providers' names: of any server, and of this kind."""
    return f"{request.param}/default_model"


@pytest.fixture
def llm(base_url: str) -> Iterator[Client]:
    with Client("local/default_model", base_url=base_url) as client:
        yield client


def test_it_answers(ask: Ask, model: str, base_url: str) -> None:
    whole, streamed, events = ask(model, base_url, "hi", max_tokens=40)
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 1
    assert "".join(pieces) == HELLO
    for reply in (whole, streamed):
        assert reply.text == HELLO
        assert (reply.finish_reason, reply.raw_finish_reason) == ("stop", "stop")
        assert reply.usage.output_tokens == 10
        assert reply.provider == model.partition("/")[0]


def test_it_counts(ask: Ask, base_url: str) -> None:
    whole, streamed, _ = ask("local/default_model", base_url, "count", max_tokens=60)
    assert whole.text == streamed.text == "One two three four five six seven eight nine ten."


def test_it_reasons(ask: Ask, model: str, servers: dict[str, str]) -> None:
    whole, streamed, events = ask(model, servers["tiny-llama"], "think", max_tokens=40)
    for reply in (whole, streamed):
        assert (reply.reasoning, reply.text) == ("One two three", "Hello there.")
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello there."
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "One two three"


def test_it_calls_a_tool(ask: Ask, model: str, servers: dict[str, str]) -> None:
    whole, streamed, _ = ask(model, servers["tiny-llama"], "weather", tools=[WEATHER], max_tokens=60)
    for reply in (whole, streamed):
        assert reply.finish_reason == "tool_calls"
        assert [(call.name, call.arguments) for call in reply.tool_calls] == [("get_weather", {"city": "Paris"})]


def test_a_call_without_its_tags_stays_text(ask: Ask, model: str, servers: dict[str, str]) -> None:
    """This one has learnt how a call's arguments look, and not how a call begins."""
    whole, streamed, _ = ask(model, servers["tiny-qwen2"], "weather", tools=[WEATHER], max_tokens=60)
    for reply in (whole, streamed):
        assert (reply.finish_reason, reply.tool_calls, reply.usage.output_tokens) == ("length", (), 60)
    assert '"city": "Paris"' in whole.text
    assert whole.text == streamed.text


def test_markup_of_gpt_oss_is_read(ask: Ask, model: str, servers: dict[str, str]) -> None:
    """The server hands it on as the text: ``<|channel|>analysis<|message|>…<|channel|>final<|message|>…``."""
    whole, streamed, events = ask(model, servers[HARMONY], "hi", max_tokens=60)
    for reply in (whole, streamed):
        assert [type(part) for part in reply.parts] == [Reasoning, Text]
        assert (reply.reasoning, reply.text) == ("One two three", HELLO)
        assert reply.finish_reason == "stop"
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 1
    assert "".join(pieces) == HELLO


def test_a_thought_that_the_limit_cuts_is_no_answer(ask: Ask, servers: dict[str, str]) -> None:
    whole, streamed, _ = ask("mlx/default_model", servers[HARMONY], "hi", max_tokens=12)
    for reply in (whole, streamed):
        assert (reply.text, reply.finish_reason) == ("", "length")
        assert reply.reasoning
        assert "One two three".startswith(reply.reasoning)


def test_its_markup_comes_raw(servers: dict[str, str]) -> None:
    """What the two tests before rest on."""
    sent = {"model": "default_model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 60}
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(f"{servers[HARMONY]}/chat/completions", json.dumps(sent).encode(), headers)
    with urllib.request.urlopen(asked, timeout=30) as reply:
        said = json.load(reply)["choices"][0]["message"]["content"]
    assert "<|channel|>analysis<|message|>" in said


def test_it_remembers_the_conversation(llm: Client) -> None:
    first = llm.generate("hi", max_tokens=40)
    reply = llm.generate([{"role": "user", "content": "hi"}, first.message, {"role": "user", "content": "count"}], max_tokens=40)
    assert reply.usage.input_tokens is not None
    assert first.usage.input_tokens is not None
    assert reply.usage.input_tokens > first.usage.input_tokens


def test_it_stops_where_the_limit_is(llm: Client) -> None:
    reply = llm.generate("count", max_tokens=3)
    assert reply.finish_reason == "length"
    assert reply.text.startswith("One two")


def test_an_unknown_model_is_not_found(base_url: str) -> None:
    with Client("local/nobody-made-this", base_url=base_url, retries=0) as client, pytest.raises(NotFoundError) as caught:
        client.generate("hi")
    assert caught.value.status == 404
    assert "snapshot" in str(caught.value)


def test_an_unknown_model_is_not_found_asynchronously(servers: dict[str, str]) -> None:
    async def asked() -> None:
        async with AsyncClient("mlx/nobody-made-this", base_url=servers[HARMONY], retries=0) as client:
            await client.generate("hi")

    with pytest.raises(NotFoundError) as caught:
        asyncio.run(asked())
    assert caught.value.status == 404


@pytest.mark.parametrize("name", MODELS)
def test_it_lists_its_models(name: str, model: str, servers: dict[str, str]) -> None:
    async def listed() -> list[str]:
        async with AsyncClient(model, base_url=servers[name]) as client:
            return [str(found) for found in await client.models(live=True)]

    with Client(model, base_url=servers[name]) as client:
        found = [str(found) for found in client.models(live=True)]
    assert any(name in one for one in found)
    assert found == asyncio.run(listed())


def test_the_command_asks_it(base_url: str) -> None:
    command = [sys.executable, "-m", "trunkline", "ask", "hi", "--model", "local/default_model"]
    out = subprocess.run([*command, "--base-url", base_url], capture_output=True, text=True, timeout=60, check=False)
    assert (out.returncode, out.stdout.strip()) == (0, HELLO), out.stderr


def test_an_output_that_it_cannot_give_is_a_clear_error(llm: Client) -> None:
    """It knows a few sentences by heart, and no JSON: it is told so once."""
    with pytest.raises(MalformedResponseError, match="not JSON") as caught:
        llm.generate("hi", output=list[int], max_tokens=60)
    reply = caught.value.response
    assert reply is not None
    assert [step.response.text for step in reply.steps if step.correction] == [HELLO] or reply.finish_reason == "length"
    assert len(reply.attempts) == len(reply.steps) + 1
    with llm.stream("hi", output=list[int], max_tokens=60) as stream, pytest.raises(MalformedResponseError):
        assert [stream.partial for _ in stream] == []


def get_weather(city: str) -> str:
    """w"""  # as the models have learnt it
    return f"The weather in {city} is sunny."


def test_a_run_calls_the_tool_and_is_answered(servers: dict[str, str]) -> None:
    """The model has learnt to call it; what it says to its result it has not."""
    base_url = servers["tiny-llama"]
    told = "The weather in Paris is sunny."
    with Client("mlx/default_model", base_url=base_url) as llm:
        whole = llm.run("weather", tools=[get_weather], max_tokens=40)
        with llm.stream_run("weather", tools=[get_weather], max_tokens=40) as stream:
            events = list(stream)

    async def asked() -> Response:
        async with AsyncClient("mlx/default_model", base_url=base_url) as llm:
            return await llm.run("weather", tools=[get_weather], max_tokens=40)

    for reply in (whole, stream.response, asyncio.run(asked())):
        (step,) = reply.steps
        assert [call.arguments for call in step.response.tool_calls] == [{"city": "Paris"}]
        assert [part for result in step.results for part in result.parts] == [Text(told)]
        assert reply.finish_reason in ("stop", "length")
        assert reply.usage.output_tokens is not None
    assert [type(event) for event in events if isinstance(event, StepEnded | ToolStarted | ToolEnded)] == [
        StepEnded, ToolStarted, ToolEnded,
    ]  # fmt: skip
