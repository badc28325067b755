"""Requests as a simulator gets them, without a server; and clients of a simulator."""

from __future__ import annotations

import math
from typing import Any

from trunkline import Client, Message, Request
from trunkline.dialects.dialect import Context, Decoded, Operation
from trunkline.dialects.known import dialect_of
from trunkline.serve.answers import Asked
from trunkline.sim import Simulator
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.wire.http import HttpRequest

BOTH = ("openai-chat", "anthropic-messages")


class Nowhere:
    """A connection to nobody."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def reset(self) -> None: ...


def asked(
    *messages: Message,
    dialect: str = "openai-chat",
    headers: dict[str, str] | None = None,
    operation: str = "generate",
    **said: Any,
) -> Asked:
    """What a request with these messages is asked as."""
    request = Request(model=said.pop("model", "m"), messages=messages, **said)
    context = Context(
        target=Target(dialect=dialect, provider="", model=request.model), model=request.model, stream=request.stream
    )
    return Asked(
        half=dialect_of(dialect),
        operation=Operation(operation),
        http=HttpRequest("POST", "http://localhost/", Headers((headers or {}).items())),
        context=context,
        request_id="req_1",
        connection=Nowhere(),
        decoded=Decoded(request, (), context) if operation in ("generate", "count_tokens") else None,
        model=request.model,
    )


def client(sim: Simulator, dialect: str, **options: Any) -> Client:
    """A client of this dialect that tries once."""
    options = {"base_url": sim.base_url(dialect), "api_key": "sk-simulated-0000", "retries": 0, **options}
    return Client(f"{dialect}/sim-small", **options)


def simulator(*rules: Any, **options: Any) -> Simulator:
    """A simulator that waits for nothing."""
    return Simulator(rules or None, **{"speed": math.inf, **options})
