"""The content of messages as our parts."""

from __future__ import annotations

import binascii

import msgspec

from ....values.media import Data, Source, Url
from ....values.message import File, Image, Opaque, Part, ProviderState, Reasoning, Text
from ...losses import Losses
from ..pieces import ID, object_of, text_or_none
from .fields import Json, filled, items, mapping, only, optional_text, text, wrong

_WORDS = ("text", "snippet", "content", "body")
"""The fields of a document that hold what it says, the best first; where it has none, all of it is what it says."""


def read_parts(content: object, at: str, losses: Losses) -> list[Part]:
    """Content that is text, or a list of parts; a text that is empty says nothing."""
    return [part for part in every_part(content, at, losses) if part != Text("")]


def every_part(content: object, at: str, losses: Losses) -> list[Part]:
    """The same with those texts: each part has the number that others know it by."""
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        wrong(at, content, "text or a list of parts")
    return [_part(mapping(item, f"{at}[{n}]"), f"{at}[{n}]", losses) for n, item in enumerate(items(content, at))]


def _part(item: Json, at: str, losses: Losses) -> Part:
    kind = filled(item.get("type", "text"), f"{at}.type")
    if kind == "text":
        only(item, ("type", "text"), at, losses)
        return Text(text(item.get("text"), f"{at}.text"))
    if kind == "thinking":
        only(item, ("type", "thinking"), at, losses)
        return Reasoning(text(item.get("thinking"), f"{at}.thinking"))
    if kind == "image_url":
        only(item, ("type", "image_url"), at, losses)
        return _image(item.get("image_url"), f"{at}.image_url", losses)
    if kind == "document":
        only(item, ("type", "document"), at, losses)
        return read_document(item.get("document"), f"{at}.document")
    return Opaque(kind, unbound(item))


def _image(value: object, at: str, losses: Losses) -> Image:
    if isinstance(value, str):
        return Image(read_url(value))
    place = mapping(value, at)
    only(place, ("url", "detail"), at, losses)
    return Image(read_url(filled(place.get("url"), f"{at}.url")), optional_text(place, "detail", at))


def read_url(url: str) -> Source:
    """The bytes of a ``data:`` URL, or the address as it is."""
    head, comma, body = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return Url(url)
    try:
        return Data(binascii.a2b_base64(body), head[5:-7].partition(";")[0] or "application/octet-stream")
    except ValueError:
        return Url(url)


def read_document(value: object, at: str) -> File:
    """A document: text, or any fields. As it came it stands in the state."""
    if isinstance(value, str):
        return File(Data(_bytes(value), "text/plain"), state=unbound(value))
    document = mapping(value, at)
    data = object_of(document.get("data"))
    said = next((words for name in _WORDS if (words := text_or_none(data.get(name))) is not None), None)
    source = Data(msgspec.json.encode(data), "application/json") if said is None else Data(_bytes(said), "text/plain")
    return File(source, title=text_or_none(data.get("title")), state=unbound(value))


def _bytes(words: str) -> bytes:
    return words.encode("utf-8", "replace")


def unbound(value: object) -> ProviderState:
    """Something of this protocol's own, as it came: a server cannot know who said it first."""
    return ProviderState(ID, msgspec.json.encode(value))
