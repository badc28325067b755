"""An answer as the host knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from trunkline import Message, Response, Text, Usage


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass
class UsageInfo:
    """Tokens, and what they cost: USD, None where a price is not known."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated_cost: float | None = None

    def to_dict(self) -> dict[str, int]:
        """The three counts."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
        }


@dataclass
class LLMResponse:
    """A whole answer. ``response_time`` in seconds; ``created_at`` is UTC, without a zone; counts are 0 where the provider does
    not say."""

    content: str
    model: str
    provider: str
    usage: UsageInfo
    response_time: float
    request_id: str
    created_at: datetime = field(default_factory=_now)

    def to_legacy_format(self) -> dict[str, Any]:
        """As the host's older parts take it."""
        return {
            "content": self.content,
            "model": self.model,
            "usage": self.usage.__dict__,
            "response_time": self.response_time,
        }


_KEPT = "llm_response"


def to_llm_response(reply: Response, model: str = "") -> LLMResponse:
    """Theirs for ours; that of a provider of the host's own as it gave it. ``model``: what was asked for."""
    kept = reply.extra.get(_KEPT)
    if isinstance(kept, LLMResponse):
        return kept
    sent, said = reply.usage.input_tokens or 0, reply.usage.output_tokens or 0
    known = reply.reported_cost if reply.cost is None else reply.cost
    return LLMResponse(
        content=reply.text,
        model=reply.model or model,
        provider=reply.provider or "",
        usage=UsageInfo(sent, said, sent + said, None if known is None else float(known)),
        response_time=reply.latency or 0.0,
        request_id=reply.request_id or reply.id or uuid4().hex,
    )


def to_response(answer: LLMResponse | str) -> Response:
    """Ours for theirs, which it keeps."""
    if isinstance(answer, str):
        return Response(message=Message.assistant(answer), finish_reason="stop")
    usage = Usage(input_tokens=answer.usage.prompt_tokens, output_tokens=answer.usage.completion_tokens)
    return Response(
        message=Message.assistant(*((Text(answer.content),) if answer.content else ())),
        finish_reason="stop",
        usage=usage,
        model=answer.model,
        extra={_KEPT: answer},
    )
