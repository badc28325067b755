"""What a file is, told from its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline.values.errors import UsageError
from trunkline.values.sniffing import is_text, media_type_of, named, sniff

PNG = b"\x89PNG\r\n\x1a\n"
FILES = [
    (PNG, "image/png"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0", "image/bmp"),
    (b"II*\0\x08\0\0\0", "image/tiff"),
    (b"MM\0*\0\0\0\x08", "image/tiff"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
    (b"\0\0\0\x18ftypmif1\0\0\0\0", "image/heif"),
    (b"\0\0\0\x1cftypavif\0\0\0\0", "image/avif"),
    (b"%PDF-1.7\n", "application/pdf"),
    (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
    (b"RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"),
    (b"FORM\0\0\0\x24AIFFCOMM", "audio/aiff"),
    (b"ID3\x04\0\0", "audio/mpeg"),
    (b"\xff\xfb\x90\x64", "audio/mpeg"),
    (b"\xff\xf3\x44\xc4", "audio/mpeg"),
    (b"\xff\xf1\x50\x80", "audio/aac"),
    (b"\xff\xf9\x50\x80", "audio/aac"),
    (b"fLaC\0\0\0\x22", "audio/flac"),
    (b"OggS\0\2", "audio/ogg"),
    (b"#!AMR\n", "audio/amr"),
    (b"\0\0\0\x20ftypM4A \0\0\0\0", "audio/mp4"),
    (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4"),
    (b"\0\0\0\x20ftypqt  \0\0\2\0", "video/quicktime"),
    (b"\0\0\0\x20ftyp3gp4\0\0\2\0", "video/3gpp"),
    (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\1B\xf7\x81\1B\x82\x84webm", "video/webm"),
    (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\1B\x82\x88matroska", "video/x-matroska"),
    (b"\0\0\1\xba\x44\0", "video/mpeg"),
    (b"\0\0\1\xb3\x14\0", "video/mpeg"),
    (b"FLV\1\5", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
]


@pytest.mark.parametrize(("data", "media_type"), FILES)
def test_the_first_bytes_tell(data: bytes, media_type: str) -> None:
    assert sniff(data) == media_type
    assert sniff(data + b"\0" * 2000) == media_type


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG", b"hello", b"BMW is a car, and no picture", b"RIFF\x24\0\0\0CDDA", b"\xff\xfe\x41\0", b"\xff\xfb\xf0\0",
     b"\xff\xfb\x00\0", b"\xff\xfb\x9c\0", b"\xff\xea\x90\0", b"\xff\xf1\x34\0", b"\xff\xfb", b"PK\3\4", b"<svg/>", b"\0\0\0\x18"],
)  # fmt: skip
def test_what_they_do_not_tell(data: bytes) -> None:
    assert sniff(data) is None


@given(st.binary(max_size=40))
def test_whatever_it_is_it_is_a_type_or_none(data: bytes) -> None:
    assert (found := sniff(data)) is None or found.count("/") == 1


def test_names_tell_by_their_ending() -> None:
    assert (named("a.pdf"), named("/x/b.md"), named("c"), named(None), named("")) == (
        "application/pdf", "text/markdown", None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kind", "more", "media_type"),
    [
        (PNG, "image", {"name": "a.jpg"}, "image/png"),
        (PNG, "image", {"said": "text/html"}, "image/png"),
        (PNG, "image", {"given": "image/webp"}, "image/webp"),
        (b"?", "image", {"name": "a.jpg"}, "image/jpeg"),
        (b"?", "image", {"said": "IMAGE/webp; x=y", "name": "a.jpg"}, "image/webp"),
        (b"?", "image", {"said": "application/octet-stream", "name": "a.jpg"}, "image/jpeg"),
        (b"?", "image", {"said": "binary/octet-stream", "name": "a.jpg"}, "image/jpeg"),
        (b"OggS", "audio", {}, "audio/ogg"),
        (b"OggS", "video", {}, "video/ogg"),
        (b"0000ftypisom", "audio", {}, "audio/mp4"),
        (b"0000ftypisom", "video", {"name": "a.m4a"}, "video/mp4"),
        (b"0000ftypM4A ", "video", {}, "video/mp4"),
        (b"\x1aE\xdf\xa3..webm", "audio", {}, "audio/webm"),
        (b"OggS", "file", {}, "audio/ogg"),
        (b"OggS", "file", {"said": "video/ogg"}, "video/ogg"),
        (b"OggS", "file", {"said": "text/plain"}, "audio/ogg"),
        (b"let a", "file", {"said": "video/mp2t"}, "text/plain"),
        (b"\x47\xff", "file", {"said": "video/mp2t"}, "video/mp2t"),
        (b"# hi", "file", {"name": "a.md"}, "text/markdown"),
        ("grüß".encode(), "file", {"name": "a.unknown"}, "text/plain"),
        (b"PK\3\4\xff", "file", {"name": "a.docx"}, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)  # fmt: skip
def test_the_bytes_win_and_then_the_words(data: bytes, kind: str, more: dict[str, str], media_type: str) -> None:
    assert media_type_of(data, kind, "x", **more) == media_type


@pytest.mark.parametrize(
    ("data", "kind", "more", "words"),
    [
        (b"", "image", {}, "x: is empty (an open file may have been read before); got 0 bytes"),
        (b"", "image", {"given": "image/png"}, "x: is empty (an open file may have been read before); got 0 bytes"),
        (b"?", "image", {}, "x: neither its bytes nor its name tell what it is; allowed: media_type='image/png', …"),
        (b"\xff\0", "file", {}, "x: neither its bytes nor its name tell what it is; allowed: media_type='image/png', …"),
        (b"a\0b", "file", {}, "x: neither its bytes nor its name tell what it is; allowed: media_type='image/png', …"),
        (b"?", "image", {"said": "text/html"}, "x: it is no picture; got text/html; allowed: File(…) for text/html"),
        (PNG, "audio", {}, "x: it is no sound; got image/png; allowed: Image(…) for image/png"),
        (PNG, "video", {}, "x: it is no film; got image/png; allowed: Image(…) for image/png"),
        (b"fLaC", "image", {}, "x: it is no picture; got audio/flac; allowed: Audio(…) for audio/flac"),
        (b"0000ftypisom", "image", {}, "x: it is no picture; got video/mp4; allowed: Video(…) for video/mp4"),
    ],
)  # fmt: skip
def test_what_is_of_no_use_is_told(data: bytes, kind: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        media_type_of(data, kind, "x", **more)
    assert str(caught.value) == words


def test_text_is_utf_8_without_nul() -> None:
    assert is_text("\ufeffgrüß".encode())
    assert not is_text("grüß".encode("latin-1"))
    assert not is_text(b"a\0")
