"""The command, and a server for it to talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.loopback import Command, Loopback, Reply, Seen


@pytest.fixture
def run(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Seen], Reply]], Loopback]]:
    servers: list[Loopback] = []

    def start(answer: Callable[[Seen], Reply]) -> Loopback:
        servers.append(Loopback(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
