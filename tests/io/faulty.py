"""First targets that fail, each in its own way: between a simulator and the client, a simulator itself, or a raw server.

Calls are told apart by their prompt, so that many may be under way at once.
"""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import trustme

from tests.io.loopback import CHUNKED, Handler, Server, chunk, read_request, reset, unanswered
from tests.sim.asking import simulator
from trunkline import Request
from trunkline.io.tls import tls_context
from trunkline.sim import Fail, Rule, Say, Simulator, Step, When

FAULTPROXY = Path(__file__).resolve().parents[3] / "shared" / "real" / "faultproxy.py"
FIRST = "The first target answers, and it takes its time about it. " * 40
"""Long: whole it is far more than 1,200 bytes, streamed its first events are far less."""
SHORT = "The first target answers."
SECOND = "The second target answers."
MIDST = 1_200
"""Bytes after which a proxy breaks off: in the midst of a whole reply, and after the first events of a stream."""
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


class Place:
    """Where a first target listens. ``faults``: when it failed, by prompt; ``came``: how often it was asked. Both as far as the
    server's side can tell: ``tells`` says whether."""

    def __init__(self, url: str, *, tells: bool = False) -> None:
        self.url = url
        self.tells = tells
        self.faults: dict[str, list[float]] = defaultdict(list)
        self.came: Counter[str] = Counter()


class Ground:
    """What all cases share: a healthy second target, a first one behind proxies, and the proxies."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.first = simulator(Rule(Say(SHORT), when=When(text="briefly")), Rule(Say(FIRST)))
        self.second = simulator(Rule(Say(FIRST), when=When(text="together")), Rule(Say(SECOND)))

    def __enter__(self) -> Ground:
        self._stack.enter_context(self.first)
        self._stack.enter_context(self.second)
        tls_context(None)  # made once for a process, in tens of milliseconds
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def asked(sim: Simulator, prompt: str) -> int:
    """How often ``sim`` was asked this."""
    return sum(prompt_of(recorded.http.body) == prompt for recorded in sim.requests)


def whole_answer(prompt: str) -> str:
    """What the second target says to it."""
    return FIRST if "together" in prompt else SECOND


def prompt_of(body: bytes) -> str:
    """The prompt of a test's own request: ``(case 17) …``."""
    return (b"(case" + body.partition(b"(case")[2].partition(b'"')[0]).decode()


Opened = Callable[[Ground], AbstractContextManager[Place]]


# --- behind a proxy -------------------------------------------------------------------------------------------------------


def proxied(mode: str, figure: float = 0.0) -> Opened:
    """The shared ``faultproxy.py`` in front of the first target."""

    @contextmanager
    def opened(ground: Ground) -> Iterator[Place]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        said = [sys.executable, str(FAULTPROXY), str(port), str(ground.first.port), mode, f"{figure:g}"]
        proxy = subprocess.Popen(said, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield Place(f"http://127.0.0.1:{port}/v1")
        finally:
            proxy.kill()
            proxy.wait()

    return opened


def _wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("the proxy does not listen")


# --- a simulator ----------------------------------------------------------------------------------------------------------


def simulated(*steps: Step, every: int = 1) -> Opened:
    """A simulator that does this to each request, or to every second one of a prompt (the first, the third…). The moment is that
    at which the request has come."""

    @contextmanager
    def opened(ground: Ground) -> Iterator[Place]:
        place = Place("", tells=True)

        def turn(request: Request) -> bool:
            place.came[prompt := request.messages[-1].text] += 1
            if fails := (place.came[prompt] - 1) % every == 0:
                place.faults[prompt].append(time.monotonic())
            return fails

        with Simulator([Rule(*steps, when=turn), Rule(Say(SHORT))], speed=math.inf) as sim:
            place.url = sim.base_url("openai-chat")
            yield place

    return opened


FAILURES: dict[str, Sequence[Step]] = {
    "429 storm": [Fail(429)],
    "429 storm, retry-after 0.2 s": [Fail(429, retry_after=0.2)],
    "429 storm, retry-after 30 s": [Fail(429, retry_after=30)],
    "529 overloaded": [Fail(529)],
    "503": [Fail(503)],
    "500": [Fail(500)],
    "HTML error page (502)": [Fail(502, body=PAGE, headers={"content-type": "text/html"})],
}


# --- raw servers ----------------------------------------------------------------------------------------------------------


def raw(answer: Callable[[socket.socket, Callable[[], None]], None]) -> Opened:
    """A server that reads the request and then does ``answer(connection, note)``; ``note()`` says that this is the moment."""

    @contextmanager
    def opened(ground: Ground) -> Iterator[Place]:
        place = Place("", tells=True)

        def handler(conn: socket.socket, server: Server) -> None:
            if request := read_request(conn):
                prompt = prompt_of(request)
                place.came[prompt] += 1
                answer(conn, lambda: place.faults[prompt].append(time.monotonic()))

        with Server(handler) as server:
            place.url = f"{server.url}/v1"
            yield place

    return opened


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s}]}\n\n'
BEGUN = EVENT % b'{"role":"assistant"}'


def black_hole(conn: socket.socket, note: Callable[[], None]) -> None:
    """Reads, and never answers. What goes wrong is that nothing comes: from here on the user's deadline runs."""
    note()
    _until_left(conn)


def reset_before_head(conn: socket.socket, note: Callable[[], None]) -> None:
    note()
    reset(conn)


def closed_before_head(conn: socket.socket, note: Callable[[], None]) -> None:
    note()


def closed_before_first_event(conn: socket.socket, note: Callable[[], None]) -> None:
    """A head and what says only that there is a reply; then the connection is closed in the midst of the body."""
    conn.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk(BEGUN))
    note()


def ended_before_first_event(conn: socket.socket, note: Callable[[], None]) -> None:
    """A body that lasts as long as the connection: to HTTP its end is proper."""
    conn.sendall(HEAD + b"\r\n" + BEGUN)
    note()


def stalled_before_first_event(conn: socket.socket, note: Callable[[], None]) -> None:
    conn.sendall(CHUNKED + chunk(BEGUN))
    note()
    _until_left(conn)


def _until_left(conn: socket.socket) -> None:
    conn.settimeout(5)
    with suppress(OSError):
        while conn.recv(65536):
            pass


# --- no server that could tell --------------------------------------------------------------------------------------------


@contextmanager
def refused(ground: Ground) -> Iterator[Place]:
    """Nothing listens, and nothing else may take the port meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Place(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")


@contextmanager
def hanging(ground: Ground) -> Iterator[Place]:
    """A listening socket whose backlog is full."""
    with unanswered() as url:
        yield Place(f"{url}/v1")


@contextmanager
def nameless(ground: Ground) -> Iterator[Place]:
    """A name that can never be known (RFC 6761, 6.4)."""
    yield Place("https://first-target.invalid/v1")


@contextmanager
def self_signed(ground: Ground) -> Iterator[Place]:
    """A certificate of nobody whom this machine trusts."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with Server(lambda conn, server: None, tls=context) as server:
        yield Place(f"{server.url}/v1")


@contextmanager
def not_tls(ground: Ground) -> Iterator[Place]:
    """Plain HTTP behind an https address."""

    def handler(conn: socket.socket, server: Server) -> None:
        conn.recv(65536)
        conn.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    plain: Handler = handler
    with Server(plain) as server:
        yield Place(f"https://localhost:{server.port}/v1")
