"""The Messages protocol (``POST /v1/messages``), both halves. Facts: its sheet, the vendor's SDK types, real traffic.

The server's half is imported when it is first used: who only asks pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...values.errors import ProviderError
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
from . import errors, request, response
from .stream import MessagesDecoder
from .turns import ID

MODELS_PER_PAGE = "1000"


class AnthropicMessages:
    """See ``dialect.ClientHalf`` and ``dialect.ServerHalf``."""

    id: str = ID
    framing: Framing = Framing.SSE
    reply_prefix: str = "msg_"
    marks: tuple[str, ...] = ("anthropic-version", "anthropic-beta", "x-api-key")
    routes: tuple[Route, ...] = (
        Route("POST", "/v1/messages", Operation.GENERATE),
        Route("POST", "/v1/messages/count_tokens", Operation.COUNT_TOKENS),
        Route("GET", "/v1/models", Operation.MODELS),
        Route("GET", "/v1/models/{model}", Operation.MODEL),
    )

    def encode_request(self, asked: Request, target: Target) -> Encoded:
        return request.encode_request(asked, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return response.decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return MessagesDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return errors.decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        """One page of the models that the key may use; ``after`` is the cursor that ``decode_models`` gave."""
        query = (("limit", MODELS_PER_PAGE),) + ((("after_id", after),) if after is not None else ())
        return WireRequest(method="GET", path="/v1/models", query=query, headers=(("anthropic-version", request.VERSION),))

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return response.decode_models(reply)

    # --- the half that answers ----------------------------------------------------------------------------------------------

    def decode_request(self, http: HttpRequest) -> Decoded:
        from .server.request import decode_request

        return decode_request(http)

    def context_of(self, http: HttpRequest) -> Context:
        from .server.request import context_of

        return context_of(http)

    def encode_response(self, answer: Response, context: Context) -> EncodedReply:
        from .server.response import encode_response

        return encode_response(answer, context)

    def event_encoder(self, context: Context) -> EventEncoder:
        from .server.stream import MessagesEncoder

        return MessagesEncoder(context)

    def stream_headers(self, context: Context) -> tuple[tuple[str, str], ...]:
        from .server.listing import stream_headers

        return stream_headers(context)

    def encode_error(self, error: ProviderError, context: Context) -> HttpReply:
        from .server.errors import encode_error

        return encode_error(error, context)

    def encode_token_count(self, tokens: int, context: Context) -> HttpReply:
        from .server.listing import encode_token_count

        return encode_token_count(tokens, context)

    def encode_models(self, models: Sequence[ServedModel], context: Context) -> HttpReply:
        from .server.listing import encode_models

        return encode_models(models, context)

    def encode_model(self, model: ServedModel, context: Context) -> HttpReply:
        from .server.listing import encode_model

        return encode_model(model, context)

    def limit_headers(self, limits: RateLimits) -> tuple[tuple[str, str], ...]:
        from .server.listing import limit_headers

        return limit_headers(limits)

    def stream_grammar(self, *, strict: bool, context: Context | None = None) -> StreamGrammar:
        from .grammar import MessagesGrammar

        return MessagesGrammar(strict=strict, context=context)


DIALECT = AnthropicMessages()
