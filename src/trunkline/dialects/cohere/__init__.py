"""The dialect ``cohere``: Cohere's chat, version 2."""

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
from .stream import CohereEventDecoder


class Cohere(ServedLate):
    """Both halves (see ``Dialect``)."""

    id: str = ID
    framing: Framing = Framing.SSE
    reply_prefix: str = ""
    marks: tuple[str, ...] = ("x-client-name", "x-fern-sdk-name")
    routes: tuple[Route, ...] = (
        Route("POST", "/v2/chat", Operation.GENERATE),
        Route("GET", "/v1/models", Operation.MODELS),
        Route("GET", "/v1/models/{model}", Operation.MODEL),
    )

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return CohereEventDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        # Others list their models at the same path: a server of many protocols tells by this header who asks.
        query = () if after is None else (("page_token", after),)
        return WireRequest(method="GET", path="/v1/models", query=query, headers=(("x-client-name", "trunkline"),))

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = Cohere()

__all__ = ["DIALECT", "Cohere"]
