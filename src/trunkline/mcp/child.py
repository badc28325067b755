"""An MCP server that is a program: its pipes as the SDK's streams. A line is a message (MCP 2025-11-25, "stdio").

Three threads serve it, as in ``io/process.py``: its input, its output, its complaints. The SDK's own transport is not used: it
adds variables to the environment, leaves running what an obedient server has started, keeps no complaints, and takes lines of any
length.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import IO, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from ..io import process
from ..ports import ProcessRequest

LONGEST: Final = 64 * 1024 * 1024
"""Bytes of the longest message that is taken."""
GRACE: Final = 1.0
"""Seconds that a server has to end by itself once its input has ended; as many again when it is asked to."""
WORDS_KEPT: Final = 500

_SAID: Final = 8192
_AHEAD: Final = 16  # messages that may wait to be taken; then the server waits
_READ: Final = 65536
_POLL: Final = 0.01

_log = logging.getLogger("trunkline.mcp")
Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


class Child:
    """``async with`` starts it and gives its streams; ``lost`` is set when it says no more. In the end it is gone, with all that
    it has started, whatever it does."""

    def __init__(
        self, request: ProcessRequest, mask: Callable[[str], str], lost: asyncio.Event, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._request, self._mask = request, mask
        self._lost, self._loop = lost, loop
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._said = b""
        self._queued = self._written = 0  # bytes of its input
        self._over = self._told = False
        self._trouble: str | None = None
        self._code: int | None = None  # where it ended by itself

    async def __aenter__(self) -> Streams:
        self._process = process.start(_found(self._request), self._request.cwd or ".")
        give, self._inbox = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self._sent, take = anyio.create_memory_object_stream[SessionMessage](0)
        self._tasks = [self._loop.create_task(self._deliver(give)), self._loop.create_task(self._collect(take))]
        self._threads = [
            Thread(target=work, args=[pipe], daemon=True, name="trunkline-mcp-child")
            for work, pipe in (
                (self._write, self._process.stdin),
                (self._read, self._process.stdout),
                (self._listen, self._process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()
        return self._inbox, self._sent

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            self._over = True
            self._room.release()
            self._outbox.put(None)
            if await self._until(self._has_ended):
                self._code = self._process.returncode
            else:
                process.ask_tree(self._process)
                await self._until(self._has_ended)
            process.kill_tree(self._process)  # and what it left running behind it
            await self._until(self._has_ended)
            await self._until(lambda: not any(thread.is_alive() for thread in self._threads))
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            self._inbox.close()
            self._sent.close()

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    async def _until(self, done: Callable[[], bool]) -> bool:
        end = self._loop.time() + GRACE
        while not done():
            if self._loop.time() > end:
                return False
            await asyncio.sleep(_POLL)
        return True

    def kill(self) -> None:
        """End it now, from any thread."""
        if hasattr(self, "_process"):
            process.kill_tree(self._process)

    def forget(self) -> None:
        """In a forked child: it is the parent's, whose pipes must not be held open here, and nobody waits for it here."""
        if hasattr(self, "_process"):
            self._process.returncode = 0
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                _close(pipe)

    def complaint(self) -> str | None:
        """How it ended, and its last words."""
        code = self._code
        how = None if code is None else f"the program ended with exit code {code}" if code >= 0 else f"signal {-code} ended it"
        said = self._mask(self._said.decode("utf-8", "replace")).strip()[-WORDS_KEPT:]  # half a key is not known as one
        return ". ".join(filter(None, (self._trouble or how, f"It said last: {said}" if said else None))) or None

    # -- in the loop ----------------------------------------------------------------------------------------------

    async def _deliver(self, give: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # the session takes no more
            async with give:
                while (line := await self._lines.get()) is not None:
                    self._room.release()
                    if line.strip():
                        await self._give(give, line)
                self._lost.set()

    async def _give(self, give: MemoryObjectSendStream[SessionMessage | Exception], line: bytes) -> None:
        try:
            message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            if not self._told:
                self._told = True
                _log.warning("an MCP server (%s) writes to its standard output what is no message", self._request.argv[0])
            return
        await give.send(message)

    async def _collect(self, take: MemoryObjectReceiveStream[SessionMessage]) -> None:
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            async with take:
                while True:
                    sent = await take.receive()
                    if self._queued - self._written > LONGEST:
                        self._trouble = "it does not read what it is sent"
                        self._lines.put_nowait(None)
                        return
                    data = sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
                    self._queued += len(data)
                    self._outbox.put(data)

    # -- in threads -----------------------------------------------------------------------------------------------

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            while (data := self._outbox.get()) is not None:
                left = memoryview(data)
                while left:
                    left = left[os.write(pipe.fileno(), left) :]
                self._written += len(data)
        except OSError:  # it reads no more
            self._hand_over(None)
        _close(pipe)

    def _read(self, pipe: IO[bytes]) -> None:
        parts: list[bytes] = []
        size = 0
        while data := os.read(pipe.fileno(), _READ):
            *ends, rest = data.split(b"\n")
            for end in ends:
                self._hand_over(b"".join([*parts, end]))
                parts, size = [], 0
            parts.append(rest)
            size += len(rest)
            if size > LONGEST:
                self._trouble = f"it sent a message of more than {LONGEST // 2**20} MiB"
                break
        self._hand_over(None)
        _close(pipe)

    def _hand_over(self, line: bytes | None) -> None:
        if line is not None and not self._over:
            self._room.acquire()
        if not self._over:
            with suppress(RuntimeError):  # the loop has ended: nobody will read on
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    def _listen(self, pipe: IO[bytes]) -> None:
        while data := os.read(pipe.fileno(), 4096):
            self._said = (self._said + data)[-_SAID:]
        _close(pipe)


def _found(request: ProcessRequest) -> ProcessRequest:
    """On Windows a name alone stands for ``name.cmd`` too, which only a shell would know."""
    if sys.platform == "win32":
        from shutil import which

        found = which(request.argv[0], path=dict(request.env).get("PATH"))
        return ProcessRequest((found or request.argv[0], *request.argv[1:]), env=request.env, cwd=request.cwd)
    return request


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()
