"""Our parts as this protocol writes them (gemini §4); ``pieces`` says what of them is kept in state."""

from __future__ import annotations

from binascii import b2a_base64
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import (
    Audio,
    CacheMark,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from ...values.model import Target
from ...wire.loose_json import clean_text
from ..losses import Losses
from . import results
from .calls import CUSTOM_INPUT
from .names import Names
from .pieces import HOSTED_CALLS, HOSTED_RESULTS, ID, wire_id

Wire = dict[str, Any]
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FOREIGN = "bound to another provider, model or key, and not sent to this one"
_TYPES = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "heic": "image/heic",
    "heif": "image/heif", "wav": "audio/wav", "mp3": "audio/mp3", "aac": "audio/aac", "ogg": "audio/ogg", "flac": "audio/flac",
    "aiff": "audio/aiff", "m4a": "audio/m4a", "mp4": "video/mp4", "mov": "video/quicktime", "mpeg": "video/mpeg",
    "mpg": "video/mpeg", "webm": "video/webm", "avi": "video/avi", "pdf": "application/pdf", "txt": "text/plain",
    "md": "text/markdown", "csv": "text/csv", "html": "text/html", "htm": "text/html", "xml": "text/xml",
    "json": "application/json",
}  # fmt: skip
_USUAL = {Image: "image/jpeg", Audio: "audio/mp3", Video: "video/mp4", File: "application/pdf"}
_WATCHED = ("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/", "https://m.youtube.com/")
"""Films of this site need no type (gemini §4)."""


class PartWriter:
    """Writes parts for one target, and notes what is lost."""

    __slots__ = ("_losses", "_names", "_target")

    def __init__(self, target: Target, names: Names, losses: Losses) -> None:
        self._target, self._names, self._losses = target, names, losses

    def shown(self, part: Part, at: str) -> Wire | msgspec.Raw | None:
        """What a user or a tool shows; None where it is lost."""
        if isinstance(part, Text):
            return self.text(part)
        if isinstance(part, (Image, Audio, Video, File)):
            return self._media(part, at)
        if isinstance(part, Opaque):
            return self._verbatim(part)
        if isinstance(part, (HostedToolCall, HostedToolResult)):
            return self._hosted(part)
        if isinstance(part, Reasoning):
            return self._reasoning(part)
        raise UsageError(
            "this part does not belong into a turn of this role", field=at, got=type(part).__name__,
            allowed="Text, Image, Audio, Video, File, ToolResult",
        )  # fmt: skip

    def said(self, part: Part, at: str) -> Wire | msgspec.Raw | None:
        """What the model said; None where it is lost."""
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, Refusal):
            self._losses.approximated("messages.refusal", "a refusal is sent as text")
            return self.text(Text(part.text))
        return self.shown(part, at)

    # --- words ----------------------------------------------------------------------------------------------------------

    def text(self, part: Text) -> Wire | None:
        """Words; an empty text is refused, unless a signature comes with it."""
        own = self._own(part.state, "messages.text")
        self._unmarked(part.cache)
        if part.citations:
            self._losses.dropped("messages.citations", "what is said here has no citations on the way back")
        return {"text": part.text} | own if part.text or own else None

    def _reasoning(self, part: Reasoning) -> Wire | None:
        own = self._own(part.state, "messages.reasoning")
        if not part.text and not own:
            if part.state is None:
                self._losses.dropped("messages.reasoning", "it says nothing")
            return None
        return {"text": part.text, "thought": True} | own

    def _own(self, state: ProviderState | None, field: str) -> Wire:
        """The fields of the wire that our value does not say, where they may be sent to this target."""
        if state is None:
            return {}
        if not state.fits(ID, self._target):
            self._losses.dropped(f"{field}.state", _FOREIGN)
            return {}
        try:
            return dict(_fields(state.data))
        except (ValueError, RecursionError):
            self._losses.dropped(f"{field}.state", "it is not a JSON object")
            return {}

    def _unmarked(self, mark: CacheMark | None) -> None:
        if mark is not None:
            self._losses.dropped("cache", "prompts are cached by themselves here; a part takes no mark")

    def _verbatim(self, part: Opaque) -> msgspec.Raw | None:
        if part.state.fits(ID, self._target):
            return msgspec.Raw(part.state.data)
        self._losses.dropped(f"messages.{part.kind}", _FOREIGN)
        return None

    # --- media ----------------------------------------------------------------------------------------------------------

    def _media(self, part: Image | Audio | Video | File, at: str) -> Wire | None:
        name = str(type(part).__struct_config__.tag)
        if isinstance(part, Audio) and part.source is None:
            if part.transcript:
                self._losses.approximated("messages.audio", "sound that is not at hand: its transcript is sent")
                return {"text": part.transcript}
            self._losses.dropped("messages.audio", "it holds neither sound nor words")
            return None
        if isinstance(part, Image):
            if self._target.quirks.no_images:
                self._losses.dropped("messages.image", "this model does not see")
                return None
            if part.detail not in (None, "auto"):
                self._losses.dropped("messages.image.detail", "a picture has no level of detail here")
        elif isinstance(part, File):
            for field in ("title", "context", "citations"):
                if getattr(part, field):
                    self._losses.dropped(f"messages.file.{field}", "files of this protocol have no such field")
        self._unmarked(part.cache)
        source = part.source
        if source is None or (isinstance(source, Url) and self._target.quirks.file_urls is False):
            self._losses.dropped(f"messages.{name}", "media go as bytes here, not by address")
            return None
        own = self._own(part.state, f"messages.{name}")
        field, data = self._source(source, type(part), at)
        if isinstance(part, File) and part.filename is not None:
            data["displayName"] = part.filename
        return joined(field, data, own)

    def _source(self, source: Source, kind: type[Part], at: str) -> tuple[str, Wire]:
        if isinstance(source, Data):
            data = b2a_base64(source.data, newline=False).decode("ascii")
            return "inlineData", {"mimeType": source.media_type, "data": data}
        if isinstance(source, FileId):
            return "fileData", {"fileUri": source.file_id}
        if isinstance(source, LocalFile):
            raise UsageError("a local file is read before encoding", field=at, got="LocalFile", allowed="Data, Url, FileId")
        media_type = source.media_type or _told_by_ending(source.url)
        if media_type is None and not source.url.startswith(_WATCHED):
            media_type = _USUAL[kind]
            self._losses.approximated("messages.media_type", f"an address needs a type, and this one tells none: {media_type}")
        return "fileData", {"fileUri": source.url} | ({"mimeType": media_type} if media_type else {})

    # --- tools ----------------------------------------------------------------------------------------------------------

    def _call(self, part: ToolCall) -> Wire:
        self._unmarked(part.cache)
        call: Wire = {"name": self._names.of(part.name)}
        if (id := wire_id(part.id)) is not None:
            call["id"] = id
        if part.kind == "custom":
            call["args"] = {CUSTOM_INPUT: part.raw_arguments}
        else:
            call["args"] = self._object(part.raw_arguments)
        return joined("functionCall", call, self._own(part.state, "messages.tool_call"))

    def _object(self, text: str) -> Any:
        """Arguments as the JSON object that the protocol wants, spliced as they stand where they are one."""
        try:
            if not text or text.isspace():
                return {}
            _fields(text)
            return msgspec.Raw(text)
        except (ValueError, RecursionError):
            self._losses.approximated("messages.tool_call.arguments", "they are no JSON object: sent inside one, as INVALID_JSON")
            return {"INVALID_JSON": clean_text(text)}

    def result(self, part: ToolResult, name: str, at: str) -> Wire:
        """What a tool answered, to the function ``name``."""
        self._unmarked(part.cache)
        words = "".join([inner.text for inner in part.parts if isinstance(inner, Text)])
        own = self._own(part.state, "messages.tool_result")
        answer: Wire = {"name": name}
        if (id := wire_id(part.tool_call_id)) is not None:
            answer["id"] = id
        answer["response"] = results.write(words, part.is_error)
        media = [self.shown(inner, at) for inner in part.parts if not isinstance(inner, Text)]
        if media:
            answer["parts"] = [item for item in media if item is not None]
        kept = _inner(own["functionResponse"]).get("response") if "functionResponse" in own else None
        if kept is not None and _read(kept) == (words, part.is_error):
            answer["response"] = kept  # as it came
        return joined("functionResponse", answer, own)

    def _hosted(self, part: HostedToolCall | HostedToolResult) -> Wire | None:
        self._unmarked(part.cache)
        kind = part.name if isinstance(part, HostedToolCall) else part.kind
        if kind not in (HOSTED_CALLS if isinstance(part, HostedToolCall) else HOSTED_RESULTS):
            self._losses.dropped("messages.hosted_tool", "what another provider's own tools did is not understood here")
            return None
        data = part.raw_arguments if isinstance(part, HostedToolCall) else part.data
        try:
            _fields(data)
        except (ValueError, RecursionError):
            self._losses.dropped("messages.hosted_tool", "it is not a JSON object")
            return None
        return {kind: msgspec.Raw(data)} | self._own(part.state, "messages.hosted_tool")


def joined(field: str, data: Wire, own: Wire) -> Wire:
    """A part: ``data`` in its ``field``, with what state says inside it and beside it; what we say ourselves wins."""
    inside = own.pop(field, None)
    if inside is not None:
        data = {**_inner(inside), **data}
    return {field: data, **own}


def _inner(raw: msgspec.Raw) -> Wire:
    try:
        return dict(_fields(raw))
    except (ValueError, RecursionError):
        return {}


def _read(response: msgspec.Raw) -> tuple[str, bool] | None:
    try:
        return results.read(bytes(response))
    except (ValueError, RecursionError):
        return None


def _told_by_ending(url: str) -> str | None:
    name = url.partition("?")[0].partition("#")[0].rpartition("/")[2]
    return _TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None
