"""The vendor's own request types as a strict judge of what we put on the wire."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from trunkline.dialects.dialect import Context, Encoded
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.message import Message
from trunkline.values.model import NO_QUIRKS, Quirks, Target
from trunkline.values.request import Request

MODEL = "gpt-test"


def target(quirks: Quirks = NO_QUIRKS, **facts: Any) -> Target:
    known = {"provider": "openai", "model": MODEL, "key": "k1"} | facts
    return Target(dialect="openai-chat", quirks=quirks, **known)


def context(aim: Target | None = None, **facts: Any) -> Context:
    aim = aim or target()
    return Context(target=aim, model=aim.model, **facts)


def encode(
    *messages: Message | str, aim: Target | Quirks | None = None, judged: bool = True, **fields: Any
) -> tuple[dict[str, Any], Encoded]:
    """The body that goes out, parsed (and found good by the vendor's types), and all the rest."""
    said = tuple(Message.user(message) if isinstance(message, str) else message for message in messages) or (Message.user("hi"),)
    aim = target(aim) if isinstance(aim, Quirks) else aim or target()
    encoded = DIALECT.encode_request(Request(model=MODEL, messages=said, **fields), aim)
    body = msgspec.json.decode(encoded.wire.body)
    if judged:
        judge(body)
    return body, encoded


def losses(encoded: Encoded) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in encoded.warnings]


@cache
def _adapter(stream: bool) -> TypeAdapter[Any]:
    return TypeAdapter(CompletionCreateParamsStreaming if stream else CompletionCreateParamsNonStreaming)


def judge(body: dict[str, Any]) -> None:
    """Raises unless the vendor's types hold every field of ``body``, strictly, and know each of them."""
    accepted = _whole(_adapter(bool(body.get("stream"))).validate_python(body, strict=True))
    assert accepted == body, f"the vendor's types read {accepted}"


def _whole(value: Any) -> Any:
    """``value`` with the lists that pydantic reads lazily read (and so judged)."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return [_whole(item) for item in value]
