"""Trunkline as an MCP server: two tools, over an ``AsyncClient``. What goes wrong is the tool's error, never the end."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import mcp_types as sdk
import msgspec
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server

from .. import __version__
from ..client.aio import AsyncClient
from ..client.options import CallOptions
from ..serve.listener import bound
from ..values.errors import TrunklineError
from ..values.model import Model

HOST: Final = "127.0.0.1"


class Ask(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Ask a language model, and get its answer as text. It knows nothing but what the prompt says."""

    prompt: Annotated[str, msgspec.Meta(description="what is asked, with all that is needed to answer it", min_length=1)]
    model: Annotated[str | None, msgspec.Meta(description="provider/model, or a route's name; default: what is configured")] = (
        None
    )
    system: Annotated[str | None, msgspec.Meta(description="instructions for the model")] = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None

    async def run(self, client: AsyncClient) -> str:
        options: CallOptions = msgspec.to_builtins(self)
        prompt = options.pop("prompt")  # type: ignore[typeddict-item]  # the rest are the options
        return str(await client.generate(prompt, **options))


class Models(msgspec.Struct, forbid_unknown_fields=True):
    """List language models with limits in tokens, prices in USD per million tokens, and abilities."""

    provider: Annotated[str | None, msgspec.Meta(description="only this provider's")] = None
    search: Annotated[str | None, msgspec.Meta(description="only those whose names hold this")] = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="at most so many")] = 50

    async def run(self, client: AsyncClient) -> str:
        today = time.strftime("%Y-%m-%d", time.gmtime())
        found = [
            _told(model)
            for model in await client.models(self.provider)
            if (self.search or "").lower() in model.name.lower() and (model.retires is None or model.retires > today)
        ]
        return msgspec.json.encode({"models": found[: self.limit], "more": max(len(found) - self.limit, 0)}).decode()


_TOLD: Final = ("context", "max_output", "abilities", "retires", "successor")


def _told(model: Model) -> dict[str, Any]:
    known = msgspec.to_builtins(model)
    prices = [{key: value for key, value in price.items() if key != "variants"} for price in known.get("prices", ())]
    return {"name": model.name, **{key: known[key] for key in _TOLD if key in known}, **({"prices": prices} if prices else {})}


TOOLS: Final[dict[str, type[Ask | Models]]] = {"ask": Ask, "models": Models}


def server(client: AsyncClient) -> Server[Any]:
    """The server; it answers by ``client``, which stays the caller's."""
    tools = [
        sdk.Tool(name=name, description=kind.__doc__, input_schema=msgspec.json.schema(kind)["$defs"][kind.__name__])
        for name, kind in TOOLS.items()
    ]

    async def list_tools(_: object, __: object) -> sdk.ListToolsResult:
        return sdk.ListToolsResult(tools=tools)

    async def call_tool(_: object, asked: sdk.CallToolRequestParams) -> sdk.CallToolResult:
        try:
            if asked.name not in TOOLS:
                return _answer(f"no such tool; there are: {', '.join(TOOLS)}", failed=True)
            arguments = msgspec.convert(asked.arguments or {}, TOOLS[asked.name])
            return _answer(await arguments.run(client))
        except (TrunklineError, msgspec.ValidationError) as error:
            return _answer(str(error), failed=True)

    return Server("trunkline", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


def _answer(text: str, *, failed: bool = False) -> sdk.CallToolResult:
    return sdk.CallToolResult(content=[sdk.TextContent(type="text", text=text)], is_error=failed)


async def serve_pipes(client: AsyncClient) -> None:
    """Over standard input and output, until the input ends. Whatever else is printed meanwhile goes to standard error."""
    async with client, stdio_server() as (incoming, outgoing):
        made = server(client)
        await made.run(incoming, outgoing, made.create_initialization_options())


class HttpServing:
    """Over streamable HTTP, on loopback alone: a request whose ``Host`` names another machine gets 421. The port is taken when it
    is made; raises ``UsageError`` where it cannot be had."""

    def __init__(self, client: AsyncClient, port: int) -> None:
        self._client = client
        self._socket = bound(HOST, port)
        self._socket.listen()  # from now on: who connects before it serves is served then
        self.url: str = f"http://{HOST}:{self._socket.getsockname()[1]}/mcp"

    async def serve(self) -> None:
        """Until SIGINT or SIGTERM, which are raised again at its end."""
        async with self._client:
            app = server(self._client).streamable_http_app(host=HOST)
            config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
            await uvicorn.Server(config).serve(sockets=[self._socket])
