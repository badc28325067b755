"""What tools return, as the model is told of it."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import msgspec
import pydantic
import pytest

from trunkline.engine.tool_results import as_parts, as_result
from trunkline.values.errors import UsageError
from trunkline.values.media import Data
from trunkline.values.message import Audio, File, Image, Text, ToolCall, ToolResult, Video


@dataclass
class Point:
    x: int


class Row(msgspec.Struct):
    y: float


class Form(pydantic.BaseModel):
    z: str


class Place(pydantic.BaseModel):
    path: PurePosixPath


PICTURE = Image(Data(b"\x89PNG\r\n\x1a\n", "image/png"))


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("text", (Text("text"),)),
        ("", (Text(""),)),
        (PICTURE, (PICTURE,)),
        (["see:", PICTURE, {"a": 1}], (Text("see:"), PICTURE, Text('{"a":1}'))),
        ((PICTURE,), (PICTURE,)),
        (["a", "b"], (Text('["a","b"]'),)),
        ([], (Text("[]"),)),
        (None, (Text("null"),)),
        (True, (Text("true"),)),
        (2.5, (Text("2.5"),)),
        (Point(1), (Text('{"x":1}'),)),
        (Row(1.5), (Text('{"y":1.5}'),)),
        (Form(z="é"), (Text('{"z":"é"}'),)),
        ([Form(z="a")], (Text('[{"z":"a"}]'),)),
        (Place(path=PurePosixPath("/a")), (Text('{"path":"/a"}'),)),
    ],
)
def test_results(given: Any, parts: Any) -> None:
    assert as_parts(given, "tool") == parts


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(UsageError, match=r"tools.tool: what it returned has no JSON form; got object") as caught:
        as_parts(object(), "tool")
    assert caught.value.allowed == "text, JSON, parts such as Image"
    assert str(caught.value.__cause__) == "object"


class Word(str):
    __slots__ = ()


class Colour(enum.StrEnum):
    RED = "red"


class Array:
    """As numpy's are, as far as is looked at."""

    def __init__(self, dtype: str, shape: tuple[int, ...], values: Any) -> None:
        self.dtype, self.shape, self.ndim, self._values = SimpleNamespace(name=dtype), shape, len(shape), values

    def tolist(self) -> Any:
        return self._values

    def tobytes(self) -> bytes:
        return bytes(self._values)


class Photo:
    """As PIL's are, as far as is looked at."""

    mode = "RGB"

    def save(self, file: Any, format: str) -> None:
        file.write(b"\x89PNG\r\n\x1a\npixels")


Photo.__module__ = "PIL.plugins.Png"


@pytest.mark.parametrize(
    ("data", "kind", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0", Image, "image/png"),
        (b"ID3\x04\0\0", Audio, "audio/mpeg"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", Video, "video/mp4"),
        (b"%PDF-1.7\n\xff", File, "application/pdf"),
    ],
)
@pytest.mark.parametrize("as_given", [bytes, bytearray, memoryview])
def test_bytes_are_the_file_that_they_are(data: bytes, kind: Any, media_type: str, as_given: Any) -> None:
    assert as_parts(as_given(data), "tool") == (kind(Data(data, media_type)),)
    assert as_parts(["see", as_given(data)], "tool") == (Text("see"), kind(Data(data, media_type)))


def test_other_bytes_are_text_or_refused() -> None:
    assert as_parts("é\n".encode(), "tool") == (Text("é\n"),)
    with pytest.raises(UsageError) as caught:
        as_parts(b"\x00\xff\xfe", "tool")
    assert caught.value.field == "tools.tool"
    assert caught.value.allowed == "text, or a File.bytes that says its media_type"
    assert "the bytes that it returned are no text, nor a known kind of file;" in str(caught.value)


def test_pictures_of_other_libraries() -> None:
    pixels = Array("uint8", (1, 1, 3), [255, 0, 0])
    for given in (Photo(), pixels):
        (part,) = as_parts(given, "tool")
        assert isinstance(part, Image)
        assert part.source.media_type == "image/png"  # type: ignore[union-attr]
    assert [type(part) for part in as_parts([Photo(), "x"], "tool")] == [Image, Text]
    for given in (Array("uint8", (1, 3), [[255, 0, 0]]), Array("float32", (1, 1, 3), [[[1, 0, 0]]])):
        assert [type(part) for part in as_parts(given, "tool")] == [Text]


def test_a_module_of_pils_that_is_no_picture() -> None:
    class Other:
        pass

    Other.__module__ = "PIL.Image"
    with pytest.raises(UsageError, match="no JSON form"):
        as_parts(Other(), "tool")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Word("a"), "a"),
        (Colour.RED, "red"),
        (math.nan, "null"),
        ({"x": Array("int64", (2,), [1, 2])}, '{"x":[1,2]}'),
        (Array("float32", (), 2.5), "2.5"),
        ([Point(1), "a"], '[{"x":1},"a"]'),
        (["a", Row(1.5)], '["a",{"y":1.5}]'),
        (ToolCall("i", "f"), '{"type":"tool_call","id":"i","name":"f"}'),
        ([ToolResult("i")], '[{"type":"tool_result","tool_call_id":"i"}]'),
    ],
)
def test_whatever_else_is_text_or_json(given: Any, text: str) -> None:
    (part,) = as_parts(given, "tool")
    assert isinstance(part, Text)
    assert (part.text, type(part.text)) == (text, str)


def test_a_list_with_one_part_is_parts() -> None:
    assert as_parts([Text("a"), "b", 1, Point(2)], "tool") == (Text("a"), Text("b"), Text("1"), Text('{"x":2}'))


def test_what_cannot_be_said_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for given in (endless, SimpleNamespace(ndim=3), iter(()), {(1, 2): 3}, ["\ud800"], [PICTURE, object()]):
        with pytest.raises(UsageError, match="no JSON form"):
            as_parts(given, "tool")


def test_a_result_is_the_calls() -> None:
    call = ToolCall("c", "f")
    assert as_result(call, "x") == ToolResult("c", (Text("x"),), name="f")
    given = ToolResult("other", (Text("x"),), is_error=True, name="else")
    assert as_result(call, given) == ToolResult("c", (Text("x"),), is_error=True, name="f")
    with pytest.raises(UsageError, match=r"tools.f.parts: wrong type; got str; allowed: a tuple of parts"):
        as_result(call, ToolResult("c", "abc"))  # type: ignore[arg-type]
