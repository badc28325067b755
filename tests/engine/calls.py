"""Calls as the engine takes them, and what listens to them."""

from __future__ import annotations

from typing import Any

from trunkline.dialects.known import dialect_of
from trunkline.engine.call import Call, Limits
from trunkline.engine.destination import Wire
from trunkline.engine.station import Station
from trunkline.engine.stream import LiveStream
from trunkline.policy.retry import RetryPolicy
from trunkline.ports import Settled
from trunkline.providers.auth import Bearer
from trunkline.values.events import Event
from trunkline.values.message import Message
from trunkline.values.model import Model, Target
from trunkline.values.request import Request
from trunkline.values.response import Attempt
from trunkline.values.secret import Secret

KEY = "sk-canary-0123456789abcdefghij"


def wire(
    provider: str = "p1",
    dialect: str = "openai-chat",
    key: str = KEY,
    record: Model | None = None,
    model: str = "m",
    station: Station | None = None,
    room: int | None = None,
) -> Wire:
    return Wire(
        dialect_of(dialect),
        Target(dialect, provider, model, max_output=100),
        f"https://{provider}.test/v1",
        Bearer(),
        Secret(key),
        record=record,
        room=room,
        station=station,
    )


class Book:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.ends: list[Settled] = []

    def attempted(self, call_id: str, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def settled(self, settled: Settled) -> None:
        self.ends.append(settled)


def call(*plan: Any, prompt: str = "hello", retries: int = 2, stream: bool = False, **more: Any) -> Call:
    limits = more.pop("limits", None) or Limits(retry=RetryPolicy(retries=retries), **more.pop("limit", {}))
    message = more.pop("message", None) or Message.user(prompt)
    request = Request(model="x", messages=(message,), stream=stream, **more.pop("request", {}))
    return Call(request=request, plan=plan or (wire(),), limits=limits, **more)


def stream_call(*plan: Any, **more: Any) -> Call:
    return call(*plan, stream=True, **more)


async def read(live: LiveStream, into: list[Event] | None = None) -> list[Event]:
    """All events of a stream."""
    events = [] if into is None else into
    while batch := await live.batch():
        events += batch
    return events


def texts(events: list[Event]) -> str:
    return "".join(event.text or "" for event in events if type(event).__name__ == "TextDelta")
