"""What servers say, as our values."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import mcp_types as sdk
import pytest

from trunkline import Audio, Data, File, Image, Message, Text, ToolResult, ToolSourceError, Video
from trunkline.mcp import contents

BYTES = "Ynl0ZXM="


def blob(media_type: str | None, uri: str = "m://d/x.pdf") -> sdk.EmbeddedResource:
    return sdk.EmbeddedResource(resource=sdk.BlobResourceContents(uri=uri, blob=BYTES, mime_type=media_type))


@pytest.mark.parametrize(
    "given, part",
    [
        (sdk.TextContent(text="words"), Text("words")),
        (sdk.ImageContent(data=BYTES, mime_type="image/png"), Image(Data(b"bytes", "image/png"))),
        (sdk.AudioContent(data=BYTES, mime_type="audio/wav"), Audio(Data(b"bytes", "audio/wav"))),
        (sdk.ResourceLink(uri="file:///a", name="a", size=3), Text('{"uri":"file:///a","name":"a"}')),
        (sdk.EmbeddedResource(resource=sdk.TextResourceContents(uri="m://t", text="inside")), Text("inside")),
        (blob("image/gif"), Image(Data(b"bytes", "image/gif"))),
        (blob("audio/mpeg"), Audio(Data(b"bytes", "audio/mpeg"))),
        (blob("video/mp4"), Video(Data(b"bytes", "video/mp4"))),
        (blob("application/pdf"), File(Data(b"bytes", "application/pdf"), filename="x.pdf")),
        (blob(None, "m://"), File(Data(b"bytes", "application/octet-stream"), filename="m:")),
    ],
)
def test_each_kind_of_content(given: Any, part: Any) -> None:
    assert contents.part(given) == part


def test_what_bytes_are_is_believed_before_what_they_are_called() -> None:
    jpeg = sdk.ImageContent(data=b64encode(b"\xff\xd8\xff\xe0rest").decode(), mime_type="image/png")
    assert contents.part(jpeg) == Image(Data(b"\xff\xd8\xff\xe0rest", "image/jpeg"))
    for kind in ("", "png", "image/png\r\nX: y", "é/x"):
        with pytest.raises(ToolSourceError, match="no media type"):
            contents.part(sdk.ImageContent(data=BYTES, mime_type=kind))


def test_bytes_that_are_none() -> None:
    with pytest.raises(ToolSourceError, match="no base64"):
        contents.part(sdk.ImageContent(data="?", mime_type="image/png"))


@pytest.mark.parametrize(
    "texts, structured, added",
    [
        (["words"], None, []),
        (['{"n": 1}'], {"n": 1}, []),
        (["3"], {"result": 3}, []),
        (["three"], {"result": "three"}, []),
        (["1", "2"], {"result": [1, 2]}, []),
        (["a", "b"], {"result": ["a", "b"]}, []),
        (["2 rows"], {"rows": [1, 2]}, ['{"rows":[1,2]}']),
        ([], {"n": 1}, ['{"n":1}']),
        ([], {"result": []}, ['{"result":[]}']),
    ],
)
def test_what_is_structured_is_said_once(texts: list[str], structured: Any, added: list[str]) -> None:
    given = sdk.CallToolResult(content=[sdk.TextContent(text=text) for text in texts], structured_content=structured)
    assert contents.result("x", given) == ToolResult("", tuple(map(Text, texts + added)), name="x")


def test_an_error_is_one() -> None:
    assert contents.result("x", sdk.CallToolResult(content=[], is_error=True)) == ToolResult("", (), is_error=True, name="x")


def test_messages() -> None:
    given = sdk.PromptMessage(role="assistant", content=sdk.TextContent(text="hi"))
    assert contents.message(given) == Message.assistant("hi")
    assert contents.message(sdk.PromptMessage(role="user", content=sdk.TextContent(text="hi"))) == Message.user("hi")
