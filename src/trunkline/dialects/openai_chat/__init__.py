"""The dialect ``openai-chat``: OpenAI's Chat Completions, and whoever speaks it after his own fashion."""

from __future__ import annotations

from ...values.errors import ProviderError
from ...values.model import Target
from ...values.request import Request
from ...values.response import Response
from ...wire.http import HttpReply
from ..dialect import Context, Encoded, EventDecoder, Framing, WireRequest
from .errors import decode_error
from .pieces import ID
from .request import encode_request
from .response import decode_models, decode_response
from .stream import ChatEventDecoder
from .usage import reported_cost


class OpenAIChat:
    """The client half (see ``ClientHalf``)."""

    id: str = ID
    framing = Framing.SSE
    marks: tuple[str, ...] = ()

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return ChatEventDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        return WireRequest(method="GET", path="/models", query=() if after is None else (("after", after),))

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = OpenAIChat()

__all__ = ["DIALECT", "OpenAIChat", "reported_cost"]
