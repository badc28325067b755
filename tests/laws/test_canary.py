"""A marked key and a marked prompt, sent through everything: where they may turn up, and where never.

The key: nowhere, even where a provider's error quotes it. The prompt: in values, and in the words of a provider that quoted
it, unless ``errors="quiet"``; never in a log record.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.laws.wires import context
from tests.loopback import Asked, Loopback
from tests.replies import chat_body, delta, finish, start, streamed
from trunkline import AsyncClient, Client
from trunkline.client.settings import Settings
from trunkline.dialects.dialect import Framing
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.sim.scripted import Scripted
from trunkline.values import errors as all_errors
from trunkline.values.errors import AllTargetsFailedError, ProviderError, ServerError, StreamInterruptedError, TrunklineError
from trunkline.values.events import Start, TextDelta
from trunkline.wire.aws_event_stream import encode_frame

KEY = 'sk-ca+n/a<r>y&-"0123\\456789=abcdefghij'
PLAIN_KEY = "sk-canary-0123456789abcdefghij"
PROMPT = "canary prompt 7f3a, said by a person"
KINDS: list[Any] = [Client, AsyncClient]
KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")


def spellings(key: str) -> set[str]:
    """The key plain, and as JSON, HTML and Python write it."""
    quoted = json.dumps(key)[1:-1]
    return {key, quoted, quoted.replace("/", "\\/"), repr(key)[1:-1], repr(key.encode())[2:-1]}


def quoting(key: str) -> str:
    return f"Incorrect API key provided: {key}. The request said: {PROMPT}"


def bodies(key: str) -> Iterator[tuple[bytes, str]]:
    """Error bodies that quote the key and the prompt, and their content type."""
    words = quoting(key)
    yield json.dumps({"error": {"message": words, "type": "x", "code": "y"}}).encode(), "application/json"
    yield json.dumps({"type": "error", "error": {"type": "api_error", "message": words}}).encode(), "application/json"
    yield json.dumps({"error": words}).replace("/", "\\/").encode(), "application/json"
    yield json.dumps({"detail": [{"msg": words, "loc": [key], "input": key}]}).encode(), "application/json"
    yield json.dumps({"error": {"message": "no", "type": key, "code": key, "param": key}}).encode(), "application/json"
    yield f"<html><head><title>{words}</title></head><body>{words}</body></html>".encode(), "text/html"
    yield words.encode(), "text/plain"


def refusals(key: str) -> Iterator[Scripted]:
    for status in (400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529):
        for body, kind in bodies(key):
            yield Scripted(status, {"content-type": kind, "x-request-id": f"req-{key}", "x-echo": f"Bearer {key}"}, [body])
    yield Scripted(200, {}, [json.dumps({"error": {"message": quoting(key), "code": key}}).encode()])
    yield Scripted(200, {}, [f"<html>{quoting(key)}".encode()])
    yield Scripted(500, {}, [f'{{"error": "{key}'.encode()], "truncated")
    yield Scripted(200, {"x-echo": key}, [f'{{"error": "{key}'.encode()], "reset")
    yield Scripted(reset_head=True)


def few(replies: Iterator[Scripted], *chosen: object) -> Iterator[Scripted]:
    """A quarter of ``replies``, another one for every choice: all combinations have them all."""
    return islice(replies, crc32(repr(chosen).encode()) % 4, None, 4)


def interruptions(key: str, dialect: str) -> Iterator[Scripted]:
    half, asked = dialect_of(dialect), context(dialect, stream=True)
    encoder = half.event_encoder(asked)
    begin = encoder.push(Start("r", "m")) + encoder.push(TextDelta("words"))
    begin += encoder.push(TextDelta(" and more"))
    bad = encoder.error(ServerError("no", provider_message=quoting(key), code=key))
    alone = half.event_encoder(asked).error(ServerError("no", provider_message=quoting(key), code=key))
    unread, unknown = (framed(half.framing, data) for data in (b"{" + key.encode(), json.dumps({"type": "?", "x": key}).encode()))
    headers = {**dict(half.stream_headers(asked)), "x-echo": f"Bearer {key}", "request-id": key}
    yield Scripted(200, headers, [begin, bad])
    yield Scripted(200, headers, [begin + bad])
    yield Scripted(200, headers, [begin, unread])
    yield Scripted(200, headers, [begin, unknown[:-2]], "truncated")
    yield Scripted(200, headers, [alone])


def framed(framing: Framing, data: bytes) -> bytes:
    """``data`` as a frame of a stream."""
    if framing is Framing.AWS_EVENT_STREAM:
        return encode_frame(data, "contentBlockDelta")
    return data + b"\n" if framing is Framing.JSON_LINES else b"data: " + data + b"\n\n"


def make(kind: Any, dialect: str, server: Loopback, key: str, **options: Any) -> Any:
    return kind(f"{dialect}/m", base_url=f"{server.url}/v1", api_key=key, settings=Settings({}), retries=0, **options)


def finished(llm: Any, work: Callable[[Any], Any]) -> BaseException | Any:
    """What the work gave, or the error that it raised; the client closed."""
    if isinstance(llm, Client):
        with llm:
            try:
                return work(llm)
            except TrunklineError as error:
                return error

    async def run() -> Any:
        async with llm:
            try:
                return await work(llm)
            except TrunklineError as error:
                return error

    return asyncio.run(run())


def generated(llm: Any) -> Any:
    return llm.generate(PROMPT)


def drained(llm: Any) -> Any:
    """Reads a stream and keeps none of it: what a caller keeps in his variables is his."""
    if isinstance(llm, Client):
        with llm.stream(PROMPT) as stream:
            for _ in stream:
                pass
        return stream.response

    async def run() -> Any:
        async with llm.stream(PROMPT) as stream:
            async for _ in stream:
                pass
        return stream.response

    return run()


def requested(llm: Any) -> Any:
    return llm.request("POST", "/anything", json={"said": PROMPT})


def listed(llm: Any) -> Any:
    return llm.models(live=True)


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and one not in seen:
            seen.append(one)
            yield one
            left += [one.__cause__, one.__context__, *getattr(one, "errors", ())]


def shown(error: BaseException) -> str:
    """Everything that an error can be made to show: words, facts, pickle, and the variables of every frame but this file's."""
    said: list[str] = []
    for one in chain(error):
        said += [str(one), repr(one), repr(one.args), repr(vars(one)), repr(getattr(one, "__notes__", ""))]
        for frame in traceback.TracebackException.from_exception(one, capture_locals=True).stack:
            if frame.filename != __file__:
                said += [f"{frame.name}: {name} = {value}" for name, value in (frame.locals or {}).items()]
        if isinstance(one, TrunklineError):
            said += [repr(pickle.dumps(one)), str(pickle.loads(pickle.dumps(one)))]
        if (partial := getattr(one, "partial", None)) is not None:
            said += [repr(partial), repr(partial.headers.pairs), repr(partial.raw), repr(partial.message)]
    return "\n".join(said)


def leaks(text: str, key: str) -> list[str]:
    return [line[:300] for line in text.splitlines() if any(one in line for one in spellings(key))]


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """All that was logged, by anybody, at any level."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "trunkline"):
        yield lambda: "\n".join(f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records)


# --- success ----------------------------------------------------------------------------------------------------------


def answer(dialect: str) -> Callable[[Asked], Scripted]:
    def reply(asked: Asked) -> Scripted:
        streaming = b'"stream":true' in asked.body or "stream" in asked.path.lower()
        return Scripted.of("hello", dialect=dialect, stream=streaming)

    return reply


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_success(kind: Any, dialect: str, records: Callable[[], str]) -> None:
    with Loopback(answer(dialect)) as server:
        for work in (generated, drained):
            response = finished(make(kind, dialect, server, KEY), work)
            assert response.text == "hello"
            told = (
                repr(response) + str(response) + repr(pickle.dumps(response)) + repr(response.headers.pairs) + repr(response.raw)
            )
            assert not leaks(told, KEY)
            assert PROMPT not in told
        assert all(any(KEY in asked.headers.get(name, "") for name in KEY_HEADERS) for asked in server.asked)
    assert "answered" in records()
    assert not leaks(records(), KEY)
    assert PROMPT not in records()


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY], ids=["awkward", "plain"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_refusal(kind: Any, dialect: str, key: str, records: Callable[[], str]) -> None:
    current = Scripted()
    classes = set()
    with Loopback(lambda _: current) as server:
        for current in few(refusals(key), kind, dialect, key):
            for work in (generated, drained, requested, listed):
                got = finished(make(kind, dialect, server, key), work)
                if work in (requested, listed) and not isinstance(got, BaseException):
                    continue  # these take what the provider says as it is
                assert isinstance(got, ProviderError), current
                classes.add(type(got).__name__)
                assert not leaks(shown(got), key), current
    assert {
        "AuthenticationError",
        "RateLimitError",
        "ServerError",
        "NotFoundError",
        "InvalidRequestError",
        "OverloadedError",
    } <= classes
    assert not leaks(records(), key)
    assert PROMPT not in records()


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY], ids=["awkward", "plain"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_interruption(kind: Any, dialect: str, key: str, records: Callable[[], str]) -> None:
    current = Scripted()
    interrupted = 0
    with Loopback(lambda _: current) as server:
        for current in interruptions(key, dialect):
            error = finished(make(kind, dialect, server, key), drained)
            assert isinstance(error, ProviderError)
            interrupted += isinstance(error, StreamInterruptedError)
            assert not leaks(shown(error), key)
    assert interrupted >= 4
    assert not leaks(records(), key)
    assert PROMPT not in records()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_quiet_errors_quote_nobody(kind: Any, dialect: str) -> None:
    current = Scripted()
    quoted = 0
    with Loopback(lambda _: current) as server:
        for quiet in (True, False):
            for current in [*few(refusals(PLAIN_KEY), kind, dialect), *interruptions(PLAIN_KEY, dialect)]:
                options: dict[str, Any] = {"errors": "quiet"} if quiet else {}
                error = finished(make(kind, dialect, server, PLAIN_KEY, **options), drained)
                assert isinstance(error, ProviderError)
                words = "".join(str(one) + repr(one) + repr(one.args) + repr(vars(one)) for one in chain(error))
                quoted += PROMPT in words
                assert not (quiet and PROMPT in words)
    assert quoted > 10, "and loud ones do"


@pytest.mark.parametrize("kind", KINDS)
def test_several_targets_that_fail(kind: Any) -> None:
    reply = Scripted(404, {}, [json.dumps({"error": {"message": quoting(PLAIN_KEY)}}).encode()])
    with Loopback(reply) as server:
        error = finished(make(kind, "openai-chat", server, PLAIN_KEY, fallbacks=["openai-chat/other"]), generated)
    assert isinstance(error, AllTargetsFailedError)
    assert not leaks(shown(error), PLAIN_KEY)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listens(kind: Any) -> None:
    with Loopback(Scripted()) as server:
        pass
    error = finished(make(kind, "openai-chat", server, KEY), generated)
    assert isinstance(error, ProviderError)
    assert not leaks(shown(error), KEY)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_misuse(kind: Any, dialect: str) -> None:
    with Loopback(Scripted()) as server:
        for options in ({"temperature": 9}, {"nonsense": 1}, {"tools": [object()]}, {"timeout": "x"}, {"stop": 5}):
            llm = make(kind, dialect, server, KEY)
            error = finished(llm, lambda llm, said=options: llm.generate(PROMPT, **said))
            assert isinstance(error, TrunklineError)
            assert not leaks(shown(error), KEY)
            assert PROMPT not in str(error) + repr(error) + repr(vars(error))
        assert not server.asked


def test_every_class_of_error_pickles_without_a_key() -> None:
    for kind in vars(all_errors).values():
        if isinstance(kind, type) and issubclass(kind, ProviderError):
            error = kind("message", provider_message=f"your key {PLAIN_KEY} is bad")
            assert not leaks(shown(error), PLAIN_KEY)


# --- whatever can be reached ------------------------------------------------------------------------------------------


def reachable(root: object) -> Iterator[object]:
    """Every object of ours that can be reached through attributes, containers and closures."""
    seen: set[int] = set()
    left: list[object] = [root]
    kept: list[object] = []
    while left:
        one = left.pop()
        if (
            id(one) in seen
            or isinstance(one, str | bytes | int | float | type | None)
            or callable(getattr(one, "__code__", None))
        ):
            continue
        seen.add(id(one))
        kept.append(one)
        if type(one).__module__.startswith("trunkline"):
            yield one
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            left += one
        else:
            left += vars(one).values() if hasattr(one, "__dict__") else ()
            names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ()) or ()]
            left += [getattr(one, name, None) for name in names]
            left += [cell.cell_contents for cell in getattr(one, "__closure__", None) or ()]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_reprs_and_pickles_of_everything_that_can_be_reached(kind: Any, dialect: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"MISTRAL_API_KEY={PLAIN_KEY}\n")
    (tmp_path / "trunkline.toml").write_text(f'[providers.xai]\napi_key = "{PLAIN_KEY}"\n')
    settings = Settings.load(tmp_path, {"GROQ_API_KEY": PLAIN_KEY, "OPENAI_API_KEY": PLAIN_KEY})
    with Loopback(answer(dialect)) as server:
        llm = kind(
            f"{dialect}/m", base_url=server.url, api_key=PLAIN_KEY, settings=settings,
            fallbacks=["mistral/x", "xai/x", "groq/x", "openai/gpt-5.4"],
        )  # fmt: skip
        stream = llm.stream(PROMPT)

        def work(llm: Any) -> Any:
            return (
                (llm.generate(PROMPT), llm.health(ask=False))
                if kind is Client
                else asyncio.gather(llm.generate(PROMPT), llm.health(ask=False))
            )

        async def awaited(llm: Any) -> Any:
            return await work(llm)

        things = [*finished(llm, work if kind is Client else awaited), llm, stream, settings]
        kinds = set()
        for thing in things:
            for one in reachable(thing):
                kinds.add(type(one).__name__)
                assert not leaks(repr(one) + str(one), PLAIN_KEY), type(one)
                try:
                    pickled = pickle.dumps(one)
                except (TypeError, AttributeError, pickle.PicklingError):
                    continue
                if type(one).__name__ not in CARRIERS:
                    assert not leaks(repr(pickled), PLAIN_KEY), type(one)
    assert {"Wire", "Secret", "Settings", "Calls", "Destinations", "Call", "Request", "Headers"} <= kinds


# What holds a key because that is what it is for; nothing that is handed to a user leads to it but through private names.
CARRIERS = {"Headers"}


# --- the debug log ----------------------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys
import trunkline
prompt, url = sys.argv[1:]
async def main():
    async with trunkline.AsyncClient("openai/m", base_url=url, retries=1, timeout=5) as llm:
        for path in ("good", "bad", "cut"):
            try:
                async with llm.stream(prompt, extra_body={"user": path}) as stream:
                    async for event in stream: pass
            except trunkline.TrunklineError as error:
                print(type(error).__name__)
            try:
                await llm.generate(prompt, extra_body={"user": path})
            except trunkline.TrunklineError as error:
                print(type(error).__name__)
with trunkline.Client("openai/m", base_url=url, retries=1, timeout=5) as llm:
    llm.generate(prompt, top_k=5)
asyncio.run(main())
"""


def test_the_debug_log(tmp_path: Path) -> None:
    def reply(asked: Asked) -> Scripted:
        streaming, user = b'"stream":true' in asked.body, json.loads(asked.body).get("user")
        if user == "bad":
            return Scripted(401, {"x-request-id": "req_1"}, [json.dumps({"error": {"message": quoting(PLAIN_KEY)}}).encode()])
        if user == "cut":
            return streamed([start(), delta("x")] if streaming else [b"{"], "truncated")
        return streamed([start(), delta(PROMPT), finish()]) if streaming else Scripted(200, {}, [chat_body(PROMPT)])

    with Loopback(reply) as server:
        environment = {
            "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path), "PATH": os.environ["PATH"],
            "TRUNKLINE_LOG": "debug", "OPENAI_API_KEY": PLAIN_KEY, "PYTHONASYNCIODEBUG": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, PROMPT, f"{server.url}/v1"],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "AuthenticationError" in done.stdout
    assert "StreamInterruptedError" in done.stdout
    assert "trunkline DEBUG" in done.stderr
    assert "failed with AuthenticationError" in done.stderr
    assert not leaks(done.stderr, PLAIN_KEY)
    assert PROMPT not in done.stderr
