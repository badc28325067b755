"""Conversations that are saved: a row a message, gone on with, listed, found, handed on, deleted."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.client.talking import Echo, Held, turns
from tests.replies import chat
from trunkline import (
    Client,
    Conversation,
    Conversations,
    LocalFile,
    MemoryStore,
    Message,
    Response,
    Settings,
    SQLiteStore,
    StoreError,
    Transcript,
    Usage,
    UsageError,
    from_json,
    to_json,
)
from trunkline.client.conversation_log import AGAIN, PREFIX, Entry, Row
from trunkline.values.message import File

WORLDS = pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "asyncio"])


def client() -> Client:
    return Client(Echo(), settings=Settings({}))


def texts(talk: Conversation) -> list[str]:
    return [message.text for message in talk.messages]


def stored(store: Any, log: str) -> list[dict[str, Any]]:
    return [json.loads(record.data) for record in store.query(log)]


def test_nothing_is_written_unless_it_is_wanted_and_something_was_said(tmp_path: Path) -> None:
    store = MemoryStore()
    client().conversation("s").send("hi")
    talk = client().conversation("s", saved_in=store)
    talk.system, talk.title = "t", "title"
    talk.fork().fork()
    talk.close()
    assert (store.keys(), list(tmp_path.iterdir())) == ([], [])
    assert talk.id is not None
    assert stored(store, PREFIX + talk.id) == []


@WORLDS
def test_it_goes_on_where_it_was_left(blocking: bool, tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    held = Held(blocking, [chat("1"), chat("2")], "Be brief", saved_in=file, title="Numbers")
    held.send("one")
    held.do(held.chat.close)
    again = Held(blocking, [chat("2")], saved_in=str(file), id=held.chat.id, max_turns=1)
    if not blocking:
        with pytest.raises(UsageError, match="not been read"):
            _ = again.chat.messages
        with pytest.raises(UsageError, match="not been read"):
            again.chat.undo()
    assert again.send("two").text == "2"
    assert again.said() == turns("one", "1", "two", "2")
    assert (again.chat.system, again.chat.title, again.chat.usage.input_tokens) == ("Be brief", "Numbers", 6)
    assert again.asked() == [[("system", "Be brief"), ("user", "two")]]
    again.do(again.chat.close)
    with Conversations(file) as saved:
        (one,) = saved.list()
    assert (one.id, one.title, one.model) == (held.chat.id, "Numbers", "openai-chat/m")


def test_read_by_the_first_turn_of_asyncio_or_by_ready() -> None:
    store = MemoryStore()
    talk = client().conversation(saved_in=store)
    talk.send("one")
    held = Held(False, [], model=Echo(), saved_in=store, id=talk.id)

    async def both() -> None:
        await asyncio.gather(held.chat.ready(), held.chat.ready())

    asyncio.run(both())
    assert held.said() == turns("one", "re one")

    async def within() -> list[str]:
        async with held.llm.conversation(saved_in=store, id=talk.id) as other:
            return [message.text for message in other.messages]

    assert asyncio.run(within()) == ["one", "re one"]
    held = Held(False, [], model=Echo(), saved_in=store, id=talk.id)
    assert held.read(held.chat.stream("two")) == ["re two"]
    assert held.said() == turns("one", "re one", "two", "re two")
    held = Held(False, [], model=Echo(), saved_in=store, id=talk.id)
    held.do(held.chat.add, "three")
    assert held.said()[4:] == [("user", "three")]


def test_a_row_for_each_message_and_what_forks_share_is_stored_once() -> None:
    store = MemoryStore()
    talk = client().conversation("s", saved_in=store)
    talk.send("one")
    assert talk.id is not None
    log = PREFIX + talk.id
    rows = stored(store, log)
    kinds = [row["kind"] for row in rows]
    assert (kinds[:3], sorted(kinds[3:])) == (["head", "message", "message"], ["spent", "system"])
    assert [row.get("parent") for row in rows if row["kind"] == "message"] == [None, rows[1]["id"]]
    other = talk.fork()
    other.send("two")
    talk.send("three")
    other.send("four")
    said = [row["value"]["value"]["parts"][0]["text"] for row in stored(store, log) if row["kind"] == "message"]
    assert sorted(said) == sorted(["one", "re one", "two", "re two", "three", "re three", "four", "re four"])
    llm = client()
    assert other.id is not None
    assert texts(llm.conversation(id=talk.id, saved_in=store)) == ["one", "re one", "three", "re three"]
    assert texts(llm.conversation(id=other.id, saved_in=store)) == ["one", "re one", "two", "re two", "four", "re four"]
    assert store.query(PREFIX + other.id) == []
    before = len(store.query(log))
    other.undo(3)
    other.send("five")
    assert texts(llm.conversation(id=other.id, saved_in=store)) == ["five", "re five"]
    assert len(store.query(log)) == before + 3  # the new head, and two messages
    assert texts(llm.conversation(id=talk.id, saved_in=store)) == ["one", "re one", "three", "re three"]


def test_what_belongs_to_it_comes_back() -> None:
    store = MemoryStore()
    llm = Client(Echo(), settings=Settings({}))
    talk = llm.conversation(
        "s", saved_in=store, max_turns=1, summarize=lambda messages, before: f"{len(messages)} after {before}"
    )
    for text in ("one", "two", "three"):
        talk.send(text)
    talk.pin(talk.messages[0])
    talk.system = "other"
    again = llm.conversation(saved_in=store, id=talk.id, max_turns=1)
    assert from_json(again.export()) == from_json(talk.export())
    told = from_json(talk.export())
    assert (told.summarized, told.pinned, told.system) == (4, (0,), Message.system("other"))
    again.send("four")
    echo: Any = llm._calls.model
    assert echo.seen[-1] == [
        ("system", "other"),
        ("user", "[Summary of the conversation so far]\n2 after 2 after None"),
        ("user", "one"),
        ("user", "four"),
    ]
    talk.system = None
    assert llm.conversation(saved_in=store, id=talk.id).system is None
    assert llm.conversation("mine", saved_in=store, id=talk.id, title="own").system == "mine"


def test_what_was_spent_comes_back() -> None:
    class Priced:
        def generate(self, request: Any) -> Response:
            return Response(message=Message.assistant("ok"), cost=Decimal("0.25"), usage=Usage(input_tokens=2, raw={"x": 1}))

    store = MemoryStore()
    llm = Client(Priced(), settings=Settings({}))
    talk = llm.conversation(saved_in=store)
    talk.send("a")
    talk.send("b")
    again = llm.conversation(saved_in=store, id=talk.id)
    assert (again.cost, again.usage) == (Decimal("0.50"), Usage(input_tokens=4))
    again.send("c")
    assert (again.cost, again.usage) == (Decimal("0.75"), Usage(input_tokens=6))


def test_ids_that_lead_nowhere() -> None:
    llm, store = client(), MemoryStore()
    for wrong, field in (({"id": "x"}, "saved_in"), ({"id": "x", "saved_in": store}, "id"), ({"saved_in": 3}, "saved_in")):
        with pytest.raises(UsageError) as caught:
            llm.conversation(**wrong)
        assert caught.value.field == field
    with pytest.raises(StoreError):
        llm.conversation(saved_in="/nowhere/at/all/chats.db")


# --- the list ----------------------------------------------------------------------------------------------------------------


def test_the_list_search_and_titles() -> None:
    store = MemoryStore()
    held = Held(True, [], model=Echo(), saved_in=store)
    held.send("The   Weather\nin Oslo " + "x" * 100)
    other = held.llm.conversation(saved_in=store, title="On whales")
    other.send("a question")
    saved = Conversations(store)
    listed = {one.id: one for one in saved.list()}
    assert listed[held.chat.id].title == ("The Weather in Oslo " + "x" * 100)[:60]
    assert listed[other.id].title == "On whales"
    assert [one.id for one in saved.search("oSLo")] == [held.chat.id]
    assert [one.id for one in saved.search("WHALES")] == [other.id]
    assert {one.id for one in saved.search("re ")} == set(listed)
    assert saved.search("never said") == ()
    other.title = "On seals"
    other.send("more")
    assert {one.title for one in saved.list()} == {listed[held.chat.id].title, "On seals"}


def test_the_one_that_was_used_last_comes_first() -> None:
    store = MemoryStore()
    held = Held(True, [], model=Echo(), saved_in=store)
    held.send("one")
    began = held.io.wall()
    other = held.llm.conversation(saved_in=store)
    held.do(held.io.sleep, 1.0)
    other.send("two")
    saved = Conversations(store)
    assert [one.title for one in saved.list()] == ["two", "one"]
    held.do(held.io.sleep, AGAIN - 2)
    held.send("soon")
    assert [one.used - began for one in saved.list()] == [1.0, 0.0]
    held.do(held.io.sleep, 1.0)
    held.send("later")
    assert [(one.title, one.created - began, one.used - began) for one in saved.list()] == [
        ("one", 0.0, AGAIN),
        ("two", 1.0, 1.0),
    ]


def test_exported_and_imported() -> None:
    store, other = MemoryStore(), MemoryStore()
    llm = client()
    talk = llm.conversation("s", saved_in=store, title="t")
    talk.send("one")
    data = Conversations(store).export(str(talk.id))
    assert data == talk.export()
    id = Conversations(other).import_(data)
    assert llm.conversation(saved_in=other, id=id).export() == data
    (one,) = Conversations(other).list()
    assert (one.id, one.title) == (id, "t")
    plain = Conversations(other).import_(to_json([Message.system("s"), Message.user("a"), Message.assistant("b")]))
    assert Conversations(other).list()[0].title in ("a", "t")
    assert (llm.conversation(saved_in=other, id=plain).system, plain != id) == ("s", True)
    for wrong in (b"{}", to_json(Usage()), to_json(Transcript(messages=(Message.user(File(LocalFile(path="/x"))),)))):
        with pytest.raises(UsageError):
            Conversations(other).import_(wrong)
    with pytest.raises(UsageError):
        Conversations(other).export("nothing")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_is_deleted_is_gone(kind: str, tmp_path: Path) -> None:
    store: Any = MemoryStore() if kind == "memory" else SQLiteStore(tmp_path / "chats.db")
    llm, saved = client(), Conversations(store)
    talk = llm.conversation("s", saved_in=store)
    talk.send("shared")
    fork = talk.fork()
    fork.send("of the fork")
    talk.send("of the first")
    alone = llm.conversation(saved_in=store)
    alone.send("alone")
    for deleted, left in ((talk, {fork.id, alone.id}), (fork, {alone.id}), (alone, set())):
        assert deleted.id is not None
        saved.delete(deleted.id)
        assert {one.id for one in saved.list()} == left
        with pytest.raises(UsageError):
            saved.delete(deleted.id)
        if fork.id in left:
            assert texts(llm.conversation(saved_in=store, id=fork.id)) == ["shared", "re shared", "of the fork", "re of the fork"]
            assert llm.conversation(saved_in=store, id=fork.id).system == "s"
            assert saved.search("of the first") == ()
            assert stored(store, PREFIX + str(talk.id)) == []
    assert store.keys() == []
    store.close()


# --- trouble -----------------------------------------------------------------------------------------------------------------


class Failing(MemoryStore):
    def put(self, key: str, value: bytes, seconds: float | None = None) -> None:
        raise StoreError("the disk is full")


def test_a_list_that_cannot_be_written_stops_no_turn(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "trunkline.stores"):
        assert client().conversation(saved_in=Failing()).send("one").text == "re one"
    assert "the disk is full" in caplog.text


def test_rows_that_cannot_be_written_stop_no_turn_and_follow(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryStore):
        full = False

        def append(self, log: str, record: bytes) -> None:
            if self.full:
                raise StoreError("the disk is full")
            super().append(log, record)

    store = Full()
    talk = client().conversation("s", saved_in=store)
    for text in ("one", "two", "three"):
        store.full = text == "two"
        assert talk.send(text).text == f"re {text}"
        if store.full:
            talk.undo()
            talk.send("2")
    assert "not saved yet: the disk is full" in caplog.text
    assert (
        texts(client().conversation(saved_in=store, id=talk.id))
        == texts(talk)
        == ["one", "re one", "2", "re 2", "three", "re three"]
    )


def test_rows_that_were_lost_and_rows_of_somebody_else(caplog: pytest.LogCaptureFixture) -> None:
    store, other = MemoryStore(), MemoryStore()
    llm = client()
    talk = llm.conversation(saved_in=store)
    for text in ("one", "two", "three"):
        talk.send(text)
    log, key = PREFIX + str(talk.id), PREFIX + str(talk.id)
    entry = store.get(key)
    assert entry is not None
    other.put(key, entry)
    rows = [row for row in store.query(log) if msgspec.json.decode(row.data, type=Row).kind == "message"]
    for row in rows[1:]:
        other.append(log, row.data)
    assert texts(llm.conversation(id=talk.id, saved_in=other)) == ["two", "re two", "three", "re three"]
    assert "lacks a row; it begins behind it, with 4 messages" in caplog.text
    newer = {"chat": talk.id, "kind": "mood", "value": "good", "colour": "red"}
    for data in (b"no row", b"7", rows[1].data[:-9], b'{"chat":"x","kind":"head","parent":1}', msgspec.json.encode(newer)):
        other.append(log, data)
    with llm.conversation(id=talk.id, saved_in=other) as more:
        more.send("four")
    assert caplog.text.count("is no row of a conversation") == 4
    assert texts(llm.conversation(id=talk.id, saved_in=other))[-2:] == ["four", "re four"]
    (found,) = Conversations(other).search("FOUR")
    Conversations(other).delete(found.id)
    assert other.query(log) == []


def test_rows_that_are_each_others_parents(caplog: pytest.LogCaptureFixture) -> None:
    store, value = MemoryStore(), msgspec.Raw(to_json(Message.user("hi")))
    store.put(PREFIX + "x", msgspec.json.encode(Entry(log="l", created=0, used=0)))
    for id, parent in (("a", "c"), ("b", "a"), ("c", "b")):
        store.append("l", msgspec.json.encode(Row(chat="x", kind="message", id=id, parent=parent, begins=id == "b", value=value)))
    assert texts(client().conversation(saved_in=store, id="x")) == ["hi", "hi"]
    assert "lacks a row" in caplog.text


def test_one_that_nobody_can_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    talk = client().conversation(saved_in=store)
    talk.send("one")
    store.put(PREFIX + "x", b"garbage")
    saved = Conversations(store)
    for value in (b"null", b'{"value":{"parts":[{"type":"text","text":7}]}}', b'{"value":{"parts":7}}'):
        bad = msgspec.json.encode(Row(chat=str(talk.id), kind="message", id="b", value=msgspec.Raw(value)))
        store.append(PREFIX + str(talk.id), bad)
        store.append(
            PREFIX + str(talk.id), msgspec.json.encode(Row(chat=str(talk.id), kind="head", parent=talk._talk.history.ids[-1]))
        )
    assert [one.id for one in saved.list()] == [one.id for one in saved.search("ONE")] == [talk.id]
    assert "cannot be read" in caplog.text
    with pytest.raises(UsageError, match="no conversation of that id"):
        saved.delete("x")
    with pytest.raises(UsageError, match="text: wrong type"):
        saved.search(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_half_a_character_is_kept_as_it_is(kind: str, tmp_path: Path) -> None:
    store: Any = MemoryStore() if kind == "memory" else SQLiteStore(tmp_path / "chats.db")
    talk = client().conversation("\ud83d", saved_in=store)
    talk.send("\ud83d cut")
    again = client().conversation(saved_in=store, id=talk.id)
    assert (texts(again), again.system, again.title) == (["\ud83d cut", "re \ud83d cut"], "\ud83d", "? cut")
    assert [one.id for one in Conversations(store).search("re \ud83d CUT")] == [talk.id]
    store.close()


def test_forks_that_live_on_lose_nothing_when_the_first_is_deleted() -> None:
    """Whether they have been saved by then, or have said nothing of their own yet."""
    store, llm = MemoryStore(), client()
    talk = llm.conversation(saved_in=store)
    talk.send("a")
    talk.send("b")
    said = llm.conversation(saved_in=store, id=talk.id).fork()
    said.send("c")
    silent, added, back = said.fork(), said.fork(), said.fork()
    Conversations(store).delete(str(talk.id))
    Conversations(store).delete(str(said.id))
    said.send("d")
    silent.send("e")
    added.add("f")
    back.undo(3)
    back.send("g")
    before = ["a", "re a", "b", "re b", "c", "re c"]
    for fork, last in ((silent, [*before, "e", "re e"]), (added, [*before, "f"]), (back, ["g", "re g"])):
        assert texts(fork) == texts(llm.conversation(saved_in=store, id=fork.id)) == last


def test_what_was_only_loaded_is_listed_once_it_is_closed() -> None:
    store = MemoryStore()
    with client().conversation(saved_in=store) as talk:
        talk.load(Transcript(messages=(Message.user("one"),)))
        fork, empty = talk.fork(), client().conversation(saved_in=store)
    fork.close()
    empty.close()
    (found,) = Conversations(store).list()
    assert (found.id, found.title) == (talk.id, "one")


def test_a_closed_one_takes_no_more(tmp_path: Path) -> None:
    with client().conversation(saved_in=tmp_path / "chats.db") as talk:
        talk.send("one")
    for act in (lambda: talk.send("two"), lambda: talk.add("two"), talk.undo):
        with pytest.raises(UsageError, match="this conversation is closed"):
            act()
    assert texts(talk) == ["one", "re one"]
    with client().conversation() as unsaved:
        pass
    assert unsaved.send("two").text == "re two"


def test_a_row_names_no_file() -> None:
    store = MemoryStore()
    store.put(PREFIX + "x", msgspec.json.encode(Entry(log="l", created=0, used=0)))
    value = msgspec.Raw(to_json(Message.user(File(LocalFile(path="/etc/passwd")))))
    store.append("l", msgspec.json.encode(Row(chat="x", kind="message", id="a", begins=True, value=value)))
    with pytest.raises(UsageError, match="a file of this machine"):
        client().conversation(saved_in=store, id="x")


def test_a_store_by_its_path_is_closed_by_the_last(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    with client().conversation(saved_in=file) as talk:
        talk.send("one")
        fork = talk.fork()
    fork.send("two")
    fork.close()
    fork.close()
    assert len(Conversations(file).list()) == 2


# --- as it was written by the first version -----------------------------------------------------------------------------------

FIXTURE = Path(__file__).with_name("conversation.jsonl")


def test_what_was_stored_once_is_read_for_ever() -> None:
    """The rows of a conversation with tools, an undone turn, a pin and a summary; and its exported form."""
    entry, *rows, exported = FIXTURE.read_bytes().splitlines()
    store = MemoryStore()
    store.put(PREFIX + "0123456789ab", entry)
    for row in rows:
        store.append("conversation/0123456789ab", row)
    talk = client().conversation(saved_in=store, id="0123456789ab")
    assert talk.export() == exported
    assert [message.role for message in talk.messages] == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert (talk.system, talk.title, talk.cost) == ("Be brief", "Weather", Decimal("0.0115"))


# --- whatever is done ----------------------------------------------------------------------------------------------------------


class Talks(RuleBasedStateMachine):
    """Forks, undone turns and resumed conversations against lists of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.llm = client()
        self.talks: list[tuple[Conversation, list[str]]] = [(self.llm.conversation(saved_in=self.store), [])]
        self.count = 0

    @rule(n=st.integers(0, 9))
    def send(self, n: int) -> None:
        talk, said = self.talks[n % len(self.talks)]
        self.count += 1
        talk.send(f"q{self.count}")
        said += [f"q{self.count}", f"re q{self.count}"]

    @rule(n=st.integers(0, 9), turns=st.integers(1, 3))
    def undo(self, n: int, turns: int) -> None:
        talk, said = self.talks[n % len(self.talks)]
        if len(said) >= 2 * turns:
            talk.undo(turns)
            del said[-2 * turns :]

    @precondition(lambda self: len(self.talks) < 6)
    @rule(n=st.integers(0, 9))
    def fork(self, n: int) -> None:
        talk, said = self.talks[n % len(self.talks)]
        self.talks.append((talk.fork(), said.copy()))

    @rule(n=st.integers(0, 9))
    def resume(self, n: int) -> None:
        talk, said = self.talks[n % len(self.talks)]
        if self.store.get(f"{PREFIX}{talk.id}") is not None:
            self.talks[n % len(self.talks)] = (self.llm.conversation(saved_in=self.store, id=talk.id), said)

    @rule(n=st.integers(0, 9))
    def delete(self, n: int) -> None:
        talk, _ = self.talks[n % len(self.talks)]
        if self.store.get(f"{PREFIX}{talk.id}") is not None and len(self.talks) > 1:
            for other, _ in self.talks:
                other.close()
            Conversations(self.store).delete(str(talk.id))
            del self.talks[n % len(self.talks)]
            self.talks = [
                (self.llm.conversation(saved_in=self.store, id=other.id), said)
                for other, said in self.talks
                if self.store.get(f"{PREFIX}{other.id}") is not None
            ] or [(self.llm.conversation(saved_in=self.store), [])]

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        for talk, said in self.talks:
            assert texts(talk) == said
            if self.store.get(f"{PREFIX}{talk.id}") is not None:
                assert texts(self.llm.conversation(saved_in=self.store, id=talk.id)) == said


Talks.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
test_talks = Talks.TestCase
