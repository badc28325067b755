"""What the program says of itself when it is started and asked nothing: no call is paid for that."""

from __future__ import annotations

from typing import Any

from ...values.errors import AuthenticationError, MalformedResponseError
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import WireRequest
from .request import QUIET, WORDS, lines_of


def models_request() -> WireRequest:
    first = {"type": "control_request", "request_id": "trunkline", "request": {"subtype": "initialize", "hooks": None}}
    return WireRequest(argv=WORDS, body=lines_of([first]), env=QUIET)


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The names that ``--model`` takes. ``AuthenticationError`` where nobody is logged in."""
    for line in reply.body.split(b"\n"):
        answer = _answer(line)
        if answer is None:
            continue
        account = answer.get("account")
        if isinstance(account, dict) and not _logged_in(account):
            raise AuthenticationError("nobody is logged in", hint="run `claude` once and log in, or hand over api_key")
        models = answer.get("models")
        found = [model.get("value") for model in models if isinstance(model, dict)] if isinstance(models, list) else []
        return tuple(name for name in found if isinstance(name, str)), None
    raise MalformedResponseError("the program told nothing of itself")


def _logged_in(account: dict[str, Any]) -> bool:
    sources = [account.get(name) for name in ("tokenSource", "apiKeySource")]
    return any(source not in (None, "", "none") for source in sources) or account.get("apiProvider") not in (None, "firstParty")


def _answer(line: bytes) -> dict[str, Any] | None:
    try:
        said = loads(line)
        answer = said["response"]["response"] if said["type"] == "control_response" else None
    except (ValueError, KeyError, TypeError):
        return None
    return answer if isinstance(answer, dict) else None
