"""The documents, the recorded replies, and an environment in which the providers' addresses are a loopback server's."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.loopback import Loopback
from tests.seeds.azure import KEY as KEY, WORDS
from tests.seeds.documents import Documents
from tests.seeds.recordings import Recordings, serve
from trunkline.sim import Rule, Say, Simulator


@pytest.fixture(scope="session")
def documents(shared: Path) -> Documents:
    return Documents(shared / "seeds")


@pytest.fixture(scope="session")
def recordings(corpus: Path) -> Recordings:
    return Recordings(corpus)


@pytest.fixture
def server(recordings: Recordings) -> Iterator[Loopback]:
    """Answers with recorded replies; ``server.answer`` may be replaced."""
    yield from serve(recordings.answer)


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, no files, no proxies of whoever runs the tests."""
    for name in os.environ:
        if name.startswith(("TRUNKLINE_", "LLM_", "OPENAI_", "ANTHROPIC_", "AZURE_")) or name.upper().endswith(
            ("_API_KEY", "_PROXY")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # no programs
    for name in ("HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def openai(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """The server, in OpenAI's place."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    return server


@pytest.fixture
def anthropic(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """The server, in Anthropic's place."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    return server


@pytest.fixture
def refused() -> Iterator[str]:
    """An address on which nothing listens, and nothing can as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator in the place of both providers; ``simulated.use([...])`` says what it plays."""
    with Simulator(speed=math.inf) as sim:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", sim.base_url("openai-chat"))
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sim.base_url("anthropic-messages"))
        yield sim


@pytest.fixture
def east() -> Iterator[Simulator]:
    """A region of Azure's."""
    with Simulator([Rule(Say(WORDS))], speed=math.inf) as sim:
        yield sim


@pytest.fixture
def west() -> Iterator[Simulator]:
    """Another."""
    with Simulator([Rule(Say(WORDS))], speed=math.inf) as sim:
        yield sim
