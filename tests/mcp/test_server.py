"""``McpServer`` and programs that speak the protocol of old, and some that do not; ``tests/real/test_mcp.py`` has the SDK's own servers."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trunkline import AsyncClient, Client, McpServer, Secret, Text, ToolSource, ToolSourceError, UsageError
from trunkline.sim import Call, Rule, Say, Simulator, When

PROGRAM = str(Path(__file__).with_name("plain.py"))
KEY = "sk-live-0123456789abcdef0123"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="processes are looked for in /proc")


def server(kind: str = "tools", **options: Any) -> McpServer:
    return McpServer("demo", command=[sys.executable, "-I", "-S", PROGRAM, kind], **options)


def text(result: Any) -> str:
    (part,) = result.parts
    assert isinstance(part, Text)
    return part.text


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("trunkline-mcp")]


def children() -> list[str]:
    """The programs that this process has started, zombies too."""
    return [pid for task in Path("/proc/self/task").iterdir() for pid in _read(task / "children").split()]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    state = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return bool(state) and state[0] != "Z"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread, no process, no descriptor more than before."""
    if sys.platform != "linux":
        yield
        return
    _warm()
    processes, descriptors = set(children()), open_files()
    yield
    until(lambda: not ours())
    until(lambda: set(children()) <= processes)
    until(lambda: open_files() <= descriptors or gc.collect() < 0)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


_ready: list[bool] = []


def _warm() -> None:
    """What the SDK opens when it is imported is no leak."""
    if not _ready:
        _ready.append(True)
        with server() as first:
            first.list_tools()
        until(lambda: not ours())


def test_it_is_a_source_of_tools() -> None:
    with server() as mcp:
        assert isinstance(mcp, ToolSource)
        tools = mcp.list_tools()
        assert [tool.name for tool in tools] == [
            "demo__echo",
            "demo__wait",
            "demo__die",
            "demo__many_words",
            "demo__learn",
        ]  # three pages
        assert tools[0].parameters == {"type": "object"}
        result = mcp.call_tool("demo__echo", {"a": [1, "ü"]})
        assert (json.loads(text(result))[0], result.is_error, result.name) == ({"a": [1, "ü"]}, False, "demo__echo")
        assert mcp.call_tool("echo").parts  # by its own name
        assert len(text(mcp.call_tool("demo__many_words"))) == 5_000_000
        assert mcp.list_prompts() == mcp.list_resources() == ()
        with pytest.raises(ToolSourceError, match=r"has no tool 'demo__nope'; its tools are: demo__die, demo__echo"):
            mcp.call_tool("demo__nope")
        with pytest.raises(UsageError, match=r"^arguments\.a: has no JSON form; got object"):
            mcp.call_tool("demo__echo", {"a": object()})
        with pytest.raises(ToolSourceError, match=r"refused the prompt x: no prompts/get with \*\*\*"):
            mcp.get_prompt("x")
        assert repr(mcp) == f"McpServer('demo', command={Path(sys.executable).name!r})"
    with pytest.raises(UsageError, match="was closed"):
        mcp.list_tools()
    mcp.close()


def test_no_key_of_ours_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with server(env={"MY_TOKEN": Secret("mine-and-only-mine")}) as mcp:
        environment = json.loads(text(mcp.call_tool("echo")))[2]
        assert environment["MY_TOKEN"] == "mine-and-only-mine"
        assert environment["PATH"] == os.environ["PATH"]
        assert set(environment) <= {"MY_TOKEN", "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"}  # fmt: skip


def test_a_prefix_of_its_own_or_none() -> None:
    with server(prefix="x-y") as one, server(prefix="") as other:
        assert one.list_tools()[0].name == "x-y__echo"
        assert other.list_tools()[0].name == "echo"


def test_a_tool_that_came_later_can_be_called() -> None:
    with server() as mcp:
        assert len(mcp.list_tools()) == 5
        mcp.call_tool("demo__learn")
        assert text(mcp.call_tool("demo__learned")) == "learned"
        assert len(mcp.list_tools()) == 6


def test_who_does_not_answer_in_time_is_told_to_stop() -> None:
    with server(timeout=0.1) as mcp:
        with pytest.raises(ToolSourceError, match=r"did not answer the call of wait within 0\.1 s"):
            mcp.call_tool("demo__wait")
        told = json.loads(text(mcp.call_tool("demo__echo", timeout=10)))[1]
        assert told == ["notifications/initialized", "notifications/cancelled"]


def test_a_call_that_is_given_up_is_cancelled_there() -> None:
    with server() as mcp:
        mcp.start()
        call, errors = mcp.begin_call("demo__wait", {}), list[BaseException]()

        def wait() -> None:
            try:
                call.result()
            except ToolSourceError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        until(lambda: call._under_way)
        call.cancel()
        waiting.join()
        assert "given up" in str(errors[0])
        assert "notifications/cancelled" in json.loads(text(mcp.call_tool("demo__echo")))[1]
        never = mcp.begin_call("demo__wait", {})
        never.cancel()
        with pytest.raises(ToolSourceError, match="given up"):
            never.result()


def test_who_dies_is_started_again_once_and_the_call_is_not_repeated() -> None:
    with server(env={"MY_TOKEN": "mine-and-only-mine"}) as mcp:
        for _ in range(2):
            with pytest.raises(ToolSourceError) as caught:
                mcp.call_tool("demo__die")
            said = str(caught.value)
            assert "exit code 3. It said last: token=*** and *** (before it had answered the call of die)" in said
            assert mcp.call_tool("demo__echo").parts  # begun anew
        for _ in range(2):
            with pytest.raises(ToolSourceError, match="before it had answered"):
                mcp.call_tool("demo__die")
        for _ in range(2):
            with pytest.raises(ToolSourceError, match=r"exit code 3.*for the second time: start\(\) tries again"):
                mcp.list_tools()
        mcp.start()
        assert mcp.call_tool("demo__echo").parts


def test_half_a_key_is_not_shown_and_nothing_that_a_terminal_would_obey() -> None:
    with server(env={"MY_TOKEN": "mine-and-only-mine"}) as mcp, pytest.raises(ToolSourceError) as caught:
        mcp.call_tool("demo__die", {"words": "mine-and-only-mine\x1b[2J\r" + "y" * 488})
    said = str(caught.value)
    assert "***" in said
    assert "mine" not in said
    assert "y" * 488 in said
    assert said.isprintable()


def test_who_reads_nothing_is_waited_for_and_ended() -> None:
    with server("deaf") as mcp:
        mcp.list_tools()
        with pytest.raises(ToolSourceError, match=r"did not answer the call of echo within 0\.2 s"):
            mcp.call_tool("demo__echo", {"a": "x" * 3_000_000}, timeout=0.2)


def test_who_reads_nothing_is_not_kept_in_memory_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    from trunkline.mcp import child

    with server("deaf") as mcp:
        mcp.list_tools()
        monkeypatch.setattr(child, "LONGEST", 1_000_000)
        for said in (r"within 0\.2 s", "does not read what it is sent"):
            with pytest.raises(ToolSourceError, match=said):
                mcp.call_tool("demo__echo", {"a": "x" * 3_000_000}, timeout=20 if "read" in said else 0.2)


def test_who_answers_wrongly_too_is_understood(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), server("babbling") as mcp:
        assert len(mcp.list_tools()) == 5
        assert json.loads(text(mcp.call_tool("demo__echo", {"n": 1})))[0] == {"n": 1}
    assert all(KEY not in record.getMessage() and record.getMessage().isprintable() for record in caplog.records)
    assert not any(record.exc_info for record in caplog.records)


def test_entering_that_is_cancelled_leaves_nothing() -> None:
    async def enter() -> None:
        mcp = server("silent")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), mcp:
                raise AssertionError
        with pytest.raises(UsageError, match="was closed"):
            await asyncio.to_thread(mcp.start)

    asyncio.run(enter())


def test_all_that_is_under_way_fails_when_it_dies_or_is_closed() -> None:
    def dies(mcp: McpServer) -> None:
        with pytest.raises(ToolSourceError):
            mcp.call_tool("demo__die")

    for end in (dies, McpServer.close):
        with server() as mcp:
            mcp.list_tools()
            errors: list[BaseException] = []

            def wait(mcp: McpServer = mcp, errors: list[BaseException] = errors) -> None:
                try:
                    mcp.call_tool("demo__wait")
                except ToolSourceError as error:
                    errors.append(error)

            threads = [threading.Thread(target=wait) for _ in range(5)]
            for thread in threads:
                thread.start()
            session = mcp._session
            assert session is not None
            until(lambda session=session: len(asyncio.all_tasks(session._loop)) > 8)
            end(mcp)
            for thread in threads:
                thread.join()
            assert len(errors) == 5


def test_many_threads_start_one() -> None:
    with server() as mcp:
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(len(mcp.list_tools()))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [5] * 20
        if sys.platform == "linux":
            assert len(children()) == 1
        assert ours().count("trunkline-mcp") == 1


@pytest.mark.parametrize(
    "command, said",
    [
        (["/no/such/program"], "could not be started: the program /no/such/program does not exist"),
        ([sys.executable, "-c", "import sys; sys.exit('bad option')"], "ended with exit code 1. It said last: bad option"),
        ([sys.executable, "-S", PROGRAM, "silent"], "it was not ready within 0.3 s"),
        ([sys.executable, "-S", PROGRAM, "endless_line"], "sent a message of more than 64 MiB"),
    ],
)
def test_what_cannot_be_started(command: list[str], said: str) -> None:
    patience = 0.3 if "silent" in command else 30
    with pytest.raises(ToolSourceError) as caught, McpServer("demo", command=command, start_timeout=patience):
        pass
    assert said in str(caught.value)


def test_pages_without_end() -> None:
    with server("endless") as mcp, pytest.raises(ToolSourceError, match="has no end of pages"):
        mcp.list_tools()


def test_what_is_no_message_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "trunkline"), server("noisy") as mcp:
        assert len(mcp.list_tools()) == 5
    assert [record.getMessage() for record in caplog.records] == [
        f"an MCP server ({sys.executable}) writes to its standard output what is no message"
    ]


@POSIX
def test_its_own_children_end_with_it_however_stubborn_it_is() -> None:
    with server("parent") as mcp:
        pid = int(mcp.list_tools()[-1].name.rpartition("_")[2])
        assert alive(pid)
    until(lambda: not alive(pid))
    with server("stubborn"):
        (pid,) = map(int, children())
    assert not alive(pid)


def test_who_forgets_to_close_is_told() -> None:
    mcp = server()
    mcp.start()
    with pytest.warns(ResourceWarning, match="McpServer.*was never closed"):
        del mcp
        gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_leaves_the_parents_alone_and_the_interpreter_leaves_nothing_behind() -> None:
    code = f"""
import gc, os, sys, trunkline
mcp = trunkline.McpServer("demo", command=[sys.executable, "-S", {PROGRAM!r}, "parent"])
mine = mcp.list_tools()[-1].name
pid = os.fork()
if not pid:
    assert mcp.list_tools()[-1].name != mine
    mcp.close()
    del mcp
    gc.collect()
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
pid = os.fork()
if not pid:
    del mcp
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert mcp.list_tools()[-1].name == mine
print(mine.rpartition("_")[2])  # and it is never closed
"""
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: not alive(int(done.stdout)))


# -- in a run -----------------------------------------------------------------------------------------------------------


RULES = [
    Rule(Say("done"), when=When(after_tool="demo__echo")),
    Rule(Say("it failed"), when=When(after_tool="demo__wait")),
    Rule(Call("demo__wait", {}), when=When(text="wait")),
    Rule(Call("demo__echo", {"city": "Oslo"})),
]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(RULES, speed=float("inf")) as simulator:
        yield simulator


@pytest.mark.parametrize("is_async", [False, True])
def test_a_run_calls_its_tools(sim: Simulator, is_async: bool) -> None:
    with server(trusted=True) as mcp:
        options: dict[str, Any] = {"base_url": sim.base_url("openai-chat"), "api_key": "k"}

        async def ask(prompt: str, **more: Any) -> Any:
            async with AsyncClient("openai-chat/m", **options) as client, server(trusted=True) as other:
                return await client.run(prompt, tools=[other], **more)

        def run(prompt: str, **more: Any) -> Any:
            if is_async:
                return asyncio.run(ask(prompt, **more))
            with Client("openai-chat/m", **options) as client:
                return client.run(prompt, tools=[mcp], **more)

        reply = run("go")
        assert reply.text == "done"
        (result,) = reply.steps[0].results
        assert json.loads(text(result))[0] == {"city": "Oslo"}
        assert (result.tool_call_id, result.is_error) == (reply.steps[0].response.tool_calls[0].id, False)

        reply = run("please wait", tool_timeout=0.2)
        (result,) = reply.steps[0].results
        assert result.is_error
        if not is_async:  # what the run gave up was ended at the server
            until(lambda: "notifications/cancelled" in json.loads(text(mcp.call_tool("demo__echo")))[1])


# -- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, field",
    [
        ({}, "command, url"),
        ({"command": ["x"], "url": "http://x"}, "command, url"),
        ({"command": "npx server"}, "command"),
        ({"command": []}, "command"),
        ({"command": ["a\0"]}, "command"),
        ({"command": ["x"], "headers": {}}, "headers"),
        ({"command": ["x"], "env": {"A=": "b"}}, "env"),
        ({"command": ["x"], "env": {"A": 1}}, "env.A"),
        ({"command": ["x"], "timeout": 0}, "timeout"),
        ({"command": ["x"], "start_timeout": "1"}, "start_timeout"),
        ({"command": ["x"], "trusted": 1}, "trusted"),
        ({"command": ["x"], "prefix": "a b"}, "prefix"),
        ({"url": "ftp://x"}, "url"),
        ({"url": "https://user:password@x/mcp"}, "url"),
        ({"url": "https://x/mcp#a"}, "url"),
        ({"url": "https://x/mcp?a=b c"}, "url"),
        ({"url": "https://x", "env": {}}, "env, cwd"),
        ({"url": "https://x", "headers": {"A": "b\n"}}, "headers.A"),
    ],
)
def test_misuse_is_told_before_anything_begins(options: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        McpServer("demo", **options)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "é", None])
def test_a_name_that_no_tool_may_begin_with(name: Any) -> None:
    with pytest.raises(UsageError, match="name"):
        McpServer(name, command=["x"])


def test_what_is_secret_is_not_shown() -> None:
    mcp = McpServer("web", url="https://example.test/mcp?key=hidden-123", headers={"Authorization": f"Bearer {KEY}"})
    assert repr(mcp) == "McpServer('web', url='https://example.test/mcp')"
    program = McpServer("x", command=["x", "--api-key=hidden-123", "--token", "hidden-456", "token", "not-hidden"])
    assert program._place.mask("hidden-123 hidden-456 not-hidden\a") == "*** *** not-hidden "
    assert mcp._place.mask(f"{KEY} hidden-123") == "*** ***"
