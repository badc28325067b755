"""Who is asked next: the same target under another key, whoever may take over, and never one that shares the quota that is used up."""

from __future__ import annotations

import msgspec
import pytest

from tests.engine.calls import wire
from tests.engine.stations import tripped
from trunkline.engine.course import Course, standing
from trunkline.engine.destination import Destination, Own, Sought, Turns, Wire
from trunkline.policy.retry import RetryPolicy
from trunkline.values.errors import (
    AuthenticationError,
    CircuitOpenError,
    ContextLengthError,
    InvalidRequestError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from trunkline.values.message import Image, Message
from trunkline.values.model import Model
from trunkline.values.request import Request

SPENT = [RateLimitError(), QuotaError()]


def pool(provider: str, *quotas: str | None, model: str = "m") -> list[Wire]:
    """A target under several keys, each with its quota (None: its own)."""
    members, turns = [wire(provider, model=model) for _ in quotas], Turns()
    for n, (each, quota) in enumerate(zip(members, quotas, strict=True)):
        each.target = msgspec.structs.replace(each.target, quota=quota, key=f"key{n}")
        each.ring, each.turns = members, turns
    return members


def course(*plan: Destination | Sought, prompt: str = "hello", policy: RetryPolicy = RetryPolicy()) -> Course:
    return Course(plan, Request(model="x", messages=(Message.user(prompt),)), policy, 0.0)


def test_a_target_without_a_quota_of_its_own_shares_that_of_its_key_and_model() -> None:
    one, other = pool("p1", None, None)
    assert standing(one).quota == "p1|key0|m"
    assert standing(other).quota == "p1|key1|m"
    assert standing(one).provider == "p1"
    assert standing(one).context is None
    known = wire(record=Model(id="m", provider="p1", context=9))
    assert standing(known).context == 9


@pytest.mark.parametrize("error", [*SPENT, AuthenticationError(), CircuitOpenError()])
def test_another_key_is_asked_before_anybody_else(error: ProviderError) -> None:
    one, other = pool("p1", "a", "b")
    way = course(one)
    assert way.at is one
    assert way.sibling(error, 0.0) is other
    assert way.move(other, 0.0, error) is other
    assert way.at is other
    assert way.sibling(error, 0.0) is None, "both were tried"


def test_another_key_is_of_no_use_where_the_key_is_not_to_blame() -> None:
    one, _ = pool("p1", "a", "b")
    assert course(one).sibling(ServerError(), 0.0) is None


@pytest.mark.parametrize("error", SPENT)
def test_another_key_of_the_same_quota_is_not_asked(error: ProviderError) -> None:
    one, _, third = pool("p1", "a", "a", "b")
    assert course(one).sibling(error, 0.0) is third
    one, _, third = pool("p1", "a", "a", "a")
    assert course(one).sibling(error, 0.0) is None
    assert course(*pool("p1", "a", "a")[:1]).sibling(AuthenticationError(), 0.0) is not None


@pytest.mark.parametrize("error", SPENT)
def test_who_takes_over_is_asked_under_a_key_of_another_quota(error: ProviderError) -> None:
    first = wire("p1")
    first.target = msgspec.structs.replace(first.target, quota="a")
    one, other = pool("p2", "a", "b")
    for _ in range(3):
        way = course(first, one)
        assert way.after(error) is one, "under one of its keys it may be asked"
        assert way.move(one, 0.0, error) is other
    same, _ = pool("p2", "a", "a")
    assert course(first, same).after(error) is None
    assert course(first, same).after(ServerError()) is same


def test_keys_take_turns_where_all_may_be_asked() -> None:
    one, other = pool("p2", "a", "b")
    asked = []
    for _ in range(4):
        way = course(wire("p1"), one)
        asked.append(way.move(one, 0.0, ServerError()))
    assert asked == [one, other, one, other]


def test_whoever_was_passed_over_is_not_asked_any_more() -> None:
    small, large = Model(id="m", provider="p", context=5), Model(id="m", provider="p", context=50)
    first, second, third, last = wire("p1", record=small), wire("p2", record=small), wire("p3", record=large), wire("p4")
    way = course(first, second, third, last)
    assert way.next is second
    assert way.after(ContextLengthError()) is third
    assert way.move(third, 0.0, ContextLengthError()) is third
    assert way.next is last
    way.drop()
    assert way.next is None
    assert way.after(ServerError()) is None


def test_nobody_takes_over_after_a_wrong_request() -> None:
    assert course(wire("p1"), wire("p2")).after(InvalidRequestError()) is None


def test_the_prompt_is_estimated_where_the_context_of_who_failed_is_unknown() -> None:
    other = wire("p2", record=Model(id="m", provider="p2", context=100))
    assert course(wire("p1"), other, prompt="x" * 396).after(ContextLengthError()) is other
    assert course(wire("p1"), other, prompt="x" * 400).after(ContextLengthError()) is None


def test_one_that_was_asked_beside_another_is_gone_on_with_as_it_is() -> None:
    one, other = pool("p2", "a", "b")
    way = course(wire("p1"), one)
    way.drop()
    assert way.settle(other) is other
    assert way.at is other
    assert way.sibling(CircuitOpenError(), 0.0) is one, "its other key was not tried"


class Backend:
    def generate(self, request: Request) -> str:
        return "yes"


class Somewhere(Sought):
    async def found(self, io: object, request: Request) -> list[Destination]:
        return []


def test_what_has_to_be_looked_for_first_is_no_target() -> None:
    first, second = wire("p1"), wire("p2")
    way = course(Somewhere(), first, Somewhere(), second)
    assert (way.at, way.next) == (first, second)


@pytest.mark.parametrize(
    ("error", "who"),
    [
        (ServerError(), 1),
        (OverloadedError(), 1),
        (RateLimitError(), 3),
        (QuotaError(), 3),
        (AuthenticationError(), 4),
        (InvalidRequestError(), None),
    ],
)
def test_who_may_take_over(error: ProviderError, who: int | None) -> None:
    plan = [wire("p1"), wire("p1"), wire("p1"), wire("p1", model="n"), wire("p2")]
    assert course(*plan).after(error) is (None if who is None else plan[who])


def test_only_a_larger_window_takes_over_from_a_smaller_one() -> None:
    small, equal, large = (wire(f"p{n}", record=Model(id="m", provider="p", context=n)) for n in (100, 100, 101))
    assert course(small, wire("p2"), equal, large).after(ContextLengthError()) is large
    assert course(small, wire("p2"), equal).after(ContextLengthError()) is None


def test_the_prompt_is_all_texts_of_all_messages() -> None:
    texts = Message.user("x" * 200).parts
    messages = (Message.user("x" * 200), Message(role="user", parts=(Image("https://x.test/a.png"), *texts)))
    room = [wire(f"p{n}", record=Model(id="m", provider="p", context=n)) for n in (100, 101)]
    way = Course([wire("p1"), *room], Request(model="m", messages=messages), RetryPolicy(), 0.0)
    assert [way.after(ContextLengthError()) for _ in range(2)] == [room[1], room[1]]


def test_the_users_word_on_where_to_go_is_heard() -> None:
    only = RetryPolicy(elsewhere=(ServerError,))
    assert course(wire("p1"), wire("p2"), policy=only).after(OverloadedError()) is None
    assert course(wire("p1"), wire("p2"), policy=only).after(ServerError()) is not None


def test_a_key_that_is_not_worth_showing_is_passed_over() -> None:
    ring = pool("p1", *"abcde")
    ring[1].station.free_at = 101.0
    ring[2].station.account.refused = True
    ring[3].station = tripped(95.0)
    way = course(ring[0])
    assert way.sibling(AuthenticationError(), 100.0) is ring[4]
    assert way.sibling(AuthenticationError(), 101.0) is ring[1]
    turns = ring[0].turns
    assert turns is not None
    turn = [Course([ring[0]], Request(model="x", messages=()), RetryPolicy(), 100.0).at for _ in range(4)]
    assert turn == [ring[4], ring[4], ring[4], ring[4]]


def test_an_object_of_the_users_own_has_no_other_key() -> None:
    assert course(Own(Backend())).sibling(RateLimitError(), 0.0) is None
    assert course(wire()).sibling(RateLimitError(), 0.0) is None
