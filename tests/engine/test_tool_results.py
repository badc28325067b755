"""What tools return, as the model is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

from trunkline.engine.tool_results import as_parts
from trunkline.values.errors import UsageError
from trunkline.values.media import Data
from trunkline.values.message import Image, Text


@dataclass
class Point:
    x: int


class Row(msgspec.Struct):
    y: float


class Form(pydantic.BaseModel):
    z: str


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
    ],
)
def test_results(given: Any, parts: Any) -> None:
    assert as_parts(given, "tool") == parts


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(UsageError, match=r"tools.tool: what it returned has no JSON form; got object"):
        as_parts(object(), "tool")
