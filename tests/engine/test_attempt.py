"""How much of a reply is read: no more than is of use to anybody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.virtual import World
from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.engine.attempt import LARGEST_ERROR
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import MalformedResponseError, ServerError

PIECE = b" " * 65_536


def client(reply: Scripted, **options: Any) -> tuple[Client, World]:
    io = World([reply])
    return Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io, retries=0, **options), io


def endless(first: bytes) -> list[Any]:
    return [first, *([PIECE] * 2_000)]


def ask(llm: Client, verb: str) -> None:
    if verb == "generate":
        llm.generate("hi")
    else:
        with llm.stream("hi"):
            pass


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_a_reply_that_never_ends_is_left_at_max_line(verb: str) -> None:
    llm, io = client(Scripted(200, {}, endless(b'{"id":')), max_line=1 << 20)
    with pytest.raises(MalformedResponseError, match=r"longer than 104\d{4} bytes \(option max_line\)"):
        ask(llm, verb)
    (exchange,) = io.exchanges
    assert exchange.at <= 18
    assert exchange.closed


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_of_an_errors_reply_only_the_beginning_is_read(verb: str) -> None:
    llm, io = client(Scripted(500, {}, endless(b"we are sorry")))
    with pytest.raises(ServerError, match="we are sorry") as caught:
        ask(llm, verb)
    (exchange,) = io.exchanges
    assert exchange.at <= LARGEST_ERROR // len(PIECE) + 2
    assert exchange.closed
    assert caught.value.status == 500


def test_a_raw_reply_is_as_long_as_it_is() -> None:
    llm, _ = client(Scripted(200, {}, endless(b"x")), max_line=1 << 20)
    assert len(llm.request("GET", "/files/f/content").body) == 2_000 * len(PIECE) + 1
