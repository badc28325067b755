"""What one candidate says, in the order in which a stream may say it (gemini §8): words at once, calls and the rest whole.

What comes after a call that is not whole yet waits for it. A part that is done says what its pieces have not said: a signature
stands then on an empty text, as the protocol itself has it (gemini §6).
"""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.events import OpaqueEvent, PartDone, ToolCallDelta
from ....values.message import Audio, Citation, HostedToolCall, HostedToolResult, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from ...losses import Losses
from ...served_fields import REFUSED
from .said import Parts

Object = dict[str, Any]
_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_WORDS: dict[type[Part], str] = {Text: "text", Reasoning: "thought", Refusal: "refusal"}


class _Call:
    """A call that is being said."""

    __slots__ = ("id", "name", "pieces", "whole")

    def __init__(self) -> None:
        self.id: str = ""
        self.name: str = ""
        self.pieces: list[str] = []
        self.whole: ToolCall | None = None

    def part(self) -> ToolCall:
        return self.whole or ToolCall(self.id, self.name, "".join(self.pieces))


class Sequence:
    """``ready`` are the parts that may be said now; ``citations`` and ``text`` are gathered until the end."""

    __slots__ = (
        "_calls", "_losses", "_parts", "_said", "_sound", "_told", "_waiting", "begun", "citations", "parts", "ready", "text",
    )  # fmt: skip

    def __init__(self, losses: Losses) -> None:
        self.parts: Parts = Parts(losses)
        self.ready: list[Object] = []
        self.citations: list[Citation] = []
        self.text: list[str] = []
        self.begun: bool = False
        """Whether anything was said."""
        self._losses = losses
        self._waiting: list[Object | _Call] = []
        self._calls: dict[int, _Call] = {}
        self._said: dict[str, list[str]] = {}
        """Words that no part has accounted for yet."""
        self._sound: list[bytes] = []
        self._told: list[Object] = []
        """Parts that came as an event of their own, and will come again as parts."""

    def _add(self, said: Object) -> None:
        self.begun = True
        if self._waiting:
            self._waiting.append(said)
        else:
            self.ready.append(said)

    def passes(self, text: str) -> bool:
        """Take words of the text that the caller says himself, at once; False where something stands before them."""
        if self._waiting or self.ready:
            return False
        self.begun = True
        self._said.setdefault("text", []).append(text)
        self.text.append(text)
        return True

    def words(self, source: str, text: str) -> None:
        if not text:
            return
        self._said.setdefault(source, []).append(text)
        if source != "thought":
            self.text.append(text)
        clean = self.parts.clean(text)
        self._add({"text": clean, "thought": True} if source == "thought" else {"text": clean})

    def call(self, event: ToolCallDelta) -> None:
        call = self._calls.get(event.index)
        if call is None:
            call = self._calls[event.index] = _Call()
            self.begun = True
            self._waiting.append(call)
        call.id, call.name = call.id or event.id or "", call.name or event.name or ""
        call.pieces.append(event.arguments)

    def sound(self, data: bytes) -> None:
        if data:
            self._sound.append(data)

    def opaque(self, event: OpaqueEvent) -> None:
        """A part that only this protocol knows goes out as it came."""
        try:
            said = _any(event.data)
        except REFUSED:
            said = None
        if not isinstance(said, dict) or event.kind not in said:
            self._losses.dropped(f"event {event.kind[:40]!r}", "it is none of this protocol")
            return
        self._told.append(said)
        self._add(said)

    # --- parts ----------------------------------------------------------------------------------------------------------------

    def part(self, event: PartDone) -> None:
        part = event.part
        source = _WORDS.get(type(part))
        if type(part) is ToolCall:
            call = self._calls.pop(event.index, None) if event.index is not None else None
            if call is None:
                call = _Call()
                self._waiting.append(call)
            call.whole, self.begun = part, True
            self._advance()
            return
        if type(part) is Text or type(part) is Reasoning or type(part) is Refusal:
            self._words_done(source or "text", part)
            return
        if type(part) is Audio:
            self._sound.clear()
        for said in self.parts.of(part):
            if isinstance(part, (Opaque, HostedToolCall, HostedToolResult)) and self._is_told(said):
                continue
            self._add(said)

    def _is_told(self, said: Object) -> bool:
        if self._told and _any(_encode(said)) == self._told[0]:
            del self._told[0]
            return True
        return False

    def _words_done(self, source: str, part: Text | Reasoning | Refusal) -> None:
        if type(part) is Text:
            self.citations += [citation for citation in part.citations if citation not in self.citations]
        if type(part) is Refusal:
            self.parts.refusal()
        said = "".join(self._said.pop(source, ()))
        rest = part.text
        if said.startswith(part.text):
            rest = ""
            if len(said) > len(part.text):
                self._said[source] = [said[len(part.text) :]]
        elif part.text.startswith(said):
            rest = part.text[len(said) :]
        else:
            self._losses.approximated(f"message.{source}", "what was said in pieces is not what the part says")
            rest = ""
        if source != "thought":
            self.text.append(rest)
        if source == "thought":
            redacted = type(part) is Reasoning and part.redacted and not part.text
            made = self.parts.thought(rest, part.state, redacted=redacted)
        else:
            made = self.parts.text(rest, part.state)
        for item in made:
            self._add(item)

    def _advance(self, *, last: bool = False) -> None:
        """Say what waits, up to the first call that is not whole; ``last``: nothing more will come."""
        while self._waiting:
            head = self._waiting[0]
            if isinstance(head, _Call):
                if head.whole is None and not last:
                    return
                self.ready += self.parts.of(head.part())
            else:
                self.ready.append(head)
            del self._waiting[0]

    def drain(self) -> None:
        """Say all that waits."""
        self._advance(last=True)
        self._calls.clear()
        if self._sound:
            self._losses.approximated("message.audio", "nobody said of which kind this sound is")
            self._add({"inlineData": {"mimeType": "application/octet-stream", "data": b"".join(self._sound)}})
            self._sound.clear()

    def taken(self) -> list[Object]:
        ready, self.ready = self.ready, []
        return ready
