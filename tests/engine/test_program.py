"""A provider that is a program: what is started, with which words and which environment."""

from __future__ import annotations

from collections.abc import Callable

from tests.virtual import World
from trunkline.dialects.claude_cli import ClaudeCli
from trunkline.dialects.dialect import WireRequest
from trunkline.engine.program import Program
from trunkline.ports import Deadlines, ProcessRequest
from trunkline.sim.scripted import Scripted
from trunkline.values.model import Model, Target
from trunkline.values.secret import Secret
from trunkline.wire.http import HttpRequest

MakeIO = Callable[..., World]
KEY = "sk-program-0123456789"
CLI = ClaudeCli()
RECORD = Model(id="m", provider="p")


def program() -> Program:
    env = (("PATH", "/bin"), ("KEY", KEY))
    return Program(CLI, Target("claude-cli", "p", "m"), "/bin/it", env, secret=Secret(KEY), record=RECORD)


def test_it_is_started_with_its_words_and_its_whole_environment(world: MakeIO) -> None:
    io = world(processes=[Scripted(body=b"said")])
    asked = WireRequest(argv=("--print", "x"), env=(("PATH", "/usr/bin"), ("MORE", "1")), body=b"hello")

    async def run() -> bytes:
        exchange = await program().exchange(io, asked, Deadlines(idle=3.0))
        return await exchange.read()

    assert io.run(run()) == b"said"
    (exchange,) = io.exchanges
    env = (("PATH", "/usr/bin"), ("KEY", KEY), ("MORE", "1"))
    assert exchange.request == ProcessRequest(("/bin/it", "--print", "x"), b"hello", env)
    assert exchange.deadlines == Deadlines(idle=3.0)


def test_it_is_a_target_like_any_other() -> None:
    it = program()
    assert (it.provider, it.model, it.record, it.secret) == ("p", "m", RECORD, Secret(KEY))
    assert it.dialect is CLI
    bare = Program(CLI, Target("claude-cli", "p", "m"), "it", ())
    assert (bare.secret, bare.record) == (None, None)


def test_no_header_and_no_query_shows_the_key() -> None:
    assert program().http(WireRequest(path="/x")) == HttpRequest("POST", "/bin/it/x")
