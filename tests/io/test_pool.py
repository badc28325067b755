"""A connection that its user lost counts as busy no longer than it lives; one that is waited on is nobody else's."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from trunkline.io.blocking import BlockingExchange
from trunkline.io.pool import Connection, Pool


def test_a_connection_that_a_ctrl_c_tore_from_its_user_is_closed_and_forgotten() -> None:
    pool = Pool(None, None)
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, pool.route("http://h.test"))
        pool.give(connection)
        taken = pool.take(connection.route)
        assert taken is connection
        assert pool.under_way() == [connection]
        del taken, connection  # as when the interrupt falls between the pool's hand and the exchange's
        gc.collect()
        assert pool.under_way() == []
        assert theirs.recv(1) == b""
        assert ours.fileno() == -1


def test_an_exchange_whose_making_was_interrupted_goes_in_silence() -> None:
    BlockingExchange.__new__(BlockingExchange)
    gc.collect()


class Preempted(socket.socket):
    """Lets others go first, just before it asks the kernel."""

    def __init__(self, whole: socket.socket) -> None:
        super().__init__(whole.family, whole.type, fileno=whole.detach())
        self.about_to = threading.Event()
        self.go_on = threading.Event()

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.about_to.set()
        assert self.go_on.wait(10)
        return super().recv(size, flags)

    def send(self, data: object, flags: int = 0) -> int:
        self.about_to.set()
        assert self.go_on.wait(10)
        raise BrokenPipeError


def receives(connection: Connection) -> None:
    assert connection.receive(monotonic() + 10) == b""


def sends(connection: Connection) -> None:
    with pytest.raises(BrokenPipeError):
        connection.send(b"x", monotonic() + 10)


@pytest.mark.parametrize("wait", [receives, sends])
def test_a_descriptor_is_not_freed_under_the_thread_that_is_about_to_wait_on_it(wait: Callable[[Connection], None]) -> None:
    """It would be another connection's by the time the wait begins, and nothing would end that wait."""
    ours, theirs = socket.socketpair()
    with theirs:
        sock = Preempted(ours)
        connection = Connection(sock, Pool(None, None).route("http://h.test"))
        thread = threading.Thread(target=wait, args=(connection,))
        thread.start()
        assert sock.about_to.wait(10)
        connection.close()
        assert theirs.recv(1) == b""  # it is over for the other side
        assert sock.fileno() >= 0
        sock.go_on.set()
        thread.join(10)
        assert not thread.is_alive()
        assert sock.fileno() == -1


def test_what_was_ended_before_the_wait_is_not_waited_on() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, Pool(None, None).route("http://h.test"))
        theirs.sendall(b"late")
        connection.sever()
        assert connection.receive(monotonic() + 10) == b""
        connection.close()
        assert ours.fileno() == -1
