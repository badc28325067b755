"""What a try may cost that brought no whole answer, estimated from what was said."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ..policy.price import cost
from ..policy.tokens import estimate_tokens
from ..ports import IO
from ..values.message import HostedToolCall, Reasoning, Text, ToolCall
from ..values.request import Request
from ..values.response import Response, Usage
from .call import Call
from .destination import Destination

ESTIMATED = "estimated"
"""In ``Usage.raw``: whose figures these are."""


def estimated_usage(request: Request, partial: Response | None = None) -> Usage:
    """What the provider would have counted, roughly: as far as ``partial`` tells its own figures, those."""
    said = Usage() if partial is None else partial.usage
    asked = sum(estimate_tokens(part.text) for message in request.messages for part in message.parts if isinstance(part, Text))
    answered = 0 if partial is None else sum(estimate_tokens(_words(part)) for part in partial.message.parts)
    if said.input_tokens is not None and said.output_tokens is not None and said.output_tokens >= answered // 2:
        return said
    return msgspec.structs.replace(
        said,
        input_tokens=asked if said.input_tokens is None else said.input_tokens,
        output_tokens=answered,
        raw={**said.raw, ESTIMATED: True},
    )


def _words(part: object) -> str:
    if isinstance(part, Text | Reasoning):
        return part.text
    return part.raw_arguments if isinstance(part, ToolCall) else ""


def charge(io: IO, call: Call, destination: Destination, usage: Usage, response: Response | None = None) -> Decimal | None:
    """The catalog's price of ``usage``; None where it is not known."""
    if destination.record is None:
        return None
    tier = (None if response is None else response.service_tier) or call.request.service_tier
    hosted = response is not None and HostedToolCall in map(type, response.message.parts)
    return cost(usage, destination.record, io.wall(), tier, hosted_tools=hosted)


def estimated_cost(io: IO, call: Call, destination: Destination, partial: Response | None = None) -> Decimal | None:
    """The price of a try that was closed before its end."""
    return charge(io, call, destination, estimated_usage(call.request, partial), partial)
