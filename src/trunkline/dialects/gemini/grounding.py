"""What a reply's text rests on: ``groundingMetadata`` and ``citationMetadata`` as citations.

The wire counts in bytes of UTF-8 from the start of a part, and parts of a stream are cut anywhere, so the words that it quotes
decide where a citation stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...values.message import Citation
from .usage import count_of

_SOURCES = {"web": "web", "retrievedContext": "search_result", "maps": "web", "image": "web"}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; what is no list has none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class _Places:
    """Where segments stand in a text that came in ``pieces``: it is put together when the first is looked for."""

    __slots__ = ("_data", "_pieces", "_text")

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces
        self._text = ""
        self._data: bytes | None = None

    def of(self, segment: dict[str, Any]) -> tuple[int | None, int | None]:
        """Begin and end of a segment in the text, in characters; None where it does not stand there."""
        start, end, quoted = count_of(segment.get("startIndex")) or 0, count_of(segment.get("endIndex")), segment.get("text")
        if end is None and not quoted:
            return None, None
        if self._data is None:
            self._text = "".join(self._pieces)
            self._data = self._text.encode("utf-8", "surrogatepass")
        if end is not None and start < end <= len(self._data):
            said = self._data[start:end].decode("utf-8", "replace")
            if said == quoted or (quoted is None and "\ufffd" not in said):
                before = self._characters(start)
                return before, before + len(said)
        if isinstance(quoted, str) and quoted and (at := self._text.find(quoted)) >= 0:
            return at, at + len(quoted)
        return None, None

    def _characters(self, start: int) -> int:
        data = self._data or b""
        return start if len(data) == len(self._text) else len(data[:start].decode("utf-8", "replace"))


def citations_of(candidate: dict[str, Any], pieces: Sequence[str]) -> list[Citation]:
    """The citations of a candidate whose text came, so far, in ``pieces``."""
    found: list[Citation] = []
    places = _Places(pieces)
    grounding, quoted = candidate.get("groundingMetadata"), candidate.get("citationMetadata")
    if isinstance(grounding, dict):
        found += _grounded(grounding, places)
    if isinstance(quoted, dict):
        for item in objects(quoted.get("citations") or quoted.get("citationSources")):
            start, end = places.of(item)
            found.append(
                Citation("url", title=_text(item.get("title")), url=_text(item.get("uri")), text_start=start, text_end=end)
            )
    return found


def _grounded(metadata: dict[str, Any], places: _Places) -> list[Citation]:
    chunks = metadata.get("groundingChunks")
    sources = [_source(chunk) for chunk in chunks] if isinstance(chunks, list) else []
    supports = objects(metadata.get("groundingSupports"))
    if not supports:
        return [_citation(source, None, None) for source in sources if source is not None]
    found: list[Citation] = []
    for support in supports:
        segment = support.get("segment")
        start, end = places.of(segment if isinstance(segment, dict) else {})
        numbers = support.get("groundingChunkIndices")
        for number in numbers if isinstance(numbers, list) else ():
            source = sources[number] if type(number) is int and 0 <= number < len(sources) else None
            if source is not None:
                found.append(_citation(source, start, end))
    return found


def _source(chunk: object) -> tuple[str, dict[str, Any]] | None:
    if not isinstance(chunk, dict):
        return None
    return next(((kind, facts) for name, kind in _SOURCES.items() if isinstance(facts := chunk.get(name), dict)), None)


def _citation(source: tuple[str, dict[str, Any]], start: int | None, end: int | None) -> Citation:
    kind, facts = source
    return Citation(
        kind,
        cited_text=_text(facts.get("text")),
        title=_text(facts.get("title")),
        url=_text(facts.get("uri") or facts.get("sourceUri")),
        source=_text(facts.get("documentName") or facts.get("fileSearchStore")),
        text_start=start,
        text_end=end,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
