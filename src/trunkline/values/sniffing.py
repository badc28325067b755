"""What a file is, told from its first bytes; from its name only where those do not say it."""

from __future__ import annotations

from .errors import UsageError

_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"%PDF-", "application/pdf"),
    (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"), (b"#!AMR", "audio/amr"),
    (b"\0\0\1\xba", "video/mpeg"), (b"\0\0\1\xb3", "video/mpeg"), (b"FLV\1", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo", b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"), b"mif1": "image/heif",
    b"msf1": "image/heif", b"avif": "image/avif", b"avis": "image/avif", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}  # fmt: skip
"""The major brand of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
_TWINS = {
    "video/mp4": "audio/mp4", "video/webm": "audio/webm", "video/ogg": "audio/ogg", "video/x-matroska": "audio/x-matroska",
    "video/3gpp": "audio/3gpp", "video/x-ms-wmv": "audio/x-ms-wma",
}  # fmt: skip
_TWINS |= {sound: film for film, sound in _TWINS.items()}
"""Containers that hold sound as well as film: their first bytes do not say which."""
_WORDS = {"image": "a picture", "audio": "sound", "video": "a film", "file": "a document"}


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes surely are; None where they do not tell (text has no mark, nor have most documents)."""
    for sign, media_type in _SIGNS:
        if data.startswith(sign):
            return media_type
    if data[:4] in (b"RIFF", b"FORM"):
        return _RIFF.get(bytes(data[8:12]))
    if data[4:8] == b"ftyp":
        brand = bytes(data[8:12])
        return "video/3gpp" if brand.startswith(b"3g") else _BRANDS.get(brand, "video/mp4")
    if data.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in data[:64] else "video/x-matroska"
    if data.startswith(b"BM") and data[6:10] == b"\0\0\0\0" and len(data) >= 26:
        return "image/bmp"
    return _frame(data)


def _frame(data: bytes) -> str | None:
    """Sound without a container: the head of the first frame (MPEG layer III, ADTS)."""
    if len(data) < 4 or data[0] != 0xFF:
        return None
    if data[1] & 0xF6 == 0xF0 and data[2] >> 2 & 15 < 13:
        return "audio/aac"
    is_layer_3 = data[1] & 0xE6 == 0xE2 and data[1] & 0x18 != 0x08
    return "audio/mpeg" if is_layer_3 and 0 < data[2] >> 4 < 15 and data[2] & 0x0C != 0x0C else None


def named(name: str | None) -> str | None:
    """The media type that the ending of a name or of an address stands for."""
    if not name:
        return None
    import mimetypes  # costs a millisecond, and only a file needs it

    return mimetypes.guess_type(name)[0]


def media_type_of(
    data: bytes, kind: str, at: str, given: str | None = None, *, name: str | None = None, said: str | None = None
) -> str:
    """The media type of ``data`` in a part of ``kind`` (``image``, ``audio``, ``video``, ``file``): the one that the caller has
    ``given``, else by the bytes, which win over ``name`` and over what a server ``said``; a container is what the part is.

    Raises ``UsageError``, which names ``at``, for what is empty, of another kind, or cannot be told.
    """
    if not data:
        raise UsageError("is empty (an open file may have been read before)", field=at, got="0 bytes")
    if given is not None:
        return given
    other = said.partition(";")[0].strip().lower() if said else None
    other = other if other and not other.endswith("octet-stream") else named(name)
    found = sniff(data)
    if found is None:
        found = other
        if kind == "file" and (found is None or found.partition("/")[0] in _WORDS) and is_text(data):
            found = "text/plain"  # a.ts is no film then
    elif (twin := _TWINS.get(found)) is not None and (twin == other if kind == "file" else twin.startswith(f"{kind}/")):
        found = twin
    if found is None:
        raise UsageError("neither its bytes nor its name tell what it is", field=at, allowed="media_type='image/png', …")
    if kind != "file" and not found.startswith(f"{kind}/"):
        what = {"image": "Image", "audio": "Audio", "video": "Video"}.get(found.partition("/")[0], "File")
        raise UsageError(f"it is no {_WORDS[kind].removeprefix('a ')}", field=at, got=found, allowed=f"{what}(…) for {found}")
    return found


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8 without a NUL."""
    try:
        return "\0" not in data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
