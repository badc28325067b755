"""Tools that can be run: functions of the user's own, and what other sources have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from ..ports import INFINITY, IO, ToolSource
from ..values import expect
from ..values.errors import ClosedByCallerError, ToolSourceError, UsageError
from ..values.function_schema import bind_arguments
from ..values.input_tools import to_tools
from ..values.json_types import is_pydantic
from ..values.message import PART_TYPES, Part, Text, ToolCall, ToolResult
from ..values.request import AnyTool, Tool
from .backend import declared_async

_ASYNC = "a plain function here; AsyncClient takes both"
WORDS = 2_000
"""So many characters of an exception's own words go to the model."""


class Runner(NamedTuple):
    """What runs one tool: takes the arguments. ``asks``: only where that is allowed. ``begin``: in place of ``run``, what can be
    given up in the middle; see ``ToolSource``."""

    run: Callable[[dict[str, Any]], Any]
    asynchronous: bool
    asks: bool
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
            tool.name: Runner(partial(_bound, item), declared_async(item), asks=False)
            for item, tool in zip(plain, tools, strict=True)
            if tool.name is not None and callable(item) and not isinstance(item, Mapping)
        }
        return cls(tools, runners, sources)

    @property
    def untrusted(self) -> bool:
        """Whether any source's tools run only when somebody allows it."""
        return any(not source.trusted for source in self._sources)

    async def opened(self, io: IO, seconds: float) -> Toolbox:
        """The same with the tools of its sources in it. Raises ``ToolSourceError`` where they cannot be had."""
        if not self._sources:
            return self
        listed = await io.all([_listed(io, source, seconds) for source in self._sources])
        tools, runners = list(self.tools), dict(self._runners)
        for source, found in zip(self._sources, listed, strict=True):
            tools += found
            asynchronous, begin = declared_async(source.call_tool), getattr(source, "begin_call", None)
            for tool in found:
                begins = None if begin is None else partial(begin, tool.name)
                runners[tool.name] = Runner(partial(source.call_tool, tool.name), asynchronous, not source.trusted, begins)
        return Toolbox(to_tools(tools), runners)

    def runs(self, name: str) -> bool:
        return name in self._runners

    def asks(self, name: str) -> bool:
        return name in self._runners and self._runners[name].asks

    async def result(self, io: IO, call: ToolCall, seconds: float) -> ToolResult:
        """What the tool gave, or how it failed, in words for the model; it is given ``seconds``."""
        runner = self._runners.get(call.name)
        if runner is None:
            known = ", ".join(sorted(self._runners)) or "none"
            return failed(call, f"there is no tool of this name; the tools are: {known}")
        try:
            given = await _within(io, runner, call.arguments, seconds)
            if isinstance(given, ToolResult):
                return msgspec.structs.replace(given, tool_call_id=call.id, name=call.name)
            return ToolResult(call.id, as_parts(given, call.name), name=call.name)
        except ClosedByCallerError:
            raise
        except TimeoutError:
            return failed(call, f"it took longer than {seconds:g} seconds and was given up")
        except Exception as error:  # noqa: BLE001 - told to the model, which can mend it or do without
            return failed(call, _words(error))


def is_source(item: object) -> bool:
    return callable(getattr(item, "list_tools", None)) and callable(getattr(item, "call_tool", None))


def failed(call: ToolCall, words: str) -> ToolResult:
    return ToolResult(call.id, (Text(words),), is_error=True, name=call.name)


def _words(error: Exception) -> str:
    said = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    return said if len(said) <= WORDS else f"{said[:WORDS]}…"


def _bound(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    return function(**bind_arguments(function, arguments))


async def _listed(io: IO, source: ToolSource, seconds: float) -> Sequence[Tool]:
    runner = Runner(lambda _: source.list_tools(), declared_async(source.list_tools), asks=False)
    try:
        found = await _within(io, runner, {}, seconds)
    except TimeoutError as error:
        raise ToolSourceError(f"{_name(source)} did not list its tools within {seconds:g} seconds") from error
    if not isinstance(found, list | tuple) or not all(isinstance(tool, Tool) for tool in found):
        raise UsageError("list_tools gave no tools", field=_name(source), got=expect.kind_of(found), allowed="a list of Tool")
    return tuple(found)


def _name(source: ToolSource) -> str:
    return str(getattr(source, "name", None) or type(source).__name__)


async def _within(io: IO, runner: Runner, arguments: dict[str, Any], seconds: float) -> Any:
    """What the tool's function returns. Raises ``TimeoutError`` when it takes longer than so many seconds."""
    if runner.begin is not None:
        begun = runner.begin(arguments)
        try:
            return await io.apart(begun.result, seconds)
        except BaseException:
            begun.cancel()
            raise
    if not runner.asynchronous:
        given = await io.apart(partial(_called, runner.run, arguments), seconds)
        if not isinstance(given, Awaitable):
            return given
        if io.blocking:
            if isinstance(given, Coroutine):
                given.close()
            raise UsageError("it returned an awaitable", field="tools", allowed=_ASYNC)
    else:
        given = runner.run(arguments)
    if seconds == INFINITY:
        return await given
    return await io.first([_awaited(given), _late(io, seconds)])


def _called(run: Callable[[dict[str, Any]], Any], arguments: dict[str, Any]) -> Any:
    try:
        return run(arguments)
    except StopIteration as error:  # as a coroutine's end it would say something else
        raise RuntimeError("raised StopIteration") from error


async def _awaited(given: Awaitable[Any]) -> Any:
    return await given


async def _late(io: IO, seconds: float) -> Any:
    await io.sleep(seconds)
    raise TimeoutError


# ------------------------------------------------------------------------------------------------------------- what it gave


def as_parts(given: Any, name: str) -> tuple[Part, ...]:
    """What a tool returned, for the model: text and parts as they are, a picture (PIL) as an ``Image``, anything else as JSON.
    Raises ``UsageError`` for what has no JSON form."""
    if isinstance(given, str):
        return (Text(given),)
    if isinstance(given, PART_TYPES):
        return (given,)  # type: ignore[return-value]
    if isinstance(given, list | tuple) and any(isinstance(item, PART_TYPES) for item in given):
        return tuple(part for item in given for part in as_parts(item, name))
    try:
        return (Text(msgspec.json.encode(given, enc_hook=_other).decode()),)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            "what it returned has no JSON form",
            field=f"tools.{name}",
            got=expect.kind_of(given),
            allowed="text, JSON, parts such as Image",
        ) from error


def _other(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)
