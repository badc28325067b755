"""What pytest loads: fixtures, markers and one ini option. Everything heavy is imported in the fixture that needs it.

Fixtures: ``trunkline_sim``, ``trunkline_client``, ``trunkline_async_client``, ``virtual_clock``, ``scripted_io``,
``trunkline_no_network``. Markers: ``trunkline_scenario(*rules, **options)``, ``trunkline_network``. Ini option:
``trunkline_no_network``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from ..client.aio import AsyncClient
    from ..client.blocking import Client
    from ..ports import ProcessRequest
    from ..sim import Simulator
    from ..sim.clock import VirtualClock
    from ..sim.scripted_io import Script, ScriptedIO
    from ..wire.http import HttpRequest
    from .network import Guard

SCENARIO = "trunkline_scenario"
NETWORK = "trunkline_network"
NO_NETWORK = "trunkline_no_network"
_GUARD = pytest.StashKey["Guard"]()


class ScriptIO(Protocol):
    """Makes a ``ScriptedIO`` whose clock is the fixture ``virtual_clock``."""

    def __call__(
        self,
        script: Script[HttpRequest] = (),
        *,
        blocking: bool = True,
        seed: int = 1,
        processes: Script[ProcessRequest] = (),
    ) -> ScriptedIO: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(NO_NETWORK, "every test that sends to another machine fails (but those marked trunkline_network)", type="bool")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{SCENARIO}(*rules, **options): what trunkline_sim plays: rules (or a list of them), a Scenario, or the path of a"
        " YAML file, from the test's folder; options are the Simulator's (seed, speed, limits, keys, strict, quirks).",
    )
    config.addinivalue_line("markers", f"{NETWORK}: this test may use the network, whatever the ini option {NO_NETWORK} says.")
    if config.getini(NO_NETWORK):
        config.pluginmanager.register(_Everywhere(), "trunkline-no-network")


def pytest_itemcollected(item: pytest.Item) -> None:
    """A scenario without the simulator would be played to nobody."""
    names = getattr(item, "fixturenames", None)
    if isinstance(names, list) and item.get_closest_marker(SCENARIO) is not None and "trunkline_sim" not in names:
        names.insert(0, "trunkline_sim")


class _Everywhere:
    """What the ini option switches on."""

    @pytest.fixture(autouse=True)
    def _trunkline_no_network_everywhere(self, request: pytest.FixtureRequest) -> None:
        if request.node.get_closest_marker(NETWORK) is None:
            request.getfixturevalue(NO_NETWORK)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A refusal that the program under test has swallowed fails its test all the same."""
    try:
        yield
    except BaseException:
        if (guard := item.stash.get(_GUARD, None)) is not None and (refused := guard.take()):
            item.add_report_section("call", "network", f"refused: {', '.join(refused)}")
        raise
    if (guard := item.stash.get(_GUARD, None)) is not None:
        _tell(guard)


@pytest.fixture
def trunkline_no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """This test may talk to this machine only: what it sends elsewhere, and a foreign name that it looks up, is refused, and
    fails it. Its child processes are not watched."""
    from .network import guarding

    with guarding() as guard:
        request.node.stash[_GUARD] = guard
        yield
    _tell(guard)


def _tell(guard: Guard) -> None:
    if refused := guard.take():
        pytest.fail(f"the test used the network: {', '.join(refused)}", pytrace=False)


@pytest.fixture
def trunkline_sim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator for this test, and an environment in which programs find it in the providers' place, with a key that is none.

    It plays the scenario of the marker ``trunkline_scenario``, else its own, and never waits. Real keys, addresses and proxies
    are taken out of the environment for the test.
    """
    from ..sim import Simulator
    from .environment import point_at
    from .marks import simulator_arguments

    scenario, options = simulator_arguments(request.node)
    with Simulator(scenario, **options) as sim:
        point_at(sim, monkeypatch)
        yield sim


@pytest.fixture
def trunkline_client(trunkline_sim: Simulator) -> Iterator[Client]:
    """A ``Client`` that asks the simulator; for another model or dialect ``trunkline_client.generate(…, model=…)``."""
    from ..client.blocking import Client
    from .environment import client_arguments

    with Client(**client_arguments(trunkline_sim)) as client:
        yield client


@pytest.fixture
def trunkline_async_client(trunkline_sim: Simulator) -> AsyncClient:
    """The same as ``AsyncClient``. Its connections end with the event loop that the test uses it in."""
    from ..client.aio import AsyncClient
    from .environment import client_arguments

    return AsyncClient(**client_arguments(trunkline_sim))


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock that goes when it is told to."""
    from ..sim.clock import VirtualClock

    return VirtualClock()


@pytest.fixture
def scripted_io(virtual_clock: VirtualClock) -> ScriptIO:
    """Makes a ``ScriptedIO`` for ``Client(io=…)`` or ``AsyncClient(io=…)``: no socket, no waiting, ``virtual_clock`` in it."""
    from ..sim.scripted_io import ScriptedIO

    def make(script: Script[HttpRequest] = (), **options: Any) -> ScriptedIO:
        return ScriptedIO(script, clock=virtual_clock, **options)

    return make
