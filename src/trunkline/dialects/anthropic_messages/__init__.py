"""The Messages protocol (``POST /v1/messages``), the client's half. Facts: its sheet, the vendor's SDK types, real traffic."""

from __future__ import annotations

from ...values.errors import ProviderError
from ...values.model import Target
from ...values.request import Request
from ...values.response import Response
from ...wire.http import HttpReply
from ..dialect import Context, Encoded, EventDecoder, Framing, WireRequest
from . import errors, request, response
from .stream import MessagesDecoder
from .turns import ID

MODELS_PER_PAGE = "1000"


class AnthropicMessages:
    """See ``dialect.ClientHalf``."""

    id: str = ID
    framing: Framing = Framing.SSE
    marks: tuple[str, ...] = ("anthropic-version", "anthropic-beta", "x-api-key")

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


DIALECT = AnthropicMessages()
