"""Citations as callers write them, in Anthropic's shape (on a text block) or OpenAI's (``annotations`` on a message)."""

from __future__ import annotations

from . import expect
from .input_fields import optional, place, verbatim
from .message import Citation, Scope

_CITED = {
    "char_location": ("char", "start_char_index", "end_char_index"),
    "page_location": ("page", "start_page_number", "end_page_number"),
    "content_block_location": ("block", "start_block_index", "end_block_index"),
    "search_result_location": ("search_result", "start_block_index", "end_block_index"),
    "web_search_result_location": ("web", "", ""),
}


def read_citations(value: object, at: str, scope: Scope) -> tuple[Citation, ...]:
    """Anthropic's citations on a text block; each keeps its own form for the way back."""
    if value is None:
        return ()
    return tuple(_citation(item, f"{at}[{n}]", scope) for n, item in enumerate(expect.items(value, at)))


def _citation(item: object, at: str, scope: Scope) -> Citation:
    if isinstance(item, Citation):
        return item
    fields = expect.mapping(item, at)
    kind = expect.filled(fields.get("type"), f"{at}.type")
    name, start, end = _CITED.get(kind, (kind, "start", "end"))
    return Citation(
        kind=name,
        cited_text=optional(fields, "cited_text", at),
        title=optional(fields, "title" if kind.endswith("search_result_location") else "document_title", at),
        url=optional(fields, "url", at),
        source=optional(fields, "source", at),
        document=place(fields, "search_result_index" if name == "search_result" else "document_index", at),
        file_id=optional(fields, "file_id", at),
        start=place(fields, start, at),
        end=place(fields, end, at),
        state=verbatim(fields, at, scope),
    )


def read_annotations(value: object, at: str) -> tuple[Citation, ...]:
    """OpenAI's ``annotations`` on an assistant message: places in its text that rest on web pages."""
    if value is None:
        return ()
    citations = []
    for n, item in enumerate(expect.items(value, at)):
        where = f"{at}[{n}]"
        fields = expect.mapping(item, where)
        expect.only(fields, where, ("type", "url_citation"))
        expect.one_of(fields.get("type"), f"{where}.type", ("url_citation",), "annotation type")
        spot = f"{where}.url_citation"
        said = expect.mapping(fields.get("url_citation"), spot)
        expect.only(said, spot, ("start_index", "end_index", "title", "url"))
        texts = (optional(said, "title", spot), optional(said, "url", spot))
        span = (place(said, "start_index", spot), place(said, "end_index", spot))
        citations.append(Citation("url", None, *texts, text_start=span[0], text_end=span[1]))
    return tuple(citations)
