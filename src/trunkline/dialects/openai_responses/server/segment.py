"""A piece of a reply that has an end of its own: one text, the reasoning of one item, one call."""

from __future__ import annotations

import msgspec

from ....values.message import Audio, Citation, Part
from ....values.response import TokenLogprob


class _Item(msgspec.Struct, frozen=True, gc=False):
    id: str = ""


class Hint(msgspec.Struct, frozen=True, gc=False):
    """What the frame that an event came from says of its place, where that frame was one of this protocol."""

    type: str = ""
    item_id: str = ""
    content_index: int = 0
    summary_index: int = 0
    item: _Item = _Item()

    @property
    def id(self) -> str:
        return self.item_id or self.item.id

    @property
    def place(self) -> tuple[str, int, int]:
        return self.type, self.content_index, self.summary_index


_read = msgspec.json.Decoder(Hint).decode


def hint_of(raw: bytes | None) -> Hint | None:
    """Where the frame ``raw`` stands; None for a frame of another protocol."""
    if raw is None:
        return None
    try:
        hint = _read(raw)
    except (ValueError, RecursionError):
        return None
    return hint if hint.type.startswith("response.") and hint.id else None


class Segment:
    """``source``: what it is made of (``text``, ``refusal``, ``audio``, ``reasoning``, ``call``), or ``whole``: a part at once.
    ``queue`` is what was not said yet, ``citations`` all and ``cited`` how many were said, ``told`` how many characters belong to
    parts that are done. ``done``: nothing is added any more; ``closed``: it was said, and no more can be."""

    __slots__ = (
        "citations", "cited", "closed", "done", "hint", "id", "name", "part", "pieces", "queue", "source", "tokens", "told",
    )  # fmt: skip

    def __init__(self, source: str, hint: Hint | None = None, part: Part | None = None) -> None:
        self.source: str = source
        self.hint: Hint | None = hint
        self.part: Part | None = part
        self.done: bool = part is not None
        self.closed: bool = False
        self.pieces: list[str] = []
        self.queue: list[tuple[str, tuple[TokenLogprob, ...], Hint | None]] = []
        self.tokens: list[TokenLogprob] = []
        self.citations: list[Citation] = []
        self.cited: int = 0
        self.told: int = 0
        self.id: str = ""
        self.name: str = ""

    def take(self, text: str, tokens: tuple[TokenLogprob, ...] = (), hint: Hint | None = None) -> None:
        if text or tokens:
            self.pieces.append(text)
            self.queue.append((text, tokens, hint))
            self.tokens += tokens

    def goes_on(self, hint: Hint | None) -> bool:
        """Whether words from that place belong to it."""
        if hint is None or self.hint is None:
            return True
        return hint.id == self.hint.id and (self.source == "reasoning" or hint.place == self.hint.place)

    def untold(self) -> str:
        """Its words, but for those of parts that are done."""
        whole = "".join(self.pieces)
        self.pieces = [whole]
        return whole[self.told :]


def words_of(part: Part) -> str:
    """The words that a part adds to what is said."""
    return (part.transcript or "") if isinstance(part, Audio) else str(getattr(part, "text", ""))
