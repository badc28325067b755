"""What of a conversation is sent: whole turns within limits, and what is never left out or parted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, strategies as st

from trunkline.policy.context import ContextWindow
from trunkline.values.errors import UsageError


class Said(NamedTuple):
    """One message: ``u`` begins a turn, ``a`` answers, ``c`` calls tools, ``r`` brings results, ``s`` is pinned from the start."""

    kind: str
    number: int
    ids: tuple[str, ...] = ()
    tokens: int = 1

    def __repr__(self) -> str:
        return f"{self.kind}{self.number}"


def add(window: ContextWindow[Said], said: Said) -> None:
    window.add(
        said, begins=said.kind == "u", tokens=said.tokens, pinned=said.kind == "s",
        calls=said.ids if said.kind == "c" else (), answers=said.ids if said.kind == "r" else (),
    )  # fmt: skip


def shown(window: ContextWindow[Said]) -> str:
    return " ".join(map(repr, window.sent()))


def talked(window: ContextWindow[Said], turns: Iterable[int]) -> ContextWindow[Said]:
    """With a question and an answer each."""
    for number in turns:
        add(window, Said("u", number))
        add(window, Said("a", number))
    return window


# --- turns ---------------------------------------------------------------------------------------------------------------


def test_without_limits_all_is_sent() -> None:
    window = talked(ContextWindow[Said](), range(30))
    assert window.sent() == tuple(window.items)
    assert (window.first, window.turns, window.tokens) == (0, 30, 60)
    assert ContextWindow[Said]().sent() == ()
    assert (ContextWindow[Said]().first, ContextWindow[Said]().turns, ContextWindow[Said]().tokens) == (0, 0, 0)


@pytest.mark.parametrize(
    ("most", "after"),
    [
        (1, [1, 1, 1]),
        (2, [2, 2, 2]),
        (7, [7, 7, 7]),
        (8, [7, 8, 7, 8]),
        (11, [10, 11, 10]),
        (12, [10, 11, 12, 10]),
        (40, [31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 31]),
    ],
)
def test_beyond_the_limit_of_turns(most: int, after: list[int]) -> None:
    """The oldest is left out below eight, else a quarter at once: what is sent begins the same until it is full again."""
    window = talked(ContextWindow[Said](most), range(most))
    assert (window.turns, window.first) == (most, 0)
    turns = []
    for number in range(most, most + len(after)):
        talked(window, [number])
        turns.append(window.turns)
        assert window.sent() == tuple(window.items[-2 * turns[-1] :])
    assert turns == after


def test_how_many_go_at_once_can_be_said() -> None:
    window = talked(ContextWindow[Said](12, at_once=1), range(14))
    assert (window.turns, window.first) == (12, 4)
    window = talked(ContextWindow[Said](4, at_once=4), range(5))
    assert shown(window) == "u4 a4"


def test_what_comes_before_the_first_question_is_a_turn() -> None:
    window = ContextWindow[Said](2)
    add(window, Said("a", 0))
    talked(window, [1])
    assert shown(window) == "a0 u1 a1"
    talked(window, [2])
    assert shown(window) == "u1 a1 u2 a2"
    assert [window.starts(place) for place in range(5)] == [True, True, False, True, False]


@pytest.mark.parametrize("fields", [{"max_turns": 0}, {"max_tokens": 0}, {"max_turns": True}, {"max_turns": "2"}, {"at_once": 0}])
def test_what_is_no_limit(fields: dict[str, int]) -> None:
    with pytest.raises(UsageError) as caught:
        ContextWindow[Said](**fields)
    assert caught.value.field == next(iter(fields))


def test_no_more_go_at_once_than_there_may_be() -> None:
    with pytest.raises(UsageError, match="at_once"):
        ContextWindow[Said](4, at_once=5)


# --- tokens --------------------------------------------------------------------------------------------------------------


def test_beyond_the_limit_of_tokens_three_quarters_stay() -> None:
    window = talked(ContextWindow[Said](None, 20), range(10))
    assert (window.tokens, window.turns) == (20, 10)  # a limit that is just reached is no trouble
    add(window, Said("u", 10))
    assert (window.tokens, window.turns) == (15, 8)
    window = talked(ContextWindow[Said](None, 21), range(10))
    add(window, Said("u", 10, tokens=2))
    assert (window.tokens, window.turns) == (14, 7)  # 15 are three quarters of 21, rounded down: 16 are too many


def test_the_last_turn_stays_however_long() -> None:
    window = talked(ContextWindow[Said](None, 10), range(3))
    add(window, Said("u", 3, tokens=100))
    assert (shown(window), window.tokens) == ("u3", 100)
    add(window, Said("a", 3))
    assert shown(window) == "u3 a3"


def test_the_head_counts_and_always_leads() -> None:
    window = talked(ContextWindow[Said](None, 20), range(8))
    window.lead((Said("h", 0, tokens=4),), 4)
    assert (window.tokens, window.turns, shown(window)[:5]) == (20, 8, "h0 u0")
    add(window, Said("u", 8))
    assert (window.tokens, window.turns) == (15, 6)
    assert shown(window).startswith("h0 u3 a3")
    window.lead((), 0)
    assert (window.tokens, shown(window)[:5]) == (11, "u3 a3")


def test_both_limits_hold() -> None:
    window = talked(ContextWindow[Said](3, 100), range(6))
    assert shown(window) == "u3 a3 u4 a4 u5 a5"
    add(window, Said("u", 6, tokens=98))
    assert shown(window) == "u6"


# --- pins ----------------------------------------------------------------------------------------------------------------


def test_what_is_pinned_stays_in_its_place_and_counts() -> None:
    window = talked(ContextWindow[Said](2, 20), range(2))
    window.pin(1)
    window.pin(1)
    add(window, Said("s", 9, tokens=3))
    talked(window, [2, 3])
    assert (shown(window), window.pins) == ("a0 s9 u2 a2 u3 a3", [1, 4])
    assert window.tokens == 8
    add(window, Said("a", 3, tokens=12))
    assert window.tokens == 20
    add(window, Said("a", 3))
    assert (shown(window), window.tokens) == ("a0 s9 u3 a3 a3 a3", 19)


def test_a_pinned_call_keeps_its_results_and_a_pinned_result_its_call() -> None:
    for pinned in (2, 3):
        window = ContextWindow[Said](1)
        for said in (Said("u", 0), Said("a", 0), Said("c", 1, ("x",)), Said("r", 1, ("x",)), Said("a", 1)):
            add(window, said)
        window.pin(pinned)
        talked(window, [2])
        assert shown(window) == "c1 r1 u2 a2"


def test_results_that_come_after_a_call_was_pinned() -> None:
    window = ContextWindow[Said](1)
    add(window, Said("u", 0))
    add(window, Said("c", 0, ("x", "y")))
    window.pin(1)
    for n, id in enumerate("xy"):
        add(window, Said("r", n, (id,)))
    add(window, Said("c", 1, ("z",)))
    add(window, Said("r", 2, ("z",)))
    talked(window, [1])
    assert shown(window) == "c0 r0 r1 u1 a1"


# --- calls and results ---------------------------------------------------------------------------------------------------


def test_results_that_come_late_bring_their_turn_back() -> None:
    window = ContextWindow[Said](1)
    add(window, Said("u", 0))
    add(window, Said("c", 0, ("x",)))
    talked(window, [1])
    assert shown(window) == "u1 a1"
    add(window, Said("r", 0, ("x",)))
    assert (shown(window), window.turns, window.begins) == ("u0 c0 u1 a1 r0", 1, [0])
    talked(window, [2])
    assert shown(window) == "u2 a2"
    window.cut(5)
    assert shown(window) == "u0 c0 u1 a1 r0"
    window.cut(4)
    assert (shown(window), window.begins) == ("u1 a1", [0, 2])


def test_of_calls_with_one_id_the_last_is_answered() -> None:
    window = ContextWindow[Said](1)
    for number in range(3):
        for said in (Said("u", number), Said("c", number, ("x",)), Said("r", number, ("x",))):
            add(window, said)
        assert shown(window) == f"u{number} c{number} r{number}"
    window.cut(7)
    add(window, Said("r", 9, ("x",)))
    assert shown(window) == "u1 c1 r1 u2 r9"


def test_results_of_nobody_are_messages_like_others() -> None:
    window = talked(ContextWindow[Said](1), [0])
    add(window, Said("r", 0, ("who",)))
    assert shown(window) == "u0 a0 r0"
    talked(window, [1])
    assert shown(window) == "u1 a1"


# --- whatever is said ------------------------------------------------------------------------------------------------------

IDS = st.lists(st.sampled_from("vwxyz"), min_size=1, max_size=3, unique=True).map(tuple)
SAID = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("uuas"), st.just(())),
        st.tuples(st.sampled_from("cr"), IDS),
    ),
    max_size=40,
)
LIMITS = st.tuples(st.none() | st.integers(1, 10), st.none() | st.integers(1, 60))


def conversation(drawn: list[tuple[str, tuple[str, ...]]], tokens: list[int]) -> list[Said]:
    return [Said(kind, n, ids, tokens[n % len(tokens)]) for n, (kind, ids) in enumerate(drawn)]


def pairs(items: list[Said]) -> list[tuple[Said, Said]]:
    """Each result with the call that it answers: the last of its id before it."""
    found = []
    for n, said in enumerate(items):
        for id in said.ids if said.kind == "r" else ():
            calls = [call for call in items[:n] if call.kind == "c" and id in call.ids]
            found += [(calls[-1], said)] if calls else []
    return found


@given(SAID, st.lists(st.integers(0, 20), min_size=1, max_size=5), LIMITS, st.lists(st.integers(0, 39), max_size=4))
def test_invariants(
    drawn: list[tuple[str, tuple[str, ...]]], tokens: list[int], limits: tuple[int, int], pins: list[int]
) -> None:
    window = ContextWindow[Said](*limits)
    head = Said("h", -1, (), 3)
    window.lead((head,), 3)
    pinned: list[Said] = []
    for said in conversation(drawn, tokens):
        before, first = window.sent(), window.first
        add(window, said)
        if said.number in pins:
            window.pin(said.number)
        pinned += [said] if said.number in pins or said.kind == "s" else []
        sent = window.sent()
        places = [each.number for each in sent[1:]]
        assert (sent[0], sent[-1], places) == (head, said, sorted(set(places)))
        assert places[-(len(window.items) - window.first) :] == list(range(window.first, len(window.items)))
        assert set(pinned) <= set(sent)
        for call, result in pairs(window.items):
            assert (call in sent) == (result in sent)
        assert window.tokens == sum(each.tokens for each in sent)
        if window.first == first and said.number not in pins and said.kind not in "rs":
            assert sent == (*before, said)  # a prefix that a cache knows
        if limits[0] is not None:
            assert window.turns <= limits[0]
        if limits[1] is not None:
            assert window.tokens <= limits[1] or window.turns == 1


@given(SAID, st.lists(st.integers(0, 20), min_size=1, max_size=5), LIMITS, st.integers(0, 40))
def test_after_a_cut_it_is_what_it_was(
    drawn: list[tuple[str, tuple[str, ...]]], tokens: list[int], limits: tuple[int, int], length: int
) -> None:
    said = [each for each in conversation(drawn, tokens) if each.kind != "s"]
    window, fresh = ContextWindow[Said](*limits), ContextWindow[Said](*limits)
    for each in said[:length]:
        add(fresh, each)
    for each in said:
        add(window, each)
    other = window.copy()
    whole = other.sent()
    window.cut(length)
    for kept in (window, window.copy()):
        assert (kept.sent(), kept.begins, kept.tokens, kept.first) == (fresh.sent(), fresh.begins, fresh.tokens, fresh.first)
    for each in said[length:]:
        add(window, each)
        add(fresh, each)
    assert window.sent() == fresh.sent() == other.sent() == whole


def test_a_cut_forgets_pins_and_a_copy_goes_its_own_way() -> None:
    window = talked(ContextWindow[Said](1), range(3))
    window.pin(1)
    window.pin(5)
    other = window.copy()
    window.cut(4)
    assert (shown(window), window.pins) == ("a0 u1 a1", [1])
    assert (shown(other), other.pins) == ("a0 u2 a2", [1, 5])
    talked(other, [3])
    assert shown(other) == "a0 a2 u3 a3"
    window.cut(0)
    assert (window.sent(), window.pins, window.tokens) == ((), [], 0)
    talked(window, [0])
    assert shown(window) == "u0 a0"


def test_what_an_interruption_left_is_mended_by_a_cut() -> None:
    """Ctrl-C may arrive between any two lines."""
    window = talked(ContextWindow[Said](2), range(3))
    window.items.append(Said("u", 9))  # and nothing else of it
    window.begins.append(6)
    window.cut(6)
    talked(window, [3])
    assert shown(window) == "u2 a2 u3 a3"


def test_a_pin_takes_the_calls_of_its_turn_alone() -> None:
    window = ContextWindow[Said](1)
    for number, id in enumerate("xyz"):
        for said in (Said("u", number), Said("c", number, (id,)), Said("r", number, (id,))):
            add(window, said)
    window.pin(4)
    assert window.pins == [4, 5]
    talked(window, [3])
    assert shown(window) == "c1 r1 u3 a3"


def test_a_late_result_brings_back_no_more_than_its_turn() -> None:
    window = talked(ContextWindow[Said](1), [0])
    for said in (Said("u", 1), Said("c", 1, ("x",)), Said("u", 2), Said("r", 1, ("x",))):
        add(window, said)
    assert (shown(window), window.begins) == ("u1 c1 u2 r1", [0, 2])


def test_a_copy_has_the_same_limits() -> None:
    window = talked(ContextWindow[Said](12, 20, at_once=5), range(9))
    window.lead((Said("h", 0),), 1)
    other = window.copy()
    add(other, Said("u", 9, tokens=2))
    assert (other.tokens, other.turns, window.turns) == (15, 7, 9)
    assert (shown(other)[:5], (other.max_turns, other.max_tokens)) == ("h0 u3", (12, 20))
    many = talked(ContextWindow[Said](12, at_once=5), range(12)).copy()
    assert talked(many, [12]).turns == 8


def test_tokens_are_right_after_a_cut() -> None:
    window = ContextWindow[Said](None, 10)
    for number, tokens in enumerate((1, 2, 4)):
        add(window, Said("u", number, tokens=tokens))
    window.cut(1)
    add(window, Said("u", 3, tokens=5))
    assert window.tokens == 6
    add(window, Said("u", 4, tokens=5))
    assert (window.tokens, shown(window)) == (5, "u4")


def test_what_is_added_without_more_goes_on_with_the_turn_and_counts_nothing() -> None:
    window = ContextWindow[str](max_turns=1, max_tokens=1)
    for item in "abc":
        window.add(item)
    assert (window.begins, window.tokens, window.pins, window.sent()) == ([0], 0, [], ("a", "b", "c"))


def test_pins_count_whatever_the_order_in_which_they_are_set() -> None:
    """And whatever was counted before, cut off, or copied."""
    window = ContextWindow[int](max_tokens=1)
    for n in range(8):
        window.add(n, begins=True, tokens=10**n)
    for place, tokens in (
        (2, 10**7 + 100),
        (5, 10**7 + 100_100),
        (0, 10**7 + 100_101),
        (5, 10**7 + 100_101),
        (0, 10**7 + 100_101),
        (7, 10**7 + 100_101),
    ):
        window.pin(place)
        assert window.tokens == window.copy().tokens == tokens
    assert window.sent() == (0, 2, 5, 7)
    window.cut(5)
    assert (window.tokens, window.sent()) == (10_101, (0, 2, 4))
    for n in (5, 6):
        window.add(n, begins=True, tokens=7)
    assert (window.tokens, window.sent()) == (108, (0, 2, 6))


def test_many_pins_in_one_long_turn_are_set_in_time_that_grows_with_them() -> None:
    window = ContextWindow[int](max_tokens=1)
    window.add(0, begins=True)
    for n in range(4_000):
        window.add(2 * n + 1, calls=(str(n),), pinned=True)
        window.add(2 * n + 2, answers=(str(n),), tokens=1)
    assert window.pins == list(range(1, 8_001))
    assert window.tokens == 4_000


def test_calls_that_came_after_a_pin_are_pinned_with_the_next_of_their_turn() -> None:
    window = ContextWindow[str](max_turns=1)
    window.add("q", begins=True)
    window.add("c1", calls=("1",), pinned=True)
    window.add("c2", calls=("2",))
    assert window.pins == [1]
    other = window.copy()
    window.add("r2", answers=("2",))
    assert window.pins == [1]
    window.add("q", begins=True)
    window.add("c3", calls=("3",))
    window.pin(3)
    assert window.pins == [1, 2, 3]
    assert window.sent() == ("c1", "c2", "r2", "q", "c3")
    window.pin(4)
    assert window.pins == [1, 2, 3, 4]
    window.pin(5)
    assert window.pins == [1, 2, 3, 4, 5]
    other.pin(1)
    assert other.pins == [1, 2]
    window.cut(2)
    window.add("c4", calls=("4",))
    window.pin(1)
    assert window.pins == [1, 2]


def test_a_late_result_of_the_first_turn_that_is_sent_brings_back_nothing_before_it() -> None:
    window = ContextWindow[str](max_turns=8)
    for n in range(9):
        window.add(f"q{n}", begins=True)
        if n == 2:
            window.add("c", calls=("1",))
    assert window.sent()[0] == "q2"
    window.add("r", answers=("1",))
    assert (window.sent()[0], window.turns, window.begins) == ("q2", 1, [0, 1, 2])


def test_a_cut_forgets_calls_that_have_one_id() -> None:
    window = ContextWindow[str](max_turns=1)
    window.add("q", begins=True)
    window.add("c", calls=("1", "1"))
    window.cut(1)
    window.add("q2", begins=True)
    window.add("r", answers=("1",))
    assert window.sent() == ("q2", "r")
