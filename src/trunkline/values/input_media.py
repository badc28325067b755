"""Where media in message dicts come from: ``https:`` and ``data:`` URLs, base64 and file ids; never a path of this machine."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from . import expect
from .errors import UsageError
from .expect import Json
from .media import Data, FileId, LocalFile, Source, Url

ADDRESS = "an https: or data: URL (a file of this machine: Image.file(path) or its like, never in a dict)"
_SOUND = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def read_url(value: object, at: str, media_type: str | None = None) -> Source:
    """The source that a URL names. Anything but ``https:`` and ``data:`` is refused: a path in a dict never reads a file."""
    url = expect.text(value, at)
    scheme = url[:8].lower()
    if scheme == "https://":
        return Url(url, media_type)
    if scheme.startswith("data:"):
        return _data_url(url, at)
    raise UsageError("not an address that may stand here", field=at, got=expect.kind_of(value), allowed=ADDRESS)


def read_address(value: object, at: str, media_type: str | None = None) -> Source:
    """The source that code names by its address. Here a provider's own schemes and ``http:`` may stand too."""
    url = expect.text(value, at)
    if url[:7].lower().startswith(("http://", "s3://", "gs://")):
        return Url(url, media_type)
    return read_url(url, at, media_type)


def read_base64(value: object, at: str) -> bytes:
    encoded = expect.filled(value, at)
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        pass
    try:
        return binascii.a2b_base64("".join(encoded.split()), strict_mode=True)  # wrapped lines
    except ValueError:
        raise UsageError("not base64", field=at, got=expect.kind_of(value), allowed="base64 text") from None


def read_sound(value: object, at: str) -> Data:
    """OpenAI's ``input_audio``: base64 without a ``data:`` prefix, and a format."""
    sound = expect.mapping(value, at)
    expect.only(sound, at, ("data", "format"))
    form = expect.filled(sound.get("format"), f"{at}.format")
    return Data(read_base64(sound.get("data"), f"{at}.data"), _SOUND.get(form, f"audio/{form}"))


def read_file_data(value: object, at: str, filename: str | None) -> Source:
    """OpenAI's ``file_data``: a ``data:`` URL, or plain base64 whose kind the file's name tells."""
    encoded = expect.filled(value, at)
    if encoded[:8].lower().startswith(("data:", "https://")):
        return read_url(encoded, at)
    is_pdf = filename is None or filename.lower().endswith(".pdf")
    return Data(read_base64(encoded, at), "application/pdf" if is_pdf else "application/octet-stream")


def read_source(value: object, at: str) -> Source | None:
    """Anthropic's ``source`` object; None for one made of content blocks, which only that protocol can say."""
    if isinstance(value, (Url, Data, FileId, LocalFile)):
        return value
    source = expect.mapping(value, at, "a source: {'type': 'base64' | 'url' | 'file' | 'text', ...}")
    kind = expect.one_of(source.get("type"), f"{at}.type", (*_SOURCES, "content"), "source type")
    if kind == "content":
        return None
    keys, read = _SOURCES[kind]
    expect.only(source, at, ("type", *keys))
    return read(source, at)


def _base64_source(source: Json, at: str) -> Source:
    return Data(read_base64(source.get("data"), f"{at}.data"), expect.filled(source.get("media_type"), f"{at}.media_type"))


def _text_source(source: Json, at: str) -> Source:
    media_type = expect.filled(source.get("media_type", "text/plain"), f"{at}.media_type")
    return Data(expect.text(source.get("data"), f"{at}.data").encode("utf-8", "surrogatepass"), media_type)


def _url_source(source: Json, at: str) -> Source:
    return read_url(source.get("url"), f"{at}.url")


def _file_source(source: Json, at: str) -> Source:
    return FileId(expect.filled(source.get("file_id"), f"{at}.file_id"))


_SOURCES: dict[str, tuple[tuple[str, ...], Callable[[Json, str], Source]]] = {
    "base64": (("media_type", "data"), _base64_source),
    "url": (("url",), _url_source),
    "file": (("file_id",), _file_source),
    "text": (("media_type", "data"), _text_source),
}


def _data_url(url: str, at: str) -> Data:
    head, comma, body = url[5:].partition(",")
    if not comma:
        raise UsageError("a data: URL without a comma", field=at, got="str", allowed="data:<media type>;base64,<data>")
    media_type, *options = head.split(";")
    encoded = any(option.strip().lower() == "base64" for option in options)
    kept = ";".join([media_type or "text/plain", *(o for o in options if o.strip().lower() != "base64")])
    return Data(read_base64(body, at) if encoded else unquote_to_bytes(body), kept)
