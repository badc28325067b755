"""What is named by its address is fetched from the public net, and from nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.virtual import World
from trunkline.engine.fetching import ALTOGETHER, LARGEST, LONGEST, REDIRECTS, TRIED, Fetched, Room, fetch
from trunkline.ports import INFINITY, Deadlines, Exchange
from trunkline.sim.scripted import NO_CONNECTION, REFUSED, Scripted
from trunkline.values.errors import ClosedByCallerError, DeadlineError, NameResolutionError, UsageError
from trunkline.wire.http import Head, HttpRequest

PUBLIC = "93.184.216.34"
PATIENT = Deadlines(connect=5.0, first_byte=30.0, idle=10.0, until=600.0, total=600.0)
"""``until`` from the beginning on."""
PNG = b"\x89PNG\r\n\x1a\n"
AT = "messages[0].parts[1].source.url"
Answer = Sequence[str] | Exception


class Net(World):
    """A world with a name server. A list of lists: what it answers the first time, the second time…"""

    def __init__(self, *args: Any, names: Mapping[str, list[Answer]] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.names = {name: list(answers) for name, answers in (names or {}).items()}
        self.asked: list[tuple[str, float]] = []
        self.began = self.now()

    async def resolve(self, host: str, until: float = INFINITY) -> list[str]:
        self.asked.append((host, until - self.began))
        answers = self.names.get(host, [[PUBLIC]])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


MakeNet = Callable[..., Net]


@pytest.fixture(params=["blocking", "async"])
def net(request: pytest.FixtureRequest) -> MakeNet:
    def make(*args: Any, **more: Any) -> Net:
        return Net(*args, blocking=request.param == "blocking", **more)

    return make


def get(io: Net, url: str, *, private: bool = False, limits: Deadlines = PATIENT) -> Fetched:
    io.began = io.now()
    return io.run(fetch(io, url, AT, replace(limits, until=io.began + limits.until), private))


def refused(io: Net, url: str, *, private: bool = False, limits: Deadlines = PATIENT) -> str:
    with pytest.raises(UsageError) as caught:
        get(io, url, private=private, limits=limits)
    assert caught.value.field == AT
    assert caught.value.__cause__ is None
    assert all(exchange.closed for exchange in io.exchanges)
    return str(caught.value).removeprefix(f"{AT}: ")


def moved(to: str, status: int = 302) -> Scripted:
    return Scripted(status, {"Location": to}, b"gone")


def found(*pieces: Any, **headers: str) -> Scripted:
    return Scripted(200, {name.replace("_", "-"): value for name, value in headers.items()}, pieces or (PNG,))


def test_it_is_fetched_from_the_address_that_was_looked_at(net: MakeNet) -> None:
    io = net([found(PNG, b"rest", content_type="image/png")])
    assert get(io, "https://h.test/a.png?x=1#top") == Fetched(PNG + b"rest", "image/png", "https://h.test/a.png?x=1")
    assert io.asked == [("h.test", 5.0)]
    (request,) = io.requests
    assert (request.method, request.url, request.address, request.body) == ("GET", "https://h.test/a.png?x=1", PUBLIC, b"")
    assert request.headers.pairs == (("Accept-Encoding", "identity"),)
    assert io.exchanges[0].deadlines == Deadlines(connect=5.0, first_byte=30.0, idle=10.0, until=io.began + LONGEST, total=600.0)
    assert io.exchanges[0].closes == 1


@pytest.mark.parametrize(
    "url",
    ["http://h.test/a", "file:///etc/passwd", "ftp://h.test/a", "gopher://h.test/", "//h.test/a", "/a", "", "data:,x",
     "https://", "https:///a", "https://u@h.test/", "https://u:p@h.test/", "https://:p@h.test/", "https://@h.test/",
     "https://h.test\\@127.0.0.1/", "https://h.test/a b", "https://h.test/\r\nX: y", "https://h.test/\x7f", "https://h.test/\t",
     "https://[::1", "https://h.test:99999/", "https://h.test:x/"],
)  # fmt: skip
def test_an_address_that_is_not_fetched_is_asked_nobody(net: MakeNet, url: str) -> None:
    io = net()
    refused(io, url)
    assert (io.asked, io.requests) == ([], [])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://h.test/", "is, or is redirected to, an address that is not fetched; got ftp:; allowed: https://host/path"),
        ("https://u:p@h.test/", "no address that can be fetched; got a user or password in it; allowed: https://host/path"),
        ("https://h.test/ ", "no address that can be fetched; got no plain address; allowed: https://host/path"),
        ("https://[::1", "no address that can be fetched; allowed: https://host/path"),
    ],
)
def test_it_is_told_why_and_never_what(net: MakeNet, url: str, words: str) -> None:
    assert refused(net(), url) == words
    assert refused(net(), url, private=True) == words.replace("https://host", "http(s)://host")


@pytest.mark.parametrize("url", ["http://h.test/a", "http://127.0.0.1:8000/a", "https://10.0.0.1/a"])
def test_private_is_allowed_where_somebody_says_so(net: MakeNet, url: str) -> None:
    io = net([found()], names={"127.0.0.1": [["127.0.0.1"]], "10.0.0.1": [["10.0.0.1"]], "h.test": [["192.168.0.9"]]})
    assert get(io, url, private=True).data == PNG


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://u:p@h.test/"])
def test_and_no_more_than_that(net: MakeNet, url: str) -> None:
    assert "http(s)://host/path" in refused(net(), url, private=True)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["10.1.2.3"], ["100.64.0.1"], ["0.0.0.0"], ["::1"], ["::ffff:169.254.169.254"],
     ["64:ff9b::a9fe:a9fe"], ["2002:7f00:1::"], ["fe80::1%eth0"], ["fd00::1"], ["224.0.0.1"], [PUBLIC, "10.0.0.1"],
     ["2606:4700::1", "::1"], [], ["nonsense"]],
)  # fmt: skip
def test_a_name_that_leads_into_a_private_network(net: MakeNet, addresses: list[str]) -> None:
    io = net(names={"h.test": [addresses]})
    assert refused(io, "https://h.test/a") == (
        "leads into a private network, and is not fetched; allowed: an address on the public net (fetch_urls='private' allows others)"
    )
    assert io.requests == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]", "localhost"])
def test_whatever_spelling_stands_for_this_machine(net: MakeNet, host: str) -> None:
    """As the resolver reads them: it is the address that counts."""
    bare = host.strip("[]")
    io = net(names={bare: [["::1" if ":" in bare else "127.0.0.1"]]})
    refused(io, f"https://{host}/a")
    assert ([name for name, _ in io.asked], io.requests) == ([bare], [])


def test_a_name_that_leads_elsewhere_a_moment_later(net: MakeNet) -> None:
    """DNS rebinding: it is looked up once, and the connection goes to what it was then."""
    io = net([found()], names={"h.test": [[PUBLIC], ["127.0.0.1"]]})
    assert get(io, "https://h.test/a").data == PNG
    assert len(io.asked) == 1
    assert io.requests[0].address == PUBLIC
    io = net([moved("/b"), found()], names={"h.test": [[PUBLIC], ["127.0.0.1"]]})
    refused(io, "https://h.test/a")
    assert len(io.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_each_looked_at(net: MakeNet, status: int) -> None:
    io = net(
        [moved("/b?c", status), moved("https://other.test/d", status), moved("//third.test/e", status), found()],
        names={"other.test": [["1.1.1.1"]], "third.test": [["2606:4700::1"]]},
    )
    assert get(io, "https://h.test/a") == Fetched(PNG, None, "https://third.test/e")
    assert [(request.url, request.address) for request in io.requests] == [
        ("https://h.test/a", PUBLIC), ("https://h.test/b?c", PUBLIC), ("https://other.test/d", "1.1.1.1"),
        ("https://third.test/e", "2606:4700::1"),
    ]  # fmt: skip
    assert [exchange.closes for exchange in io.exchanges] == [1, 1, 1, 1]
    assert all(request.headers.pairs == (("Accept-Encoding", "identity"),) for request in io.requests)


@pytest.mark.parametrize(
    "to",
    ["http://h.test/a", "file:///etc/passwd", "https://u:p@h.test/", "https://169.254.169.254/latest/meta-data/",
     "https://inside.test/", "https://[::1]/", "https://[::1", "gopher://h.test/"],
)  # fmt: skip
def test_redirects_to_what_is_not_fetched(net: MakeNet, to: str) -> None:
    names: dict[str, list[Answer]] = {"169.254.169.254": [["169.254.169.254"]], "inside.test": [["10.0.0.1"]], "::1": [["::1"]]}
    io = net([moved(to)], names=names)
    refused(io, "https://h.test/a")
    assert len(io.requests) == 1


def test_redirects_have_an_end(net: MakeNet) -> None:
    io = net([moved("/b")] * REDIRECTS + [found()])
    assert get(io, "https://h.test/a").data == PNG
    io = net(moved("/b"))
    assert refused(io, "https://h.test/a") == "could not be fetched: it is redirected again and again; allowed: 5 redirects"
    assert len(io.requests) == REDIRECTS + 1 == 6


@pytest.mark.parametrize(
    "reply", [Scripted(404, {}, b"no"), Scripted(500), Scripted(204), Scripted(206, {}, b"x"), Scripted(302)]
)
def test_other_answers(net: MakeNet, reply: Scripted) -> None:
    assert refused(net([reply]), "https://h.test/a") == f"could not be fetched: its server answered {reply.status}"


def test_a_body_without_end(net: MakeNet) -> None:
    piece = b"x" * (1 << 20)
    io = net([found(*[piece] * 60)])
    assert refused(io, "https://h.test/a") == f"is too large to be fetched; got more; allowed: up to {LARGEST:,} bytes"
    assert io.exchanges[0].at == 51
    assert len(get(net([found(*[piece] * 50)]), "https://h.test/a").data) == LARGEST == 50 << 20


def test_what_fails_takes_no_room(net: MakeNet) -> None:
    room, piece = Room(), b"x" * (1 << 20)
    assert room.left == ALTOGETHER == 100 << 20
    io = net([found(*[piece] * 60), found(piece), found(piece, piece)])
    for left in (ALTOGETHER, ALTOGETHER - (1 << 20)):
        with contextlib.suppress(UsageError):
            io.run(fetch(io, "https://h.test/a", AT, replace(PATIENT, until=io.now() + 60.0), False, room))
        assert room.left == left
    room.left = (2 << 20) - 1
    with pytest.raises(UsageError, match="too much"):
        io.run(fetch(io, "https://h.test/a", AT, replace(PATIENT, until=io.now() + 60.0), False, room))
    assert room.left == (2 << 20) - 1


def test_a_slow_drip(net: MakeNet) -> None:
    io = net([found(*[(5.0, b"x")] * 1000)])
    assert refused(io, "https://h.test/a") == "could not be fetched: it took more than 120 s"
    assert io.now() - io.began == LONGEST == 120.0


def test_the_calls_own_end_is_its_own(net: MakeNet) -> None:
    io = net([found(*[(5.0, b"x")] * 1000)])
    with pytest.raises(DeadlineError) as caught:
        get(io, "https://h.test/a", limits=Deadlines(until=20.0, total=20.0))
    assert (caught.value.phase, io.now() - io.began) == ("total", 20.0)
    assert io.exchanges[0].closed


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Scripted(wait=31.0), "first byte|deadline|"),
        (found((11.0, b"x")), "deadline|"),
        (Scripted(200, {}, PNG, end="truncated"), "the connection ended in the middle of the body"),
        (Scripted(200, {}, PNG, end="reset"), "the connection ended in the middle of the body"),
        (Scripted(reset_head=True), "the connection was reset"),
    ],
)
def test_what_goes_wrong_on_the_way_is_no_providers_failure(net: MakeNet, reply: Scripted, words: str) -> None:
    io = net([reply])
    told = refused(io, "https://h.test/a")
    assert told.startswith("could not be fetched: ")
    assert any(word in told for word in words.split("|"))
    assert len(io.requests) == 1


def test_a_name_that_there_is_not(net: MakeNet) -> None:
    io = net(names={"h.test": [NameResolutionError("the name of h.test could not be resolved", phase="connect")]})
    assert refused(io, "https://h.test/a") == "could not be fetched: the name of h.test could not be resolved"


def test_names_are_looked_up_no_longer_than_the_call_lasts(net: MakeNet) -> None:
    io = net([found()])
    get(io, "https://h.test/a", limits=Deadlines(connect=5.0, until=3.0))
    assert io.asked == [("h.test", 3.0)]


def test_the_next_address_is_tried_where_nobody_is_at_the_first(net: MakeNet) -> None:
    names: dict[str, list[Answer]] = {"h.test": [["2606:4700::1", PUBLIC, "1.1.1.1"]]}
    io = net([REFUSED, NO_CONNECTION, found()], names=names)
    assert get(io, "https://h.test/a").data == PNG
    assert [request.address for request in io.requests] == ["2606:4700::1", PUBLIC, "1.1.1.1"]
    assert io.now() - io.began == 5.0


def test_not_more_of_them_than_a_few(net: MakeNet) -> None:
    io = net(REFUSED, names={"h.test": [[f"1.1.1.{n}" for n in range(9)]]})
    assert refused(io, "https://h.test/a") == "could not be fetched: nothing listens there"
    assert len(io.requests) == TRIED == 4


def test_one_that_answers_is_the_one(net: MakeNet) -> None:
    names: dict[str, list[Answer]] = {"h.test": [[PUBLIC, "1.1.1.1"]]}
    for reply in (Scripted(500), Scripted(reset_head=True), moved("http://x.test")):
        io = net([reply], names=names)
        refused(io, "https://h.test/a")
        assert len(io.requests) == 1


def test_what_the_caller_ends_is_his(net: MakeNet) -> None:
    io = net([found()], names={"h.test": [[PUBLIC, "1.1.1.1"]]})
    send = io.send

    def ended(request: HttpRequest, deadlines: Deadlines) -> Exchange:
        exchange = send(request, deadlines)
        exchange.abort()
        return exchange

    io.send = ended  # type: ignore[method-assign]
    with pytest.raises(ClosedByCallerError):
        get(io, "https://h.test/a")
    assert len(io.requests) == 1


class Unusable:
    """An exchange to what is no host, as the ports find out."""

    closes = 0

    async def head(self) -> Head:
        raise UsageError("the address is not usable", field="url")

    async def close(self) -> None:
        self.closes += 1


def test_a_host_that_cannot_be_called_is_told_by_its_place(net: MakeNet) -> None:
    io, exchange = net(), Unusable()
    io.send = lambda *_: exchange  # type: ignore[method-assign, assignment]
    assert refused(io, "https://h.test/a") == "no address that can be fetched"
    assert exchange.closes == 1
