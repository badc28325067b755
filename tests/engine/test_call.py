"""A key stands in no error, wherever the provider put it; its words stand where they are wanted."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable, Iterator

import pytest

from tests.engine.calls import KEY, Book, call, stream_call, wire
from tests.replies import chat, delta, error_frame, failed, sse, start, streamed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Call
from trunkline.engine.destination import Wire, join_url
from trunkline.engine.stream import LiveStream
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import AllTargetsFailedError, ProviderError, StreamInterruptedError

MakeIO = Callable[..., World]
AWKWARD = 'k/e"y\\with+every<thing>&more=0'
PROMPT = "the-secret-prompt"


def shapes(key: str) -> Iterator[Scripted]:
    """Replies that quote the key."""
    quoted = f"Incorrect API key provided: {key}. You asked: {PROMPT}"
    for status in (400, 401, 403, 404, 429, 500):
        yield failed(status, quoted)
    yield failed(401, "no", code=key, type=key, param=key)
    yield failed(401, "no", headers={"x-request-id": key, "www-authenticate": f"Bearer {key}"})
    yield Scripted(401, {"content-type": "text/html"}, [f"<html><title>No: {key}</title>{key} {PROMPT}</html>".encode()])
    yield Scripted(500, {}, [f"plain {key} text".encode()])
    yield Scripted(502, {}, [json.dumps({"error": {"message": quoted}}).replace("/", "\\/").encode()])
    yield Scripted(
        500, {}, ["".join(f"\\u{ord(letter):04x}" for letter in key).join(('{"error": {"message": "', '"}}')).encode()]
    )
    yield Scripted(200, {}, [json.dumps({"error": {"message": quoted, "code": key}}).encode()])
    yield Scripted(200, {}, [f"<html>{key}</html>".encode()])
    yield Scripted(200, {}, [f'{{"{key}": '.encode()])
    yield Scripted(400, {}, [f'{{"error": "{key}'.encode()], "truncated")
    yield Scripted(200, {}, [f'{{"error": "{key}'.encode()], "reset")
    yield Scripted(302, {"location": f"https://elsewhere.test/?key={key}"}, [])


def streams(key: str) -> Iterator[Scripted]:
    """Streams that break with words that quote the key."""
    quoted = f"Incorrect API key provided: {key}. You asked: {PROMPT}"
    yield streamed(
        [start(), delta("x"), error_frame(quoted, "server_error", code=key)], headers={"x-request-id": key, "x-echo": key}
    )
    yield streamed([start(), delta(f"echo {key}"), error_frame(quoted)])
    yield streamed([start(), delta("x"), sse("{" + key)])
    yield streamed([start(), delta("x"), key.encode()], "truncated", headers={"x-echo": f"Bearer {key}"})


def told(error: BaseException) -> str:
    """All that an error can show of itself."""
    shown: list[str] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None:
            continue
        shown += [str(one), repr(one), repr(one.args), repr(vars(one)), *traceback.format_exception(one)]
        shown += traceback.TracebackException.from_exception(one, capture_locals=True).format()
        left += [one.__cause__, one.__context__, *getattr(one, "errors", ())]
    shown.append(repr(pickle.dumps(error)))
    partial = getattr(error, "partial", None)
    shown.append(repr(partial) + repr(getattr(partial, "message", None)) + repr(getattr(partial, "headers", None)))
    return "\n".join(shown)


def spellings(key: str) -> set[str]:
    return {key, json.dumps(key)[1:-1], json.dumps(key).replace("/", "\\/")[1:-1], repr(key)[1:-1]}


def leaks(key: str, shown: str) -> list[str]:
    """The lines that hold the key."""
    return [line for line in shown.splitlines() if any(one in line for one in spellings(key))]


def failure(io: World, asked: Call) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        io.run(drain(io, asked) if asked.request.stream else engine.generate(io, asked))
    return caught.value


async def drain(io: World, asked: Call) -> None:
    """Reads a stream and keeps nothing of it: what a caller keeps in his variables is his."""
    live = LiveStream(io, asked)
    while await live.batch():
        pass


@pytest.mark.parametrize("key", [KEY, AWKWARD])
@pytest.mark.parametrize("stream", [False, True])
def test_no_error_holds_the_key(world: MakeIO, key: str, stream: bool) -> None:
    for reply in shapes(key):
        io, book = world([reply] * 3), Book()
        asked = (stream_call if stream else call)(wire(key=key), observers=(book,))
        error = failure(io, asked)
        shown = told(error) + repr(book.ends) + repr(book.attempts) + repr(asked)
        assert not leaks(key, shown)


@pytest.mark.parametrize("key", [KEY, AWKWARD])
def test_no_interruption_holds_the_key(world: MakeIO, key: str) -> None:
    for reply in streams(key):
        io = world([reply])
        error = failure(io, stream_call(wire(key=key)))
        assert isinstance(error, StreamInterruptedError)
        shown = told(error)
        assert not leaks(key, shown)


def test_each_of_several_failures_is_without_its_key(world: MakeIO) -> None:
    keys = [f"sk-{name}-0123456789abcdef" for name in ("one", "two")]
    io = world([failed(401, f"bad {key}") for key in keys])
    error = failure(io, call(*(wire(f"p{n}", key=key) for n, key in enumerate(keys))))
    assert isinstance(error, AllTargetsFailedError)
    shown = told(error)
    assert "bad ***" in shown
    assert not [key for key in keys if key in shown]


@pytest.mark.parametrize("stream", [False, True])
def test_quiet_leaves_the_providers_words_out(world: MakeIO, stream: bool) -> None:
    replies = [*shapes(KEY), *(streams(KEY) if stream else ())]
    for reply in replies:
        io = world([reply] * 3)
        error = failure(io, (stream_call if stream else call)(errors="quiet"))
        assert error.provider_message is None
        for one in (error, error.__cause__):
            assert PROMPT not in str(one)
            assert PROMPT not in repr(one)
    loud = failure(world([failed(400, f"You asked: {PROMPT}")]), call())
    assert f"You asked: {PROMPT}" in str(loud)


def test_a_reply_that_quotes_nothing_is_left_alone(world: MakeIO) -> None:
    io = world([chat("sk- is how keys begin")])
    assert io.run(engine.generate(io, call())).text == "sk- is how keys begin"


def test_reprs_hold_no_key() -> None:
    target = wire()
    assert isinstance(target, Wire)
    assert KEY not in repr(target) + repr(call(target)) + repr(vars(type(target))) + repr(target.secret) + str(target.secret)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(target)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(call(target))


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h", "/v1/messages", "http://h/v1/messages"),
        ("http://h/v1", "/v1/messages", "http://h/v1/messages"),
        ("http://h/v1", "/chat", "http://h/v1/chat"),
        ("http://h/v1", "chat", "http://h/v1/chat"),
        ("http://h/x/v2", "/v1/messages", "http://h/x/v2/v1/messages"),
        ("http://h/models", "/models", "http://h/models/models"),
        ("http://v1", "/v1/messages", "http://v1/v1/messages"),
    ],
)
def test_a_version_that_both_name_stands_once(base: str, path: str, url: str) -> None:
    assert join_url(base, path) == url
