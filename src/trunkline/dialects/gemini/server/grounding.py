"""Citations of a reply's text as ``groundingMetadata`` and ``citationMetadata`` (gemini §7): how ``..grounding`` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....values.message import Citation
from ....wire.loose_json import clean_text
from ...losses import Losses

Object = dict[str, Any]
OWN = ("groundingMetadata", "citationMetadata")


def grounded(citations: Sequence[Citation], text: str, losses: Losses) -> Object:
    """The fields of a candidate whose text is ``text``. Places count in bytes of UTF-8."""
    chunks: list[Object] = []
    supports: list[Object] = []
    quoted: list[Object] = []
    for citation in citations:
        if citation.kind == "url" and citation.url:
            quoted.append({**_place(citation, text), "uri": citation.url, **_some(title=citation.title)})
        elif (chunk := _chunk(citation)) is not None:
            if chunk not in chunks:
                chunks.append(chunk)
            supports.append({"segment": _segment(citation, text), "groundingChunkIndices": [chunks.index(chunk)]})
        else:
            losses.dropped("message.citations", "this protocol has no such form of them")
            continue
        if citation.cited_text and citation.kind != "search_result":
            losses.dropped("message.citations.cited_text", "what a page says is not quoted here")
    found: Object = {}
    if chunks:
        found["groundingMetadata"] = {"groundingChunks": chunks, "groundingSupports": supports}
    if quoted:
        found["citationMetadata"] = {"citations": quoted}
    return found


def _chunk(citation: Citation) -> Object | None:
    if citation.kind in ("web", "url") and citation.url:
        return {"web": {"uri": citation.url, **_some(title=citation.title)}}
    if citation.kind == "search_result":
        return {
            "retrievedContext": _some(
                text=citation.cited_text, title=citation.title, uri=citation.url, documentName=citation.source
            )
        }
    return None


def _some(**said: str | None) -> Object:
    return {name: clean_text(value) for name, value in said.items() if value}


def _place(citation: Citation, text: str) -> Object:
    start, end = citation.text_start, citation.text_end
    if start is None or end is None or not 0 <= start < end <= len(text):
        return {}
    before = len(text[:start].encode("utf-8", "surrogatepass"))
    return {"startIndex": before, "endIndex": before + len(text[start:end].encode("utf-8", "surrogatepass"))}


def _segment(citation: Citation, text: str) -> Object:
    place = _place(citation, text)
    return {**place, "text": clean_text(text[citation.text_start : citation.text_end])} if place else {}
