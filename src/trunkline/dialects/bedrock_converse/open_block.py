"""A block that a stream is writing, and the part that it is in the end."""

from __future__ import annotations

from binascii import Error as Base64Error, a2b_base64, b2a_base64
from itertools import groupby
from typing import Any

import msgspec

from ...values.message import Citation, Opaque, Part, Reasoning, Text
from ..dialect import Context
from ..reply_fields import Fields, encode, value_of
from .blocks import RESULT, opaque, part_of, tool_use
from .pieces import state


class OpenBlock:
    """What the start of a block said, and the pieces since. ``kind``: ``text``, ``reasoning``, or the key that its start has."""

    __slots__ = ("call", "citations", "custom", "fields", "kind", "pieces", "redacted", "results", "signatures")

    def __init__(self, kind: str, fields: Fields) -> None:
        self.kind: str = kind
        self.fields: Fields = fields
        self.call: int | None = None
        self.custom: bool = False
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.signatures: list[str] = []
        self.redacted: list[str] = []
        self.results: list[bytes] = []

    def part(self, context: Context) -> Part:
        """The block as a whole reply would have said it."""
        written = "".join(self.pieces)
        if self.kind == "text":
            return Text(written, tuple(self.citations))
        if self.kind == "reasoning":
            return self._reasoning(written, context)
        if self.kind == "toolUse":
            return tool_use(self.fields, written, context, "$.start.toolUse")
        if self.kind == RESULT:
            block: Any = {RESULT: {**self.fields, "content": msgspec.Raw(encode(self._content()))}}
            return part_of(encode(block), context, "$.start")
        if self.kind == "image":
            block = {"image": {**self.fields, **self._image()}}
            return part_of(encode(block), context, "$.start")
        return self._unknown(context)

    def _reasoning(self, written: str, context: Context) -> Part:
        said: dict[str, Any] = {}
        if self.pieces or self.signatures or not self.redacted:
            thought = {"text": written} | ({"signature": "".join(self.signatures)} if self.signatures else {})
            said["reasoningText"] = thought
        if self.redacted:
            said["redactedContent"] = _joined(self.redacted)
        own = state(encode({"reasoningContent": said}), context, bound=True)
        return Reasoning(written, redacted="reasoningText" not in said, state=own)

    def _content(self) -> list[Any]:
        """The pieces of a result, texts that follow one another joined."""
        values = (value_of(msgspec.Raw(raw)) for raw in self.results)
        pieces = [piece for value in values for piece in (value if isinstance(value, list) else [value])]
        content: list[Any] = []
        for is_text, group in groupby(pieces, _is_text):
            items = list(group)
            content += [{"text": "".join([item["text"] for item in items])}] if is_text else items
        return content

    def _image(self) -> dict[str, Any]:
        """The pieces of a picture: the last word of each field, the bytes joined."""
        said: dict[str, Any] = {}
        pieces: list[str] = []
        for raw in self.results:
            value = value_of(msgspec.Raw(raw))
            said |= value if isinstance(value, dict) else {}
            source = said.get("source")
            if isinstance(source, dict) and isinstance(source.get("bytes"), str):
                pieces.append(source["bytes"])
        return said | ({"source": {"bytes": _joined(pieces)}} if pieces else {})

    def _unknown(self, context: Context) -> Opaque:
        said: dict[str, Any] = dict(self.fields)
        if self.results:
            said["deltas"] = [msgspec.Raw(raw) for raw in self.results]
        return opaque(self.kind, encode(said), context)


def _is_text(piece: Any) -> bool:
    return isinstance(piece, dict) and piece.keys() == {"text"} and isinstance(piece["text"], str)


def _joined(pieces: list[str]) -> str:
    """Base64 that came in pieces, each whole in itself, as one."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b2a_base64(b"".join(map(a2b_base64, pieces)), newline=False).decode()
    except (Base64Error, ValueError):
        return "".join(pieces)
