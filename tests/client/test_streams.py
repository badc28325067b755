"""Streams as users hold them, in both worlds."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.loopback import Loopback
from tests.replies import chat_stream, delta, error_frame, failed, finish, start, streamed
from tests.virtual import Reply, VirtualIO
from trunkline import AsyncClient, Client
from trunkline.client.settings import Settings
from trunkline.client.streams import AsyncStream, Stream
from trunkline.values.errors import NotFoundError, ProviderError, StreamInterruptedError
from trunkline.values.events import Event, Finish, Start, TextDelta, UsageUpdate

KEY = "sk-canary-0123456789abcdefghij"


def plain(*replies: Reply, **options: Any) -> Stream:
    io = VirtualIO(list(replies))
    return Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io, **options).stream("hi")


def asynchronous(*replies: Reply, **options: Any) -> AsyncStream:
    io = VirtualIO(list(replies), blocking=False)
    return AsyncClient("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io, **options).stream("hi")


def shape(events: list[Event]) -> list[str]:
    return [type(event).__name__ + (f" {event.text}" if event.text else "") for event in events]


WHOLE = ["Start", "TextDelta a", "TextDelta b", "TextDelta c", "PartDone", "Finish", "UsageUpdate"]


def test_iterating() -> None:
    with plain(chat_stream()) as stream:
        assert sorted(shape(list(stream))) == sorted(WHOLE)
    assert stream.response.text == "abc"
    assert stream.response.partial is False

    async def run() -> None:
        async with asynchronous(chat_stream()) as stream:
            assert sorted(shape([event async for event in stream])) == sorted(WHOLE)
        assert stream.response.text == "abc"
        assert stream.response.partial is False

    asyncio.run(run())


def test_without_a_with_block() -> None:
    stream = plain(chat_stream())
    assert "".join(event.text or "" for event in stream if isinstance(event, TextDelta)) == "abc"
    assert stream.response.finish_reason == "stop"


def test_only_the_text() -> None:
    with plain(chat_stream(["Hel", "lo"])) as stream:
        assert list(stream.text) == ["Hel", "lo"]

    async def run() -> list[str]:
        async with asynchronous(chat_stream(["Hel", "lo"])) as stream:
            return [text async for text in stream.text]

    assert asyncio.run(run()) == ["Hel", "lo"]


def test_one_by_one() -> None:
    with plain(chat_stream()) as stream:
        first = next(stream)
        assert isinstance(first, Start)
        assert next(stream).text == "a"
        assert [event.text for event in stream if isinstance(event, TextDelta)] == ["b", "c"]
        with pytest.raises(StopIteration):
            next(stream)
        assert next(stream, None) is None

    async def run() -> None:
        async with asynchronous(chat_stream()) as stream:
            assert isinstance(await anext(stream), Start)
            assert (await anext(stream)).text == "a"
            assert [event.text async for event in stream if isinstance(event, TextDelta)] == ["b", "c"]
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(run())


@pytest.mark.parametrize("pieces", [[start(), delta("a"), delta("b"), delta("c"), finish()], [start() + delta("a") + delta("b") + delta("c") + finish()]])
def test_text_and_events_may_be_mixed(pieces: list[bytes]) -> None:
    with plain(streamed(pieces)) as stream:
        assert next(stream.text) == "a"
        assert next(stream).text == "b"
        for text in stream.text:
            assert text == "c"
            break
        assert {Finish, UsageUpdate} <= {type(event) for event in stream}
    assert stream.response.text == "abc"

    async def run() -> None:
        async with asynchronous(streamed(pieces)) as stream:
            assert await anext(stream.text.__aiter__()) == "a"
            assert (await anext(stream)).text == "b"
            assert [text async for text in stream.text] == ["c"]

    asyncio.run(run())


def test_leaving_early_keeps_what_came() -> None:
    with plain(streamed([start(), delta("a"), delta("b"), finish()], "stall")) as stream:
        for event in stream:
            if event.text == "a":
                break
        response = stream.response
        assert (response.text, response.partial) == ("a", True)
    assert list(stream) == []
    assert stream.response.text == "a"


def test_the_response_grows() -> None:
    with plain(chat_stream()) as stream:
        grown = []
        for _ in stream.text:
            grown.append(stream.response.text)
    assert grown == ["a", "ab", "abc"]


def test_nothing_is_sent_before_it_is_entered_or_read() -> None:
    io = VirtualIO([])
    Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io).stream("hi")
    assert not io.exchanges


def test_errors_come_where_they_belong() -> None:
    with pytest.raises(NotFoundError), plain(failed(404)):
        raise AssertionError("it was entered")
    with plain(streamed([start(), delta("a"), error_frame()])) as stream, pytest.raises(StreamInterruptedError) as caught:
        list(stream)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a"
    assert list(stream) == []

    async def run() -> None:
        with pytest.raises(NotFoundError):
            async with asynchronous(failed(404)):
                raise AssertionError("it was entered")

    asyncio.run(run())


def test_an_exception_of_the_body_passes_through() -> None:
    with pytest.raises(LookupError), plain(streamed([start(), delta("a")], "stall")) as stream:
        next(stream)
        raise LookupError
    assert repr(stream) == "<Stream ended>"


def test_how_it_shows_itself() -> None:
    stream = plain(chat_stream(), api_key=KEY)
    assert repr(stream) == "<Stream open>"
    with stream:
        list(stream)
    assert repr(stream) == "<Stream ended>"


def test_closing_twice_and_before() -> None:
    stream = plain()
    stream.close()
    stream.close()
    assert list(stream) == []
    with stream as entered:
        assert list(entered) == []

    async def run() -> None:
        stream = asynchronous()
        await stream.close()
        await stream.close()
        assert [event async for event in stream] == []

    asyncio.run(run())


# --- closed from elsewhere, over real sockets -------------------------------------------------------------------------


def within(seconds: float, happened: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("begun", [True, False])
def test_closed_from_another_thread_while_it_waits(begun: bool) -> None:
    reply = streamed([start(), delta("a")] if begun else [], "stall")
    with Loopback(reply) as server, Client("openai-chat/m", base_url=server.url, settings=Settings({})) as llm:
        stream = llm.stream("hi")
        outcome: list[BaseException | list[Event]] = []
        reading = threading.Event()

        def read() -> None:
            seen: list[Event] = []
            try:
                for event in stream:
                    seen.append(event)
                    reading.set()
                outcome.append(seen)
            except BaseException as error:  # noqa: BLE001
                outcome.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        assert reading.wait(10) if begun else within(10, lambda: bool(server.asked))
        time.sleep(0.1)  # it waits for more now
        stream.close()
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(outcome[0], ProviderError)
        assert server.gone.wait(10), "the provider was told"
        assert len(server.asked) == 1, "no retry of what the caller ended"
        assert stream.response.text == ("a" if begun else "")


@pytest.mark.parametrize("begun", [True, False])
def test_a_cancelled_task_closes_the_connection(begun: bool) -> None:
    reply = streamed([start(), delta("a")] if begun else [], "stall")

    async def run(server: Loopback) -> None:
        async with AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({})) as llm:
            stream = llm.stream("hi")

            async def read() -> None:
                async with stream:
                    async for _ in stream:
                        pass

            task = asyncio.create_task(read())
            while not server.asked or (begun and stream.response.text != "a"):
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.gone.wait, 10)

    with Loopback(reply) as server:
        asyncio.run(run(server))
        assert len(server.asked) == 1


def test_a_burst_starves_nobody() -> None:
    """A thousand events that arrive at once leave other tasks their turn before they are all read."""
    burst = start() + b"".join(delta("x") for _ in range(200))

    async def run(server: Loopback) -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticker = asyncio.create_task(tick())
        async with AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({})) as llm, llm.stream("hi") as stream:
            before = ticks
            assert len([text async for text in stream.text]) == 200 * 50
            ticker.cancel()
            return ticks - before

    with Loopback(streamed([burst] * 50 + [finish()])) as server:
        assert asyncio.run(run(server)) >= 1


# --- forgotten and interrupted ----------------------------------------------------------------------------------------


def test_a_forgotten_stream_closes_its_connection() -> None:
    with Loopback(streamed([start(), delta("a")], "stall")) as server:
        with Client("openai-chat/m", base_url=server.url, settings=Settings({})) as llm:
            stream: Any = llm.stream("hi").__enter__()
            next(stream)
            with pytest.warns(ResourceWarning, match="Stream was not closed"):
                del stream
                gc.collect()
            assert server.gone.wait(10)
        server.gone.clear()

        async def run() -> None:
            async with AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({})) as llm:
                stream: Any = await llm.stream("hi").__aenter__()
                await anext(stream)
                with pytest.warns(ResourceWarning, match="AsyncStream was not closed"):
                    del stream
                    gc.collect()
                assert await asyncio.to_thread(server.gone.wait, 10)

        asyncio.run(run())


def test_a_stream_forgotten_by_its_loop_too() -> None:
    """Its loop is closed when it is collected: nothing is left to do, and nothing is said but that it was not closed."""
    with Loopback(streamed([start(), delta("a")], "stall")) as server:
        kept: list[Any] = []

        async def run() -> None:
            llm = AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({}))
            kept.append(await llm.stream("hi").__aenter__())
            await anext(kept[0])

        asyncio.run(run())
        assert server.gone.wait(10)
        with pytest.warns(ResourceWarning, match="AsyncStream was not closed"):
            kept.clear()
            gc.collect()


INTERRUPTED = """
import asyncio, os, signal, sys, threading, time
import trunkline
kind, verb, url = sys.argv[1:]
def interrupt():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
heard = []
options = {"base_url": url, "on_error": heard.append, "timeout": 20}
threading.Thread(target=interrupt, daemon=True).start()
began = time.monotonic()
def plain():
    with trunkline.Client("openai-chat/m", **options) as llm:
        if verb == "generate":
            llm.generate("hi")
        with llm.stream("hi") as stream:
            for event in stream: pass
async def main():
    async with trunkline.AsyncClient("openai-chat/m", **options) as llm:
        if verb == "generate":
            await llm.generate("hi")
        async with llm.stream("hi") as stream:
            async for event in stream: pass
try:
    plain() if kind == "Client" else asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", heard, time.monotonic() - began < 5)
"""


@pytest.mark.parametrize("verb", ["generate", "stream"])
@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
def test_ctrl_c(kind: str, verb: str) -> None:
    with Loopback(streamed([start(), delta("a")], "stall")) as server:
        environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", INTERRUPTED, kind, verb, server.url], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout == "interrupted [] True\n", done.stderr
        assert "Warning" not in done.stderr
        assert server.gone.wait(10)
        assert len(server.asked) == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_stream_is_not_copied_because_a_forgotten_copy_would_end_it(copied: Any) -> None:
    with Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": "sk-0123456789abcdef"}), io=VirtualIO([chat_stream()])).stream("hi") as stream:
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            copied(stream)
        assert "".join(stream.text) == "abc"
