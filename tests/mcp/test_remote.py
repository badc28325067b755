"""``McpServer`` and addresses that do what no obedient server does; ``tests/real/test_mcp.py`` has the SDK's own."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from trunkline import McpServer, Text, ToolSourceError
from trunkline.mcp import remote
from trunkline.mcp.loop import LOOP

at_end = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """It knows ``initialize`` alone, and answers each request with one piece of JSON."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method, params = asked["method"], asked.get("params") or {}
        if method == "notifications/cancelled":
            self.close_connection = True  # not a word
            return
        if "id" not in asked:
            self._say(202, b"")
            return
        result: dict[str, Any] | None = None
        if method == "initialize":
            who = {"name": "old", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": who}
        elif method == "tools/list":
            schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
            names = ("echo", "wait", "large", "coded", "hostile", "refuse", "wrong")
            result = {"tools": [{"name": name, "inputSchema": {"type": "object"}, "outputSchema": schema} for name in names]}
        elif method == "tools/call":
            if params["name"] == "wait":
                at_end.wait(20)
                self.close_connection = True
                return
            words = {"large": "x" * 300_000, "echo": self.headers["accept-encoding"]}.get(params["name"], "")
            said = None if params["name"] == "wrong" else words
            result = {"content": [{"type": "text", "text": said}], "structuredContent": {"a": "a" * 60 + "!"}}
        error = {"code": -32601, "message": f"\x1b[2Jno\r{method} with {self.path} " + "x" * 10_000}
        reply = {"error": error} if result is None or params.get("name") == "refuse" else {"result": result}
        data = json.dumps({"jsonrpc": "2.0", "id": asked["id"], **reply}).encode()
        if params.get("name") == "coded":
            self._say(200, gzip.compress(data), ("content-encoding", "gzip"))
        else:
            self._say(200, data)

    def _say(self, status: int, data: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-type", "application/json"), ("content-length", str(len(data))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/mcp?token=hidden%2F0123456789"
        at_end.set()
        server.shutdown()
        serving.join()


@pytest.fixture
def web(url: str) -> Iterator[McpServer]:
    with McpServer("web", url=url) as mcp:
        yield mcp
    assert LOOP._holders == 0


def text(mcp: McpServer, tool: str) -> str:
    part = mcp.call_tool(tool).parts[0]
    assert isinstance(part, Text)
    return part.text


def test_a_message_without_end_and_one_that_would_grow(web: McpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LONGEST", 200_000)
    for tool in ("large", "coded"):
        with pytest.raises(ToolSourceError, match="Failed to parse JSON"):
            web.call_tool(tool)
    assert text(web, "echo") == "identity"


def test_what_a_server_promises_of_its_results_is_not_held_against_us(web: McpServer) -> None:
    """The pattern would take longer than the universe is old, and hold the interpreter's lock meanwhile."""
    assert text(web, "hostile") == ""


def test_its_words_are_short_and_nothing_that_a_terminal_would_obey(web: McpServer) -> None:
    with pytest.raises(ToolSourceError) as caught:
        web.call_tool("refuse")
    said = str(caught.value)
    with pytest.raises(
        ToolSourceError, match=r"cannot be used: ValidationError: .* content\.0\.TextContent\.text .*valid string"
    ):
        web.call_tool("wrong")
    assert said.startswith("MCP server 'web' refused the call of refuse:  [2Jno tools/call with /mcp?token=*** xxx")
    assert len(said) < 700
    assert said.isprintable()


def test_a_connection_that_broke_unnoticed_is_begun_anew(web: McpServer) -> None:
    with pytest.raises(ToolSourceError, match=r"did not answer the call of wait within 0\.2 s"):
        web.call_tool("wait", timeout=0.2)  # and what tells the server so breaks the SDK's sender
    with pytest.raises(ToolSourceError, match="has ended"):
        web.call_tool("echo")
    assert text(web, "echo") == "identity"
