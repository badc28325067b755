"""A streamed reply: pieces of it, each as SSE data or as an element of an array, to events.

Most pieces hold a few words and the tokens so far: those are read into a struct of exactly that shape. Whatever else a piece
holds makes the strict reading fail, and the same bytes are walked without types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...values.errors import ProviderError, StreamInterruptedError
from ...values.events import Event, ReasoningDelta, TextDelta, UsageUpdate
from ...wire.loose_json import loads
from ...wire.sse import Frame
from ..dialect import Context
from .errors import malformed
from .reply import Reply
from .usage import usage_of


class _Words(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    text: str
    thought: bool = False


class _Content(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    parts: tuple[_Words]
    role: str | None = None


class _Candidate(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    content: _Content
    index: int = 0


class _Piece(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename="camel"):
    """A few words, and nothing else that is new."""

    candidates: tuple[_Candidate]
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None


_decode = msgspec.json.Decoder(_Piece).decode


class GeminiEventDecoder:
    """The decoder of one stream (see ``EventDecoder``). It has no last word: it is complete when the bytes end after every
    candidate has a finish reason, or the prompt was blocked. Tokens and signatures may come after the reason."""

    __slots__ = ("_plain", "_reply", "_tokens", "done", "error")

    def __init__(self, context: Context) -> None:
        self.done: bool = False
        self.error: ProviderError | None = None
        self._reply = Reply(context)
        self._plain = False  # the head is known, so a piece with words needs no more than those
        self._tokens: bytes | None = None  # those of the last such piece

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        events: list[Event] = []
        if self.done:
            return events
        choices = self._reply.choices
        for frame in frames:
            data = frame.data
            if self._plain:
                try:
                    piece = _decode(data)
                except (ValueError, RecursionError):
                    pass
                else:
                    candidate = piece.candidates[0]
                    words, index = candidate.content.parts[0], candidate.index
                    if words.text and (gathered := choices.get(index)) is not None:
                        gathered.say(words.text, {}, thought=words.thought)
                        said = ReasoningDelta if words.thought else TextDelta
                        events.append(said(words.text, index, data))
                        self._tokens = bytes(piece.usage_metadata) or self._tokens
                        continue
            self._frame(frame, events)
            if self.done:
                break
        return events

    def finish(self) -> list[Event]:
        """What remains once the bytes have ended properly."""
        events: list[Event] = []
        if self.done:
            return events
        self.done = True
        reply, target = self._reply, self._reply.context.target
        if self._count():
            events.append(UsageUpdate(usage_of(dict(reply.usage))))
        if reply.finished:
            return events + reply.done()
        self.error = StreamInterruptedError(
            "the stream ended before a finish reason",
            provider=target.provider,
            model=target.model,
            request_id=reply.head.get("id"),
        )
        return events

    def _count(self) -> bool:
        """Whether the last tokens that were told stood in a piece that was not walked; now they are counted."""
        tokens, self._tokens = self._tokens, None
        try:
            told = loads(tokens) if tokens is not None else None
        except ValueError:
            return False
        if isinstance(told, dict):
            self._reply.usage.update(told)
        return bool(told)

    def _frame(self, frame: Frame, events: list[Event]) -> None:
        data = frame.data
        if not data.strip() or data.strip() == b"[DONE]":
            return
        before = len(events)
        self._count()
        try:
            for body in self._bodies(data):
                self._reply.take(body, events)
        except ProviderError as error:
            self.error, self.done = error, True
        self._plain = bool(self._reply.choices)
        if len(events) > before:
            events[-1] = msgspec.structs.replace(events[-1], raw=data)

    def _bodies(self, data: bytes) -> list[Any]:
        """What a frame holds. Events without the blank line between them come as one: each of its lines is one (RULES)."""
        try:
            return [loads(data)]
        except ValueError:
            pass
        try:
            return [loads(line) for line in data.split(b"\n")]
        except ValueError:
            raise malformed("$", self._reply.context) from None
