"""The dialect ``openai-chat``: OpenAI's Chat Completions, and whoever speaks it after his own fashion."""

from __future__ import annotations

from collections.abc import Sequence

from ...values.errors import NotFoundError, ProviderError
from ...values.model import Target
from ...values.request import Request
from ...values.response import Response
from ...wire.http import HttpReply, HttpRequest
from ..dialect import (
    Context,
    Decoded,
    Encoded,
    EncodedReply,
    EventDecoder,
    EventEncoder,
    Framing,
    Operation,
    RateLimits,
    Route,
    ServedModel,
    StreamGrammar,
    WireRequest,
)
from .errors import decode_error
from .pieces import ID
from .request import encode_request
from .response import decode_models, decode_response
from .stream import ChatEventDecoder
from .usage import reported_cost

# Azure has them below /openai: today's as they are, the older ones by deployment (azure-openai §1).
_ROUTES = (
    ("POST", "/chat/completions", Operation.GENERATE),
    ("GET", "/models", Operation.MODELS),
    ("GET", "/models/{model}", Operation.MODEL),
)


class OpenAIChat:
    """Both halves (see ``Dialect``). What only servers need is imported when a server asks for it."""

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

    # --- the half that answers (see ``ServerHalf``) ---------------------------------------------------------------------

    def decode_request(self, http: HttpRequest) -> Decoded:
        from .server.request import decode_request

        return decode_request(http)

    def context_of(self, http: HttpRequest) -> Context:
        from .server.request import context_of

        return context_of(http)

    def encode_response(self, response: Response, context: Context) -> EncodedReply:
        from .server.response import encode_response

        return encode_response(response, context)

    def event_encoder(self, context: Context) -> EventEncoder:
        from .server.stream import ChatEventEncoder

        return ChatEventEncoder(context)

    def stream_headers(self, context: Context) -> tuple[tuple[str, str], ...]:
        from .server.heads import stream_headers

        return stream_headers(context)

    def encode_error(self, error: ProviderError, context: Context) -> HttpReply:
        from .server.errors import encode_error

        return encode_error(error, context)

    def encode_token_count(self, tokens: int, context: Context) -> HttpReply:
        """An error: this protocol counts no tokens."""
        from .server.errors import encode_error

        return encode_error(NotFoundError("this protocol has no path that counts tokens", status=404), context)

    def encode_models(self, models: Sequence[ServedModel], context: Context) -> HttpReply:
        from .server.heads import encode_models

        return encode_models(models, context)

    def encode_model(self, model: ServedModel, context: Context) -> HttpReply:
        from .server.heads import encode_model

        return encode_model(model, context)

    def limit_headers(self, limits: RateLimits) -> tuple[tuple[str, str], ...]:
        from .server.heads import limit_headers

        return limit_headers(limits)

    def stream_grammar(self, *, strict: bool, context: Context | None = None) -> StreamGrammar:
        from .grammar import ChatGrammar

        return ChatGrammar(strict=strict, context=context)


DIALECT = OpenAIChat()

__all__ = ["DIALECT", "OpenAIChat", "reported_cost"]
