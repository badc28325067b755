"""The methods of a server half, whose modules are imported when a server first asks: a client pays nothing for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from ..values.errors import ProviderError
from ..values.response import Response
from ..wire.http import HttpReply, HttpRequest
from .dialect import Context, Decoded, EncodedReply, EventEncoder, RateLimits, ServedModel, StreamGrammar

Pairs = tuple[tuple[str, str], ...]


class _Server(Protocol):
    """What the package ``server`` of a dialect has."""

    decode_request: Callable[[HttpRequest], Decoded]
    context_of: Callable[[HttpRequest], Context]
    encode_response: Callable[[Response, Context], EncodedReply]
    event_encoder: Callable[[Context], EventEncoder]
    stream_headers: Callable[[Context], Pairs]
    encode_error: Callable[[ProviderError, Context], HttpReply]
    encode_token_count: Callable[[int, Context], HttpReply]
    encode_models: Callable[[Sequence[ServedModel], Context], HttpReply]
    encode_model: Callable[[ServedModel, Context], HttpReply]
    limit_headers: Callable[[RateLimits], Pairs]


class _Grammars(Protocol):
    """What the module ``grammar`` of a dialect has."""

    def Grammar(self, *, strict: bool, context: Context | None) -> StreamGrammar: ...  # noqa: N802 - a class


@cache
def _server(package: str) -> _Server:
    return cast(_Server, import_module(f"{package}.server"))


class ServedLate:
    """A base of the class that is a dialect, defined in its package: see ``ServerHalf`` for what each method gives."""

    def decode_request(self, http: HttpRequest) -> Decoded:
        return _server(self.__module__).decode_request(http)

    def context_of(self, http: HttpRequest) -> Context:
        return _server(self.__module__).context_of(http)

    def encode_response(self, response: Response, context: Context) -> EncodedReply:
        return _server(self.__module__).encode_response(response, context)

    def event_encoder(self, context: Context) -> EventEncoder:
        return _server(self.__module__).event_encoder(context)

    def stream_headers(self, context: Context) -> Pairs:
        return _server(self.__module__).stream_headers(context)

    def encode_error(self, error: ProviderError, context: Context) -> HttpReply:
        return _server(self.__module__).encode_error(error, context)

    def encode_token_count(self, tokens: int, context: Context) -> HttpReply:
        return _server(self.__module__).encode_token_count(tokens, context)

    def encode_models(self, models: Sequence[ServedModel], context: Context) -> HttpReply:
        return _server(self.__module__).encode_models(models, context)

    def encode_model(self, model: ServedModel, context: Context) -> HttpReply:
        return _server(self.__module__).encode_model(model, context)

    def limit_headers(self, limits: RateLimits) -> Pairs:
        return _server(self.__module__).limit_headers(limits)

    def stream_grammar(self, *, strict: bool, context: Context | None = None) -> StreamGrammar:
        return cast(_Grammars, import_module(f"{self.__module__}.grammar")).Grammar(strict=strict, context=context)
