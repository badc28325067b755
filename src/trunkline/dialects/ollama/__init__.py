"""The dialect ``ollama``: Ollama's native chat."""

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
from .stream import OllamaEventDecoder


class Ollama(ServedLate):
    """Both halves (see ``Dialect``)."""

    id: str = ID
    framing: Framing = Framing.JSON_LINES
    reply_prefix: str = ""
    marks: tuple[str, ...] = ()
    routes: tuple[Route, ...] = (
        Route("POST", "/api/chat", Operation.GENERATE),
        Route("GET", "/api/tags", Operation.MODELS),
    )

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return OllamaEventDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        return WireRequest(method="GET", path="/api/tags")

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = Ollama()

__all__ = ["DIALECT", "Ollama"]
