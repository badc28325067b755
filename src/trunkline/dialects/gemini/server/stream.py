"""Events of ours as a stream of this protocol (gemini §8): each piece a whole reply with what is new, as SSE or in one array."""

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
from ....values.response import TokenLogprob, Usage, Warning
from ....wire.loose_json import clean_text
from ...dialect import Context
from ...losses import Losses
from .errors import stream_error
from .response import (
    blocked,
    candidate,
    candidate_fields,
    finish_word,
    json_bytes,
    reply_fields,
    reply_id,
)
from .sequence import Sequence
from .usage import usage_in_words

_encode = msgspec.json.Encoder().encode
_TEXT_BEFORE = b'{"candidates":[{"content":{"parts":[{"text":'
_TEXT_AFTER = b'}],"role":"model"},"index":0}],'


class GeminiEncoder:
    """Events to bytes (see ``dialect.EventEncoder``). Why each candidate ended, and usage, come together with the last piece."""

    __slots__ = (
        "_after", "_array", "_choices", "_context", "_ends", "_head", "_losses", "_over", "_started", "_tier", "_usage",
        "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._context = context
        self._array = context.served is not None and context.served.array
        self._choices: dict[int, Sequence] = {}
        self._ends: dict[int, Finish] = {}
        self._usage = Usage()
        self._tier: str | None = None
        self._started = False
        self._over = False
        self._head: dict[str, Any] = {
            "modelVersion": clean_text(context.model) or "unknown",
            "responseId": clean_text(reply_id(context)),
        }
        self._after = self._suffix()

    def push(self, event: Event) -> bytes:
        if self._over:
            return b""
        if type(event) is TextDelta and not (event.choice or event.logprobs) and event.text:
            try:
                said = _encode(event.text)
            except UnicodeEncodeError:
                return self._take_text(event)
            choice = self._choices.get(0) or self._choice(0)
            return self._framed(_TEXT_BEFORE + said + self._after) if choice.passes(event.text) else self._take_text(event)
        take = _TAKE.get(type(event))
        return b"" if take is None else take(self, event) or b""

    # --- frames -----------------------------------------------------------------------------------------------------------

    def _suffix(self) -> bytes:
        return _TEXT_AFTER + _encode(self._head)[1:]

    def _framed(self, data: bytes) -> bytes:
        before = b"\n,\r\n" if self._started else b"["
        self._started = True
        return before + data if self._array else b"data: %s\r\n\r\n" % data

    def _chunk(self, candidates: list[dict[str, Any]], more: dict[str, Any] | None = None) -> bytes:
        body = {**({"candidates": candidates} if candidates else {}), **(more or {}), **self._head}
        return self._framed(json_bytes(body, self._losses))

    def _choice(self, number: int) -> Sequence:
        return self._choices.setdefault(number, Sequence(self._losses))

    def _say(self, number: int, logprobs: tuple[TokenLogprob, ...] = ()) -> bytes:
        """The piece with what this candidate has ready."""
        said = self._choice(number).taken()
        if not (said or logprobs):
            return b""
        return self._chunk([candidate(said, number, None, {}, logprobs)])

    # --- events -----------------------------------------------------------------------------------------------------------

    def _take_start(self, event: Start) -> None:
        """Whose reply it is; once something is said, it stays so."""
        self._tier = event.service_tier or self._tier
        if self._started:
            return
        if event.id:
            self._head["responseId"] = clean_text(event.id)
        if event.model:
            self._head["modelVersion"] = clean_text(event.model)
        self._after = self._suffix()

    def _take_text(self, event: TextDelta) -> bytes:
        self._choice(event.choice).words("text", event.text)
        return self._say(event.choice, event.logprobs)

    def _take_refusal(self, event: RefusalDelta) -> bytes:
        choice = self._choice(event.choice)
        if event.text:
            choice.parts.refusal()
        choice.words("refusal", event.text)
        return self._say(event.choice, event.logprobs)

    def _take_reasoning(self, event: ReasoningDelta) -> bytes:
        self._choice(event.choice).words("thought", event.text)
        return self._say(event.choice)

    def _take_call(self, event: ToolCallDelta) -> None:
        self._choice(event.choice).call(event)

    def _take_citation(self, event: CitationDelta) -> None:
        citations = self._choice(event.choice).citations
        if event.citation not in citations:
            citations.append(event.citation)

    def _take_audio(self, event: AudioDelta) -> None:
        self._choice(event.choice).sound(event.data)

    def _take_opaque(self, event: OpaqueEvent) -> bytes:
        self._choice(event.choice).opaque(event)
        return self._say(event.choice)

    def _take_part(self, event: PartDone) -> bytes:
        """What has its place only at the end (a signature on an empty text) comes with the last piece, as it does there."""
        choice = self._choice(event.choice)
        choice.part(event)
        if all(item.get("text") == "" for item in choice.ready):
            return b""
        return self._say(event.choice)

    def _take_usage(self, event: UsageUpdate) -> None:
        self._usage = event.usage
        if event.reported_cost is not None:
            self._losses.dropped("reported_cost", "replies do not say what they cost here")

    def _take_finish(self, event: Finish) -> bytes:
        if event.stop_sequence:
            self._losses.dropped("stop_sequence", "a reply does not say which one ended it")
        self._choice(event.choice).drain()
        self._ends[event.choice] = event
        return b""

    # --- the end ----------------------------------------------------------------------------------------------------------

    def finish(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        self._choice(0)
        begun = any(choice.begun for choice in self._choices.values())
        extra = {name: value for ended in self._ends.values() for name, value in ended.extra.items()}
        said = [] if blocked(extra, begun) else [self._last(number) for number in sorted(self._choices)]
        more = reply_fields(extra)
        usage = usage_in_words(self._usage, self._tier, self._losses)
        if usage is not None:
            more["usageMetadata"] = usage
        return self._chunk(said, more) + self._closed()

    def _last(self, number: int) -> dict[str, Any]:
        """The last piece of a candidate."""
        choice = self._choices[number]
        choice.drain()
        ended = self._ends.get(number) or Finish("stop")
        said = choice.taken() or [{"text": ""}]
        reason = finish_word(ended.reason, ended.raw_reason, choice.parts)
        extra = candidate_fields(ended.extra, choice.citations, "".join(choice.text), self._losses)
        extra.pop("logprobsResult", None)  # its pieces are said
        return candidate(said, number, reason, extra, ())

    def _closed(self) -> bytes:
        return b"\n]\n" if self._array else b""

    def error(self, error: ProviderError) -> bytes:
        if self._over:
            return b""
        self._over = True
        return self._framed(stream_error(error, self._context)) + self._closed()

    def ping(self) -> bytes:
        """An empty line: a comment breaks the vendor's own reader, and an array may hold blanks anywhere."""
        return b"" if self._over else b"\r\n"


_TAKE: dict[type[Event], Callable[[GeminiEncoder, Any], bytes | None]] = {
    Start: GeminiEncoder._take_start,
    TextDelta: GeminiEncoder._take_text,
    ReasoningDelta: GeminiEncoder._take_reasoning,
    RefusalDelta: GeminiEncoder._take_refusal,
    AudioDelta: GeminiEncoder._take_audio,
    ToolCallDelta: GeminiEncoder._take_call,
    CitationDelta: GeminiEncoder._take_citation,
    PartDone: GeminiEncoder._take_part,
    OpaqueEvent: GeminiEncoder._take_opaque,
    UsageUpdate: GeminiEncoder._take_usage,
    Finish: GeminiEncoder._take_finish,
}
"""``Warned`` and ``Moved`` are no part of the reply, and have no word here."""
