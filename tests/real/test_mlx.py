"""A local model server that we have not written, mlx-lm, asked through the public API.

``make test-real`` installs it into ``.venv-real/mlx``. It answers with a tiny model that has learnt a few sentences by heart. It speaks
HTTP/1.0 without keep-alive, sends comments between its events, and ends its streams with a chunk of usage and ``[DONE]``.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline import AsyncClient, Client, NotFoundError

SERVER = Path(__file__).resolve().parents[2] / ".venv-real" / "mlx" / "bin" / "python"
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
def base_url(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    assert SERVER.exists(), "make test-real installs the server"
    home = tmp_path_factory.mktemp("mlx")
    (home / "hub").mkdir()  # without this folder the server answers /v1/models with an empty body
    port = _free_port()
    log = home / "server.log"
    command = [str(SERVER), "-m", "mlx_lm", "server", "--model", str(shared / "real" / "models" / "tiny-llama")]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"PATH": os.defpath, "HOME": str(home), "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"},
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def llm(base_url: str) -> Iterator[Client]:
    with Client("local/default_model", base_url=base_url) as client:
        yield client


def test_it_answers(llm: Client) -> None:
    reply = llm.generate("hi", max_tokens=40)
    assert reply.text == HELLO
    assert (reply.finish_reason, reply.raw_finish_reason) == ("stop", "stop")
    assert reply.usage.output_tokens == 10
    assert reply.provider == "local"


def test_it_streams(llm: Client) -> None:
    with llm.stream("hi", max_tokens=40) as stream:
        pieces = [event.text for event in stream if event.text]
    assert len(pieces) > 1
    assert "".join(pieces) == HELLO
    assert stream.response.text == HELLO
    assert stream.response.usage.output_tokens == 10


def test_it_streams_asynchronously(base_url: str) -> None:
    async def ask() -> tuple[str, str]:
        async with AsyncClient("local/default_model", base_url=base_url) as client:
            reply = await client.generate("hi", max_tokens=40)
            async with client.stream("hi", max_tokens=40) as stream:
                text = "".join([event.text async for event in stream if event.text])
            return reply.text, text

    assert asyncio.run(ask()) == (HELLO, HELLO)


def test_it_reasons(llm: Client) -> None:
    reply = llm.generate("think", max_tokens=40)
    assert (reply.reasoning, reply.text) == ("One two three", "Hello there.")
    with llm.stream("think", max_tokens=40) as stream:
        list(stream)
    assert (stream.response.reasoning, stream.response.text) == ("One two three", "Hello there.")


def test_it_calls_a_tool(llm: Client) -> None:
    reply = llm.generate("weather", tools=[WEATHER], max_tokens=60)
    assert reply.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("get_weather", {"city": "Paris"})]
    with llm.stream("weather", tools=[WEATHER], max_tokens=60) as stream:
        list(stream)
    assert [(call.name, call.arguments) for call in stream.response.tool_calls] == [("get_weather", {"city": "Paris"})]


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


def test_it_lists_its_models(llm: Client) -> None:
    assert any("tiny-llama" in str(model) for model in llm.models(live=True))


def test_the_command_asks_it(base_url: str) -> None:
    command = [sys.executable, "-m", "trunkline", "ask", "hi", "--model", "local/default_model"]
    out = subprocess.run([*command, "--base-url", base_url], capture_output=True, text=True, timeout=60, check=False)
    assert (out.returncode, out.stdout.strip()) == (0, HELLO), out.stderr
