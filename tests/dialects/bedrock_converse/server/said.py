"""What is said to the server half and by it, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tests.dialects.bedrock_converse.judge import MODEL, context as client_context, served
from tests.dialects.bedrock_converse.reading import folded
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.dialects.bedrock_converse.server import stand_in
from trunkline.dialects.bedrock_converse.server.stream import ConverseEncoder
from trunkline.dialects.dialect import Context, Decoded, WireRequest
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.message import Message, Text
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning
from trunkline.wire.aws_event_stream import EventStreamDecoder
from trunkline.wire.http import HttpReply, HttpRequest

PATH = "/model/anthropic.claude-test-v1%3A0/converse"


def http(body: bytes | dict[str, Any], path: str = PATH) -> HttpRequest:
    return HttpRequest("POST", path, Headers(), body if isinstance(body, bytes) else msgspec.json.encode(body))


def on_the_wire(wire: WireRequest) -> HttpRequest:
    return HttpRequest(wire.method, f"http://127.0.0.1:9{wire.path}", Headers(wire.headers), wire.body)


def decoded(body: dict[str, Any], path: str = PATH) -> Decoded:
    return DIALECT.decode_request(http({"messages": [{"role": "user", "content": [{"text": "hi"}]}]} | body, path))


def asked(body: dict[str, Any], path: str = PATH) -> Request:
    """A body with what every request must have, decoded."""
    return decoded(body, path).request


def answered(response: Response, where: Context | None = None) -> tuple[dict[str, Any], tuple[Warning, ...]]:
    reply = DIALECT.encode_response(response, where or served())
    return msgspec.json.decode(reply.body), reply.warnings


def read_again(response: Response) -> Response:
    """A reply as a client of this protocol reads it."""
    reply = DIALECT.encode_response(response, served())
    return DIALECT.decode_response(HttpReply(reply.status, body=reply.body), client_context())


def stream_of(events: Iterable[Event], where: Context | None = None) -> tuple[bytes, list[Warning]]:
    """What a stream says of ``events``, unwatched: some say what no sheet names, and the strict grammar knows nothing else."""
    encoder = ConverseEncoder(where or served())
    data = b"".join([*map(encoder.push, events), encoder.finish()])
    return data, encoder.warnings


def streamed_again(events: Iterable[Event]) -> Response:
    return folded(stream_of(events)[0])


def faults(data: bytes) -> list[str]:
    frames, grammar = EventStreamDecoder(), DIALECT.stream_grammar(strict=True, context=served())
    found = grammar.feed(frames.feed(data) + frames.finish())
    return [fault.rule for fault in [*found, *grammar.finish()]]


def comparable(response: Response, *, states: bool = True) -> Any:
    """A reply with its states parsed (an object's keys may come back in another order), our stand-ins and empty texts left out."""
    kept = [part for part in response.message.parts if not (type(part) is Text and not part.text and not part.citations)]
    return msgspec.structs.replace(response, message=Message("assistant", ())), [_part(part, states=states) for part in kept]


def _part(part: Any, *, states: bool) -> Any:
    if type(part).__name__ == "Opaque":
        return part.kind, _parsed(part.state)
    plain = msgspec.structs.replace(part, state=None)
    told = []
    if getattr(part, "citations", ()):
        told = [_parsed(citation.state) for citation in part.citations]
        plain = msgspec.structs.replace(
            plain, citations=tuple([msgspec.structs.replace(citation, state=None) for citation in part.citations])
        )
    return (plain, _parsed(part.state), told) if states else plain


def _parsed(state: Any) -> Any:
    if state is None or stand_in.REDACTED.encode() in state.data:
        return None
    return msgspec.json.decode(state.data), state.scope, state.must_return


__all__ = [
    "MODEL", "PATH", "answered", "asked", "client_context", "comparable", "decoded", "faults", "http", "on_the_wire", "read_again",
    "served", "stream_of", "streamed_again",
]  # fmt: skip
