"""A server comes, goes, and leaves nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.serve.plain import PlainHalf
from tests.serve.raw import Raw, Source, always, request, served
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import ServerError, UnsupportedOperationError, UsageError

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTORS = Path("/proc/self/fd")


def sockets() -> int:
    """How many sockets this process has open."""
    return sum(os.path.realpath(path).rpartition("/")[2].startswith("socket:") for path in DESCRIPTORS.iterdir())


def app() -> App:
    return App(always(ServerError()), (PlainHalf(),))


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="no /proc here")
def test_fifty_servers_leave_nothing(makeup: str) -> None:
    with served(ServerError()) as server, Raw(server) as raw:
        raw.ask()
    gc.collect()  # what tests before this one have left behind
    threads, before = threading.active_count(), sockets()
    for _ in range(50):
        with served(Source("a", "forever")) as server, Raw(server) as raw:
            raw.send(request())
            raw.head()
    gc.collect()
    assert threading.active_count() <= threads
    assert sockets() <= before


def test_close_ends_open_streams_at_once(makeup: str) -> None:
    sources = [Source("a", "forever") for _ in range(20)]
    waiting = iter(sources)
    server = served(lambda asked: next(waiting)).start()
    raws = [Raw(server) for _ in sources]
    idle = Raw(server)
    for raw in raws:
        raw.send(request())
        raw.head()
        raw.until(b"data: a")
    server.close()
    for source in sources:
        assert (source.closed, source.cancelled) == (1, 1)
    for raw in (*raws, idle):
        with pytest.raises((ConnectionError, AssertionError)):
            raw.reply()
        raw.socket.close()
    server.close()  # a second time does nothing


def test_an_answerer_who_heeds_nothing_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.serve.listener.GRACE", 0.05)
    source = Source("a")
    stays = threading.Event()

    class Slow(Source):
        async def close(self) -> None:
            stays.set()
            await super().close()
            await asyncio.get_running_loop().create_future()

    source = Slow("a", "forever")
    server = served(source).start()
    with Raw(server) as raw:
        raw.send(request())
        raw.head()
        server.close()
    assert stays.is_set()
    assert source.closed == 1


def test_two_servers_at_once() -> None:
    with served(Source("a")) as one, served(Source("b")) as two, Raw(one) as raw, Raw(two) as other:
        assert one.port != two.port
        assert (raw.ask().body[:7], other.ask().body[:7]) == (b"data: a", b"data: b")


def test_inside_a_running_loop() -> None:
    async def main() -> bytes:
        with served(Source("a")) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request(connection="close"))
            data = await reader.read()
            writer.close()
            await writer.wait_closed()
            return data

    assert b"data: a" in asyncio.run(main())


def test_started_and_closed_again() -> None:
    server = served(ServerError("no", status=500))
    for _ in range(2):
        with server, Raw(server) as raw:
            assert raw.ask().status == 500
    with server, pytest.raises(UsageError, match="runs already"):
        server.start()


def test_refused_and_taken_again(makeup: str) -> None:
    source = Source("a", 0.1, "b")
    with served(source) as server:
        idle, busy = Raw(server), Raw(server)
        assert idle.ask("GET", "/health").status == 200
        busy.send(request())
        busy.head()
        for _ in range(3):
            server.refuse()
            with pytest.raises(ConnectionRefusedError):
                Raw(server)
            assert idle.at_end() == b""
            server.refuse()
            server.listen()
            server.listen()
            with Raw(server) as raw:
                assert raw.ask("GET", "/health").status == 200
        assert busy.until(b"[end]")
        for raw in (idle, busy):
            raw.socket.close()
        server.refuse()
    with pytest.raises(UsageError, match="does not run"):
        server.refuse()


def test_url() -> None:
    with served(ServerError()) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        with urllib.request.urlopen(server.url + "/health") as reply:
            assert reply.read() == b'{"status":"ok"}'
    assert Server(app(), "::1", 80).url == "http://[::1]:80"
    assert Server(app(), "0.0.0.0", 80).url == "http://127.0.0.1:80"


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::1"])
def test_other_places(host: str) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("no IPv6 here")
    with Server(app(), host) as server, urllib.request.urlopen(server.url + "/health") as reply:
        assert reply.status == 200


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_places_where_nobody_can_listen() -> None:
    with served(ServerError()) as server, pytest.raises(UsageError, match="port: cannot listen there"):
        Server(app(), port=server.port).start()
    with pytest.raises(UsageError, match="port"):
        Server(app(), port=70_000)
    with pytest.raises(UsageError, match="host: cannot listen there"):
        Server(app(), "203.0.113.1").start()
    with pytest.raises(UsageError, match="host"):
        Server(app(), "no.such.host.invalid").start()
    with pytest.raises(UsageError, match="host"):
        Server(app(), "")


def test_without_uvicorn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(
        UnsupportedOperationError, match=r"pip install 'trunkline\[sim\]' \(in a clone: pip install '\.\[sim\]'\)"
    ):
        Server(app()).start()
    with pytest.raises(UnsupportedOperationError, match="the simulator needs the extra sim"):
        Server(app()).serve()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_leaves_it_alone() -> None:
    code = """if True:
        import os, sys
        from tests.serve.raw import served, Raw
        from trunkline.values.errors import ServerError
        server = served(ServerError("no", status=500)).start()
        if os.fork() == 0:
            server.close()
            os._exit(0)
        os.wait()
        with Raw(server) as raw:
            assert raw.ask().status == 500
        server.close()
        """
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True, timeout=60)


FOREGROUND = """if True:
    import sys
    from tests.serve.raw import served, Source
    server = served(Source("a", "forever"))
    try:
        server.serve(lambda: print(server.port, flush=True))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    else:
        print("ended", flush=True)
    """


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("sent,said", [(signal.SIGINT, "interrupted\n"), (signal.SIGTERM, "ended\n")])
def test_in_the_foreground_until_a_signal(sent: signal.Signals, said: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FOREGROUND], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        raw = Raw(_At(int(process.stdout.readline())))  # type: ignore[arg-type]
        raw.send(request())
        raw.head()
        raw.until(b"data: a")
        process.send_signal(sent)
        assert process.stdout.read() == said
        assert process.stderr.read() == ""
        assert process.wait(20) == 0
        raw.socket.close()


class _At:
    def __init__(self, port: int) -> None:
        self.port = port


def test_left_open_at_the_end_of_a_program_it_goes_quietly() -> None:
    code = """if True:
        from tests.serve.raw import served, Raw, Source, request
        server = served(Source("a", "forever")).start()
        raw = Raw(server)
        raw.send(request())
        raw.head()
        raw.socket.close()
        """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
