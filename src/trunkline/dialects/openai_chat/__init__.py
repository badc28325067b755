"""The dialect ``openai-chat``: OpenAI's Chat Completions, and whoever speaks it after his own fashion."""

from __future__ import annotations

from ...values.errors import ProviderError
from ...values.model import Target
from ...values.request import Request
from ...values.response import Response
from ...wire.http import HttpReply
from ..dialect import Context, Encoded, EventDecoder, Framing, Operation, Route, WireRequest
from ..served_late import ServedLate
from .errors import decode_error
from .pieces import ID
from .request import encode_request
from .response import decode_models, decode_response
from .stream import ChatEventDecoder
from .usage import reported_cost

# Azure has them below /openai: today's as they are, the older ones by deployment (azure-openai §1).
_ROUTES = (
    ("POST", "/chat/completions", Operation.GENERATE),
    ("POST", "/chat/completions/input_tokens", Operation.COUNT_TOKENS),
    ("GET", "/models", Operation.MODELS),
    ("GET", "/models/{model}", Operation.MODEL),
)


class OpenAIChat(ServedLate):
    """Both halves (see ``Dialect``)."""

    id: str = ID
    framing = Framing.SSE
    reply_prefix: str = "chatcmpl-"
    marks: tuple[str, ...] = ()
    routes: tuple[Route, ...] = (
        *(Route(how, base + path, what) for base in ("/v1", "", "/openai/v1") for how, path, what in _ROUTES),
        Route("POST", "/openai/deployments/{model}/chat/completions", Operation.GENERATE),
    )

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
