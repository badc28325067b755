"""On servers that show no connection, ``receive`` alone tells who is there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.serve.plain import PlainHalf
from tests.serve.raw import Answering, HangUp, Source, always
from trunkline.serve.answers import Answer, Asked, Streamed, Taken
from trunkline.serve.asgi import App
from trunkline.serve.connection import NoLine
from trunkline.serve.presence import Presence
from trunkline.values.errors import UnsupportedOperationError


class Elsewhere:
    """Another ASGI server, as far as an application sees it: one request, and a disconnect when told."""

    def __init__(self, answer: Any) -> None:
        self.app = App(answer if isinstance(answer, Answering) else always(answer), (PlainHalf(),))
        self.sent: list[dict[str, Any]] = []
        self.heard = asyncio.Event()
        self.left = asyncio.Event()
        self._asked = False

    async def run(self) -> None:
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/say", "scheme": "https",
            "headers": [(b"host", b"localhost"), (b"content-length", b"14")], "server": ("127.0.0.1", 80),
        }  # fmt: skip
        await self.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b'{"text": "hi"}', "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.heard.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def test_it_is_served_all_the_same() -> None:
    async def main() -> None:
        server = Elsewhere(Source("a"))
        await server.run()
        assert server.body == b"data: a\n\ndata: [end]\n\n"
        assert (server.sent[0]["status"], server.sent[-1]["more_body"]) == (200, False)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


@pytest.mark.parametrize("begun", [False, True])
def test_who_leaves_is_noticed(begun: bool) -> None:
    source = Source(*(["a"] if begun else []), "forever")

    async def main() -> None:
        server = Elsewhere(source)
        running = asyncio.create_task(server.run())
        await server.heard.wait()
        server.left.set()
        await running  # no error, no cancellation
        assert running.cancelling() == 0
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert (source.closed, source.cancelled) == (1, 1)


def test_rudeness_needs_a_connection() -> None:
    async def how(asked: Asked) -> Answer:
        for rude in (asked.connection.close, asked.connection.reset, lambda: asked.connection.write(b"x")):
            with pytest.raises(UnsupportedOperationError, match="does not show its connections"):
                rude()
        return Streamed(Source("a", HangUp(reset=True)), asked.context)

    async def main() -> None:
        server = Elsewhere(Answering(how))
        with pytest.raises(ConnectionAbortedError):  # all that is left to make that server end it
            await server.run()
        assert server.sent[-1]["more_body"] is True

    asyncio.run(main())


def test_a_cancellation_from_elsewhere_is_no_leave() -> None:
    source = Source("a", "forever")

    async def main() -> None:
        server = Elsewhere(source)
        running = asyncio.create_task(server.run())
        await server.heard.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert source.closed == 1


def test_a_leave_that_nobody_heeded_hits_nothing_later() -> None:
    async def main() -> None:
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async with Presence(NoLine(), receive) as presence:
            left.set()
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                pass
        assert presence.gone
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0

    asyncio.run(main())


def test_taken_where_there_is_nothing_to_take(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        server = Elsewhere(Taken())
        await server.run()
        assert server.sent[0]["status"] == 500

    asyncio.run(main())
    assert "answering failed with UnsupportedOperationError" in caplog.text
