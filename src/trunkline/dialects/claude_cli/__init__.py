"""The dialect ``claude-cli``: the program ``claude`` as a model and nothing else, over its stream-json (claude-cli).

What it carries are events of ``anthropic-messages``, so it may use that dialect's modules. It is asked only; nobody serves it.
"""

from __future__ import annotations

from ...values.errors import ProviderError
from ...values.fold import fold
from ...values.model import Target
from ...values.request import Request
from ...values.response import Response
from ...wire.http import HttpReply
from ..dialect import Context, Encoded, EventDecoder, Framing, WireRequest
from ..framings import frame_decoder
from .errors import decode_error
from .listing import decode_models, models_request
from .request import ID, encode_request
from .stream import ClaudeEventDecoder


class ClaudeCli:
    """The half that asks (see ``ClientHalf``)."""

    id: str = ID
    framing: Framing = Framing.JSON_LINES

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return encode_request(request, target)

    def decode_response(self, reply: HttpReply, context: Context) -> Response:
        """The reply that the program's whole output tells."""
        frames, decoder = frame_decoder(self.framing), ClaudeEventDecoder(context)
        events = decoder.feed(frames.feed(reply.body) + frames.finish()) + decoder.finish()
        if decoder.error is not None:
            raise decoder.error
        return fold(events)

    def event_decoder(self, context: Context) -> EventDecoder:
        return ClaudeEventDecoder(context)

    def decode_error(self, reply: HttpReply, context: Context) -> ProviderError:
        return decode_error(reply, context)

    def models_request(self, after: str | None = None) -> WireRequest:
        return models_request()

    def decode_models(self, reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
        return decode_models(reply)


DIALECT = ClaudeCli()

__all__ = ["DIALECT", "ClaudeCli"]
