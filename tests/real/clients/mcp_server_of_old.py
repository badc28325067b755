"""A server of the SDK's first generation, as most of those in the world are: ``mcp_server_of_old.py [http]``; over HTTP, with sessions,
the first line says the port."""

from __future__ import annotations

import base64
import os
import sys

from mcp.server.fastmcp import Context, FastMCP, Image

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
server = FastMCP("old", log_level="ERROR")
cancelled: list[str] = []


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def picture() -> Image:
    return Image(data=PIXEL, format="png")


@server.tool()
def broken() -> str:
    raise ValueError("no such row")


@server.tool()
async def slow(seconds: float) -> str:
    import anyio

    try:
        await anyio.sleep(seconds)
    except BaseException:
        cancelled.append("slow")
        raise
    return "at last"


@server.tool()
def was_cancelled() -> int:
    return len(cancelled)


@server.tool()
def die() -> str:
    print("it was too much", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
async def learn(context: Context) -> str:
    server.add_tool(lambda: "learned", name="late")
    await context.session.send_tool_list_changed()
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


if "http" in sys.argv:
    import asyncio
    import socket

    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
else:
    server.run()
