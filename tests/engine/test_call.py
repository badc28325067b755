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
from trunkline.engine.call import NO_HOOKS, Call, Hooks, Limits, dress, refuse_losses, said, seconds, without_key
from trunkline.engine.destination import Own, Wire, join_url
from trunkline.engine.stream import LiveStream
from trunkline.policy.retry import RetryPolicy
from trunkline.ports import INFINITY
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import AllTargetsFailedError, ProviderError, StreamInterruptedError, UsageError
from trunkline.values.headers import Headers
from trunkline.values.message import Message, Reasoning, Text, ToolCall
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning

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


# --- a call by itself -------------------------------------------------------------------------------------------------


def test_what_holds_where_nothing_is_said() -> None:
    assert Limits() == Limits(
        connect=5.0, connect_with_fallback=1.5, first_byte=None, first_token=None, slowest=None, idle=120.0, total=600.0,
        retry=RetryPolicy(), max_line=67_108_864,
    )  # fmt: skip
    assert Hooks() == NO_HOOKS == Hooks(before=None, after=None, on_error=None, on_event=None)
    request = Request(model="x", messages=())
    assert Call(request=request, plan=()) == Call(
        request=request, plan=(), limits=Limits(), hooks=NO_HOOKS, observers=(), parse=None, strict=False, errors="full",
        memory=None, warnings=(), hedge=None, carries_on=False, last_resort=None,
    )  # fmt: skip
    for kind in (Limits, Hooks, Call):
        assert kind.__struct_config__.frozen
        with pytest.raises(TypeError, match="positional"):
            kind(1)  # type: ignore[call-arg, arg-type]
    assert repr(call(wire("p2"))) == "Call((Wire(p2/m),))"


def test_no_deadline_is_one_that_never_comes() -> None:
    assert (seconds(None), seconds(0.0), seconds(2.5)) == (INFINITY, 0.0, 2.5)


@pytest.mark.parametrize("tier", [None, "flex"])
def test_what_has_been_said_is_dropped_but_for_what_it_costs(tier: str | None) -> None:
    asked = call(wire("p2"), retries=7, request={"service_tier": tier, "max_tokens": 5})
    assert said(asked).request == Request(model="", messages=(), service_tier=tier)
    assert (said(asked).plan, said(asked).limits) == (asked.plan, asked.limits)


def test_losses_are_refused_where_they_are_not_wanted() -> None:
    lost = tuple(Warning("dropped", name, "why") for name in ("a", "b"))
    refuse_losses(call(), lost)
    refuse_losses(call(strict=True), ())
    with pytest.raises(UsageError) as caught:
        refuse_losses(call(strict=True), lost)
    assert caught.value.field == "a"
    assert str(caught.value) == f"a: {lost[0]}; {lost[1]} (strict=True)"


def reply(text: str) -> Response:
    return Response(
        message=Message.assistant(Text(text), Reasoning(text), ToolCall("c1", text, "{}")), id=text, model=text, request_id=text,
        finish_reason="stop", headers=Headers((("x-a", text), ("x-b", "c"))),
    )  # fmt: skip


def test_a_response_is_cleaned_wherever_the_key_may_stand() -> None:
    assert without_key(reply(f"a {KEY} b"), wire()) == reply("a *** b")
    whole = reply(KEY)
    assert without_key(whole, Own(object())) is whole  # type: ignore[arg-type]
    bare = Response(message=Message.assistant("x"))
    assert without_key(bare, wire()) == bare


def test_an_error_is_told_whose_it_is_and_cleaned() -> None:
    error = StreamInterruptedError(f"a {KEY} b", provider_message=f"it is {KEY}", partial=reply(KEY))
    error.retry_after = 5.0
    dress(error, wire("p2"), call())
    assert (error.provider, error.model, error.provider_message) == ("p2", "m", "it is ***")
    assert (error.args, error.retry_after) == (("a *** b",), 5.0)
    assert error.partial == reply("***")
    dress(error, wire("p3", model="other"), call(errors="quiet"))
    assert (error.provider, error.model, error.provider_message) == ("p2", "m", None)
    own = ProviderError("no", provider_message="its words")
    dress(own, Own(object(), "mine"), call())  # type: ignore[arg-type]
    assert (own.provider, own.model, own.provider_message) == ("mine", None, "its words")
    cut = StreamInterruptedError("cut")
    dress(cut, wire(), call())
    assert cut.partial is None
