"""Streams as users hold them, in both worlds."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.loopback import Loopback
from tests.replies import chat_stream, delta, error_frame, failed, finish, start, streamed
from trunkline import AsyncClient, Client
from trunkline.client.settings import Settings
from trunkline.client.streams import AsyncStream, Stream
from trunkline.ports import Settled
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import ClosedByCallerError, NotFoundError, ProviderError, StreamInterruptedError, UsageError
from trunkline.values.events import Event, Finish, Start, TextDelta, UsageUpdate
from trunkline.values.response import Attempt

KEY = "sk-canary-0123456789abcdefghij"


def plain(*replies: Scripted, **options: Any) -> Stream:
    io = ScriptedIO(list(replies))
    return Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io, **options).stream("hi")


def asynchronous(*replies: Scripted, **options: Any) -> AsyncStream:
    io = ScriptedIO(list(replies), blocking=False)
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


@pytest.mark.parametrize(
    "pieces",
    [[start(), delta("a"), delta("b"), delta("c"), finish()], [start() + delta("a") + delta("b") + delta("c") + finish()]],
)
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


def test_leaving_after_the_last_event_is_an_end_and_before_it_a_close() -> None:
    ends = Ends()
    for heard in (len(WHOLE), len(WHOLE) - 1):
        with plain(chat_stream(), observers=[ends]) as stream:
            for _ in range(heard):
                next(stream)
        assert bool(stream.response.attempts) is (heard == len(WHOLE))

    async def run() -> None:
        for heard in (len(WHOLE), len(WHOLE) - 1):
            async with asynchronous(chat_stream(), observers=[ends]) as stream:
                for _ in range(heard):
                    await anext(stream)

    asyncio.run(run())
    assert ends.hows == ["end", "close"] * 2


def test_a_closed_stream_hands_out_nothing_more() -> None:
    whole = start() + delta("a") + delta("b") + finish()
    with plain(streamed([whole])) as stream:
        next(stream)
    assert list(stream) == []

    async def run() -> None:
        async with asynchronous(streamed([whole])) as stream:
            await anext(stream)
        assert [event async for event in stream] == []

    asyncio.run(run())


def test_the_response_grows() -> None:
    with plain(chat_stream()) as stream:
        grown = []
        for _ in stream.text:
            grown.append(stream.response.text)
    assert grown == ["a", "ab", "abc"]


def test_nothing_is_sent_before_it_is_entered_or_read() -> None:
    io = ScriptedIO([])
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
            except BaseException as error:
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
import asyncio, sys
import trunkline
kind, verb, url = sys.argv[1:]
heard = []
options = {"base_url": url, "on_error": heard.append, "timeout": 20}
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
    print("interrupted", heard)
"""


@pytest.mark.parametrize("verb", ["generate", "stream"])
@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
def test_ctrl_c(kind: str, verb: str) -> None:
    with Loopback(streamed([start(), delta("a")], "stall")) as server:
        environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
        program = [sys.executable, "-W", "error", "-c", INTERRUPTED, kind, verb, server.url]
        with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert within(30, lambda: bool(server.asked))
            time.sleep(0.2)
            child.send_signal(signal.SIGINT)
            said, complained = child.communicate(timeout=30)
        assert said == "interrupted []\n", complained
        assert "Warning" not in complained
        assert server.gone.wait(10)
        assert len(server.asked) == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_stream_is_not_copied_because_a_forgotten_copy_would_end_it(copied: Any) -> None:
    with Client(
        "openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": "sk-0123456789abcdef"}), io=ScriptedIO([chat_stream()])
    ).stream("hi") as stream:
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            copied(stream)
        assert "".join(stream.text) == "abc"


# --- the client closed while a call is under way ----------------------------------------------------------------------


class Ends:
    """An observer that writes down how calls end, and what was tried."""

    def __init__(self) -> None:
        self.hows: list[str] = []
        self.tries = 0

    def attempted(self, call_id: str, attempt: Attempt) -> None:
        self.tries += 1

    def settled(self, settled: Settled) -> None:
        self.hows.append(settled.how)


STALLED = {"before the head": Scripted(wait=30), "in the body": streamed([start(), delta("a")], "stall")}


@pytest.mark.parametrize("where", STALLED)
@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_a_close_of_the_client_ends_what_is_under_way_and_nothing_is_tried_again(verb: str, where: str) -> None:
    with Loopback(STALLED[where]) as server:
        ends, outcome = Ends(), list[BaseException]()
        llm = Client("openai-chat/m", base_url=server.url, settings=Settings({}), fallbacks=["openai-chat/n"], observers=[ends])

        def work() -> None:
            try:
                if verb == "generate":
                    llm.generate("hi")
                with llm.stream("hi") as stream:
                    list(stream)
            except ProviderError as error:
                outcome.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert within(10, lambda: bool(server.asked))
        time.sleep(0.1)
        llm.close()
        thread.join(10)
        assert not thread.is_alive()
        assert [type(error) for error in outcome] == [
            StreamInterruptedError if (verb, where) == ("stream", "in the body") else ClosedByCallerError
        ]
        assert (len(server.asked), ends.hows, ends.tries) == (1, ["close"], 0)


@pytest.mark.parametrize("where", STALLED)
@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_likewise_in_an_event_loop(verb: str, where: str) -> None:
    async def run(server: Loopback) -> None:
        ends = Ends()
        llm = AsyncClient(
            "openai-chat/m", base_url=server.url, settings=Settings({}), fallbacks=["openai-chat/n"], observers=[ends]
        )

        async def work() -> None:
            if verb == "generate":
                await llm.generate("hi")
            async with llm.stream("hi") as stream:
                async for _ in stream:
                    pass

        task = asyncio.create_task(work())
        while not server.asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await llm.close()
        done, _ = await asyncio.wait([task], timeout=10)
        assert done
        assert type(task.exception()) is (
            StreamInterruptedError if (verb, where) == ("stream", "in the body") else ClosedByCallerError
        )
        assert (len(server.asked), ends.hows, ends.tries) == (1, ["close"], 0)

    with Loopback(STALLED[where]) as server:
        asyncio.run(run(server))


def test_a_stream_that_is_read_on_after_its_client_was_closed() -> None:
    with Loopback(streamed([start(), delta("a")], "stall")) as server:
        llm = Client("openai-chat/m", base_url=server.url, settings=Settings({}))
        with llm.stream("hi") as stream:
            assert next(stream.text) == "a"
            llm.close()
            with pytest.raises(StreamInterruptedError):
                list(stream)

        async def run() -> None:
            llm = AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({}))
            async with llm.stream("hi") as stream:
                assert await anext(stream.text.__aiter__()) == "a"
                await llm.close()
                with pytest.raises(StreamInterruptedError):
                    async with asyncio.timeout(10):
                        await anext(stream)

        asyncio.run(run())


def test_closed_by_another_task_while_it_waits() -> None:
    async def run(server: Loopback) -> None:
        async with AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({})) as llm:
            stream = llm.stream("hi")

            async def work() -> None:
                async for _ in stream:
                    pass

            task = asyncio.create_task(work())
            while stream.response.text != "a":
                await asyncio.sleep(0.01)
            await stream.close()
            done, _ = await asyncio.wait([task], timeout=10)
            assert done
            assert isinstance(task.exception(), StreamInterruptedError)
            assert await asyncio.to_thread(server.gone.wait, 10)

    with Loopback(STALLED["in the body"]) as server:
        asyncio.run(run(server))


def test_a_stream_is_read_in_the_loop_that_it_was_opened_in() -> None:
    with Loopback(streamed([start(), delta("a")], "stall")) as server:
        llm = AsyncClient("openai-chat/m", base_url=server.url, settings=Settings({}))
        stream = llm.stream("hi")

        async def begun() -> None:
            assert [type(await anext(stream)) for _ in range(2)] == [Start, TextDelta]

        async def read_on() -> None:
            await anext(stream)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(begun())
        with pytest.raises(UsageError, match="another event loop"):
            asyncio.run(read_on())
        loop.run_until_complete(llm.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
