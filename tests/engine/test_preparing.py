"""What is done to a call before anybody is asked, and what is added to its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from tests.engine.calls import call, read, wire
from tests.replies import chat
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Hooks
from trunkline.engine.destination import Destination, Own, Sought
from trunkline.engine.media_step import MediaStep
from trunkline.engine.stream import LiveStream
from trunkline.policy.turns import TurnMemory
from trunkline.ports import IO
from trunkline.sim.scripted import Scripted
from trunkline.values.media import Data
from trunkline.values.message import Image, Message
from trunkline.values.request import Request
from trunkline.values.response import Warning

MakeIO = Callable[..., World]
LOST = (Warning("dropped", "messages", "a turn is not known any more"),)


class Mending(TurnMemory):
    """Puts a turn before the others."""

    def mend(self, messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Warning, ...]]:
        return (Message.user("before"), *messages), LOST


class Parrot:
    def __init__(self) -> None:
        self.asked: list[Request] = []

    def generate(self, request: Request) -> str:
        self.asked.append(request)
        return "said"


def test_turns_that_are_missing_are_put_back_and_what_was_lost_is_told(world: MakeIO) -> None:
    parrot = Parrot()
    response = (io := world()).run(engine.generate(io, call(Own(parrot), memory=Mending(), request={"temperature": 0.5})))
    (asked,) = parrot.asked
    assert [message.text for message in asked.messages] == ["before", "hello"]
    assert (asked.temperature, response.warnings, io.requests) == (0.5, LOST, [])


def test_who_is_sought_is_told_what_is_asked(world: MakeIO) -> None:
    sought: list[Request] = []

    class Looking(Sought):
        async def found(self, io: IO, request: Request) -> Sequence[Destination]:
            sought.append(request)
            return (wire("p9"),)

    io = world([chat()])
    assert io.run(engine.generate(io, call(Looking(), prompt="who?"))).provider == "p9"
    assert [message.text for request in sought for message in request.messages] == ["who?"]


@pytest.mark.parametrize("stream", [False, True])
def test_whether_it_streams_is_the_calls_own_business(world: MakeIO, stream: bool) -> None:
    def before(request: Request) -> Request:
        return msgspec.structs.replace(request, stream=not stream, seed=7)

    io: Any = world([Scripted.of("hi", stream=stream)])
    asked = call(stream=stream, hooks=Hooks(before=before))
    if stream:
        io.run(read(LiveStream(io, asked)))
    else:
        io.run(engine.generate(io, asked))
    body = msgspec.json.decode(io.requests[0].body)
    assert (body.get("stream", False), body["seed"]) == (stream, 7)


def test_media_that_were_fetched_before_are_kept(world: MakeIO) -> None:
    """A run fetches for its first turn what its others need."""
    io, known = world(), MediaStep()
    asked = call(Own(Parrot()), message=Message.user(Image(Data(b"\x89PNG\r\n\x1a\n", "image/png"))))
    assert io.run(engine.prepare(io, msgspec.structs.replace(asked, media=known))).media is known
    assert isinstance(io.run(engine.prepare(io, asked)).media, MediaStep)
