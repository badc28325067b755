"""A server on loopback whose replies are written by hand, and the command run against it as a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

SOURCE = Path(__file__).resolve().parents[2] / "src"
KEY = "sk-canary-0123456789abcdefWXYZ"


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """Status, content type and body; with ``hold`` the connection then stays open until the server closes; ``cut``: no end."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    hold: bool = False
    cut: bool = False


class Loopback:
    """Answers each request with what ``answer`` says; ``seen`` holds all requests. ``holding`` is set while one is held open."""

    def __init__(self, answer: Callable[[Seen], Reply]) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.holding = Event()
        self._closing = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                outer.seen.append(seen)
                reply = outer.answer(seen)
                self.send_response(reply.status)
                self.send_header("content-type", reply.content_type)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(reply.body), reply.body))
                self.wfile.flush()
                if reply.hold:
                    outer.holding.set()
                    outer._closing.wait()
                if reply.hold or reply.cut:
                    self.close_connection = True
                else:
                    self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler


def events(*texts: str, end: bool = True) -> bytes:
    """A stream of OpenAI's chat protocol that says these texts."""
    lines = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]} for text in texts
    ]
    if end:
        lines.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    out = "".join(f"data: {json.dumps({**common, **line})}\n\n" for line in lines)
    return (out + ("data: [DONE]\n\n" if end else "")).encode()


def whole(text: str, **choice: Any) -> bytes:
    """A whole reply of OpenAI's chat protocol."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    ).encode()


def says(*texts: str) -> Callable[[Seen], Reply]:
    """Answers chat requests with these texts, streamed or whole as asked."""

    def answer(seen: Seen) -> Reply:
        if seen.json().get("stream"):
            return Reply(events(*texts), content_type="text/event-stream")
        return Reply(whole("".join(texts)))

    return answer


class Done(NamedTuple):
    """How the command ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


class Command:
    """Runs ``trunkline`` in a folder of its own with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.home = folder / "home"
        self.folder.mkdir()
        self.home.mkdir()
        self.environ = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
        self.environ |= {"PYTHONPATH": str(SOURCE), "HOME": str(self.home), "APPDATA": str(self.home / ".config")}
        self.environ |= {"USERPROFILE": str(self.home), "PYTHONUTF8": "1", "PYTHONWARNINGS": "error"}
        self.environ |= {"TRUNKLINE_DETECT": "off"}  # whoever runs on this machine is no part of a test

    def argv(self, args: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "trunkline", *args]

    def __call__(self, *args: str, stdin: bytes = b"", **environ: str) -> Done:
        done = subprocess.run(
            self.argv(args),
            input=stdin,
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=self.environ | environ,
            timeout=60,
        )
        return Done(done.returncode, done.stdout.decode().replace("\r\n", "\n"), done.stderr.decode().replace("\r\n", "\n"))

    def start(self, *args: str, **environ: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv(args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environ | environ,
        )
