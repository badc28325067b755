"""A request that names the address it goes to: no name is looked up again, and Host and TLS go by the name."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import OK, PATIENT, Port, Server, answering, failing, whole
from tests.io.test_proxy import EXPECTED, through, tunnelling
from trunkline.io import resolve
from trunkline.io.files import read_file
from trunkline.ports import IO
from trunkline.values.errors import DeadlineError, NameResolutionError, TlsError
from trunkline.wire.http import HttpRequest

HERE = "127.0.0.1"


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url, address=HERE)


def test_the_connection_goes_to_the_address_and_not_to_the_name(port: Port) -> None:
    async def twice(io: IO) -> None:
        for _ in range(2):
            assert (await whole(io, get(f"http://rebound.invalid:{server.port}/a?b=1")))[1] == b"ok"

    with Server(answering(OK)) as server:
        port.run(twice)
    for request in server.requests:
        assert request.startswith(b"GET /a?b=1 HTTP/1.1\r\n")
        assert request.lower().count(b"\r\nhost:") == 1
        assert f"\r\nhost: rebound.invalid:{server.port}\r\n".encode() in request.lower()
        assert b"authorization" not in request.lower()


def test_the_certificate_is_that_of_the_name(port: Port, certificates: Certificates) -> None:
    port.options["verify"] = certificates.client
    with Server(answering(OK), certificates.server) as server:
        assert port.run(lambda io: whole(io, get(f"https://localhost:{server.port}/")))[1] == b"ok"
        error, _ = port.run(lambda io: failing(io, get(f"https://another.invalid:{server.port}/")))
    assert isinstance(error, TlsError)
    assert len(server.requests) == 1


def test_a_connection_to_a_named_address_serves_nobody_else(port: Port, certificates: Certificates) -> None:
    port.options["verify"] = certificates.client

    async def calls(io: IO) -> None:
        await whole(io, get(f"https://localhost:{server.port}/"))
        await whole(io, HttpRequest("GET", f"https://localhost:{server.port}/"))
        await whole(io, HttpRequest("GET", f"https://{HERE}:{server.port}/"))

    with Server(answering(OK), certificates.server) as server:
        port.run(calls)
        assert server.connections == 3


def test_a_proxy_is_told_the_address(port: Port, certificates: Certificates) -> None:
    seen: list[bytes] = []
    with Server(answering(OK), certificates.server) as target, tunnelling(target, seen) as proxy:
        used = through(port, proxy)
        used.options["verify"] = certificates.client
        assert used.run(lambda io: whole(io, get(f"https://localhost:{target.port}/")))[1] == b"ok"
    assert seen[0].startswith(f"CONNECT {HERE}:{target.port} HTTP/1.1\r\n".encode())
    assert EXPECTED in seen[0]
    assert b"\r\nhost: localhost:" in target.requests[0].lower()


def test_a_proxy_of_plain_http_is_told_the_address(port: Port) -> None:
    with Server(answering(OK)) as proxy:
        through(port, proxy).run(lambda io: whole(io, get("http://upstream.test:81/v1?x=1")))
    assert proxy.requests[0].startswith(f"GET http://{HERE}:81/v1?x=1 HTTP/1.1\r\n".encode())
    assert b"\r\nhost: upstream.test:81\r\n" in proxy.requests[0].lower()


def test_names_are_looked_up_until_a_moment(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, **__: Any) -> None:
        time.sleep(0.3)

    monkeypatch.setattr(resolve, "_look_up", slow)
    with pytest.raises(DeadlineError, match="looked up"):
        port.run(lambda io: io.resolve("slow.invalid", io.now() + 0.05))


def test_a_name_that_there_is_not(port: Port) -> None:
    with pytest.raises(NameResolutionError):
        port.run(lambda io: io.resolve("nobody.invalid", io.now() + PATIENT.connect))


def test_the_addresses_of_this_machine(port: Port) -> None:
    assert port.run(lambda io: io.resolve("127.0.0.1")) == ["127.0.0.1"]


def test_a_file_is_read_as_far_as_it_may_be(port: Port, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    io = port.make()
    assert (io.read_file(str(path), 10), io.read_file(str(path), 4), io.read_file(str(path), 3)) == (b"12345", b"12345", b"1234")


@dataclass
class Odd:
    name: str
    words: str


@pytest.mark.parametrize(
    "odd", [Odd("/dev/zero", "device"), Odd("pipe", "pipe"), Odd(".", "folder"), Odd("none", "No such file")]
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, odd: Odd) -> None:
    if sys.platform == "win32":
        pytest.skip("no such files")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError) as caught:
        read_file(str(tmp_path / odd.name), 10)
    assert odd.words in str(caught.value.strerror)
