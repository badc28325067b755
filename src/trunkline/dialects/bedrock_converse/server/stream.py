"""Events of ours as a stream of this protocol, to the letter (bedrock-converse §6): one block at a time, whatever order they come
in."""

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
from ....values.response import Usage, Warning
from ....wire.aws_event_stream import EXCEPTION
from ...dialect import Context
from ...losses import Losses
from ...reply_fields import REFUSED
from .errors import stream_error
from .parts import Blocks
from .response import NO_COST, extra_in_words, stop_of, usage_in_words
from .sequence import Sequence
from .writing import Writer

_any = msgspec.json.Decoder().decode
_IN_STOP = ("additionalModelResponseFields",)
_OWN_EVENTS = (
    "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStart", "messageStop", "metadata",
)  # fmt: skip
_MOST_NAME = 100


class ConverseEncoder:
    """Events to bytes (see ``dialect.EventEncoder``). ``messageStop`` and ``metadata`` come at the very end, because usage may
    come after the reason."""

    __slots__ = (
        "_blocks", "_context", "_ended", "_losses", "_over", "_sequence", "_text", "_tier", "_usage", "_writer", "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._context = context
        self._blocks = Blocks(self._losses)
        self._writer = Writer(self._losses)
        self._sequence = Sequence(self._writer, self._blocks)
        self._text: list[str] | None = None  # where words go while nothing but the text that is open can follow
        self._usage = Usage()
        self._tier: str | None = None
        self._ended: Finish | None = None
        self._over = False

    def push(self, event: Event) -> bytes:
        if type(event) is TextDelta and self._text is not None and event.text and not (event.choice or event.logprobs):
            try:
                self._writer.piece(event.text)
            except UnicodeEncodeError:
                pass
            else:
                self._text.append(event.text)
                return self._writer.taken()
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
        """The head says nothing of this; it waits until something is said."""
        self._tier = event.service_tier or self._tier

    def _take_usage(self, event: UsageUpdate) -> None:
        self._usage = event.usage
        if event.reported_cost is not None:
            self._losses.dropped("reported_cost", NO_COST)

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
        reason = stop_of(ended.reason, ended.raw_reason, ended.stop_sequence, self._blocks)
        extra = extra_in_words(ended.extra, ended.stop_sequence, self._tier, self._losses)
        in_stop = {name: extra.pop(name) for name in _IN_STOP if name in extra}
        self._writer.say("messageStop", {"stopReason": reason, **in_stop})
        usage = usage_in_words(self._usage, self._losses)
        self._writer.say("metadata", {"usage": usage, "metrics": {"latencyMs": 0}, **extra})
        return self._writer.taken()

    def error(self, error: ProviderError) -> bytes:
        if self._over:
            return b""
        self._over, self._text = True, None
        return stream_error(error, self._context)

    def ping(self) -> bytes:
        """Nothing: the protocol has no word for it."""
        return b""

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
        self._sequence.words("reasoning", event.text)

    def _take_opaque(self, event: OpaqueEvent) -> None:
        """An event of this protocol that we do not name goes out as it came; those of blocks are said with their part."""
        if event.kind in _OWN_EVENTS:
            return
        name = event.kind
        try:
            sayable = type(_any(event.data)) is dict and 0 < len(name.encode()) <= _MOST_NAME and not name.startswith(EXCEPTION)
        except (*REFUSED, UnicodeEncodeError):
            sayable = False
        if not sayable or not name.isidentifier():
            self._losses.dropped(f"event {name[:40]!r}", "it is none of this protocol")
            return
        self._writer.begin()
        self._writer.raw(name, event.data)

    def _take_citation(self, event: CitationDelta) -> None:
        self._sequence.citation(event.citation)

    def _take_call(self, event: ToolCallDelta) -> None:
        self._sequence.call(event)

    def _take_part(self, event: PartDone) -> None:
        self._sequence.part(event)


_TAKE: dict[type[Event], Callable[[ConverseEncoder, Any], None]] = {
    Start: ConverseEncoder._start,
    TextDelta: ConverseEncoder._take_text,
    ReasoningDelta: ConverseEncoder._take_reasoning,
    RefusalDelta: ConverseEncoder._take_refusal,
    AudioDelta: ConverseEncoder._take_audio,
    ToolCallDelta: ConverseEncoder._take_call,
    CitationDelta: ConverseEncoder._take_citation,
    PartDone: ConverseEncoder._take_part,
    OpaqueEvent: ConverseEncoder._take_opaque,
    UsageUpdate: ConverseEncoder._take_usage,
    Finish: ConverseEncoder._take_finish,
}
"""``Warned`` and ``Moved`` are no part of the reply, and have no word here."""
