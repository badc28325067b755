"""The user's own files are read once, before anything is encoded; whatever is tried."""

from __future__ import annotations

import io as files
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.calls import Book, call
from tests.replies import chat, failed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.media import with_media
from trunkline.values.errors import UsageError
from trunkline.values.media import Data, LocalFile, Url
from trunkline.values.message import Audio, File, Image, Message, Text, ToolResult, Video
from trunkline.values.request import Request

MakeIO = Callable[..., World]
PNG = b"\x89PNG\r\n\x1a\n"


class Reader(files.BytesIO):
    """An open file that can be read once."""

    def __init__(self, data: bytes = PNG) -> None:
        super().__init__(data)
        self.reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def asked(*messages: Message) -> Request:
    return Request(model="x", messages=messages, max_tokens=7)


@pytest.fixture
def png(tmp_path: Path) -> str:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    return str(path)


def test_media_are_read_once_whatever_is_tried(world: MakeIO) -> None:
    reader = Reader()
    io = world([failed(500), failed(500), chat()])
    message = Message.user("look", Image(LocalFile(file=reader, media_type="image/png")))
    io.run(engine.generate(io, call(message=message)))
    assert (reader.reads, io.offloaded) == (1, 1)
    assert len({request.body for request in io.requests}) == 1
    assert b"iVBORw" in io.requests[2].body


def test_a_file_is_read_by_its_path(world: MakeIO, png: str) -> None:
    io = world([chat()])
    io.run(engine.generate(io, call(message=Message.user(Image(LocalFile(png))))))
    assert b"data:image/png;base64,iVBORw" in io.requests[0].body


@pytest.mark.parametrize(
    ("part", "name", "media_type"),
    [(Image, "a.png", "image/png"), (Audio, "a.wav", "audio/x-wav"), (Video, "a.mp4", "video/mp4"), (File, "a.csv", "text/csv")],
)
def test_each_kind_of_part_gets_its_bytes_and_keeps_the_rest(
    world: MakeIO, part: Any, name: str, media_type: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"1;2")
    path = str(tmp_path / name)
    io = world()
    before, after = Message.user("before"), Message.assistant("after")
    message = Message.user(Text("look"), part(LocalFile(path), cache=True), Image(Url("https://h.test/b.png")))
    request = asked(before, message, after)
    read = io.run(with_media(io, request))
    text, own, url = read.messages[1].parts
    assert own.source == Data(b"1;2", media_type)  # type: ignore[union-attr]
    assert own.cache is True  # type: ignore[union-attr]
    assert (text, url) == (message.parts[0], message.parts[2])
    assert (read.messages[0], read.messages[2]) == (before, after)
    assert read.messages[0] is before
    assert read.max_tokens == 7
    assert request.messages[1] is message
    assert message.parts[1].source == LocalFile(path)  # type: ignore[union-attr]


def test_a_tools_result_may_hold_files(world: MakeIO, png: str) -> None:
    io = world()
    result = ToolResult("c1", (Text("it is"), Image(LocalFile(png))))
    read = io.run(with_media(io, asked(Message("tool", (result,)))))
    inner = read.messages[0].parts[0]
    assert isinstance(inner, ToolResult)
    assert (inner.tool_call_id, inner.parts[0], inner.parts[1].source) == ("c1", Text("it is"), Data(PNG, "image/png"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "message",
    [
        Message.user("hello"),
        Message.user(Image(Data(b"x", "image/png"))),
        Message("tool", (ToolResult("c1", (Text("it is"), Image(Data(b"x", "image/png")))),)),
    ],
)
def test_where_there_is_no_file_nothing_is_made(world: MakeIO, message: Message) -> None:
    io = world()
    request = asked(message, message)
    assert io.run(with_media(io, request)) is request
    assert io.offloaded == 0


def test_a_file_beside_bytes_is_found(world: MakeIO, png: str) -> None:
    io = world()
    data = Image(Data(b"x", "image/png"))
    quiet = ToolResult("c0", (data,))
    read = io.run(with_media(io, asked(Message("tool", (quiet, ToolResult("c1", (data, Image(LocalFile(png)))))))))
    assert read.messages[0].parts[0] == quiet
    assert read.messages[0].parts[1].parts[1].source == Data(PNG, "image/png")  # type: ignore[union-attr]
    assert io.offloaded == 1


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (File(LocalFile("{}/deep/a.png")), "a.png"),
        (File(LocalFile("{}/deep\\b.png")), "b.png"),
        (File(LocalFile("{}/deep/a.png"), filename="mine"), "mine"),
        (File(LocalFile(file=Reader(), media_type="x/y")), None),
    ],
)
def test_a_file_has_the_name_of_its_path_unless_it_has_one(world: MakeIO, tmp_path: Path, file: File, name: str | None) -> None:
    (tmp_path / "deep").mkdir()
    for path in ("deep/a.png", "deep\\b.png"):
        (tmp_path / path).write_bytes(PNG)
    source = file.source
    assert isinstance(source, LocalFile)
    if source.file is not None:
        file = File(LocalFile(file=Reader(), media_type="x/y"))
    elif source.path is not None:
        file = File(LocalFile(source.path.format(tmp_path)), filename=file.filename)
    io = world()
    read = io.run(with_media(io, asked(Message.user(file)))).messages[0].parts[0]
    assert isinstance(read, File)
    assert read.filename == name


def test_a_type_that_is_given_goes_before_that_of_the_name(world: MakeIO, png: str) -> None:
    io = world()
    read = io.run(with_media(io, asked(Message.user(Image(LocalFile(png, media_type="image/webp"))))))
    assert read.messages[0].parts[0].source == Data(PNG, "image/webp")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("local", "field", "words"),
    [
        (LocalFile("/nowhere/at/all.png"), "LocalFile.path", "LocalFile.path: '/nowhere/at/all.png' cannot be read: No such file or directory"),
        (LocalFile("/nowhere/\0/at/all"), "LocalFile.path", "LocalFile.path: '/nowhere/\\x00/at/all' cannot be read: ValueError"),
        (LocalFile(file=files.BytesIO()), "LocalFile.file",
         "LocalFile.file: is empty (an open file may have been read before); got 0 bytes"),
        (LocalFile(file=files.BytesIO(b"?")), "LocalFile.file",
         "LocalFile.file: neither its bytes nor its name tell what it is; allowed: media_type='image/png', …"),
        (LocalFile(file=files.BytesIO(b"%PDF-1.7")), "LocalFile.file",
         "LocalFile.file: it is no picture; got application/pdf; allowed: File(…) for application/pdf"),
        (LocalFile(media_type="image/png"), "LocalFile", "LocalFile: neither path nor file is given"),
        (LocalFile(), "LocalFile", "LocalFile: neither path nor file is given"),
        (LocalFile(file=files.StringIO("text"), media_type="text/plain"), "LocalFile.file",
         "LocalFile.file: the file was opened as text; got str; allowed: mode 'rb'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent(
    world: MakeIO, local: LocalFile, field: str, words: str
) -> None:
    io, book = world(), Book()
    if local.file is not None:
        local.file.seek(0)  # it is the other world's too
    with pytest.raises(UsageError) as caught:
        io.run(engine.generate(io, call(message=Message.user(Image(local)), observers=(book,))))
    assert (caught.value.field, str(caught.value)) == (field, words)
    assert caught.value.__cause__ is None
    assert [end.how for end in book.ends] == ["error"]


def test_messages_of_wrong_types_are_named_by_their_place(world: MakeIO) -> None:
    io = world()
    with pytest.raises(UsageError, match=r"messages\[1\]"):
        io.run(with_media(io, asked(Message.user("x"), 5)))  # type: ignore[arg-type]


def test_an_open_file_lends_its_name(world: MakeIO, tmp_path: Path) -> None:
    path = tmp_path / "deep.pdf"
    path.write_bytes(b"?")
    io = world()
    with path.open("rb") as file:
        read = io.run(with_media(io, asked(Message.user(File(LocalFile(file=file)))))).messages[0].parts[0]
    assert read == File(Data(b"?", "application/pdf"), filename="deep.pdf")


def test_what_is_too_large_is_not_read_to_its_end(world: MakeIO, png: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.engine.media_step.LARGEST_FILE", len(PNG) - 1)
    for local, field in ((LocalFile(png), "LocalFile.path"), (LocalFile(file=Reader()), "LocalFile.file")):
        io = world()
        with pytest.raises(UsageError, match="too large to go with a request; got more; allowed: up to 7 bytes") as caught:
            io.run(with_media(io, asked(Message.user(Image(local)))))
        assert caught.value.field == field
    monkeypatch.setattr("trunkline.engine.media_step.LARGEST_FILE", len(PNG))
    io = world()
    assert io.run(with_media(io, asked(Message.user(Image(LocalFile(png)))))).messages[0].parts[0] == Image(
        Data(PNG, "image/png")
    )
