"""MCP servers of the official SDK, as a program: ``servers.py KIND [http]``. Over HTTP the first line says the port."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from typing import Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
cancelled: list[str] = []


def tools(server: MCPServer) -> None:
    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def picture() -> Image:
        """A picture of one pixel."""
        return Image(data=PIXEL, format="png")

    @server.tool()
    def everything() -> CallToolResult:
        text = base64.b64encode(b"bytes").decode()
        return CallToolResult(
            content=[
                TextContent(type="text", text="words"),
                ImageContent(type="image", data=text, mime_type="image/png"),
                AudioContent(type="audio", data=text, mime_type="audio/wav"),
                ResourceLink(type="resource_link", uri="file:///a", name="a"),
                EmbeddedResource(type="resource", resource=TextResourceContents(uri="m://t", text="text inside")),
                EmbeddedResource(
                    type="resource", resource=BlobResourceContents(uri="m://d/x.pdf", blob=text, mime_type="application/pdf")
                ),
            ],
            structured_content={"n": 1},
        )

    @server.tool()
    def people() -> dict[str, Any]:
        return {"names": ["Ada", "Bo"]}

    @server.tool()
    def broken() -> str:
        raise ValueError("no such row")

    @server.tool()
    def environment() -> dict[str, str]:
        return dict(os.environ)

    @server.tool()
    async def slow(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            cancelled.append("slow")
            raise
        return "at last"

    @server.tool()
    def was_cancelled() -> int:
        return len(cancelled)

    @server.tool()
    def hang() -> str:
        time.sleep(600)
        return "never"

    @server.tool()
    def die() -> str:
        print("token=sk-live-0123456789abcdef0123", file=sys.stderr, flush=True)
        os._exit(3)

    @server.tool()
    def leave_behind() -> int:
        """A child of its own, which outlives it."""
        import subprocess

        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL).pid

    @server.tool()
    async def learn(ctx: Context[Any, Any]) -> str:
        """It has one tool more from now on."""
        server.add_tool(lambda: "learned", name="learned.late")
        await ctx.session.send_tool_list_changed()
        return "yes"

    @server.prompt()
    def review(code: str) -> str:
        """Review some code."""
        return f"Review this: {code}"

    @server.resource("notes://today", mime_type="text/plain")
    def today() -> str:
        """What is up."""
        return "buy milk"

    @server.resource("notes://photo", mime_type="image/png")
    def photo() -> bytes:
        return PIXEL


def many(server: MCPServer) -> None:
    for n in range(200):
        server.add_tool(lambda: "x", name=f"tool_{n}", description=f"The tool of number {n}")
    for name in ("long" * 250, "long" * 249 + "last", "a.b", "a/b", "a_b", "größe"):
        server.add_tool(lambda name=name: name[-8:], name=name)


def main() -> None:
    kind = sys.argv[1]
    if kind == "silent":  # it never says anything
        time.sleep(600)
    if kind == "stubborn":  # it does not end when its input does, nor when it is asked to
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = MCPServer(kind, log_level="ERROR")
    (many if kind == "many" else tools)(server)
    if kind == "noisy":
        print("Starting up!", flush=True)
    if "http" in sys.argv:
        serve(server)
    server.run()
    if kind == "stubborn":
        time.sleep(600)


def serve(server: MCPServer) -> None:
    import socket

    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    app = server.streamable_http_app(stateless_http=False)
    seen: list[dict[str, str]] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            head = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.append({**head, ":query": scope["query_string"].decode()})
            if scope["path"] in ("/moved", "/away"):
                to = b"/mcp" if scope["path"] == "/moved" else b"http://localhost:%d/mcp" % listening.getsockname()[1]
                await send({"type": "http.response.start", "status": 307, "headers": [(b"location", to)]})
                await send({"type": "http.response.body"})
                return
            if scope["path"] == "/closed":
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body"})
                return
        await app(scope, receive, send)

    @server.tool()
    def requests() -> list[dict[str, str]]:
        return seen

    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(watched, log_level="error", lifespan="on")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
    sys.exit()


if __name__ == "__main__":
    main()
