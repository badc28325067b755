"""A server without the SDK, of the protocol before 2026 (it knows ``initialize`` only), which starts at once: ``plain.py KIND``.
What no obedient server does is done here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

PAGE = 2
kind = sys.argv[1]
names = ["echo", "wait", "die", "many_words", "learn"]
told: list[str] = []
KEY = "sk-live-0123456789abcdef0123"


def say(**message: Any) -> None:
    said = [message]
    if kind == "babbling" and "id" in message:  # wrong answers before the right one, and another after it
        noise = {"method": "notifications/tools/list_changed", "params": {"_meta": 7, "\x1b[2J": KEY}}
        said = [{"id": 10**6, "result": {}}, {"id": None, "error": {"code": 1, "message": KEY}}, *[noise] * 300, message]
        said.append({"id": message["id"], "error": {"code": 1, "message": "again"}})
    for each in said:
        print(json.dumps({"jsonrpc": "2.0", **each}), flush=True)


def call(name: str, arguments: dict[str, Any], id: Any) -> dict[str, Any] | None:
    if name == "wait":  # it is never answered
        return None
    if name == "die":
        words = "token=sk-live-0123456789abcdef0123 and " + os.environ.get("MY_TOKEN", "")
        print(arguments.get("words", words), file=sys.stderr, flush=True)
        sys.exit(3)
    if name == "learn":
        names.append("learned")
        say(method="notifications/tools/list_changed")
    text = {"many_words": "x" * 5_000_000, "echo": json.dumps([arguments, told, dict(os.environ)])}.get(name, name)
    return {"content": [{"type": "text", "text": text}]}


def answer(asked: dict[str, Any]) -> None:
    method, params, id = asked.get("method"), asked.get("params") or {}, asked.get("id")
    if id is None:
        told.append(method)
        return
    if method == "initialize":
        who = {"name": kind, "version": "1"}
        capabilities: dict[str, Any] = {"tools": {"listChanged": True}}
        say(id=id, result={"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": who})
    elif method == "tools/list" and kind == "endless":
        say(id=id, result={"tools": [], "nextCursor": "again"})
    elif method == "tools/list":
        at = int(params.get("cursor", 0))
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names[at : at + PAGE]]
        say(id=id, result={"tools": tools, **({"nextCursor": str(at + PAGE)} if at + PAGE < len(names) else {})})
    elif method == "tools/call":
        result = call(params["name"], params.get("arguments", {}), id)
        if result is not None:
            say(id=id, result=result)
    else:
        say(id=id, error={"code": -32601, "message": f"no {method} with sk-live-0123456789abcdef0123"})


def main() -> None:
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        names.append(f"child_{child.pid}")
    if kind == "silent":
        time.sleep(300)
    if kind == "noisy":
        print("Listening on standard input ...", flush=True)
    if kind == "endless_line":
        while True:
            sys.stdout.write("x" * 2**20)
    for line in sys.stdin:
        answer(json.loads(line))
        if kind == "deaf" and '"cursor":"4"' in line:  # the last page
            time.sleep(300)
    if kind == "stubborn":
        time.sleep(300)


main()
