"""A server that runs an ``App``: in the foreground for a command, or in a thread beside whatever you do."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any

from ..values.errors import UsageError
from .asgi import App
from .listener import Listener, loop_factory

_AT_HOME = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where such a server is reached from here


class Server:
    """``app`` at ``host`` and ``port`` (0: a free one): ``start`` and ``close``, or a context manager; or ``serve``.

    It listens on loopback unless told otherwise. All methods may be called from any thread but the server's own, inside a running
    event loop too. A process that was forked off leaves the server alone.
    """

    def __init__(self, app: App, host: str = "127.0.0.1", port: int = 0) -> None:
        if not isinstance(host, str) or not host:
            raise UsageError("expected a host to listen at", field="host", got=repr(host), allowed="127.0.0.1, or another")
        if not 0 <= port <= 65_535:
            raise UsageError("there is no such port", field="port", got=str(port), allowed="0 (a free one) to 65535")
        self.host: str = host
        self.port: int = port
        self._app = app
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None
        self._over: asyncio.Event | None = None
        self._pid = 0

    @property
    def url(self) -> str:
        """Where it is reached from this machine: ``http://127.0.0.1:PORT``, without a path. Valid once it listens."""
        host = _AT_HOME.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether it serves, or is about to end."""
        return self._loop is not None and not self._loop.is_closed()

    def start(self) -> Server:
        """Serve in a thread of its own; comes back when it listens. Raises ``UsageError`` where it cannot listen, or does
        already, and ``UnsupportedOperationError`` where uvicorn is not installed."""
        with self._lock:
            if self._thread is not None:
                raise UsageError("this server runs already", field="server")
            listens: Future[None] = Future()
            thread = threading.Thread(target=self._in_thread, args=(loop_factory(), listens), name="trunkline-serve", daemon=True)
            thread.start()
            try:
                listens.result()
            except BaseException:
                thread.join()
                raise
            self._thread, self._pid = thread, os.getpid()
            atexit.register(self.close)
        return self

    def close(self) -> None:
        """End every connection at once, and the server. A second time does nothing."""
        with self._lock:
            if self._thread is None or self._pid != os.getpid():
                return
            thread, self._thread = self._thread, None
            atexit.unregister(self.close)
            self._stop()
            if thread is not threading.current_thread():
                thread.join()

    def serve(self, listens: Callable[[], object] = lambda: None) -> None:
        """Serve in this thread until Ctrl-C (``KeyboardInterrupt`` is raised when all is ended, at once) or SIGTERM.
        ``listens()`` is called when it does. Raises as ``start`` does."""
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self._main(listens, signals=threading.current_thread() is threading.main_thread()))

    def refuse(self) -> None:
        """Take no more connections (who tries is refused), and end those that idle. The port stays ours."""
        self._on_loop(Listener.refuse)

    def listen(self) -> None:
        """Take connections again, at the same port."""
        self._on_loop(Listener.listen)

    def __enter__(self) -> Server:
        return self if self._thread is not None else self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _in_thread(self, factory: Callable[[], asyncio.AbstractEventLoop], listens: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(self._main(lambda: listens.set_result(None)))
        except BaseException as error:
            if listens.done():
                raise
            listens.set_exception(error)

    async def _main(self, listens: Callable[[], object], *, signals: bool = False) -> None:
        """Serve until told to stop."""
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._listener = Listener(self._app, self.host, self.port)
        self.port = self._listener.port
        try:
            if signals:
                with suppress(NotImplementedError):  # Windows
                    self._loop.add_signal_handler(signal.SIGTERM, self._over.set)
            await self._listener.listen()
            listens()
            await self._over.wait()
        finally:
            await self._listener.end()

    def _on_loop(self, what: Callable[[Listener], Coroutine[Any, Any, None]]) -> None:
        if self._loop is None or self._listener is None or not self.runs:
            raise UsageError("this server does not run", field="server")
        if self._thread is threading.current_thread():
            raise UsageError("to be called from another thread than the server's own", field="server")
        asyncio.run_coroutine_threadsafe(what(self._listener), self._loop).result()

    def _stop(self) -> None:
        loop, over = self._loop, self._over
        if loop is not None and over is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(over.set)
