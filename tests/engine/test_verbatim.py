"""What the user wrote himself goes out as it stands, and comes back piece by piece with our events beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.calls import read, stream_call, texts, wire
from tests.replies import chat_stream, delta, error_frame, failed, finish, start, streamed
from tests.virtual import World
from trunkline.dialects.dialect import Context, WireRequest
from trunkline.dialects.known import dialect_of
from trunkline.engine.call import Call
from trunkline.engine.destination import Own
from trunkline.engine.stream import LiveStream
from trunkline.engine.verbatim import KIND, verbatim
from trunkline.values.errors import ServerError, StreamInterruptedError
from trunkline.values.events import Event, OpaqueEvent, Start, TextDelta
from trunkline.values.model import Target
from trunkline.wire.sse import Frame

MakeIO = Callable[..., World]
ASKED = WireRequest(path="/chat/completions", headers=(("x-mine", "1"),), body=b'{"mine": true}')


def heard(io: World, asked: Call) -> list[Event]:
    return io.run(read(LiveStream(io, verbatim(asked, ASKED))))


def pieces(events: list[Event]) -> list[str | bytes]:
    return [event.data for event in events if isinstance(event, OpaqueEvent)]


def test_the_request_goes_out_as_it_stands(world: MakeIO) -> None:
    io = world([chat_stream()])
    asked = stream_call()
    heard(io, asked)
    (request,) = io.requests
    assert (request.url, request.body, request.headers.get("x-mine")) == ("https://p1.test/v1/chat/completions", ASKED.body, "1")
    assert asked.plan[0].dialect is dialect_of("openai-chat"), "the call's own targets stay as they are"  # type: ignore[union-attr]


def test_each_piece_comes_before_what_it_says(world: MakeIO) -> None:
    io = world([streamed([start(), delta("Hel") + delta("lo"), finish()])])
    events = heard(io, stream_call())
    assert texts(events) == "Hello"
    first = [event for event in events if isinstance(event, OpaqueEvent | TextDelta | Start)]
    assert [type(event) for event in first[:6]] == [OpaqueEvent, Start, OpaqueEvent, TextDelta, OpaqueEvent, TextDelta]
    assert {event.kind for event in first if isinstance(event, OpaqueEvent)} == {KIND}
    assert KIND == "wire"
    said = pieces(events)
    assert len(said) == 6
    assert said[-1] == b"[DONE]"
    assert msgspec.json.decode(said[1])["choices"][0]["delta"] == {"content": "Hel"}


@pytest.mark.parametrize("first", [failed(500), streamed([start(), error_frame("busy", "server_error")]), streamed([start()])])
def test_nothing_is_handed_out_before_something_is_said(world: MakeIO, first: object) -> None:
    io = world([first, chat_stream(["p2"])])
    events = heard(io, stream_call(wire("p1"), wire("p2"), retries=0))
    assert texts(events) == "p2"
    assert len(pieces(events)) == 5


def test_an_error_is_told_after_the_pieces_that_came(world: MakeIO) -> None:
    io, events = world([streamed([start(), delta("Hel"), error_frame("busy", "server_error"), delta("lost")])]), list[Event]()
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(LiveStream(io, verbatim(stream_call(), ASKED)), events))
    assert isinstance(caught.value.__cause__, ServerError)
    assert (texts(events), len(pieces(events))) == ("Hel", 3)


def decoder() -> tuple[Any, list[Frame]]:
    (target,) = verbatim(stream_call(), ASKED).plan
    made = target.dialect.event_decoder(Context(target=target.target, model="m"))  # type: ignore[union-attr]
    said = (start() + delta("x") + finish()).split(b"\n\n")
    return made, [Frame(data=frame.removeprefix(b"data: ")) for frame in said if frame]


def test_a_reply_that_ends_well_without_a_word_is_handed_out() -> None:
    made, frames = decoder()
    done = [frames[0], *frames[2:]]
    assert made.feed(done[:1]) == []
    assert (made.done, made.error) == (False, None)
    events = made.feed([*done[1:], frames[1]])
    assert (made.done, made.error) == (True, None)
    assert len(pieces(events)) == len(done), "what comes after the last word is no piece of it"
    assert made.feed(frames[1:2]) == []


def test_a_reply_that_ends_without_a_word_is_an_error_and_nothing_else() -> None:
    made, frames = decoder()
    assert made.feed(frames[:1]) == []
    assert made.finish() == []
    assert made.done is True
    assert isinstance(made.error, StreamInterruptedError)


def test_it_is_the_dialect_in_all_else() -> None:
    own = dialect_of("openai-chat")
    endpoint = wire()
    endpoint.ring = (wire("p2"), wire("p3"))
    backend = Own(object(), "mine")  # type: ignore[arg-type]
    (target,) = verbatim(stream_call(endpoint, backend), ASKED).plan
    assert target is not endpoint
    assert (target.dialect.id, target.dialect.framing) == (own.id, own.framing)  # type: ignore[union-attr]
    assert [each.provider for each in target.ring] == ["p2", "p3"]  # type: ignore[union-attr]
    assert {each.dialect for each in target.ring} == {target.dialect}  # type: ignore[union-attr]
    assert {each.dialect for each in endpoint.ring} == {own}
    encoded = target.dialect.encode_request(stream_call().request, Target("openai-chat", "p", "other"))  # type: ignore[union-attr]
    assert (encoded.wire, encoded.warnings) == (ASKED, ())
    assert encoded.context == Context(target=Target("openai-chat", "p", "other"), model="other", stream=True)
