"""Items that are being written: a message with its parts, reasoning with its texts, a call with its input."""

from __future__ import annotations

from ....values.message import Citation, Part, ToolCall
from ....values.response import TokenLogprob
from ...losses import Losses
from ..pieces import BETWEEN
from .pieces import REASONING, Items, Wire, output_text, token_of
from .segment import Hint, Segment
from .writing import ARGUMENTS, INPUT, OUTPUT_TEXT, REFUSAL, SUMMARY, THOUGHTS, Writer

_STATUSES = ("completed", "incomplete")


class Message:
    """A message. ``own`` is what the state of its parts says, None as long as no part is done."""

    __slots__ = (
        "_content", "_counted", "_items", "_length", "_notes", "_refuses", "_tokens", "_writer", "hint_id", "item", "own",
    )  # fmt: skip

    def __init__(self, writer: Writer, items: Items, own: Wire | None, hint: Hint | None) -> None:
        self._writer, self._items = writer, items
        self.own: Wire | None = own
        self.hint_id: str | None = None if hint is None else hint.id
        known = self.hint_id if own is None else own.get("id")
        id = items.id("msg", writer.index, known)
        self.item: Wire = {"type": "message", "id": id, "status": "in_progress", "role": "assistant", "content": []}
        self._content: list[Wire] = []
        self._notes: list[Wire] = []
        self._tokens: list[Wire] = []
        self._counted = self._length = 0  # so many pieces of the open text are counted, and have so many characters
        self._refuses = False
        writer.add(self.item)

    def goes_on(self, own: Wire | None, hint: Hint | None) -> bool:
        """Whether a part with that state, or from that place, belongs to it."""
        if own is not None:
            return own == self.own or (self.own is None and own.get("id") == self.hint_id)
        if hint is not None:
            return hint.id in (self.item["id"], self.hint_id)
        return not self.own

    def whole(self, content: Wire) -> None:
        """A part at once."""
        self._writer.part(self.item, len(self._content), content)
        self._content.append(content)

    def begin(self, segment: Segment) -> None:
        """Begin a part."""
        self._refuses = segment.source == "refusal"
        self._notes, self._tokens, self._writer.pieces = [], [], []
        self._counted = self._length = 0
        part: Wire = {"type": "refusal", "refusal": ""} if self._refuses else output_text("", [])
        self._writer.begin_part(self.item, len(self._content), part)
        self._writer.open(self.item, REFUSAL if self._refuses else OUTPUT_TEXT, len(self._content))

    def piece(self, text: str, tokens: tuple[TokenLogprob, ...], hint: Hint | None) -> None:
        said = [token_of(token) for token in tokens]
        self._tokens += said
        self._writer.piece(text, said)

    def cite(self, citation: Citation) -> None:
        pieces = self._writer.pieces[self._counted :]
        self._counted += len(pieces)
        self._length += sum(map(len, pieces))
        if not self._refuses and (note := self._items.note(citation, self._length)) is not None:
            self._writer.annotate(note, len(self._notes))
            self._notes.append(note)

    def end(self, part: Part | None) -> None:
        """End the part that was begun."""
        text = self._writer.close(self._tokens)
        said: Wire = {"type": "refusal", "refusal": text}
        if not self._refuses:
            said = {"type": "output_text", "text": text, "annotations": self._notes, "logprobs": self._tokens}
        self._writer.end_part(self.item, len(self._content), said)
        self._content.append(said)

    def close(self, *, cut: bool) -> None:
        own = self.own or {}
        status = own["status"] if own.get("status") in _STATUSES else "incomplete" if cut else "completed"
        self._writer.done({**own, **self.item, "status": status, "content": self._content})


class Thought:
    """Reasoning."""

    __slots__ = ("_between", "_items", "_open", "_texts", "_writer", "item", "part")

    def __init__(self, writer: Writer, items: Items, segment: Segment) -> None:
        self._writer, self._items = writer, items
        known = None if segment.hint is None else segment.hint.id
        self.item: Wire = {"type": "reasoning", "id": items.id(REASONING, writer.index, known), "summary": []}
        self._texts: dict[str, list[Wire]] = {"summary": []}
        self._open: tuple[str, tuple[str, int, int] | None] | None = None
        self._between = False
        self.part: Part | None = None
        writer.add(self.item)

    def piece(self, text: str, tokens: tuple[TokenLogprob, ...], hint: Hint | None) -> None:
        """A piece. What stands between two texts is said by their being two."""
        if self._open is not None and hint is None and text == BETWEEN and self._open[1] is not None and not self._between:
            self._between = True
            return
        if self._open is None or (hint is not None and hint.place != self._open[1]):
            self._close_text()
            self._open_text(hint)
        elif self._between:
            self._writer.piece(BETWEEN)
        self._between = False
        self._writer.piece(text)

    def _open_text(self, hint: Hint | None) -> None:
        kind = "content" if hint is not None and hint.type == "response.reasoning_text.delta" else "summary"
        self._open = kind, None if hint is None else hint.place
        self._writer.pieces = []
        index = len(self._texts.setdefault(kind, []))
        if kind == "summary":
            self._writer.begin_summary(self.item, index)
            self._writer.open(self.item, SUMMARY, index)
        else:
            self._writer.begin_part(self.item, index, {"type": "reasoning_text", "text": ""})
            self._writer.open(self.item, THOUGHTS, index)

    def _close_text(self) -> None:
        if self._open is None:
            return
        kind, self._open = self._open[0], None
        texts = self._texts[kind]
        text = self._writer.close()
        if kind == "summary":
            texts.append({"type": "summary_text", "text": text})
            self._writer.end_summary(self.item, len(texts) - 1, texts[-1])
        else:
            texts.append({"type": "reasoning_text", "text": text})
            self._writer.end_part(self.item, len(texts) - 1, texts[-1])

    def end(self, part: Part | None) -> None:
        self.part = part
        if self._between:
            self._writer.piece(BETWEEN)
        self._close_text()

    def close(self, *, cut: bool) -> None:
        """What is sealed is sealed with its item's id: under another it comes as an item of its own."""
        own = self._items.own(getattr(self.part, "state", None), "reasoning")
        apart = bool(own.get("encrypted_content")) and own.get("id") not in (None, self.item["id"])
        said = {} if apart else {name: value for name, value in own.items() if name != "content" or not value}
        if own.get("content") == self._texts.get("content") and not apart:
            said = dict(own)
        texts = {name: texts for name, texts in self._texts.items() if texts != own.get(name) or apart}
        kept = {"summary": own["summary"]} if "summary" not in texts else {}
        self._writer.done(self._items.sealed({**said, **self.item, **kept, **texts}))
        if apart:
            self._writer.whole(self._items.only_sealed(own, self._writer.index))


class Call:
    """A call."""

    __slots__ = ("_items", "_losses", "_part", "_writer", "item")

    def __init__(self, writer: Writer, items: Items, losses: Losses, segment: Segment) -> None:
        self._writer, self._items, self._losses = writer, items, losses
        self._part: Part | None = None
        known = None if segment.hint is None else segment.hint.id
        custom = segment.name in items.custom_tools or "custom" in (segment.hint.type if segment.hint is not None else "")
        custom = custom or (type(segment.part) is ToolCall and segment.part.kind == "custom")
        self.item: Wire = items.begun_call(segment.id, segment.name, writer.index, custom=custom, known=known)
        writer.add(self.item)
        writer.pieces = []
        writer.open(self.item, INPUT if custom else ARGUMENTS)

    def piece(self, text: str, tokens: tuple[TokenLogprob, ...], hint: Hint | None) -> None:
        self._writer.piece(text)

    def end(self, part: Part | None) -> None:
        self._part = part

    def close(self, *, cut: bool) -> None:
        field = "input" if self.item["type"] == "custom_tool_call" else "arguments"
        own: Wire = {}
        if type(self._part) is ToolCall:
            own = self._items.own(self._part.state, "tool_call")
            if self._part.kind == "custom" and field != "input":
                self._losses.approximated("tool_call.kind", "it had begun as a call of another kind")
            for name, said in (("id", self.item["call_id"]), ("name", self.item["name"])):
                if getattr(self._part, name) not in ("", said):
                    self._losses.approximated(f"tool_call.{name}", "it had begun with another")
        item = {**self.item, field: self._writer.close()}
        self._writer.done(self._items.ended_call(item, own, "incomplete" if cut else "completed"))


Open = Message | Thought | Call
