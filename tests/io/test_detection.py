"""Model servers on this machine, found at once: here, because it is a matter of time."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from tests.io.loopback import Port
from tests.loopback import Asked, Loopback
from trunkline.client.detection import Found, detect
from trunkline.providers.local import LOCAL, Local
from trunkline.sim.scripted import Scripted

BY_NAME = {kind.name: kind for kind in LOCAL}
AT_ONCE = 0.3


def reply(body: Any, status: int = 200, **headers: str) -> Scripted:
    return Scripted(status, {"content-type": "application/json", **headers}, [json.dumps(body).encode()])


ANSWERS: dict[str, dict[str, Scripted]] = {
    "mlx": {"/health": reply({"status": "ok"}, server="BaseHTTP/0.6 Python/3.11.7")},
    "llamacpp": {"/props": reply({"default_generation_settings": {}, "total_slots": 4})},
    "ollama": {"/api/version": reply({"version": "0.12.6"})},
    "lmstudio": {"/api/v1/models": reply({"models": []})},
    "vllm": {"/version": reply({"version": "0.11.0"})},
    "llama-cpp-python": {"/openapi.json": reply({"info": {"title": "\N{LLAMA} llama.cpp Python API"}})},
    "transformers": {"/openapi.json": reply({"paths": {"/load_model": {}}})},
    "sglang": {"/v1/models": reply({"object": "list", "data": [{"id": "m", "owned_by": "sglang"}]})},
}
"""What the servers say, by path; on every other they know nothing."""
NOBODY_KNOWN = {"/health": reply({"status": "ok"}, server="uvicorn"), "/v1/models": reply({"object": "list", "data": []})}


class Machine:
    """Servers on ports of their own; ``kinds`` are the rows with these ports."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.kinds: list[Local] = []
        self.servers: dict[str, Loopback] = {}

    def runs(self, name: str, answers: dict[str, Scripted] | None = None) -> Loopback:
        known = ANSWERS[name] if answers is None else answers

        def answer(asked: Asked) -> Scripted:
            return known.get(asked.path) or reply({"error": "not found"}, 404)

        server = self.servers[name] = self._stack.enter_context(Loopback(answer))
        self.takes(name, int(server.url.rpartition(":")[2]))
        return server

    def takes(self, name: str, *ports: int) -> None:
        self.kinds.append(replace(BY_NAME[name], ports=ports))

    def silent(self, name: str) -> None:
        """A port that accepts and never answers."""
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.takes(name, listener.getsockname()[1])

    def found(self, port: Port) -> dict[str, str]:
        return {found.local.name: found.address for found in port.run(lambda io: detect(io, self.kinds))}


@pytest.fixture
def machine() -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(stack)


def test_every_kind_has_an_answer_here() -> None:
    assert set(ANSWERS) == set(BY_NAME)


def test_all_that_run_are_found_at_once(port: Port, machine: Machine) -> None:
    for name in ANSWERS:
        machine.runs(name)
    began = time.monotonic()
    found = machine.found(port)
    assert time.monotonic() - began < AT_ONCE
    assert found == {name: server.url for name, server in machine.servers.items()}
    assert all(asked.method == "GET" and not asked.body for server in machine.servers.values() for asked in server.asked)


def test_a_port_that_accepts_and_never_answers_holds_nobody_up(port: Port, machine: Machine) -> None:
    machine.silent("mlx")
    machine.silent("llamacpp")
    machine.runs("ollama")
    began = time.monotonic()
    found = machine.found(port)
    assert time.monotonic() - began < AT_ONCE
    assert list(found) == ["ollama"]


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_who_listens_there_and_is_another_is_not_taken_for_one(port: Port, machine: Machine, name: str) -> None:
    """Others on the same port, one that only looks alike, one that speaks no HTTP worth the name, and nobody."""
    for other in ANSWERS:
        if other != name:
            machine.runs(other)
            machine.kinds[-1] = replace(BY_NAME[name], ports=machine.kinds[-1].ports)
    machine.runs(name, NOBODY_KNOWN)
    machine.runs(name, {})
    machine.runs(name, {sign.path: Scripted(200, {}, [b"<html>"]) for sign in BY_NAME[name].signs})
    machine.takes(name, 9)
    assert machine.found(port) == {}


def test_of_two_ports_the_first_that_answers_counts(port: Port, machine: Machine) -> None:
    server = machine.runs("llamacpp")
    machine.kinds[:] = [replace(BY_NAME["llamacpp"], ports=(9, *machine.kinds[0].ports))]
    assert machine.found(port) == {"llamacpp": server.url}


def test_what_is_found_shows_its_kind_and_address() -> None:
    assert "mlx" in repr(Found(BY_NAME["mlx"], "http://127.0.0.1:8080"))
