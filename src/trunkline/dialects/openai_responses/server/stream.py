"""Events of ours as a stream of this protocol, to the letter (openai-responses §7), whatever order they come in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from ....values.errors import ProviderError
from ....values.events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    Moved,
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
from ...dialect import Context
from ...losses import Losses
from .errors import failure, stream_error
from .pieces import Items, Wire
from .response import ending, head
from .sequence import Sequence
from .usage import write_usage
from .writing import PROGRESS, Writer

_encode = msgspec.json.Encoder().encode
_HEAD = ("id", "model", "created", "service_tier", "system_fingerprint")
_TOLD = frozenset(
    {"response.output_item.added", *(f"response.{kind}.{word}" for kind, words in PROGRESS.items() for word in words)}
)
"""Events of this protocol that are said again with the item that they tell of."""


class ResponsesEncoder:
    """Events to bytes (see ``dialect.EventEncoder``). The head waits until something is said; the response with all that was said
    comes at the very end, because usage may come after the reason."""

    __slots__ = (
        "_context", "_cost", "_finish", "_head", "_items", "_losses", "_over", "_sequence", "_start", "_usage", "_writer",
        "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._start = Start()
        self._writer = Writer(self._losses)
        self._items = Items(context, self._losses)
        self._sequence = Sequence(self._writer, self._items, self._losses)
        self._head: Wire | None = None
        self._usage = Usage()
        self._cost: Decimal | None = None
        self._finish: Finish | None = None
        self._over = False

    def push(self, event: Event) -> bytes:
        """What can be said by now."""
        if type(event) is TextDelta and event.raw is None and not event.logprobs and not event.choice:
            live, text = self._sequence.live_text(), event.text
            if live is not None and live.hint is None and text and not self._over:
                self._writer.piece(self._items.clean(text))
                live.pieces.append(text)
                return self._writer.taken()
        take = _TAKE.get(type(event))
        if self._over or take is None:
            return b""
        if getattr(event, "choice", 0):
            self._losses.dropped("choice", "there is one choice here")
            return b""
        take(self, event)
        return self._writer.taken()

    def ping(self) -> bytes:
        """A comment, which readers pass over."""
        return b"" if self._over else b": keep-alive\n\n"

    def error(self, error: ProviderError) -> bytes:
        """The error, and the response that it ended, with the items that were done, as the last word."""
        if self._over:
            return b""
        self._begin()
        self._over = True
        self._writer.say("error", stream_error(error))
        self._last("failed", None, failure(error))
        return self._writer.taken()

    def finish(self) -> bytes:
        """What was held, and the whole response."""
        if self._over:
            return b""
        self._begin()
        self._over = True
        reason = self._finish
        status, why = "completed", None
        if reason is None:
            self._losses.approximated("finish_reason", "it is not known: completed was said")
        else:
            if reason.stop_sequence is not None:
                self._losses.dropped("stop_sequence", "this protocol does not say which it was")
            status, why = ending(reason.reason, reason.raw_reason, refused=self._sequence.refused, losses=self._losses)
        self._sequence.drain(cut=status != "completed")
        self._last(status, why, None)
        return self._writer.taken()

    def _last(self, status: str, why: str | None, error: Wire | None) -> None:
        extra = {} if self._finish is None else self._finish.extra
        body = {
            **head(self._start, self._context, extra),
            "status": status,
            "error": error,
            "incomplete_details": None if why is None else {"reason": why},
            "output": self._writer.items,
            "usage": write_usage(self._usage, self._cost, self._losses),
        }
        self._writer.say(f"response.{status}", {"response": body})

    def _begin(self) -> None:
        """Say the head, once: what becomes known later stands in the last word."""
        if self._head is not None:
            return
        open_end: Wire = {"status": "in_progress", "error": None, "incomplete_details": None, "output": [], "usage": None}
        self._head = {**head(self._start, self._context, {}), **open_end}
        for kind in ("response.created", "response.in_progress"):
            self._writer.say(kind, {"response": self._head})

    # --- events ---------------------------------------------------------------------------------------------------------

    def _take_start(self, event: Start) -> None:
        """Once the head is said, its id, model and time stand."""
        names = ("service_tier", "system_fingerprint") if self._head is not None else _HEAD
        news = {name: value for name in names if (value := getattr(event, name)) is not None}
        if news:
            self._start = msgspec.structs.replace(self._start, **news)

    def _take_text(self, event: TextDelta) -> None:
        self._say("text", event.text, event)

    def _take_reasoning(self, event: ReasoningDelta) -> None:
        self._say("reasoning", event.text, event)

    def _take_refusal(self, event: RefusalDelta) -> None:
        if event.logprobs:
            self._losses.dropped("logprobs", "a refusal has none here")
        self._say("refusal", event.text, event)

    def _take_audio(self, event: AudioDelta) -> None:
        if event.data:
            self._losses.dropped("message.audio", "replies are text here")
        self._say("audio", event.transcript, event)

    def _say(self, source: str, text: str, event: TextDelta | ReasoningDelta | RefusalDelta | AudioDelta) -> None:
        tokens = event.logprobs if type(event) is TextDelta else ()
        if text or tokens:
            self._begin()
            self._sequence.words(source, text, tokens, event.raw)

    def _take_call(self, event: ToolCallDelta) -> None:
        self._begin()
        self._sequence.call(event)

    def _take_citation(self, event: CitationDelta) -> None:
        self._begin()
        self._sequence.citation(event.citation)

    def _take_part(self, event: PartDone) -> None:
        self._begin()
        self._sequence.part(event)

    def _take_usage(self, event: UsageUpdate) -> None:
        self._usage, self._cost = event.usage, event.reported_cost

    def _take_finish(self, event: Finish) -> None:
        self._finish = event

    def _take_opaque(self, event: OpaqueEvent) -> None:
        """Events of this protocol that we do not name tell of items, which say it all when they are done."""
        if event.kind not in _TOLD:
            self._losses.dropped(f"event.{event.kind[:60]}", "what is told with an item stands in it, and the rest nowhere")

    def _take_moved(self, event: Moved) -> None:
        self._losses.dropped("moved", "this protocol does not say that another carries on")


_TAKE: dict[type[Event], Callable[[ResponsesEncoder, Any], None]] = {
    Start: ResponsesEncoder._take_start,
    TextDelta: ResponsesEncoder._take_text,
    ReasoningDelta: ResponsesEncoder._take_reasoning,
    RefusalDelta: ResponsesEncoder._take_refusal,
    AudioDelta: ResponsesEncoder._take_audio,
    ToolCallDelta: ResponsesEncoder._take_call,
    CitationDelta: ResponsesEncoder._take_citation,
    PartDone: ResponsesEncoder._take_part,
    OpaqueEvent: ResponsesEncoder._take_opaque,
    UsageUpdate: ResponsesEncoder._take_usage,
    Finish: ResponsesEncoder._take_finish,
    Moved: ResponsesEncoder._take_moved,
}
