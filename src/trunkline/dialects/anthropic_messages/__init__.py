"""The Messages protocol (``POST /v1/messages``), both halves. Facts: its sheet, the vendor's SDK types, real traffic."""

from __future__ import annotations

from ...values.errors import ProviderError
from ...values.model import Target
from ...values.request import Request
from ...values.response import Response
from ...wire.http import HttpReply
from ..dialect import Context, Encoded, EventDecoder, Framing, Operation, Route, WireRequest
from ..served_late import ServedLate
from .errors import decode_error
from .request import VERSION, encode_request
from .response import decode_models, decode_response
from .stream import MessagesDecoder
from .turns import ID

MODELS_PER_PAGE = "1000"


class AnthropicMessages(ServedLate):
    """Both halves (see ``Dialect``)."""

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

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return MessagesDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        """One page of the models that the key may use; ``after`` is the cursor that ``decode_models`` gave."""
        query = (("limit", MODELS_PER_PAGE),) + ((("after_id", after),) if after is not None else ())
        return WireRequest(method="GET", path="/v1/models", query=query, headers=(("anthropic-version", VERSION),))

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = AnthropicMessages()
