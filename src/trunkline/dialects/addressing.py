"""Which media a protocol takes by their address, and which it takes at all: what it takes but not so is fetched by us."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from ..values.media import Url
from ..values.model import Target
from ..values.sniffing import named


class _Taken(NamedTuple):
    by_address: frozenset[str]
    at_all: frozenset[str]
    pdf_only: bool = False
    """By address nothing but PDF is a document."""


def _row(by_address: str, at_all: str, pdf_only: bool = False) -> _Taken:
    return _Taken(frozenset(by_address.split()), frozenset(at_all.split()), pdf_only)


_EVERY = "image audio video file"
_TAKEN = {
    "openai-chat": _row("image", "image audio file"),
    "openai-responses": _row("image file", "image audio file"),
    "anthropic-messages": _row("image file", "image file", pdf_only=True),
    "gemini": _row(_EVERY, _EVERY),
    "bedrock-converse": _row("", _EVERY),
    "cohere": _row("image", "image file"),
    "ollama": _row("", "image"),
    "claude-cli": _row("", "image file"),
}


def must_be_fetched(target: Target, kind: str, source: Url) -> bool:
    """Whether ``target`` takes this kind of medium (``image``, ``audio``, ``video``, ``file``), but not by its address."""
    row, quirks = _TAKEN.get(target.dialect), target.quirks
    if row is None or not source.url[:8].lower().startswith(("https://", "http://")):
        return False
    flags = {"image": quirks.image_urls, "file": quirks.file_urls, "video": quirks.video_urls}
    said = flags.get(kind)
    if kind not in row.at_all or (kind == "image" and quirks.no_images):
        return False  # it is left out, with a warning; but for films where the endpoint knows them
    if said is False or (said is None and kind not in row.by_address):
        return True
    return row.pdf_only and kind == "file" and (source.media_type or named(urlsplit(source.url).path)) not in (None, _PDF)


_PDF = "application/pdf"
