"""A group of targets: who is fit for a request, in which order, and what its own function may say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.engine.calls import call, wire
from tests.engine.conftest import MakeIO
from tests.replies import chat, failed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.destination import Destination, Own, Sought, Turns, Wire
from trunkline.engine.fork import Fork, Member
from trunkline.policy.routing import Bounds, Condition
from trunkline.values.errors import UsageError
from trunkline.values.media import Data
from trunkline.values.message import Image, Message
from trunkline.values.model import Model, Price, Quirks, Target
from trunkline.values.request import Request, Tool

PICTURE = Image(Data(b"x", "image/png"))


def known(**more: Any) -> Model:
    return Model(id="m", provider="p", **more)


def priced(input: str, output: str = "0") -> Model:
    return known(prices=(Price(input=input, output=output),))


def placed(to: Wire, **facts: Any) -> Wire:
    to.target = msgspec.structs.replace(to.target, **facts)
    return to


def fork(*targets: Destination | Fork | Member, name: str = "smart", **more: Any) -> Fork:
    """A group whose members are called by their providers, or by the name of the group."""
    members = [
        each if isinstance(each, Member) else Member(each.name if isinstance(each, Fork) else each.provider, each)
        for each in targets
    ]
    return Fork(name, members, **more)


def ask(io: World, group: Fork, *parts: Any, **more: Any) -> list[str]:
    """The providers of the targets that are found."""
    request = Request(model="x", messages=(Message.user(*(parts or ("hello",))),), **more)
    return [to.provider for to in io.run(group.found(io, request))]


def ring(*wires: Wire) -> Wire:
    turns = Turns()
    for each in wires:
        each.ring, each.turns = wires, turns
    return wires[0]


@pytest.fixture(params=[True, False])
def io(request: pytest.FixtureRequest) -> World:
    return World(blocking=request.param)


# --- who --------------------------------------------------------------------------------------------------------------


def test_as_they_are_written(io: World) -> None:
    assert ask(io, fork(wire("a"), wire("b"), wire("c"))) == ["a", "b", "c"]


def test_who_is_not_fit_is_left_out(io: World) -> None:
    sees, reads = wire("sees", record=known(abilities=("vision",))), wire("reads", record=known(abilities=("text",)))
    group = fork(reads, wire("unknown"), sees)
    assert ask(io, group, "x", PICTURE) == ["unknown", "sees"]
    assert ask(io, group, "x") == ["reads", "unknown", "sees"]


def test_what_an_endpoint_lacks(io: World) -> None:
    lacking = placed(wire("lacking"), quirks=Quirks(no_tools=True, no_images=True))
    group = fork(lacking, wire("b"), placed(wire("c"), quirks=Quirks(no_tools=False)))
    assert ask(io, group, tools=(Tool("f"),)) == ["b", "c"]
    assert ask(io, group, PICTURE) == ["b", "c"]
    assert ask(io, group) == ["lacking", "b", "c"]


def test_bounds_hold_for_everybody(io: World) -> None:
    inner = fork(placed(wire("us"), region="us-east-1"), placed(wire("eu"), region="eu-west-1"), name="inner")
    group = fork(inner, wire("nowhere"), placed(wire("eu2"), region="eu"), bounds=Bounds(regions=("eu",)))
    assert ask(io, group) == ["eu", "eu2"]
    dear = fork(wire("dear", record=priced("3")), wire("cheap", record=priced("1")), bounds=Bounds(max_input_price=Decimal(2)))
    assert ask(io, dear) == ["cheap"]


def test_conditions(io: World) -> None:
    short, long = (
        Member("short", wire("short"), condition=Condition(up_to=10)),
        Member("long", wire("long"), condition=Condition(above=10)),
    )
    assert ask(io, fork(long, short), "x" * 40) == ["short"]
    assert ask(io, fork(long, short), "x" * 41) == ["long"]


def test_nobody_is_fit_and_of_everybody_it_is_said_why(io: World) -> None:
    blind = known(abilities=("text",))
    inner = fork(wire("a", record=blind, model="m1"), Own(Parrot(), name="parrot"), name="inner", bounds=Bounds(regions=("eu",)))
    group = fork(Member("first", wire("b", record=blind)), inner, Member("small", wire("c"), condition=Condition(up_to=0)))
    with pytest.raises(UsageError) as caught:
        ask(io, group, "words", PICTURE)
    assert caught.value.field == "model"
    assert caught.value.message == (
        "model: no target of smart is fit for this request: first has no vision; a has no vision; parrot is in a region that nobody"
        " knows; small is for prompts of up to 0 tokens, and this one has about 2"
    )


def test_targets_of_a_group_in_a_group_are_told_by_their_models(io: World) -> None:
    inner = fork(wire("a", model="m1"), Own(Parrot(), name="parrot"), name="inner")
    with pytest.raises(UsageError, match=r": a/m1 is in a region that nobody knows; inner is in a region that nobody knows$"):
        ask(io, fork(inner, bounds=Bounds(regions=("eu",))))


def test_an_estimate_that_may_be_wrong_leaves_somebody(io: World) -> None:
    short, long = wire("short", record=known(context=10)), wire("long", record=known(context=30))
    assert ask(io, fork(short, long), "x" * 4 * 15) == ["long"]
    assert ask(io, fork(short, wire("other", record=known(context=12))), "x" * 4 * 15) == ["short", "other"]
    assert ask(io, fork(short, fork(short, name="inner")), "x" * 4 * 15) == ["short"]
    with pytest.raises(UsageError, match="has room for 10 tokens"):
        ask(io, fork(short), "x" * 4 * 22)


class Parrot:
    def generate(self, request: Request) -> str:
        return "polly"


class Flock:
    async def generate(self, request: Request) -> str:
        return "polly"


def test_each_is_asked_once_at_its_first_place(io: World) -> None:
    a, b, c = wire("a"), wire("b"), wire("c")
    assert ask(io, fork(a, fork(b, a, name="inner"), c, Member("again", b))) == ["a", "b", "c"]


# --- in which order ---------------------------------------------------------------------------------------------------


def test_by_weight(io: World) -> None:
    group = fork(Member("a", wire("a"), 1.0), Member("b", wire("b"), 3.0), Member("c", wire("c"), 0.0), strategy="weighted")
    orders = Counter(tuple(ask(io, group)) for _ in range(400))
    assert set(orders) == {("a", "b", "c"), ("b", "a", "c")}
    assert 60 < orders["a", "b", "c"] < 140
    assert set(io.uniforms) == {(0.0, 4.0)}


def test_round_and_round(io: World) -> None:
    a, b, c = wire("a"), wire("b"), wire("c")
    group = fork(a, b, c, strategy="round_robin")
    assert [ask(io, group) for _ in range(4)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]
    b.station.free_at = io.now() + 1
    assert [ask(io, group)[0] for _ in range(4)] == ["a", "c", "a", "c"]  # even among those that are left


def test_every_group_has_turns_of_its_own(io: World) -> None:
    first, second = (fork(wire("a"), wire("b"), strategy="round_robin") for _ in range(2))
    assert ask(io, first) == ask(io, second) == ["a", "b"]


def test_who_has_the_least_under_way(io: World) -> None:
    a, b, c = wire("a"), wire("b"), wire("c")
    group = fork(a, b, c, strategy="least_in_flight")
    a.station.in_flight, b.station.in_flight, c.station.in_flight = 2, 1, 1
    assert ask(io, group) == ["b", "c", "a"]
    a.station.in_flight = 1
    assert ask(io, group) == ["a", "b", "c"]


def test_what_is_under_way_counts_under_every_key(io: World) -> None:
    one, other, b = wire("a", key="sk-one-0123456789abcdef"), wire("a", key="sk-other-0123456789abcdef"), wire("b")
    group = fork(ring(one, other), b, strategy="least_in_flight")
    one.station.in_flight, other.station.in_flight, b.station.in_flight = 1, 2, 2
    assert ask(io, group) == ["b", "a"]
    b.station.in_flight = 4
    assert ask(io, group) == ["a", "b"]


def measured(to: Wire, seconds: float, at: float) -> Wire:
    to.station.succeeded(at, seconds, seconds)
    return to


def test_the_fastest(io: World) -> None:
    now = io.now()
    a, b, c = measured(wire("a"), 0.3, now), measured(wire("b"), 0.1, now), wire("c")
    group = fork(a, b, c, strategy="fastest")
    assert ask(io, group) == ["c", "b", "a"]  # nobody knows how fast it is
    assert ask(io, group) == ["b", "a", "c"]
    measured(c, 0.2, now)
    assert ask(io, group) == ["b", "c", "a"]
    a.station.free_at = now + 1.0
    c.station.free_at = now + 1.0
    assert ask(io, group) == ["b", "c", "a"]
    b.station.free_at = now + 1.0
    assert ask(io, group) == ["b", "c", "a"]


def test_who_rests_is_not_tried_for_a_figure(io: World) -> None:
    now = io.now()
    a, b = measured(wire("a"), 0.1, now), wire("b")
    group = fork(a, b, strategy="fastest")
    b.station.free_at = now + 1.0
    assert ask(io, group) == ["a", "b"]
    b.station.free_at = now
    assert ask(io, group) == ["b", "a"]  # its turn was not used up


def test_of_several_keys_the_figure_that_was_taken_last(io: World) -> None:
    now = io.now()
    one, other = wire("a", key="sk-one-0123456789abcdef"), wire("a", key="sk-other-0123456789abcdef")
    measured(one, 0.1, now - 2)
    measured(other, 0.5, now - 1)
    group = fork(ring(one, other), measured(wire("b"), 0.3, now), strategy="fastest")
    assert ask(io, group) == ["b", "a"]


def test_the_cheapest_for_this_request(io: World) -> None:
    reader, writer = wire("reader", record=priced("1", "100")), wire("writer", record=priced("100", "1"))
    unknown = wire("unknown")
    group = fork(unknown, reader, writer, strategy="cheapest")
    assert ask(io, group, "x" * 4 * 10) == ["writer", "reader", "unknown"]
    assert ask(io, group, "x" * 4 * 10, max_tokens=1) == ["reader", "writer", "unknown"]
    assert ask(io, group, "x" * 4 * 501) == ["reader", "writer", "unknown"]
    writer.station.free_at = unknown.station.free_at = io.now() + 1.0
    assert ask(io, group) == ["reader", "writer", "unknown"]


@pytest.mark.parametrize("strategy", ["ordered", "weighted", "round_robin", "least_in_flight", "fastest", "cheapest"])
def test_who_had_better_not_be_asked_comes_last(io: World, strategy: Any) -> None:
    resting = [wire("a", record=priced("1")), wire("b", record=priced("2"))]
    for each in resting:
        each.station.free_at = io.now() + 0.001
    members = [Member("a", resting[0], 1000.0), Member("b", resting[1], 1000.0), Member("c", wire("c"), 0.001)]
    assert ask(io, fork(*members, strategy=strategy)) == ["c", "a", "b"]


def test_a_target_with_one_key_left_may_be_asked(io: World) -> None:
    one, other = wire("a", key="sk-one-0123456789abcdef"), wire("a", key="sk-other-0123456789abcdef")
    group = fork(ring(one, other), wire("b"))
    one.station.free_at = io.now() + 1.0
    assert ask(io, group) == ["a", "b"]
    other.station.free_at = io.now() + 1.0
    assert ask(io, group) == ["b", "a"]


def test_a_group_stands_in_its_place_and_its_resting_targets_at_the_end(io: World) -> None:
    b, c = wire("b"), wire("c")
    inner = fork(b, c, name="inner")
    group = fork(wire("a"), inner, wire("d"))
    assert ask(io, group) == ["a", "b", "c", "d"]
    b.station.free_at = io.now() + 1.0
    assert ask(io, group) == ["a", "c", "d", "b"]
    assert ask(io, fork(inner, wire("d"), strategy="round_robin")) == ["c", "d", "b"]  # judged by who is asked first


# --- the user's own choice --------------------------------------------------------------------------------------------


def choosing(answer: Any) -> tuple[Callable[..., Any], list[tuple[Request, Sequence[str]]]]:
    heard: list[tuple[Request, Sequence[str]]] = []

    def choose(request: Request, names: Sequence[str]) -> Any:
        heard.append((request, names))
        return answer

    return choose, heard


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        (None, ["d", "a", "b", "c"]),
        ("b", ["b", "d", "a", "c"]),
        (["c", "a"], ["c", "a"]),
        (("c",), ["c"]),
        (["b", "a", "b"], ["b", "a"]),
    ],
)
def test_what_the_function_says(io: World, answer: Any, order: list[str]) -> None:
    choose, heard = choosing(answer)
    costs = {"a": "2", "b": "3", "c": "4", "d": "1"}
    group = fork(*(wire(name, record=priced(price)) for name, price in costs.items()), strategy="cheapest", choose=choose)
    assert ask(io, group, "hi") == order
    ((request, names),) = heard
    assert (request.messages[0].text, names) == ("hi", ("a", "b", "c", "d"))


def test_it_hears_of_those_that_are_fit_only(io: World) -> None:
    choose, heard = choosing("b")
    blind = wire("a", record=known(abilities=()))
    assert ask(io, fork(blind, wire("b"), wire("c"), choose=choose), PICTURE) == ["b", "c"]
    assert heard[0][1] == ("b", "c")
    with pytest.raises(UsageError, match="no target of smart"):
        ask(io, fork(blind, choose=choose), PICTURE)
    assert len(heard) == 1


def test_who_was_chosen_and_rests_comes_last_all_the_same(io: World) -> None:
    b = wire("b")
    b.station.free_at = io.now() + 1.0
    assert ask(io, fork(wire("a"), b, wire("c"), choose=choosing(["b", "a"])[0])) == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "got"),
    [("x", "another name"), ([], "list"), (7, "int"), (["a", "x"], "another name"), (["a", 7], "int"), ([["a"]], "list")],
)
def test_what_it_may_not_say(io: World, answer: Any, got: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(io, fork(wire("a"), wire("b"), choose=choosing(answer)[0]))
    error = caught.value
    assert (error.field, error.got, error.allowed) == ("choose", got, "of a, b one, a list of some, or None")
    assert error.message.startswith("choose: gave nobody who can be asked; ")


def test_a_mistake_in_an_inner_group_is_not_passed_over(io: World) -> None:
    with pytest.raises(UsageError, match="nobody who can be asked"):
        ask(io, fork(fork(wire("a"), choose=choosing("x")[0], name="inner"), wire("b")))


def test_a_coroutine_function_is_awaited() -> None:
    async def choose(request: Request, names: Sequence[str]) -> str:
        return names[-1]

    group = fork(wire("a"), wire("b"), choose=choose)
    assert ask(World(blocking=False), group) == ["b", "a"]
    group.check(blocking=False)
    for outer in (group, fork(wire("c"), group)):
        with pytest.raises(UsageError, match="a coroutine function") as caught:
            outer.check(blocking=True)
        assert (caught.value.field, caught.value.allowed) == ("choose", "a plain function here; AsyncClient takes both")


def test_objects_of_the_users_own_are_looked_at() -> None:
    flock = fork(wire("a"), fork(Own(Flock()), name="inner"))
    flock.check(blocking=False)
    with pytest.raises(UsageError, match="asynchronous"):
        flock.check(blocking=True)
    fork(Own(Parrot()), choose=choosing("a")[0]).check(blocking=True)


# --- what is known of it beforehand -----------------------------------------------------------------------------------


def test_who_leads() -> None:
    a = wire("a")
    assert fork(a, wire("b")).leading() is a
    assert fork(fork(a, name="inner"), wire("b")).leading() is a


@pytest.mark.parametrize(
    ("targets", "shared"),
    [
        ([wire("p", model="m"), wire("p", model="m")], Target("openai-chat", "p", "m")),
        ([wire("p", model="m"), wire("p", model="n")], Target("openai-chat", "p", "")),
        ([wire("p", dialect="openai-responses"), wire("p")], Target("", "p", "m")),
        ([wire("p"), wire("q")], Sought.target),
        ([placed(wire("p"), address="h:1"), placed(wire("p"), address="h:1")], Target("openai-chat", "p", "m", address="h:1")),
        ([placed(wire("p"), address="h:1"), placed(wire("p"), address="h:2")], Sought.target),
        ([wire("p"), fork(wire("p"), wire("p", model="n"), name="inner")], Target("openai-chat", "p", "")),
    ],
)
def test_what_all_have_in_common(targets: Any, shared: Target) -> None:
    group = fork(*(Member(str(n), to) for n, to in enumerate(targets)))
    assert group.target == shared
    assert (group.provider, group.model) == (shared.provider, shared.model)


def test_it_shows_its_names() -> None:
    assert repr(fork(wire("a"), wire("b"))) == "Fork(smart: a, b)"


# --- in a call --------------------------------------------------------------------------------------------------------


def test_a_call_goes_from_one_to_the_next_and_on_to_what_follows(world: MakeIO) -> None:
    io = world([failed(503), failed(503), chat("here")])
    group = fork(wire("a"), wire("b"))
    response = io.run(engine.generate(io, call(group, wire("c"), retries=0)))
    assert (response.text, response.provider) == ("here", "c")
    assert [attempt.provider for attempt in response.attempts] == ["a", "b", "c"]


def test_a_call_that_nobody_is_fit_for_sends_nothing(world: MakeIO) -> None:
    io = world([])
    with pytest.raises(UsageError, match="no target of smart"):
        io.run(engine.generate(io, call(fork(wire("a"), bounds=Bounds(regions=("eu",))))))
    assert io.requests == []
