"""The scripted world of a scenario: who asked whom, when, and until when; and the targets that there are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tests.engine.simulated.providers import Asked, Provider, answer
from tests.engine.simulated.speech import Spoken
from tests.engine.simulated.watching import WatchedBreaker, WatchedBudget, WatchedSlots, WatchedWindow
from tests.virtual import World
from trunkline.dialects.known import dialect_of
from trunkline.engine.destination import Destination, Turns, Wire
from trunkline.engine.station import Gate, Station, Stations
from trunkline.policy.breaker import BreakerPolicy
from trunkline.policy.rate_limit import RateLimit
from trunkline.policy.slots import Concurrency
from trunkline.ports import INFINITY, Deadlines
from trunkline.providers.auth import Bearer, HeaderAuth
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_exchange import ScriptedExchange
from trunkline.values.model import Model, Price, Target
from trunkline.values.secret import Secret
from trunkline.wire.http import Head, HttpRequest


class Talk(ScriptedExchange):
    """An exchange that is remembered: when it was ``sent``, when its head came (``headed``), when it was first ``shut``; ``wire``: to
    whom, ``call``: for whom."""

    def __init__(self, io: Sky, request: HttpRequest, deadlines: Deadlines, reply: Scripted) -> None:
        super().__init__(io, request, deadlines, reply)
        self.io = io
        self.number = len(io.exchanges)
        self.sent = io.now()
        self.headed = self.shut = INFINITY
        self.asked, self.spoken, self.wire = io.latest
        self.asked_headers = request.headers

    async def head(self) -> Head:
        head = await super().head()
        self.headed = min(self.headed, self.io.now())
        return head

    async def close(self) -> None:
        self.shut = min(self.shut, self.io.now())
        await super().close()

    def abort(self) -> None:
        self.shut = min(self.shut, self.io.now())
        super().abort()

    @property
    def text(self) -> str:
        """What of the answer has arrived whole."""
        arrived = sum(len(piece[1]) for piece in self.reply.body[: self.at] if isinstance(piece, tuple))
        return self.spoken.delivered(arrived, self.whole)

    @property
    def words(self) -> list[str]:
        """What it says of the answer."""
        return self.spoken.words

    @property
    def new(self) -> str:
        """The same without what the caller has been told before."""
        return self.text[len(self.spoken.repeated) :]

    @property
    def station(self) -> Station:
        return self.wire.station


class Sky(World):
    """A ``World`` with providers under it."""

    latest: tuple[Asked, Spoken, Wire]

    def __init__(self, chance: random.Random, *, blocking: bool) -> None:
        super().__init__(self._reply, blocking=blocking, seed=chance.randrange(1 << 30))
        self._chance = chance
        self.providers: dict[str, Provider] = {}
        self.wires: dict[tuple[str, str, str], Wire] = {}

    def _reply(self, request: HttpRequest) -> Scripted:
        asked = Asked(request)
        provider = self.providers[asked.host.partition("-")[0]]
        wire = self.wires[asked.host, asked.model, asked.key]
        context = None if wire.record is None else wire.record.context
        spoken, reply = answer(provider, asked, len(self.exchanges), self.now(), f"{wire.target.quota}", context, self._chance)
        self.latest = asked, spoken, wire
        return reply

    def _begin(self, request: Any, deadlines: Deadlines, reply: Scripted) -> ScriptedExchange:
        talk = Talk(self, request, deadlines, reply)
        self.exchanges.append(talk)
        self._branches.enter(talk)
        return talk

    @property
    def talks(self) -> list[Talk]:
        return self.exchanges  # type: ignore[return-value]


class Family:
    """The targets of one client family, under limits of the user's own."""

    def __init__(self, io: Sky, chance: random.Random, lasts: float, *, hedges: bool) -> None:
        self._io, self._chance = io, chance
        self._strict = not (hedges and io.blocking)
        self.breaker = chance.choice((
            BreakerPolicy(), BreakerPolicy(failures=2, pause=3.0, longest=9.0), BreakerPolicy(failures=3, rate=0.3, least=4, window=20.0),
            BreakerPolicy(failures=50, rate=0.4, least=3, window=5.0, pause=1.0), None,
        ))  # fmt: skip
        names = [f"p{n}" for n in range(chance.choice((1, 2, 2, 3)))]
        self.stations = Stations(self.breaker, self._rates(names), self._concurrency(names))
        for name in names:
            io.providers[name] = Provider(name, chance, io.now(), lasts)
        self.leads = [wire for name in names for wire in self._of(io.providers[name])]
        self._watch_gates()

    def _rates(self, names: list[str]) -> dict[str, RateLimit]:
        chance = self._chance
        rates = {}
        for name in ("", *names, *(f"{name}/m0" for name in names)):
            if chance.random() < 0.12:
                tokens = chance.choice((None, None, 4_000, 20_000))
                rates[name] = RateLimit(chance.choice((1, 3, 10)), tokens=tokens, period=chance.choice((1.0, 7.0, 30.0)))
        return rates

    def _concurrency(self, names: list[str]) -> dict[str, Concurrency]:
        chance = self._chance
        return {
            name: Concurrency(chance.choice((1, 2, 5)), chance.choice((0, 2, 1000, 1000)), chance.choice((None, 3.0)))
            for name in ("", *names, *(f"{name}/m0" for name in names))
            if chance.random() < 0.12
        }

    def _of(self, provider: Provider) -> list[Wire]:
        """The first of each ring of one provider: its models, and perhaps a second address of one."""
        chance, found, turns = self._chance, [], Turns()
        shared = chance.choice((None, None, None, f"{provider.name} shared", f"{provider.name} all keys"))
        places = [(f"m{n}", "a") for n in range(chance.choice((1, 1, 2)))]
        if chance.random() < 0.3:
            places.append(("m0", "b"))
        records = {model: self._record(provider.name, model) for model, _ in places}
        for model, address in places:
            ring = [self._wire(provider, model, address, key.name, shared, records[model]) for key in provider.keys]
            if len(ring) > 1:
                for wire in ring:
                    wire.ring, wire.turns = ring, turns
            found.append(ring[0])
        return found

    def _record(self, provider: str, model: str) -> Model | None:
        chance = self._chance
        if chance.random() < 0.4:
            return None
        prices = (Price(input=chance.choice(("1", "3")), output="10"),) if chance.random() < 0.7 else ()
        return Model(id=model, provider=provider, context=chance.choice((None, 500, 2_000, 100_000)), prices=prices)

    def _wire(self, provider: Provider, model: str, address: str, key: str, shared: str | None, record: Model | None) -> Wire:
        dialect = "anthropic-messages" if provider.anthropic else "openai-chat"
        host = f"{provider.name}-{address}.test"
        quota = f"{provider.name}|{key}|{model}" if shared is None else shared if shared.endswith("keys") else f"{shared} {key}"
        target = Target(dialect, provider.name, model, max_output=100, quota=quota, key=key)
        station = self.stations.of(provider.name, model, key, host, key)
        if self.breaker is not None and not isinstance(station.breaker, WatchedBreaker):
            station.breaker = WatchedBreaker(self.breaker, strict=self._strict)
            station.budget = WatchedBudget(0.2, self._chance.choice((0, 2, 10)))
        elif self.breaker is None:
            station.budget = WatchedBudget(0.2, self._chance.choice((0, 2, 10)))
        auth = HeaderAuth("x-api-key") if provider.anthropic else Bearer()
        secret = Secret(f"sk-canary-{key}")
        wire = Wire(dialect_of(dialect), target, f"https://{host}/v1", auth, secret, record=record, station=station)
        self._io.wires[host, model, key] = wire
        return wire

    def _watch_gates(self) -> None:
        for gate in self.gates():
            if gate.window is not None:
                gate.window = WatchedWindow(gate.window.limit)
            if gate.slots is not None:
                gate.slots = WatchedSlots(gate.slots.concurrency)

    def gates(self) -> tuple[Gate, ...]:
        return self.stations.gates()

    def ring(self, order: Sequence[Destination]) -> list[Wire]:
        """All that may be asked for these targets: each under each of its keys."""
        return [wire for lead in order if isinstance(lead, Wire) for wire in lead.ring or (lead,)]

    def place(self, order: Sequence[Destination], wire: Wire) -> int:
        """At which place of the order it stands, under whichever key."""
        return next(n for n, lead in enumerate(order) if lead is wire or (isinstance(lead, Wire) and wire in lead.ring))
