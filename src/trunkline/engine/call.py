"""One call: what is asked, of whom, within which limits, and who wants to hear of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..policy.hedge import Hedge
from ..policy.retry import RetryPolicy
from ..policy.turns import TurnMemory
from ..ports import INFINITY, Observer
from ..values.errors import ProviderError, StreamInterruptedError, UsageError
from ..values.events import Event
from ..values.headers import Headers
from ..values.message import Part
from ..values.request import Request
from ..values.response import Response, Warning
from ..values.secret import Secret
from .destination import Destination, Planned

if TYPE_CHECKING:
    from .media_step import MediaStep


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and how often: the table of defaults (``docs/defaults.md``). None switches a deadline off.

    ``connect`` until the connection stands, ``connect_with_fallback`` the same while another target remains;
    ``first_byte`` until the reply begins; ``first_token`` until a stream has said something; ``idle`` between two reads
    (keep-alive comments count as life); ``total`` the whole call, retries included. ``slowest``: tokens a second that a stream
    brings at least, on average from its first one on. ``max_line``: bytes of one line of a stream, and of a whole reply.
    """

    connect: float | None = 5.0
    connect_with_fallback: float | None = 1.5
    first_byte: float | None = None
    first_token: float | None = None
    slowest: float | None = None
    idle: float | None = 120.0
    total: float | None = 600.0
    retry: RetryPolicy = RetryPolicy()
    max_line: int = 64 * 1024 * 1024


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the user's own. ``before`` and ``after`` may return a replacement; None leaves things as they are.

    ``on_error`` hears of the error that the call ends with, ``on_event`` of every stream event before it is handed out.
    """

    before: Callable[[Request], Request | Awaitable[Request | None] | None] | None = None
    after: Callable[[Response], Response | Awaitable[Response | None] | None] | None = None
    on_error: Callable[[BaseException], Awaitable[None] | None] | None = None
    on_event: Callable[[Event], Awaitable[None] | None] | None = None


NO_HOOKS = Hooks()


FetchUrls = bool | Literal["private"]
"""Whether media are fetched for targets that do not; ``private``: in networks of one's own, and by plain ``http:``, too."""

LastResort = str | Response | Callable[[Request, ProviderError], Any]
"""What is answered when no target does: a text, a response, or a function that gives one (None: there is none), or a coroutine
of it."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """``plan``: the targets, in order. ``parse`` turns the reply's text into the structured output that was asked for;
    ``corrections``: so often a model is told what is wrong with it.

    ``strict``: what a target cannot express is an error instead of a warning. ``errors="quiet"`` keeps the provider's words
    out of errors. ``memory`` puts back turns that the messages lack, and hears of the reply's; ``warnings``: what was lost by
    that. ``hedge``: a second target may be asked beside the first. ``carries_on``: a stream that breaks off is carried on by
    another target. ``last_resort``: what is answered when nobody does. ``fetch_urls``: whether media that a target takes as
    bytes only are fetched by their address; ``media``: how far that is. ``until``: the moment on ``IO.now()``'s clock at which it
    ends at the latest, where it is part of something longer.
    """

    request: Request
    plan: tuple[Planned, ...]
    limits: Limits = Limits()
    hooks: Hooks = NO_HOOKS
    observers: tuple[Observer, ...] = ()
    parse: Callable[[str], Any] | None = None
    corrections: int = 0
    strict: bool = False
    errors: Literal["full", "quiet"] = "full"
    memory: TurnMemory | None = None
    warnings: tuple[Warning, ...] = ()
    hedge: Hedge | None = None
    carries_on: bool = False
    last_resort: LastResort | None = None
    fetch_urls: FetchUrls = True
    media: MediaStep | None = None
    until: float = INFINITY
    plain: bool = False
    """It is known that its messages hold no media: nobody looks, and a long conversation costs no more than a short one."""

    def __repr__(self) -> str:
        return f"Call({self.plan!r})"


_SAID = Request(model="", messages=())


def said(call: Call) -> Call:
    """``call`` once its request has been said and will not be said again: without its messages, which may be long."""
    tier = call.request.service_tier
    request = _SAID if tier is None else msgspec.structs.replace(_SAID, service_tier=tier)
    return msgspec.structs.replace(call, request=request, media=None)


def seconds(value: float | None) -> float:
    return INFINITY if value is None else value


def refuse_losses(call: Call, warnings: tuple[Any, ...]) -> None:
    """Raises when ``strict`` forbids what ``warnings`` tell."""
    if call.strict and warnings:
        raise UsageError("; ".join(str(w) for w in warnings) + " (strict=True)", field=warnings[0].field)


def without_key(response: Response, destination: Destination) -> Response:
    """``response`` without our key, should the provider have quoted it in a head or in the text."""
    secret = destination.secret
    if secret is None:
        return response
    pairs = tuple((name, secret.mask(value)) for name, value in response.headers.pairs)
    parts = tuple(_masked(part, secret) for part in response.message.parts)
    message = msgspec.structs.replace(response.message, parts=parts)
    facts = {name: secret.mask(value) for name in ("id", "model", "request_id") if (value := getattr(response, name)) is not None}
    return msgspec.structs.replace(response, headers=Headers(pairs), message=message, **facts)


def _masked(part: Part, secret: Secret) -> Part:
    texts = {name: secret.mask(value) for name in part.__struct_fields__ if isinstance(value := getattr(part, name), str)}
    return msgspec.structs.replace(part, **texts)


def dress(error: ProviderError, destination: Destination, call: Call) -> None:
    """Says on ``error`` whom it came from, takes our key out of it, and the provider's words where they are not wanted."""
    error.provider = error.provider or destination.provider
    error.model = error.model or destination.model or None
    if call.errors == "quiet":
        error.provider_message = None
    secret = destination.secret
    if secret is not None:
        facts = vars(error)
        for name, value in facts.items():
            if isinstance(value, str):
                facts[name] = secret.mask(value)
        error.args = tuple(secret.mask(a) if isinstance(a, str) else a for a in error.args)
        if isinstance(error, StreamInterruptedError) and error.partial is not None:
            error.partial = without_key(error.partial, destination)
