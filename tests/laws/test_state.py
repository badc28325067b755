"""What a provider seals for itself goes back to it byte for byte, and to nobody else: whichever way a conversation moves."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.laws.states import BOUND, CANARY, body, conversation, home, reply, told
from tests.laws.wires import context
from tests.loopback import Asked, Loopback
from trunkline import Client, Response, from_json, to_json
from trunkline.client.settings import Settings
from trunkline.dialects.dialect import Encoded
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.known import ASKED, DIALECTS, client_half_of, dialect_of
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import OverloadedError
from trunkline.values.fold import fold
from trunkline.values.message import Message, Opaque, Part, Reasoning, Text, ToolCall
from trunkline.values.model import Target
from trunkline.values.request import Request, Tool
from trunkline.wire.http import HttpReply

STATEFUL = [dialect for dialect in DIALECTS if BOUND[dialect]]
TOOLS = (Tool("weather", "the weather", {"type": "object", "properties": {"city": {"type": "string"}}}),)
MOVES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nowhere": ({}, {"provider", "model", "account"}),
    "to another region": ({"region": "r2"}, {"provider", "model", "account"}),
    "to another key": ({"key": "k2"}, {"provider", "model"}),
    "to another model": ({"model": "m2"}, {"provider"}),
    "to another provider": ({"provider": "q"}, set()),
    "to another address": ({"address": "h:1"}, set()),
}
"""Each way to move within a dialect, and what of it stays in scope, by whom it is bound to."""

BEGUN = {
    "anthropic-messages": {"CANARYcaller"}, "openai-responses": {"CANARYmessageid", "CANARYcallid"}, "cohere": {"CANARYcall"},
    "bedrock-converse": {"CANARYpart"},
}  # fmt: skip
"""What a served stream of events cannot say, because it becomes known when its item has begun (or has no words for)."""


def asked(dialect: str, messages: tuple[Message, ...], goal: Target) -> Encoded:
    return client_half_of(dialect).encode_request(Request(model=goal.model, messages=messages, tools=TOOLS), goal)


def marks(encoded: Encoded, origin: str) -> set[str]:
    wire = encoded.wire
    sent = wire.body + repr((wire.path, wire.query, wire.headers, wire.argv, wire.env)).encode()
    return {mark for mark in BOUND[origin] if mark.encode() in sent}


def sealed(origin: str) -> list[Part]:
    """The parts of its reply that hold state."""
    parts = reply(origin).message.parts
    return [
        part for part in parts
        if getattr(part, "state", None) is not None or any(cited.state is not None for cited in getattr(part, "citations", ()))
    ]  # fmt: skip


def _states(message: Message) -> list[object]:
    cited = [citation.state for part in message.parts for citation in getattr(part, "citations", ())]
    return [
        *cited,
        *(getattr(part, "state", None) for part in message.parts),
        *(getattr(part, "data", b"") for part in message.parts),
    ]


def names(part: Part) -> tuple[str, ...]:
    """How a warning may name what was left out of a part."""
    if isinstance(part, Opaque):
        return (f"messages.{part.kind}",)
    tag = str(type(part).__struct_config__.tag)
    cited = ("messages.citations",) if isinstance(part, Text) and part.citations else ()
    return (*cited, *(("messages.hosted_tool", f"messages.{tag}") if "hosted" in tag else (f"messages.{tag}", "messages.state")))


@pytest.mark.parametrize("dialect", STATEFUL)
def test_every_mark_stands_in_what_was_read(dialect: str) -> None:
    held = "".join(map(repr, _states(reply(dialect).message)))
    assert {mark for mark in BOUND[dialect] if mark in held} == set(BOUND[dialect])
    assert body(dialect).decode().count(CANARY) == len(BOUND[dialect])


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("dialect", STATEFUL)
def test_within_a_dialect(dialect: str, move: str) -> None:
    changes, in_scope = MOVES[move]
    goal = replace(home(dialect), **changes)
    kept = {mark for mark, bound in BOUND[dialect].items() if bound in in_scope or not bound}
    said = reply(dialect).message
    for message in (said, from_json(to_json(said))):
        encoded = asked(dialect, conversation(message), goal)
        assert marks(encoded, dialect) == kept
        assert bool(encoded.warnings) == (kept != set(BOUND[dialect])), encoded.warnings


@pytest.mark.parametrize("goal", ASKED)
@pytest.mark.parametrize("origin", STATEFUL)
def test_between_dialects(origin: str, goal: str) -> None:
    if origin == goal:
        return
    said = reply(origin).message
    for message in (said, from_json(to_json(said))):
        found = marks(asked(goal, conversation(message), home(goal)), origin)
        assert found <= {mark for mark, bound in BOUND[origin].items() if not bound}
    for part in sealed(origin):  # each is told of, by its own name
        messages = (Message.user("q"), Message.assistant(part, "so"), *conversation(Message.assistant())[2:])
        messages = messages if isinstance(part, ToolCall) else (*messages[:2], Message.user("more"))
        fields = [warning.field for warning in asked(goal, messages, home(goal)).warnings]
        if part == Reasoning("CANARYplan", state=part.state):  # its words are all that its state holds
            continue
        assert any(field in (name, f"{name}.state") for field in fields for name in names(part)), (part, fields)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", STATEFUL)
def test_a_server_passes_it_on(dialect: str, stream: bool) -> None:
    """Said again by the server half, whole or streamed, and read by the client half, it is what it was: but in a stream what
    had to stand where its item began."""
    half, said = dialect_of(dialect), told(dialect, stream)
    if stream:
        frames, decoder = (
            frame_decoder(half.framing),
            half.event_decoder(replace(context(dialect, stream=True), target=home(dialect))),
        )
        back = fold(decoder.feed(frames.feed(said) + frames.finish()) + decoder.finish())
    else:
        back = half.decode_response(HttpReply(200, body=said), replace(context(dialect), target=home(dialect)))
    encoded = asked(dialect, conversation(back.message), home(dialect))
    assert marks(encoded, dialect) == set(BOUND[dialect]) - (BEGUN.get(dialect, set()) if stream else set())


# --- with clients and servers ---------------------------------------------------------------------------------------------


class Servers:
    """Two servers of a dialect: each answers with the reply that holds state, the first is overloaded when told so."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.busy = False
        self.first, self.second = Loopback(self._first), Loopback(self._answer())

    def _answer(self) -> Scripted:
        return Scripted(200, {"content-type": "application/json"}, [body(self.dialect)])

    def _first(self, _: Asked) -> Scripted:
        return Scripted.failing(OverloadedError("no room"), dialect=self.dialect) if self.busy else self._answer()

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        self.first.__exit__(None, None, None)
        self.second.__exit__(None, None, None)

    def client(self, **options: Any) -> Client:
        return Client(f"{self.dialect}/m", base_url=self.first.url, settings=Settings({}), retries=0, tools=TOOLS, **options)


def seen(server: Loopback, dialect: str) -> set[str]:
    return {mark for mark in BOUND[dialect] if mark.encode() in server.asked[-1].body}


def bound_to(dialect: str, *bound: str) -> set[str]:
    return {mark for mark, whom in BOUND[dialect].items() if whom in (*bound, "")}


@pytest.mark.parametrize("dialect", STATEFUL)
def test_a_client_that_moves(dialect: str) -> None:
    everything = set(BOUND[dialect])
    with Servers(dialect) as servers, servers.client() as llm:
        history = conversation(llm.generate("hi").message)
        assert llm.generate(history).warnings == ()
        assert seen(servers.first, dialect) == everything
        # to another model
        switched = llm.with_options(model=f"{dialect}/m2").generate(history)
        assert seen(servers.first, dialect) == bound_to(dialect, "provider")
        assert_told(switched, everything > bound_to(dialect, "provider"))
        # to another server, within one call, after the first was asked in full
        servers.busy = True
        moved = llm.generate(history, fallbacks=[{"base_url": servers.second.url}])
        assert seen(servers.first, dialect) == everything
        assert seen(servers.second, dialect) == bound_to(dialect)
        assert_told(moved, True)
        # to another protocol: the second server cannot answer in it, but it is asked
        other = next(name for name in STATEFUL if name != dialect)
        elsewhere = Scripted.of("hello", dialect=other)
        with Loopback(elsewhere) as third:
            crossed = llm.generate(history, fallbacks=[{"model": f"{other}/m", "base_url": third.url}])
            assert not {mark for mark, whom in BOUND[dialect].items() if whom and mark.encode() in third.asked[-1].body}
            assert_told(crossed, True)


@pytest.mark.parametrize("dialect", STATEFUL)
def test_a_client_of_several_keys(dialect: str) -> None:
    with Servers(dialect) as servers, servers.client(api_key=["sk-" + "a" * 20, "sk-" + "b" * 20]) as llm:
        history = conversation(llm.generate("hi").message)
        kept = []
        for _ in range(2):
            reply = llm.generate(history)
            kept.append(seen(servers.first, dialect))
            assert_told(reply, kept[-1] != set(BOUND[dialect]))
    keys = {
        asked.headers.get("authorization") or asked.headers.get("x-api-key") or asked.headers.get("x-goog-api-key")
        for asked in servers.first.asked
    }
    assert len(keys) == 2
    everything = set(BOUND[dialect])
    assert sorted(kept, key=len) == sorted([everything, bound_to(dialect, "provider", "model")], key=len)


def assert_told(reply: Response, lost: bool) -> None:
    assert any(warning.kind == "dropped" for warning in reply.warnings) == lost, reply.warnings
