"""What a model can be shown, from both clients, in every protocol, against the simulator."""

from __future__ import annotations

import asyncio
import gzip
import io as files
import math
from base64 import b64encode
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Loopback
from trunkline import AsyncClient, Client, Data, File, Image, Message, Response, Settings, Text, UsageError
from trunkline.sim import Simulator
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO

PNG = b"\x89PNG\r\n\x1a\n and so on"
PDF = b"%PDF-1.7 and so on"
DATA = b64encode(PNG)
AS_URL = b'"data:image/png;base64,' + DATA + b'"'
SHOWN = {
    "openai-chat": b'{"type":"image_url","image_url":{"url":' + AS_URL + b"}}",
    "openai-responses": b'{"type":"input_image","detail":"auto","image_url":' + AS_URL + b"}",
    "anthropic-messages": b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"' + DATA + b'"}}',
    "gemini": b'{"inlineData":{"mimeType":"image/png","data":"' + DATA + b'"}}',
    "bedrock-converse": b'{"image":{"format":"png","source":{"bytes":"' + DATA + b'"}}}',
    "cohere": b'{"type":"image_url","image_url":{"url":' + AS_URL + b"}}",
    "ollama": b'"images":["' + DATA + b'"]',
}
"""A picture as each protocol says it."""
BOMB = gzip.compress(bytes(51 << 20), 1)
BYTES_ONLY = {"bedrock-converse", "ollama"}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(speed=math.inf) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def host() -> Iterator[Loopback]:
    """Where pictures are."""

    def answer(asked: Any) -> Scripted:
        if asked.path == "/moved":
            return Scripted(302, {"Location": "file:///etc/passwd"})
        if asked.path == "/bomb":
            return Scripted(200, {"content-encoding": "gzip"}, BOMB)
        if asked.path == "/short":
            return Scripted(200, {}, PNG, end="truncated")
        return Scripted(200, {"content-type": "application/octet-stream"}, PNG)

    with Loopback(answer) as loopback:
        yield loopback


def ask(kind: str, sim: Simulator, dialect: str, prompt: Any, **options: Any) -> tuple[Response, bytes]:
    """The reply of one call, and what the simulator was sent."""
    where: dict[str, Any] = {
        "base_url": sim.base_url(dialect),
        "settings": Settings({}),
        "api_key": "sk-not-for-anybody-else",
        **options,
    }
    before = len(sim.requests)

    async def main() -> Response:
        async with AsyncClient(f"{dialect}/m", **where) as llm:
            if kind.endswith("stream"):
                async with llm.stream(prompt) as stream:
                    async for _ in stream:
                        pass
                return stream.response
            return await llm.generate(prompt)

    if kind.startswith("async"):
        reply = asyncio.run(main())
    else:
        with Client(f"{dialect}/m", **where) as llm:
            if kind.endswith("stream"):
                with llm.stream(prompt) as stream:
                    for _ in stream:
                        pass
                reply = stream.response
            else:
                reply = llm.generate(prompt)
    (recorded,) = sim.requests[before:]
    return reply, recorded.http.body


@pytest.mark.parametrize("kind", ["blocking", "async stream"])
@pytest.mark.parametrize("dialect", SHOWN)
def test_a_picture_by_bytes_by_path_and_from_an_open_file(sim: Simulator, tmp_path: Path, dialect: str, kind: str) -> None:
    path = tmp_path / "misnamed.jpg"
    path.write_bytes(PNG)
    for image in (Image.bytes(PNG), Image.file(path), Image.file(str(path)), Image.file(files.BytesIO(PNG))):
        reply, body = ask(kind, sim, dialect, ["What is this?", image])
        assert SHOWN[dialect] in body
        assert b"What is this?" in body
        assert reply.warnings == ()


@pytest.mark.parametrize("kind", ["blocking stream", "async"])
@pytest.mark.parametrize("dialect", SHOWN)
def test_a_picture_by_its_address(sim: Simulator, host: Loopback, dialect: str, kind: str) -> None:
    url, before = f"{host.url}/a.png", len(host.asked)
    reply, body = ask(kind, sim, dialect, ["What is this?", Image.url(url)], fetch_urls="private")
    asked = host.asked[before:]
    assert reply.warnings == ()
    if dialect not in BYTES_ONLY:
        assert (url.encode() in body, asked) == (True, [])
        return
    assert SHOWN[dialect] in body
    (request,) = asked
    assert (request.method, request.path, request.body) == ("GET", "/a.png", b"")
    assert sorted(request.headers) == ["accept", "accept-encoding", "host", "user-agent"]
    assert request.headers["host"] == host.url.removeprefix("http://")


@pytest.mark.parametrize("kind", ["blocking", "async"])
@pytest.mark.parametrize(("path", "allowed", "got"), [("/a.png", True, "http:"), ("/moved", "private", "file:")])
def test_what_is_not_fetched(sim: Simulator, host: Loopback, kind: str, path: str, allowed: Any, got: str) -> None:
    before = len(sim.requests)
    with pytest.raises(UsageError, match=f"an address that is not fetched; got {got}") as caught:
        ask(kind, sim, "ollama", ["?", Image.url(f"{host.url}{path}")], fetch_urls=allowed)
    assert caught.value.field == "messages[0].parts[1].source.url"
    assert len(sim.requests) == before


@pytest.mark.parametrize("kind", ["blocking", "async"])
@pytest.mark.parametrize(("path", "words"), [("/bomb", "too large to be fetched"), ("/short", "could not be fetched")])
def test_what_comes_is_read_as_far_as_it_may_be(sim: Simulator, host: Loopback, kind: str, path: str, words: str) -> None:
    before = len(sim.requests), len(host.asked)
    with pytest.raises(UsageError, match=words):
        ask(kind, sim, "ollama", Image.url(f"{host.url}{path}"), fetch_urls="private")
    assert (len(sim.requests), len(host.asked)) == (before[0], before[1] + 1)


def test_names_that_lead_to_this_machine_are_not_fetched_unless_somebody_says_so(sim: Simulator) -> None:
    with pytest.raises(UsageError, match="leads into a private network"):
        ask("blocking", sim, "ollama", Image.url("https://localhost/a.png"))


def test_nothing_is_fetched_where_nobody_wants_it(sim: Simulator, host: Loopback) -> None:
    before = len(host.asked)
    reply, _ = ask("blocking", sim, "ollama", ["?", Image.url(f"{host.url}/a.png")], fetch_urls=False)
    assert [warning.field for warning in reply.warnings] == ["messages.image"]
    assert len(host.asked) == before


@pytest.mark.parametrize("value", ["public", 1, [], "yes"])
def test_what_may_be_said_of_fetching(value: Any) -> None:
    with pytest.raises(UsageError, match="fetch_urls"):
        Client("ollama/m", fetch_urls=value)


def test_a_program_is_shown_bytes() -> None:
    says = b'{"type":"result","subtype":"success","is_error":false,"result":"a cat","stop_reason":"end_turn"}\n'
    io = ScriptedIO([Scripted(200, {}, PNG)], processes=[Scripted(200, {}, says)])
    with Client("claude-cli/sonnet", io=io, settings=Settings({"PATH": "/bin"}), fetch_urls="private") as llm:
        assert llm.generate(["What is this?", Image.url("https://h.test/a.png")]).text == "a cat"
    assert DATA in io.exchanges[-1].request.stdin  # type: ignore[union-attr]
    assert io.requests[0].address == "127.0.0.1"


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "bedrock-converse"])
def test_a_document_goes_under_its_name(sim: Simulator, tmp_path: Path, dialect: str) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(PDF)
    _, body = ask("blocking", sim, dialect, ["Sum up", File.file(path)])
    assert b64encode(PDF) in body
    assert b"report" in body


def test_text_and_parts_in_any_order_are_one_turn() -> None:
    parts: list[Any] = ["What", Text("is"), Image.bytes(PNG), File.bytes(PDF)]
    for order in permutations(parts):
        (message,) = _messages(list(order))
        assert message == Message.user(*order)
    assert _messages([Image.bytes(PNG)]) == (Message.user(Image.bytes(PNG)),)
    assert _messages(Image.bytes(PNG)) == (Message.user(Image.bytes(PNG)),)


def _messages(prompt: Any) -> tuple[Message, ...]:
    heard: list[tuple[Message, ...]] = []
    io = ScriptedIO(Scripted.of("ok"))
    with Client(
        "openai-chat/m", base_url="http://h.test", io=io, settings=Settings({}), before=lambda r: heard.append(r.messages)
    ) as llm:
        llm.generate(prompt)
    return heard[0]


@pytest.mark.parametrize("text", ["a.png", "/etc/passwd", "file:///etc/passwd", "http://h.test/a.png"])
def test_strings_in_dicts_are_never_paths(text: str) -> None:
    prompt = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": text}}]}]
    with pytest.raises(UsageError, match="not an address that may stand here"):
        Client("openai-chat/m", base_url="http://h.test", io=ScriptedIO(), settings=Settings({})).generate(prompt)


def test_what_is_too_much_for_one_goes_to_another() -> None:
    io = ScriptedIO([Scripted.of("seen", dialect="gemini")])
    keys = Settings({"ANTHROPIC_API_KEY": "sk-ant-0123456789", "GEMINI_API_KEY": "AIza0123456789"})
    image = Image(Data(b"BM", "image/bmp"))
    with Client("anthropic/claude-opus-5", io=io, settings=keys) as llm:
        with pytest.raises(
            UsageError, match=r"messages\[0\]\.parts\[1\]: anthropic/claude-opus-5 takes no such pictures; got image/bmp"
        ):
            llm.generate(["?", image])
        assert io.requests == []
        reply = llm.generate(["?", image], fallbacks=["gemini/gemini-3.8-flash"])
    assert (reply.text, reply.provider, [attempt.asked for attempt in reply.attempts]) == ("seen", "gemini", [False, True])
