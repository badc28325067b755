"""A count of tokens is a call like any other, that answers nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.calls import KEY, Book, call, wire
from tests.virtual import World
from trunkline.engine.call import Hooks
from trunkline.engine.counting import count_tokens
from trunkline.engine.destination import Own
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import (
    AuthenticationError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    ServerError,
    UnsupportedOperationError,
)
from trunkline.values.request import Request

MakeIO = Callable[..., World]


def counted(tokens: int) -> Scripted:
    return Scripted(200, {"request-id": "req_1"}, [msgspec.json.encode({"input_tokens": tokens})])


def refused(status: int) -> Scripted:
    return Scripted(
        status, {"request-id": "req_1"}, [b'{"type":"error","error":{"type":"x","message":"no, ' + KEY.encode() + b'"}}']
    )


def messages(provider: str = "p1") -> Any:
    return wire(provider, "anthropic-messages")


def test_what_is_counted_and_how_it_ends(world: MakeIO) -> None:
    io, book, to = world([counted(12)]), Book(), messages()
    assert io.run(count_tokens(io, call(to, observers=(book,)))) == 12
    (asked,) = io.requests
    assert asked.url == "https://p1.test/v1/messages/count_tokens"
    assert msgspec.json.decode(asked.body) == {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    (end,) = book.ends
    assert (end.how, end.response, end.error, book.attempts) == ("end", None, None, [])
    assert (to.station.calls, to.station.in_flight, to.station.failures) == (1, 0, 0)


def test_the_hook_before_is_heard(world: MakeIO) -> None:
    def other(request: Request) -> Request:
        return msgspec.structs.replace(request, stop=("x",), messages=(*request.messages, *request.messages))

    io = world([counted(12)])
    io.run(count_tokens(io, call(messages(), hooks=Hooks(before=other))))
    assert len(msgspec.json.decode(io.requests[0].body)["messages"]) >= 1
    assert io.requests[0].body.count(b"hello") == 2


def test_who_cannot_count_is_not_asked(world: MakeIO) -> None:
    class Mine:
        def generate(self, request: Request) -> str:
            raise AssertionError

    for to in (wire(), wire(dialect="cohere"), Own(Mine())):
        io, book = world([]), Book()
        with pytest.raises(UnsupportedOperationError, match="has no way to count the tokens of a prompt") as caught:
            io.run(count_tokens(io, call(to, observers=(book,))))
        assert caught.value.hint == "`estimate(prompt)` tells about how many, without asking anybody"
        assert not io.requests and [end.how for end in book.ends] == ["error"]
        assert to.station.calls == 0


@pytest.mark.parametrize(("status", "cause"), [(404, NotFoundError), (405, InvalidRequestError)])
def test_where_there_is_no_such_path_it_cannot_count(world: MakeIO, status: int, cause: type[Exception]) -> None:
    io = world([refused(status)])
    with pytest.raises(UnsupportedOperationError, match=r"p1 does not count the tokens of a prompt \(`estimate") as caught:
        io.run(count_tokens(io, call(messages())))
    assert isinstance(caught.value.__cause__, cause)
    assert KEY not in str(caught.value.__cause__)


@pytest.mark.parametrize(("status", "kind"), [(400, InvalidRequestError), (401, AuthenticationError), (501, ServerError)])
def test_any_other_error_is_the_targets_own(world: MakeIO, status: int, kind: type[Exception]) -> None:
    io, to = world([refused(status)]), messages()
    with pytest.raises(kind):
        io.run(count_tokens(io, call(to, messages("p2"), retries=0)))
    assert len(io.requests) == 1
    assert to.station.in_flight == 0


def test_it_is_tried_again(world: MakeIO) -> None:
    io = world([refused(500), counted(7)])
    assert io.run(count_tokens(io, call(messages(), retries=1))) == 7


def test_what_is_no_count_is_malformed(world: MakeIO) -> None:
    io = world([Scripted(200, {"request-id": "req_9"}, [b'{"tokens": 5}'])])
    with pytest.raises(MalformedResponseError) as caught:
        io.run(count_tokens(io, call(messages())))
    assert (caught.value.provider, caught.value.request_id) == ("p1", "req_9")
    assert caught.value.__context__ is None
