"""What a try may cost that brought no whole answer, estimated from what was said."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ..policy.price import cost
from ..policy.tokens import estimate_tokens, prompt_tokens
from ..ports import IO
from ..values.message import HostedToolCall, Reasoning, Text, ToolCall
from ..values.request import Request
from ..values.response import Response, Usage
from .call import Call
from .destination import Destination

ESTIMATED = "estimated"
"""In ``Usage.raw``: whose figures these are."""


def estimated_usage(request: Request, told: Usage = Usage(), answered: int = 0) -> Usage:  # noqa: B008 - frozen
    """What the provider would have counted, roughly, of an answer of about so many tokens: as far as it has ``told`` figures
    of its own, those. Early in a stream some tell a first figure of the output, which is not believed where twice as much was
    said."""
    if told.input_tokens is not None and told.output_tokens is not None and told.output_tokens >= answered // 2:
        return told
    asked = told.input_tokens
    if asked is None:
        asked = prompt_tokens(request)
    return msgspec.structs.replace(
        told, input_tokens=asked, output_tokens=max(answered, told.output_tokens or 0), raw={**told.raw, ESTIMATED: True}
    )


def tokens_said(partial: Response) -> int:
    """How many tokens it is, about."""
    return sum(estimate_tokens(_words(part)) for part in partial.message.parts)


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


def estimated_cost(io: IO, call: Call, destination: Destination) -> Decimal | None:
    """The price of a try that was closed before anything came of it: its prompt was read."""
    return charge(io, call, destination, estimated_usage(call.request))
