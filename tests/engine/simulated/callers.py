"""Calls as they are drawn, and callers as they are: some read to the end, some leave, some are cancelled, some never come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from tests.engine.calls import texts
from tests.engine.simulated.world import Family, Sky
from trunkline.engine import engine
from trunkline.engine.call import Call, Hooks, Limits
from trunkline.engine.destination import Destination, Planned
from trunkline.engine.fork import Fork, Member
from trunkline.engine.stream import LiveStream
from trunkline.policy.hedge import Hedge
from trunkline.policy.retry import RetryPolicy
from trunkline.policy.routing import Strategy
from trunkline.ports import INFINITY, IO, Settled
from trunkline.values import errors
from trunkline.values.errors import (
    ContentFilterError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    TransportError,
    UsageError,
)
from trunkline.values.events import Event
from trunkline.values.message import Message
from trunkline.values.request import Request
from trunkline.values.response import Attempt, Response

LAST_RESORT = "nobody is here just now"
STRATEGIES: tuple[Strategy, ...] = ("ordered", "weighted", "round_robin", "least_in_flight", "fastest", "cheapest")
ELSEWHERE: tuple[tuple[type[ProviderError], ...], ...] = (
    (ContentFilterError, ServerError, OverloadedError), (RateLimitError, TransportError), (OverloadedError,),
)  # fmt: skip


class HookError(Exception):
    """Raised by a hook of the caller's own."""


class Noted(Fork):
    """A group that remembers in which order it gave its targets to which call."""

    def __init__(self, name: str, members: Sequence[Member], strategy: Strategy) -> None:
        super().__init__(name, members, strategy=strategy)
        self.orders: dict[str, list[Destination]] = {}

    async def found(self, io: IO, request: Request) -> Sequence[Destination]:
        order = list(await super().found(io, request))
        self.orders[request.messages[0].text.split(" ", 2)[1]] = order
        return order


class Caller:
    """One call, what its caller does, and what he saw. ``manner``: ``read``; ``leave`` or ``abandon`` after some batches; ``cancel`` or
    ``abort``, from elsewhere, after some time; ``hook``: his own hook raises."""

    def __init__(
        self, number: int, chance: random.Random, at: float, plan: tuple[Planned, ...], family: Family, *, hedges: bool
    ) -> None:
        self.number, self.at, self.plan, self.family = number, at, plan, family
        self.stream = chance.random() < 0.7
        self.manner = chance.choices(("read", "leave", "abandon", "cancel", "abort", "hook"), (70, 6, 4, 8, 6, 3))[0]
        if not self.stream and self.manner in ("leave", "abandon", "abort", "hook"):
            self.manner = "read"
        self.after = chance.choice((0, 1, 1, 2, 4))
        self.when = chance.choice((0.0, 0.05, 0.5, 3.0, 12.0))
        self.turn = chance.randrange(1, 25)
        self.dawdles = chance.choice((0.0, 0.0, 0.0, 0.0, 1.0, 30.0)) if self.stream else 0.0
        self.nature = chance.choices(("fine", "invalid", "filter"), (94, 3, 3))[0]
        self.tokens = chance.choice((10, 10, 10, 400, 1_500, 3_000))
        self.retries = chance.choice((0, 1, 2, 2, 4))
        self.elsewhere = chance.choice(ELSEWHERE) if chance.random() < 0.12 else None
        self.longest = chance.choice((60.0, 60.0, 4.0))
        self.total: float | None = chance.choice((None, 2.0, 8.0, 30.0, 120.0))
        self.call = self._drawn(chance, hedges)
        self.live: LiveStream | None = None
        self.attempts: list[Attempt] = []
        self.ends: list[Settled] = []
        self.events: list[Event] = []
        self.response: Response | None = None
        self.error: BaseException | None = None
        self.began = self.ended = self.awake = -INFINITY
        self.meddled = False
        self.waits = 0

    def _drawn(self, chance: random.Random, hedges: bool) -> Call:
        patient = self.total is None
        limits = Limits(
            first_byte=5.0 if patient or chance.random() < 0.5 else None,
            idle=chance.choice((4.0, 15.0)),
            total=self.total,
            first_token=2.0 if chance.random() < 0.12 else None,
            slowest=chance.choice((1.0, 4.0)) if chance.random() < 0.1 else None,
            retry=RetryPolicy(retries=self.retries, longest=self.longest, elsewhere=self.elsewhere),
        )
        hedge = None
        if hedges and chance.random() < 0.6:
            hedge = Hedge(after=chance.choice((0.04, 0.6, 2.0, None)), share=chance.choice((0.1, 0.5, 1.0)))
        resort: Any = None
        if chance.random() < 0.12:
            resort = chance.choice((LAST_RESORT, lambda request, error: LAST_RESORT, lambda request, error: None))
        prompt = f"call {self.number} {self.nature} {self.tokens} ".ljust(self.tokens * 4, ".")
        request = Request(model="x", messages=(Message.user(prompt),), stream=self.stream, max_tokens=chance.choice((None, 50)))
        hooks = Hooks(on_event=self._hook) if self.manner == "hook" else Hooks()
        return Call(
            request=request, plan=self.plan, limits=limits, hooks=hooks, observers=(self,), hedge=hedge,
            carries_on=chance.random() < 0.6, last_resort=resort,
        )  # fmt: skip

    # -- who is told

    def attempted(self, call_id: str, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def settled(self, settled: Settled) -> None:
        self.ends.append(settled)

    def _hook(self, event: Event) -> None:
        if len(self.events) >= self.after:
            raise HookError

    @property
    def told(self) -> str:
        return texts(self.events)

    @property
    def until(self) -> float:
        return INFINITY if self.total is None else self.began + self.total

    def order(self) -> list[Destination]:
        """The targets of this call in their order, once it has been made."""
        found: list[Destination] = []
        for planned in self.plan:
            found += planned.orders.get(str(self.number), []) if isinstance(planned, Noted) else [planned]  # type: ignore[list-item]
        return found

    def named(self, error: str) -> bool | None:
        """Whether he named such errors as those after which another is asked; None: he named none."""
        if self.elsewhere is None:
            return None
        kind = getattr(errors, error)
        return issubclass(kind, self.elsewhere)

    # -- what he does

    async def run(self, io: Sky) -> None:
        self.began = self.awake = io.now()
        try:
            if not self.stream:
                self.response = await engine.generate(io, self.call)
                return
            self.live = LiveStream(io, self.call)
            try:
                await self._read(io, self.live)
            finally:
                self.ended = io.now()
                await self.live.close()
                self.response = self.live.response
        except (ProviderError, HookError, UsageError, asyncio.CancelledError, KeyboardInterrupt) as error:
            self.error = error
        finally:
            if not self.stream:
                self.ended = io.now()

    async def _read(self, io: Sky, live: LiveStream) -> None:
        batches = 0
        while self.manner not in ("leave", "abandon") or batches < self.after:
            batch = await live.batch()
            if not batch:
                return
            self.events += batch
            batches += 1
            if self.dawdles:
                try:
                    await io.wait_until(io.now() + self.dawdles)
                finally:
                    self.awake = io.now()
        if batches == 0 and self.number % 2:
            await live.open()
        if self.manner == "abandon":
            live.abort("collected")

    def meddle(self, cancel: Any) -> None:
        """What happens to him from elsewhere."""
        if self.ends or self.meddled:
            return
        self.meddled = True
        if self.manner == "cancel":
            cancel()
        elif self.live is not None:
            self.live.abort("close")


def plans(chance: random.Random, leads: Sequence[Destination]) -> list[tuple[Planned, ...]]:
    """A few plans over these targets: in a row, as a group, or both."""
    made: list[tuple[Planned, ...]] = []
    for n in range(chance.choice((1, 1, 2))):
        some: list[Any] = chance.sample(list(leads), chance.randint(1, min(4, len(leads))))
        if chance.random() < 0.45:
            split = chance.randrange(len(some))
            members = [Member(f"t{n}", to, chance.choice((1.0, 1.0, 3.0, 0.0))) for n, to in enumerate(some[split:])]
            some[split:] = [Noted(f"g{n}", members, chance.choice(STRATEGIES))]
        made.append(tuple(some))
    return made
