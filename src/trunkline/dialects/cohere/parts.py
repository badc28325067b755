"""Single parts as this protocol writes them: words, pictures, documents, and what only this protocol knows."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import Audio, File, Image, Opaque, Part, ProviderState, Text
from ...values.model import Target
from ..losses import Losses
from .pieces import ID

Wire = dict[str, Any]

_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_TEXTS = ("application/json", "application/xml", "application/x-yaml", "application/yaml", "application/javascript")


class PartWriter:
    """Writes parts for one target, and notes what is lost. ``documents`` are those that stand beside the conversation."""

    __slots__ = ("_losses", "_target", "documents")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._target, self._losses = target, losses
        self.documents: list[Any] = []

    def part(self, part: Part, role: str) -> Wire | dict[str, msgspec.Raw] | None:
        """``part`` as an item of content in a message of ``role``; None where it is lost, or stands elsewhere."""
        if getattr(part, "cache", None) is not None:
            self._losses.dropped("cache", "prompts are cached without being asked here")
        if isinstance(part, Text):
            if part.state is not None:
                self._losses.dropped("messages.text.state", "words have no state here")
            return {"type": "text", "text": part.text} if part.text else None
        if isinstance(part, Opaque):
            return self.fields(part.state, f"messages.{part.kind}")
        if role == "user" and isinstance(part, Image):
            return self._image(part)
        if isinstance(part, File) and role in ("user", "tool"):
            return self._file(part, role)
        if isinstance(part, Audio) and part.transcript:
            self._losses.approximated("messages.audio", "sound is not taken here: its transcript was sent")
            return {"type": "text", "text": part.transcript}
        return self._lost(part, f"a {role} message of this protocol has no such part")

    def _lost(self, part: Part, reason: str) -> Wire | None:
        self._losses.dropped(f"messages.{tag(part)}", reason)
        return None

    def _image(self, part: Image) -> Wire | None:
        if self._target.quirks.no_images:
            return self._lost(part, "this model takes no images")
        source = _readable(part.source, "image")
        if isinstance(source, FileId):
            return self._lost(part, "pictures go by address or as bytes here, not by file id")
        place: Wire = {"url": source.url if isinstance(source, Url) else data_url(source)}
        if part.detail is not None:
            detail = "high" if part.detail == "original" else part.detail
            if detail != part.detail:
                self._losses.approximated("messages.image.detail", "the highest is high here")
            place["detail"] = detail
        return {"type": "image_url", "image_url": place}

    def _file(self, part: File, role: str) -> Wire | None:
        """A document. In the answer of a tool it stands where it is said; a user's stand beside the conversation."""
        own = self.raw(part.state, "messages.file.state") if part.state is not None else None
        document = own if own is not None else self._document(part)
        if document is None:
            source = _readable(part.source, "file")
            if role == "user" and isinstance(source, Data) and source.media_type.startswith("image/"):
                return self._image(Image(source))
            return self._lost(part, "documents are text here")
        if role == "tool":
            return {"type": "document", "document": document}
        if own is None:
            self._losses.approximated("messages.file", "documents stand beside the conversation here, not within it")
        self.documents.append(document)
        return None

    def _document(self, part: File) -> Wire | None:
        source = _readable(part.source, "file")
        if not isinstance(source, Data) or not is_text(source.media_type):
            return None
        data: Wire = {}
        if title := part.title or part.filename:
            data["title"] = title
        if part.context:
            data["context"] = part.context
        data["text"] = source.data.decode("utf-8", "replace")
        return {"data": data} if part.filename is None else {"id": part.filename, "data": data}

    def raw(self, state: ProviderState, field: str) -> msgspec.Raw | None:
        """Provider state, byte for byte, where it may be sent to this target."""
        if state.fits(ID, self._target):
            return msgspec.Raw(state.data)
        self._losses.dropped(field, "it is bound to another provider or model")
        return None

    def fields(self, state: ProviderState, field: str) -> dict[str, msgspec.Raw] | None:
        """Provider state as the fields that it is, where it may be sent to this target."""
        raw = self.raw(state, field)
        if raw is None:
            return None
        try:
            return _raw_fields(raw)
        except (ValueError, RecursionError):
            self._losses.dropped(field, "its state is not a JSON object")
            return None


def is_text(media_type: str) -> bool:
    """Whether a document of this media type is text."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))


def tag(part: Part) -> str:
    """The name of a part's type."""
    return part.kind if isinstance(part, Opaque) else str(type(part).__struct_config__.tag)


def _readable(source: Source, field: str) -> Url | Data | FileId:
    if isinstance(source, LocalFile):
        raise UsageError("a local file is read before it is encoded", field=field, got="LocalFile", allowed="Url, Data or FileId")
    return source


def data_url(source: Data) -> str:
    """Bytes as a ``data:`` URL."""
    return f"data:{source.media_type};base64,{binascii.b2a_base64(source.data, newline=False).decode('ascii')}"
