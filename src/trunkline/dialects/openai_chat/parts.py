"""Single parts as this protocol writes them: words, media, what only this protocol knows, and cache marks."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import Audio, CacheMark, File, Image, Opaque, Part, ProviderState, Text, Video
from ...values.model import Target
from ..losses import Losses
from .pieces import ID

Wire = dict[str, Any]

_TTLS = ("30m", "12h")
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_ENDINGS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
    "text/html": "html",
    "application/json": "json",
}
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class PartWriter:
    """Writes parts for one target, and notes what is lost."""

    __slots__ = ("_losses", "_marks", "_quirks", "_target")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._target, self._losses, self._quirks = target, losses, target.quirks
        self._marks = target.quirks.cache_marks or "prompt_cache_breakpoint"

    def part(self, part: Part, role: str) -> Wire | None:
        """``part`` in a message of ``role``; None where it is lost."""
        if isinstance(part, Text):
            return self.marked({"type": "text", "text": part.text}, part.cache) if part.text else None
        if role == "system" and isinstance(part, (Image, Audio, Video, File)):
            return self.lost(part, "a system message holds text only")
        if isinstance(part, Image):
            return self._image(part)
        if isinstance(part, Audio):
            return self._sound(part)
        if isinstance(part, File):
            return self._file(part)
        if isinstance(part, Video) and self._quirks.video_urls:
            return self._film(part)
        if isinstance(part, Opaque):
            return self._opaque(part)
        return self.lost(part, f"a {role} message of this protocol has no such part")

    def lost(self, part: Part, reason: str) -> Wire | None:
        """Notes that ``part`` is lost."""
        self._losses.dropped(f"messages.{tag(part)}", reason)
        return None

    def marked(self, item: Wire, mark: CacheMark | None) -> Wire:
        """``item`` with the cache mark that it bears."""
        if mark is None:
            return item
        if self._marks == "none":
            self._losses.dropped("cache", "this endpoint takes no cache marks")
        elif self._marks == "cache_control":
            item["cache_control"] = cache_control(mark)
        else:
            item["prompt_cache_breakpoint"] = point = {"mode": "explicit"}
            if mark.ttl in _TTLS:
                point["ttl"] = mark.ttl
            elif mark.ttl is not None:
                self._losses.approximated("cache.ttl", f"lifetimes are {' or '.join(_TTLS)} here: the default was left to apply")
        return item

    def _image(self, part: Image) -> Wire | None:
        if self._quirks.no_images:
            return self.lost(part, "this model takes no images")
        source = _readable(part.source, "image")
        if isinstance(source, FileId):
            self._losses.approximated("messages.image", "a picture by file id is sent as a file")
            return self.marked({"type": "file", "file": {"file_id": source.file_id}}, part.cache)
        place: Wire = {"url": source.url if isinstance(source, Url) else data_url(source)}
        if part.detail is not None:
            place["detail"] = part.detail
        return self.marked({"type": "image_url", "image_url": place}, part.cache)

    def _sound(self, part: Audio) -> Wire | None:
        source = None if part.source is None else _readable(part.source, "audio")
        if not isinstance(source, Data):
            if part.transcript:
                self._losses.approximated("messages.audio", "sound goes as bytes only here: its transcript was sent")
                return {"type": "text", "text": part.transcript}
            return self.lost(part, "sound goes as bytes only here, not by address or id")
        form = _SOUNDS.get(source.media_type) or source.media_type.rpartition("/")[2].removeprefix("x-")
        return self.marked({"type": "input_audio", "input_audio": {"data": base64_text(source.data), "format": form}}, part.cache)

    def _film(self, part: Video) -> Wire | None:
        source = _readable(part.source, "video")
        if isinstance(source, FileId):
            return self.lost(part, "films go by address or as bytes here, not by file id")
        place = {"url": source.url if isinstance(source, Url) else data_url(source)}
        return self.marked({"type": "video_url", "video_url": place}, part.cache)

    def _file(self, part: File) -> Wire | None:
        source = _readable(part.source, "file")
        if isinstance(source, Data) and source.media_type.startswith("image/"):
            return self._image(Image(source, cache=part.cache))
        for name in ("title", "context", "citations"):
            if getattr(part, name):
                self._losses.dropped(f"messages.file.{name}", "files of this protocol have no such field")
        if isinstance(source, Url):
            if not self._quirks.file_urls:
                return self.lost(part, "files go as bytes or by file id here, not by address")
            name = part.filename or source.url.partition("?")[0].rpartition("/")[2] or "document"
            return self.marked({"type": "file", "file": {"filename": name, "file_data": source.url}}, part.cache)
        if isinstance(source, FileId):
            if part.filename is not None:
                self._losses.dropped("messages.file.filename", "a file by id has the name that it was stored under")
            return self.marked({"type": "file", "file": {"file_id": source.file_id}}, part.cache)
        name = part.filename or f"document.{_ENDINGS.get(source.media_type, 'bin')}"
        return self.marked({"type": "file", "file": {"filename": name, "file_data": data_url(source)}}, part.cache)

    def _opaque(self, part: Opaque) -> Wire | None:
        fields = self.fields(part.state, f"messages.{part.kind}")
        return fields if fields is not None and "type" in fields else None

    def fields(self, state: ProviderState, field: str) -> dict[str, msgspec.Raw] | None:
        """Provider state as the fields that it is, byte for byte, where it may be sent to this target."""
        if not state.fits(ID, self._target):
            self._losses.dropped(field, "it is bound to another provider or model")
            return None
        try:
            return _raw_fields.decode(state.data)
        except (ValueError, RecursionError):
            self._losses.dropped(field, "its state is not a JSON object")
            return None


def cache_control(mark: CacheMark) -> Wire:
    """A cache mark as Anthropic and OpenRouter write it."""
    return {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}


def tag(part: Part) -> str:
    """The name of a part's type."""
    return part.kind if isinstance(part, Opaque) else str(type(part).__struct_config__.tag)


def _readable(source: Source, field: str) -> Url | Data | FileId:
    if isinstance(source, LocalFile):
        raise UsageError("a local file is read before it is encoded", field=field, got="LocalFile", allowed="Url, Data or FileId")
    return source


def base64_text(data: bytes) -> str:
    """Bytes as base64, on one line."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def data_url(source: Data) -> str:
    """Bytes as a ``data:`` URL."""
    return f"data:{source.media_type};base64,{base64_text(source.data)}"
