"""The body of a whole reply turned into that of a faulty provider."""

from __future__ import annotations

from typing import Any

import msgspec

from ..values.headers import Headers
from ..wire.http import HttpReply
from .quirks import Quirk
from .stray_chunks import with_unknown


def stray_reply(reply: HttpReply, quirks: tuple[Quirk, ...]) -> HttpReply:
    """What a provider with ``quirks`` sends in place of ``reply``."""
    body = reply.body
    if quirks and body.startswith(b"{"):
        value = msgspec.json.decode(body)
        before = msgspec.json.encode(value)
        for quirk in quirks:
            _turn(value, quirk)
        after = msgspec.json.encode(value)
        body = body if after == before else after
    if "leading_blanks" in quirks:
        body = b"\n   \n\n" + body
    status = 200 if "error_in_200" in quirks and reply.status >= 400 else reply.status
    kept = tuple(pair for pair in reply.headers.pairs if pair[0].lower() != "content-length")
    return HttpReply(status, Headers(kept), body)


def _turn(value: dict[str, Any], quirk: Quirk) -> None:
    if quirk == "no_usage":
        value.pop("usage", None)
    elif quirk == "unknown_fields":
        with_unknown(value)
    elif quirk in ("empty_call_ids", "reasoning_field", "stop_beside_calls"):
        for choice in value.get("choices") or ():
            _turn_choice(choice, quirk)


def _turn_choice(choice: dict[str, Any], quirk: Quirk) -> None:
    message = choice["message"]
    if quirk == "reasoning_field" and "reasoning_content" in message:
        message["reasoning"] = message.pop("reasoning_content")
    if quirk == "empty_call_ids":
        for call in message.get("tool_calls") or ():
            call["id"] = ""
    if quirk == "stop_beside_calls" and choice.get("finish_reason") == "tool_calls":
        choice["finish_reason"] = "stop"
