"""Clients as they live: made, shared, forked in options, closed, forgotten; over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from tests.loopback import Asked, Loopback
from tests.replies import chat, chat_stream, failed
from trunkline import AsyncClient, Client, Limits, RetryPolicy
from trunkline.client.options import to_limits
from trunkline.client.settings import Settings
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import NotFoundError, ProviderError, RateLimitError, ServerError
from trunkline.values.request import Request

KEY = "sk-canary-0123456789abcdefghij"


def answer(asked: Asked) -> Scripted:
    return chat_stream(["x", "y"]) if b'"stream":true' in asked.body else chat("hello")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(answer) as server:
        yield server


def client(server: Loopback, **options: Any) -> Client:
    return Client("openai-chat/m", base_url=f"{server.url}/v1", api_key=KEY, settings=Settings({}), **options)


def async_client(server: Loopback, **options: Any) -> AsyncClient:
    return AsyncClient("openai-chat/m", base_url=f"{server.url}/v1", api_key=KEY, settings=Settings({}), **options)


# --- made -------------------------------------------------------------------------------------------------------------


def test_making_one_reads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Neither the environment nor a file nor a socket: a program that audits itself while it makes clients."""
    program = """
import sys
import trunkline
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if event.split(".")[0] in ("open", "socket", "subprocess", "os") else None)
trunkline.Client
trunkline.AsyncClient
seen.clear()
trunkline.Client()
trunkline.Client("openai/gpt-5.4", api_key="k" * 20, temperature=0.5, fallbacks=["anthropic/claude-opus-5"])
trunkline.AsyncClient()
repr(trunkline.Client())
print(seen)
"""
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
        "TRUNKLINE_LOG": "nonsense",
        "OPENAI_API_KEY": "a b",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_how_they_show_themselves(server: Loopback) -> None:
    with client(server) as llm:
        llm.generate("hi")
        assert repr(llm) == "Client(openai-chat/m)"
        assert repr(llm.with_options(model="openai/x")) == "Client(openai/x)"
    assert repr(Client(settings=Settings({}))) == "Client(chosen from the settings)"

    class Mine:
        def generate(self, request: Request) -> str:
            return ""

    assert repr(AsyncClient(Mine())) == "AsyncClient(Mine)"


@pytest.mark.parametrize("copying", [pickle.dumps, copy.deepcopy])
def test_they_are_not_pickled(server: Loopback, copying: Any) -> None:
    with client(server) as llm:
        llm.generate("hi")
        stream = llm.stream("hi")
        for value in (llm, stream, AsyncClient("openai/x", api_key=KEY)):
            with pytest.raises(TypeError):
                copying(value)


# --- called -----------------------------------------------------------------------------------------------------------


def test_a_reply_over_a_socket(server: Loopback) -> None:
    with client(server) as llm:
        response = llm.generate("hi", system="Be brief")
    assert (response.text, response.request_id, response.attempts[0].status) == ("hello", "req_ok", 200)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("POST", "/v1/chat/completions", f"Bearer {KEY}")
    assert asked.headers["content-type"] == "application/json"


def test_a_raw_request(server: Loopback) -> None:
    with client(server) as llm:
        reply = llm.request("POST", "/files?x=1", json={"a": [1]}, headers={"x-mine": "yes"}, query={"q": "a b"})
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    (asked,) = server.asked
    assert (asked.path, asked.body, asked.headers["x-mine"]) == ("/v1/files?x=1&q=a%20b", b'{"a":[1]}', "yes")


def test_errors_over_a_socket() -> None:
    with Loopback(failed(429, "slow down", headers={"retry-after": "61"})) as server, client(server) as llm:
        with pytest.raises(RateLimitError, match="slow down") as caught:
            llm.generate("hi")
        assert (caught.value.retry_after, caught.value.request_id, caught.value.status) == (61.0, "req_429", 429)
        assert len(server.asked) == 1


def test_calls_share_a_connection_and_so_do_clients_of_other_options(server: Loopback) -> None:
    with client(server) as llm:
        other = llm.with_options(temperature=0.5, retries=0)
        for one in (llm, other, llm, other.with_options(max_tokens=3)):
            assert one.generate("hi").text == "hello"
        with llm.stream("hi") as stream:
            assert "".join(stream.text) == "xy"
        llm.generate("hi")
    assert (len(server.asked), server.connections) == (6, 1)

    async def run() -> None:
        async with async_client(server) as llm:
            other = llm.with_options(temperature=0.5)
            for one in (llm, other, llm):
                await one.generate("hi")

    asyncio.run(run())
    assert (len(server.asked), server.connections) == (9, 2)


def test_fifty_threads_and_one_client(server: Loopback) -> None:
    llm = client(server)
    gate = threading.Barrier(50)

    def work(n: int) -> str:
        gate.wait()
        if n % 2:
            return llm.generate("hi").text
        with llm.stream("hi") as stream:
            return "".join(stream.text)

    with llm, ThreadPoolExecutor(50) as pool:
        assert sorted(pool.map(work, range(50))) == ["hello"] * 25 + ["xy"] * 25
        assert llm.generate("hi").text == "hello"
    assert len(server.asked) == 51


def test_an_asynchronous_client_in_one_loop_after_another(server: Loopback) -> None:
    llm = async_client(server)

    async def run() -> list[str]:
        return [response.text for response in await asyncio.gather(*(llm.generate("hi") for _ in range(5)))]

    for _ in range(3):
        assert asyncio.run(run()) == ["hello"] * 5


def test_a_blocking_client_inside_an_event_loop(server: Loopback) -> None:
    async def run() -> str:
        with client(server) as llm, llm.stream("hi") as stream:
            return llm.generate("hi").text + "".join(stream.text)

    assert asyncio.run(run()) == "helloxy"


def test_a_client_inside_a_hook_of_a_client(server: Loopback) -> None:
    with client(server) as inner:
        heard: list[str] = []
        with client(server, after=lambda _: heard.append(inner.generate("again").text)) as llm:
            llm.generate("hi")
    assert heard == ["hello"]


def test_it_works_after_a_fork(server: Loopback) -> None:
    with client(server) as llm:
        llm.generate("hi")
        read, write = os.pipe()
        child = os.fork() if hasattr(os, "fork") else pytest.skip("no fork here")
        if child == 0:
            with contextlib.suppress(BaseException):
                os.write(write, llm.generate("hi").text.encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as said:
            assert said.read() == "hello"
        os.waitpid(child, 0)
        assert llm.generate("hi").text == "hello"


# --- closed and forgotten ---------------------------------------------------------------------------------------------


def test_closing_one_that_was_never_used_is_nothing() -> None:
    llm = Client("openai/x", api_key=KEY)
    llm.close()
    llm.close()
    asyncio.run(AsyncClient("openai/x", api_key=KEY).close())


def test_leaving_the_with_block_closes_its_connections(server: Loopback) -> None:
    with client(server) as llm:
        llm.generate("hi")
        assert server._open
    for _ in range(500):
        if not server._open:
            break
        threading.Event().wait(0.01)
    assert not server._open


def test_forgotten_clients_say_nothing(server: Loopback, capfd: pytest.CaptureFixture[str]) -> None:
    llm: Any = client(server)
    llm.generate("hi")
    with llm.stream("hi") as stream:
        next(stream)
    del llm, stream
    gc.collect()

    async def run() -> None:
        llm = async_client(server)
        await llm.generate("hi")

    asyncio.run(run())
    gc.collect()
    assert capfd.readouterr().err == ""


def test_at_the_interpreters_end_nothing_scary_is_said(server: Loopback) -> None:
    program = f"""
import asyncio, trunkline
llm = trunkline.Client("openai-chat/m", base_url="{server.url}/v1", api_key="{KEY}")
print(llm.generate("hi"))
stream = llm.stream("hi").__enter__()
print(next(stream) is not None)
async def main():
    global other
    other = trunkline.AsyncClient("openai-chat/m", base_url="{server.url}/v1", api_key="{KEY}")
    print(await other.generate("hi"))
asyncio.run(main())
stream.close()
"""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.split(), done.returncode) == (["hello", "True", "hello"], 0)
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr


# --- hooks and observers ----------------------------------------------------------------------------------------------


def test_hooks_of_a_client_and_of_its_other_options() -> None:
    io = ScriptedIO([chat(), chat(), failed(404)])
    heard: list[str] = []

    def hear(name: str) -> Any:
        return lambda _: heard.append(name)

    llm = Client(
        "openai-chat/m",
        base_url="http://h.test",
        settings=Settings({}),
        io=io,
        before=hear("before"),
        after=hear("after"),
        on_error=hear("error"),
    )
    llm.generate("hi")
    other = llm.with_options(after=hear("other"), before=None)
    other.generate("hi")
    with pytest.raises(NotFoundError):
        other.generate("hi")
    assert heard == ["before", "after", "other", "error"]


def test_retries_per_call() -> None:
    io = ScriptedIO(lambda _: failed(500))
    llm = Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io, retries=1, breaker=None)
    for said, tries in (({}, 2), ({"retries": 0}, 1), ({"retries": 3}, 4)):
        io.exchanges.clear()
        with pytest.raises(ServerError):
            llm.generate("hi", **said)  # type: ignore[arg-type]
        assert len(io.exchanges) == tries


def test_how_long_is_waited_between_retries() -> None:
    """A policy says all of it, a count changes the count alone, and which errors go elsewhere is said apart."""
    io = ScriptedIO(lambda _: failed(500))
    policy = RetryPolicy(2, first=2.0, factor=3.0, jitter=False)
    options: dict[str, Any] = {"base_url": "http://h.test", "settings": Settings({}), "io": io, "breaker": None}
    with Client("openai-chat/m", **options, retries=policy, fallback_on=[NotFoundError]) as llm:
        for said, waits in (
            ({}, 2.0 + 6.0),
            ({"retries": 1}, 2.0),
            ({"retries": RetryPolicy(2, first=0.25, jitter=False)}, 0.25 + 0.5),
            ({"retries": RetryPolicy(3, never=(ServerError,))}, 0.0),
        ):
            began = io.now()
            with pytest.raises(ServerError) as caught:
                llm.generate("hi", **said)  # type: ignore[arg-type]
            assert io.now() - began == pytest.approx(waits)
            assert sum(attempt.waited for attempt in caught.value.attempts) == pytest.approx(waits)


@pytest.mark.parametrize(
    ("base", "policy", "expected"),
    [
        ((NotFoundError,), RetryPolicy(1), (NotFoundError,)),
        ((NotFoundError,), RetryPolicy(1, elsewhere=(ServerError,)), (ServerError,)),
        (None, RetryPolicy(1, elsewhere=()), ()),
    ],
)
def test_a_policy_leaves_fallback_on_alone_unless_it_says_it(base: Any, policy: RetryPolicy, expected: Any) -> None:
    before = Limits(retry=RetryPolicy(elsewhere=base))
    assert to_limits({"retries": policy}, before).retry == msgspec.structs.replace(policy, elsewhere=expected)
    assert to_limits({"retries": policy, "fallback_on": [ProviderError]}, before).retry.elsewhere == (ProviderError,)


def test_a_notebook_shows_the_text(server: Loopback) -> None:
    with client(server) as llm:
        response = llm.generate("hi")
    assert response._repr_markdown_() == "hello"
    assert str(response) == "hello"
    assert KEY not in repr(response)


# --- health and models, over a socket ---------------------------------------------------------------------------------


def listing(asked: Asked) -> Scripted:
    assert (asked.method, asked.path.partition("?")[0], asked.body) == ("GET", "/v1/models", b"")
    assert KEY in (asked.headers.get("authorization") or asked.headers.get("x-api-key") or "")
    return Scripted(
        200,
        {"content-type": "application/json"},
        [b'{"object": "list", "has_more": false, "data": [{"id": "m1"}, {"id": "m2"}]}'],
    )


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
def test_health_and_models(dialect: str) -> None:
    with Loopback(listing) as server:
        options: Any = {"base_url": server.url, "api_key": KEY, "settings": Settings({})}
        with Client(f"{dialect}/m", **options) as llm:
            plain = (llm.health(), llm.models(live=True))

        async def run() -> Any:
            async with AsyncClient(f"{dialect}/m", **options) as llm:
                return await llm.health(), await llm.models(live=True)

        for health, models in (plain, asyncio.run(run())):
            assert health.ok, health
            assert health.model == f"{dialect}/m"
            (row,) = [row for row in health.providers if row.provider == dialect]
            assert (row.reachable, row.models, row.key_from) == (True, 2, "argument")
            assert [model.id for model in models] == ["m1", "m2"]


def test_health_of_what_is_not_there() -> None:
    with Loopback(listing) as server:
        pass
    with Client("openai-chat/m", base_url=server.url, settings=Settings({})) as llm:
        health = llm.health()
    assert not health.ok
    (row,) = [row for row in health.providers if row.provider == "openai-chat"]
    assert (row.configured, row.reachable) == (True, False)
    assert "127.0.0.1" in (row.problem or "")
