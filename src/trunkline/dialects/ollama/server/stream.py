"""Events to the lines of a stream (local-servers §3).

The head is held until something is said, calls until they are whole (a line has all of one), usage and the reason of the end
until the last line: so whatever comes in whatever order, what comes out obeys the protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from ....values.errors import ProviderError
from ....values.events import (
    AnyEvent,
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
from ....values.message import Audio, Reasoning, Refusal, Text, ToolCall
from ....values.response import TokenLogprob, Usage, Warning
from ...dialect import Context
from ...losses import Losses
from .errors import error_line
from .response import REFUSED, without_citations, without_state
from .writing import Wire, as_json, call, ending, head, logprobs, lost, message_extra

_encode = msgspec.json.Encoder().encode
_END = b'},"done":false}\n'


class _Call:
    """A call that is still being written."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id: str = ""
        self.name: str = ""
        self.arguments: list[str] = []


class OllamaEventEncoder:
    """The encoder of one stream (see ``EventEncoder``)."""

    __slots__ = (
        "_calls", "_context", "_extra", "_finish", "_losses", "_over", "_prefix", "_said", "_start", "_strange", "_told",
        "_usage", "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._start = Start()
        self._prefix = b""  # a line up to its content; empty until something is said
        self._said: dict[type, list[str]] = {Text: [], Reasoning: [], Refusal: []}  # of the parts that are open
        self._calls: dict[int, _Call] = {}
        self._told = 0  # calls that were said
        self._usage = Usage()
        self._finish: Finish | None = None
        self._extra: Wire = {}
        self._strange: list[str] = []
        self._over = False

    def push(self, event: Event) -> bytes:
        """What can be said by now."""
        if type(event) is TextDelta and self._prefix and not event.logprobs and event.choice == 0 and event.text:
            try:
                line = self._prefix + _encode(event.text) + _END
            except UnicodeEncodeError:
                line = self._prefix + as_json(event.text, self._losses) + _END
            self._said[Text].append(event.text)
            return b"" if self._over else line
        if self._over or (take := _TAKE.get(type(event))) is None:
            return b""
        if cast("AnyEvent", event).choice != 0:
            self._losses.dropped("choice", "there is one choice here")
            return b""
        return take(self, event)

    def ping(self) -> bytes:
        """A line that says nothing: the protocol has no other sign of life."""
        return b"" if self._over else self._open() + b'""' + _END

    def error(self, error: ProviderError) -> bytes:
        """The error, as the last word."""
        if self._over:
            return b""
        self._over = True
        return error_line(error)

    def finish(self) -> bytes:
        """What was held, and the last line: why it ended, and usage."""
        if self._over:
            return b""
        said = [self._call_done(ToolCall(held.id, held.name, "".join(held.arguments))) for held in self._calls.values()]
        self._over = True
        for kind in self._strange:
            if kind not in self._extra:
                self._losses.dropped(f"event.{kind}", "this protocol has no such event")
        finish = self._finish or Finish("other")
        message: Wire = {"role": "assistant", "content": ""}
        message_extra(self._extra, message)
        last = {**head(self._start, self._context), "message": message}
        last |= ending(finish.reason, finish.raw_reason, self._usage, self._extra, self._losses)
        return b"".join(said) + as_json(last, self._losses) + b"\n"

    # --- lines --------------------------------------------------------------------------------------------------------

    def _open(self) -> bytes:
        """A line up to its content. What becomes known of the head once something was said changes nothing."""
        if not self._prefix:
            self._prefix = (
                as_json(head(self._start, self._context), self._losses)[:-1] + b',"message":{"role":"assistant","content":'
            )
        return self._prefix

    def _line(self, content: str, fields: Wire | None = None, tokens: tuple[TokenLogprob, ...] = ()) -> bytes:
        more = b"" if fields is None else b"," + as_json(fields, self._losses)[1:-1]
        end = _END if not tokens else b'},"done":false,"logprobs":' + as_json(logprobs(tokens), self._losses) + b"}\n"
        return self._open() + as_json(content, self._losses) + more + end

    def _rest(self, kind: type, whole: str) -> str:
        """What the pieces have not said of the whole; they cannot be taken back where it is not what they began."""
        begun, self._said[kind] = "".join(self._said[kind]), []
        if not whole.startswith(begun):
            self._losses.approximated(kind.__name__.lower(), "what was said in pieces is not what the part says")
            return ""
        return whole[len(begun) :]

    # --- events -------------------------------------------------------------------------------------------------------

    def _take_start(self, event: Start) -> bytes:
        if not self._prefix:
            news = {name: value for name in ("model", "created") if (value := getattr(event, name)) is not None}
            self._start = msgspec.structs.replace(self._start, **news)
        return b""

    def _take_text(self, event: TextDelta) -> bytes:
        self._said[Text].append(event.text)
        return self._line(event.text, None, event.logprobs) if event.text or event.logprobs else b""

    def _take_reasoning(self, event: ReasoningDelta) -> bytes:
        self._said[Reasoning].append(event.text)
        return self._line("", {"thinking": event.text}) if event.text else b""

    def _take_refusal(self, event: RefusalDelta) -> bytes:
        self._losses.approximated("refusal", REFUSED)
        self._said[Refusal].append(event.text)
        return self._line(event.text, None, event.logprobs) if event.text or event.logprobs else b""

    def _take_call(self, event: ToolCallDelta) -> bytes:
        held = self._calls.setdefault(event.index, _Call())
        held.id, held.name = event.id or held.id, event.name or held.name
        held.arguments.append(event.arguments)
        return b""

    def _take_citation(self, event: CitationDelta) -> bytes:
        self._losses.dropped("citations", "this protocol has no citations")
        return b""

    def _take_audio(self, event: AudioDelta) -> bytes:
        lost(Audio(), self._losses)
        return b""

    def _take_part(self, event: PartDone) -> bytes:
        part = event.part
        if type(part) is ToolCall:
            if event.index is not None:
                self._calls.pop(event.index, None)
            return self._call_done(part)
        if type(part) is Text:
            without_citations(part, self._losses)
            rest = self._rest(Text, part.text)
            return self._line(rest) if rest else b""
        if type(part) is Reasoning:
            without_state(part, self._losses)
            rest = self._rest(Reasoning, part.text)
            return self._line("", {"thinking": rest}) if rest else b""
        if type(part) is Refusal:
            self._losses.approximated("refusal", REFUSED)
            rest = self._rest(Refusal, part.text)
            return self._line(rest) if rest else b""
        lost(part, self._losses)
        return b""

    def _call_done(self, part: ToolCall) -> bytes:
        if not part.name:
            self._losses.dropped("tool_call", "it has no name")
            return b""
        if not part.id:
            part = msgspec.structs.replace(part, id=f"call_{self._told}")
        said = call(part, self._told, self._losses)
        self._told += 1
        return self._line("", {"tool_calls": [said]})

    def _take_usage(self, event: UsageUpdate) -> bytes:
        self._usage = event.usage
        return b""

    def _take_finish(self, event: Finish) -> bytes:
        self._finish = event
        self._extra.update(event.extra)
        if event.stop_sequence is not None:
            self._losses.dropped("stop_sequence", "this protocol does not say which it was")
        return b""

    def _take_opaque(self, event: OpaqueEvent) -> bytes:
        """An event of this protocol that we have no name for: its fields come with the end (``Finish.extra``)."""
        if event.kind not in self._strange:
            self._strange.append(event.kind)
        return b""

    def _take_moved(self, event: Moved) -> bytes:
        self._losses.dropped("moved", "this protocol does not say that another carries on")
        return b""


_TAKE: dict[type[msgspec.Struct], Callable[[OllamaEventEncoder, Any], bytes]] = {
    Start: OllamaEventEncoder._take_start,
    TextDelta: OllamaEventEncoder._take_text,
    ReasoningDelta: OllamaEventEncoder._take_reasoning,
    RefusalDelta: OllamaEventEncoder._take_refusal,
    ToolCallDelta: OllamaEventEncoder._take_call,
    CitationDelta: OllamaEventEncoder._take_citation,
    AudioDelta: OllamaEventEncoder._take_audio,
    PartDone: OllamaEventEncoder._take_part,
    UsageUpdate: OllamaEventEncoder._take_usage,
    Finish: OllamaEventEncoder._take_finish,
    OpaqueEvent: OllamaEventEncoder._take_opaque,
    Moved: OllamaEventEncoder._take_moved,
}
