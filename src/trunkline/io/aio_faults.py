"""What aiohttp raises, as errors of ours."""

from __future__ import annotations

import aiohttp
from aiohttp import http_exceptions

from ..values.errors import GarbledReplyError, NameResolutionError, TransportError, TransportPhase, TruncatedBodyError, UsageError
from . import faults
from .head import garbled


def translated(error: Exception, where: str, phase: TransportPhase) -> Exception:
    """The error of ours for one of aiohttp's or the system's; anything else (a mistake of ours) as it is."""
    sent = phase != "connect"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NameResolutionError(f"the name of {where} could not be resolved ({error.os_error.strerror})", phase="connect")
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)):
        inner = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error.os_error
        return faults.of_tls(inner, where, "connect", False)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return faults.of_os(error.os_error, "the proxy", "connect", False)
    if isinstance(error, aiohttp.ClientConnectorError):
        return faults.of_os(error.os_error, where, "connect", False)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return faults.by_proxy("the proxy", where, error.status)
    if isinstance(error, aiohttp.InvalidURL):
        return UsageError("the address is not usable", field="url", allowed="http(s)://host[:port]/path")
    if isinstance(error, aiohttp.ClientPayloadError):
        return _of_payload(error, where)
    if isinstance(error, (aiohttp.ClientResponseError, http_exceptions.HttpProcessingError)):
        return garbled("its head or its framing cannot be read", in_body=phase == "body")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        if error.message is not None and not isinstance(error.message, str):
            return TransportError(f"{where} closed the connection in the middle of the head", phase="head", sent=True)
        return faults.no_reply(where, False)
    if isinstance(error, OSError):
        return faults.of_os(error, where, phase, sent)
    if isinstance(error, RuntimeError) and "attached to a different loop" in str(error):
        return UsageError(
            "is read in another event loop than the one that it was opened in", field="stream", allowed="the same loop"
        )
    if isinstance(error, aiohttp.ClientError) or (isinstance(error, RuntimeError) and "closed" in str(error)):
        return faults.ended(phase, sent)
    return error


def _of_payload(error: aiohttp.ClientPayloadError, where: str) -> TransportError:
    """Why a body could not be read to its end is known from the cause only."""
    cause: BaseException | None = error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, (http_exceptions.ContentEncodingError, aiohttp.ContentTypeError)):
            return GarbledReplyError("the reply is not HTTP: its content coding is broken", phase="body", sent=True)
        if isinstance(cause, (ConnectionResetError, BrokenPipeError)):
            return faults.of_os(cause, where, "body", True)
        cause = cause.__cause__
    return TruncatedBodyError("the reply was cut off before its end", phase="body", sent=True)
