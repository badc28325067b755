"""The simulator: a real HTTP server that speaks the providers' protocols and plays a scenario."""

from __future__ import annotations

import asyncio
import math
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from ..dialects.known import DIALECTS, dialect_of
from ..serve.answers import Answer, Asked
from ..serve.server import Server
from ..values.errors import UsageError
from ..values.expect import filled, kind_of, number, one_of, whole
from ..values.secret import Secret
from .answering import CREATED, Answering, House, Play
from .limits import Limits, Meter
from .playback import Tempo
from .quirks import Quirk, checked_quirks
from .recorder import Entry, Recorded, Recorder
from .scenario import Pace, Rule, Scenario
from .watched import WatchedApp, note
from .yaml_form import read_scenario

SLOWEST = 1e-6
"""The least ``speed``: with less of it a pause would be longer than any clock can say."""
_ABOUT = "This is the Trunkline simulator: its answers are simulated, no model is asked. It speaks {}.\n"


class Clock(Protocol):
    """Whose time limits and replies go by; ``VirtualClock`` is one."""

    def now(self) -> float: ...
    def wall(self) -> float: ...


class Simulator:
    """A server on loopback that plays ``scenario``: a ``Scenario``, a list of rules, the path of a YAML or JSON file, or None
    for the built-in brain, which says that it is simulated. Use it as a context manager, ``with`` or ``async with``;
    then ``base_url("openai-chat")`` is what a client takes, and ``requests`` what was asked.

    ``seed``: the same requests in the same order get the same bytes. ``speed``: so many times faster do pauses pass;
    ``math.inf``: at once. ``strict``: conversations that real providers refuse get a 400. ``limits``: what comes above them
    gets a 429. ``keys``: those that are accepted, others get a 401; None: any, and none. ``quirks``: how the provider strays,
    in every reply. ``pace``: where the scenario has none; ``models``: in place of the scenario's. ``clock``: what limits and
    the ``created`` of replies go by. ``told`` is called in the server's thread with each request that has ended. ``keep``: so
    many of the last requests stand in ``requests`` (None: all). ``hosts``: names besides loopback and its own address that it
    may be called by (``*``: any); a request for another host gets a 421.
    """

    def __init__(
        self,
        scenario: Scenario | Sequence[Rule] | str | os.PathLike[str] | None = None,
        *,
        seed: int | None = None,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        strict: bool = True,
        limits: Limits | None = None,
        keys: Collection[str] | None = None,
        quirks: Sequence[Quirk] = (),
        pace: Pace | None = None,
        models: Sequence[str] = (),
        clock: Clock | None = None,
        told: Callable[[Recorded], object] | None = None,
        keep: int | None = 1000,
        hosts: Collection[str] = (),
    ) -> None:
        if keep is not None:
            whole(keep, "keep", 0)
        self._check(speed, port, limits, keys)
        if told is not None and not callable(told):
            raise UsageError("wrong type", field="told", got=kind_of(told), allowed="a function of a Recorded")
        if clock is not None and not (hasattr(clock, "now") and hasattr(clock, "wall")):
            raise UsageError(
                "wrong type", field="clock", got=kind_of(clock), allowed="VirtualClock(), or what has now() and wall()"
            )
        played = as_scenario(scenario)
        models = Scenario(pace=pace, models=models, seed=seed).models
        self._seed = seed
        self._limits = limits
        self._play = Play(played)
        self._tempo = Tempo(speed, self._go_down)
        self._strict = strict
        self._keys = None if keys is None else frozenset(Secret(key) for key in keys)
        self._quirks = checked_quirks(quirks)
        self._pace = pace
        self._models = tuple(models)
        self._clock = clock
        self._told = told
        self._host = host
        self._port = port
        self._meter: Meter | None = None
        self._house = self._housed()
        self._recorder = Recorder(keep)
        self._hosts = hosts
        self._server: Server | None = None
        self._app: WatchedApp | None = None
        self._coming_up: set[asyncio.Task[None]] = set()
        self._starting = threading.Lock()

    @staticmethod
    def _check(speed: float, port: int, limits: Limits | None, keys: Collection[str] | None) -> None:
        if speed != math.inf and number(speed, "speed", 0) < SLOWEST:
            raise UsageError("time has to pass", field="speed", got=repr(speed), allowed="a number above 0, or math.inf")
        whole(port, "port", 0, 65_535)
        if limits is not None and not isinstance(limits, Limits):
            raise UsageError("wrong type", field="limits", got=kind_of(limits), allowed="Limits(…)")
        if keys is not None and (isinstance(keys, str | bytes) or not isinstance(keys, Collection)):
            raise UsageError("wrong type", field="keys", got=kind_of(keys), allowed="a list of keys")
        for n, key in enumerate(keys or ()):
            filled(key, f"keys[{n}]")

    def _housed(self) -> House:
        """What holds for all requests of the scenario that is played."""
        scenario = self._play.scenario
        limits = self._limits or scenario.limits
        if limits is None or self._meter is None or self._meter.limits != limits:
            self._meter = None if limits is None else Meter(limits)
        return House(
            seed=next(seed for seed in (self._seed, scenario.seed, 0) if seed is not None),
            tempo=self._tempo,
            now=time.monotonic if self._clock is None else self._clock.now,
            wall=time.time if self._clock is None else self._clock.wall,
            strict=self._strict,
            meter=self._meter,
            keys=self._keys,
            quirks=self._quirks,
            pace=self._pace or Pace(),
            models=self._models,
        )

    # --- running ------------------------------------------------------------------------------------------------------

    def start(self) -> Simulator:
        """Listen, in a thread of its own. Raises ``UsageError`` where it cannot, or does already, ``UnsupportedOperationError``
        where uvicorn is not installed."""
        with self._starting:
            self._made_server().start()
        return self

    def serve(self, listens: Callable[[], object] = lambda: None) -> None:
        """The same in this thread, until Ctrl-C or SIGTERM; ``listens()`` is called when it does."""
        self._made_server().serve(listens)

    def close(self) -> None:
        """End everything at once: connections in mid-stream too. A second time does nothing; ``requests`` stay."""
        if self._server is not None:
            self._server.close()

    def _made_server(self) -> Server:
        if self._server is not None and self._server.runs:
            raise UsageError("it runs already", field="simulator")
        chance = random.Random(f"{self._house.seed}:ids")  # noqa: S311 - it shall be foretold
        halves = [dialect_of(name) for name in DIALECTS]
        self._app = WatchedApp(
            self,
            halves,
            hosts=self._hosts,
            about=_ABOUT.format(", ".join(DIALECTS)),
            token=lambda: f"{chance.getrandbits(96):024x}",
            wall=(lambda: CREATED) if self._clock is None else self._clock.wall,
        )
        self._app.recorder, self._app.ended, self._app.under_way = self._recorder, self._tell, {}
        self._server = Server(self._app, self._host, self._port)
        return self._server

    def __enter__(self) -> Simulator:
        return self if self._server is not None and self._server.runs else self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Simulator:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await asyncio.to_thread(self.close)

    # --- what a user asks it ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return self._running().url

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._running().port

    def base_url(self, dialect: str) -> str:
        """What a client of this dialect takes as its base URL. Raises ``UsageError`` for a dialect that there is not."""
        one_of(dialect, "dialect", DIALECTS, "dialect")
        return self.url + _BASE_PATHS.get(dialect, "")

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """What was asked last (see ``keep``), in order, as it stands now; bodies are kept too. ``forget`` lets it go."""
        return self._recorder.recorded

    def forget(self) -> None:
        """Let all recorded requests go."""
        self._recorder.clear()

    def wait(self, timeout: float | None = 5.0) -> bool:
        """Wait until no request is under way; False when ``timeout`` seconds (None: no end) passed before."""
        return self._recorder.wait(timeout)

    def use(self, scenario: Scenario | Sequence[Rule] | str | os.PathLike[str] | None) -> None:
        """Play another scenario from now on, all of its rules unused; what was used of the same limits stays used. Requests
        under way go on with the old."""
        self._play = Play(as_scenario(scenario), self._play.requests)
        self._house = self._housed()

    def refuse(self) -> None:
        """Refuse new connections (those that are open go on) until ``listen``."""
        self._running().refuse()

    def listen(self) -> None:
        """Take connections again, at the same port."""
        self._running().listen()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """While this lasts, new connections are refused."""
        self.refuse()
        try:
            yield
        finally:
            self.listen()

    def __repr__(self) -> str:
        where = "not started" if self._server is None else self._server.url
        return f"Simulator({where}, {len(self._play.scenario.rules)} rules, {len(self.requests)} requests)"

    # --- answering (in the server's thread) ---------------------------------------------------------------------------

    async def answer(self, asked: Asked) -> Answer:
        """See ``serve.answers.Answerer``."""
        assert self._app is not None
        entry = self._app.under_way[id(asked.connection)]
        note(entry, asked)
        return await Answering(self._house, self._play, asked, entry).answer()

    def _tell(self, entry: Entry) -> None:
        if self._told is not None:
            self._told(entry.told())

    async def _go_down(self, seconds: float) -> None:
        await asyncio.to_thread(self.refuse)
        task = asyncio.create_task(self._come_up(seconds))
        self._coming_up.add(task)
        task.add_done_callback(self._coming_up.discard)

    async def _come_up(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.listen)

    def _running(self) -> Server:
        if self._server is None:
            raise UsageError("not started", field="simulator", allowed="with Simulator() as sim: …")
        return self._server


_BASE_PATHS = {"openai-chat": "/v1", "openai-responses": "/v1"}
"""What comes after the origin in the base URL of a dialect's clients."""


def as_scenario(given: Scenario | Sequence[Rule] | str | os.PathLike[str] | None) -> Scenario:
    """What may stand for a scenario, as one."""
    if given is None:
        return Scenario()
    if isinstance(given, Scenario):
        return given
    if isinstance(given, str | os.PathLike):
        return read_scenario(given)
    if not isinstance(given, Iterable):
        raise UsageError(
            "no scenario", field="scenario", got=kind_of(given), allowed="a Scenario, a list of rules, a path, or None"
        )
    return Scenario(tuple(given))
