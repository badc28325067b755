"""What becomes of media for each target: fetched once where it takes no addresses, and refused where it surely would refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.calls import KEY, Book, call, read, stream_call, texts, wire
from tests.engine.test_fetching import Net
from tests.replies import chat, chat_stream, failed
from trunkline.engine import engine, fetching, media_step
from trunkline.engine.destination import Own, Wire
from trunkline.engine.media import holds_media
from trunkline.engine.media_step import AT_ONCE
from trunkline.engine.stream import LiveStream
from trunkline.policy.hedge import Hedge
from trunkline.policy.retry import RetryPolicy
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import AllTargetsFailedError, DeadlineError, RateLimitError, UsageError
from trunkline.values.media import Data, FileId, Source, Url
from trunkline.values.message import Audio, File, Image, Message, Part, Text, ToolResult, Video
from trunkline.values.model import MediaLimits, Quirks
from trunkline.values.request import Request
from trunkline.wire.http import HttpRequest

PNG = b"\x89PNG\r\n\x1a\n"
URL = "https://h.test/deep/a%20b.png?x"
IMAGE = Image(Url(URL))
MakeNet = Callable[..., Net]


@pytest.fixture(params=["blocking", "async"])
def net(request: pytest.FixtureRequest) -> Callable[..., Net]:
    """Makes a world in which providers answer by turns, and any other host with its picture."""

    def make(*replies: Scripted, media: Scripted | None = None) -> Net:
        left = list(replies)

        def answer(asked: HttpRequest) -> Scripted:
            if asked.address is not None:
                return media or Scripted(200, {"content-type": "image/png"}, PNG)
            return left.pop(0)

        return Net(answer, blocking=request.param == "blocking")

    return make


def blind(name: str = "p1", **quirks: Any) -> Wire:
    """A target that takes pictures as bytes only."""
    made = wire(name)
    made.target = replace(made.target, quirks=Quirks(**{"image_urls": False, **quirks}))
    return made


def limited(name: str = "p1", **limits: Any) -> Wire:
    return blind(name, image_urls=None, media=MediaLimits(**limits))


def fetched(io: Net) -> list[str]:
    return [request.url for request in io.requests if request.address is not None]


def bodies(io: Net) -> list[bytes]:
    return [request.body for request in io.requests if request.address is None]


AS_BYTES = b"data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("messages", "holds"),
    [
        ((Message.user("x"),), False),
        ((Message("tool", (ToolResult("c", (Text("x"),)),)),), False),
        ((Message.user("x"), Message.user(IMAGE)), True),
        ((Message.user(Audio(None)),), True),
        ((Message.user(Video(FileId("f"))),), True),
        ((Message.user(File(FileId("f"))),), True),
        ((Message("tool", (ToolResult("c", (Text("x"), IMAGE)),)),), True),
    ],
)
def test_whether_there_are_media(messages: tuple[Message, ...], holds: bool) -> None:
    assert holds_media(Request(model="m", messages=messages)) is holds


def test_they_are_fetched_once_whatever_is_tried(net: MakeNet) -> None:
    io = net(failed(500), failed(500), chat())
    io.run(engine.generate(io, call(blind(), message=Message.user("look", IMAGE, IMAGE))))
    assert fetched(io) == [URL]
    assert len(bodies(io)) == 3
    assert all(body.count(AS_BYTES) == 2 for body in bodies(io))
    assert all(KEY not in str(request.headers.pairs) for request in io.requests if request.address is not None)


def test_and_whoever_is_asked(net: MakeNet) -> None:
    io = net(failed(500), failed(500), chat())
    io.run(engine.generate(io, call(blind(), wire("p2"), blind("p3"), message=Message.user(IMAGE), retries=0)))
    assert fetched(io) == [URL]
    assert [AS_BYTES in body for body in bodies(io)] == [True, False, True]
    assert URL.encode() in bodies(io)[1]


def test_who_fetches_himself_is_left_to_it(net: MakeNet) -> None:
    io = net(chat())
    io.run(engine.generate(io, call(wire(), message=Message.user(IMAGE))))
    assert fetched(io) == []
    assert URL.encode() in bodies(io)[0]


def test_a_fallback_that_is_never_asked_fetches_nothing(net: MakeNet) -> None:
    io = net(chat())
    io.run(engine.generate(io, call(wire(), blind("p2"), message=Message.user(IMAGE))))
    assert fetched(io) == []


def test_streams_are_no_different(net: MakeNet) -> None:
    io = net(failed(500), chat_stream())
    live = LiveStream(io, stream_call(blind(), message=Message.user(IMAGE)))
    assert texts(io.run(read(live))) == "abc"
    assert fetched(io) == [URL]
    assert all(AS_BYTES in body for body in bodies(io))


def test_nothing_is_fetched_where_somebody_says_so(net: MakeNet) -> None:
    io = net(chat())
    io.run(engine.generate(io, call(blind(), message=Message.user(IMAGE), fetch_urls=False)))
    assert fetched(io) == []


def test_private_networks_are_reached_where_somebody_says_so(net: MakeNet) -> None:
    for allowed in (True, "private"):
        io = net(chat())
        io.names["h.test"] = [["10.0.0.1"]]
        made = call(blind(), message=Message.user(IMAGE), fetch_urls=allowed)
        if allowed is True:
            with pytest.raises(UsageError, match="private network"):
                io.run(engine.generate(io, made))
            assert io.requests == []
        else:
            io.run(engine.generate(io, made))
            assert fetched(io) == [URL]


@pytest.mark.parametrize(
    ("role", "part", "fetches"),
    [
        ("user", IMAGE, True),
        ("assistant", IMAGE, False),
        ("tool", ToolResult("c1", (Text("it is"), IMAGE)), True),
        ("user", Image(Data(PNG, "image/png")), False),
        ("user", File(FileId("f")), False),
    ],
)
def test_what_a_model_said_itself_is_not_fetched(net: MakeNet, role: Any, part: Part, fetches: bool) -> None:
    io = net(chat())
    io.run(engine.generate(io, call(blind(), message=Message(role, (part,)))))
    assert fetched(io) == ([URL] if fetches else [])


def test_the_rest_of_a_conversation_stays_as_it_is(net: MakeNet) -> None:
    io = net()
    text = Message.user("hello")
    before = Message.user("look", replace(IMAGE, detail="low"), Image(Data(PNG, "image/png")))
    result = Message("tool", (ToolResult("c1", (Text("it is"),)), ToolResult("c2", (IMAGE,), name="n")))
    made = call(blind())
    made = replace(made, request=Request(model="m", messages=(text, before, text, result), max_tokens=7))
    made = io.run(engine.prepare(io, made))
    assert made.media is not None
    fit = io.run(made.media.fitted(io, made, blind().target, replace_deadlines(io)))
    messages = fit.request.messages
    assert (messages[0], messages[2]) == (text, text)
    assert messages[0] is text
    assert messages[1].parts == (before.parts[0], Image(Data(PNG, "image/png"), detail="low"), before.parts[2])
    assert messages[1].parts[2] is before.parts[2]
    assert messages[3].parts[0] is result.parts[0]
    assert messages[3].parts[1] == ToolResult("c2", (Image(Data(PNG, "image/png")),), name="n")
    assert fit.request.max_tokens == 7
    assert made.request.messages[1] is before
    again = io.run(made.media.fitted(io, made, wire().target, replace_deadlines(io)))
    assert again is made


def replace_deadlines(io: Net) -> Any:
    from trunkline.ports import Deadlines

    return Deadlines(until=io.now() + 600.0)


@pytest.mark.parametrize(
    ("source", "said", "data", "told"),
    [
        (Url("https://h.test/a"), "image/jpeg", PNG, "image/png"),
        (Url("https://h.test/a", "image/gif"), "image/jpeg", b"?", "image/gif"),
        (Url("https://h.test/a", "image/gif"), "image/jpeg", PNG, "image/png"),
        (Url("https://h.test/a.webp"), "application/octet-stream", b"?", "image/webp"),
    ],
)
def test_what_it_is_its_bytes_say_first(net: MakeNet, source: Source, said: str, data: bytes, told: str) -> None:
    io = net(chat(), media=Scripted(200, {"content-type": said}, data))
    io.run(engine.generate(io, call(blind(), message=Message.user(Image(source)))))
    assert f"data:{told};base64,".encode() in bodies(io)[0]


def test_a_document_has_the_name_that_it_was_found_under(net: MakeNet) -> None:
    for given, name in ((None, b'"a b.pdf"'), ("mine.pdf", b'"mine.pdf"')):
        io = net(chat(), media=Scripted(200, {}, b"%PDF-1.7"))
        io.run(engine.generate(io, call(message=Message.user(File(Url("https://h.test/deep/a%20b.pdf?x"), given)))))
        assert name in bodies(io)[0]


def test_a_page_in_place_of_a_picture_is_refused(net: MakeNet) -> None:
    io = net(media=Scripted(200, {"content-type": "text/html"}, b"<html>please log in</html>"))
    with pytest.raises(UsageError) as caught:
        io.run(engine.generate(io, call(blind(), message=Message.user("look", IMAGE))))
    assert str(caught.value) == (
        "messages[0].parts[1].source.url: it is no picture; got text/html; allowed: File(…) for text/html"
    )


def test_what_cannot_be_fetched_is_the_callers_affair_and_nobody_is_asked(net: MakeNet) -> None:
    io, book = net(media=Scripted(404)), Book()
    with pytest.raises(UsageError) as caught:
        io.run(engine.generate(io, call(blind(), message=Message.user("look", IMAGE), observers=(book,))))
    assert str(caught.value) == "messages[0].parts[1].source.url: could not be fetched: its server answered 404"
    assert (len(fetched(io)), bodies(io), io.sleeps) == (1, [], [])
    assert [end.how for end in book.ends] == ["error"]


def test_but_for_a_target_that_can(net: MakeNet) -> None:
    io, first = net(chat(), media=Scripted(404)), blind()
    reply = io.run(engine.generate(io, call(first, wire("p2"), message=Message.user(IMAGE))))
    assert reply.provider == "p2"
    assert [(attempt.provider, attempt.asked, attempt.error) for attempt in reply.attempts] == [
        ("p1", False, "UsageError"), ("p2", True, None),
    ]  # fmt: skip
    assert (first.station.failures, len(fetched(io)), io.sleeps) == (0, 1, [])


def test_nobody_takes_it(net: MakeNet) -> None:
    io = net(media=Scripted(404))
    with pytest.raises(AllTargetsFailedError) as caught:
        io.run(engine.generate(io, call(blind(), blind("p2"), message=Message.user(IMAGE))))
    assert [str(error.__cause__).rpartition(": ")[2] for error in caught.value.errors] == ["its server answered 404"] * 2
    assert bodies(io) == []


def test_other_errors_go_elsewhere_only_where_the_caller_wants_it(net: MakeNet) -> None:
    io = net(media=Scripted(404))
    limit = {"retry": RetryPolicy(elsewhere=(RateLimitError,))}
    with pytest.raises(UsageError, match="answered 404"):
        io.run(engine.generate(io, call(blind(), wire("p2"), message=Message.user(IMAGE), limits=_limits(**limit))))


def _limits(**more: Any) -> Any:
    from trunkline.engine.call import Limits

    return Limits(**more)


def test_the_calls_time_is_the_fetchs_too(net: MakeNet) -> None:
    io = net(media=Scripted(200, {}, [(2.0, b"x")] * 100))
    with pytest.raises(DeadlineError) as caught:
        io.run(engine.generate(io, call(blind(), message=Message.user(IMAGE), limit={"total": 7.0})))
    assert (caught.value.phase, io.now() - io.began) == ("total", 7.0)


def test_several_are_fetched_side_by_side_and_not_too_many(net: MakeNet) -> None:
    io = net(chat(), media=Scripted(200, {}, [(1.0, PNG)]))
    images = [Image(Url(f"https://h.test/{n}.png")) for n in range(AT_ONCE + 1)]
    io.run(engine.generate(io, call(blind(), message=Message.user(*images))))
    assert sorted(fetched(io)) == [f"https://h.test/{n}.png" for n in range(7)]
    assert bodies(io)[0].count(AS_BYTES) == 7
    if not io.blocking:
        assert io.now() - io.began == 2.0


def test_of_several_the_first_that_fails_is_told(net: MakeNet) -> None:
    io = net(media=Scripted(404))
    with pytest.raises(UsageError, match=r"messages\[0\]\.parts\[\d\]\.source\.url"):
        io.run(engine.generate(io, call(blind(), message=Message.user(IMAGE, Image(Url("https://h.test/b"))))))
    assert all(exchange.closed for exchange in io.exchanges)


def test_a_second_one_asked_beside_the_first_has_its_media_too(net: MakeNet) -> None:
    io = net(chat(), chat())
    made = call(blind(), blind("p2"), message=Message.user(IMAGE), hedge=Hedge(after=5.0))
    assert io.run(engine.generate(io, made)).text == "hi"
    assert fetched(io) == [URL]


def test_two_that_are_asked_side_by_side_fetch_once(net: MakeNet) -> None:
    io = net(chat(), chat(), media=Scripted(200, {}, [(3.0, PNG)]))
    made = call(blind(), blind("p2"), message=Message.user(IMAGE), hedge=Hedge(after=1.0))
    assert io.run(engine.generate(io, made)).text == "hi"
    assert fetched(io) == [URL]
    assert all(AS_BYTES in body for body in bodies(io))


def test_where_the_first_of_two_cannot_fetch_the_second_tries_itself(net: MakeNet) -> None:
    io = net(media=Scripted(404, wait=3.0))
    made = call(blind(), blind("p2"), message=Message.user(IMAGE), hedge=Hedge(after=1.0))
    with pytest.raises(UsageError, match="answered 404"):
        io.run(engine.generate(io, made))
    assert len(fetched(io)) == 2
    assert bodies(io) == []


@pytest.mark.parametrize("limits", [{"image_bytes": 7}, {"total_bytes": 11}, {"images": 0}, {"image_types": ("image/gif",)}])
def test_what_is_surely_refused_is_not_sent(net: MakeNet, limits: dict[str, Any]) -> None:
    io = net()
    with pytest.raises(UsageError) as caught:
        io.run(engine.generate(io, call(limited(**limits), message=Message.user("look", Image(Data(PNG, "image/png"))))))
    assert caught.value.field == "messages[0].parts[1]"
    assert io.requests == []


def test_or_is_sent_to_whoever_takes_it(net: MakeNet) -> None:
    io = net(chat())
    reply = io.run(
        engine.generate(io, call(limited(images=0), limited("p2", images=1), message=Message.user(Image(Data(PNG, "image/png")))))
    )
    assert [(attempt.provider, attempt.asked) for attempt in reply.attempts] == [("p1", False), ("p2", True)]


def test_what_was_fetched_may_be_too_large_too(net: MakeNet) -> None:
    io = net()
    target = limited(image_bytes=7)
    target.target = replace(target.target, quirks=replace(target.target.quirks, image_urls=False))
    with pytest.raises(UsageError, match="too large for p1/m; got 8 bytes; allowed: up to 7 bytes"):
        io.run(engine.generate(io, call(target, message=Message.user(IMAGE))))
    assert len(fetched(io)) == 1


def test_too_many_are_told_before_any_is_fetched(net: MakeNet) -> None:
    io = net()
    with pytest.raises(UsageError, match="takes no more pictures; got 2 pictures; allowed: 1 of a request"):
        io.run(engine.generate(io, call(blind(media=MediaLimits(images=1)), message=Message.user(IMAGE, IMAGE))))
    assert io.requests == []


def test_of_all_together_so_much_is_fetched(net: MakeNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ALTOGETHER", 20)
    images = [Image(Url(f"https://h.test/{n}.png")) for n in range(3)]
    io = net(chat())
    io.run(engine.generate(io, call(blind(), message=Message.user(*images[:2]))))
    with pytest.raises(UsageError, match="is too much to be fetched with the others; got more; allowed: up to 20 bytes in all"):
        io.run(engine.generate(io, call(blind(), message=Message.user(*images))))
    assert all(exchange.closed for exchange in io.exchanges)


def test_a_strict_call_is_looked_over_for_every_target(net: MakeNet) -> None:
    plan: Sequence[Wire] = (wire(), blind("p2", file_urls=True), limited("p3", image_types=("image/gif",)))
    io = net()
    with pytest.raises(UsageError, match="p3/m takes no such pictures"):
        message = Message.user(IMAGE, Image(Data(PNG, "image/png")))
        io.run(engine.generate(io, call(*plan, message=message, strict=True)))
    assert (fetched(io), bodies(io)) == ([URL], [])
    io = net(chat())
    io.run(engine.generate(io, call(*plan[:2], message=Message.user(IMAGE), strict=True)))
    assert fetched(io) == [URL]


def test_an_object_of_ones_own_is_told_the_address(net: MakeNet) -> None:
    class Echo:
        def generate(self, request: Request) -> str:
            source = request.messages[0].parts[0].source  # type: ignore[union-attr]
            return source.url  # type: ignore[union-attr]

    io = net()
    assert io.run(engine.generate(io, call(Own(Echo()), message=Message.user(IMAGE)))).text == URL


def test_a_stream_that_is_under_way_holds_no_media(net: MakeNet) -> None:
    io = net(chat_stream())
    live = LiveStream(io, stream_call(blind(), message=Message.user(IMAGE)))
    io.run(live.open())
    assert live._call.media is None
    io.run(live.close())


@pytest.mark.parametrize(
    ("part", "source", "name"),
    [
        (IMAGE, Data(b"\0", "image/png"), None),
        (Image(Url("https://h.test/a")), Data(b"\0", "image/jpeg"), None),
        (Image(Url("https://h.test/a.png", "image/webp")), Data(b"\0", "image/webp"), None),
        (File(Url("https://h.test/x/a%20b.txt?y.pdf")), Data(b"\0", "text/plain"), "a b.txt"),
        (File(Url("https://h.test/")), Data(b"\0", "application/pdf"), None),
    ],
)
def test_what_a_target_would_hear_is_foreseen_without_a_look(part: Any, source: Data, name: str | None) -> None:
    target = blind(file_urls=False)
    asked = call(target, message=Message.user("see", part))
    (foreseen,) = media_step.foreseen(asked, target.target).request.messages
    made: Any = foreseen.parts[1]
    assert (made.source, getattr(made, "filename", None)) == (source, name)
    left = replace(asked, fetch_urls=False)
    assert media_step.foreseen(left, target.target).request is left.request


def test_what_is_surely_refused_is_foreseen() -> None:
    target = limited(images=1)
    asked = call(target, message=Message.user("see", IMAGE, Image(Data(PNG, "image/png"))))
    with pytest.raises(UsageError, match="takes no more pictures"):
        media_step.foreseen(asked, target.target)
