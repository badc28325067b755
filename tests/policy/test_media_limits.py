"""What of media a target surely refuses."""

from __future__ import annotations

import pytest

from trunkline.policy.media_limits import beyond, media_in
from trunkline.values.media import Data, FileId, Medium, Url
from trunkline.values.message import Audio, File, Image, Message, Text, ToolResult, Video
from trunkline.values.model import MediaLimits, Quirks, Target


def aim(no_images: bool | None = None, **limits: object) -> Target:
    return Target("d", "p", "m", Quirks(media=MediaLimits(**limits), no_images=no_images))  # type: ignore[arg-type]


def image(size: int = 3, media_type: str = "image/png") -> Image:
    return Image(Data(b"x" * size, media_type))


def pdf(size: int = 3) -> File:
    return File(Data(b"x" * size, "application/pdf"))


def why(target: Target, *parts: Text | Image | Audio | Video | File) -> str | None:
    refused = beyond((Message.user("look", *parts),), target)
    return None if refused is None else str(refused)


def test_media_are_found_wherever_they_stand() -> None:
    film, sound, inner = Video(Url("u")), Audio(None), image()
    messages = (
        Message.system("be brief"),
        Message.user("look", film, sound),
        Message("tool", (ToolResult("c", (Text("it is"), inner)),)),
    )
    assert list(media_in(messages)) == [
        (film, "messages[1].parts[1]", "user"),
        (sound, "messages[1].parts[2]", "user"),
        (inner, "messages[2].parts[0].parts[1]", "tool"),
    ]
    assert all(isinstance(held.part, Medium) for held in media_in(messages))


def test_where_nothing_is_known_nothing_is_refused() -> None:
    huge = [image(1000, "image/x")] * 50
    assert beyond((Message.user(*huge),), Target("d", "p", "m")) is None
    assert why(aim(), *huge, pdf(), Audio(None)) is None


def test_how_many_pictures() -> None:
    target = aim(images=2)
    by_address = Image(Url("https://h.test/a.png"))
    as_file = File(Data(b"x", "image/png"))
    assert why(target, image(), by_address, pdf(), pdf(), pdf()) is None
    assert why(target, image(), by_address, as_file) == (
        "messages[0].parts[3]: p/m takes no more pictures; got 3 pictures; allowed: 2 of a request"
    )


def test_how_many_documents() -> None:
    target = aim(files=1)
    assert why(target, pdf(), image(), image(), File(Url("https://h.test/a"))) is None
    assert why(target, pdf(), File(FileId("f"))) == (
        "messages[0].parts[2]: p/m takes no more documents; got 2 documents; allowed: 1 of a request"
    )


def test_how_large_a_picture() -> None:
    target = aim(image_bytes=1000)
    assert why(target, image(1000), pdf(5000)) is None
    assert why(target, image(1001)) == "messages[0].parts[1]: too large for p/m; got 1,001 bytes; allowed: up to 1,000 bytes"


def test_how_large_a_document() -> None:
    target = aim(file_bytes=1000)
    assert why(target, pdf(1000), image(5000)) is None
    assert why(target, pdf(1001)) == "messages[0].parts[1]: too large for p/m; got 1,001 bytes; allowed: up to 1,000 bytes"


def test_how_large_in_all_as_base64() -> None:
    assert why(aim(total_bytes=8), image(3), pdf(3)) is None
    assert why(aim(total_bytes=8), image(3), pdf(2)) is None
    assert why(aim(total_bytes=7), image(3), pdf(1)) == (
        "messages[0].parts[2]: the media are too large for p/m; got 8 bytes as base64; allowed: up to 7 in all"
    )
    assert why(aim(total_bytes=8), image(6), Image(Url("u"))) is None
    assert why(aim(total_bytes=7), image(4)) is not None


def test_which_pictures() -> None:
    target = aim(image_types=("image/png", "image/gif"))
    assert why(target, image(), Image(Url("u", "image/bmp")), pdf()) is None
    assert why(target, image(), image(3, "image/heic")) == (
        "messages[0].parts[2]: p/m takes no such pictures; got image/heic; allowed: image/png, image/gif"
    )
    assert why(target, File(Data(b"x", "image/bmp"))) is not None


@pytest.mark.parametrize("part", [image(100, "image/x"), File(Data(b"x" * 100, "image/x"))])
def test_pictures_for_the_blind_are_left_out_and_count_for_nothing(part: Image | File) -> None:
    assert why(aim(True, images=0, image_bytes=1, total_bytes=1, image_types=()), part) is None
    assert why(aim(True, total_bytes=1), part, pdf()) is not None
