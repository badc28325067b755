"""The event loop that all MCP servers live in, in a thread of its own: it is there as long as somebody holds it."""

from __future__ import annotations

import asyncio
import logging
from threading import Lock, Thread

from ..client.forked import begins_anew
from .places import shown

_THREAD = "trunkline-mcp"
_SAYS = ("client", "mcp.client.client", "mcp.client.streamable_http", "mcp.shared.dispatcher", "mcp.shared.jsonrpc_dispatcher")


class LoopThread:
    """The SDK is asynchronous; both clients call it from their own threads, and neither's loop is touched."""

    def __init__(self) -> None:
        self.forget()
        begins_anew(self)

    def forget(self) -> None:
        """In a forked child the thread is not there."""
        self._lock = Lock()
        self._holders = 0
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def hold(self) -> asyncio.AbstractEventLoop:
        """The loop, which runs until everybody who holds it has let it go."""
        with self._lock:
            if self._running is None:
                self._running = asyncio.new_event_loop(), asyncio.Event()
                Thread(target=_run, args=self._running, daemon=True, name=_THREAD).start()
            self._holders += 1
            return self._running[0]

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders or self._running is None:
                return
            (loop, ended), self._running = self._running, None
        loop.call_soon_threadsafe(ended.set)


def _run(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_until(ended))


async def _until(ended: asyncio.Event) -> None:
    await ended.wait()


def _in_line(record: logging.LogRecord) -> bool:
    """What the SDK logs of our servers quotes them, in tracebacks too: a line is left that can be shown."""
    if record.threadName == _THREAD:
        record.msg, record.args, record.exc_info = ascii(shown(record.getMessage()[:500]))[1:-1], (), None
    return True


for _name in _SAYS:
    logging.getLogger(_name).addFilter(_in_line)

LOOP = LoopThread()
