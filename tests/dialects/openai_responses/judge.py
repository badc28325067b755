"""The vendor's own request types as a strict judge of what we put on the wire."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from trunkline.dialects.dialect import Context, Encoded
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.message import Message
from trunkline.values.model import NO_QUIRKS, Quirks, Target
from trunkline.values.request import Request

MODEL = "gpt-test"


def target(quirks: Quirks = NO_QUIRKS, **facts: Any) -> Target:
    known = {"provider": "openai", "model": MODEL, "key": "k1"} | facts
    return Target(dialect="openai-responses", quirks=quirks, **known)


def context(aim: Target | None = None, **facts: Any) -> Context:
    aim = aim or target()
    return Context(target=aim, model=aim.model, **facts)


def encode(
    *messages: Message | str, aim: Target | None = None, judged: bool = True, **fields: Any
) -> tuple[dict[str, Any], Encoded]:
    """The body that goes out, parsed (and found good by the vendor's types), and all the rest."""
    said = tuple(Message.user(message) if isinstance(message, str) else message for message in messages) or (Message.user("hi"),)
    encoded = DIALECT.encode_request(Request(model=MODEL, messages=said, **fields), aim or target())
    body = msgspec.json.decode(encoded.wire.body)
    if judged:
        judge(body)
    return body, encoded


def losses(encoded: Encoded) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in encoded.warnings]


@cache
def _adapter(stream: bool) -> TypeAdapter[Any]:
    return TypeAdapter(ResponseCreateParamsStreaming if stream else ResponseCreateParamsNonStreaming)


def judge(body: dict[str, Any]) -> None:
    """Raises unless the vendor's types hold every field of ``body``, strictly, and know each of them.

    Two things they demand and the service does not (recorded requests): ids and status of items that a reply did not give, and
    sound, which they have no place for in a message.
    """
    items = [_with_id(item) for item in body["input"]]
    heard = [item for item in items if not _sounds(item)]
    body = {**body, "input": heard}
    accepted = _whole(_adapter(bool(body.get("stream"))).validate_python(body, strict=True))
    assert accepted == body, f"unknown to the vendor's types: {_unknown(body, accepted)}"


def _with_id(item: dict[str, Any]) -> dict[str, Any]:
    said = item.get("type") == "message" and item["role"] == "assistant"
    return {"id": "msg_1", "status": "completed"} | item if said else item


def _sounds(item: dict[str, Any]) -> bool:
    content = item.get("content")
    return isinstance(content, list) and any(part["type"] == "input_audio" for part in content)


def _whole(value: Any) -> Any:
    """``value`` with the lists that pydantic reads lazily read (and so judged)."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return [_whole(item) for item in value]


def _unknown(body: Any, accepted: Any, path: str = "$") -> list[str]:
    if isinstance(body, dict) and isinstance(accepted, dict):
        return [f"{path}.{name}" for name in body if name not in accepted] + [
            found for name in body if name in accepted for found in _unknown(body[name], accepted[name], f"{path}.{name}")
        ]
    if isinstance(body, list) and isinstance(accepted, list):
        return [found for n, (a, b) in enumerate(zip(body, accepted, strict=False)) for found in _unknown(a, b, f"{path}[{n}]")]
    return []
