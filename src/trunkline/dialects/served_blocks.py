"""What a reply says, in the order in which a stream of blocks may say it: one at a time, each begun, filled and ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from ..values.events import PartDone, ToolCallDelta
from ..values.message import Audio, Citation, Part, ProviderState, Reasoning, Refusal, Text, ToolCall
from .losses import Losses
from .served_fields import REFUSED

Block = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder().decode
_SOURCES: dict[type[Part], str] = {Text: "text", Refusal: "refusal", Audio: "audio"}


class BlockWriter(Protocol):
    """Writes the events of a protocol, for the block that is open."""

    def piece(self, text: str) -> None: ...

    def delta(self, delta: Block) -> None: ...

    def whole(self, block: Block) -> None: ...

    def close(self) -> None: ...


class Blocks(Protocol):
    """Gives parts as the blocks of a protocol; what cannot be said stands in ``losses``."""

    losses: Losses

    def of(self, part: Part) -> Block | None: ...

    def own(self, state: ProviderState | None, what: str) -> Block | None: ...

    def clean(self, text: str) -> str: ...

    def citation(self, citation: Citation) -> Any: ...

    def call(self, part: ToolCall) -> Block: ...

    def input(self, text: str, *, custom: bool = False) -> Any: ...


WriterT = TypeVar("WriterT", bound=BlockWriter)


class Segment:
    """A block that is being said, or waits for its turn. ``source``: what it is made of (``text``, ``thinking``, ``refusal``,
    ``audio``, ``call``), or ``whole``: a part at once. ``done``: nothing is added to it any more."""

    __slots__ = ("citations", "done", "extra", "id", "name", "part", "pieces", "source")

    def __init__(self, source: str, part: Part | None = None) -> None:
        self.source: str = source
        self.part: Part | None = part
        self.done: bool = part is not None
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.id: str = ""
        self.name: str = ""
        self.extra: Block = {}
        """What the block says beside what we name."""


class BlockSequence(ABC, Generic[WriterT]):
    """Pieces and parts to blocks, whose words a protocol gives: it opens them, closes them and fills them.

    What comes while another block is open waits where that is a call (whose end is not known before its ``PartDone``, or the end
    of all), and ends it where it is text or thinking. A part that is done says what its pieces have not said.
    """

    __slots__ = ("_blocks", "_calls", "_cited", "_held", "_live", "_losses", "_said", "_waiting", "_writer")

    thought: ClassVar[str] = "reasoning"
    """The source of reasoning, by the name that losses tell."""
    spent: ClassVar[frozenset[str]] = frozenset()
    """Fields of a call's state that say nothing more once its block has begun."""

    def __init__(self, writer: WriterT, blocks: Blocks) -> None:
        self._writer: WriterT = writer
        self._blocks: Blocks = blocks
        self._losses: Losses = blocks.losses
        self._live: Segment | None = None
        self._waiting: list[Segment] = []
        self._calls: dict[int, Segment] = {}
        self._said: dict[str, list[str]] = {}  # by source, since its last part was done
        self._cited: int = 0  # how many citations of the text at hand are said, or wait with it
        self._held: list[Citation] = []  # those that came before any of its words

    def open_text(self) -> list[str] | None:
        """Where the words of the text that is open are gathered; None while another block is, or something waits."""
        live = self._live
        return self._said.get("text") if live is not None and live.source == "text" and not self._waiting else None

    def words(self, source: str, text: str) -> None:
        if not text:
            return
        self._said.setdefault(source, []).append(text)
        last = self._waiting[-1] if self._waiting else self._live
        if last is None or last.source != source or last.done:
            last = Segment(source)
            if source == "text":
                last.citations, self._held = self._held, []
                self._cited += len(last.citations)
            self._waiting.append(last)
        last.pieces.append(text)
        if last is self._live:
            self._writer.piece(self._blocks.clean(text))
            last.pieces.clear()
        else:
            self._advance()

    def citation(self, citation: Citation) -> None:
        last = self._waiting[-1] if self._waiting else self._live
        if last is None or last.source != "text" or last.done:
            self._held.append(citation)
            return
        self._cited += 1
        if last is self._live:
            self._cite(citation)
        else:
            last.citations.append(citation)

    def _cite(self, citation: Citation) -> None:
        if (made := self._blocks.citation(citation)) is not None:
            self._writer.delta(self._cited_in(made))

    def call(self, event: ToolCallDelta) -> None:
        call = self._calls.get(event.index)
        if call is None:
            call = self._calls[event.index] = Segment("call")
            call.extra = self._beside(event.raw)
            self._waiting.append(call)
        call.id, call.name = call.id or event.id or "", call.name or event.name or ""
        if event.arguments:
            call.pieces.append(event.arguments)
            if call is self._live:
                self._writer.piece(self._blocks.clean(event.arguments))
        if call is not self._live:
            self._advance()

    # --- parts ------------------------------------------------------------------------------------------------------------

    def part(self, event: PartDone) -> None:
        part = event.part
        if type(part) is ToolCall:
            call = self._calls.pop(event.index, None) if event.index is not None else None
            if call is not None:
                self._call_done(call, part)
                return
        source = self.thought if type(part) is Reasoning else _SOURCES.get(type(part))
        said = self._said.pop(source, None) if source is not None else None
        if source is None or said is None:
            self._waiting.append(Segment("whole", part))
            self._forget_citations(source or "")
        else:
            self._words_done(source, "".join(said), part)
        self._advance()

    def _call_done(self, call: Segment, part: ToolCall) -> None:
        if call is not self._live:
            call.part, call.done = part, True
        else:
            said = "".join(call.pieces)
            if said:
                rest = self._rest(said, part.raw_arguments, "tool_call.arguments")
            else:
                rest = _encode(self._blocks.input(part.raw_arguments, custom=part.kind == "custom")).decode()
            if rest and (said or rest != "{}"):
                self._writer.piece(self._blocks.clean(rest))
                call.pieces.append(rest)
            if (own := self._blocks.own(part.state, "tool_call")) is not None and own.keys() - call.extra.keys() - self.spent:
                self._losses.dropped("message.tool_call.state", "its block had begun")
            self._end_live()
        self._advance()

    def _words_done(self, source: str, said: str, part: Any) -> None:
        """Say what the pieces of a part left out, in their block where it is still open (or waits), else in one of its own."""
        waits = next((segment for segment in reversed(self._waiting) if segment.source == source), None)
        if waits is not None and "".join(waits.pieces) == said and (source != "text" or self._cited == len(waits.citations)):
            waits.source, waits.part, waits.done = "whole", part, True
            self._forget_citations(source)
            return
        rest = self._rest(said, (part.transcript or "") if source == "audio" else part.text, source)
        cited = part.citations[self._cited :] if source == "text" else ()
        self._forget_citations(source)
        if waits is not None:
            waits.pieces += [rest] if rest else []
            waits.citations += cited
            waits.part, waits.done = part, True
        elif self._live is not None and self._live.source == source:
            self._fill(rest, cited)
            self._end_live(part)
        else:
            self._too_late(source, rest, cited, part)

    def _too_late(self, source: str, rest: str, cited: tuple[Citation, ...], part: Part) -> None:
        """The block of a part is closed: what is left of its words comes in a further one."""
        if rest:
            self._waiting.append(Segment("whole", Reasoning(rest) if source == self.thought else Text(rest, cited)))
        elif cited:
            self._losses.dropped("message.citations", "the text that they belong to is closed")
        if type(part) is Reasoning and part.state is not None:
            self._losses.dropped("message.reasoning.state", "its block is closed")

    def _forget_citations(self, source: str) -> None:
        if source == "text":
            self._held, self._cited = [], 0

    def _fill(self, words: str, citations: Iterable[Citation]) -> None:
        """Add to the block that is open."""
        if words:
            self._writer.piece(self._blocks.clean(words))
        for citation in citations:
            self._cite(citation)

    def _rest(self, said: str, whole: str, what: str) -> str:
        if whole.startswith(said):
            return whole[len(said) :]
        self._losses.approximated(f"message.{what}", "what was said in pieces is not what the part says")
        return ""

    # --- one block at a time ------------------------------------------------------------------------------------------------

    def _advance(self, *, last: bool = False) -> None:
        """Say what waits, as far as may be: a call that is open is not interrupted, one without a name does not begin. ``last``:
        nothing more will come."""
        while self._waiting:
            head = self._waiting[0]
            live = self._live
            if not last and live is not None and live.source == "call":
                return
            if not last and head.source == "call" and not head.done and not (head.id and head.name):
                return
            if live is not None:
                self._end_live()
            self._waiting.pop(0)
            self._begin(head)

    def _begin(self, segment: Segment) -> None:
        if segment.part is not None and segment.source in ("whole", "call"):
            if (block := self._blocks.of(segment.part)) is not None:
                self._writer.whole(self._completed(block, segment.extra))
            return
        self._live = segment
        self._open(segment)
        self._fill("".join(segment.pieces), segment.citations)
        if segment.source != "call":
            segment.pieces.clear()
        if segment.done:
            self._end_live(segment.part)

    def _end_live(self, part: Part | None = None) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        if live.source == "call":
            self._judge("".join(live.pieces))
        if type(part) is Reasoning and (own := self._blocks.own(part.state, "reasoning")) is not None:
            self._close_reasoning(own)
            return
        if part is not None and type(part) is Text and self._blocks.own(part.state, "text") is not None:
            self._losses.dropped("message.text.state", "its block had begun")
        self._writer.close()

    def _judge(self, arguments: str) -> None:
        try:
            if not arguments or isinstance(_any(arguments), dict):
                return
        except REFUSED:
            pass
        self._losses.approximated("message.tool_call.arguments", "they are no JSON object, and went out as they came")

    def drain(self) -> None:
        """Say all that waits and close what is open."""
        self._advance(last=True)
        self._end_live()
        self._calls.clear()
        self._said.clear()
        if self._held:
            self._losses.dropped("message.citations", "there is no text that they belong to")
            self._held = []

    # --- in the words of a protocol -------------------------------------------------------------------------------------------

    @abstractmethod
    def _open(self, segment: Segment) -> None:
        """Begin the block of what is said in pieces."""

    @abstractmethod
    def _completed(self, block: Block, extra: Block) -> Block:
        """A block that is said at once, with what its beginning said beside what we name."""

    @abstractmethod
    def _close_reasoning(self, own: Block) -> None:
        """End a block of reasoning whose words are said: what is left of its state."""

    @abstractmethod
    def _cited_in(self, made: Any) -> Block:
        """The delta that says a citation."""

    @abstractmethod
    def _beside(self, raw: bytes | None) -> Block:
        """What the block of a call said beside what we name, where ``raw`` is the frame that began it in this protocol."""
