"""The dialect ``bedrock-converse``: Amazon Bedrock's Converse and ConverseStream."""

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
from .stream import ConverseEventDecoder


class Converse(ServedLate):
    """Both halves (see ``Dialect``)."""

    id: str = ID
    framing: Framing = Framing.AWS_EVENT_STREAM
    reply_prefix: str = ""
    marks: tuple[str, ...] = ()
    routes: tuple[Route, ...] = (
        Route("POST", "/model/{model}/converse", Operation.GENERATE),
        Route("POST", "/model/{model}/converse-stream", Operation.GENERATE),
        Route("POST", "/model/{model}/count-tokens", Operation.COUNT_TOKENS),
        Route("GET", "/foundation-models", Operation.MODELS),
        Route("GET", "/foundation-models/{model}", Operation.MODEL),
    )

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return ConverseEventDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        return WireRequest(method="GET", path="/foundation-models")

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = Converse()

__all__ = ["DIALECT", "Converse"]
