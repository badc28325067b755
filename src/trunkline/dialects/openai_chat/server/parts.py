"""Content parts of messages as callers write them. What we have no value for is kept verbatim, as ``Opaque``."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from ....values.media import Data, FileId, Source, Url
from ....values.message import Audio, CacheMark, File, Image, Opaque, Part, ProviderState, Reasoning, Refusal, Text, Video
from ...losses import Losses
from ...openai_fields import Json, filled, mapping, only, optional_text, refuse, text, wrong
from ..pieces import ID, objects

_encode = msgspec.json.Encoder().encode
_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_MARKS = ("cache_control", "prompt_cache_breakpoint")
_CONTENT = "text or a list of parts"


def unbound(data: Any, *, must_return: bool = False) -> ProviderState:
    """What a caller wants to reach the provider as it is: this dialect's, and bound to nobody that we know of."""
    return ProviderState(ID, _encode(data), must_return=must_return)


def opaque(kind: str, data: Json) -> Opaque:
    """An item that only this dialect knows."""
    return Opaque(kind[:200], unbound(data))


class PartReader:
    """Reads the parts of one request, and notes what our values cannot hold."""

    __slots__ = ("_losses",)

    def __init__(self, losses: Losses) -> None:
        self._losses = losses

    def parts(self, content: object, at: str, *, assistant: bool = False) -> list[Part]:
        """The parts of a ``content``: text, one part, or a list of parts and texts."""
        if isinstance(content, str):
            return [Text(content)]
        if isinstance(content, dict):
            return [self._part(content, at, assistant=assistant)]
        if not isinstance(content, list):
            wrong(at, content, _CONTENT)
        return [
            Text(item) if isinstance(item, str) else self._part(item, f"{at}[{n}]", assistant=assistant)
            for n, item in enumerate(content)
        ]

    def _part(self, item: object, at: str, *, assistant: bool) -> Part:
        part = mapping(item, at)
        kind = filled(part.get("type"), f"{at}.type")
        reader = _READERS.get(kind)
        if reader is None and assistant:
            reader = _OF_ASSISTANTS.get(kind)
        return opaque(kind, part) if reader is None else reader(self, part, at)

    def only(self, fields: Json, known: tuple[str, ...], field: str) -> None:
        """Note each of ``fields`` that is not ``known``."""
        only(fields, known, field, self._losses)

    def _cache(self, part: Json) -> CacheMark | None:
        """The mark that a part bears; a mark of a kind that is not known is noted."""
        found: CacheMark | None = None
        for name, of, kind in (("cache_control", "type", "ephemeral"), ("prompt_cache_breakpoint", "mode", "explicit")):
            mark = part.get(name)
            if mark is None:
                continue
            ttl = mark.get("ttl") if isinstance(mark, dict) else None
            if isinstance(mark, dict) and mark.get(of, kind) == kind and (ttl is None or (isinstance(ttl, str) and ttl)):
                self.only(mark, (of, "ttl"), f"messages.{name}")
                if found is not None and ttl is not None and found.ttl != ttl:
                    self._losses.dropped(f"messages.{name}.ttl", "the other mark of the same part says another")
                found = found or CacheMark(ttl)
            else:
                self._losses.dropped(f"messages.{name}", "a mark of another kind")
        return found

    # --- kinds --------------------------------------------------------------------------------------------------------

    def _text(self, part: Json, at: str) -> Part:
        said = text(part.get("text"), f"{at}.text")
        if len(part) == 2:
            return Text(said)
        self.only(part, ("type", "text", *_MARKS), "messages.text")
        return Text(said, cache=self._cache(part))

    def _refusal(self, part: Json, at: str) -> Part:
        self.only(part, ("type", "refusal"), "messages.refusal")
        return Refusal(text(part.get("refusal"), f"{at}.refusal"))

    def _place(self, part: Json, at: str) -> tuple[Json, Source | None]:
        """The object that names an address (some write the address itself), and what it leads to."""
        kind = part["type"]
        place = part.get(kind)
        if isinstance(place, str):
            place = {"url": place}
        fields = mapping(place, f"{at}.{kind}")
        self.only(part, ("type", kind, *_MARKS), f"messages.{kind}")
        self.only(fields, ("url", "detail") if kind == "image_url" else ("url",), f"messages.{kind}")
        return fields, read_source(filled(fields.get("url"), f"{at}.{kind}.url"))

    def _image(self, part: Json, at: str) -> Part:
        place, source = self._place(part, at)
        detail = optional_text(place, "detail", f"{at}.image_url")
        return opaque("image_url", part) if source is None else Image(source, detail, self._cache(part))

    def _video(self, part: Json, at: str) -> Part:
        _, source = self._place(part, at)
        return opaque("video_url", part) if source is None else Video(source, self._cache(part))

    def _sound(self, part: Json, at: str) -> Part:
        if isinstance(part.get("input_audio"), str):  # an address, or the sound itself without its format
            return opaque("input_audio", part)
        sound = mapping(part.get("input_audio"), f"{at}.input_audio")
        data = filled(sound.get("data"), f"{at}.input_audio.data")
        form = optional_text(sound, "format", f"{at}.input_audio")
        decoded = _decoded(data)
        if decoded is None or not form or len(sound) > 2:  # an address, say: some servers take that
            return opaque("input_audio", part)
        self.only(part, ("type", "input_audio", *_MARKS), "messages.input_audio")
        return Audio(Data(decoded, _SOUNDS.get(form, f"audio/{form}")), cache=self._cache(part))

    def _file(self, part: Json, at: str) -> Part:
        where = f"{at}.file"
        file = mapping(part.get("file"), where)
        filename, file_id = optional_text(file, "filename", where), optional_text(file, "file_id", where)
        data = optional_text(file, "file_data", where)
        if file_id is None and data is None:
            refuse(where, "expected file_id or file_data", "missing_required_parameter")
        source = FileId(file_id) if file_id is not None else read_source(data or "")
        if source is None or not file.keys() <= {"file_id", "filename", "file_data"} or (file_id and data):
            return opaque("file", part)
        self.only(part, ("type", "file", *_MARKS), "messages.file")
        return File(source, filename, cache=self._cache(part))

    def _thinking(self, part: Json, at: str) -> Part:
        """Reasoning as a part: ``thinking`` has its texts under ``thinking``, ``reasoning`` under ``summary``."""
        said = part.get("thinking" if part["type"] == "thinking" else "summary")
        texts = [said] if isinstance(said, str) else [item.get("text") for item in objects(said)]
        words = "".join([words for words in texts if isinstance(words, str)])
        return Reasoning(words, not words, unbound(part))


_READERS: dict[str, Callable[[PartReader, Json, str], Part]] = {
    "text": PartReader._text,
    "image_url": PartReader._image,
    "video_url": PartReader._video,
    "input_audio": PartReader._sound,
    "file": PartReader._file,
}
_OF_ASSISTANTS: dict[str, Callable[[PartReader, Json, str], Part]] = {
    "refusal": PartReader._refusal,
    "thinking": PartReader._thinking,
    "reasoning": PartReader._thinking,
    "output_text": PartReader._text,
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
