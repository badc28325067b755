"""`make demo`: what Trunkline does, with no key and no network.

The replies were written by hand and are served on loopback by the few lines at the end of this file, in the protocols of two
providers. Everything between them and what you see is the library. Prices are the catalog's, for the models that are named.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from trunkline import Client, Response

CHAT_MODEL = "openai/gpt-5.4-mini"
MESSAGES_MODEL = "anthropic/claude-sonnet-5"


def get_weather(city: str) -> str:
    """The weather in a city, now."""
    return f"{city}: 21 degrees, sunny"


def main() -> int:
    print("Trunkline demo. The replies were written by hand and come from loopback; nothing leaves this machine.")
    with HandWrittenModels(answer) as url:
        chat = Client(CHAT_MODEL, base_url=f"{url}/v1", api_key="demo")
        messages = Client(MESSAGES_MODEL, base_url=url, api_key="demo")
        with chat, messages:
            rows = [
                ("streamed answer", stream_an_answer(chat)),
                *((f"tool call, {step}", reply) for step, reply in call_a_tool(messages)),
                ("overloaded at first", survive_an_overload(chat)),
            ]
    print_table(rows)
    return 0


def stream_an_answer(llm: Client) -> Response:
    ask("Why is the sky blue?")
    with llm.stream("Why is the sky blue?", system="Be brief") as stream:
        for event in stream:
            print(event.text or "", end="", flush=True)
    print()
    return stream.response


def call_a_tool(llm: Client) -> Iterator[tuple[str, Response]]:
    question = {"role": "user", "content": "What is the weather in Paris?"}
    ask(question["content"])
    reply = llm.generate([question], tools=[get_weather])
    yield "asked", reply
    results = []
    for call in reply.tool_calls:
        result = get_weather(**call.arguments)
        print(f"  {call.name}({call.raw_arguments}) -> {result}")
        results.append({"role": "tool", "tool_call_id": call.id, "content": result})
    reply = llm.generate([question, reply.message, *results], tools=[get_weather])
    print(reply)
    yield "answered", reply


def survive_an_overload(llm: Client) -> Response:
    ask("Are you busy?")
    reply = llm.generate("Are you busy?")
    for attempt in reply.attempts:
        waited = f" after {attempt.waited:.2f} s" if attempt.waited else ""
        print(f"  try{waited}: {attempt.error or 'answered'} (HTTP {attempt.status})")
    print(reply)
    return reply


def ask(question: str) -> None:
    print(f"\n> {question}")


def print_table(rows: list[tuple[str, Response]]) -> None:
    line = "{:<21} {:<25} {:>6} {:>7} {:>5} {:>10}"
    print("\n" + line.format("", "model", "tokens", "seconds", "tries", "cost, USD"))
    for what, reply in rows:
        usage = f"{reply.usage.input_tokens}+{reply.usage.output_tokens}"
        cost = "unknown" if reply.cost is None else f"{reply.cost:.6f}"
        model = f"{reply.provider}/{reply.model}"
        print(line.format(what, model, usage, f"{reply.latency:.3f}", len(reply.attempts), cost))
    costs = [reply.cost for _, reply in rows if reply.cost is not None]
    print(line.format("together", "", "", "", "", f"{sum(costs):.6f}"))


# --- The replies, and what serves them. -----------------------------------------------------------------------------------------

Body = dict[str, Any]
Reply = tuple[int, dict[str, str], Iterator[bytes]]
SKY = "Air scatters short, blue waves of sunlight far more than long, red ones, so blue light reaches us from all over the sky."
OVERLOADED = b'{"error": {"message": "The engine is currently overloaded", "type": "server_error"}}'
_overloads = iter([True])


def answer(path: str, body: Body) -> Reply:
    """The hand-written reply to one request."""
    if path.endswith("/messages"):
        has_result = any(part.get("type") == "tool_result" for part in _parts(body["messages"][-1]))
        return whole(message("It is sunny in Paris, at 21 degrees.", 108) if has_result else WEATHER_CALL)
    question = "".join(part["text"] for part in _parts(body["messages"][-1]))
    if body.get("stream"):
        return 200, {"content-type": "text/event-stream"}, events(SKY)
    if "busy" in question and next(_overloads, False):
        return 503, {"retry-after-ms": "400"}, iter([OVERLOADED])
    return whole(completion("Not any more: the first try met an overloaded server, and the second was answered."))


def _parts(said: Body) -> list[Body]:
    return [{"type": "text", "text": said["content"]}] if isinstance(said["content"], str) else said["content"]


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
        time.sleep(0.03)
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
                """A demo does not want an access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    sys.exit(main())
