"""What a stream tells, piece by piece.

Every event has ``text`` (None where it has none) and ``choice`` (0 unless ``n`` > 1). ``raw`` is the frame as it came off
the wire, on the last event that was made from it, so that what we do not name stays reachable.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from .message import Citation, Part, ToolCall, ToolResult
from .response import FinishReason, Response, TokenLogprob, Usage, Warning


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type"):
    """What all stream events share. Events hold no cycles, so the garbage collector need not track them."""

    @property
    def text(self) -> str | None:
        return None

    @property
    def choice(self) -> int:
        """The number of the reply that it belongs to."""
        return 0

    def __repr__(self) -> str:
        """Without ``raw`` and what is at its default."""
        required = len(self.__struct_fields__) - len(self.__struct_defaults__)
        told = [
            f"{name}={value!r}"
            for number, name in enumerate(self.__struct_fields__)
            if name != "raw" and ((value := getattr(self, name)) or number < required)
        ]
        return f"{type(self).__name__}({', '.join(told)})"


class Start(Event, frozen=True, gc=False, tag="start"):
    """The reply begins. ``id`` and ``model`` as the provider names them, ``created`` in Unix seconds. A field that becomes
    known only later comes in a further ``Start``."""

    id: str | None = None
    model: str | None = None
    choice: int = 0
    created: int | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    raw: bytes | None = None


class TextDelta(Event, frozen=True, gc=False, tag="text_delta"):
    """A piece of the answer, with its tokens' ``logprobs`` where they were asked for."""

    text: str
    choice: int = 0
    raw: bytes | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


class ReasoningDelta(Event, frozen=True, gc=False, tag="reasoning_delta"):
    """A piece of the reasoning that the provider shows."""

    text: str
    choice: int = 0
    raw: bytes | None = None


class RefusalDelta(Event, frozen=True, gc=False, tag="refusal_delta"):
    """A piece of a refusal."""

    text: str
    choice: int = 0
    raw: bytes | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


class ToolCallDelta(Event, frozen=True, gc=False, tag="tool_call_delta"):
    """A piece of tool call number ``index``: ``id`` and ``name`` on its first piece, then pieces of the arguments' text."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0
    raw: bytes | None = None


class CitationDelta(Event, frozen=True, gc=False, tag="citation_delta"):
    """A citation of the text that is being written."""

    citation: Citation
    choice: int = 0
    raw: bytes | None = None


class AudioDelta(Event, frozen=True, gc=False, tag="audio_delta"):
    """A piece of sound, of its ``transcript``, or both."""

    data: bytes = b""
    transcript: str = ""
    id: str | None = None
    choice: int = 0
    raw: bytes | None = None


class PartDone(Event, frozen=True, gc=False, tag="part_done"):
    """A part is whole; it replaces the deltas that led to it. ``index`` is the tool call's, where it is one."""

    part: Part
    index: int | None = None
    choice: int = 0
    raw: bytes | None = None


class OpaqueEvent(Event, frozen=True, gc=False, tag="opaque_event"):
    """An event that only its own dialect knows. ``kind`` is its name on the wire, ``data`` its JSON."""

    kind: str
    data: bytes = b""
    choice: int = 0
    raw: bytes | None = None


class UsageUpdate(Event, frozen=True, gc=False, tag="usage_update"):
    """Tokens so far: replaces what was said before. ``reported_cost``: the provider's own figure, in USD."""

    usage: Usage
    choice: int = 0
    raw: bytes | None = None
    reported_cost: Decimal | None = None


class Warned(Event, frozen=True, gc=False, tag="warned"):
    """Something that you asked for was dropped, renamed or approximated."""

    warning: Warning
    choice: int = 0
    raw: bytes | None = None


class Moved(Event, frozen=True, gc=False, tag="moved", rename={"from_": "from"}):
    """Another target carries on. ``from_`` and ``to`` are ``provider/model``."""

    from_: str
    to: str
    reason: str
    choice: int = 0
    raw: bytes | None = None


class Finish(Event, frozen=True, gc=False, tag="finish"):
    """A choice is finished. ``raw_reason`` as the provider sent it, ``stop_sequence`` the one that ended it."""

    reason: FinishReason
    raw_reason: str | None = None
    choice: int = 0
    stop_sequence: str | None = None
    extra: dict[str, Any] = {}
    """Fields of the reply that only its protocol knows."""
    raw: bytes | None = None


class ToolStarted(Event, frozen=True, gc=False, tag="tool_started"):
    """A tool is run (``run`` and ``stream_run``)."""

    call: ToolCall
    choice: int = 0


class ToolEnded(Event, frozen=True, gc=False, tag="tool_ended"):
    """What a tool gave, or how it failed (``result.is_error``), after ``seconds``."""

    call: ToolCall
    result: ToolResult
    seconds: float = 0.0
    choice: int = 0


class StepEnded(Event, frozen=True, gc=False, tag="step_ended"):
    """A model's turn is whole that is not the last: its tools are run next. ``response`` with usage and cost of this turn."""

    response: Response
    choice: int = 0


AnyEvent = (
    Start
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | CitationDelta
    | AudioDelta
    | PartDone
    | OpaqueEvent
    | UsageUpdate
    | Warned
    | Moved
    | Finish
    | ToolStarted
    | ToolEnded
    | StepEnded
)
