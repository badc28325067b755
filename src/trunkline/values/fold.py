"""Events to the reply that they tell: the same fold for live, replayed, stored and relayed streams."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from .events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    Moved,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
    Warned,
)
from .media import Data
from .message import Audio, Citation, Message, Part, Reasoning, Refusal, Text, ToolCall
from .response import Alternative, FinishReason, Response, TokenLogprob, Usage, Warning


class _Call:
    """A tool call that is still being written."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class _Choice:
    """What one choice has said so far: parts that are whole, and the pieces of those that are not."""

    __slots__ = (
        "audio", "audio_id", "calls", "citations", "logprobs", "parts", "raw_reason", "reason", "reasoning", "refusal",
        "seam", "stop_sequence", "text", "transcript",
    )  # fmt: skip

    parts: list[Part]
    reasoning: list[str]
    refusal: list[str]
    citations: list[Citation]
    audio: list[bytes]
    transcript: list[str]
    calls: dict[int, _Call]
    logprobs: list[TokenLogprob]

    def __init__(self) -> None:
        self.text: list[str] = []
        self.audio_id: str | None = None
        self.reason: FinishReason | None = None
        self.raw_reason: str | None = None
        self.stop_sequence: str | None = None
        self.seam = 0
        """Where another target carries on: so many parts are from before."""

    def __getattr__(self, name: str) -> Any:
        """An open stream has one of these: what it says nothing of costs it nothing."""
        if name not in self.__slots__:
            raise AttributeError(name)
        made: Any = {} if name == "calls" else []
        setattr(self, name, made)
        return made

    @property
    def begun(self) -> bool:
        return bool(self.parts or self.text or self.reasoning or self.refusal or self.audio or self.transcript or self.calls)

    def message(self) -> Message:
        parts = list(self.parts)
        if self.reasoning:
            parts.append(Reasoning("".join(self.reasoning)))
        if (text := "".join(self.text)) or self.citations:  # a piece may be empty and carry log probabilities only
            parts.append(Text(text, tuple(self.citations)))
        if refusal := "".join(self.refusal):
            parts.append(Refusal(refusal))
        if self.audio or self.transcript:
            sound = b"".join(self.audio)
            source = Data(sound, "application/octet-stream") if sound else None
            parts.append(Audio(source, "".join(self.transcript) or None, self.audio_id))
        for _, call in sorted(self.calls.items()):
            parts.append(ToolCall(call.id, call.name, "".join(call.arguments)))
        return Message("assistant", tuple(self._joined(parts) if self.seam else parts))

    def _joined(self, parts: list[Part]) -> list[Part]:
        """The last text before the seam and the next one after it are one, and stand where that one does."""
        at = next((n for n in range(self.seam, len(parts)) if isinstance(parts[n], Text)), None)
        begun = next((n for n in reversed(range(self.seam)) if isinstance(parts[n], Text)), None)
        if at is None or begun is None:
            return parts
        first, second = parts[begun], parts[at]
        assert isinstance(first, Text)
        assert isinstance(second, Text)
        whole = Text(first.text + second.text, (*first.citations, *_further(second.citations, len(first.text))))
        return [*parts[:begun], *parts[begun + 1 : at], whole, *parts[at + 1 :]]

    def move(self) -> None:
        """What was said so far is carried on by another target."""
        self.parts = list(self.message().parts)
        self.seam = len(self.parts)
        self.text, self.reason = [], None
        self.reasoning, self.refusal, self.citations = [], [], []
        self.audio, self.transcript, self.calls = [], [], {}

    def finish_reason(self, message: Message) -> FinishReason:
        return "tool_calls" if message.tool_calls else self.reason or "other"


def _further(citations: tuple[Citation, ...], by: int) -> list[Citation]:
    """The same, of a text that stands so many characters further behind."""
    moved = []
    for citation in citations:
        places = {name: at + by for name in ("text_start", "text_end") if (at := getattr(citation, name)) is not None}
        moved.append(msgspec.structs.replace(citation, **places) if places else citation)
    return moved


_NO_USAGE = Usage()


class Fold:
    """Takes events with ``add``, gives the reply so far with ``response()``, as often as you like.

    ``finished`` is True once every choice that began has finished.
    """

    __slots__ = ("_choices", "_extra", "_reported_cost", "_start", "_usage", "_warnings")

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {0: _Choice()}
        self._start: dict[str, Any] = {}
        self._usage = _NO_USAGE
        self._reported_cost: Decimal | None = None
        self._warnings: tuple[Warning, ...] = ()
        self._extra: dict[str, Any] | None = None

    @property
    def finished(self) -> bool:
        return all(
            choice.reason is not None for n, choice in self._choices.items() if n or len(self._choices) == 1 or choice.begun
        )

    @property
    def usage(self) -> Usage:
        return self._usage

    def add(self, events: Iterable[Event]) -> None:
        choices = self._choices
        for event in events:
            if type(event) is TextDelta:
                choice = choices.get(event.choice) or self._choice(event.choice)
                choice.text.append(event.text)
                if event.logprobs:
                    choice.logprobs.extend(event.logprobs)
            elif (take := _TAKE.get(type(event))) is not None:
                take(self, event)

    def _choice(self, number: int) -> _Choice:
        return self._choices.setdefault(number, _Choice())

    def _take_start(self, event: Start) -> None:
        for name in ("id", "model", "created", "service_tier", "system_fingerprint"):
            if (value := getattr(event, name)) is not None:
                self._start[name] = value

    def _take_reasoning(self, event: ReasoningDelta) -> None:
        self._choice(event.choice).reasoning.append(event.text)

    def _take_refusal(self, event: RefusalDelta) -> None:
        choice = self._choice(event.choice)
        choice.refusal.append(event.text)
        choice.logprobs.extend(event.logprobs)

    def _take_call(self, event: ToolCallDelta) -> None:
        call = self._choice(event.choice).calls.setdefault(event.index, _Call())
        call.id = event.id or call.id
        call.name = event.name or call.name
        call.arguments.append(event.arguments)

    def _take_citation(self, event: CitationDelta) -> None:
        self._choice(event.choice).citations.append(event.citation)

    def _take_audio(self, event: AudioDelta) -> None:
        choice = self._choice(event.choice)
        choice.audio_id = event.id or choice.audio_id
        choice.audio.append(event.data)
        choice.transcript.append(event.transcript)

    def _take_part(self, event: PartDone) -> None:
        choice = self._choice(event.choice)
        choice.parts.append(event.part)
        kind = type(event.part)
        if kind is Text:
            choice.text, choice.citations = [], []
        elif kind is Reasoning:
            choice.reasoning = []
        elif kind is Refusal:
            choice.refusal = []
        elif kind is Audio:
            choice.audio, choice.transcript = [], []
        elif kind is ToolCall and event.index is not None:
            choice.calls.pop(event.index, None)

    def _take_usage(self, event: UsageUpdate) -> None:
        self._usage, self._reported_cost = event.usage, event.reported_cost

    def _take_warning(self, event: Warned) -> None:
        self._warnings = (*self._warnings, event.warning)

    def _take_moved(self, event: Moved) -> None:
        if event.choice in self._choices:
            self._choices[event.choice].move()

    def _take_finish(self, event: Finish) -> None:
        choice = self._choice(event.choice)
        choice.reason, choice.raw_reason = event.reason, event.raw_reason
        choice.stop_sequence = event.stop_sequence or choice.stop_sequence
        if event.extra:
            self._extra = {**(self._extra or {}), **event.extra}

    def response(self) -> Response:
        """The reply so far: ``partial`` until every choice has finished."""
        numbers = sorted(
            n for n, choice in self._choices.items() if n or choice.reason or len(self._choices) == 1 or choice.begun
        )
        first = self._choices[numbers[0]]
        message = first.message()
        return Response(
            message=message,
            finish_reason=first.finish_reason(message),
            raw_finish_reason=first.raw_reason,
            stop_sequence=first.stop_sequence,
            usage=self._usage,
            reported_cost=self._reported_cost,
            warnings=self._warnings,
            logprobs=tuple(first.logprobs),
            alternatives=tuple(_alternative(n, self._choices[n]) for n in numbers[1:]),
            partial=not self.finished,
            extra=dict(self._extra or {}),
            **self._start,
        )


def _alternative(number: int, choice: _Choice) -> Alternative:
    message = choice.message()
    return Alternative(
        index=number,
        message=message,
        finish_reason=choice.finish_reason(message),
        raw_finish_reason=choice.raw_reason,
        logprobs=tuple(choice.logprobs),
    )


_TAKE: dict[type[msgspec.Struct], Any] = {
    Start: Fold._take_start,
    ReasoningDelta: Fold._take_reasoning,
    RefusalDelta: Fold._take_refusal,
    ToolCallDelta: Fold._take_call,
    CitationDelta: Fold._take_citation,
    AudioDelta: Fold._take_audio,
    PartDone: Fold._take_part,
    UsageUpdate: Fold._take_usage,
    Warned: Fold._take_warning,
    Moved: Fold._take_moved,
    Finish: Fold._take_finish,
}


def fold(events: Iterable[Event]) -> Response:
    """The reply that ``events`` tell."""
    folded = Fold()
    folded.add(events)
    return folded.response()


def unfold(response: Response) -> list[Event]:
    """The events that tell ``response``: what a stream of it would have said, a part at a time."""
    events: list[Event] = [
        Start(
            response.id,
            response.model,
            created=response.created,
            service_tier=response.service_tier,
            system_fingerprint=response.system_fingerprint,
        )
    ]
    events += [Warned(warning) for warning in response.warnings]
    first = Alternative(
        index=0,
        message=response.message,
        finish_reason=response.finish_reason,
        raw_finish_reason=response.raw_finish_reason,
        logprobs=response.logprobs,
    )
    for choice in (first, *response.alternatives):
        index = choice.index
        logprobs = choice.logprobs
        for number, part in enumerate(choice.message.parts):
            if type(part) is Text:
                events.append(TextDelta(part.text, index, None, logprobs))
                logprobs = ()
            elif type(part) is Reasoning and part.text:
                events.append(ReasoningDelta(part.text, index))
            elif type(part) is Refusal:
                events.append(RefusalDelta(part.text, index, None, logprobs))
                logprobs = ()
            elif type(part) is ToolCall:
                events.append(ToolCallDelta(number, part.id, part.name, part.raw_arguments, index))
            events.append(PartDone(part, number, index))
        extra, stop = (response.extra, response.stop_sequence) if index == 0 else ({}, None)
        if not response.partial:
            events.append(Finish(choice.finish_reason, choice.raw_finish_reason, index, stop, extra))
    events.append(UsageUpdate(response.usage, reported_cost=response.reported_cost))
    return events
