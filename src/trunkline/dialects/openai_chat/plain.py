"""A whole reply of the most usual shape: one choice, plain text and nothing that needs a second look.

It is read into structs of exactly that shape, which costs a quarter of walking it. Whatever else a body holds makes the strict
reading fail, and ``response`` reads the same bytes in full; on what both can read they agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from ...values.message import Message, Text
from ...values.response import Response
from ...wire.http import HttpReply
from ..dialect import Context
from ..error_body import request_id_of
from .pieces import finish_reason
from .usage import read_usage, reported_cost

if TYPE_CHECKING:
    from ..markup import Style

_Words = Annotated[str, msgspec.Meta(min_length=1)]
_NoList = Annotated[list[Any], msgspec.Meta(max_length=0)]


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    content: _Words
    role: Any = None
    refusal: None = None
    annotations: _NoList | None = None
    tool_calls: _NoList | None = None
    function_call: None = None
    audio: None = None
    reasoning: None = None
    reasoning_content: None = None


class _Choice(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    message: _Message
    finish_reason: _Words
    index: Literal[0] = 0
    logprobs: None = None


class _Reply(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    choices: tuple[_Choice]
    usage: dict[str, Any]
    id: _Words
    model: _Words
    created: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
    object: Any = None
    service_tier: _Words | None = None
    system_fingerprint: _Words | None = None
    error: None = None


_decode = msgspec.json.Decoder(_Reply).decode


class _FirstDelta(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    role: Any = None
    content: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    reasoning: None = None
    reasoning_content: None = None


class _FirstChoice(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    delta: _FirstDelta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None


class FirstChunk(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The first chunk of a stream as most servers send it."""

    choices: tuple[_FirstChoice]
    id: _Words
    model: _Words
    created: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
    object: Any = None
    service_tier: _Words | None = None
    system_fingerprint: _Words | None = None
    usage: None = None
    error: None = None
    obfuscation: Any = None


_decode_first = msgspec.json.Decoder(FirstChunk).decode


def plain_first(data: bytes) -> FirstChunk | None:
    """The chunk, or None where it takes the full reading."""
    try:
        return _decode_first(data)
    except (ValueError, RecursionError):
        return None


def plain_reply(reply: HttpReply, context: Context) -> Response | None:
    """The reply, or None where it takes the full reading."""
    try:
        body = _decode(reply.body)
    except (ValueError, RecursionError):
        return None
    usage, quirks = body.usage, context.target.quirks
    if not usage:
        return None
    choice = body.choices[0]
    if quirks.markup is not None and _marked(choice.message.content, quirks.markup):
        return None
    reason = choice.finish_reason
    return Response(
        message=Message("assistant", (Text(choice.message.content),)),
        finish_reason=finish_reason(reason),
        raw_finish_reason=reason,
        usage=read_usage(usage, quirks),
        reported_cost=reported_cost(usage, quirks),
        model=body.model,
        id=body.id,
        created=body.created,
        request_id=request_id_of(reply.headers),
        service_tier=body.service_tier,
        system_fingerprint=body.system_fingerprint,
    )


def _marked(text: str, style: Style) -> bool:
    from ..markup import is_plain  # only endpoints with that quirk need it

    return not is_plain(text, style)
