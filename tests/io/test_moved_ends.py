"""The end of an exchange that is moved while it is under way. Timed, generously."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.io.loopback import CHUNKED, LAST, Port, Server, chunk, post
from trunkline.ports import IO, Deadlines, Exchange, ProcessRequest
from trunkline.values.errors import DeadlineError

AFTER = 0.15
LATE = 1.0


def two_halves(conn: socket.socket, server: Server) -> None:
    while server.request(conn):
        conn.sendall(CHUNKED + chunk(b"a"))
        if not server.arrived.wait(5):
            return
        conn.sendall(chunk(b"b") + LAST)


def silent(conn: socket.socket, server: Server) -> None:
    server.request(conn)
    server.watch(conn)


PROGRAM = "import sys, time; print('a', end='', flush=True); time.sleep({}); print('b', end='')"


def program(seconds: float) -> ProcessRequest:
    return ProcessRequest((sys.executable, "-I", "-S", "-c", PROGRAM.format(seconds)))


async def cut_off(io: IO, exchange: Exchange, moment: float, total: float) -> None:
    """It ends at ``moment``, and says that it is the whole call's end."""
    with pytest.raises(DeadlineError) as caught:
        while await exchange.read():
            pass
    assert moment - 0.01 < io.now() < moment + LATE
    assert (caught.value.phase, caught.value.seconds) == ("total", total)
    await exchange.close()


@pytest.mark.parametrize("before", [0.0, 20.0], ids=["no end", "a later end"])
def test_it_ends_sooner(port: Port, before: float) -> None:
    async def call(io: IO) -> None:
        limits = Deadlines(idle=5, until=io.now() + before, total=before) if before else Deadlines(idle=5, total=30)
        exchange = io.send(post(server.url), limits)
        await exchange.head()
        assert await exchange.read() == b"a"
        moment = io.now() + AFTER
        exchange.set_until(moment)
        await cut_off(io, exchange, moment, before or 30)

    with Server(two_halves) as server:
        port.run(call)


def test_it_ends_later(port: Port) -> None:
    """Whatever timer rings for the first end rings for nothing."""

    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=5, until=io.now() + AFTER, total=AFTER))
        await exchange.head()
        assert await exchange.read() == b"a"
        exchange.set_until(io.now() + 20)
        await io.sleep(AFTER * 2)
        server.arrived.set()
        assert await exchange.read() == b"b"
        assert await exchange.read() == b""
        await exchange.close()

    with Server(two_halves) as server:
        port.run(call)


def test_later_in_the_middle_of_other_waits(port: Port) -> None:
    """One timer serves all of a loop: an end that was moved on does not hold up a nearer one, nor the reverse."""

    async def one(io: IO, first: float, then: float) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=5, until=io.now() + first, total=7))
        await exchange.head()
        assert await exchange.read() == b"a"
        moment = io.now() + then
        exchange.set_until(moment)
        await cut_off(io, exchange, moment, 7)

    async def call(io: IO) -> None:
        await io.all([one(io, 20, 0.1), one(io, 2, 0.25), one(io, 2, 0.4), one(io, 20, 0.02)])

    with Server(two_halves) as server:
        port.run(call)


def test_an_end_that_has_passed_ends_the_next_read(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=5, total=9))
        await exchange.head()
        assert await exchange.read() == b"a"
        moment = io.now()
        exchange.set_until(moment - 1)
        await cut_off(io, exchange, moment, 9)

    with Server(two_halves) as server:
        port.run(call)


@pytest.mark.parametrize("sooner", [True, False])
def test_before_the_head(port: Port, sooner: bool) -> None:
    async def call(io: IO) -> None:
        begun = io.now()
        exchange = io.send(post(server.url), Deadlines(first_byte=AFTER * 2, until=begun + (20 if sooner else 0.0), total=6))
        exchange.set_until(begun + (AFTER if sooner else 20))
        with pytest.raises(DeadlineError) as caught:
            await exchange.head()
        assert caught.value.phase == ("total" if sooner else "first_byte")
        assert AFTER - 0.01 < io.now() - begun < LATE
        await exchange.close()

    with Server(silent) as server:
        port.run(call)


def test_between_the_head_and_the_body(port: Port) -> None:
    def head_only(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED)
        server.watch(conn)

    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=5, total=8))
        await exchange.head()
        moment = io.now() + AFTER
        exchange.set_until(moment)
        await cut_off(io, exchange, moment, 8)
        assert await io.offload(lambda: server.left.wait(2))

    with Server(head_only) as server:
        port.run(call)


def test_a_nearer_idle_deadline_is_still_the_one_that_passes(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=0.1, until=io.now() + 9))
        await exchange.head()
        assert await exchange.read() == b"a"
        exchange.set_until(io.now() + 3)
        with pytest.raises(DeadlineError) as caught:
            await exchange.read()
        assert (caught.value.phase, caught.value.seconds) == ("idle", 0.1)
        await exchange.close()

    with Server(two_halves) as server:
        port.run(call)


def test_an_exchange_that_has_ended_does_not_mind(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines())
        server.arrived.set()
        await exchange.head()
        while await exchange.read():
            pass
        await exchange.close()
        exchange.set_until(io.now() - 1)
        await exchange.close()
        again = io.send(post(server.url), Deadlines())  # and its connection is another's by now
        assert await again.read()
        await again.close()

    with Server(two_halves) as server:
        port.run(call)


# --- processes ---------------------------------------------------------------------------------------------------------------


def test_a_program_ends_sooner(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.spawn(program(30), Deadlines(until=io.now() + 25, total=25))
        await exchange.head()
        assert await exchange.read() == b"a"
        moment = io.now() + AFTER
        exchange.set_until(moment)
        await cut_off(io, exchange, moment, 25)

    port.run(call)


def test_a_program_ends_later(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.spawn(program(0.3), Deadlines(until=io.now() + 20, total=20))
        await exchange.head()
        assert await exchange.read() == b"a"
        exchange.set_until(io.now() + 0.05)
        exchange.set_until(io.now() + 20)
        assert await exchange.read() == b"b"
        assert await exchange.read() == b""
        await exchange.close()

    port.run(call)


def test_a_program_that_may_not_begin_any_more(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.spawn(program(0), Deadlines(total=4))
        exchange.set_until(io.now() - 1)
        with pytest.raises(DeadlineError) as caught:
            await exchange.head()
        assert (caught.value.phase, caught.value.seconds) == ("total", 4)
        await exchange.close()

    port.run(call)
