"""Conversations: what is sent, what is kept, what is taken back; in both worlds."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest

from tests.client.talking import Echo, Held, turns
from tests.interrupts import interrupted
from tests.replies import chat, chat_body, chat_stream, delta, error_frame, failed, start, streamed
from trunkline import (
    AsyncClient,
    AuthenticationError,
    Client,
    Data,
    File,
    LocalFile,
    MalformedResponseError,
    MemoryStore,
    Message,
    Response,
    Settings,
    StepLimitError,
    StreamInterruptedError,
    Text,
    ToolCall,
    ToolResult,
    Transcript,
    Usage,
    UsageError,
    from_json,
    to_json,
)
from trunkline.client import conversation_log, conversation_shared, conversation_state, conversation_turn
from trunkline.policy import context
from trunkline.sim import Scripted

WORLDS = pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "asyncio"])
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


def calling() -> Scripted:
    return chat("", message={"content": None, "tool_calls": [CALL]}, finish_reason="tool_calls")


def weather(city: str) -> str:
    """The weather of a city."""
    return f"4 degrees in {city}"


# --- turns ---------------------------------------------------------------------------------------------------------------


@WORLDS
def test_what_was_said_is_said_again(blocking: bool) -> None:
    held = Held(blocking, [chat("Hello Alice."), chat_stream(["Al", "ice."]), chat("Bye.")], "Be brief", max_turns=2)
    assert held.send("I am Alice").text == "Hello Alice."
    assert held.read(held.chat.stream("Who am I?")) == ["Al", "ice."]
    assert held.send([Message.user("Bye")]).text == "Bye."
    said = turns("I am Alice", "Hello Alice.", "Who am I?", "Alice.", "Bye", "Bye.")
    system = ("system", "Be brief")
    assert held.asked() == [[system, *said[:1]], [system, *said[:3]], [system, *said[2:5]]]
    assert held.said() == said
    assert (held.chat.system, held.chat.usage, held.chat.cost) == ("Be brief", Usage(input_tokens=9, output_tokens=6), None)
    assert repr(held.chat) == f"<{type(held.chat).__name__} not saved, 3 turns>"


@WORLDS
def test_tools_are_run_and_stay_in_the_conversation(blocking: bool) -> None:
    held = Held(blocking, [calling(), chat("4."), chat("Cold.")], tools=[weather], max_turns=1)
    reply = held.do(held.chat.run, "Weather?")
    assert (reply.text, len(reply.steps)) == ("4.", 1)
    assert [message.role for message in held.chat.messages] == ["user", "assistant", "tool", "assistant"]
    held.do(held.chat.add, [Message.user("So?"), Message.assistant(ToolCall("a", "weather"))])
    held.send(Message.tool(ToolResult("a", (Text("5"),))))
    assert [role for role, _ in held.asked()[-1]] == ["user", "assistant", "tool"]
    assert [message.role for message in held.chat.undo()] == ["user", "assistant", "tool", "assistant"]
    assert [message.role for message in held.chat.undo()] == ["user", "assistant", "tool", "assistant"]
    assert held.chat.messages == ()


@WORLDS
def test_a_run_as_it_happens(blocking: bool) -> None:
    piece = {"index": 0, **CALL}
    first = {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [piece]}, "finish_reason": "tool_calls"}]}
    events = f"data: {json.dumps(first)}\n\ndata: [DONE]\n\n".encode()
    held = Held(blocking, [streamed([events]), chat_stream(["4."])], tools=[weather])
    assert held.read(held.chat.stream_run("Weather?")) == ["4."]
    assert [message.role for message in held.chat.messages] == ["user", "assistant", "tool", "assistant"]


@WORLDS
def test_an_output_that_was_mended_is_one_turn(blocking: bool) -> None:
    held = Held(blocking, [chat("no"), chat('{"city": "Oslo"}'), chat("x")])
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    assert held.send("Where?", output=schema).output == {"city": "Oslo"}
    assert [message.role for message in held.chat.messages] == ["user", "assistant", "user", "assistant"]
    held.send("And?")
    held.chat.undo()
    assert len(held.chat.messages) == 4
    held.chat.undo()
    assert held.chat.messages == ()


def test_the_clients_own_system_is_the_conversations() -> None:
    echo = Echo()
    llm = Client(echo).with_options(system="Be kind")
    talk = llm.conversation()
    talk.send("a")
    talk.system = None
    talk.send("b")
    talk.system = "Be brief"
    talk.send("c")
    assert [seen[0] for seen in echo.seen] == [("system", "Be kind"), ("user", "a"), ("system", "Be brief")]
    assert llm.conversation(system="Be grand").system == "Be grand"
    with pytest.raises(UsageError, match="belongs to the conversation") as caught:
        talk.send("d", system="x")
    assert caught.value.field == "system"


@WORLDS
def test_files_are_read_once_and_kept_as_they_were(blocking: bool) -> None:
    echo = Echo()
    held = Held(blocking, [], model=echo)
    held.send([Message.user("read", File(LocalFile(file=BytesIO(b"%PDF-1.4"), media_type="application/pdf")))])
    held.do(held.chat.add, Message.user(File(LocalFile(file=BytesIO(b"%PDF-2"), media_type="application/pdf"))))
    held.send("again")
    sources = [part.source for message in held.chat.messages for part in message.parts if isinstance(part, File)]
    assert sources == [Data(b"%PDF-1.4", "application/pdf"), Data(b"%PDF-2", "application/pdf")]


# --- what is taken back ------------------------------------------------------------------------------------------------------


def broken() -> Scripted:
    return streamed([start(), delta("half "), delta("a word"), error_frame()])


@WORLDS
def test_a_turn_that_fails_was_never_said(blocking: bool) -> None:
    held = Held(blocking, [chat("1"), failed(401), broken(), chat("3")], max_turns=1)
    held.send("one")
    with pytest.raises(AuthenticationError):
        held.send("two")
    assert held.said() == turns("one", "1")
    with pytest.raises(StreamInterruptedError):
        held.read(held.chat.stream("two"))
    assert held.said() == turns("one", "1")
    held.send("three")
    assert held.said() == turns("one", "1", "three", "3")
    assert held.asked()[-1] == [("user", "three")]


@WORLDS
@pytest.mark.parametrize("keep", [False, True])
def test_a_stream_that_is_closed_or_breaks_off(blocking: bool, keep: bool) -> None:
    held = Held(blocking, [chat_stream(["a", "b", "c"]), broken(), chat_stream([" ", "b"])])
    held.read(held.chat.stream("one", keep_partial=keep), 1)
    kept = held.chat.messages[1].text if keep else ""
    assert held.said() == (turns("one", kept) if keep else [])
    assert "abc".startswith(kept)
    with pytest.raises(StreamInterruptedError):
        held.read(held.chat.stream("two", keep_partial=keep))
    assert held.said()[2:] == (turns("two", "half a word") if keep else [])


@WORLDS
def test_a_stream_that_was_never_read_was_never_said(blocking: bool) -> None:
    held = Held(blocking, [chat("1")])
    held.do(held.chat.stream("never").close)
    stream = held.chat.stream("nor this")
    assert held.send("one").text == "1"
    held.do(stream.close)
    assert held.read(stream) == []
    assert held.said() == turns("one", "1")


def test_a_stream_that_is_forgotten_gives_the_conversation_back() -> None:
    held = Held(True, [chat_stream(["a", "b"]), chat("2")])
    stream = held.chat.stream("one").__enter__()
    with pytest.raises(UsageError, match="under way"):
        held.send("two")
    with pytest.warns(ResourceWarning):
        del stream
        gc.collect()
    assert held.send("two").text == "2"
    assert held.said() == turns("two", "2")


@WORLDS
@pytest.mark.parametrize("method", ["stream", "stream_run"])
def test_a_stream_that_could_not_begin_asks_nobody_when_it_is_read_on(blocking: bool, method: str) -> None:
    held = Held(blocking, [chat("re zero"), chat_stream(["re one"]), chat_stream(["re two"])], tools=[weather])
    held.send("zero")
    first, second = held.chat.stream("one"), getattr(held.chat, method)("two")
    missing = getattr(held.chat, method)([Message.user(File(LocalFile(path="/nowhere/at/all")))])

    async def awaited() -> None:
        async with first:
            await anext(first)
            for refused in (second, missing):
                with pytest.raises(UsageError):
                    await anext(refused)
        for refused in (second, missing):
            assert [event async for event in refused] == []

    def straight() -> None:
        with first:
            next(first)
            for refused in (second, missing):
                with pytest.raises(UsageError):
                    next(refused)
        for refused in (second, missing):
            assert list(refused) == []

    straight() if blocking else asyncio.run(awaited())
    assert [len(messages) for messages in held.asked()] == [1, 3]
    assert held.said() == turns("zero", "re zero")


@WORLDS
def test_an_answer_with_nothing_in_it_is_taken_back(blocking: bool) -> None:
    held = Held(blocking, [chat("", finish_reason="content_filter"), chat("2")])
    assert held.send("one").finish_reason == "content_filter"
    assert held.chat.messages == ()
    held.send("two")
    assert held.said() == turns("two", "2")
    assert held.chat.usage.input_tokens == 6  # both were paid for


@WORLDS
def test_what_is_wrong_with_a_turn_is_told_before_it(blocking: bool) -> None:
    held = Held(blocking, [])
    for wrong in ({"temperature": "hot"}, {"bogus": 1}, {"model": "nobody/m"}):
        with pytest.raises(UsageError):
            held.send("one", **wrong)
        with pytest.raises(UsageError):
            held.chat.stream("one", **wrong)
    assert held.chat.messages == ()


def test_what_was_paid_for_is_counted_though_it_is_taken_back() -> None:
    held = Held(True, [calling(), chat("no JSON")], tools=[weather])
    with pytest.raises(StepLimitError):
        held.chat.run("Weather?", max_steps=1)
    assert (held.chat.messages, held.chat.usage) == ((), Usage(input_tokens=3, output_tokens=2))
    with pytest.raises(MalformedResponseError):
        held.send("JSON!", output="json", output_retries=0)
    assert (held.chat.messages, held.chat.usage) == ((), Usage(input_tokens=6, output_tokens=4))


def test_cost_is_known_while_all_of_it_is() -> None:
    prices = iter([Decimal("0.1"), Decimal("0.2"), None, Decimal("0.4")])

    class Priced:
        def generate(self, request: Any) -> Response:
            return Response(message=Message.assistant("ok"), cost=next(prices), usage=Usage(input_tokens=1))

    talk = Client(Priced()).conversation()
    assert (talk.cost, talk.usage) == (Decimal(0), Usage())
    costs = []
    for _ in range(4):
        talk.send("?")
        costs.append(talk.cost)
    assert costs == [Decimal("0.1"), Decimal("0.3"), None, None]
    assert talk.usage == Usage(input_tokens=4)
    assert talk.fork().cost == Decimal(0)


# --- one at a time -----------------------------------------------------------------------------------------------------------


def test_one_turn_is_under_way_at_a_time() -> None:
    gate: Any = None

    class Slow:
        async def generate(self, request: Any) -> str:
            await gate.wait()
            return "slow"

    async def main() -> None:
        nonlocal gate
        gate = asyncio.Event()
        async with AsyncClient(Slow()) as llm:
            talk = llm.conversation()
            first = asyncio.create_task(talk.send("one"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            for another in (lambda: talk.send("two"), lambda: talk.add("two")):
                with pytest.raises(UsageError, match="under way"):
                    await another()
            for act in (talk.undo, talk.pin, lambda: setattr(talk, "system", "x"), lambda: talk.load(Transcript(messages=()))):
                with pytest.raises(UsageError, match="under way"):
                    act()
            fork = talk.fork()
            assert (talk.messages, fork.messages, from_json(talk.export()).messages) == ((), (), ())
            gate.set()
            await asyncio.gather(first, fork.send("beside"))
            assert [message.text for message in talk.messages] == ["one", "slow"]
            assert [message.text for message in fork.messages] == ["beside", "slow"]
            gate.clear()
            cancelled = asyncio.create_task(talk.send("three"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            gate.set()
            await talk.send("four")
            assert [message.text for message in talk.messages] == ["one", "slow", "four", "slow"]

    asyncio.run(main())


def test_a_stream_that_is_closed_before_it_is_asked_leaves_the_next_turn_alone() -> None:
    """While its file is read, and while a summary is written for it."""
    inside, gate = threading.Event(), threading.Event()

    class Slow:
        def read(self, size: int = -1) -> bytes:
            inside.set()
            assert gate.wait(5)
            return b"late"

    def slow_summary(messages: Any, before: Any) -> str:
        return Slow().read().decode()

    async def main(options: dict[str, Any], prompt: Any) -> list[str]:
        inside.clear()
        gate.clear()
        echo = Echo()
        async with AsyncClient(echo, settings=Settings({})) as llm:
            talk = llm.conversation(max_turns=1, **options)
            await talk.add("zero")
            stream = talk.stream(prompt)
            begun = asyncio.ensure_future(stream.__aenter__())
            while not inside.is_set():
                await asyncio.sleep(0.001)
            await stream.close()
            talk.undo()
            following = asyncio.ensure_future(talk.send("two")) if not options else None
            gate.set()
            await asyncio.gather(begun, return_exceptions=True)
            await (following or talk.send("two"))
            assert [message[-1] for message in echo.seen] == [("user", "two")]
            assert talk._talk.history.summaries == ()
            return [message.text for message in talk.messages]

    assert asyncio.run(main({}, [Message.user("one", File(LocalFile(file=Slow(), media_type="text/plain")))])) == [
        "two",
        "re two",
    ]
    assert asyncio.run(main({"summarize": slow_summary}, "one")) == ["two", "re two"]


@pytest.mark.parametrize("module", [context, conversation_log, conversation_shared, conversation_state])
def test_forks_and_exports_are_whole_whatever_another_thread_does_meanwhile(module: ModuleType) -> None:
    """At every place a whole turn passes, or one is taken back."""

    def fork_and_export(talk: Any, into: list[Any]) -> None:
        into.append((talk.fork(), from_json(talk.export())))

    llm, after = Client(Echo(), settings=Settings({})), 0
    while True:
        talk = llm.conversation(max_turns=3, saved_in=MemoryStore())
        for text in "ab":
            talk.send(text)
        act = partial(talk.send, "x") if after % 2 else talk.undo
        forks: list[Any] = []
        if not interrupted(module, after, partial(fork_and_export, talk, forks), act):
            assert after > 0
            break
        fork, exported = forks[0]
        for messages in (fork.messages, exported.messages):
            assert [message.text for message in messages[::2]] in ([*"ab"], [*"a"], [*"abx"])
        before = len(fork.messages)
        fork.send("y")
        assert [message.text for message in fork.messages[before:]] == ["y", "re y"]
        after += 1


@pytest.mark.parametrize("module", [context, conversation_log, conversation_shared, conversation_state, conversation_turn])
def test_ctrl_c_leaves_a_conversation_whole(module: ModuleType) -> None:
    """At every place: the turn was said or it was not, the next one is said, and what is saved is the same."""
    after, before = 0, turns("zero", "re zero")
    llm = Client(Echo(), settings=Settings({}))
    while True:
        store = MemoryStore()
        talk = llm.conversation("s", max_turns=2, saved_in=store)
        talk.send("zero")
        if not interrupted(module, after, partial(talk.send, "one")):
            assert after > 0
            break
        said = [(message.role, message.text) for message in talk.messages]
        assert said in (before, before + turns("one", "re one"))
        talk.send("two")
        assert [(message.role, message.text) for message in talk.messages] == said + turns("two", "re two")
        assert llm.conversation(id=talk.id, saved_in=store).messages == talk.messages
        talk.undo()
        assert [(message.role, message.text) for message in talk.messages] == said
        after += 1


# --- fork, undo, pin ---------------------------------------------------------------------------------------------------------


def test_forks_go_their_own_ways() -> None:
    echo = Echo()
    talk = Client(echo).conversation("s", title="t")
    talk.send("one")
    other = talk.fork()
    talk.send("two")
    other.send("three")
    other.system = "o"
    assert [message.text for message in talk.messages] == ["one", "re one", "two", "re two"]
    assert [message.text for message in other.messages] == ["one", "re one", "three", "re three"]
    assert (talk.system, other.system, other.title, other.id) == ("s", "o", "t", None)
    assert [message.text for message in other.undo(2)] == ["one", "re one", "three", "re three"]
    with pytest.raises(UsageError, match="not so many") as caught:
        other.undo()
    assert caught.value.field == "turns"
    with pytest.raises(UsageError, match="turns"):
        talk.undo(0)
    assert len(talk.messages) == 4


def test_what_is_pinned_is_always_sent() -> None:
    echo = Echo()
    talk = Client(echo).conversation(max_turns=1)
    talk.send("one")
    talk.send("one")
    talk.pin(talk.messages[2])
    talk.pin()
    talk.send("two")
    talk.pin(Message.assistant("re two"))
    talk.send("three")
    assert echo.seen[-1] == [("user", "one"), ("assistant", "re one"), ("assistant", "re two"), ("user", "three")]
    for nothing in (Message.user("never"), None):
        with pytest.raises(UsageError, match="not in the conversation"):
            (talk if nothing else Client(echo).conversation()).pin(nothing)


def test_limits_by_tokens_count_what_is_sent() -> None:
    echo = Echo()
    talk = Client(echo).conversation("Be brief and kind", max_context_tokens=400)
    for _ in range(12):
        talk.send("word " * 40)
    lengths = [len(seen) for seen in echo.seen]
    assert lengths[:3] == [2, 4, 6]
    assert max(lengths) < 12
    assert lengths[-1] < len(talk.messages)
    assert all(seen[0] == ("system", "Be brief and kind") for seen in echo.seen)


@pytest.mark.parametrize("wrong", [{"max_turns": 0}, {"max_context_tokens": 0}, {"bogus": 1}, {"summarize": 3}, {"title": ""}])
def test_what_no_conversation_takes(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Client(Echo()).conversation(**wrong)


# --- switching the model ---------------------------------------------------------------------------------------------------


def test_another_model_goes_on() -> None:
    held = Held(True, [chat("1"), chat("2"), chat("3"), chat("4")])
    held.send("one")
    held.chat.model = "openai-chat/other"
    held.send("two")
    held.send("three", model="openai-chat/third")
    with pytest.raises(UsageError):
        held.chat.model = "nobody/m"
    held.send("four")
    assert held.chat.model == "openai-chat/other"
    assert [json.loads(request.body)["model"] for request in held.io.requests] == ["m", "other", "third", "other"]
    assert len(held.asked()[-1]) == 7


# --- as a value ------------------------------------------------------------------------------------------------------------


def test_what_is_exported_is_loaded() -> None:
    echo = Echo()
    llm = Client(echo)
    talk = llm.conversation("s", title="t", max_turns=1)
    for text in ("one", "two"):
        talk.send(text)
    talk.pin(talk.messages[0])
    data = talk.export()
    other = llm.conversation(max_turns=1)
    other.load(data)
    assert (other.messages, other.system, other.title, other.export()) == (talk.messages, "s", "t", data)
    other.send("three")
    assert echo.seen[-1] == [("system", "s"), ("user", "one"), ("user", "three")]
    with pytest.raises(UsageError, match="already"):
        other.load(data)
    kept = llm.conversation("mine")
    kept.load(to_json([Message.system("theirs"), Message.user("a"), Message.assistant("b"), Message.user("c")]))
    assert (kept.system, len(kept.messages), len(kept.undo())) == ("mine", 3, 1)


@pytest.mark.parametrize("data", [b"{}", b"no JSON", to_json(Usage()), to_json([Usage()])])
def test_what_cannot_be_loaded(data: bytes) -> None:
    talk = Client(Echo()).conversation()
    with pytest.raises(UsageError):
        talk.load(data)
    assert talk.messages == ()


def test_no_stored_text_becomes_a_file() -> None:
    data = to_json(Transcript(messages=(Message.user(File(LocalFile(path="/etc/passwd"))),)))
    with pytest.raises(UsageError, match="a file of this machine"):
        Client(Echo()).conversation().load(data)
    system = Transcript(messages=(), system=Message("system", (File(LocalFile(path="/etc/passwd")),)))
    with pytest.raises(UsageError, match="a file of this machine"):
        Client(Echo()).conversation().load(to_json(system))


# --- what it costs -----------------------------------------------------------------------------------------------------------


class Quiet:
    def generate(self, request: Any) -> str:
        return "hello"


def steps(act: Callable[[], object]) -> int:
    """How many functions are called, ours and Python's."""
    count = 0

    def heard(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(heard)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("options", [{}, {"max_turns": 10}, {"max_context_tokens": 500}, {"saved_in": MemoryStore()}])
def test_turn_10_000_costs_what_turn_10_costs(options: dict[str, Any]) -> None:
    counts = []
    for length in (10, 10_000):
        talk = Client(Quiet()).conversation(**options)
        said = [Message.user("a question") if n % 2 == 0 else Message.assistant("an answer") for n in range(2 * length)]
        talk.load(Transcript(messages=tuple(said)))
        talk.send("warm")
        counts.append(min(steps(partial(talk.send, "hello")) for _ in range(12)))
    few, many = counts
    assert many <= few + 10


def test_a_reply_of_wire_is_kept_whole() -> None:
    """State that only its provider understands stays on the parts."""
    body = chat_body("4.", message={"reasoning_content": "hm"})
    held = Held(True, [Scripted(200, {"content-type": "application/json"}, [body]), chat("5.")])
    reply = held.send("one")
    assert held.chat.messages[1] is reply.message


def test_what_is_learnt_of_tokens_is_of_all_that_was_sent() -> None:
    said = [Message.user("word " * 200), Message.assistant("word " * 200)]
    held = Held(True, [chat()])
    whole = held.llm.estimate([*said, Message.user("and?")]).tokens
    reply = {"prompt_tokens": whole, "completion_tokens": 2, "total_tokens": whole + 2}
    other = Held(True, [chat(usage=reply)])
    before = other.llm.estimate("word " * 50).tokens
    other.chat.add(said)
    other.send("and?")
    assert abs(other.llm.estimate("word " * 50).tokens - before) <= 0.1 * before
