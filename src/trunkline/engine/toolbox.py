"""Tools that can be run: functions of the user's own, and what other sources have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..ports import IO, ToolSource
from ..values import expect
from ..values.check import check_built
from ..values.errors import ClosedByCallerError, ToolSourceError, UsageError
from ..values.function_schema import bind_arguments
from ..values.input_tools import to_tools
from ..values.message import Message, Text, ToolCall, ToolResult
from ..values.request import AnyTool, Request, Tool
from .backend import declared_async
from .media import with_media
from .tool_results import as_result
from .waiting import Outcome, Waiting

_ASYNC = "a plain function here; AsyncClient takes both"
WORDS = 2_000
"""So many characters of an exception's own words go to the model."""


class Runner(NamedTuple):
    """What runs one tool: takes the arguments. ``begin``: in place of ``run``, what can be given up in the middle; see
    ``ToolSource``. ``bind``: raises where a model's arguments are wrong."""

    run: Callable[[dict[str, Any]], Any]
    asynchronous: bool
    bind: Callable[[dict[str, Any]], Any] | None = None
    begin: Callable[[dict[str, Any]], Any] | None = None


class Toolbox:
    """``tools`` as the model is told of them, and what runs those that can be run here."""

    def __init__(self, tools: tuple[AnyTool, ...], runners: Mapping[str, Runner], sources: tuple[ToolSource, ...] = ()) -> None:
        self.tools: tuple[AnyTool, ...] = tools
        self._runners = dict(runners)
        self._sources = sources

    @classmethod
    def of(cls, given: object, blocking: bool) -> Toolbox:
        """From what the user hands over: whatever ``to_tools`` takes, and sources. Raises ``UsageError`` for a coroutine function
        in the blocking client, and for whatever is no tool."""
        items = given if isinstance(given, list | tuple) else () if given is None else (given,)
        sources = tuple(item for item in items if is_source(item))
        for n, item in enumerate(items):
            methods = (item.list_tools, item.call_tool) if is_source(item) else (item,)
            if blocking and any(map(declared_async, methods)):
                raise UsageError("a coroutine function", field=f"tools[{n}]", got=expect.kind_of(item), allowed=_ASYNC)
        plain = [item for item in items if not is_source(item)]
        tools = to_tools(plain)
        runners = {
            tool.name: Runner(partial(_bound, item), declared_async(item), partial(bind_arguments, item))
            for item, tool in zip(plain, tools, strict=True)
            if tool.name is not None and callable(item) and not isinstance(item, Mapping)
        }
        return cls(tools, runners, sources)

    @property
    def is_open(self) -> bool:
        """Whether all its tools are known: those of sources are not, before ``opened``."""
        return not self._sources

    @property
    def untrusted(self) -> bool:
        """Whether any source's tools run only when somebody allows it."""
        return not all(getattr(source, "trusted", False) is True for source in self._sources)

    async def opened(self, io: IO, seconds: float, waiting: Waiting) -> Toolbox:
        """The same with the tools of its sources in it. Raises ``ToolSourceError`` where they cannot be had in time."""
        if not self._sources:
            return self
        listed = await io.all([_listed(io, source, seconds, waiting) for source in self._sources])
        tools, runners = list(self.tools), dict(self._runners)
        for source, found in zip(self._sources, listed, strict=True):
            tools += found
            asynchronous, begin = declared_async(source.call_tool), getattr(source, "begin_call", None)
            for tool in found:
                begins = None if begin is None else partial(begin, tool.name)
                runners[tool.name] = Runner(partial(source.call_tool, tool.name), asynchronous, begin=begins)
        return Toolbox(to_tools(tools), runners)

    def runs(self, name: str) -> bool:
        return name in self._runners

    def _unknown(self) -> str:
        return f"there is no tool of this name; the tools are: {', '.join(sorted(self._runners)) or 'none'}"

    def fault(self, call: ToolCall) -> ToolResult | None:
        """What is wrong with the call in itself, in words for the model; known before anything is run."""
        runner = self._runners.get(call.name)
        if runner is None:
            return failed(call, self._unknown())
        try:
            arguments = call.arguments
            if runner.bind is not None:
                runner.bind(arguments)
        except Exception as error:  # noqa: BLE001 - as below
            return failed(call, _words(error))
        return None

    async def result(self, io: IO, call: ToolCall, seconds: float, waiting: Waiting) -> ToolResult:
        """What the tool gave, or how it failed, in words for the model; it is given ``seconds``."""
        runner = self._runners.get(call.name)
        if runner is None:
            return failed(call, self._unknown())
        try:
            given, error = await _outcome(io, call, runner, seconds, waiting)
        except TimeoutError:
            return failed(call, f"it took longer than {round(seconds, 3):g} seconds and was given up")
        if isinstance(error, ClosedByCallerError):
            raise error
        if error is None:
            try:
                return await _fit(io, as_result(call, given))
            except UsageError as wrong:
                error = wrong
        return failed(call, _words(error))


def is_source(item: object) -> bool:
    return callable(getattr(item, "list_tools", None)) and callable(getattr(item, "call_tool", None))


def failed(call: ToolCall, words: str) -> ToolResult:
    return ToolResult(call.id, (Text(words),), is_error=True, name=call.name)


def _words(error: Exception) -> str:
    try:
        said = str(error)
    except Exception as broken:  # noqa: BLE001 - its own words are as much of the user's as the tool
        said = f"(its words cannot be told: {type(broken).__name__})"
    if not isinstance(error, UsageError):
        said = f"{type(error).__name__}: {said}".removesuffix(": ")
    return said if len(said) <= WORDS else f"{said[:WORDS]}…"


def _bound(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    return function(**bind_arguments(function, arguments))


async def _listed(io: IO, source: ToolSource, seconds: float, waiting: Waiting) -> Sequence[Tool]:
    try:
        found, error = await _ran(io, source.list_tools, declared_async(source.list_tools), seconds, waiting)
    except TimeoutError as late:
        raise ToolSourceError(f"{_name(source)} did not list its tools within {round(seconds, 3):g} seconds") from late
    if error is not None:
        raise error
    if not isinstance(found, list | tuple) or not all(isinstance(tool, Tool) for tool in found):
        raise UsageError("list_tools gave no tools", field=_name(source), got=expect.kind_of(found), allowed="a list of Tool")
    return tuple(found)


def _name(source: ToolSource) -> str:
    return str(getattr(source, "name", None) or type(source).__name__)


async def _outcome(io: IO, call: ToolCall, runner: Runner, seconds: float, waiting: Waiting) -> Outcome:
    """What the tool returned (a plain function's as a result already), or raised. Raises what ``Waiting`` does."""
    try:
        arguments = call.arguments
        begun = None if runner.begin is None else runner.begin(arguments)
    except Exception as error:  # noqa: BLE001 - told to the model
        return None, error
    if begun is None:
        run = partial(runner.run, arguments)
        function = run if runner.asynchronous else partial(_made, call, run)
        return await _ran(io, function, runner.asynchronous, seconds, waiting)
    try:
        return await waiting.plain(io, partial(_made, call, begun.result), seconds)
    except BaseException:
        begun.cancel()
        raise


async def _ran(io: IO, function: Callable[[], Any], asynchronous: bool, seconds: float, waiting: Waiting) -> Outcome:
    if asynchronous:
        return await waiting.awaited(io, function, seconds)
    until = io.now() + seconds
    given, error = await waiting.plain(io, function, seconds)
    if isinstance(given, Awaitable):
        if not io.blocking:
            return await waiting.awaited(io, lambda: given, until - io.now())
        if isinstance(given, Coroutine):
            given.close()
        error = UsageError("it returned an awaitable", field="tools", allowed=_ASYNC)
    return given, error


def _made(call: ToolCall, function: Callable[[], Any]) -> Any:
    """The result of a plain function, made in its own thread: it may be large."""
    given = function()
    return given if isinstance(given, Awaitable) else as_result(call, given)


async def _fit(io: IO, result: ToolResult) -> ToolResult:
    """``result`` as a message can hold it, the files that it names read. Raises ``UsageError``."""
    if all(type(part) is Text and type(part.text) is str for part in result.parts):
        return result
    request = Request(model="", messages=(Message.tool(result),))
    check_built(request.messages)
    (read,) = (await with_media(io, request)).messages[0].parts
    assert isinstance(read, ToolResult)
    return read
