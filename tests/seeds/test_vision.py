"""System D: answers about pictures, in every form in which an application holds one."""

from __future__ import annotations

import asyncio
import io
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trunkline
from tests.seeds.azure import CTX, WORDS, ask, bodies, mini
from trunkline import AsyncClient, Data, Image, UnsupportedOperationError, UsageError
from trunkline.compat.core.llms import BaseLLM, ILLMBackend, LLMResponse
from trunkline.sim import Simulator
from trunkline.sim.scripted_io import ScriptedIO

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
JPEG = b"\xff\xd8\xff\xe0" + b"rest"
HERE = f"data:image/png;base64,{b64encode(PNG).decode()}"
THERE = "https://example.com/img.jpg"
FORMS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an address": (lambda path: THERE, THERE),
    "a data: URL": (lambda path: HERE, HERE),
    "base64": (lambda path: b64encode(PNG).decode(), HERE),
    "base64 in lines": (lambda path: "\n".join(b64encode(PNG).decode()[i : i + 6] for i in range(0, 16, 6)), HERE),
    "bytes": (lambda path: PNG, HERE),
    "a bytearray": (lambda path: bytearray(PNG), HERE),
    "a path": (lambda path: path, HERE),
    "an open file": (lambda path: io.BytesIO(PNG), HERE),
    "an Image of a path": (Image.file, HERE),
    "an Image of an open file": (lambda path: Image.file(io.BytesIO(PNG)), HERE),
    "an Image of bytes": (lambda path: Image.bytes(PNG), HERE),
    "an Image of an address": (lambda path: Image.url(THERE), THERE),
    "a dict": (lambda path: {"type": "image_url", "image_url": {"url": THERE}}, THERE),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a picture.png"
    made.write_bytes(PNG)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_pictures_in_every_form(form: str, path: Path, east: Simulator) -> None:
    make, url = FORMS[form]
    answer = ask(mini(east), lambda llm: llm.get_answer_with_vision(prompt="What?", images=[make(path)], ctx=CTX, max_tokens=9))
    assert answer.content == "".join(WORDS)
    [sent] = bodies(east)
    shown = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    assert sent == {"messages": [{"role": "user", "content": shown}], "max_completion_tokens": 9}
    request = east.requests[0].request
    assert request is not None
    [_, read] = request.messages[0].parts
    assert isinstance(read, Image)
    assert read.source == (Data(PNG, "image/png") if url == HERE else trunkline.Url(THERE))


def test_several_pictures_one_alone_and_how_closely_they_are_looked_at(path: Path, east: Simulator) -> None:
    async def act(llm: Any) -> None:
        await llm.get_answer_with_vision("What?", (path, JPEG, Image.file(path, detail="low")), CTX)
        await llm.get_answer_with_vision("What?", THERE)
        await llm.get_answer_with_vision("What?", PNG)
        await llm.get_answer_with_vision("What?", [])

    ask(mini(east), act)
    shown = [[part.get("image_url") for part in sent["messages"][0]["content"][1:]] for sent in bodies(east)]
    jpeg = f"data:image/jpeg;base64,{b64encode(JPEG).decode()}"
    assert shown == [[{"url": HERE}, {"url": jpeg}, {"url": HERE, "detail": "low"}], [{"url": THERE}], [{"url": HERE}], []]


@pytest.mark.parametrize(
    "wrong", ["photo.png", "/etc/hostname", "file:///etc/hostname", "", Path("nowhere.png"), Path("/"), b"text", 5, None]
)
def test_what_is_no_picture_is_refused_before_anything_is_sent(wrong: Any, east: Simulator) -> None:
    with pytest.raises(UsageError):
        ask(mini(east), lambda llm: llm.get_answer_with_vision("What?", [wrong], CTX))
    assert not east.requests


def test_the_error_says_which_and_what_may_stand_there(east: Simulator) -> None:
    with pytest.raises(UsageError, match=r"images\[1\].*pathlib\.Path"):
        ask(mini(east), lambda llm: llm.get_answer_with_vision("What?", [PNG, "photo.png"], CTX))


def test_a_class_of_ones_own_is_asked_with_pictures_too() -> None:
    """By its own helper, and by the library, which reads the file before."""
    heard: list[Any] = []

    class Mine(BaseLLM):
        async def get_answer(self, messages: Any, ctx: Any = None, **kwargs: Any) -> LLMResponse:
            heard.append(messages)
            return LLMResponse("a cat")

        async def stream_answer(self, messages: Any, ctx: Any = None, **kwargs: Any) -> Any: ...

    llm = AsyncClient(ILLMBackend(Mine()), io=ScriptedIO([], blocking=False))
    assert asyncio.run(Mine().get_answer_with_vision("What?", [PNG], CTX)).content == "a cat"
    assert asyncio.run(llm.generate(["What?", Image.bytes(PNG)])).text == "a cat"
    assert heard[0] == heard[1]
    with pytest.raises(UnsupportedOperationError, match="FileId"):
        asyncio.run(llm.generate(["What?", Image(trunkline.FileId("f1"))]))
