"""A protocol so small that the edge alone is on trial: JSON in, lines of server-sent events out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from trunkline.dialects.dialect import (
    Context,
    Decoded,
    EncodedReply,
    EventEncoder,
    Framing,
    Operation,
    RateLimits,
    Route,
    Served,
    ServedModel,
    StreamGrammar,
)
from trunkline.values.errors import InvalidRequestError, ProviderError
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.message import Message
from trunkline.values.model import Target
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpReply, HttpRequest

JSON = ("content-type", "application/json")


class PlainEncoder:
    def __init__(self) -> None:
        self.warnings: list[Warning] = []

    def push(self, event: Event) -> bytes:
        if type(event).__name__ == "Start":
            self.warnings.append(Warning("dropped", "start", "has no word for it"))
            return b""
        return b"data: " + (event.text or "").encode() + b"\n\n"

    def finish(self) -> bytes:
        return b"data: [end]\n\n"

    def error(self, error: ProviderError) -> bytes:
        return f"data: [error {type(error).__name__} {error.message}]\n\n".encode()

    def ping(self) -> bytes:
        return b": ping\n\n"


class PlainHalf:
    """``POST root/say`` generates, ``POST root/count`` counts; lists of models stand where others have theirs, too."""

    framing = Framing.SSE

    def __init__(self, id: str = "plain", root: str = "/v1", marks: tuple[str, ...] = ()) -> None:
        self.id, self.marks, self.reply_prefix = id, marks, "plain-"
        self.routes = (
            Route("POST", f"{root}/say", Operation.GENERATE),
            Route("POST", f"{root}/count", Operation.COUNT_TOKENS),
            Route("GET", "/v1/models", Operation.MODELS),
            Route("GET", "/v1/models/{model}", Operation.MODEL),
        )

    def decode_request(self, http: HttpRequest) -> Decoded:
        try:
            said = json.loads(http.body)
            request = Request(messages=(Message.user(said["text"]),), model=said.get("model", "m"))
        except (ValueError, KeyError, TypeError):
            raise InvalidRequestError("no such request", status=400) from None
        return Decoded(request, (), self._about(said.get("model", "m"), stream=bool(said.get("stream"))))

    def context_of(self, http: HttpRequest) -> Context:
        return self._about("")

    def encode_response(self, response: Response, context: Context) -> EncodedReply:
        return EncodedReply(200, Headers([JSON]), json.dumps({"text": response.text, "ids": self._ids(context)}).encode())

    def event_encoder(self, context: Context) -> EventEncoder:
        return PlainEncoder()

    def stream_headers(self, context: Context) -> tuple[tuple[str, str], ...]:
        return (("content-type", "text/event-stream"), ("request-id", self._ids(context)[0] or ""))

    def encode_error(self, error: ProviderError, context: Context) -> HttpReply:
        body = {"by": self.id, "error": type(error).__name__, "message": error.message, "request_id": self._ids(context)[0]}
        return HttpReply(error.status or 502, Headers([JSON]), json.dumps(body).encode())

    def encode_token_count(self, tokens: int, context: Context) -> HttpReply:
        return HttpReply(200, Headers([JSON]), json.dumps({"tokens": tokens}).encode())

    def encode_models(self, models: Sequence[ServedModel], context: Context) -> HttpReply:
        return HttpReply(200, Headers([JSON]), json.dumps({"by": self.id, "models": [model.id for model in models]}).encode())

    def encode_model(self, model: ServedModel, context: Context) -> HttpReply:
        return HttpReply(200, Headers([JSON]), json.dumps({"by": self.id, "model": model.id}).encode())

    def limit_headers(self, limits: RateLimits) -> tuple[tuple[str, str], ...]:
        return ()

    def stream_grammar(self, *, strict: bool, context: Context | None = None) -> StreamGrammar:
        raise AssertionError("nobody asks")

    def _about(self, model: str, *, stream: bool = False) -> Context:
        return Context(target=Target(dialect=self.id, provider="", model=model), model=model, stream=stream, served=Served())

    @staticmethod
    def _ids(context: Context) -> list[Any]:
        served = context.served or Served()
        return [served.request_id, served.reply_id, served.created]
