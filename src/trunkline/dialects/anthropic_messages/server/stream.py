"""Events of ours as a stream of this protocol, to the letter (§10): one block at a time, whatever order they come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ....values.errors import ProviderError
from ....values.events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from ....values.response import FinishReason, Usage, Warning
from ...dialect import Context
from ...losses import Losses
from ...reply_fields import REFUSED, encode
from ..response import NAMED
from .errors import stream_error
from .pieces import Blocks
from .response import NO_COST, reply_id, stop_of, usage_in_words
from .sequence import Sequence
from .writing import END_OF_DELTA, MESSAGE_STOP, PING, Writer, written

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_IN_DELTA = ("stop_details", "container")
_BLOCK_EVENTS = ("content_block_start", "content_block_delta", "content_block_stop")
_OWN_EVENTS = (*_BLOCK_EVENTS, "message_start", "message_delta", "message_stop", "ping", "error")


class MessagesEncoder:
    """Events to bytes (see ``dialect.EventEncoder``). The head waits until something is said, so that early usage stands in it;
    ``message_delta`` comes at the very end, because usage may come after the reason."""

    __slots__ = (
        "_blocks", "_context", "_ended", "_losses", "_over", "_sequence", "_text", "_usage", "_writer", "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._context = context
        self._blocks = Blocks(self._losses)
        message: dict[str, Any] = {
            "id": reply_id(context), "type": "message", "role": "assistant", "model": context.model or "unknown", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0},
        }  # fmt: skip
        self._writer = Writer(message, self._losses)
        self._sequence = Sequence(self._writer, self._blocks)
        self._text: list[str] | None = None  # where words go while nothing but the text that is open can follow
        self._usage: tuple[Usage, str | None] = (Usage(), None)
        self._ended: Finish | None = None
        self._over = False

    def push(self, event: Event) -> bytes:
        if type(event) is TextDelta and self._text is not None and event.text and not (event.choice or event.logprobs):
            try:
                data = encode(event.text)
            except UnicodeEncodeError:
                pass
            else:
                self._text.append(event.text)
                return self._writer.prefix + data + END_OF_DELTA
        take = _TAKE.get(type(event))
        if take is None or self._over:
            return b""
        if event.choice:
            self._losses.dropped("alternatives", "there is one choice here")
            return b""
        take(self, event)
        self._text = self._sequence.open_text()
        return self._writer.taken()

    # --- the head and the end -------------------------------------------------------------------------------------------

    def _start(self, event: Start) -> None:
        if event.service_tier is not None:
            self._usage = (self._usage[0], event.service_tier)
        head = self._writer.head()
        if head is None:
            return
        if event.id:
            head["id"] = self._blocks.clean(event.id)
        if event.model:
            head["model"] = self._blocks.clean(event.model)
        head["usage"] = usage_in_words(*self._usage, Losses())

    def _take_usage(self, event: UsageUpdate) -> None:
        self._usage = (event.usage, self._usage[1])
        if event.reported_cost is not None:
            self._losses.dropped("reported_cost", NO_COST)
        head = self._writer.head()
        if head is not None:
            head["usage"] = usage_in_words(*self._usage, Losses())

    def _take_finish(self, event: Finish) -> None:
        self._sequence.drain()
        self._ended = event

    def finish(self) -> bytes:
        if self._over:
            return b""
        self._over, self._text = True, None
        self._sequence.drain()
        self._writer.begin()
        ended = self._ended or Finish("tool_calls" if self._blocks.called else "stop")
        self._message_delta(ended.reason, ended)
        self._writer.raw(MESSAGE_STOP)
        return self._writer.taken()

    def _message_delta(self, reason: FinishReason, ended: Finish) -> None:
        word, sequence = stop_of(reason, ended.raw_reason, ended.stop_sequence, self._blocks)
        delta: dict[str, Any] = {"stop_reason": word, "stop_sequence": sequence}
        said: dict[str, Any] = {"type": "message_delta", "delta": delta}
        for name, value in ended.extra.items():
            if name in _IN_DELTA:
                delta[name] = value
            elif name not in NAMED and name != "delta":
                said[name] = value
        usage = usage_in_words(*self._usage, self._losses)
        least = self._writer.output_tokens
        if (usage.get("output_tokens") or 0) < least:
            self._losses.approximated("usage.output_tokens", "a total does not shrink")
            usage["output_tokens"] = least
        said["usage"] = usage
        self._writer.say("message_delta", said)

    def error(self, error: ProviderError) -> bytes:
        if self._over:
            return b""
        self._over, self._text = True, None
        return written("error", stream_error(error, self._context))

    def ping(self) -> bytes:
        """A ``ping``; before the head, which must come first, a comment."""
        if self._over:
            return b""
        return PING if self._writer.started else b": ping\n\n"

    # --- pieces -----------------------------------------------------------------------------------------------------------

    def _take_text(self, event: TextDelta) -> None:
        if event.logprobs:
            self._losses.dropped("logprobs", "unknown here")
        self._sequence.words("text", event.text)

    def _take_refusal(self, event: RefusalDelta) -> None:
        if event.logprobs:
            self._losses.dropped("logprobs", "unknown here")
        if event.text:
            self._blocks.refusal()
        self._sequence.words("refusal", event.text)

    def _take_audio(self, event: AudioDelta) -> None:
        self._blocks.transcript()
        self._sequence.words("audio", event.transcript)

    def _take_reasoning(self, event: ReasoningDelta) -> None:
        self._sequence.words("thinking", event.text)

    def _take_opaque(self, event: OpaqueEvent) -> None:
        """An event of this protocol that we do not name goes out as it came; those of blocks are said with their part."""
        try:
            kind = _any(_fields(event.data)["type"])
            data = encode(_fields(event.data)) if b"\n" in event.data or b"\r" in event.data else event.data
        except (*REFUSED, KeyError):
            kind, data = None, b""
        if kind in _OWN_EVENTS:
            return
        if not isinstance(kind, str) or kind != event.kind or not kind.isprintable() or not kind:
            self._losses.dropped(f"event {event.kind[:40]!r}", "it is none of this protocol")
            return
        self._writer.begin()
        self._writer.raw(written(kind, data))

    def _take_citation(self, event: CitationDelta) -> None:
        self._sequence.citation(event.citation)

    def _take_call(self, event: ToolCallDelta) -> None:
        self._sequence.call(event)

    def _take_part(self, event: PartDone) -> None:
        self._sequence.part(event)


_TAKE: dict[type[Event], Callable[[MessagesEncoder, Any], None]] = {
    Start: MessagesEncoder._start,
    TextDelta: MessagesEncoder._take_text,
    ReasoningDelta: MessagesEncoder._take_reasoning,
    RefusalDelta: MessagesEncoder._take_refusal,
    AudioDelta: MessagesEncoder._take_audio,
    ToolCallDelta: MessagesEncoder._take_call,
    CitationDelta: MessagesEncoder._take_citation,
    PartDone: MessagesEncoder._take_part,
    OpaqueEvent: MessagesEncoder._take_opaque,
    UsageUpdate: MessagesEncoder._take_usage,
    Finish: MessagesEncoder._take_finish,
}
"""``Warned`` and ``Moved`` are no part of the reply, and have no word here."""
