"""What came back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Literal

import msgspec

from .headers import NO_HEADERS, Headers
from .message import Message, Part, ToolCall, ToolResult
from .value import Value

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # its default: `Response` alone is one of any output

    OutputT_co = TypeVar("OutputT_co", default=Any, covariant=True)
else:
    from typing import TypeVar

    OutputT_co = TypeVar("OutputT_co", covariant=True)

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"]


class Usage(Value, frozen=True, tag="usage"):
    """Tokens, in one convention: input includes what was read from and written to the cache, output includes reasoning.

    None: the provider did not say. ``raw`` holds its own figures, under its own names.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    """The part of ``cache_write_tokens`` that is kept an hour (priced apart)."""
    raw: dict[str, Any] = {}

    @property
    def total_tokens(self) -> int | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


class TokenLogprob(Value, frozen=True, tag="logprob"):
    """One token of the reply, its log probability, its bytes, and the likeliest others. -9999.0 means very unlikely."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[TokenLogprob, ...] = ()


class Warning(Value, frozen=True, tag="warning"):
    """Something that you asked for and that the target cannot express. ``kind``: ``dropped, renamed, approximated``."""

    kind: Literal["dropped", "renamed", "approximated"]
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field} was {self.kind}: {self.reason}"


class Attempt(Value, frozen=True, kw_only=True, tag="attempt"):
    """One try: whom, how long (seconds), how it ended (``error`` is the error's class, None for success), and how long was waited
    before it.

    ``at``: seconds from the call's start. ``key``: the id of the key that was shown. ``asked``: a request went out; else it was
    refused here, by a limit, an open circuit, or because the target wants to be left alone. ``overtaken``: another target
    answered sooner, and this one was closed; ``interrupted``: it broke off in mid-answer, and another carried on. ``cost`` in
    USD of either, as estimated from what was said; None where that is not known, and of all other tries.
    """

    provider: str
    model: str
    seconds: float
    waited: float = 0.0
    status: int | None = None
    error: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    at: float = 0.0
    key: str | None = None
    asked: bool = True
    overtaken: bool = False
    interrupted: bool = False
    cost: Decimal | None = None


class Timings(Value, frozen=True, kw_only=True, tag="timings"):
    """Seconds from the call's start: until the reply's head, the first event (streams), the end."""

    head: float | None = None
    first_event: float | None = None
    end: float | None = None


class Alternative(Value, frozen=True, kw_only=True, tag="alternative"):
    """A further choice, where more than one was asked for (``n``). The first choice is the response itself."""

    index: int
    message: Message
    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


class Step(Value, frozen=True, kw_only=True, tag="step"):
    """One turn of a model on the way to an answer (``run``), with ``response``'s own usage and cost, and what was sent back:
    results of tools, and what was wrong with its words (``correction``)."""

    response: Response
    results: tuple[ToolResult, ...] = ()
    correction: str | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """What it adds to a conversation."""
        made = [message for message in self.response.messages if message.parts]
        if self.results:
            made.append(Message.tool(*self.results))
        if self.correction is not None:
            made.append(Message.user(self.correction))
        return tuple(made)

    def __repr__(self) -> str:
        """In a few words: a run may have many."""
        said, calls = self.response.text[:60], [call.name for call in self.response.tool_calls]
        told = f", correction={self.correction[:60]!r}" if self.correction is not None else ""
        return f"Step({said!r}, tool_calls={calls}, results={len(self.results)}{told})"


class Response(Value, Generic[OutputT_co], frozen=True, kw_only=True, tag="response"):
    """A whole reply. ``str(response)`` is its text.

    ``finish_reason`` is ``tool_calls`` whenever there are calls; ``raw_finish_reason`` as the provider sent it. ``cost`` in
    USD: 0 only where the price is known to be 0, None where a price that is needed is unknown; ``reported_cost`` the
    provider's own figure. ``latency`` in seconds. ``model`` as the provider names it. ``request_id`` for its support.
    ``raw`` the body's bytes (of a unary reply). ``partial``: the stream was not read to its end.
    """

    message: Message
    finish_reason: FinishReason = "other"
    raw_finish_reason: str | None = None
    stop_sequence: str | None = None
    """The stop sequence that ended it, where the provider says which."""
    usage: Usage = Usage()
    cost: Decimal | None = None
    reported_cost: Decimal | None = None
    latency: float = 0.0
    timings: Timings = Timings()
    model: str | None = None
    id: str | None = None
    created: int | None = None
    """Unix seconds."""
    request_id: str | None = None
    provider: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    warnings: tuple[Warning, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    output: OutputT_co = None  # type: ignore[assignment]
    """The parsed structured output, of the type that was asked for; None where none was."""
    steps: tuple[Step, ...] = ()
    """The turns before this one, where there were several: calls of tools and their results, outputs that were sent back.
    ``usage, cost, latency, attempts`` and ``warnings`` are then of them all."""
    partial: bool = False
    fallback: bool = False
    """No model's answer: the ``fallback_answer`` of your own, because no target answered (``attempts`` tells why)."""
    extra: dict[str, Any] = {}
    """Fields of the reply that only its protocol knows."""
    headers: Headers = NO_HEADERS
    raw: bytes = b""

    @property
    def text(self) -> str:
        return self.message.text

    @property
    def reasoning(self) -> str:
        return self.message.reasoning

    @property
    def refusal(self) -> str | None:
        return self.message.refusal

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.message.tool_calls

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.message.parts

    @property
    def messages(self) -> tuple[Message, ...]:
        """What it adds to a conversation: the turns of its steps, results of tools, and its own message."""
        return (*[message for step in self.steps for message in step.messages], self.message)

    def json(self) -> Any:
        """The body, parsed; None where there is none (a stream)."""
        return msgspec.json.decode(self.raw) if self.raw else None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        """What most want to see; the rest is in its fields."""
        told = [f"{name}={value!r}" for name in _SHOWN if (value := getattr(self, name)) not in (None, (), False)]
        return f"Response({', '.join(told)})"

    def _repr_markdown_(self) -> str:
        return self.text


_SHOWN = (
    "message", "finish_reason", "usage", "cost", "latency", "provider", "model", "request_id", "warnings", "attempts",
    "alternatives", "output", "steps", "partial", "fallback",
)  # fmt: skip
