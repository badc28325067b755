"""MCP with servers of the official SDK, of both its generations, over both transports; and ``trunkline mcp`` as it is started."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import CLIENTS, PLACE, owed
from trunkline import Audio, File, Image, McpServer, Message, Text, ToolResult, ToolSourceError
from trunkline.sim import Simulator

KEY = "sk-live-0123456789abcdef0123"
OLD = PLACE / "mcp" / "bin" / "python"


def command(generation: str, *words: str) -> list[str]:
    if generation == "old":
        owed(OLD, "mcp")
        return [str(OLD), str(CLIENTS / "mcp_server_of_old.py"), *words]
    return [sys.executable, str(CLIENTS / "mcp_server.py"), *(words or ("tools",))]


@contextmanager
def listening(words: list[str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    program = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert program.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(program.stdout.readline())}", program
    finally:
        program.kill()
        program.communicate()


@pytest.fixture(scope="module", params=["new-stdio", "new-http", "old-stdio", "old-http"])
def mcp(request: pytest.FixtureRequest) -> Iterator[McpServer]:
    generation, transport = request.param.split("-")
    if transport == "stdio":
        with McpServer("real", command=command(generation)) as server:
            yield server
    else:
        words = command(generation, *(["tools"] if generation == "new" else []), "http")
        headers = {"Authorization": f"Bearer {KEY}"}
        with listening(words) as (url, _), McpServer("real", url=f"{url}/mcp", headers=headers) as server:
            yield server


def text(result: ToolResult) -> str:
    return "".join(part.text for part in result.parts if isinstance(part, Text))


def failed(call: Callable[[], Any]) -> str:
    with pytest.raises(ToolSourceError) as caught:
        call()
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_tools(mcp: McpServer) -> None:
    tools = {tool.name: tool for tool in mcp.list_tools()}
    assert tools["real__add"].description == "Add two numbers."
    assert tools["real__add"].parameters is not None
    assert tools["real__add"].parameters["required"] == ["a", "b"]
    assert mcp.call_tool("real__add", {"a": 1, "b": 2}).parts == (Text("3"),)
    (picture,) = mcp.call_tool("real__picture").parts
    assert isinstance(picture, Image)
    assert picture.source.data.startswith(b"\x89PNG")  # type: ignore[union-attr]
    broken = mcp.call_tool("real__broken")
    assert broken.is_error
    assert "broken" in text(broken)
    assert mcp.call_tool("real__add", {"a": "x"}).is_error


def test_prompts_and_resources(mcp: McpServer) -> None:
    (prompt,) = mcp.list_prompts()
    assert (prompt.name, prompt.description) == ("review", "Review some code.")
    assert [(each.name, each.required) for each in prompt.arguments] == [("code", True)]
    assert mcp.get_prompt("review", {"code": "x = 1"}) == (Message.user("Review this: x = 1"),)
    assert "no_such" in failed(lambda: mcp.get_prompt("no_such"))
    resources = {each.uri: each for each in mcp.list_resources()}
    assert resources["notes://today"].media_type == "text/plain"
    assert mcp.read_resource("notes://today") == (Text("buy milk"),)
    assert isinstance(mcp.read_resource("notes://photo")[0], Image)
    assert "notes://none" in failed(lambda: mcp.read_resource("notes://none"))


def test_who_is_late_is_told_to_stop_and_goes_on(mcp: McpServer) -> None:
    assert "within 0.3 s" in failed(lambda: mcp.call_tool("real__slow", {"seconds": 60}, timeout=0.3))
    end = time.monotonic() + 20
    while text(mcp.call_tool("real__was_cancelled")) != "1":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_tool_that_came_later(mcp: McpServer) -> None:
    mcp.list_tools()
    mcp.call_tool("real__learn")
    late = next(tool.name for tool in mcp.list_tools() if "late" in tool.name)
    assert text(mcp.call_tool(late)) == "learned"


def test_every_kind_of_content() -> None:
    with McpServer("real", command=command("new")) as mcp:
        parts = mcp.call_tool("everything").parts
        assert [type(part) for part in parts] == [Text, Image, Audio, Text, Text, File, Text]
        assert parts[-1] == Text('{"n":1}')
        assert json.loads(text(mcp.call_tool("people"))) == {"names": ["Ada", "Bo"]}


@pytest.mark.parametrize("generation", ["new", "old"])
def test_one_that_dies_in_mid_call(generation: str) -> None:
    with McpServer("real", command=command(generation)) as mcp:
        said = failed(lambda: mcp.call_tool("die"))
        assert "exit code 3" in said
        assert "before it had answered" in said
        assert text(mcp.call_tool("add", {"a": 1, "b": 1})) == "2"


def test_one_that_hangs() -> None:
    with McpServer("real", command=command("new")) as mcp:
        assert "within 0.5 s" in failed(lambda: mcp.call_tool("hang", timeout=0.5))
        assert text(mcp.call_tool("add", {"a": 1, "b": 1})) == "2"
    with McpServer("real", command=command("new", "stubborn")) as mcp:
        pid = text(mcp.call_tool("leave_behind"))
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


def test_one_with_two_hundred_tools_and_names_that_nobody_takes(caplog: pytest.LogCaptureFixture) -> None:
    with McpServer("real", command=command("new", "many")) as mcp:
        tools = mcp.list_tools()
        assert len({tool.name for tool in tools}) == len(tools) == 206
        assert all(len(tool.name) <= 64 and tool.name.replace("-", "_").isidentifier() and tool.name.isascii() for tool in tools)
        assert [text(mcp.call_tool(tool.name)) for tool in tools[-6:]] == ["longlong", "longlast", "a.b", "a/b", "a_b", "größe"]
    assert any("digest" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("generation", ["new", "old"])
def test_over_http_it_is_found_again(generation: str, caplog: pytest.LogCaptureFixture) -> None:
    words = command(generation, *(["tools"] if generation == "new" else []), "http")
    caplog.set_level(logging.DEBUG)
    with listening(words) as (url, program):
        mcp = McpServer("real", url=f"{url}/mcp?token=hidden-0123456789", headers={"Authorization": f"Bearer {KEY}"})
        assert text(mcp.call_tool("add", {"a": 1, "b": 1})) == "2"
        if generation == "new":
            seen = json.dumps([part.text for part in mcp.call_tool("requests").parts if isinstance(part, Text)])
            assert KEY in seen
            assert "hidden-0123456789" in seen
        program.kill()
        program.wait()
        for _ in range(3):
            assert "could not be reached" in failed(lambda: mcp.call_tool("add", {"a": 1, "b": 1}))
        mcp.close()
    assert not [record for record in caplog.records if KEY in record.getMessage() or "hidden-0123456789" in record.getMessage()]


def test_a_session_that_was_forgotten_is_begun_anew() -> None:
    with listening(command("old", "http")) as (url, _), McpServer("real", url=f"{url}/mcp") as mcp:
        mcp.list_tools()
        _end_session(f"{url}/mcp")
        assert "has forgotten the session" in failed(lambda: mcp.call_tool("real__add", {"a": 1, "b": 1}))
        assert text(mcp.call_tool("real__add", {"a": 1, "b": 1})) == "2"
        _end_session(f"{url}/mcp")
        assert mcp.list_tools()  # which may be asked for twice


def _end_session(url: str) -> None:
    import gc

    from mcp.client.streamable_http import StreamableHTTPTransport

    ids = [
        each.session_id
        for each in gc.get_objects()
        if type(each) is StreamableHTTPTransport and each.url == url and each.session_id
    ]
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE", headers={"mcp-session-id": ids[-1]})) as reply:
        assert reply.status == 200


def test_headers_go_to_their_origin_alone() -> None:
    with listening(command("new", "tools", "http")) as (url, _):
        options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {KEY}"}}
        with McpServer("real", url=f"{url}/moved", **options) as mcp:  # to another path of the same
            assert mcp.list_tools()
        away = McpServer("real", url=f"{url}/away", **options)
        assert "HTTP 307" in failed(away.start)
        closed = McpServer("real", url=f"{url}/closed", **options)
        assert "HTTP 401" in failed(closed.start)
        with McpServer("real", url=f"{url}/mcp") as mcp:
            assert text(mcp.call_tool("requests")).count("authorization") == text(mcp.call_tool("requests")).count(KEY)


# -- trunkline mcp ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with Simulator() as sim:
        yield {"OPENAI_BASE_URL": sim.base_url("openai-chat"), "OPENAI_API_KEY": "sk-simulated"}


SERVE = [sys.executable, "-m", "trunkline", "mcp", "--model", "openai/gpt-5.4"]


def test_the_command_over_pipes(environment: dict[str, str]) -> None:
    with McpServer("t", command=SERVE, env=environment) as mcp:
        assert [tool.name for tool in mcp.list_tools()] == ["t__ask", "t__models"]
        assert text(mcp.call_tool("ask", {"prompt": "hi"})) == 'This is a simulated answer. You said: "hi".'
        assert mcp.call_tool("ask", {"prompt": "hi", "model": "nobody/x"}).is_error
        assert json.loads(text(mcp.call_tool("models", {"limit": 1})))["more"] > 100


def test_the_old_client_understands_it(environment: dict[str, str], tmp_path: Path) -> None:
    owed(OLD, "mcp")
    program = f"""
import asyncio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    server = StdioServerParameters(command={SERVE[0]!r}, args={SERVE[1:]!r}, env={environment!r})
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        result = await session.call_tool("ask", {{"prompt": "hi"}})
        print(result.content[0].text)

asyncio.run(main())
"""
    done = subprocess.run([str(OLD), "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True)
    assert done.stdout == 'This is a simulated answer. You said: "hi".\n'


@pytest.mark.parametrize("sign, code", [(None, 0), (signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_how_it_ends(environment: dict[str, str], sign: signal.Signals | None, code: int) -> None:
    program = subprocess.Popen(
        SERVE, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    program.stdin.flush()
    assert json.loads(program.stdout.readline())["id"] == 1
    if sign is not None:
        program.send_signal(sign)
        program.wait(20)
    rest, complaints = program.communicate(timeout=20)
    assert (program.returncode, rest, complaints) == (code, b"", b"")


def test_who_started_it_may_go_without_a_word(environment: dict[str, str]) -> None:
    program = subprocess.Popen(
        SERVE, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.close()
    program.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    program.stdin.close()
    assert (program.wait(20), program.stderr.read()) == (0, b"")
    program.stderr.close()


def test_the_command_over_http(environment: dict[str, str]) -> None:
    program = subprocess.Popen([*SERVE, "--http", "0"], env={**os.environ, **environment}, stdout=subprocess.PIPE)
    assert program.stdout is not None
    try:
        url = program.stdout.readline().decode().split()[4]
        with McpServer("t", url=url) as mcp:
            assert text(mcp.call_tool("ask", {"prompt": "hi"})) == 'This is a simulated answer. You said: "hi".'
        asked = urllib.request.Request(url, b"{}", {"Host": "evil.test", "Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked)
        assert caught.value.code == 421
        caught.value.close()
        program.terminate()
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.communicate()
