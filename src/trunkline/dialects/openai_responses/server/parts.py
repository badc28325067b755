"""Content parts as callers write them (openai-responses §3). What we have no value for is kept verbatim, as ``Opaque``."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from ....values.media import Data, FileId, Source, Url
from ....values.message import Audio, CacheMark, File, Image, Opaque, Part, ProviderState, Text
from ...losses import Losses
from ...openai_fields import Json, filled, mapping, only, optional_text, refuse, text, wrong
from ..pieces import ID

_encode = msgspec.json.Encoder().encode
_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_MARK = "prompt_cache_breakpoint"


def unbound(data: Any) -> ProviderState:
    """What a caller wants to reach the provider as it is: this dialect's, and bound to nobody that we know of."""
    return ProviderState(ID, _encode(data))


def opaque(kind: str, data: Json) -> Opaque:
    """A part or an item that only this dialect knows."""
    return Opaque(kind[:200], unbound(data))


class PartReader:
    """Reads the parts of one request, and notes what our values cannot hold."""

    __slots__ = ("_losses",)

    def __init__(self, losses: Losses) -> None:
        self._losses = losses

    def parts(self, content: object, at: str) -> list[Part]:
        """The parts of what a user (a system, a tool) says: text, or a list of parts and texts."""
        if isinstance(content, str):
            return [Text(content)] if content else []
        if not isinstance(content, list):
            wrong(at, content, "text or a list of parts")
        return [Text(item) if isinstance(item, str) else self._part(item, f"{at}[{n}]") for n, item in enumerate(content)]

    def _part(self, item: object, at: str) -> Part:
        part = mapping(item, at)
        kind = filled(part.get("type"), f"{at}.type")
        reader = _READERS.get(kind)
        return opaque(kind, part) if reader is None else reader(self, part, at)

    def only(self, fields: Json, known: tuple[str, ...], field: str) -> None:
        """Note each of ``fields`` that is not ``known``."""
        only(fields, known, field, self._losses)

    def _cache(self, part: Json) -> CacheMark | None:
        mark = part.get(_MARK)
        if mark is None:
            return None
        ttl = mark.get("ttl") if isinstance(mark, dict) else None
        if not isinstance(mark, dict) or mark.get("mode", "explicit") != "explicit" or not isinstance(ttl, (str, type(None))):
            self._losses.dropped(f"input.{_MARK}", "a mark of another kind")
            return None
        self.only(mark, ("mode", "ttl"), f"input.{_MARK}")
        return CacheMark(ttl or None)

    # --- kinds --------------------------------------------------------------------------------------------------------

    def _text(self, part: Json, at: str) -> Part:
        said = text(part.get("text"), f"{at}.text")
        if len(part) == 2:
            return Text(said)
        self.only(part, ("type", "text", "annotations", "logprobs", _MARK), "input.text")
        return Text(said, cache=self._cache(part))

    def _image(self, part: Json, at: str) -> Part:
        url, file_id = part.get("image_url"), optional_text(part, "file_id", at)
        if isinstance(url, dict):  # as the elder protocol has it
            url = url.get("url")
        if url is None and file_id is None:
            refuse(f"{at}.image_url", "is missing; expected image_url or file_id", "missing_required_parameter")
        source: Source | None = FileId(file_id) if file_id else read_source(filled(url, f"{at}.image_url"))
        if source is None or (url and file_id):
            return opaque("input_image", part)
        self.only(part, ("type", "image_url", "file_id", "detail", _MARK), "input.image")
        return Image(source, optional_text(part, "detail", at), self._cache(part))

    def _file(self, part: Json, at: str) -> Part:
        named = [name for name in ("file_id", "file_url", "file_data") if optional_text(part, name, at)]
        if not named:
            refuse(at, "expected file_id, file_url or file_data", "missing_required_parameter")
        place = part[named[0]]
        source: Source | None = FileId(place) if named[0] == "file_id" else read_source(place)
        if source is None or len(named) > 1:
            return opaque("input_file", part)
        self.only(part, ("type", "filename", _MARK, *named), "input.file")
        return File(source, optional_text(part, "filename", at) or None, cache=self._cache(part))

    def _sound(self, part: Json, at: str) -> Part:
        sound = part.get("input_audio")
        data = sound.get("data") if isinstance(sound, dict) else None
        form = sound.get("format") if isinstance(sound, dict) else None
        decoded = _decoded(data) if isinstance(data, str) else None
        if not isinstance(sound, dict) or len(sound) > 2 or decoded is None or not isinstance(form, str) or not form:
            return opaque("input_audio", part)
        self.only(part, ("type", "input_audio", _MARK), "input.audio")
        return Audio(Data(decoded, _SOUNDS.get(form, f"audio/{form}")), cache=self._cache(part))


_READERS: dict[str, Callable[[PartReader, Json, str], Part]] = {
    "input_text": PartReader._text,
    "output_text": PartReader._text,
    "text": PartReader._text,
    "input_image": PartReader._image,
    "input_file": PartReader._file,
    "input_audio": PartReader._sound,
}


def read_source(url: str) -> Source | None:
    """What an address leads to: the bytes of a ``data:`` URL, else the address. None for a ``data:`` URL that is not in base64,
    and for text that is no address."""
    if url[:5].lower() == "data:":
        head, _, body = url.partition(",")
        decoded = _decoded(body) if head.endswith(";base64") else None
        return Data(decoded, head[5:-7]) if decoded is not None and len(head) > 12 and head[:5] == "data:" else None
    return Url(url) if "://" in url[:40] else None


def _decoded(body: str) -> bytes | None:
    try:
        return binascii.a2b_base64(body, strict_mode=True)
    except ValueError:
        return None
