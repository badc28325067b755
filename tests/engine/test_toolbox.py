"""Tools that are run: what they are handed, what comes of it, and what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.engine.conftest import MakeIO
from tests.virtual import World
from trunkline.engine.toolbox import WORDS, Toolbox, failed, is_source
from trunkline.engine.waiting import Waiting
from trunkline.ports import INFINITY, Signal
from trunkline.values.errors import ClosedByCallerError, ToolSourceError, UsageError
from trunkline.values.media import Data
from trunkline.values.message import Image, Text, ToolCall, ToolResult
from trunkline.values.request import CustomTool, HostedTool, Tool


def look(what: str, times: int = 1) -> str:
    """Look at something."""
    return what * times


class Shelf:
    """A source of tools."""

    def __init__(self, trusted: bool = True, tools: Any = (Tool("take"),)) -> None:
        self.trusted = trusted
        self.name = "shelf"
        self._tools = tools

    def list_tools(self) -> Any:
        return self._tools

    def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        return [name, arguments]


def box(*tools: Any, blocking: bool = True) -> Toolbox:
    return Toolbox.of(list(tools), blocking)


def result(world: World, made: Toolbox, name: str, arguments: str = "{}", seconds: float = INFINITY) -> ToolResult:
    return world.run(made.result(world, ToolCall("c1", name, arguments), seconds, Waiting()))


def test_functions_and_declared_tools(world: MakeIO) -> None:
    made = box(
        look, Tool("far"), CustomTool("grammar"), HostedTool("web_search"), {"name": "dict", "input_schema": {"type": "object"}}
    )
    assert [getattr(tool, "name", None) for tool in made.tools] == ["look", "far", "grammar", None, "dict"]
    assert [made.runs(name) for name in ("look", "far", "grammar", "dict", "other")] == [True, False, False, False, False]
    assert result(world(), made, "look", '{"what": "a", "times": 2}') == ToolResult("c1", (Text("aa"),), name="look")


def test_one_tool_may_stand_alone_and_none_at_all() -> None:
    assert [tool.name for tool in Toolbox.of(look, True).tools] == ["look"]
    assert Toolbox.of(None, True).tools == ()
    assert Toolbox.of((look,), True).runs("look")


def test_coroutine_functions_are_for_the_asynchronous_client(world: MakeIO) -> None:
    async def tool(what: str) -> str:
        return what

    with pytest.raises(UsageError, match=r"tools\[1\]: a coroutine function") as caught:
        box(look, tool)
    assert caught.value.allowed == "a plain function here; AsyncClient takes both"
    assert box(tool, blocking=False).runs("tool")


def test_a_coroutine_function_is_awaited() -> None:
    async def tool(what: str) -> str:
        await io.sleep(1)
        return what

    io = World(blocking=False)
    made = box(tool, blocking=False)
    assert result(io, made, "tool", '{"what": "x"}').text == "x"
    assert result(io, made, "tool", '{"what": "x"}', 2.0).text == "x"
    late = result(io, made, "tool", '{"what": "x"}', 0.5)
    assert (late.is_error, late.text) == (True, "it took longer than 0.5 seconds and was given up")


def test_a_plain_function_may_return_something_to_await_beside_an_event_loop(world: MakeIO) -> None:
    async def later() -> str:
        return "soon"

    made = box(lambda_of(later))
    io = world()
    told = result(io, made, "tool")
    assert (told.is_error, told.text) == ((True, told.text) if io.blocking else (False, "soon"))
    if io.blocking:
        assert "AsyncClient" in told.text


def lambda_of(later: Any) -> Any:
    def tool() -> Any:
        return later()

    return tool


def test_time_is_limited(world: MakeIO) -> None:
    class Slow(World):
        async def apart(self, function: Any, seconds: float = INFINITY, signal: Signal | None = None) -> Any:
            assert seconds == 2.5
            raise TimeoutError

    io = Slow(blocking=world().blocking)
    told = result(io, box(look), "look", '{"what": "a"}', 2.5)
    assert (told.is_error, told.text) == (True, "it took longer than 2.5 seconds and was given up")


def test_what_goes_wrong_is_told_to_the_model(world: MakeIO) -> None:
    def raising() -> None:
        raise ValueError("x" * 3000)

    def silent() -> None:
        raise KeyError

    def stopping() -> None:
        raise StopIteration

    io, made = world(), box(look, raising, silent, stopping)
    told = result(io, made, "raising")
    assert told.is_error
    assert told.name == "raising"
    assert told.text == f"ValueError: {'x' * 3000}"[:WORDS] + "…"
    assert WORDS == 2000
    assert result(io, made, "silent").text == "KeyError"
    assert result(io, made, "stopping").text == "StopIteration"
    assert result(io, made, "nobody").text == "there is no tool of this name; the tools are: look, raising, silent, stopping"
    assert result(io, Toolbox.of(None, True), "nobody").text == "there is no tool of this name; the tools are: none"
    assert "not a JSON object" in result(io, made, "look", "[1]").text
    assert "what" in result(io, made, "look", "{}").text


def test_whoever_closes_the_client_ends_the_run(world: MakeIO) -> None:
    def closing() -> None:
        raise ClosedByCallerError("closed")

    with pytest.raises(ClosedByCallerError):
        result(world(), box(closing), "closing")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_no_mistake_of_a_tool_ends_the_run(world: MakeIO, kind: type[BaseException]) -> None:
    def tool() -> None:
        raise kind

    with pytest.raises(kind):
        result(world(), box(tool), "tool")


def test_a_result_of_its_own_is_made_the_calls(world: MakeIO) -> None:
    def tool() -> ToolResult:
        return ToolResult("other", (Text("no"),), is_error=True, name="else")

    assert result(world(), box(tool), "tool") == ToolResult("c1", (Text("no"),), is_error=True, name="tool")


def test_failures_are_results() -> None:
    assert failed(ToolCall("c", "f"), "why") == ToolResult("c", (Text("why"),), is_error=True, name="f")


# --- sources -------------------------------------------------------------------------------------------------------------


def test_sources_are_told_from_tools() -> None:
    assert is_source(Shelf())
    assert not is_source(look)
    assert not is_source({"list_tools": 1})


def test_tools_of_sources_are_listed_when_it_begins(world: MakeIO) -> None:
    io, made = world(), box(look, Shelf())
    assert [tool.name for tool in made.tools] == ["look"]
    opened = io.run(made.opened(io, INFINITY, Waiting()))
    assert [tool.name for tool in opened.tools] == ["look", "take"]
    assert opened.runs("take")
    assert opened.runs("look")
    assert result(io, opened, "take", '{"a": 1}').text == '["take",{"a":1}]'
    plain = box(look)
    assert io.run(plain.opened(io, INFINITY, Waiting())) is plain


def test_who_is_not_trusted_is_known() -> None:
    assert not box(look, Shelf()).untrusted
    assert box(look, Shelf(), Shelf(trusted=False)).untrusted


def test_an_asynchronous_source(world: MakeIO) -> None:
    class Far(Shelf):
        async def list_tools(self) -> Sequence[Tool]:
            return [Tool("take")]

        async def call_tool(self, name: str, arguments: dict[str, Any]) -> str:
            return name

    with pytest.raises(UsageError, match=r"tools\[0\]: a coroutine function"):
        box(Far())
    io = World(blocking=False)
    opened = io.run(box(Far(), blocking=False).opened(io, 5.0, Waiting()))
    assert result(io, opened, "take").text == "take"


def test_names_are_unique_over_all_sources(world: MakeIO) -> None:
    io = world()
    with pytest.raises(UsageError, match="share this name"):
        io.run(box(Shelf(), Shelf()).opened(io, INFINITY, Waiting()))


@pytest.mark.parametrize("listed", [None, [1], "take"])
def test_a_source_lists_tools(world: MakeIO, listed: Any) -> None:
    io = world()
    with pytest.raises(UsageError, match="shelf: list_tools gave no tools"):
        io.run(box(Shelf(tools=listed)).opened(io, INFINITY, Waiting()))


def test_a_source_that_does_not_answer_is_told(world: MakeIO) -> None:
    class Slow(World):
        async def apart(self, function: Any, seconds: float = INFINITY, signal: Signal | None = None) -> Any:
            raise TimeoutError

    io = Slow(blocking=world().blocking)
    with pytest.raises(ToolSourceError, match="shelf did not list its tools within 3 seconds"):
        io.run(box(Shelf()).opened(io, 3.0, Waiting()))


class Late(World):
    """Whatever is waited for in a thread takes too long, or is ended, or interrupted."""

    error: BaseException = TimeoutError()

    async def apart(self, function: Any, seconds: float = INFINITY, signal: Signal | None = None) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [TimeoutError(), KeyboardInterrupt(), ClosedByCallerError("closed")])
def test_a_call_that_can_be_given_up_is(world: MakeIO, error: BaseException) -> None:
    done: list[str] = []

    class Begun:
        def result(self) -> Any:
            done.append("result")
            raise TimeoutError("its own")

        def cancel(self) -> None:
            done.append("cancel")

    class Kind(Shelf):
        def begin_call(self, name: str, arguments: dict[str, Any]) -> Begun:
            assert (name, arguments) == ("take", {"a": 1})
            return Begun()

    io, late = world(), Late(blocking=world().blocking)
    late.error = error
    opened = io.run(box(Kind()).opened(io, INFINITY, Waiting()))
    assert result(io, opened, "take", '{"a": 1}', 1.0).text == "TimeoutError: its own"
    assert done == ["result"]
    if isinstance(error, TimeoutError):
        assert "longer than 1 seconds" in result(late, opened, "take", '{"a": 1}', 1.0).text
    else:
        with pytest.raises(type(error)):
            result(late, opened, "take", '{"a": 1}', 1.0)
    assert done == ["result", "cancel"]


def test_a_call_that_cannot_be_begun_is_told(world: MakeIO) -> None:
    class Kind(Shelf):
        def begin_call(self, name: str, arguments: dict[str, Any]) -> Any:
            raise OSError("no server")

    io = world()
    opened = io.run(box(Kind()).opened(io, INFINITY, Waiting()))
    assert result(io, opened, "take").text == "OSError: no server"


def test_words_of_an_error_that_has_none(world: MakeIO) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError

    def tool() -> None:
        raise Mute

    assert result(world(), box(tool), "tool").text == "Mute: (its words cannot be told: LookupError)"


def test_times_of_its_own_are_not_ours(world: MakeIO) -> None:
    def tool() -> None:
        raise TimeoutError("mine")

    assert result(world(), box(tool), "tool").text == "TimeoutError: mine"


@pytest.mark.parametrize(("seconds", "words"), [(0.2999961, "0.3"), (0.0014, "0.001"), (600.0, "600"), (2.3456, "2.346")])
def test_times_are_told_in_short(world: MakeIO, seconds: float, words: str) -> None:
    io = Late(blocking=world().blocking)
    io.error = TimeoutError()
    assert result(io, box(look), "look", '{"what": "a"}', seconds).text == f"it took longer than {words} seconds and was given up"
    with pytest.raises(ToolSourceError, match=f"shelf did not list its tools within {words} seconds"):
        io.run(box(Shelf()).opened(io, seconds, Waiting()))


@pytest.mark.parametrize(
    "given",
    [Text(5), ["a", Text(5)], ToolResult("c", (5,)), ToolResult("c", "abc"), Image.file("/no/such/file.png")],  # type: ignore[arg-type]
)
def test_what_no_message_can_hold_is_told(world: MakeIO, given: Any) -> None:
    def tool() -> Any:
        return given

    told = result(world(), box(tool), "tool")
    assert told.is_error
    assert told.text


def test_files_are_read_at_once(world: MakeIO, tmp_path: Any) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")

    def tool() -> Image:
        return Image.file(file)

    told = result(world(), box(tool), "tool")
    assert told == ToolResult("c1", (Image(Data(b"\x89PNG\r\n\x1a\n", "image/png")),), name="tool")


def test_a_coroutine_gives_what_a_function_does(tmp_path: Any) -> None:
    async def tool(what: int) -> Any:
        return [ToolResult("x", (Text("own"),)), object(), {"a": what}][what]

    io = World(blocking=False)
    made = box(tool, blocking=False)
    told = [result(io, made, "tool", f'{{"what": {what}}}') for what in range(3)]
    assert [(each.text, each.is_error, each.tool_call_id) for each in told[::2]] == [
        ("own", False, "c1"),
        ('{"a":2}', False, "c1"),
    ]
    assert "no JSON form" in told[1].text


def test_what_a_plain_function_returned_to_await_has_the_rest_of_the_time() -> None:
    def tool() -> Any:
        return later()

    async def later() -> str:
        await io.sleep(2)
        return "x"

    class Takes(World):
        async def apart(self, function: Any, seconds: float = INFINITY, signal: Signal | None = None) -> Any:
            await self.sleep(1)
            return function()

    io = Takes(blocking=False)
    assert result(io, box(tool), "tool", seconds=3.5).text == "x"
    assert "longer than 2.5 seconds" in result(io, box(tool), "tool", seconds=2.5).text


def test_whose_tools_are_known(world: MakeIO) -> None:
    io, made = world(), box(look, Shelf())
    assert box(look).is_open
    assert not made.is_open
    assert io.run(made.opened(io, INFINITY, Waiting())).is_open


def test_who_does_not_say_that_he_is_trusted_is_not() -> None:
    class Stranger:
        def list_tools(self) -> Any: ...
        def call_tool(self, name: str, arguments: dict[str, Any]) -> Any: ...

    assert box(Stranger()).untrusted
    assert not box(look).untrusted


def test_what_a_source_raises_while_it_lists_is_raised(world: MakeIO) -> None:
    class Broken(Shelf):
        def list_tools(self) -> Any:
            raise TimeoutError("its own")

    io = world()
    with pytest.raises(TimeoutError, match="its own"):
        io.run(box(Broken()).opened(io, INFINITY, Waiting()))


def test_what_is_wrong_with_a_call_is_known_before(world: MakeIO) -> None:
    io = world()
    made = io.run(box(look, Shelf()).opened(io, INFINITY, Waiting()))
    for name, arguments, words in (
        ("look", '{"what": "a", "times": "3"}', None),
        ("take", "{}", None),
        ("take", '{"anything": 1}', None),
        ("nobody", "{}", "there is no tool of this name; the tools are: look, take"),
        ("look", '{"times": 1}', "what"),
        ("look", "[", "not a JSON object"),
        ("take", "[", "not a JSON object"),
    ):
        fault = made.fault(ToolCall("c1", name, arguments))
        assert (fault is None) is (words is None)
        if fault is not None and words is not None:
            assert words in fault.text
            assert (fault.is_error, fault.tool_call_id, fault.name) == (True, "c1", name)
            assert fault.text == result(io, made, name, arguments).text
