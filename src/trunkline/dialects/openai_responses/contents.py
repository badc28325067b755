"""Single parts of what users and tools say, as this protocol writes them: words, media, and cache marks (§3)."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import Audio, CacheMark, File, Image, Opaque, Part, ProviderState, Text
from ...values.model import Target
from ..losses import Losses
from .pieces import ID

Wire = dict[str, Any]
Fields = dict[str, msgspec.Raw]

FOREIGN = "it is bound to another provider, model or account"
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
_fields = msgspec.json.Decoder(Fields).decode


class ContentWriter:
    """Writes parts for one target, and notes what is lost."""

    __slots__ = ("_losses", "_marks", "_quirks", "_target")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._target, self._losses, self._quirks = target, losses, target.quirks
        self._marks = target.quirks.cache_marks or "prompt_cache_breakpoint"

    def part(self, part: Part, role: str) -> Wire | Fields | None:
        """``part`` in what ``role`` says, with what only this protocol says of it; None where it is lost."""
        item = self._part(part, role)
        if item is None or part.state is None or type(part) in (Opaque, Text):  # the state of a text is its message's
            return item
        return {**(self.fields(part.state, "messages.state") or {}), **item}

    def _part(self, part: Part, role: str) -> Wire | Fields | None:
        if type(part) is Text:
            return self._text(part)
        if type(part) is Opaque:
            return self.fields(part.state, f"messages.{part.kind}")
        if role == "system":
            self.lost(part, "instructions are text only")
            return None
        if type(part) is Image:
            return self._image(part)
        if type(part) is File:
            return self._file(part)
        if type(part) is Audio:
            return self._sound(part, role)
        self.lost(part, f"a {role} message of this protocol has no such part")
        return None

    def _text(self, part: Text) -> Wire | None:
        if part.citations:
            self._losses.dropped("messages.citations", "only what the model said cites here")
        if part.state is not None:
            self._losses.dropped("messages.text.state", "only what the model said has one here")
        if part.text:
            return self.marked({"type": "input_text", "text": part.text}, part.cache)
        if part.cache is not None:
            self._losses.dropped("cache", "an empty text takes no cache mark")
        return None

    def lost(self, part: Part, reason: str) -> None:
        """Notes that ``part`` is lost."""
        name = part.kind if type(part) is Opaque else str(type(part).__struct_config__.tag)
        self._losses.dropped(f"messages.{name}", reason)

    def marked(self, item: Wire, mark: CacheMark | None) -> Wire:
        """``item`` with the cache mark that it bears."""
        if mark is None:
            return item
        if self._marks == "none":
            self._losses.dropped("cache", "this endpoint takes no cache marks")
        elif self._marks == "cache_control":
            item["cache_control"] = {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}
        else:
            item["prompt_cache_breakpoint"] = point = {"mode": "explicit"}
            if mark.ttl in _TTLS:
                point["ttl"] = mark.ttl
            elif mark.ttl is not None:
                self._losses.approximated("cache.ttl", f"lifetimes are {' or '.join(_TTLS)} here: the default was left to apply")
        return item

    def fields(self, state: ProviderState, field: str) -> Fields | None:
        """Provider state as the fields that it is, byte for byte, where it may be sent to this target."""
        if not state.fits(ID, self._target):
            self._losses.dropped(field, FOREIGN)
            return None
        try:
            return _fields(state.data)
        except (ValueError, RecursionError):
            self._losses.dropped(field, "its state is not a JSON object")
            return None

    # --- media --------------------------------------------------------------------------------------------------------

    def _image(self, part: Image) -> Wire | None:
        if self._quirks.no_images:
            self.lost(part, "this model takes no images")
            return None
        item: Wire = {"type": "input_image", "detail": part.detail or "auto"}
        source = _readable(part.source, "image")
        if isinstance(source, FileId):
            item["file_id"] = source.file_id
        else:
            item["image_url"] = source.url if isinstance(source, Url) else data_url(source)
        return self.marked(item, part.cache)

    def _file(self, part: File) -> Wire | None:
        source = _readable(part.source, "file")
        if isinstance(source, Data) and source.media_type.startswith("image/"):
            return self._image(Image(source, cache=part.cache))
        for name in ("title", "context", "citations"):
            if getattr(part, name):
                self._losses.dropped(f"messages.file.{name}", "files of this protocol have no such field")
        item: Wire = {"type": "input_file"}
        if isinstance(source, FileId):
            item["file_id"] = source.file_id
        elif isinstance(source, Url):
            item["file_url"] = source.url
        else:
            item["filename"] = part.filename or f"document.{_ENDINGS.get(source.media_type, 'bin')}"
            item["file_data"] = data_url(source)
        if part.filename is not None and "filename" not in item:
            self._losses.dropped("messages.file.filename", "a file by id or address has its own name")
        return self.marked(item, part.cache)

    def _sound(self, part: Audio, role: str) -> Wire | None:
        source = None if part.source is None else _readable(part.source, "audio")
        if role == "tool" or not isinstance(source, Data):
            if part.transcript:
                self._losses.approximated("messages.audio", "sound goes as a user's bytes only here: its transcript was sent")
                return {"type": "input_text", "text": part.transcript}
            self.lost(part, "sound goes as a user's bytes only here")
            return None
        form = _SOUNDS.get(source.media_type) or source.media_type.rpartition("/")[2].removeprefix("x-")
        sound = {"data": base64_text(source.data), "format": form}
        return self.marked({"type": "input_audio", "input_audio": sound}, part.cache)


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
