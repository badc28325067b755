"""Which media are taken by their address, and which are fetched by us instead; and that each protocol indeed does so."""

from __future__ import annotations

import pytest

from trunkline.dialects.addressing import must_be_fetched
from trunkline.dialects.known import client_half_of
from trunkline.values.media import Data, Medium, Url
from trunkline.values.message import Audio, File, Image, Message, Video
from trunkline.values.model import NO_QUIRKS, Quirks, Target
from trunkline.values.request import Request

HERE = "https://h.test/a"
ALL = {"image": Image, "audio": Audio, "video": Video, "file": File}
BYTES = {
    "image": Data(b"\x89PNG\r\n\x1a\n", "image/png"), "audio": Data(b"RIFF....WAVE", "audio/wav"),
    "video": Data(b"....ftypisom", "video/mp4"), "file": Data(b"hello", "text/plain"),
}  # fmt: skip
PASSED, FETCHED, LOST = "passed", "fetched", "lost"
TABLE = {
    "openai-chat": (PASSED, FETCHED, LOST, FETCHED),
    "openai-responses": (PASSED, FETCHED, LOST, PASSED),
    "anthropic-messages": (PASSED, LOST, LOST, PASSED),
    "gemini": (PASSED, PASSED, PASSED, PASSED),
    "bedrock-converse": (FETCHED, FETCHED, FETCHED, FETCHED),
    "cohere": (PASSED, LOST, LOST, FETCHED),
    "ollama": (FETCHED, LOST, LOST, LOST),
    "claude-cli": (FETCHED, LOST, LOST, FETCHED),
}
CASES = [(dialect, kind, how) for dialect, row in TABLE.items() for kind, how in zip(ALL, row, strict=True)]


def target(dialect: str, quirks: Quirks = NO_QUIRKS) -> Target:
    return Target(dialect, "p", "m", quirks, max_output=100)


def dropped(dialect: str, kind: str, source: Url | Data, quirks: Quirks = NO_QUIRKS) -> bool:
    part: Medium = ALL[kind](source)
    request = Request(model="m", messages=(Message.user("look", part),))  # type: ignore[arg-type]
    encoded = client_half_of(dialect).encode_request(request, target(dialect, quirks))
    return any(warning.kind == "dropped" and warning.field == f"messages.{kind}" for warning in encoded.warnings)


@pytest.mark.parametrize(("dialect", "kind", "how"), CASES)
def test_what_is_fetched(dialect: str, kind: str, how: str) -> None:
    assert must_be_fetched(target(dialect), kind, Url(HERE)) is (how == FETCHED)


@pytest.mark.parametrize(("dialect", "kind", "how"), CASES)
def test_it_is_so(dialect: str, kind: str, how: str) -> None:
    """What goes by address is not lost as such; what is fetched is not lost as bytes; what is lost is so as either."""
    if how != FETCHED:
        assert dropped(dialect, kind, Url(HERE)) is (how == LOST)
    if how != PASSED:
        assert dropped(dialect, kind, BYTES[kind]) is (how == LOST)


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "cohere"])
def test_an_endpoint_may_take_pictures_as_bytes_only(dialect: str) -> None:
    assert must_be_fetched(target(dialect, Quirks(image_urls=False)), "image", Url(HERE))
    assert not must_be_fetched(target(dialect, Quirks(image_urls=True)), "image", Url(HERE))
    assert not must_be_fetched(target(dialect, Quirks(image_urls=False, no_images=True)), "image", Url(HERE))


@pytest.mark.parametrize("dialect", ["openai-responses", "anthropic-messages", "gemini"])
def test_an_endpoint_may_take_documents_as_bytes_only(dialect: str) -> None:
    assert must_be_fetched(target(dialect, Quirks(file_urls=False)), "file", Url(HERE))
    assert not must_be_fetched(target(dialect, Quirks(file_urls=False)), "image", Url(HERE))


def test_an_endpoint_may_take_more_by_address() -> None:
    chat = target("openai-chat", Quirks(file_urls=True, video_urls=True, no_images=True))
    assert not must_be_fetched(chat, "file", Url(HERE))
    assert not must_be_fetched(chat, "video", Url(HERE))
    assert not dropped("openai-chat", "file", Url(HERE), Quirks(file_urls=True))
    assert not dropped("openai-chat", "video", Url(HERE), Quirks(video_urls=True))


@pytest.mark.parametrize(
    ("source", "fetched"),
    [
        (Url(HERE), False), (Url("https://h.test/a.pdf?x=a.txt"), False), (Url("https://h.test/a.txt?x=.pdf"), True),
        (Url("https://h.test/a.md"), True), (Url("https://h.test/a.png"), True), (Url(HERE, "text/plain"), True),
        (Url("https://h.test/a.txt", "application/pdf"), False),
    ],
)  # fmt: skip
def test_documents_by_address_are_pdf_where_nothing_else_is_taken(source: Url, fetched: bool) -> None:
    assert must_be_fetched(target("anthropic-messages"), "file", source) is fetched
    assert not must_be_fetched(target("gemini"), "file", source)


@pytest.mark.parametrize("url", ["s3://b/a.png", "gs://b/a.png", "ftp://h/a", "file:///a", ""])
def test_other_schemes_are_their_providers_business(url: str) -> None:
    assert not must_be_fetched(target("bedrock-converse"), "image", Url(url))
    assert must_be_fetched(target("bedrock-converse"), "image", Url("HTTP://h/a"))


def test_who_is_not_known_is_left_alone() -> None:
    assert not must_be_fetched(target("backend"), "image", Url(HERE))
