"""What a dialect is: a pure codec between our values and one wire protocol, in both directions. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol, runtime_checkable

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
    JSON_LINES = "json_lines"
    AWS_EVENT_STREAM = "aws_event_stream"
    NONE = "none"


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


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the protocol wants it, before address and credentials: ``path`` is joined to the endpoint's base URL."""

    method: str = "POST"
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    argv: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"WireRequest({self.method} {self.path}, {len(self.body)} bytes)"


class Encoded(msgspec.Struct, frozen=True):
    """What ``encode_request`` gives: the wire, what this protocol or model cannot express, what decoding must remember."""

    wire: WireRequest
    warnings: tuple[Warning, ...]
    context: Context


class Decoded(msgspec.Struct, frozen=True):
    """What ``decode_request`` gives."""

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


class EventEncoder(Protocol):
    """Events to the bytes of a stream."""

    def push(self, event: Event) -> bytes: ...
    def finish(self) -> bytes: ...


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


@runtime_checkable
class ServerHalf(Protocol):
    """The half that answers."""

    def decode_request(self, http: HttpRequest) -> Decoded: ...
    def encode_response(self, response: Response, context: Context) -> HttpReply: ...
    def event_encoder(self, context: Context) -> EventEncoder: ...
    def encode_error(self, error: ProviderError, context: Context) -> HttpReply: ...


__all__ = [
    "NO_HEADERS",
    "ClientHalf",
    "Context",
    "Decoded",
    "Encoded",
    "EventDecoder",
    "EventEncoder",
    "Frame",
    "Framing",
    "Headers",
    "ServerHalf",
    "WireRequest",
]
