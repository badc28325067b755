"""The dialect ``gemini``: Google's generateContent, of AI Studio and of Vertex."""

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
from .stream import GeminiEventDecoder

MODELS_PER_PAGE = "1000"
_BASES = (
    "/v1beta",
    "/v1",
    "/v1beta1/projects/{}/locations/{}/publishers/google",
    "/v1/projects/{}/locations/{}/publishers/google",
    "/v1beta1/publishers/google",
    "/v1/publishers/google",
)
"""AI Studio, Vertex, and Vertex with a key and no project (gemini §1)."""
_ROUTES = (
    ("POST", "/models/{model}", Operation.GENERATE),  # any other method of a model: refused when it is read, by its name
    ("POST", "/tunedModels/{model}", Operation.GENERATE),
    ("POST", "/models/{model}:generateContent", Operation.GENERATE),
    ("POST", "/models/{model}:streamGenerateContent", Operation.GENERATE),
    ("POST", "/models/{model}:countTokens", Operation.COUNT_TOKENS),
    ("GET", "/models", Operation.MODELS),
    ("GET", "/models/{model}", Operation.MODEL),
)


class Gemini(ServedLate):
    """Both halves (see ``Dialect``)."""

    id: str = ID
    framing: Framing = Framing.SSE_OR_JSON_ARRAY
    reply_prefix: str = ""
    marks: tuple[str, ...] = ("x-goog-api-key", "x-goog-api-client")
    routes: tuple[Route, ...] = (*(Route(how, base + path, what) for base in _BASES for how, path, what in _ROUTES),)

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        return decode_response(reply, context)

    def event_decoder(self, context: Context) -> EventDecoder:
        return GeminiEventDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        """One page of the models that the key may use; ``after`` is the token that ``decode_models`` gave."""
        query = (("pageSize", MODELS_PER_PAGE),) + ((("pageToken", after),) if after is not None else ())
        return WireRequest(method="GET", path="/models", query=query)

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = Gemini()

__all__ = ["DIALECT", "Gemini"]
