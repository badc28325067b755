"""An output that is not what was asked for goes back to the model; what was said and paid for is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.engine.calls import Book, call, wire
from tests.replies import chat, failed
from tests.virtual import World
from trunkline.engine import repair
from trunkline.engine.call import Call, Hooks
from trunkline.engine.repair import CORRECTIONS, correction
from trunkline.engine.station import Station
from trunkline.policy.turns import TurnMemory
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import DeadlineError, MalformedResponseError, ServerError
from trunkline.values.json_form import from_json, to_json
from trunkline.values.message import Message
from trunkline.values.model import Model, Price
from trunkline.values.output import Output
from trunkline.values.request import Request
from trunkline.values.response import Response

MakeIO = Callable[..., World]
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
WRONG, RIGHT = '{"x": "secret"}', '{"x": 1}'
PRICED = Model(id="m", provider="p1", prices=(Price(input="1", output="2"),))
SAID = """\
Your last answer is not what was asked for:
- at $.x: must be integer, and is string
Answer again with the whole JSON, mended, and nothing else."""


def asked(*plan: Any, corrections: int = 1, **more: Any) -> Call:
    return call(*plan, parse=Output(None, SCHEMA), corrections=corrections, **more)


def run(io: World, asked: Call) -> Response:
    return io.run(repair.generate(io, asked))


def fails(io: World, asked: Call, kind: type[Exception]) -> Any:
    with pytest.raises(kind) as caught:
        run(io, asked)
    assert type(caught.value) is kind
    return caught.value


def messages(io: World, n: int) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = json.loads(io.requests[n].body)["messages"]
    return said


def test_once_by_default() -> None:
    assert CORRECTIONS == 1


def test_what_is_wrong_is_said(world: MakeIO) -> None:
    io, book = world([chat(WRONG), chat(RIGHT)]), Book()
    began = io.now()
    reply = run(io, asked(wire(record=PRICED), observers=(book,), request={"temperature": 0.5}))
    assert (reply.output, reply.text, reply.finish_reason) == ({"x": 1}, RIGHT, "stop")
    assert messages(io, 1) == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": WRONG},
        {"role": "user", "content": SAID},
    ]
    assert json.loads(io.requests[1].body)["temperature"] == 0.5
    (step,) = reply.steps
    assert (step.correction, step.response.text, step.response.output, step.response.steps) == (SAID, WRONG, None, ())
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (6, 4)
    assert (reply.cost, step.response.cost) == (Decimal("0.000014"), Decimal("0.000007"))
    assert len(reply.attempts) == 2
    assert reply.latency == io.now() - began
    assert [(end.how, end.response and end.response.usage.input_tokens) for end in book.ends] == [("end", 3), ("end", 3)]
    assert [end.response and end.response.cost for end in book.ends] == [Decimal("0.000007")] * 2
    assert book.ends[0].call_id != book.ends[1].call_id
    assert len(book.attempts) == 2
    assert [message.text for message in reply.messages] == [WRONG, SAID, RIGHT]
    assert from_json(to_json(reply)).steps[0].correction == SAID


def test_a_cost_that_is_not_known_of_one_is_not_known_of_all(world: MakeIO) -> None:
    io = world([failed(500), chat(WRONG), failed(500), chat(RIGHT)])
    plan = wire("p1", record=PRICED, station=Station()), wire("p2", station=Station())
    assert run(io, asked(*plan, retries=0)).cost is None


def test_what_fits_costs_no_step(world: MakeIO) -> None:
    io, book = world([chat(RIGHT)]), Book()
    reply = run(io, asked(observers=(book,)))
    assert (reply.output, reply.steps, len(book.ends)) == ({"x": 1}, (), 1)
    assert book.ends[0].response is reply


def test_without_an_output_and_without_leave_nothing_is_mended(world: MakeIO) -> None:
    io = world([chat(WRONG), chat(WRONG)])
    assert run(io, call(corrections=3)).text == WRONG
    assert fails(io, asked(corrections=0), MalformedResponseError).response.steps == ()
    assert len(io.requests) == 2


@pytest.mark.parametrize("corrections", [1, 2])
def test_it_is_given_up(world: MakeIO, corrections: int) -> None:
    heard: list[Any] = []
    hooks = Hooks(before=lambda request: heard.append("before"), after=heard.append, on_error=heard.append)
    io, book = world([chat(WRONG), chat("{}"), chat("nothing")]), Book()
    error = fails(io, asked(wire(record=PRICED), corrections=corrections, observers=(book,), hooks=hooks), MalformedResponseError)
    assert heard == ["before", error]
    assert (error.provider, error.model, error.hint) == ("p1", "m-1", "The reply stands in its `response`")
    assert "secret" not in f"{error}{error.__cause__}{error.__context__}"
    whole = error.response
    assert error.steps == whole.steps
    assert [step.response.text for step in whole.steps] == [WRONG, "{}"][:corrections]
    assert whole.text == ["{}", "nothing"][corrections - 1]
    assert whole.cost == Decimal("0.000007") * (corrections + 1)
    assert len(error.attempts) == len(whole.attempts) == corrections + 1
    assert [end.how for end in book.ends] == ["end"] * corrections + ["error"]
    assert [end.response and end.response.cost for end in book.ends] == [Decimal("0.000007")] * (corrections + 1)
    assert book.ends[-1].error is error
    told = [step.correction for step in whole.steps]
    assert "at $: the key 'x' is missing" in told[1] if corrections == 2 else told == [SAID]


def test_hooks_hear_of_the_whole_once(world: MakeIO) -> None:
    heard: list[str] = []

    def before(request: Request) -> Request:
        heard.append("before")
        return msgspec.structs.replace(request, messages=(Message.user("other"),))

    def after(response: Response) -> Response:
        heard.append(f"after {len(response.steps)}")
        return msgspec.structs.replace(response, id="mine")

    io, book, memory = world([chat(WRONG), chat(RIGHT)]), Book(), TurnMemory()
    reply = run(io, asked(hooks=Hooks(before=before, after=after), observers=(book,), memory=memory))
    assert (heard, reply.id) == (["before", "after 1"], "mine")
    assert [said["content"] for said in messages(io, 1)] == ["other", WRONG, SAID]
    assert book.ends[-1].response is not None
    assert (book.ends[-1].response.steps, book.ends[-1].response.output) == ((), {"x": 1})


def test_a_hook_that_fails_ends_it_once(world: MakeIO) -> None:
    io, book = world([chat(WRONG), chat(RIGHT)]), Book()
    with pytest.raises(ZeroDivisionError):
        run(io, asked(hooks=Hooks(after=lambda _: 1 / 0), observers=(book,)))  # type: ignore[arg-type, return-value]
    assert [end.how for end in book.ends] == ["end", "error"]
    assert book.ends[-1].response is not None


def test_whoever_answered_is_told_first(world: MakeIO) -> None:
    plan = tuple(wire(name, station=Station()) for name in ("p1", "p2", "p3"))
    io = world([failed(500), chat(WRONG), failed(500), failed(500), chat(RIGHT)])
    reply = run(io, asked(*plan, retries=0))
    assert [request.url.split("/")[2].partition(".")[0] for request in io.requests] == ["p1", "p2", "p2", "p1", "p3"]
    assert (reply.provider, reply.steps[0].response.provider, len(reply.attempts)) == ("p3", "p2", 5)


def test_nobody_answers_the_second_time(world: MakeIO) -> None:
    io, book = world([chat(WRONG), failed(500, "boom")]), Book()
    error = fails(io, asked(retries=0, observers=(book,)), ServerError)
    assert len(error.attempts) == 1
    assert [end.how for end in book.ends] == ["end", "error"]
    assert [(step.response.text, step.correction, step.response.usage.input_tokens) for step in error.steps] == [(WRONG, SAID, 3)]
    io = world([failed(500, "boom")])
    assert fails(io, asked(retries=0), ServerError).steps == ()
    io = world([chat(WRONG), failed(500)])
    reply = run(io, asked(retries=0, last_resort="sorry"))
    assert (reply.text, reply.output, reply.fallback, len(reply.steps)) == ("sorry", None, True, 1)


def test_a_reply_that_nobody_understands_is_not_mended(world: MakeIO) -> None:
    io = world([Scripted(200, {}, [b"<html>"])])
    assert fails(io, asked(retries=0), MalformedResponseError).response is None
    assert len(io.requests) == 1


def test_a_reply_that_was_cut_off_is_not_mended(world: MakeIO) -> None:
    io = world([chat('{"x"', finish_reason="length")])
    error = fails(io, asked(), MalformedResponseError)
    assert "cut off" in error.message
    assert len(io.requests) == 1
    io = world([chat(WRONG), chat('{"x"', finish_reason="length")])
    assert len(fails(io, asked(corrections=5), MalformedResponseError).response.steps) == 1


def test_the_deadline_is_of_all_tries(world: MakeIO) -> None:
    io = world([msgspec.structs.replace(chat(WRONG), wait=6.0), msgspec.structs.replace(chat(RIGHT), wait=6.0)])
    began = io.now()
    error = fails(io, asked(limit={"total": 10.0}, retries=0), DeadlineError)
    assert (error.phase, error.seconds, io.now() - began) == ("total", 10.0, 10.0)


def test_an_end_in_the_midst_is_settled_once() -> None:
    io, book = World([chat(WRONG), Scripted(end="stall")], blocking=False), Book()

    async def main() -> None:
        task = asyncio.ensure_future(repair.generate(io, asked(observers=(book,))))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    io.run(main())
    assert [end.how for end in book.ends] == ["end", "cancel"]
    assert all(exchange.closed for exchange in io.exchanges)


def test_what_is_told_and_when() -> None:
    reply = Response(message=Message.assistant("no"), finish_reason="stop")
    error = MalformedResponseError("it is wrong", response=reply)
    own = call(parse=lambda text: text)
    assert correction(own, error) == SAID.replace("- at $.x: must be integer, and is string", "it is wrong")
    assert "the reply's text is not JSON" in (correction(asked(), error) or "")
    assert correction(call(), error) is None
    assert correction(own, MalformedResponseError("x")) is None
    error.response = msgspec.structs.replace(reply, finish_reason="length")
    assert correction(own, error) is None
    error.response = msgspec.structs.replace(reply, message=Message.assistant())
    assert "the reply has no text to parse" in (correction(asked(), error) or "")


def test_a_reply_without_words_is_no_turn(world: MakeIO) -> None:
    io = world([chat(""), chat(RIGHT)])
    assert run(io, asked()).output == {"x": 1}
    assert [said["role"] for said in messages(io, 1)] == ["user", "user"]
