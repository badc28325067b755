"""So many at once, and a fair queue for the rest."""

from __future__ import annotations

from functools import partial
from itertools import count
from math import inf, nextafter
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.interrupts import interrupted
from trunkline.policy import slots as module
from trunkline.policy.slots import Concurrency, Slots, as_concurrency
from trunkline.values.errors import UsageError

# What an option says


def test_what_is_left_out() -> None:
    assert Concurrency(3) == Concurrency(most=3, queue=1_000, wait=None)
    assert Concurrency(1, 0, 1e9).wait == 1e9
    assert Slots[int](concurrency := Concurrency(1)).concurrency is concurrency


def test_it_stays_what_it_was_checked_to_be() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Concurrency(1).most = 0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "field", "got"),
    [
        ({"most": 0}, "most", "int"),
        ({"most": -1}, "most", "int"),
        ({"most": None}, "most", "None"),
        ({"most": 2.0}, "most", "float"),
        ({"most": True}, "most", "bool"),
        ({"most": 1, "queue": -1}, "queue", "int"),
        ({"most": 1, "queue": None}, "queue", "None"),
        ({"most": 1, "queue": True}, "queue", "bool"),
        ({"most": 1, "wait": 0}, "wait", "int"),
        ({"most": 1, "wait": 0.0}, "wait", "float"),
        ({"most": 1, "wait": -1.0}, "wait", "float"),
        ({"most": 1, "wait": inf}, "wait", "float"),
        ({"most": 1, "wait": float("nan")}, "wait", "float"),
        ({"most": 1, "wait": nextafter(1e9, inf)}, "wait", "float"),
        ({"most": 1, "wait": True}, "wait", "bool"),
        ({"most": 1, "wait": "5"}, "wait", "str"),
    ],
)
def test_what_it_does_not_say(fields: dict[str, Any], field: str, got: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Concurrency(**fields)
    assert (refusal.value.field, refusal.value.got) == (f"concurrency.{field}", got)
    with pytest.raises(UsageError) as refusal:
        as_concurrency(fields, "providers.x.slots")
    assert (refusal.value.field, refusal.value.got) == (f"providers.x.slots.{field}", got)


def test_a_refusal_says_what_may_stand_there() -> None:
    with pytest.raises(UsageError) as refusal:
        Concurrency(1, wait=0)
    assert str(refusal.value) == "concurrency.wait: not a time; got int; allowed: seconds above 0, up to 1e+09, or None"


def test_each_form() -> None:
    concurrency = Concurrency(10, 20, 30.0)
    assert as_concurrency(concurrency) is concurrency
    assert as_concurrency(7) == Concurrency(7)
    assert as_concurrency(1) == Concurrency(1)
    assert as_concurrency(MappingProxyType({"most": 10, "queue": 20, "wait": 30})) == concurrency
    assert as_concurrency({"most": 4}) == Concurrency(4, 1_000, None)


@pytest.mark.parametrize("value", [0, -1, True, 5.0, "5", None, [5], Concurrency])
def test_what_is_none_of_them(value: object) -> None:
    with pytest.raises(UsageError) as refusal:
        as_concurrency(value)
    assert refusal.value.field == "concurrency"
    with pytest.raises(UsageError) as refusal:
        as_concurrency(value, "a.b")
    assert refusal.value.field == "a.b"


def test_what_is_none_of_them_is_told_the_forms() -> None:
    with pytest.raises(UsageError, match="allowed: a Concurrency, a number of calls at once, or a mapping of most, queue, wait"):
        as_concurrency("5")


def test_a_mapping_says_nothing_unknown_and_what_is_needed() -> None:
    with pytest.raises(UsageError, match="did you mean 'queue'") as refusal:
        as_concurrency({"most": 1, "queues": 5})
    assert refusal.value.field == "concurrency.queues"
    with pytest.raises(UsageError) as refusal:
        as_concurrency({"queue": 5}, "x")
    assert refusal.value.field == "x.most"


# In and out


def state(slots: Slots[Any]) -> tuple[int, int]:
    return slots.busy, slots.waiting


def test_so_many_are_in_so_many_wait_and_no_more() -> None:
    slots = Slots[str](Concurrency(2, 2))
    assert state(slots) == (0, 0)
    assert [slots.enter(ticket) for ticket in "abcde"] == ["in", "in", "queued", "queued", "full"]
    assert state(slots) == (2, 2)
    assert slots.leave("e") is None
    assert state(slots) == (2, 2)


def test_without_a_queue() -> None:
    slots = Slots[str](Concurrency(1, 0))
    assert [slots.enter(ticket) for ticket in "ab"] == ["in", "full"]
    assert slots.leave("a") is None
    assert slots.enter("b") == "in"


def test_who_waits_longest_is_next() -> None:
    slots = Slots[str](Concurrency(2))
    for ticket in "abcde":
        slots.enter(ticket)
    assert slots.leave("b") == "c"
    assert state(slots) == (2, 2)
    assert slots.enter("f") == "queued"
    assert [slots.leave(ticket) for ticket in "acde"] == ["d", "e", "f", None]
    assert state(slots) == (1, 0)
    assert slots.leave("f") is None
    assert state(slots) == (0, 0)


def test_who_waits_may_go() -> None:
    slots = Slots[str](Concurrency(1))
    for ticket in "abcd":
        slots.enter(ticket)
    assert slots.leave("b") is None
    assert slots.leave("d") is None
    assert state(slots) == (1, 1)
    assert slots.leave("a") == "c"
    assert state(slots) == (1, 0)


def test_leaving_twice_is_leaving_once() -> None:
    slots = Slots[str](Concurrency(1))
    for ticket in "abc":
        slots.enter(ticket)
    assert [slots.leave("a"), slots.leave("a"), slots.leave("stranger")] == ["b", None, None]
    assert state(slots) == (1, 1)


def test_entering_twice_is_entering_once() -> None:
    slots = Slots[str](Concurrency(1, 1))
    assert [slots.enter(ticket) for ticket in "aabbcab"] == ["in", "in", "queued", "queued", "full", "in", "queued"]
    assert state(slots) == (1, 1)
    assert slots.leave("a") == "b"
    assert slots.enter("b") == "in"


def test_who_was_woken_and_is_gone_wakes_the_next() -> None:
    slots = Slots[str](Concurrency(1))
    for ticket in "abc":
        slots.enter(ticket)
    assert slots.leave("a") == "b"
    assert slots.leave("b") == "c"


class SlotsMachine(RuleBasedStateMachine):
    """Slots beside two lists."""

    @initialize(most=st.integers(1, 3), queue=st.integers(0, 3))
    def begin(self, most: int, queue: int) -> None:
        self.slots = Slots[int](Concurrency(most, queue))
        self.most, self.room = most, queue
        self.inside, self.queue = list[int](), list[int]()

    @rule(ticket=st.integers(0, 7))
    def enter(self, ticket: int) -> None:
        told = self.slots.enter(ticket)
        if ticket not in self.inside and ticket not in self.queue:
            if len(self.inside) < self.most:
                self.inside.append(ticket)
            elif len(self.queue) < self.room:
                self.queue.append(ticket)
        assert told == ("in" if ticket in self.inside else "queued" if ticket in self.queue else "full")

    @rule(ticket=st.integers(0, 7))
    def leave(self, ticket: int) -> None:
        woken = self.slots.leave(ticket)
        if ticket in self.queue:
            self.queue.remove(ticket)
        heir = None
        if ticket in self.inside:
            self.inside.remove(ticket)
            if self.queue:
                self.inside.append(heir := self.queue.pop(0))
        assert woken == heir

    @invariant()
    def told(self) -> None:
        assert state(self.slots) == (len(self.inside), len(self.queue))
        assert not self.queue or len(self.inside) == self.most


TestSlots = SlotsMachine.TestCase
TestSlots.settings = settings(max_examples=40, stateful_step_count=40)


# Interrupted


def test_ctrl_c_while_leaving_loses_no_slot_and_nobody_who_waits() -> None:
    for after in count():
        slots = Slots[str](Concurrency(2))
        for ticket in "abcd":
            slots.enter(ticket)
        broken = interrupted(module, after, partial(slots.leave, "a"))
        assert slots.enter("late") == "queued"
        assert slots.leave("a") == ("c" if broken else None)  # saying it again finishes it
        assert slots.enter("c") == "in"
        assert state(slots) == (2, 2)
        assert [slots.leave(ticket) for ticket in ("b", "c", "d", "late")] == ["d", "late", None, None]
        assert state(slots) == (0, 0)
        if not broken:
            break
    assert after >= 4


def test_ctrl_c_while_entering_is_undone_by_leaving() -> None:
    for after in count():
        slots = Slots[str](Concurrency(1))
        slots.enter("a")
        broken = interrupted(module, after, partial(slots.enter, "b"))
        assert slots.leave("b") is None
        assert state(slots) == (1, 0)
        slots.leave("a")
        broken |= interrupted(module, after, partial(slots.enter, "b"))
        assert slots.leave("b") is None
        assert state(slots) == (0, 0)
        if not broken:
            break
    assert after >= 2
