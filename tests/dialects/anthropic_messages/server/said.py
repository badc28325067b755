"""What is said to the server half and by it, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from tests.dialects.anthropic_messages.judge import context as client_context
from tests.dialects.anthropic_messages.reading import folded
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server import stand_in
from trunkline.dialects.anthropic_messages.server.stream import MessagesEncoder
from trunkline.dialects.dialect import Context, Decoded, Served, WireRequest
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.message import Message, Text
from trunkline.values.model import Target
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpReply, HttpRequest

MODEL = "claude-test"


def target(model: str = MODEL) -> Target:
    """As a server names whom it was asked for."""
    return Target(dialect="anthropic-messages", provider="", model=model)


def served(**facts: Any) -> Context:
    return Context(target=target(), model=MODEL, served=Served(**facts))


def http(body: bytes | dict[str, Any], *, path: str = "/v1/messages", **headers: str) -> HttpRequest:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return HttpRequest("POST", path, Headers((name.replace("_", "-"), value) for name, value in headers.items()), data)


def on_the_wire(wire: WireRequest) -> HttpRequest:
    query = f"?{urlencode(wire.query)}" if wire.query else ""
    return HttpRequest(wire.method, f"http://127.0.0.1:9{wire.path}{query}", Headers(wire.headers), wire.body)


def asked(body: dict[str, Any], **headers: str) -> Request:
    """A body with what every request must have, decoded."""
    return decoded(body, **headers).request


def decoded(body: dict[str, Any], **headers: str) -> Decoded:
    plain = {"model": MODEL, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    return DIALECT.decode_request(http(plain | body, **headers))


def answered(response: Response, where: Context | None = None) -> tuple[dict[str, Any], tuple[Warning, ...]]:
    reply = DIALECT.encode_response(response, where or served())
    return msgspec.json.decode(reply.body), reply.warnings


def read_again(response: Response) -> Response:
    """A reply as a client of this protocol reads it."""
    reply = DIALECT.encode_response(response, served())
    return DIALECT.decode_response(HttpReply(reply.status, body=reply.body), client_context())


def stream_of(events: Iterable[Event], where: Context | None = None) -> tuple[bytes, list[Warning]]:
    """What a stream says of ``events``, unwatched: some say what no sheet names, and the strict grammar knows nothing else."""
    encoder = MessagesEncoder(where or served())
    data = b"".join([*map(encoder.push, events), encoder.finish()])
    return data, encoder.warnings


def streamed_again(events: Iterable[Event]) -> Response:
    return folded(stream_of(events)[0])


def without_empty(message: Message) -> Message:
    """Texts that say nothing are never said: they are refused when they come back."""
    return Message(message.role, tuple([part for part in message.parts if not (type(part) is Text and not part.text)]))


def comparable(response: Response, *, states: bool = True) -> Any:
    """A reply with its states parsed (an object's keys may come back in another order), our stand-ins left out."""
    message = without_empty(response.message)
    parts = [_comparable(part, states=states) for part in message.parts]
    return msgspec.structs.replace(response, message=Message("assistant", ())), parts


def _comparable(part: Any, *, states: bool) -> Any:
    state = part.state
    plain = part if type(part).__name__ == "Opaque" else msgspec.structs.replace(part, state=None)
    if getattr(part, "citations", ()):
        bare = tuple([msgspec.structs.replace(citation, state=None) for citation in part.citations])
        kept = [citation.state and msgspec.json.decode(citation.state.data) for citation in part.citations]
        plain = msgspec.structs.replace(plain, citations=bare)
        return plain, _parsed(state) if states else None, kept if states else None
    if type(part).__name__ == "Opaque":
        return part.kind, _parsed(state)
    return plain, _parsed(state) if states else None


def _parsed(state: Any) -> Any:
    if state is None:
        return None
    value = msgspec.json.decode(state.data)
    stands_in = stand_in.SIGNATURE in (value.get("signature"), value.get("data"))
    return None if stands_in else (value, state.scope, state.must_return)


def fields_of(warnings: Sequence[Warning]) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in warnings]
