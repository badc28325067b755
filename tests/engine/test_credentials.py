"""Tokens are fetched when needed, once, renewed in time, and never shown to anybody but the provider."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.engine.calls import call, read, stream_call
from tests.engine.conftest import MakeIO
from tests.replies import chat, chat_stream, failed
from tests.virtual import World
from trunkline.dialects.dialect import WireRequest
from trunkline.dialects.known import dialect_of
from trunkline.engine import engine
from trunkline.engine.credentials import PAUSE, Kept, SignatureSigner, Token, TokenSigner, showing
from trunkline.engine.destination import Wire
from trunkline.engine.stream import LiveStream
from trunkline.io.blocking import BlockingIO
from trunkline.io.run import run_blocking
from trunkline.ports import IO, Deadlines
from trunkline.providers.auth import Bearer, HeaderAuth, NoAuth
from trunkline.values.errors import AuthenticationError, DeadlineError, ProviderError, RateLimitError
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.values.secret import Origin, Secret
from trunkline.wire.http import HttpRequest

LIFE = 3600.0


class Office:
    """Gives tokens, each with a number; ``broken`` says that it gives none."""

    def __init__(self, life: float | None = LIFE, takes: float = 0.0) -> None:
        self.given = 0
        self.life, self.takes = life, takes
        self.broken = False

    async def fetch(self, io: IO) -> Token:
        self.given += 1
        number = self.given
        if self.takes:
            await io.sleep(self.takes)
        if self.broken:
            raise AuthenticationError("the office is closed")
        return Token(f"token-number-{number:04}", None if self.life is None else io.wall() + self.life)


def signed_wire(signer: Any, provider: str = "p1") -> Wire:
    return Wire(
        dialect_of("openai-chat"),
        Target("openai-chat", provider, "m"),
        f"https://{provider}.test/v1",
        NoAuth(),
        None,
        signer=signer,
    )


def token_wire(office: Office, auth: Any = Bearer()) -> Wire:
    return signed_wire(TokenSigner(office.fetch, auth, "the office", Origin.ARGUMENT))


def shown(io: World) -> list[str]:
    return [request.headers.get("authorization", "none").removeprefix("Bearer ") for request in io.requests]


def test_a_token_is_fetched_once_and_shown(world: MakeIO) -> None:
    office, io = Office(), world([chat()] * 3)
    wire = token_wire(office)
    assert office.given == 0
    for _ in range(3):
        io.run(engine.generate(io, call(wire)))
    assert shown(io) == ["token-number-0001"] * 3


def test_streams_and_raw_requests_show_it_too(world: MakeIO) -> None:
    office, io = Office(), world([chat_stream(), chat()])
    wire = token_wire(office, HeaderAuth("authorization"))
    io.run(read(LiveStream(io, stream_call(wire))))
    io.run(engine.raw(io, call(wire), WireRequest(path="/x")))
    assert shown(io) == ["token-number-0001"] * 2


@pytest.mark.parametrize(("life", "early"), [(3600.0, 300.0), (100.0, 20.0)])
def test_it_is_renewed_before_it_ends(world: MakeIO, life: float, early: float) -> None:
    office, io = Office(life), world([chat()] * 3)
    wire = token_wire(office)
    for wait in (0.0, life - early - 1.0, 2.0):
        io.clock.advance(wait)
        io.run(engine.generate(io, call(wire)))
    assert shown(io) == ["token-number-0001", "token-number-0001", "token-number-0002"]


def test_one_without_an_end_is_asked_for_with_every_request(world: MakeIO) -> None:
    office, io = Office(None), world([chat()] * 3)
    wire = token_wire(office)
    for _ in range(3):
        io.run(engine.generate(io, call(wire)))
    assert shown(io) == ["token-number-0001", "token-number-0002", "token-number-0003"]


def test_a_renewal_that_fails_changes_nothing_while_the_old_token_holds(world: MakeIO) -> None:
    office, io = Office(), world([chat()] * 5)
    wire = token_wire(office)
    io.run(engine.generate(io, call(wire)))
    office.broken = True
    io.clock.advance(LIFE - 200.0)
    for _ in range(2):  # the second does not even ask
        io.run(engine.generate(io, call(wire)))
    assert office.given == 2
    io.clock.advance(PAUSE + 1.0)
    io.run(engine.generate(io, call(wire)))
    assert office.given == 3
    assert shown(io) == ["token-number-0001"] * 4
    io.clock.advance(300.0)
    with pytest.raises(AuthenticationError, match="the office is closed"):
        io.run(engine.generate(io, call(wire)))
    office.broken = False
    io.run(engine.generate(io, call(wire)))
    assert shown(io)[-1] == "token-number-0005"


def test_many_at_once_fetch_one_token() -> None:
    office, io = Office(takes=5.0), World([chat()] * 20, blocking=False)
    wire = token_wire(office)

    async def all_of_them() -> None:
        await asyncio.gather(*(engine.generate(io, call(wire)) for _ in range(20)))

    io.run(all_of_them())
    assert shown(io) == ["token-number-0001"] * 20


def test_many_threads_fetch_one_token() -> None:
    io, fetched = BlockingIO(), []
    entered, go = threading.Event(), threading.Event()

    async def fetch(io: IO) -> tuple[str, float | None]:
        fetched.append(threading.get_ident())
        entered.set()
        assert go.wait(20)
        return "t", io.wall() + LIFE

    kept, got = Kept(fetch), []
    threads = [threading.Thread(target=lambda: got.append(run_blocking(kept.get(io, Deadlines())))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert entered.wait(20)
    go.set()
    for thread in threads:
        thread.join(20)
    assert (got, len(fetched)) == (["t"] * 8, 1)
    run_blocking(io.close())


def test_nobody_waits_for_a_renewal_while_the_old_token_holds() -> None:
    office, io = Office(takes=5.0), World(blocking=False)
    signer = TokenSigner(office.fetch, Bearer(), "the office", Origin.ARGUMENT)
    request = HttpRequest("GET", "https://p.test/")

    async def main() -> list[float]:
        await signer.sign(io, request, Deadlines())
        io.clock.advance(LIFE - 100.0)
        began = io.now()

        async def one() -> float:
            await signer.sign(io, request, Deadlines())
            return io.now() - began

        return list(await asyncio.gather(*(one() for _ in range(3))))

    assert io.run(main()) == [5.0, 0.0, 0.0]
    assert office.given == 2


def test_fetching_is_part_of_the_time_that_a_call_has() -> None:
    office, io = Office(takes=50.0), World(blocking=False)
    began = io.now()
    with pytest.raises(DeadlineError) as caught:
        io.run(engine.generate(io, call(token_wire(office), limit={"total": 7.0})))
    assert (caught.value.phase, io.now() - began, io.requests) == ("total", 7.0, [])


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_token_that_is_refused_is_renewed_once(world: MakeIO) -> None:
    office, io = Office(), world([failed(401), chat()])
    response = io.run(engine.generate(io, call(token_wire(office), retries=0)))
    assert shown(io) == ["token-number-0001", "token-number-0002"]
    assert [attempt.error for attempt in response.attempts] == ["AuthenticationError", None]
    io = world([failed(401), failed(401)])
    with pytest.raises(AuthenticationError):
        io.run(engine.generate(io, call(token_wire(Office()), retries=3)))
    assert shown(io) == ["token-number-0001", "token-number-0002"]


def test_a_stream_is_tried_again_with_a_new_token(world: MakeIO) -> None:
    office, io = Office(), world([failed(401), chat_stream(["a", "b"])])
    io.run(read(LiveStream(io, stream_call(token_wire(office)))))
    assert shown(io) == ["token-number-0001", "token-number-0002"]


def test_many_that_are_refused_at_once_fetch_one_new_token() -> None:
    office = Office(takes=1.0)
    io = World(lambda request: failed(401) if "0001" in request.headers["authorization"] else chat(), blocking=False)
    wire = token_wire(office)

    async def all_of_them() -> None:
        await asyncio.gather(*(engine.generate(io, call(wire)) for _ in range(10)))

    io.run(all_of_them())
    assert office.given == 2
    assert sorted(set(shown(io))) == ["token-number-0001", "token-number-0002"]


def test_a_plain_key_that_is_refused_is_not_tried_again(world: MakeIO) -> None:
    io = world([failed(401)])
    with pytest.raises(AuthenticationError):
        io.run(engine.generate(io, call()))
    assert len(io.requests) == 1


def test_no_token_at_all_goes_to_the_next_target(world: MakeIO) -> None:
    office, io = Office(), world([chat("from the other")])
    office.broken = True
    response = io.run(engine.generate(io, call(token_wire(office), signed_wire(None, "p2"))))
    assert (response.text, response.attempts[0].error) == ("from the other", "AuthenticationError")


# -- what is hidden ---------------------------------------------------------------------------------------------------


def test_a_token_that_is_quoted_is_masked_and_so_is_the_one_before_it(world: MakeIO) -> None:
    office = Office()
    io = world([failed(429, "bad token token-number-0001", {"retry-after": "1"}), chat("my token is token-number-0001 indeed")])
    wire = token_wire(office)
    with pytest.raises(RateLimitError) as caught:
        io.run(engine.generate(io, call(wire, retries=0)))
    assert "number-0001" not in f"{caught.value} {vars(caught.value)}"
    reply = io.run(engine.generate(io, call(wire)))
    assert "number-0001" not in f"{reply.text} {reply.raw!r}"
    io.clock.advance(LIFE)
    io = world([failed(400, "not token-number-0001 but token-number-0002")], clock=io.clock)
    with pytest.raises(ProviderError) as refused:
        io.run(engine.generate(io, call(wire)))
    assert "token-number-000" not in str(refused.value)
    for thing in (wire, wire.signer, wire.secret, Token("token-number-0001")):
        assert "token-number" not in repr(thing)


def test_what_a_request_says_itself_stands(world: MakeIO) -> None:
    office, io = Office(), world([chat()])
    io.run(engine.generate(io, call(token_wire(office), request={"extra_headers": {"Authorization": "mine"}})))
    assert shown(io) == ["mine"]


# -- signatures -------------------------------------------------------------------------------------------------------


class Mint:
    """Credentials with a number, and a signature that tells it."""

    def __init__(self) -> None:
        self.loaded = self.renewed = 0
        self.is_stale = False

    def load(self) -> int:
        self.loaded += 1
        return self.loaded

    def stale(self, credentials: int) -> bool:
        return self.is_stale

    def renew(self, credentials: int) -> None:
        self.renewed += 1

    def sign(self, credentials: int, request: HttpRequest) -> tuple[tuple[tuple[str, str], ...], Secret]:
        return (("authorization", f"signed {credentials} {request.method} {len(request.body) > 0}"),), Secret(
            f"secret-of-{credentials:08}"
        )


def test_every_request_is_signed_with_credentials_that_are_loaded_once(world: MakeIO) -> None:
    mint, io = Mint(), world([chat(), chat()])
    wire = signed_wire(SignatureSigner(mint, "the mint"))
    io.run(engine.generate(io, call(wire)))
    mint.is_stale = True
    io.run(engine.generate(io, call(wire)))
    assert shown(io) == ["signed 1 POST True"] * 2
    assert (mint.loaded, mint.renewed) == (1, 1)


def test_credentials_that_are_refused_are_loaded_again(world: MakeIO) -> None:
    mint, io = Mint(), world([failed(401), chat()])
    io.run(engine.generate(io, call(signed_wire(SignatureSigner(mint, "the mint")))))
    assert shown(io) == ["signed 1 POST True", "signed 2 POST True"]


# -- each rule by itself ----------------------------------------------------------------------------------------------

SOON = Deadlines(until=2_000.0, total=7.0)


class Fetches:
    """Gives a value with a number, that ends so long from now; ``broken`` raises."""

    def __init__(self, life: float | None = LIFE) -> None:
        self.asked: list[IO] = []
        self.life = life
        self.broken: Exception | None = None

    async def __call__(self, io: IO) -> tuple[int, float | None]:
        self.asked.append(io)
        if self.broken is not None:
            raise self.broken
        return len(self.asked), None if self.life is None else io.wall() + self.life


@pytest.mark.parametrize(
    ("life", "due"), [(LIFE, 3300.0), (1500.0, 1200.0), (1499.0, 1199.2), (100.0, 80.0), (0.0, 0.0), (-5.0, -5.0)]
)
def test_the_moment_at_which_a_value_is_due(world: MakeIO, life: float, due: float) -> None:
    io, fetch = world(), Fetches(life)
    kept = Kept(fetch)
    began = io.wall()
    assert io.run(kept.get(io, Deadlines())) == 1
    io.clock.advance(max(0.0, due - 0.01))
    assert io.run(kept.get(io, Deadlines())) == (1 if due > 0 else 2)
    io.clock.advance(began + due - io.wall() if due > 0 else 0.0)
    assert io.run(kept.get(io, Deadlines())) == (2 if due > 0 else 3)
    assert fetch.asked == [io] * len(fetch.asked)


def test_what_is_not_to_be_kept_is_asked_for_each_time(world: MakeIO) -> None:
    io, fetch = world(), Fetches(None)
    kept = Kept(fetch)
    assert [io.run(kept.get(io, SOON)) for _ in range(3)] == [1, 2, 3]
    assert fetch.asked == [io] * 3


def test_a_renewal_that_failed_is_tried_again_half_a_minute_later_but_not_beyond_the_end(world: MakeIO) -> None:
    io, fetch = world(), Fetches(100.0)
    kept = Kept(fetch)
    io.run(kept.get(io, Deadlines()))
    fetch.broken = ProviderError("closed")
    io.clock.advance(80.0)
    for _ in range(2):
        assert io.run(kept.get(io, Deadlines())) == 1
    assert len(fetch.asked) == 2
    io.clock.advance(19.75)  # the next is due at the end, and no later
    assert io.run(kept.get(io, Deadlines())) == 1
    assert len(fetch.asked) == 2
    io.clock.advance(0.25)
    with pytest.raises(ProviderError, match="closed"):
        io.run(kept.get(io, Deadlines()))
    fetch.broken = None
    assert io.run(kept.get(io, Deadlines())) == 4


def test_the_pause_after_a_failure_is_half_a_minute(world: MakeIO) -> None:
    io, fetch = world(), Fetches()
    kept = Kept(fetch)
    io.run(kept.get(io, Deadlines()))
    fetch.broken = ProviderError("closed")
    io.clock.advance(3300.0)
    for wait, asked in ((0.0, 2), (29.75, 2), (0.25, 3), (29.75, 3), (0.25, 4)):
        io.clock.advance(wait)
        assert io.run(kept.get(io, Deadlines())) == 1
        assert len(fetch.asked) == asked


def test_a_mistake_is_raised_although_the_old_value_holds(world: MakeIO) -> None:
    io, fetch = world(), Fetches()
    kept = Kept(fetch)
    io.run(kept.get(io, Deadlines()))
    fetch.broken = LookupError("ours")
    io.clock.advance(3300.0)
    with pytest.raises(LookupError):
        io.run(kept.get(io, Deadlines()))
    fetch.broken = None
    assert io.run(kept.get(io, Deadlines())) == 3


def test_the_first_that_is_not_to_be_had_is_raised(world: MakeIO) -> None:
    io, fetch = world(), Fetches()
    fetch.broken = ProviderError("closed")
    kept = Kept(fetch)
    for _ in range(2):
        with pytest.raises(ProviderError, match="closed"):
            io.run(kept.get(io, SOON))
    assert len(fetch.asked) == 2


def test_only_what_was_refused_is_dropped(world: MakeIO) -> None:
    io, fetch = world(), Fetches()
    kept = Kept(fetch)
    kept.forget(lambda value: True)
    assert io.run(kept.get(io, Deadlines())) == 1
    kept.forget(lambda value: value == 2)
    assert io.run(kept.get(io, Deadlines())) == 1
    kept.forget(lambda value: value == 1)
    assert io.run(kept.get(io, Deadlines())) == 2


@pytest.mark.parametrize(("total", "told"), [(7.0, 7.0), (float("inf"), None)])
def test_time_that_is_up_says_how_long_it_was(total: float, told: float | None) -> None:
    io = World(blocking=False)

    async def slow(io: IO) -> tuple[int, float | None]:
        await io.sleep(50.0)
        return 1, None

    for until in (io.now() + 5.0, io.now() - 5.0):
        began = io.now()
        with pytest.raises(DeadlineError) as caught:
            io.run(Kept(slow).get(io, Deadlines(until=until, total=total)))
        assert (caught.value.phase, caught.value.seconds) == ("total", told)
        assert io.now() == max(began, until)


def test_a_token_is_shown_as_it_is_asked_for_and_says_whose_word_it_is(world: MakeIO) -> None:
    io, office = world(), Office()
    signer = TokenSigner(office.fetch, HeaderAuth("x-token"), "the office", Origin.USER)
    signed = io.run(signer.sign(io, HttpRequest("PUT", "https://p.test/", Headers((("a", "b"),)), b"hello"), Deadlines()))
    shown_ = Headers((("a", "b"), ("x-token", "token-number-0001")))
    assert signed.request == HttpRequest("PUT", "https://p.test/", shown_, b"hello")
    assert (signed.proof.reveal(), signed.proof.origin) == ("token-number-0001", Origin.USER)
    assert (signer.source, repr(signer)) == ("the office", "TokenSigner(the office)")
    assert repr(Token("t", 5.0)) == "Token(***, 5.0)"
    assert repr(SignatureSigner(Mint(), "the mint")) == "SignatureSigner(the mint)"


def test_a_secret_hides_the_one_before_it_and_no_other(world: MakeIO) -> None:
    io, texts = world(), ["token-number-0001", "token-number-0001", "token-number-0002", "token-number-0003"]

    async def fetch(io: IO) -> Token:
        return Token(texts.pop(0))

    signer = TokenSigner(fetch, Bearer(), "here", Origin.USER)
    request = HttpRequest("GET", "https://p.test/")
    one, same, two, three = (io.run(signer.sign(io, request, Deadlines())).proof for _ in range(4))
    assert same is one
    everything = "token-number-0001 token-number-0002 token-number-0003"
    assert one.mask(everything) == "*** token-number-0002 token-number-0003"
    assert two.mask(everything) == "*** *** token-number-0003"
    assert three.mask(everything) == "token-number-0001 *** ***"


def test_only_the_proof_that_was_refused_is_forgotten(world: MakeIO) -> None:
    io, office, mint = world(), Office(), Mint()
    request = HttpRequest("GET", "https://p.test/")
    tokens, signatures = TokenSigner(office.fetch, Bearer(), "", Origin.USER), SignatureSigner(mint, "")
    signatures.forget(Secret("secret-of-00000001"))
    token, signature = (io.run(signer.sign(io, request, Deadlines())).proof for signer in (tokens, signatures))
    for signer in (tokens, signatures):
        signer.forget(Secret("something-else"))
        io.run(signer.sign(io, request, Deadlines()))
    assert (office.given, mint.loaded) == (1, 1)
    tokens.forget(token)
    signatures.forget(signature)
    for signer in (tokens, signatures):
        io.run(signer.sign(io, request, Deadlines()))
    assert (office.given, mint.loaded) == (2, 2)
    signatures.forget(signature)
    io.run(signatures.sign(io, request, Deadlines()))
    assert mint.loaded == 2


def test_credentials_are_loaded_and_renewed_beside_the_event_loop(world: MakeIO) -> None:
    io, mint = world(), Mint()
    signer = SignatureSigner(mint, "the mint")
    request = HttpRequest("GET", "https://p.test/")
    signed = io.run(signer.sign(io, request, Deadlines()))
    assert (signed.request.headers["authorization"], signed.proof) == ("signed 1 GET False", Secret("secret-of-00000001"))
    assert io.offloaded == 1
    mint.is_stale = True
    io.run(signer.sign(io, request, Deadlines()))
    assert (io.offloaded, mint.loaded, mint.renewed) == (2, 1, 1)


@pytest.mark.parametrize(
    ("url", "shown_"),
    [("https://p.test/", "https://p.test/?a=1&b=2"), ("https://p.test/?x=y", "https://p.test/?x=y&a=1&b=2")],
)
def test_what_a_request_shows_is_added_to_what_it_says(url: str, shown_: str) -> None:
    request = HttpRequest("PUT", url, Headers((("X-Own", "1"),)), b"hello")
    signed = showing(request, (("x-own", "2"), ("x-more", "3")), (("a", "1"), ("b", "2")))
    assert signed == HttpRequest("PUT", shown_, Headers((("X-Own", "1"), ("x-more", "3"))), b"hello")
    assert showing(request, (), ()) == request


def test_nobody_waits_for_another_where_nothing_is_kept() -> None:
    io = World(blocking=False)

    async def slow(io: IO) -> tuple[int, float | None]:
        await io.sleep(5.0)
        return 1, None

    kept = Kept(slow)

    async def main() -> float:
        await kept.get(io, Deadlines())
        began = io.now()
        await asyncio.gather(*(kept.get(io, Deadlines()) for _ in range(3)))
        return io.now() - began

    assert io.run(main()) == 5.0
