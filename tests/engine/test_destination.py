"""Where a call can go: what an endpoint sends, whose turn it is, what it shows and hides; and an object of the user's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.calls import KEY, wire
from tests.virtual import World
from trunkline.dialects.dialect import WireRequest
from trunkline.dialects.known import dialect_of
from trunkline.engine.destination import Own, Signed, Sought, Turns, Wire, join_url
from trunkline.engine.station import Station
from trunkline.ports import INFINITY, Deadlines
from trunkline.providers.auth import Bearer, NoAuth, QueryAuth
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import TransportError
from trunkline.values.headers import Headers
from trunkline.values.model import Model, Target
from trunkline.values.secret import Origin, Secret
from trunkline.wire.http import Head, HttpReply, HttpRequest

MakeIO = Callable[..., World]
AUTHORIZATION = ("authorization", f"Bearer {KEY}")


def endpoint(
    base_url: str = "https://h.test/v1/", auth: Any = Bearer(), secret: Secret | None = Secret(KEY), **more: Any
) -> Wire:
    return Wire(dialect_of("openai-chat"), Target("openai-chat", "p", "m"), base_url, auth, secret, **more)


def sent(to: Wire, **asked: Any) -> HttpRequest:
    return to.http(WireRequest(**asked))


# --- what it sends ----------------------------------------------------------------------------------------------------


def test_an_endpoint_says_who_it_is() -> None:
    record, station = Model(id="m", provider="p"), Station()
    to = endpoint(record=record, models_url="https://h.test/list", station=station)
    assert (to.provider, to.model, to.base_url, to.models_url) == ("p", "m", "https://h.test/v1", "https://h.test/list")
    assert (to.record, to.station, to.secret, to.signer) == (record, station, Secret(KEY), None)
    assert (to.ring, to.turns, to.gate) == ((), None, None)
    assert repr(to) == "Wire(p/m)"
    bare = endpoint()
    assert (bare.record, bare.models_url) == (None, None)
    assert isinstance(bare.station, Station)
    assert bare.station is not endpoint().station


def test_a_request_has_its_method_address_headers_and_body() -> None:
    to = endpoint(headers=(("x-own", "1"),))
    request = sent(to, method="PUT", path="/chat", body=b"hello")
    assert request == HttpRequest("PUT", "https://h.test/v1/chat", Headers((("x-own", "1"), AUTHORIZATION)), b"hello")
    assert sent(to, path="/chat").url == sent(to, path="/chat").url == "https://h.test/v1/chat"
    assert sent(to, path="/other").url == "https://h.test/v1/other"


def test_a_header_that_a_request_names_itself_replaces_the_endpoints() -> None:
    to = endpoint(headers=(("x-own", "1"), ("x-more", "2")))
    mine = (("X-Own", "mine"),)
    for headers in (mine, mine, (("authorization", "other"),), mine):
        request = sent(to, method="PUT", path="/chat", headers=headers, body=b"hello")
        names = {name.lower() for name, _ in headers}
        kept = [pair for pair in (("x-own", "1"), ("x-more", "2"), AUTHORIZATION) if pair[0].lower() not in names]
        assert request == HttpRequest("PUT", "https://h.test/v1/chat", Headers((*kept, *headers)), b"hello")
    assert sent(to, path="/chat").headers == Headers((("x-own", "1"), ("x-more", "2"), AUTHORIZATION))


@pytest.mark.parametrize(
    ("path", "asked", "url"),
    [
        ("/chat", (), "https://h.test/v1/chat?version=1%2F2&key=sk-0123%26"),
        ("/chat", (("a b", "c=d/e"),), "https://h.test/v1/chat?a%20b=c%3Dd%2Fe&version=1%2F2&key=sk-0123%26"),
        ("/chat?alt=sse", (("a", "b"),), "https://h.test/v1/chat?alt=sse&a=b&version=1%2F2&key=sk-0123%26"),
    ],
)
def test_a_query_is_what_is_asked_the_endpoints_and_the_keys(path: str, asked: tuple[tuple[str, str], ...], url: str) -> None:
    to = endpoint(auth=QueryAuth("key"), secret=Secret("sk-0123&"), query=(("version", "1/2"),))
    assert sent(to, path=path, query=asked).url == url
    assert sent(to, path=path, query=asked).headers == Headers()


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h/v1", "/v1/chat", "http://h/v1/chat"),
        ("http://h/v1", "v1/chat", "http://h/v1/chat"),
        ("http://h/x/v1", "/v1/chat/v1", "http://h/x/v1/chat/v1"),
        ("http://h/v1/x", "/v1/chat", "http://h/v1/x/v1/chat"),
        ("http://h/v1", "/v2/chat", "http://h/v1/v2/chat"),
        ("http://h/v1", "/v1", "http://h/v1"),
        ("http://h/v", "/v/chat", "http://h/v/v/chat"),
        ("http://h/v1beta", "/v1beta/chat", "http://h/v1beta/chat"),
        ("http://h/vx", "/vx/chat", "http://h/vx/vx/chat"),
        ("http://h/x1", "/x1/chat", "http://h/x1/x1/chat"),
        ("http://h", "chat", "http://h/chat"),
        ("http://v1", "/v1/chat", "http://v1/v1/chat"),
        ("h/v1", "/v1/chat", "h/v1/v1/chat"),
    ],
)
def test_a_version_stands_once(base: str, path: str, url: str) -> None:
    assert join_url(base, path) == url


def exchanged(io: World, to: Wire, limits: Deadlines = Deadlines(), note: Any = None) -> HttpRequest:
    io.run(to.exchange(io, WireRequest(path="/chat", headers=(("x-mine", "1"),), body=b"hello"), limits, note))
    assert io.exchanges[-1].deadlines is limits
    return io.requests[-1]


def test_an_exchange_is_begun_as_it_is_asked_for(world: MakeIO) -> None:
    io, limits = world([Scripted()]), Deadlines(idle=3.0, until=INFINITY)
    request = exchanged(io, endpoint(), limits)
    assert request == HttpRequest("POST", "https://h.test/v1/chat", Headers((AUTHORIZATION, ("x-mine", "1"))), b"hello")


@pytest.mark.parametrize(
    ("gateway", "left", "told"),
    [(True, 2.5, "2500"), (True, 0.0019, "1"), (True, -4.0, "0"), (True, INFINITY, None), (False, 2.5, None)],
)
def test_a_gateway_of_ours_is_told_how_long_the_caller_still_waits(
    world: MakeIO, gateway: bool, left: float, told: str | None
) -> None:
    io, to = world([Scripted()]), endpoint()
    to.station.gateway = gateway
    request = exchanged(io, to, Deadlines(until=io.now() + left))
    assert request.headers.get("trunkline-timeout-ms") == told
    assert request.headers["x-mine"] == "1"


def test_a_gateway_is_told_the_end_of_the_call_and_not_that_of_the_first_token(world: MakeIO) -> None:
    io, to, note = world([Scripted()] * 2), endpoint(), Note()
    to.station.gateway = True
    note.until = io.now() + 60.0
    assert exchanged(io, to, Deadlines(until=io.now() + 2.0), note).headers.get("trunkline-timeout-ms") == "60000"
    note.until = INFINITY
    assert exchanged(io, to, Deadlines(until=io.now() + 2.0), note).headers.get("trunkline-timeout-ms") is None


class Shows:
    """Signs with a number that goes up."""

    source = "the mint"

    def __init__(self) -> None:
        self.signed: list[tuple[HttpRequest, Deadlines]] = []
        self.refused: list[Secret] = []

    async def sign(self, io: Any, request: HttpRequest, limits: Deadlines) -> Signed:
        self.signed.append((request, limits))
        shown = HttpRequest(request.method, request.url + "?signed", request.headers, request.body)
        return Signed(shown, Secret(f"proof-number-{len(self.signed):04}"))

    def forget(self, proof: Secret) -> None:
        self.refused.append(proof)


class Note:
    proof: Secret | None = None
    until = INFINITY

    def replied(self, head: Head, now: float, wall: float) -> None: ...


def test_what_is_signed_is_what_goes_out_and_its_proof_is_noted(world: MakeIO) -> None:
    io, signer, note, limits = world([Scripted()] * 2), Shows(), Note(), Deadlines(idle=3.0)
    to = endpoint(auth=NoAuth(), secret=None, signer=signer)
    request = exchanged(io, to, limits, note)
    assert request.url == "https://h.test/v1/chat?signed"
    assert [(each.url, at) for each, at in signer.signed] == [("https://h.test/v1/chat", limits)]
    assert note.proof == to.secret == Secret("proof-number-0001")
    exchanged(io, to, limits)
    assert to.secret == Secret("proof-number-0002")


def test_a_gate_is_passed_before_anything_is_shown(world: MakeIO) -> None:
    io, to, signer, limits = world([Scripted()]), endpoint(), Shows(), Deadlines()
    to.signer = signer
    asked: list[tuple[Any, Deadlines]] = []

    class Shut:
        async def admit(self, io: Any, limits: Deadlines) -> None:
            asked.append((io, limits))
            if len(asked) == 1:
                raise TransportError("somebody else", phase="connect")

    to.gate = Shut()
    with pytest.raises(TransportError, match="somebody else"):
        exchanged(io, to, limits)
    assert (io.requests, signer.signed) == ([], [])
    exchanged(io, to, limits)
    assert asked == [(io, limits)] * 2
    assert len(signer.signed) == 1


def test_what_can_be_shown_anew_after_it_was_refused() -> None:
    signer, proof = Shows(), Secret("proof-number-0001")
    to = endpoint(signer=signer)
    assert to.renews(proof) is True
    assert to.renews(None) is False
    assert endpoint().renews(proof) is False
    assert signer.refused == [proof]


# --- whose turn it is -------------------------------------------------------------------------------------------------


def ring(count: int) -> list[Wire]:
    members, turns = [wire(f"p{n}", key=f"sk-ring-0123456789-{n}") for n in range(count)], Turns()
    for each in members:
        each.ring, each.turns = members, turns
    return members


def test_turns_go_round_and_none_is_lost_among_threads() -> None:
    turns, taken = Turns(), list[int]()
    assert [turns.next(3) for _ in range(5)] == [0, 1, 2, 0, 1]
    threads = [threading.Thread(target=lambda: taken.extend(turns.next(1000) for _ in range(200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(taken) == list(range(5, 805))


def test_each_call_takes_the_next_key() -> None:
    members = ring(3)
    assert [members[1].in_turn(0.0).provider for _ in range(4)] == ["p0", "p1", "p2", "p0"]
    alone = wire()
    assert alone.in_turn(0.0) is alone


def test_a_key_at_rest_or_refused_is_passed_over() -> None:
    members = ring(3)
    members[0].station.free_at = 5.0
    members[1].station.account.refused = True
    assert [members[0].in_turn(4.9).provider for _ in range(3)] == ["p2"] * 3
    assert [members[0].in_turn(5.0).provider for _ in range(3)] == ["p0", "p2", "p2"]


def test_a_key_that_is_barred_is_passed_over_unless_all_are() -> None:
    members = ring(3)
    assert [members[0].in_turn(0.0, members[:2]).provider for _ in range(3)] == ["p2"] * 3
    assert [members[0].in_turn(0.0, members).provider for _ in range(3)] == ["p0", "p1", "p2"]
    members[2].station.account.refused = True
    assert members[0].in_turn(0.0, members[:2]).provider == "p2"


def test_where_no_key_is_worth_showing_one_at_rest_goes_before_one_that_was_refused() -> None:
    members = ring(3)
    for each in members:
        each.station.account.refused = True
    assert [members[0].in_turn(0.0).provider for _ in range(4)] == ["p0", "p1", "p2", "p0"]
    members[0].station.account.refused = False
    members[0].station.free_at = 5.0
    assert [members[0].in_turn(0.0).provider for _ in range(3)] == ["p0"] * 3


def test_another_key_is_one_that_was_not_tried_and_is_worth_showing() -> None:
    members = ring(3)
    assert members[0].sibling(0.0, []) is members[0]
    assert members[0].sibling(0.0, [members[0]]) is members[1]
    members[1].station.free_at = 5.0
    assert members[0].sibling(4.0, members[:1]) is members[2]
    assert members[0].sibling(5.0, members[:1]) is members[1]
    assert members[0].sibling(5.0, members) is None
    assert wire().sibling(0.0, []) is None


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_models_are_listed_where_they_are() -> None:
    to = endpoint()
    assert to.lister() is to
    sent(to, path="/models")
    to = endpoint(models_url="https://list.test/v2/")
    sent(to, path="/models")
    lister = to.lister()
    assert (sent(lister, path="/models").url, sent(to, path="/models").url) == (
        "https://list.test/v2/models", "https://h.test/v1/models",
    )  # fmt: skip
    assert lister.base_url == "https://list.test/v2"
    assert sent(lister, path="/models").headers == Headers((AUTHORIZATION,))


def test_where_a_key_comes_from() -> None:
    assert endpoint(secret=Secret(KEY, Origin.ENVIRONMENT)).key_from == "environment"
    assert endpoint(secret=None).key_from is None
    assert endpoint(signer=Shows()).key_from == "the mint"


def test_a_reply_that_quotes_the_key_is_masked_and_any_other_left_alone() -> None:
    reply = HttpReply(418, Headers((("x-a", f"it is {KEY}"), ("x-b", "c"))), f"key {KEY}!".encode())
    assert endpoint().masked(reply) == HttpReply(418, Headers((("x-a", "it is ***"), ("x-b", "c"))), b"key ***!")
    assert endpoint(secret=None).masked(reply) is reply


class Named:
    name = "named"

    def generate(self, request: object) -> str:
        return "hello"


class Nameless:
    def generate(self, request: object) -> str:
        return "hello"


def test_an_object_of_ones_own_is_called_by_its_name() -> None:
    station, backend = Station(), Nameless()
    own = Own(backend, station=station)  # type: ignore[arg-type]
    assert (own.provider, own.model, own.backend, own.station) == ("Nameless", "", backend, station)
    assert own.target == Target("backend", "Nameless", "")
    assert (own.record, own.secret, repr(own)) == (None, None, "Own(Nameless)")
    assert (Own(Named()).provider, Own(Named(), "given").provider) == ("named", "given")  # type: ignore[arg-type]
    assert Own(Named()).station is not Own(Named()).station  # type: ignore[arg-type]
    assert isinstance(Own(Named()).station, Station)  # type: ignore[arg-type]
    assert own.in_turn(0.0) is own
    assert own.sibling(0.0, []) is None
    assert own.renews(Secret(KEY)) is False


def test_of_what_is_looked_for_nothing_is_known_before() -> None:
    class Somewhere(Sought):
        async def found(self, io: Any, request: Any) -> list[Any]:
            return []

    sought = Somewhere()
    assert (sought.target, sought.provider, sought.model) == (Target("", "", ""), "", "")
    assert (sought.leading(), repr(sought)) == (None, "Sought()")
    assert sought.check(blocking=True) is None  # type: ignore[func-returns-value]


def test_of_keys_at_rest_the_one_that_is_free_first_is_waited_for() -> None:
    members = [wire(f"p{n}") for n in range(3)]
    turns = Turns()
    for member, until in zip(members, (9.0, 3.0, 6.0), strict=True):
        member.ring, member.turns = members, turns
        member.station.free_at = until
    assert [members[0].in_turn(1.0).provider for _ in range(3)] == ["p1"] * 3
    members[1].station.account.refused = True
    assert [members[0].in_turn(1.0).provider for _ in range(3)] == ["p2"] * 3
