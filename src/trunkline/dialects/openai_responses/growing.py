"""An item of a stream while it is being written."""

from __future__ import annotations

import msgspec

from ...values.events import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from ...values.message import Part, Reasoning, Refusal, Text, ToolCall
from ..reply_fields import Fields, encode
from .pieces import BETWEEN

CALLS = frozenset({"function_call", "custom_tool_call"})
_SECTIONS = {"text": ("content", "output_text", "text"), "refusal": ("content", "refusal", "refusal"),
             "summary": ("summary", "summary_text", "text"), "content": ("content", "reasoning_text", "text")}  # fmt: skip
"""Where the pieces of each kind of text end up: list, type and field."""


class Growing:
    """What its start said, and the pieces since. ``call`` is the number of a call, ``told`` whether log probabilities came."""

    __slots__ = ("_pieces", "call", "fields", "kind", "notes", "told")

    def __init__(self, kind: str, fields: Fields) -> None:
        self.kind: str = kind
        self.fields: Fields = fields
        self.call: int | None = None
        self.told: bool = False
        self.notes: list[bytes] = []
        self._pieces: dict[tuple[str, int], list[str]] = {}

    def add(self, section: str, index: int, text: str) -> bool:
        """Takes a piece; True where it is the first of its text."""
        pieces = self._pieces.get((section, index))
        if pieces is None:
            self._pieces[section, index] = [text]
            return True
        pieces.append(text)
        return False

    @property
    def paragraphs(self) -> int:
        """How many texts have begun."""
        return len(self._pieces)

    def _said(self, *sections: str, between: str = "") -> str:
        return between.join(["".join(pieces) for (section, _), pieces in self._pieces.items() if section in sections])

    def unsaid(self, parts: list[Part]) -> list[Event]:
        """What no piece has told of ``parts``, which the item turned out to be."""
        events: list[Event] = []
        texts = "".join([part.text for part in parts if type(part) is Text])
        if rest := _rest(self._said("text"), texts):
            events.append(TextDelta(rest))
        if rest := _rest(self._said("refusal"), "".join([part.text for part in parts if type(part) is Refusal])):
            events.append(RefusalDelta(rest))
        for part in parts:
            if type(part) is Reasoning:
                if rest := _rest(self._said("summary", "content", between=BETWEEN), part.text):
                    events.append(ReasoningDelta(rest))
            elif type(part) is ToolCall and self.call is not None:
                rest = _rest(self._said("arguments"), part.raw_arguments)
                named = bool(self.fields)
                if rest or not named:
                    events.append(ToolCallDelta(self.call, None if named else part.id, None if named else part.name, rest))
        return events

    def item(self) -> bytes:
        """The item as far as it has come, in the protocol's form."""
        fields = dict(self.fields) or {"type": msgspec.Raw(encode(self.kind))}
        lists: dict[str, list[dict[str, object]]] = {}
        for (section, _), pieces in sorted(self._pieces.items(), key=lambda piece: piece[0][1]):
            text = "".join(pieces)
            if section == "arguments":
                fields["input" if self.kind == "custom_tool_call" else "arguments"] = msgspec.Raw(encode(text))
                continue
            into, kind, field = _SECTIONS[section]
            said: dict[str, object] = {"type": kind, field: text}
            if section == "text" and self.notes and into not in lists:
                said["annotations"] = [msgspec.Raw(note) for note in self.notes]
            lists.setdefault(into, []).append(said)
        for name, said_list in lists.items():
            fields[name] = msgspec.Raw(encode(said_list))
        return encode(fields)


def _rest(said: str, whole: str) -> str:
    """What is left to say; nothing where something else was said."""
    return whole[len(said) :] if whole.startswith(said) else ""
