"""Parts of a request (gemini §4) as ours. What has no name among ours is an ``Opaque``, verbatim."""

from __future__ import annotations

import binascii

import msgspec

from ....values.media import Data, FileId, Source, Url
from ....values.message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from ...served_fields import Fields, is_null
from .. import results
from ..pieces import DATA_FIELDS, HOSTED_CALLS, HOSTED_RESULTS, ID
from . import stand_in
from .calls import Calls
from .fields import first_sign, items_at, object_at, refuse, required_text, text, value_at

_encode = msgspec.json.Encoder().encode
_SIGNATURE = "thoughtSignature"
_MEDIA: dict[str, type[Image | Audio | Video]] = {"image": Image, "audio": Audio, "video": Video}


def part_of(raw: msgspec.Raw, path: str, calls: Calls) -> Part | None:
    """One part; None for one that says nothing. Text stands for a part with it."""
    if first_sign(raw) == b'"':
        return Text(str(value_at(raw, path)))
    fields = {name: inner for name, inner in object_at(raw, path).items() if not is_null(inner)}
    if _signature(fields) in ("", stand_in.SIGNATURE):
        del fields[_SIGNATURE]
    held = [name for name in DATA_FIELDS if name in fields]
    if len(held) > 1:
        refuse(path, f"a part has one of {', '.join(held)}, not several")
    if not held:
        return _without_data(fields, path)
    kind = held[0]
    beside = {name: inner for name, inner in fields.items() if name != kind}
    return _Reader(kind, fields[kind], beside, path, calls).part()


def _signature(fields: Fields) -> object:
    return value_at(fields[_SIGNATURE], _SIGNATURE) if _SIGNATURE in fields else None


def _without_data(fields: Fields, path: str) -> Part | None:
    """A part that has only what stands beside data: a signature holds for an empty text (gemini §6)."""
    fields = {name: raw for name, raw in fields.items() if name != "thought" or bytes(raw) != b"false"}
    if not fields:
        return None
    if fields.keys() <= {_SIGNATURE, "thought"}:
        return _said("", fields, path)
    return Opaque(next(iter(fields)), ProviderState(ID, _encode(fields)))


def _said(words: str, beside: Fields, path: str) -> Part:
    thought = beside.pop("thought", None)
    if thought is not None and value_at(thought, f"{path}.thought") is True:
        return Reasoning(words, state=_state(beside))
    return Text(words, state=_state(beside))


def _state(beside: Fields, kind: str = "", inner: Fields | None = None) -> ProviderState | None:
    """What our value does not say: siblings of the data, and what stands within it beside what we name."""
    said: dict[str, object] = {**beside}
    if inner:
        said[kind] = inner
    return ProviderState(ID, _encode(said), must_return=kind == "functionCall" and _SIGNATURE in said) if said else None


class _Reader:
    """Reads one part, whose data stand in the field ``kind``."""

    __slots__ = ("at", "beside", "calls", "kind", "path", "raw")

    def __init__(self, kind: str, raw: msgspec.Raw, beside: Fields, path: str, calls: Calls) -> None:
        self.kind, self.raw, self.beside, self.path, self.calls = kind, raw, beside, path, calls
        self.at = f"{path}.{kind}"

    def part(self) -> Part:
        if self.kind == "text":
            words = value_at(self.raw, self.at)
            if not isinstance(words, str):
                refuse(self.at, "text is expected")
            return _said(words, self.beside, self.path)
        if bytes(self.beside.get("thought", b"")) == b"false":
            del self.beside["thought"]
        if self.kind in HOSTED_CALLS or self.kind in HOSTED_RESULTS:
            return self._hosted()
        fields = {name: inner for name, inner in object_at(self.raw, self.at).items() if not is_null(inner)}
        if self.kind == "functionCall":
            return self._call(fields)
        if self.kind == "functionResponse":
            return self._answer(fields)
        return self._media(fields)

    def _left(self, fields: Fields, *ours: str) -> ProviderState | None:
        return _state(self.beside, self.kind, {name: raw for name, raw in fields.items() if name not in ours})

    def _call(self, fields: Fields) -> Part:
        name = required_text(fields, "name", f"{self.at}.")
        args = fields.get("args")
        if args is not None:
            object_at(args, f"{self.at}.args")
        id = self.calls.called(text(fields, "id", f"{self.at}.") or None, name)
        return ToolCall(id, name, "{}" if args is None else bytes(args).decode(), state=self._left(fields, "id", "name", "args"))

    def _answer(self, fields: Fields) -> Part:
        name = required_text(fields, "name", f"{self.at}.")
        given = text(fields, "id", f"{self.at}.") or None
        id = self.calls.answered(given, name)
        ours = ["name", "parts"] if given is not None and given != id else ["name", "parts", "id"]
        response = fields.get("response")
        words, is_error, shown = "", False, False
        if response is None:
            ours.append("response")
        else:
            object_at(response, f"{self.at}.response")
            words, is_error = results.read(response)
            shown = bool(words) or is_error
            if results.same(results.write(words, is_error), response):
                ours.append("response")
        media = self._shown(fields.get("parts"))
        parts = (*((Text(words),) if shown else ()), *media)
        return ToolResult(id, parts, is_error, name, state=self._left(fields, *ours))

    def _shown(self, raw: msgspec.Raw | None) -> tuple[Part, ...]:
        """Media beside what a tool answered."""
        if raw is None:
            return ()
        path = f"{self.at}.parts"
        found = [part_of(item, f"{path}[{n}]", self.calls) for n, item in enumerate(items_at(raw, path))]
        for n, part in enumerate(found):
            if isinstance(part, (ToolCall, ToolResult)):
                refuse(f"{path}[{n}]", "media are expected")
        return tuple([part for part in found if part is not None])

    def _hosted(self) -> Part:
        fields = object_at(self.raw, self.at)
        inner = _encode(fields).decode()
        given = text(fields, "id", f"{self.at}.") or None
        state = _state(self.beside)
        if self.kind in HOSTED_CALLS:
            return HostedToolCall(self.calls.hosted(given), self.kind, inner, state=state)
        outcome = value_at(fields["outcome"], self.at) if "outcome" in fields else None
        failed = outcome not in (None, "OUTCOME_OK", "OUTCOME_UNSPECIFIED", 0, 1)
        return HostedToolResult(self.calls.shown(given), self.kind, inner.encode(), failed, state=state)

    # --- media --------------------------------------------------------------------------------------------------------------

    def _media(self, fields: Fields) -> Part:
        at = f"{self.at}."
        media_type = text(fields, "mimeType", at) or None
        source: Source
        ours = ["mimeType"]
        if self.kind == "inlineData":
            if media_type is None:
                refuse(f"{at}mimeType", "this field is required, as text")
            source = Data(_bytes(text(fields, "data", at) or "", f"{at}data"), media_type)
            ours.append("data")
        else:
            uri = required_text(fields, "fileUri", at)
            ours.append("fileUri")
            if "://" in uri:
                source = Url(uri, media_type)
            else:  # in a store of the provider's: nobody else can fetch it
                source = FileId(uri)
                ours.remove("mimeType")
        made = _MEDIA.get((media_type or "").partition("/")[0].lower())
        if made is not None:
            return made(source, state=self._left(fields, *ours))
        filename = text(fields, "displayName", at) or None
        return File(source, filename, state=self._left(fields, *ours, "displayName"))


def _bytes(encoded: str, path: str) -> bytes:
    """The bytes of base64 in either alphabet, with or without padding: proto3 JSON reads all of them."""
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        pass
    plain = "".join(encoded.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        refuse(path, "base64 is expected")
