"""What may stand in for a key: a function that gives tokens, a credential object, or a platform's own chain of credentials."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..engine.backend import declared_async
from ..engine.destination import Signer
from ..ports import IO
from ..providers.auth import Auth, Bearer, Chain, EntraToken, SigV4
from ..values.errors import AuthenticationError, TransportError, TrunklineError, UsageError
from ..values.expect import kind_of
from ..values.secret import Origin, Secret, mask_keys
from .keys import checked_key, checked_keys
from .trust import bare

if TYPE_CHECKING:
    from ..engine.credentials import Token

TokenFunction = Callable[[], Any]
"""Gives a token, or a token and its end (Unix seconds, or a datetime that knows its zone). One without an end is asked for with
every request; another is kept, and asked for anew before it ends. With ``AsyncClient`` it may be a coroutine function; a plain
one runs in a thread there."""


@runtime_checkable
class TokenCredential(Protocol):
    """A credential object as Azure's libraries have them, plain or asynchronous."""

    def get_token(self, *scopes: str) -> Any: ...


ApiKey = str | Secret | Sequence[str | Secret] | TokenFunction | TokenCredential
"""A key; several, used in turn; a ``TokenFunction``; a ``TokenCredential``."""
Given = tuple[Secret, ...] | TokenFunction | TokenCredential

ALLOWED = "text, a list of texts, a function that gives a token, or an object with get_token"


def sealed(value: object) -> ApiKey:
    """What was handed over as ``api_key``, its texts as ``Secret``: a traceback that shows local variables shows no key."""
    if isinstance(value, str):
        return Secret(value, Origin.ARGUMENT)
    if isinstance(value, Secret) or callable(value) or isinstance(value, TokenCredential):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(text, str | Secret) for text in value):
        return tuple(text if isinstance(text, Secret) else Secret(text, Origin.ARGUMENT) for text in value)
    kind = "empty" if isinstance(value, list | tuple) and not value else kind_of(value)
    del value
    raise UsageError("no key", field="api_key", got=kind, allowed=ALLOWED)


def given(value: object) -> Given:
    """``value`` as ``sealed`` has it, the keys checked."""
    if isinstance(value, Secret):
        value = (value,)
    if not isinstance(value, tuple):
        return sealed(value)  # type: ignore[return-value]  # neither text nor a list is left
    try:
        keys = checked_keys(value, "api_key", Origin.ARGUMENT) if len(value) > 1 else _only(value[0])
    except UsageError as error:
        raise bare(error) from None  # the frames below hold the text
    if not keys:
        got = "text" if any(key.reveal().strip() for key in value) else "empty text"
        raise UsageError("that is no key but a placeholder", field="api_key", got=got, allowed="the provider's key, or None")
    return keys


def _only(secret: Secret) -> tuple[Secret, ...]:
    key = checked_key(secret.reveal(), "api_key", secret.origin)
    return () if key is None else (key,)


def is_async(value: object) -> bool:
    """Whether it gives its tokens asynchronously."""
    return declared_async(getattr(value, "get_token", value))


def signer_of(source: TokenFunction | TokenCredential, chain: Chain | None, auth: Auth, provider: str) -> Signer:
    """What shows the tokens of a function or object to a provider of that ``chain``. ``UsageError`` where it takes no such
    object."""
    from ..engine.credentials import TokenSigner

    if not isinstance(source, TokenCredential):
        return TokenSigner(_fetching(source, "the function given as api_key"), auth, "a function", Origin.ARGUMENT)
    if not isinstance(chain, EntraToken):
        raise UsageError(
            f"{provider} takes no credential object", field="api_key", got=kind_of(source), allowed="a key or a function"
        )
    function = partial(source.get_token, chain.scope)
    return TokenSigner(_fetching(function, "the credential given as api_key"), Bearer(), "a credential object", Origin.ARGUMENT)


def chain_signer(chain: Chain, auth: Auth, region: str, proxies: Mapping[str, str]) -> Signer:
    """What shows the credentials of a platform's own chain. ``UsageError`` where its library is not installed."""
    from ..engine.credentials import SignatureSigner, TokenSigner
    from ..io import vendor

    vendor.require(chain.package, chain.extra)
    if isinstance(chain, SigV4):
        from ..io import aws

        return SignatureSigner(aws.AwsSigning(chain.service, region), aws.SOURCE)
    if isinstance(chain, EntraToken):
        from ..io import azure

        return TokenSigner(_blocking(azure.EntraTokens(chain.scope).fetch), auth, azure.SOURCE, Origin.USER)
    from ..io import google

    return TokenSigner(_blocking(google.GoogleTokens(chain.scopes, proxies).fetch), auth, google.SOURCE, Origin.USER)


def _blocking(fetch: Callable[[], tuple[str, float | None]]) -> Callable[[IO], Awaitable[Token]]:
    from ..engine.credentials import Token

    async def fetched(io: IO) -> Token:
        return Token(*await io.offload(fetch))

    return fetched


def _fetching(function: Callable[[], Any], who: str) -> Callable[[IO], Awaitable[Token]]:
    async def fetched(io: IO) -> Token:
        try:
            answer = function() if io.blocking or declared_async(function) else await io.offload(lambda: _called(function))
            if isinstance(answer, Awaitable):
                answer = await _awaited(io, answer, who)
        except TrunklineError:
            raise
        except Exception as error:
            kind = TransportError if isinstance(error, ConnectionError | TimeoutError) else AuthenticationError
            raise kind(f"{who} raised {type(error).__name__}", provider_message=mask_keys(str(error)) or None) from error
        return _token(answer, who)

    return fetched


def _called(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except StopIteration as error:  # asyncio cannot carry one from a thread, and would wait forever
        raise RuntimeError("raised StopIteration") from error


async def _awaited(io: IO, answer: Awaitable[Any], who: str) -> Any:
    if not io.blocking:
        return await answer
    close = getattr(answer, "close", None)
    if close is not None:
        close()  # a coroutine that nobody awaits is complained of
    raise UsageError(f"{who} is asynchronous", field="api_key", allowed="a plain function here; AsyncClient takes both")


def _token(answer: Any, who: str) -> Token:
    from ..engine.credentials import Token

    if isinstance(answer, str):
        return Token(answer)
    if isinstance(answer, Secret):
        return Token(answer.reveal())
    text, expires = (getattr(answer, "token", None), getattr(answer, "expires_on", None))
    if isinstance(answer, tuple) and len(answer) >= 2:
        text, expires = answer[:2]
    if isinstance(expires, datetime) and expires.tzinfo is not None:
        expires = expires.timestamp()
    if not isinstance(text, str) or isinstance(expires, bool) or not isinstance(expires, int | float | None):
        raise UsageError(
            f"{who} gave no token", field="api_key", got=kind_of(answer), allowed="a token, or (token, Unix seconds of its end)"
        )
    return Token(text, None if expires is None else float(expires))
