"""An MCP server as a source of tools for both clients; prompts and resources beside them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, final

from ..client.forked import begins_anew
from ..client.settings import Settings
from ..values import expect
from ..values.errors import ToolSourceError, UnsupportedOperationError, UsageError
from ..values.message import Message, Part, ToolResult
from ..values.request import Tool
from ..values.secret import Secret
from .places import Address, Program
from .tool_names import tool_names

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mcp import Client as SdkClient

    from .contents import McpPrompt, McpResource
    from .session import Session

T = TypeVar("T")
Watch: TypeAlias = "Callable[[Future[Any]], None]"
LONGEST: Final = 24 * 3600.0
WORDS: Final = 100
_PAGES: Final = 1_000


@final
class McpServer:
    """An MCP server: hand it over as one of ``tools``, to ``Client`` and ``AsyncClient`` alike.

    ``command``: the program and its words (no shell), spoken to over its standard input and output, in the folder ``cwd``, with
    PATH, HOME and the like and ``env`` for environment. Or ``url``: streamable HTTP, with ``headers``, which go to that origin
    alone. ``trusted``: its tools run without being approved. ``timeout``: seconds for each answer; ``start_timeout``: until it is
    ready. ``prefix`` (default: ``name``; "" for none) begins its tools' names: ``files__read``.

    It is started when it is first needed, or by ``start``, and ended by ``close`` or ``with``; at the latest with the
    interpreter. Where it dies it is started again, once; the call that was under way fails and is not repeated. All methods
    block, may be called from any thread, and raise ``ToolSourceError``; from a coroutine call them by ``asyncio.to_thread``.
    Needs the extra ``mcp``.
    """

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str] | None = None,
        env: Mapping[str, str | Secret] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        url: str | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        trusted: bool = False,
        timeout: float = 30.0,
        start_timeout: float = 30.0,
        prefix: str | None = None,
    ) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", expect.text(name, "name")):
            raise UsageError(
                "no name that tools could begin with", field="name", got="text", allowed="letters, digits, _ and -; 32"
            )
        if prefix and not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", expect.text(prefix, "prefix")):
            raise UsageError(
                "nothing that names could begin with", field="prefix", got="text", allowed="letters, digits, _ and -; 32"
            )
        if (command is None) == (url is None):
            raise UsageError("one of the two is needed", field="command, url", allowed="command=[...], or url=...")
        self.name: str = name
        self.trusted: bool = expect.flag(trusted, "trusted")
        self._prefix = name if prefix is None else prefix
        self._timeout = expect.number(timeout, "timeout", 0.001, LONGEST)
        self._start_timeout = expect.number(start_timeout, "start_timeout", 0.001, LONGEST)
        if command is not None:
            if headers is not None:
                raise UsageError("a program takes none", field="headers", allowed="env, or url=...")
            self._place: Program | Address = Program(command, env, cwd)
        else:
            if env is not None or cwd is not None:
                raise UsageError("for programs alone", field="env, cwd", allowed="headers, or command=[...]")
            self._place = Address(url, headers)
        self._closed = False
        self._names: dict[str, str] = {}
        self._session: Session | None
        self.forget()
        begins_anew(self)

    def __repr__(self) -> str:
        return f"McpServer({self.name!r}, {self._place!r}{', trusted=True' if self.trusted else ''})"

    def __enter__(self) -> McpServer:
        try:
            self.start()
        except KeyboardInterrupt:
            self._abandon()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> McpServer:
        import asyncio

        try:
            await asyncio.to_thread(self.start)
        except asyncio.CancelledError:
            self._abandon()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        import asyncio

        await asyncio.to_thread(self.close)

    def __del__(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None and not session.is_over:
            session.end()
            warnings.warn(f"{self!r} was never closed", ResourceWarning, source=self, stacklevel=1)

    def forget(self) -> None:
        """In a forked child: the parent's server is not touched; one of its own is started where it is needed."""
        self._lock = Lock()
        self._session = None
        self._deaths = 0

    def start(self) -> None:
        """Start it now, or find out why it cannot be; one that has died twice in a row too."""
        with self._lock:
            self._deaths = 0
        self._connected()

    def close(self) -> None:
        """End it; whatever is under way fails. Waits until its program is gone. It cannot be started again."""
        session = self._abandon()
        if session is not None:
            session.wait_end()

    def _abandon(self) -> Session | None:
        """End it, without waiting."""
        with self._lock:
            self._closed = True
            session = self._session
        if session is not None:
            session.end()
        return session

    # -- tools ----------------------------------------------------------------------------------------------------

    def list_tools(self) -> tuple[Tool, ...]:
        """What it has now, under the names that a model sees."""
        found = self._listed("tools")
        by_name = {tool.name: tool for tool in found}
        self._names = tool_names(self._prefix, by_name)
        own = {own: seen for seen, own in self._names.items()}
        return tuple(Tool(own[name], tool.description, tool.input_schema) for name, tool in by_name.items())

    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> ToolResult:
        """What the tool gave: ``parts``, and ``is_error`` where it says so itself. ``name`` as in ``list_tools``, or its own."""
        seconds = self._timeout if timeout is None else expect.number(timeout, "timeout", 0.001, LONGEST)
        return self._called(name, arguments or {}, seconds)

    def begin_call(self, name: str, arguments: Mapping[str, Any]) -> McpCall:
        """The same, not yet begun: its ``result()`` carries it out, its ``cancel()`` ends it from another thread."""
        return McpCall(partial(self._called, name, arguments, self._timeout))

    def _called(self, name: str, arguments: Mapping[str, Any], seconds: float, watch: Watch | None = None) -> ToolResult:
        from .contents import result

        given = expect.json_object(dict(arguments), "arguments")
        session = self._connected()
        own = self._names.get(expect.text(name, "name"), name)
        if session.changed or own not in self._names.values():
            session.changed = False
            self.list_tools()
            own = self._names.get(name, name)
        if own not in self._names.values():
            has = ", ".join(sorted(self._names)) or "none"
            raise ToolSourceError(f"MCP server {self.name!r} has no tool {name[:64]!r}; its tools are: {has}")
        return result(name, self._asked(f"the call of {own[:WORDS]}", lambda sdk: sdk.call_tool(own, given), seconds, watch))

    # -- prompts and resources ------------------------------------------------------------------------------------

    def list_prompts(self) -> tuple[McpPrompt, ...]:
        """The prompts that it has ready."""
        from .contents import prompt

        return tuple(map(prompt, self._listed("prompts")))

    def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> tuple[Message, ...]:
        """A prompt, filled in."""
        from .contents import message

        given = expect.json_object({"name": expect.text(name, "name"), "arguments": dict(arguments or {})}, "prompt")
        found = self._asked(f"the prompt {name[:WORDS]}", lambda sdk: sdk.get_prompt(**given), self._timeout)
        return tuple(map(message, found.messages))

    def list_resources(self) -> tuple[McpResource, ...]:
        """What can be read there."""
        from .contents import resource

        return tuple(map(resource, self._listed("resources")))

    def read_resource(self, uri: str) -> tuple[Part, ...]:
        """What stands there: text, pictures, files."""
        from .contents import contents

        given = expect.json_object({"uri": expect.text(uri, "uri")}, "resource")
        found = self._asked(f"the resource {uri[:WORDS]}", lambda sdk: sdk.read_resource(**given), self._timeout)
        return tuple(map(contents, found.contents))

    # -- the connection -------------------------------------------------------------------------------------------

    def _listed(self, kind: str) -> list[Any]:
        """All pages of a list; nothing, where the server has nothing of the kind. A list may be asked for twice, where the
        connection was lost; a call may have been carried out."""
        ask = partial(_all_pages, kind)
        session = self._connected()
        try:
            return session.call(f"the list of its {kind}", ask, self._timeout)
        except ToolSourceError:
            if not session.is_over:
                raise
        return self._connected().call(f"the list of its {kind}", ask, self._timeout)

    def _asked(self, what: str, operation: Callable[[SdkClient], Awaitable[T]], seconds: float, watch: Watch | None = None) -> T:
        answer = self._connected().call(what, operation, seconds, watch)
        self._deaths = 0
        return answer

    def _connected(self) -> Session:
        """The session, which is begun where there is none. A program that has died twice, with no call answered between, is left
        alone; an address is tried again each time."""
        make = _session_type()
        with self._lock:
            if self._closed:
                raise UsageError(f"MCP server {self.name!r} was closed", field="McpServer", allowed="a new one")
            session = self._session
            if session is not None and session.is_over:
                self._session, self._deaths = None, self._deaths + 1
                if self._place.is_program and self._deaths > 1:
                    self._session = session
                    raise ToolSourceError(f"{session.failure} (for the second time: start() tries again)")
            if self._session is None:
                link = partial(self._place.link, Settings.load())
                self._session = make(self.name, link, self._start_timeout, self._place.mask)
            session = self._session
        session.wait()
        return session


@final
class McpCall:
    """A call of a tool that may be given up."""

    def __init__(self, work: Callable[..., ToolResult]) -> None:
        self._work = work
        self._under_way: list[Future[Any]] = []
        self._cancelled = False

    def result(self) -> ToolResult:
        """Carries it out, and waits for it. Raises ``ToolSourceError``, also where it was cancelled."""
        return self._work(self._watch)

    def cancel(self) -> None:
        """End it, at the server too; from any thread, without waiting."""
        self._cancelled = True
        for future in self._under_way:
            future.cancel()

    def _watch(self, future: Future[Any]) -> None:
        self._under_way.append(future)
        if self._cancelled:
            future.cancel()


def _session_type() -> type[Session]:
    try:
        from .session import Session  # a second and more
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("mcp"):
            raise
        raise UnsupportedOperationError("MCP needs its SDK", hint="pip install 'trunkline[mcp]'") from None
    return Session


async def _all_pages(kind: str, sdk: SdkClient) -> list[Any]:
    if getattr(sdk.server_capabilities, kind) is None:
        return []
    found: list[Any] = []
    cursor = None
    for _ in range(_PAGES):
        page = await getattr(sdk, f"list_{kind}")(cursor=cursor)
        found += getattr(page, kind)
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise ToolSourceError(f"has no end of pages of its {kind}")
