"""Where a stream's events come from: what opens it, what ends it, and what a reader of tracebacks sees of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.calls import stream_call, texts, wire
from tests.replies import chat_body, chat_stream, delta, error_frame, failed, finish, start, streamed
from tests.virtual import World
from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.engine.destination import Signed
from trunkline.engine.source import Told, WireSource, folded, tell
from trunkline.io.run import run_blocking
from trunkline.ports import Deadlines
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_exchange import ScriptedExchange
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import (
    ClosedByCallerError,
    ConnectionResetByHostError,
    DeadlineError,
    MalformedResponseError,
    ProviderError,
    ServerError,
    StreamInterruptedError,
    TruncatedBodyError,
)
from trunkline.values.events import Event, Finish, Start, TextDelta, UsageUpdate, Warned
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.response import Usage, Warning
from trunkline.values.secret import Secret
from trunkline.wire.http import Head

MakeIO = Callable[..., World]
KEY = "sk-source-0123456789abcdef"


@pytest.mark.parametrize("begun", [f": {KEY}\n", f'data: {{"id": "{KEY}"', f'{{"error": "{KEY}', f'[{{"error": "{KEY}'])
def test_a_wait_for_the_first_event_holds_nothing_that_came(begun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ScriptedExchange.read

    async def interrupted(self: ScriptedExchange) -> bytes:
        if self.at == 1:
            raise KeyboardInterrupt
        return await read(self)

    monkeypatch.setattr(ScriptedExchange, "read", interrupted)
    io = ScriptedIO([Scripted(200, {"x-echo": KEY}, [begun.encode(), b"more"])])
    with pytest.raises(KeyboardInterrupt) as caught:
        Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": KEY}), io=io).stream("hi").__enter__()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "\n".join(f"{frame.name} {frame.locals}" for frame in told.stack if "tests" not in frame.filename)
    assert "_begin" in shown
    assert KEY not in shown


def test_a_whole_reply_that_ends_too_early_holds_what_came_without_the_key() -> None:
    """A program is heard as a stream, also where the whole reply is wanted."""
    events = [
        {
            "type": "message_start",
            "message": {"id": "m", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"Hello {KEY}"}},
    ]
    lines = [msgspec.json.encode({"type": "stream_event", "event": event}) + b"\n" for event in events]
    client = Client(
        "claude-cli/sonnet", api_key=KEY, settings=Settings({}), io=ScriptedIO(processes=[Scripted(body=lines)]), retries=0
    )
    with pytest.raises(StreamInterruptedError, match="ended before its result") as caught:
        client.generate("hi")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello ***"


# --- one exchange's events --------------------------------------------------------------------------------------------


class Heads:
    """A note of what a try showed."""

    proof: Secret | None = None

    def __init__(self) -> None:
        self.heads: list[tuple[int, float, float]] = []

    def replied(self, head: Head, now: float, wall: float) -> None:
        self.heads.append((head.status, now, wall))


def of(
    io: World, dialect: str = "openai-chat", limits: Deadlines = Deadlines(), note: Heads | None = None, **more: Any
) -> WireSource:
    return WireSource(io, stream_call(**more), note or Heads(), wire(dialect=dialect), limits)


def rest(io: World, source: WireSource) -> list[Event]:
    """All that is left, and that the end stays the end."""
    events: list[Event] = []
    while batch := io.run(source.batch()):
        events += batch
    assert source.complete is (source.error is None)
    assert io.run(source.batch()) == []
    return events


def opened(io: World, *args: Any, **more: Any) -> WireSource:
    source = of(io, *args, **more)
    io.run(source.open())
    return source


def gemini(text: str, **more: Any) -> bytes:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
    return msgspec.json.encode({"candidates": [candidate], "responseId": "r"})


def test_it_opens_with_the_first_words_and_is_complete_with_the_last(world: MakeIO) -> None:
    io, note = world([streamed([start(), (2.0, delta("Hel")), delta("l"), delta("o") + finish()])]), Heads()
    began, wall = io.now(), io.wall()
    source = of(io, note=note, limits=Deadlines(idle=3.0))
    assert (source.head, source.error, source.complete) == (None, None, False)
    assert not io.exchanges
    io.run(source.open())
    assert io.exchanges[0].at == 2
    assert io.exchanges[0].deadlines == Deadlines(idle=3.0)
    assert note.heads == [(200, began, wall)]
    assert source.head == Head(200, Headers((("content-type", "text/event-stream"), ("x-request-id", "req_stream"))))
    assert not source.complete
    assert [type(event) for event in io.run(source.batch())] == [Start, TextDelta]
    assert [getattr(event, "text", None) for event in io.run(source.batch())] == ["l"]
    assert not source.complete
    assert texts(io.run(source.batch())) == "o"
    assert source.complete
    assert (io.exchanges[0].whole, io.run(source.batch())) == (False, [])


def test_what_was_lost_is_told_before_all_else(world: MakeIO) -> None:
    lost = Warning(field="a", reason="was lost", kind="dropped")
    io = world([chat_stream(["x"])])
    assert io.run(opened(io, warnings=(lost,)).batch())[0] == Warned(lost)


@pytest.mark.parametrize(("status", "refused"), [(199, True), (200, False), (299, False), (300, True), (529, True)])
def test_what_is_no_success_is_the_error_that_its_body_says(world: MakeIO, status: int, refused: bool) -> None:
    body = [b"busy"] if refused else chat_stream(["x"]).body
    io = world([Scripted(status, {"x-request-id": "req_1"}, body)])
    if not refused:
        assert texts(rest(io, opened(io))) == "x"
        return
    with pytest.raises(ProviderError, match="busy") as caught:
        opened(io)
    assert (caught.value.status, caught.value.request_id) == (status, "req_1")


def test_a_note_is_told_what_is_shown(world: MakeIO) -> None:
    class Shows:
        source = "here"

        async def sign(self, io: Any, request: Any, limits: Any) -> Signed:
            return Signed(request, Secret("shown-0123456789"))

    io, note, endpoint = world([chat_stream(["x"])]), Heads(), wire()
    endpoint.signer = Shows()  # type: ignore[assignment]
    io.run(WireSource(io, stream_call(), note, endpoint, Deadlines()).open())
    assert note.proof is not None
    assert note.proof.reveal() == "shown-0123456789"


@pytest.mark.parametrize("blank", [[], [b"\n"], [b" \t", b"\r\n"], [b"\xef\xbb\xbf"], [b"\xef", b"\xbb", b"\xbf \n"]])
@pytest.mark.parametrize("dialect", ["openai-chat", "bedrock-converse"])
def test_a_whole_body_in_place_of_a_stream_is_read_whole(world: MakeIO, dialect: str, blank: list[bytes]) -> None:
    body = chat_body("Hello") if dialect == "openai-chat" else converse("Hello")
    io = world([Scripted(200, {}, [*blank, body[:9], body[9:20], body[20:]])])
    source = opened(io, dialect)
    assert io.exchanges[0].whole
    assert not source.complete
    assert texts(rest(io, source)) == "Hello"


def converse(text: str) -> bytes:
    message = {"role": "assistant", "content": [{"text": text}]}
    return msgspec.json.encode(
        {"output": {"message": message}, "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}}
    )


@pytest.mark.parametrize("spare", [0, -1])
def test_a_whole_body_is_as_long_as_a_line_may_be(world: MakeIO, spare: int) -> None:
    body = chat_body("Hello")
    io = world([Scripted(200, {"x-request-id": "req_1"}, [body[:30], body[30:]])])
    limit = {"max_line": len(body) + spare}
    if spare == 0:
        assert texts(rest(io, opened(io, limit=limit))) == "Hello"
        return
    with pytest.raises(MalformedResponseError, match=r"\(option max_line\)") as caught:
        opened(io, limit=limit)
    assert caught.value.request_id == "req_1"


def test_a_whole_body_that_is_cut_is_no_answer(world: MakeIO) -> None:
    io = world([Scripted(200, {"x-request-id": "req_1"}, [chat_body()[:30]], "truncated")])
    with pytest.raises(TruncatedBodyError) as caught:
        opened(io)
    assert caught.value.request_id == "req_1"


@pytest.mark.parametrize("cut", [[b"[", b","], [b" \r\n[", b" , "], [b"[", b"\n,\n"]])
def test_an_array_in_place_of_events_is_read_as_it_comes(world: MakeIO, cut: list[bytes]) -> None:
    io = world([streamed([cut[0], gemini("Hel"), cut[1], gemini("lo", finishReason="STOP"), b"]"])])
    source = opened(io, "gemini")
    assert io.exchanges[0].at == 2
    assert texts(rest(io, source)) == "Hello"


def test_an_item_of_an_array_is_as_long_as_a_line_may_be(world: MakeIO) -> None:
    item = gemini("Hello", finishReason="STOP")
    io = world([streamed([b"[", item, b"]"])] * 2)
    assert texts(rest(io, opened(io, "gemini", limit={"max_line": len(item)}))) == "Hello"
    with pytest.raises(MalformedResponseError, match="max_line"):
        opened(io, "gemini", limit={"max_line": len(item) // 2})


@pytest.mark.parametrize("whole", [b"[", b"{"])
def test_where_no_bracket_can_begin_a_stream_one_begins_a_body(world: MakeIO, whole: bytes) -> None:
    io = world([Scripted(200, {}, [whole + b'"x"', b"garbage"])])
    with pytest.raises(MalformedResponseError):
        opened(io)
    assert io.exchanges[0].whole


def test_lines_of_json_begin_with_a_bracket_and_are_a_stream(world: MakeIO) -> None:
    lines = [{"message": {"role": "assistant", "content": text}, "done": text == "lo"} for text in ("Hel", "lo")]
    io = world([Scripted(200, {}, [msgspec.json.encode(line) + b"\n" for line in lines])])
    source = opened(io, "ollama")
    assert io.exchanges[0].at == 1
    assert texts(rest(io, source)) == "Hello"


# --- how they end early -----------------------------------------------------------------------------------------------


def test_an_error_before_the_first_words_is_raised_and_nothing_is_left(world: MakeIO) -> None:
    headers = {"retry-after": "7"}
    io = world([streamed([start(), error_frame("busy", "server_error")], headers=headers)])
    source = of(io, warnings=(Warning(field="a", reason="was lost", kind="dropped"),))
    with pytest.raises(ServerError, match="busy") as caught:
        io.run(source.open())
    assert (caught.value.request_id, caught.value.retry_after) == ("req_stream", 7.0)
    assert io.run(source.batch()) == []


@pytest.mark.parametrize("together", [True, False])
def test_an_error_after_the_first_words_is_kept_until_they_are_out(world: MakeIO, together: bool) -> None:
    last = (
        [delta("Hel") + error_frame("busy", "server_error")] if together else [delta("Hel"), error_frame("busy", "server_error")]
    )
    io = world([streamed([start(), *last], headers={"retry-after": "7"})])
    source = opened(io)
    assert texts(rest(io, source)) == "Hel"
    assert isinstance(source.error, ServerError)
    assert (source.error.request_id, source.error.retry_after) == ("req_stream", 7.0)
    assert source.error.__traceback__ is None
    assert not source.complete


@pytest.mark.parametrize(
    ("end", "kind"), [("reset", ConnectionResetByHostError), ("stall", DeadlineError), ("end", StreamInterruptedError)]
)
def test_what_breaks_off_has_the_id_of_its_head_and_no_wait(world: MakeIO, end: str, kind: type[ProviderError]) -> None:
    io = world([streamed([start(), delta("Hel")], end, headers={"retry-after": "7"})])
    source = opened(io, limits=Deadlines(idle=5.0))
    assert texts(rest(io, source)) == "Hel"
    assert type(source.error) is kind
    its_own = {"end": "chatcmpl-1"}  # what the events named
    assert (source.error.request_id, source.error.retry_after) == (its_own.get(end, "req_stream"), None)


def test_an_id_that_an_error_has_is_kept(world: MakeIO, monkeypatch: pytest.MonkeyPatch) -> None:
    io = world([streamed([start(), delta("Hel")], "reset")])
    source = opened(io)

    async def broken(self: ScriptedExchange) -> bytes:
        raise ConnectionResetByHostError("reset", phase="body", request_id="its own")

    monkeypatch.setattr(ScriptedExchange, "read", broken)
    rest(io, source)
    assert source.error is not None
    assert source.error.request_id == "its own"


def test_a_line_that_is_too_long_ends_it(world: MakeIO) -> None:
    long = delta("x" * 500)
    io = world([streamed([start(), delta("Hel"), long])] * 2)
    assert texts(rest(io, opened(io, limit={"max_line": len(long)}))) == "Hel" + "x" * 500
    source = opened(io, limit={"max_line": 400})
    assert texts(rest(io, source)) == "Hel"
    assert isinstance(source.error, MalformedResponseError)
    assert source.error.request_id == "req_stream"


# --- who ends it ------------------------------------------------------------------------------------------------------


def test_its_end_can_be_moved_once_it_is_under_way(world: MakeIO) -> None:
    io = world([streamed([start(), delta("Hel"), (10.0, delta("lo")), finish()])])
    source = of(io)
    source.set_until(0.0)  # nothing is under way
    io.run(source.open())
    source.set_until(io.now() + 4.0)
    assert texts(rest(io, source)) == "Hel"
    assert isinstance(source.error, DeadlineError)


def test_it_is_closed_by_hand(world: MakeIO) -> None:
    io = world([streamed([start(), delta("Hel"), delta("lo"), finish()])])
    source = of(io)
    io.run(of(io).close())  # never begun
    io.run(source.open())
    io.run(source.batch())
    io.run(source.close())
    assert io.exchanges[0].closes == 1
    assert source.complete
    assert io.run(source.batch()) == []


def test_it_is_ended_from_elsewhere(world: MakeIO) -> None:
    io = world([streamed([start(), delta("Hel"), delta("lo"), finish()])])
    source = opened(io)
    io.run(source.batch())
    source.abort()
    assert io.exchanges[0].aborted
    assert io.run(source.batch()) == []
    assert isinstance(source.error, ClosedByCallerError)


@pytest.mark.parametrize("how", ["abort", "close"])
def test_what_is_ended_before_it_began_does_not_begin(world: MakeIO, how: str) -> None:
    io = world([chat_stream(["x"])])
    source = of(io)
    if how == "abort":
        source.abort()
    else:
        io.run(source.close())
    with pytest.raises(ClosedByCallerError):
        io.run(source.open())
    assert io.exchanges[0].aborted


# --- events that are there already, and all of them at once -----------------------------------------------------------


def test_events_that_are_there_are_one_batch() -> None:
    told = Told([TextDelta("x")])
    assert (told.complete, told.error, told.head) == (False, None, None)
    assert run_blocking(told.open()) is None
    assert run_blocking(told.batch()) == [TextDelta("x")]
    assert told.complete
    assert run_blocking(told.batch()) == []
    assert run_blocking(told.close()) is None


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (Start("i", "m"), False),
        (UsageUpdate(Usage(1, 2)), False),
        (Warned(Warning(field="a", reason="b", kind="dropped")), False),
        (TextDelta("x"), True),
        (Finish("stop"), True),
    ],
)
def test_which_events_say_something(event: Event, says: bool) -> None:
    assert tell([event]) is says
    assert tell([Start(), event]) is says
    assert tell([]) is False


def test_a_whole_reply_of_who_streams_only(world: MakeIO) -> None:
    io = world([chat_stream(["Hel", "lo"])])
    assert io.run(folded(of(io))).text == "Hello"
    assert io.exchanges[0].closes == 1


def test_a_whole_reply_that_breaks_off_says_what_came(world: MakeIO) -> None:
    io = world([streamed([start(), delta("Hel")]), streamed([start(), delta("Hel")], "reset"), failed(500)])
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(folded(of(io)))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"
    with pytest.raises(ConnectionResetByHostError):
        io.run(folded(of(io)))
    with pytest.raises(ServerError):
        io.run(folded(of(io)))
    assert [exchange.closes for exchange in io.exchanges] == [1, 1, 1]


def test_what_came_is_not_written_over() -> None:
    before = fold([TextDelta("before")])
    source = Told([TextDelta("x")])
    source.error = StreamInterruptedError("cut", partial=before)
    with pytest.raises(StreamInterruptedError) as caught:
        run_blocking(folded(source))
    assert caught.value.partial is before
