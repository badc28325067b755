"""Models that say what was written by hand, on loopback, for what is run as its reader would run it: the blocks of the README."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Body = dict[str, Any]
Reply = tuple[int, dict[str, str], Iterator[bytes]]


def whole(body: Body) -> Reply:
    return 200, {"content-type": "application/json", "request-id": "req_demo"}, iter([json.dumps(body).encode()])


def completion(text: str) -> Body:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 19, "total_tokens": 30}
    return {"id": "chatcmpl-demo", "object": "chat.completion", "model": "gpt-5.4-mini", "choices": [choice], "usage": usage}


def message(text: str, input_tokens: int) -> Body:
    return {
        "id": "msg_demo",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": input_tokens, "output_tokens": 14},
    }


WEATHER_CALL: Body = {
    **message("", 87),
    "content": [{"type": "tool_use", "id": "toolu_demo", "name": "get_weather", "input": {"city": "Paris"}}],
    "stop_reason": "tool_use",
}


def events(text: str) -> Iterator[bytes]:
    """``text`` word by word, as a model would write it."""

    def chunk(choices: list[Body], **more: Any) -> bytes:
        fields = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "model": "gpt-5.4-mini", "choices": choices, **more}
        return b"data: " + json.dumps(fields).encode() + b"\n\n"

    words = text.split(" ")
    for number, word in enumerate(words):
        yield chunk([{"index": 0, "delta": {"content": word if number == 0 else f" {word}"}, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield chunk([], usage={"prompt_tokens": 17, "completion_tokens": len(words), "total_tokens": 17 + len(words)})
    yield b"data: [DONE]\n\n"


class HandWrittenModels:
    """A server on a free port of loopback; ``with`` gives its address. ``answer`` gives the reply to a path and a JSON body."""

    def __init__(self, answer: Callable[[str, Body], Reply]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)) or b"{}")
                status, headers, pieces = answer(self.path, body)
                self.send_response(status)
                for name, value in {**headers, "transfer-encoding": "chunked"}.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST  # noqa: N815 - the library's name

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
