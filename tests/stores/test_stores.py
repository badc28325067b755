"""What every store does, whatever it keeps things in."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.stores.conftest import Wall
from trunkline import MemoryStore, SQLiteStore, Store, UsageError

Any = MemoryStore | SQLiteStore


def data(store: Any, log: str, **options: object) -> list[bytes]:
    return [record.data for record in store.query(log, **options)]  # type: ignore[arg-type]


def test_it_is_a_store(store: Any) -> None:
    assert isinstance(store, Store)


def test_values_are_kept_replaced_and_forgotten(store: Any) -> None:
    assert store.get("a") is None
    store.put("a", b"1")
    store.put("b", b"")
    store.put("a", b"2")
    assert (store.get("a"), store.get("b")) == (b"2", b"")
    store.delete("a")
    store.delete("never there")
    assert store.get("a") is None
    store.put("a", b"3")
    assert store.get("a") == b"3"


def test_a_value_expires_at_its_second(store: Any, wall: Wall) -> None:
    store.put("a", b"1", 10)
    store.put("b", b"1", seconds=0)
    store.put("c", b"1", 10)
    store.put("c", b"2")
    wall.now += 9.5
    assert (store.get("a"), store.get("b"), store.keys()) == (b"1", None, ["a", "c"])
    wall.now += 0.5
    assert (store.get("a"), store.get("c"), store.keys()) == (None, b"2", ["c"])
    store.put("a", b"3", 10)
    assert store.get("a") == b"3"


def test_keys_are_those_with_the_prefix_sorted(store: Any) -> None:
    for key in ("b", "aé", "a", "a%", "A", "a_b", "ab", "a\0b", "a\U0001f600", ""):
        store.put(key, b"x")
    assert store.keys("a") == sorted(["aé", "a", "a%", "a_b", "ab", "a\0b", "a\U0001f600"])
    assert store.keys("a%") == ["a%"]
    assert store.keys("a\0") == ["a\0b"]
    assert store.keys("\U0001f601") == []
    assert len(store.keys()) == 10 and store.keys() == sorted(store.keys())


def test_a_log_keeps_its_order_and_its_moments(store: Any, wall: Wall) -> None:
    for n in range(3):
        store.append("log", b"%d" % n)
        store.append("other", b"x")
        wall.now += 1
    records = store.query("log")
    assert [record.data for record in records] == [b"0", b"1", b"2"]
    assert [record.at for record in records] == [1_000_000.0, 1_000_001.0, 1_000_002.0]
    assert records[0].number > 0 and all(a.number < b.number for a, b in pairwise(records))
    assert data(store, "other") == [b"x"] * 3 and data(store, "none") == []


def test_a_log_is_read_on_from_a_number(store: Any) -> None:
    for n in range(10):
        store.append("log", b"%d" % n)
    numbers = [record.number for record in store.query("log")]
    assert data(store, "log", after=numbers[3]) == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert data(store, "log", after=numbers[3], limit=2) == [b"4", b"5"]
    assert data(store, "log", after=numbers[9]) == [] == data(store, "log", limit=0)
    assert len(data(store, "log", after=-5)) == 10 == len(data(store, "log", limit=11))


def test_a_log_is_searched(store: Any) -> None:
    for record in (b"one fish", b"two\0fish", "drei Fische é".encode(), b"", b"fish"):
        store.append("log", record)
    assert data(store, "log", containing=b"fish") == [b"one fish", b"two\0fish", b"fish"]
    assert data(store, "log", containing=b"fish", limit=2) == [b"one fish", b"two\0fish"]
    assert data(store, "log", containing="é".encode()) == ["drei Fische é".encode()]
    assert data(store, "log", containing=b"\0") == [b"two\0fish"]
    assert data(store, "log", containing=b"100%") == [] and len(data(store, "log", containing=b"")) == 5


def test_leases_and_what_was_booked_stay_within_the_limit(store: Any, wall: Wall) -> None:
    first = store.reserve("k", 6, 10, 60)
    assert first is not None
    assert store.reserve("k", 5, 10, 60) is None
    assert store.reserve("other", 5, 10, 60) is not None
    second = store.reserve("k", 4, 10, 30)
    assert second is not None and second != first
    store.book(first, 2)
    assert store.reserve("k", 4.5, 10, 60) is None
    assert store.reserve("k", 4, 10, 60) is not None  # 2 booked, 4 leased
    wall.now += 30  # the second lease ends
    assert store.reserve("k", 4.5, 10, 60) is None
    assert store.reserve("k", 4, 10, 60) is not None


def test_a_lease_is_booked_once_even_when_it_has_ended(store: Any, wall: Wall) -> None:
    lease = store.reserve("k", 5, 10, 60)
    assert lease is not None
    wall.now += 61
    store.book(lease, 7)
    store.book(lease, 7)
    store.book("no such lease", 7)
    assert store.reserve("k", 3.5, 10, 60) is None
    given_back = store.reserve("k", 3, 10, 60)
    assert given_back is not None
    store.book(given_back, 0)
    assert store.reserve("k", 3, 10, 60) is not None


def test_more_than_the_limit_may_have_been_used(store: Any) -> None:
    lease = store.reserve("k", 1, 10, 60)
    assert lease is not None
    store.book(lease, 50)
    assert store.reserve("k", 0.001, 10, 60) is None
    assert store.reserve("k", 0, 50, 60) is not None


def test_sums_of_floats_fit_as_people_expect(store: Any) -> None:
    assert all(store.reserve("k", 0.1, 1.0, 60) for _ in range(10))
    assert store.reserve("k", 0.01, 1.0, 60) is None
    assert store.reserve("f", 0.1, 0.3, 60) and store.reserve("f", 0.2, 0.3, 60)


def test_a_thousand_bookings_are_one_sum(store: Any) -> None:
    for _ in range(200):
        lease = store.reserve("k", 1, 300, 60)
        assert lease is not None
        store.book(lease, 1)
    assert store.reserve("k", 100.5, 300, 60) is None
    assert store.reserve("k", 100, 300, 60) is not None


def test_threads_never_reserve_more_than_there_is(store: Any) -> None:
    def work(seed: int) -> float:
        chance, used = random.Random(seed), 0.0
        for _ in range(20):
            lease = store.reserve("k", 3, 100, 60)
            if lease:
                taken = chance.choice([0, 1, 3])
                store.book(lease, taken)
                used += taken
        return used

    with ThreadPoolExecutor(4) as pool:
        used = sum(pool.map(work, range(4)))
    assert used <= 100
    assert store.reserve("k", 100 - used, 100, 60) is not None
    assert store.reserve("k", 1, 100, 60) is None


def test_threads_append_each_in_its_order(store: Any) -> None:
    def work(thread: int) -> None:
        for n in range(300):
            store.append("log", b"%d %d" % (thread, n))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    found = [tuple(map(int, record.split())) for record in data(store, "log")]
    assert len(found) == 1_200
    assert all([n for who, n in found if who == thread] == list(range(300)) for thread in range(4))


def test_flush_and_close(store: Any) -> None:
    store.append("log", b"x")
    assert store.flush() is True
    assert store.flush(0.0) is True
    store.close()
    store.close()


BAD = [
    ("key", lambda store: store.get(1)),
    ("key", lambda store: store.put(b"a", b"x")),
    ("key", lambda store: store.put("\ud800", b"x")),
    ("value", lambda store: store.put("a", "x")),
    ("value", lambda store: store.put("a", bytearray(b"x"))),
    ("seconds", lambda store: store.put("a", b"x", float("nan"))),
    ("seconds", lambda store: store.put("a", b"x", "1")),
    ("key", lambda store: store.delete(None)),
    ("prefix", lambda store: store.keys(1)),
    ("key", lambda store: store.reserve(1, 1, 1, 1)),
    ("amount", lambda store: store.reserve("k", -1, 1, 1)),
    ("amount", lambda store: store.reserve("k", float("inf"), 1, 1)),
    ("amount", lambda store: store.reserve("k", True, 1, 1)),
    ("limit", lambda store: store.reserve("k", 1, float("nan"), 1)),
    ("seconds", lambda store: store.reserve("k", 1, 1, None)),
    ("lease", lambda store: store.book(None, 1)),
    ("amount", lambda store: store.book("k", float("nan"))),
    ("log", lambda store: store.append(1, b"x")),
    ("record", lambda store: store.append("a", "x")),
    ("log", lambda store: store.query(1)),
    ("after", lambda store: store.query("a", after=1.5)),
    ("limit", lambda store: store.query("a", limit=-1)),
    ("limit", lambda store: store.query("a", limit=True)),
    ("containing", lambda store: store.query("a", containing="x")),
]


@pytest.mark.parametrize(("field", "misuse"), BAD)
def test_misuse_is_told_at_once(store: Any, field: str, misuse: Any) -> None:
    store.append("a", b"x")
    with pytest.raises(UsageError, match=field) as told:
        misuse(store)
    assert told.value.field == field
    assert store.flush() and data(store, "a") == [b"x"]


KEYS = st.sampled_from(["a", "ab", "b", "é"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(max_size=3), st.none() | st.integers(0, 5)),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("append"), KEYS, st.binary(max_size=3)),
    st.tuples(st.just("clear"), KEYS),
    st.tuples(st.just("wait"), st.integers(0, 4)),
    st.tuples(st.just("flush")),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=25))
def test_both_kinds_are_one(opened: Any, wall: Wall, steps: list[Any]) -> None:
    memory, sqlite = MemoryStore(wall=wall), opened()
    for key in sqlite.keys(""):
        sqlite.delete(key)
    for log in ("a", "ab", "b", "é"):
        sqlite.clear(log)
    for name, *arguments in steps:
        if name == "wait":
            wall.now += arguments[0]
        else:
            for each in (memory, sqlite):
                getattr(each, name)(*arguments)
    assert memory.keys("a") == sqlite.keys("a") and memory.keys() == sqlite.keys()
    for key in ("a", "ab", "b", "é"):
        assert memory.get(key) == sqlite.get(key)
        assert [record[1:] for record in memory.query(key)] == [record[1:] for record in sqlite.query(key)]
    sqlite.close()


def test_a_log_is_forgotten_whole(store: Any) -> None:
    for log in ("a", "ab"):
        store.append(log, b"1")
    store.clear("a")
    store.clear("never there")
    assert (data(store, "a"), data(store, "ab")) == ([], [b"1"])
    store.append("a", b"2")
    assert data(store, "a") == [b"2"]


def test_numbers_do_not_come_twice(store: Any) -> None:
    store.append("a", b"1")
    store.append("a", b"2")
    last = store.query("a")[-1].number
    store.clear("a")
    store.append("a", b"3")
    assert data(store, "a") == [b"3"] == data(store, "a", after=last)
    assert data(store, "a", after=last + 1) == []
