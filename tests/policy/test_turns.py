"""Results that come back alone get the turn back that asked for them; what is whole is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given, strategies as st

from trunkline import (
    Message,
    ProviderState,
    Reasoning,
    Request,
    Scope,
    Text,
    ToolCall,
    ToolResult,
    TurnMemory,
    UsageError,
)
from trunkline.sim.conversation import refusal

USER, SYSTEM = Message.user("hi"), Message.system("Be brief")
SEALED = Reasoning("hm", state=ProviderState("anthropic-messages", b'{"signature":"c2ln"}', Scope("anthropic"), must_return=True))


def turn(*ids: str, text: str = "Let me look.") -> Message:
    return Message.assistant(SEALED, text, *(ToolCall(id_, f"look_{id_}", '{"a": 1}') for id_ in ids))


def result(*ids: str, name: str | None = None) -> Message:
    return Message.tool(*(ToolResult(id_, (Text(f"seen {id_}"),), name=name) for id_ in ids))


def memory_of(*turns: Message, limit: int = 9) -> TurnMemory:
    memory = TurnMemory(limit)
    for message in turns:
        memory.remember(message)
    return memory


def accepted(messages: tuple[Message, ...]) -> bool:
    return refusal(Request(model="m", messages=messages)) is None


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (USER,),
        (SYSTEM, USER, Message.assistant("Yes"), USER),
        (USER, turn("a"), result("a"), Message.assistant("Seen"), USER),
        (USER, turn("a", "b"), result("b"), result("a")),
        (USER, turn("a"), SYSTEM, result("a"), USER, turn("a"), result("a")),
        (USER, turn("a", "b"), result("a")),  # calls without results are the caller's own business
    ],
)
def test_what_is_whole_comes_back_as_it_is(messages: tuple[Message, ...]) -> None:
    mended, warnings = memory_of(turn("a", "b"), turn("a")).mend(messages)
    assert mended is messages
    assert warnings == ()


def test_the_whole_turn_stands_before_its_results() -> None:
    asked = turn("a", "b", "c")
    mended, warnings = memory_of(asked).mend((USER, result("b"), result("a", "c"), USER))
    assert mended == (USER, asked, result("b"), result("a", "c"), USER)
    assert mended[1] is asked, "with reasoning, state and arguments as they were"
    assert warnings == ()


def test_two_rounds_that_left_nothing_but_results() -> None:
    first, second = turn("a"), turn("b", "c")
    messages = (USER, result("a"), result("c"), result("b"), Message.assistant("Seen"), USER)
    mended, warnings = memory_of(first, second).mend(messages)
    assert mended == (USER, first, result("a"), second, result("c"), result("b"), *messages[4:])
    assert warnings == ()


def test_a_message_with_results_of_two_turns_is_divided() -> None:
    first, second = turn("a"), turn("b")
    mended, _ = memory_of(second).mend((USER, first, result("b", "a")))
    assert mended == (USER, first, result("a"), second, result("b"))


def test_calls_without_a_result_are_left_out_and_told() -> None:
    mended, warnings = memory_of(turn("a", "b", "c")).mend((USER, result("b"), USER))
    assert mended == (USER, turn("b"), result("b"), USER)
    [warning] = warnings
    assert (warning.kind, warning.field) == ("dropped", "messages[1].tool_calls")
    assert "a, c" in warning.reason


@pytest.mark.parametrize("name", [None, "search"])
def test_an_unknown_id_gets_a_turn_that_is_made_up(name: str | None) -> None:
    mended, warnings = TurnMemory().mend((USER, result("x", name=name), result("y")))
    made = Message.assistant(ToolCall("x", name or "tool", "{}"), ToolCall("y", "tool", "{}"))
    assert mended == (USER, made, result("x", name=name), result("y"))
    [warning] = warnings
    assert (warning.kind, warning.field) == ("approximated", "messages[1].tool_calls")
    assert "x, y" in warning.reason


def test_a_call_that_was_answered_before_is_called_again() -> None:
    """Ids that a server uses twice: the newest turn counts."""
    old, new = turn("0", text="old"), turn("0", text="new")
    messages = (USER, old, result("0"), Message.assistant("Seen"), USER, result("0"))
    mended, warnings = memory_of(old, new).mend(messages)
    assert mended == (*messages[:5], new, result("0"))
    assert warnings == ()


@pytest.mark.parametrize("text", ["Let me look.", ""])
def test_a_turn_whose_words_stand_there_already_takes_their_place(text: str) -> None:
    asked = turn("a", text=text)
    said, other = Message.assistant(text), Message.assistant("Something else")
    assert memory_of(asked).mend((USER, said, result("a")))[0] == (USER, asked, result("a"))
    assert memory_of(asked).mend((USER, other, result("a")))[0] == (USER, other, asked, result("a"))


def test_only_assistants_turns_with_calls_are_kept() -> None:
    assert len(memory_of(USER, SYSTEM, Message.assistant("Yes"), result("a"))) == 0


def test_it_forgets_the_oldest() -> None:
    memory = memory_of(*(turn(f"a{n}", f"b{n}") for n in range(5)), turn("a4"), limit=2)
    assert len(memory) == 2
    for n, known in enumerate([False, False, False, False, True]):
        _, warnings = memory.mend((USER, result(f"b{n}")))
        assert [warning.kind for warning in warnings] == ["dropped" if known else "approximated"]
    assert memory.mend((USER, result("a4"))) == ((USER, turn("a4"), result("a4")), ())
    for n in range(100):
        memory.remember(turn(f"c{n}"))
    assert len(memory) == 2
    assert len(memory._newest) == 2, "nor are ids kept of what is forgotten"


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "9", None])
def test_a_limit_is_a_number_of_turns(limit: object) -> None:
    with pytest.raises(UsageError, match=r"^limit: not a count; got \S.*; allowed: a whole number, 1 or more$"):
        TurnMemory(limit)  # type: ignore[arg-type]


def test_it_shows_nothing_of_what_was_said() -> None:
    assert repr(memory_of(turn("a"))) == "<TurnMemory of 1 turns>"


@pytest.mark.parametrize("limit", [4, 2_400])
def test_threads_share_one(limit: int) -> None:
    """Where it holds all that they remember, each finds its own; where it does not, what it gives is still whole."""
    memory, together = TurnMemory(limit), Barrier(8)

    def converse(thread: int) -> int:
        together.wait()
        found = 0
        for n in range(300):
            ids = (f"{thread}-{n}-a", f"{thread}-{n}-b")
            memory.remember(turn(*ids))
            mended, warnings = memory.mend((USER, result(ids[1]), result(ids[0])))
            assert accepted(mended)
            found += mended == (USER, turn(*ids), result(ids[1]), result(ids[0])) and not warnings
        return found

    with ThreadPoolExecutor(8) as pool:
        found = sum(pool.map(converse, range(8)))
    assert found == 2_400 or limit < 2_400
    assert len(memory) == limit
    assert len(memory._newest) == 2 * limit


IDS = ["a", "b", "c", "x", "y"]  # nobody called x and y


@given(
    st.lists(
        st.one_of(st.just(USER), st.lists(st.sampled_from(IDS), min_size=1, unique=True).map(lambda ids: result(*ids))),
        max_size=8,
    )
)
def test_whatever_results_come_back_a_strict_provider_takes_it(said: list[Message]) -> None:
    """But for an id that is answered twice in one run, which no turn can mend."""
    memory = memory_of(turn("a", "b"), turn("c"))
    messages: tuple[Message, ...] = (USER,)
    for message in said:  # one run at a time
        messages += (message,) if messages[-1].role != "tool" or message.role != "tool" else (USER, message)
    mended, _ = memory.mend(messages)
    assert accepted(mended)
    kept = [part for message in mended for part in message.parts if isinstance(part, ToolResult)]
    assert sorted(part.tool_call_id for part in kept) == sorted(
        part.tool_call_id for message in messages for part in message.parts if isinstance(part, ToolResult)
    )
    assert memory.mend(mended) == (mended, ()), "what is mended is whole"
