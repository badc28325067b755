"""``trunkline mcp``: Trunkline as an MCP server, for any program that takes tools from one."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

from .. import AsyncClient, UnsupportedOperationError, UsageError
from .options import Commands, add_command, add_target, client_options
from .output import out

_EPILOG = """\
examples:
  trunkline mcp
  trunkline mcp --model anthropic/claude-sonnet-5
  trunkline mcp --http 8000

Its tools are ask (a prompt, to any model that is configured) and models (what
there is to choose from). It speaks MCP over standard input and output, until the
input ends; --http serves http://127.0.0.1:N/mcp on loopback instead: whoever can
run programs on this machine may use it then, and your keys by it.
It needs the `mcp` extra: pip install 'trunkline[mcp]'
"""
_INTERRUPTED = 130


def add(commands: Commands) -> None:
    parser = add_command(commands, "mcp", "Offer models as tools to other programs (MCP).", _EPILOG)
    add_target(parser)
    parser.add_argument("--http", type=int, metavar="PORT", help="serve HTTP on loopback instead (0: a free port)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.http is not None and not 0 <= args.http <= 65_535:
        raise UsageError("there is no such port", field="--http", got=str(args.http), allowed="0 (a free one) to 65535")
    try:
        from ..mcp.serving import HttpServing, serve_pipes
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "uvicorn"):
            raise
        raise UnsupportedOperationError("MCP needs its SDK", hint="pip install 'trunkline[mcp]'") from None
    client = AsyncClient(args.model, **client_options(args))
    if args.model is not None:
        client.conversation().model = args.model  # a name that leads nowhere is told now, and not to each caller
    if args.http is None:
        # A thread of the SDK's waits for the input, and the interpreter's end would wait for the thread.
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        try:
            asyncio.run(serve_pipes(client))
        except* BrokenPipeError:  # who started it has gone
            os._exit(0)
        return 0
    serving = HttpServing(client, args.http)
    out(f"# MCP server at {serving.url} (Ctrl-C ends it)")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # while it serves, it ends it
    asyncio.run(serving.serve())
    return 0
