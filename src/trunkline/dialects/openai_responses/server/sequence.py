"""What a reply says, in the order in which a stream says it: one item at a time, each begun, filled and done (§7)."""

from __future__ import annotations

from msgspec.structs import replace

from ....values.events import PartDone, ToolCallDelta
from ....values.message import Audio, Citation, Part, Reasoning, Refusal, Text, ToolCall
from ....values.response import TokenLogprob
from ...losses import Losses
from .open_items import Call, Message, Open, Thought
from .pieces import Items
from .segment import Hint, Segment, hint_of, words_of
from .writing import Writer

_SOURCES: dict[type[Part], str] = {Text: "text", Reasoning: "reasoning", Refusal: "refusal", Audio: "audio"}
_LATE = "its item is done"


class Sequence:
    """Pieces and parts to items.

    What comes while another item is open waits where that is a call (whose end is not known before its ``PartDone``, or the end
    of all), and ends it where it is words. A part that is done says what its pieces have not said. A message stays open until
    something comes that does not belong to it.
    """

    __slots__ = ("_calls", "_held", "_items", "_live", "_losses", "_open", "_undone", "_waiting", "_writer", "refused")

    def __init__(self, writer: Writer, items: Items, losses: Losses) -> None:
        self._writer, self._items, self._losses = writer, items, losses
        self._open: Open | None = None  # the item that is open
        self._live: Segment | None = None  # what is being said in it
        self._waiting: list[Segment] = []
        self._calls: dict[int, Segment] = {}
        self._undone: dict[str, list[Segment]] = {}  # by source: those whose part is not done
        self._held: list[Citation] = []  # those that came before any words of their text
        self.refused: bool = False

    def live_text(self) -> Segment | None:
        """The text that is being said, where the next words can follow at once."""
        live = self._live
        return live if live is not None and live.source == "text" and not self._waiting else None

    # --- pieces ---------------------------------------------------------------------------------------------------------

    def words(self, source: str, text: str, tokens: tuple[TokenLogprob, ...] = (), raw: bytes | None = None) -> None:
        if not text and not tokens:
            return
        hint = hint_of(raw)
        last = self._waiting[-1] if self._waiting else self._live
        if last is None or last.source != source or last.done or not last.goes_on(hint):
            last = self._new(source, hint)
        last.take(self._items.clean(text), tokens, hint)
        self._go_on(last)

    def _new(self, source: str, hint: Hint | None) -> Segment:
        segment = Segment(source, hint)
        if source == "text":
            segment.citations, self._held = self._held, []
        self.refused = self.refused or source == "refusal"
        self._undone.setdefault(source, []).append(segment)
        self._waiting.append(segment)
        return segment

    def citation(self, citation: Citation) -> None:
        last = self._waiting[-1] if self._waiting else self._live
        if last is None or last.source != "text" or last.done:
            self._held.append(citation)
            return
        last.citations.append(citation)
        self._go_on(last)

    def call(self, event: ToolCallDelta) -> None:
        call = self._calls.get(event.index)
        if call is None:
            call = self._calls[event.index] = Segment("call", hint_of(event.raw))
            self._waiting.append(call)
        call.id, call.name = call.id or event.id or "", call.name or event.name or ""
        call.take(self._items.clean(event.arguments))
        self._go_on(call)

    def _go_on(self, segment: Segment) -> None:
        if segment is self._live:
            self._say_queue(segment)
        else:
            self._advance()

    def _say_queue(self, segment: Segment) -> None:
        """Say what the open segment has taken."""
        assert self._open is not None
        for text, tokens, hint in segment.queue:
            self._open.piece(text, tokens, hint)
        segment.queue.clear()
        if isinstance(self._open, Message):
            for citation in segment.citations[segment.cited :]:
                self._open.cite(citation)
            segment.cited = len(segment.citations)

    # --- parts ----------------------------------------------------------------------------------------------------------

    def part(self, event: PartDone) -> None:
        part = event.part
        if type(part) is ToolCall:
            self._call_done(part, event.index)
            self._advance()
            return
        self.refused = self.refused or type(part) is Refusal
        undone = self._undone.get(_SOURCES.get(type(part), ""))
        if undone:
            self._words_done(undone, part)
        else:
            self._held = [] if type(part) is Text else self._held
            self._waiting.append(Segment("whole", part=part))
        self._advance()

    def _call_done(self, part: ToolCall, index: int | None) -> None:
        if index not in self._calls:
            index = next((number for number, call in self._calls.items() if part.id and call.id == part.id), None)
        if index is None:
            self._waiting.append(Segment("whole", part=part))
            return
        call = self._calls.pop(index)
        part = replace(part, id=part.id or call.id, name=part.name or call.name)
        self._complete(call, self._rest("".join(call.pieces), part.raw_arguments, "tool_call.arguments"), part)

    def _words_done(self, undone: list[Segment], part: Part) -> None:
        """Give a part to the segment that told it: the first that waits for its part, or all, where it is as long as they are."""
        whole, first = words_of(part), undone[0]
        if len(undone) > 1 and first.untold() == whole:
            self._complete(undone.pop(0), "", part)
            return
        told = "".join([segment.untold() for segment in undone])
        if len(undone) == 1 and whole and len(whole) < len(told) and told.startswith(whole):
            first.told += len(whole)  # the other words are those of a part to come
            first.part = part
            return
        *others, last = undone
        undone.clear()
        for segment in others:
            self._complete(segment, "", part)
        self._complete(last, self._rest(told, whole, _SOURCES[type(part)]), part)

    def _rest(self, said: str, whole: str, what: str) -> str:
        whole = self._items.clean(whole)
        if whole.startswith(said):
            return whole[len(said) :]
        self._losses.approximated(f"message.{what}", "what was said in pieces is not what the part says")
        return ""

    def _complete(self, segment: Segment, rest: str, part: Part) -> None:
        cited = part.citations[len(segment.citations) :] if type(part) is Text else ()
        if segment.closed:
            self._too_late(segment, rest, cited, part)
            return
        segment.take(rest)
        segment.citations += cited
        segment.part, segment.done = part, True
        if segment is self._live:
            self._say_queue(segment)
            self._end_live()

    def _too_late(self, segment: Segment, rest: str, cited: tuple[Citation, ...], part: Part) -> None:
        """What was said of a part is over: what is left of its words comes in a further one."""
        if rest:
            self._waiting.append(Segment("whole", part=Reasoning(rest) if type(part) is Reasoning else Text(rest, cited)))
        elif cited:
            self._losses.dropped("message.citations", "the text that they belong to is closed")
        if type(part) is Reasoning and part.state is not None:
            self._waiting.append(Segment("sealed", segment.hint, part))
        elif isinstance(self._open, Message) and self._open.own is None and type(part) in (Text, Refusal):
            own = self._items.own(getattr(part, "state", None), "message")
            if own.get("id") == self._open.hint_id:
                self._open.own = own

    # --- one item at a time ---------------------------------------------------------------------------------------------

    def _advance(self, *, last: bool = False) -> None:
        """Say what waits, as far as may be: a call that is open is not interrupted, one without a name does not begin. ``last``:
        nothing more will come."""
        while self._waiting:
            head, live = self._waiting[0], self._live
            if not last and live is not None and live.source == "call":
                return
            if not last and head.source == "call" and not head.done and not (head.id and head.name):
                return
            self._end_live()
            self._begin(self._waiting.pop(0))

    def _begin(self, segment: Segment) -> None:
        part = segment.part
        if segment.done and part is not None:  # all of it is known
            self._whole(segment, part)
            return
        if segment.source == "call":
            self._close()
            self._open = Call(self._writer, self._items, self._losses, segment)
        elif segment.source == "reasoning":
            self._close()
            self._open = Thought(self._writer, self._items, segment)
        else:
            if segment.source == "audio":
                self._items.transcript()
            self._message(None, segment.hint).begin(segment)
        self._live = segment
        self._say_queue(segment)

    def _message(self, own: dict[str, object] | None, hint: Hint | None) -> Message:
        """The message to which a part of that state, or from that place, belongs."""
        if not isinstance(self._open, Message) or not self._open.goes_on(own, hint):
            self._close()
            self._open = Message(self._writer, self._items, own, hint)
        elif own is not None:
            self._open.own = own
        return self._open

    def _whole(self, segment: Segment, part: Part) -> None:
        segment.closed = True
        if segment.source == "sealed" and type(part) is Reasoning:
            own = self._items.own(part.state, "reasoning")
            if own.get("encrypted_content"):
                self._close()
                self._writer.whole(self._items.only_sealed(own, self._writer.index))
        elif isinstance(part, (Text, Refusal)) or (isinstance(part, Audio) and part.transcript):
            own = self._items.own(part.state, "message")
            self._message(own, None).whole(self._items.content(part, segment.tokens))
        else:
            self._close()
            if (item := self._items.of(part, self._writer.index)) is not None:
                self._writer.whole(item)

    def _end_live(self, *, cut: bool = False) -> None:
        live, self._live = self._live, None
        if live is None or self._open is None:
            return
        live.closed = True
        self._open.end(live.part)
        if not isinstance(self._open, Message):
            self._close(cut=cut)
        elif live.done and live.part is not None:
            own = self._items.own(getattr(live.part, "state", None), "message")
            self._open.own = own if self._open.own is None else self._open.own

    def _close(self, *, cut: bool = False) -> None:
        """The item that is open is done."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.close(cut=cut)

    def drain(self, *, cut: bool = False) -> None:
        """Say all that waits and close what is open. ``cut``: the reply was cut off in its midst."""
        self._advance(last=True)
        self._end_live(cut=cut)
        self._close(cut=cut)
        self._calls.clear()
        self._undone.clear()
        if self._held:
            self._losses.dropped("message.citations", "there is no text that they belong to")
            self._held = []
