"""Thousands of scenarios that nobody thought of: faults, retries, fallbacks and streams drawn from a seed, and what must hold in each."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.calls import Book, call, stream_call, texts, wire
from tests.replies import chat_body, delta, error_frame, failed, finish, start
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Call, Hooks
from trunkline.engine.stream import LiveStream
from trunkline.sim.scripted import NO_CONNECTION, NO_HEAD, REFUSED, Piece, Scripted
from trunkline.values.errors import ProviderError, StreamInterruptedError
from trunkline.values.events import Event, Start
from trunkline.values.response import Response

MakeIO = Callable[..., World]
SCENARIOS = 1_500
STATUSES = (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529)
ENDS = ("end", "reset", "truncated", "stall")


class HookError(Exception):
    """Raised by the scenario's own hook."""


class Scenario:
    """One draw: what is asked, how the providers behave, and what the caller does with the stream."""

    def __init__(self, seed: int, make: MakeIO) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.io = make(self.reply, seed=seed)
        self.said: list[list[str]] = []
        """The texts of each exchange, in order."""
        self.sound = chance.random()
        self.retries = chance.choice((0, 1, 2, 2, 4))
        self.total = chance.choice((None, 3.0, 30.0, 100.0))
        self.stream = chance.random() < 0.75
        self.plan = [wire(f"p{n}") for n in range(chance.choice((1, 1, 2, 3)))]
        self.close_after = chance.choice((None, None, None, 0, 1, 3))
        self.meddles_at, self.meddling = (
            chance.choice((None, None, None, chance.randrange(1, 30))),
            chance.choice(("close", "cancel")),
        )
        self.meddled = False
        self.io.meanwhile = self.meddle
        self.live: LiveStream | None = None
        self.hook_fails_at = chance.choice((None, None, None, None, None, chance.randrange(8)))
        self.book = Book()
        self.events: list[Event] = []
        self.error: BaseException | None = None
        self.response: Response | None = None
        self.heard = 0

    def on_event(self, event: Event) -> None:
        self.heard += 1
        if self.hook_fails_at is not None and self.heard > self.hook_fails_at:
            raise HookError

    def meddle(self, turn: int) -> None:
        """What happens from elsewhere while something is waited for: a close by another thread, a cancellation."""
        if self.meddles_at is None or turn < self.meddles_at or self.meddled or self.book.ends:
            return
        self.meddled = True
        if self.meddling == "cancel":
            raise asyncio.CancelledError
        if self.live is not None:
            self.live.abort("close")

    def asked(self) -> Call:
        more: dict[str, Any] = {
            "retries": self.retries,
            "observers": (self.book,),
            "limit": {"total": self.total, "first_byte": 10.0, "idle": 10.0},
        }
        if self.hook_fails_at is not None:
            more["hooks"] = Hooks(on_event=self.on_event)
        return (stream_call if self.stream else call)(*self.plan, **more)

    # -- what the providers do

    def reply(self, request: object) -> Scripted:
        chance = self.chance
        words = [f"{len(self.said)}.{n} " for n in range(chance.randrange(6))]
        self.said.append(words)
        if chance.random() < 0.45 * self.sound:
            return self.delivered(words, "end", whole=True)
        kind = chance.randrange(6)
        if kind == 0:
            return chance.choice((REFUSED, NO_CONNECTION, NO_HEAD, Scripted(reset_head=True)))
        if kind in (1, 2):
            headers = {"retry-after": str(chance.choice((0, 1, 5, 59, 61)))} if chance.random() < 0.4 else {}
            if chance.random() < 0.2:
                headers["x-should-retry"] = chance.choice(("true", "false"))
            return failed(chance.choice(STATUSES), headers=headers)
        return self.delivered(words, chance.choice(ENDS), whole=False)

    def delivered(self, words: list[str], end: str, *, whole: bool) -> Scripted:
        """The words, as a stream or a body, in random pieces at random times; broken somewhere unless ``whole``."""
        chance = self.chance
        if self.stream and chance.random() < 0.9:
            frames = [start(), *map(delta, words), finish()]
            if not whole:
                frames = frames[: chance.randrange(len(frames))]
                if chance.random() < 0.4:
                    frames.append(
                        error_frame("busy", chance.choice(("overloaded_error", "invalid_request_error", "server_error")))
                    )
            body = b"".join(frames)
        else:
            body = chat_body("".join(words))
            if not whole:
                body = body[: chance.randrange(len(body))]
                self.said[-1] = []
        pieces: list[Piece] = []
        while body:
            cut = chance.choice((1, 7, 60, 400, 10_000))
            pieces.append((chance.choice((0.0, 0.0, 0.1, 2.0, 12.0 if not whole else 0.0)), body[:cut]))
            body = body[cut:]
        return Scripted(200, {"x-request-id": "r"}, pieces, end)

    # -- what the caller does

    async def run(self) -> None:
        try:
            if not self.stream:
                self.response = await engine.generate(self.io, self.asked())
                return
            self.live = live = LiveStream(self.io, self.asked())
            try:
                await self.read(live)
            finally:
                await live.close()
                self.response = live.response
        except (ProviderError, HookError, asyncio.CancelledError) as error:
            self.error = error

    async def read(self, live: LiveStream) -> None:
        batches = 0
        while self.close_after is None or batches < self.close_after:
            batch = await live.batch()
            if not batch:
                return
            self.events += batch
            batches += 1
        if batches == 0:
            await live.open()

    # -- what must hold

    def check(self) -> None:
        io, book = self.io, self.book
        assert len(book.ends) == 1, "settled once"
        assert all(exchange.closed for exchange in io.exchanges), "every exchange closed"
        if self.total is not None:
            assert io.now() <= 1_000.0 + self.total, "the deadline kept"
        self.check_attempts()
        if self.stream:
            self.check_events()
        elif self.error is None:
            assert self.response is not None
            assert self.response.text == "".join(self.said[-1])
        how = book.ends[0].how
        if how == "cancel":
            assert isinstance(self.error, asyncio.CancelledError)
        elif how == "close":
            assert self.error is None or self.meddled
        else:
            assert (how == "error") == (self.error is not None)
        if how == "end":
            assert self.response is not None
            assert not self.response.partial
            assert self.response.attempts == tuple(book.attempts)

    def check_attempts(self) -> None:
        io, book = self.io, self.book
        tries = [request.url.split("/")[2].partition(".")[0] for request in io.requests]
        assert tries == sorted(tries), "never back to an earlier target"
        for target in self.plan:
            assert tries.count(target.provider) <= 1 + self.retries, "no more tries than allowed"
        assert len(io.sleeps) <= self.retries * len(self.plan)
        assert all(0.0 < seconds <= 60.0 for seconds in io.sleeps)
        waited = [attempt.waited for attempt in book.attempts if attempt.waited]
        assert waited == io.sleeps[: len(waited)]
        if book.ends[0].how == "end" or (book.ends[0].how == "error" and isinstance(self.error, ProviderError)):
            assert len(book.attempts) == len(io.exchanges), "every try written down, and only those"
            assert [attempt.provider for attempt in book.attempts] == tries

    def check_events(self) -> None:
        io = self.io
        told = texts(self.events)
        spoken = "".join(self.said[-1]) if self.said else ""
        assert spoken.startswith(told), "nothing doubled, nothing of an earlier try"
        if self.book.ends[0].how == "end":
            assert told == spoken, "nothing lost"
        if isinstance(self.error, StreamInterruptedError) and self.error.partial is not None:
            exchange = io.exchanges[-1]
            arrived = b"".join(piece[1] for piece in exchange.reply.body[: exchange.at] if isinstance(piece, tuple))
            whole = [word for word in self.said[-1] if delta(word) in arrived]
            assert told == "".join(whole), "whatever arrived whole was handed out"
            assert self.error.partial.text == told
            assert self.error.__cause__ is not None
        elif isinstance(self.error, ProviderError) and not self.meddled:
            assert not self.events, "an error of its own kind only where nobody has heard a word"
        if self.events:
            assert [n for n, event in enumerate(self.events) if type(event) is Start] == [0], "one beginning, and first"
            assert self.response is not None
            assert self.response.text.startswith(told)


@pytest.mark.parametrize("block", range(4))
def test_whatever_happens(world: MakeIO, block: int) -> None:
    scenarios = [Scenario(seed, world) for seed in range(block * SCENARIOS, (block + 1) * SCENARIOS)]
    for scenario in scenarios:
        scenario.io.run(scenario.run())
    outcomes = Counter(scenario.book.ends[0].how for scenario in scenarios)
    for scenario in scenarios:
        try:
            scenario.check()
        except AssertionError as wrong:
            raise AssertionError(f"scenario {scenario.seed}: {wrong}") from wrong
    assert set(outcomes) == {"end", "error", "close", "cancel"}
    assert min(outcomes.values()) > SCENARIOS // 50, "the draw covers every end"
