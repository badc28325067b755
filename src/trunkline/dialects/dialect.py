"""What a dialect is: a pure codec between our values and one wire protocol, in both directions. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import msgspec

from ..values.errors import ProviderError
from ..values.events import Event
from ..values.headers import NO_HEADERS, Headers
from ..values.model import Target
from ..values.request import Request
from ..values.response import Response, Warning
from ..wire.http import HttpReply, HttpRequest
from ..wire.sse import Frame


class Framing(Enum):
    """How a streamed body is cut into frames."""

    SSE = "sse"
    SSE_OR_JSON_ARRAY = "sse_or_json_array"
    JSON_LINES = "json_lines"
    JSON_ARRAY = "json_array"
    AWS_EVENT_STREAM = "aws_event_stream"


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself. ``request_id`` goes into headers and errors; ``reply_id`` and ``created`` (Unix seconds)
    stand in a reply that has none of its own. ``functions``: the caller asked in the words of before there were tools.
    ``custom_tools``: the tools with plain input that he gave: a streamed call of one is told as such from its first piece.
    ``array``: he wants a stream as one JSON array. ``sealed``: he wants reasoning back in a form that he can return.
    ``echoed``: what he asked, where a reply of his protocol says it again."""

    request_id: str | None = None
    reply_id: str | None = None
    created: int | None = None
    functions: bool = False
    custom_tools: tuple[str, ...] = ()
    array: bool = False
    sealed: bool = False
    echoed: dict[str, Any] = {}


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What one half must remember for the other."""

    target: Target
    model: str
    stream: bool = False
    include_usage: bool = False
    version: str | None = None
    tool_names: dict[str, str] = {}
    """The wire's name of a tool, where it differs, to ours."""
    call_ids: dict[str, str] = {}
    """The wire's id of a tool call, where it differs, to ours."""
    custom_tools: tuple[str, ...] = ()
    """Tools with plain input that go over the wire as functions with one text argument."""
    served: Served | None = None
    """Of a request that a server half decoded: what it says where the reply itself does not."""


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the protocol wants it, before address and credentials: ``path`` is joined to the endpoint's base URL."""

    method: str = "POST"
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    argv: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    """Of a program: its words after its name, and variables of this request's own; ``body`` is what it reads."""

    def __repr__(self) -> str:
        return f"WireRequest({self.method} {self.path}, {len(self.body)} bytes)"


class Encoded(msgspec.Struct, frozen=True):
    """What ``encode_request`` gives: the wire, what this protocol or model cannot express, what decoding must remember."""

    wire: WireRequest
    warnings: tuple[Warning, ...]
    context: Context


class Decoded(msgspec.Struct, frozen=True):
    """What ``decode_request`` gives. ``context.target`` names the dialect and the model that was asked for, and no provider.

    Fields that only this protocol knows stand in ``request.extra_body``, its own headers (betas, a version) in
    ``request.extra_headers``: so encoding in the same dialect says them again.
    """

    request: Request
    warnings: tuple[Warning, ...]
    context: Context


class EventDecoder(Protocol):
    """Frames to events. ``done`` is True once the protocol has said its last word: nothing after it matters.

    ``feed`` takes all frames of one network read. It never raises: an error that comes inside the stream, or a frame that
    breaks the protocol, is kept in ``error`` (and ``done`` set), and the events before it are returned, so that none is
    lost. ``finish`` is told that the bytes have ended properly, and gives what remains; when the protocol's own end has
    not come, ``error`` is a ``StreamInterruptedError``.
    """

    done: bool
    error: ProviderError | None

    def feed(self, frames: Sequence[Frame]) -> list[Event]: ...
    def finish(self) -> list[Event]: ...


class EncodedReply(HttpReply, frozen=True):
    """A reply as it goes out, and what this protocol cannot express of it."""

    warnings: tuple[Warning, ...] = ()


class EventEncoder(Protocol):
    """Events to the bytes of a stream. Whatever the events and their order, what comes out obeys the protocol to the letter:
    one block at a time where it wants that, every block closed, one end.

    ``push`` gives what can be said by now, often nothing (a head is held until something is said). ``finish`` closes what is
    open and says the last word; ``error`` is the last word of a reply that fails in its midst; ``ping`` keeps an idle
    connection alive and may come at any time before the end. ``warnings`` grows with what cannot be expressed.
    """

    warnings: list[Warning]

    def push(self, event: Event) -> bytes: ...
    def finish(self) -> bytes: ...
    def error(self, error: ProviderError) -> bytes: ...
    def ping(self) -> bytes: ...


@runtime_checkable
class ClientHalf(Protocol):
    """The half that asks.

    ``decode_response`` is total: a value, or ``MalformedResponseError`` that names the JSON path only, whatever the bytes; a
    provider's error inside a 200 is raised as the error it is. ``decode_error`` never raises.
    """

    id: str
    framing: Framing

    def encode_request(self, request: Request, target: Target) -> Encoded: ...
    def decode_response(self, reply: HttpReply, context: Context) -> Response: ...
    def event_decoder(self, context: Context) -> EventDecoder: ...
    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError: ...
    def models_request(self, after: str | None = None) -> WireRequest: ...
    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]: ...


class Operation(Enum):
    """What a path of a protocol asks for."""

    GENERATE = "generate"
    COUNT_TOKENS = "count_tokens"
    MODELS = "models"
    MODEL = "model"


class Route(msgspec.Struct, frozen=True):
    """``path`` may have one ``{model}``, which takes all that stands there (ids of models hold slashes), before or after words of
    its own (``{model}:generateContent``), and any number of ``{}``, each of which takes one segment, whatever it says."""

    method: str
    path: str
    operation: Operation


class ServedModel(msgspec.Struct, frozen=True):
    """One entry of a list of models. ``created`` in Unix seconds."""

    id: str
    created: int = 0
    owner: str = "trunkline"


class RateLimit(msgspec.Struct, frozen=True):
    """How many there may be, how many are left, and in how many seconds there will be all of them again."""

    limit: int
    remaining: int
    reset: float


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply's headers say of limits. ``now`` in Unix seconds: some protocols name the moment of the reset."""

    now: float
    requests: RateLimit | None = None
    tokens: RateLimit | None = None
    input_tokens: RateLimit | None = None
    output_tokens: RateLimit | None = None


class Fault(msgspec.Struct, frozen=True):
    """How a stream breaks its protocol. ``rule`` is the rule's short name, ``frame`` the number of the frame (from 0; at the
    end of the stream: how many there were), ``detail`` says what and where, and never quotes what a model said."""

    rule: str
    frame: int
    detail: str

    def __str__(self) -> str:
        return f"frame {self.frame}: {self.rule}: {self.detail}"


class StreamGrammar(Protocol):
    """An automaton over the frames of one stream. It never raises and goes on after a fault."""

    def feed(self, frames: Sequence[Frame]) -> list[Fault]: ...
    def finish(self) -> list[Fault]: ...


@runtime_checkable
class ServerHalf(Protocol):
    """The half that answers.

    ``decode_request`` is liberal: it takes every spelling that the protocol ever had. It raises ``InvalidRequestError`` (status,
    ``param``: the path of the field, never its content) for what is no request of this protocol, whatever the bytes, and
    nothing else. The others never raise. ``context_of`` is the context of a request that could not be decoded. ``marks`` are
    headers (lower case) of which each tells a request of this protocol where another claims the same path; ids of replies begin
    with ``reply_prefix``.
    """

    id: str
    framing: Framing
    routes: tuple[Route, ...]
    marks: tuple[str, ...]
    reply_prefix: str

    def decode_request(self, http: HttpRequest) -> Decoded: ...
    def context_of(self, http: HttpRequest) -> Context: ...
    def encode_response(self, response: Response, context: Context) -> EncodedReply: ...
    def event_encoder(self, context: Context) -> EventEncoder: ...
    def stream_headers(self, context: Context) -> tuple[tuple[str, str], ...]: ...
    def encode_error(self, error: ProviderError, context: Context) -> HttpReply: ...
    def encode_token_count(self, tokens: int, context: Context) -> HttpReply: ...
    def encode_models(self, models: Sequence[ServedModel], context: Context) -> HttpReply: ...
    def encode_model(self, model: ServedModel, context: Context) -> HttpReply: ...
    def limit_headers(self, limits: RateLimits) -> tuple[tuple[str, str], ...]: ...
    def stream_grammar(self, *, strict: bool, context: Context | None = None) -> StreamGrammar: ...


@runtime_checkable
class Dialect(ClientHalf, ServerHalf, Protocol):
    """Both halves: each dialect's package has one as ``DIALECT``."""


__all__ = [
    "NO_HEADERS",
    "ClientHalf",
    "Context",
    "Decoded",
    "Dialect",
    "Encoded",
    "EncodedReply",
    "EventDecoder",
    "EventEncoder",
    "Fault",
    "Frame",
    "Framing",
    "Headers",
    "Operation",
    "RateLimit",
    "RateLimits",
    "Route",
    "Served",
    "ServedModel",
    "ServerHalf",
    "StreamGrammar",
    "WireRequest",
]
