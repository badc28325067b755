"""A reply as it comes: one whole body, or the pieces of a stream, each a reply of its own with what is new (gemini §7, §8)."""

from __future__ import annotations

from typing import Any

from ...values.events import Event, Start, UsageUpdate
from ...values.message import Message
from ...values.response import Alternative, Response, Usage
from ..dialect import Context
from .errors import error_within, malformed
from .gathered import Gathered
from .reasons import BLOCK_NUMBERS, name_of
from .reply_parts import Fields
from .usage import count_of, tier_of, usage_of

_NAMED = ("candidates", "usageMetadata", "modelVersion", "responseId")
"""The fields of a reply that we name."""
_MARKS = frozenset({*_NAMED, "promptFeedback", "createTime", "modelStatus"})


class Reply:
    """``take`` reads a body and tells its events; then it is a ``response``, or the events that close it."""

    __slots__ = ("choices", "context", "extra", "head", "usage")

    def __init__(self, context: Context) -> None:
        self.context: Context = context
        self.choices: dict[int, Gathered] = {}
        self.head: dict[str, Any] = {}
        self.usage: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}

    def take(self, body: object, events: list[Event]) -> None:
        """Read one body. Raises the provider's error that stands in it, or ``MalformedResponseError``."""
        try:
            if isinstance(body, list):
                for item in body:
                    self._body(item, events)
            else:
                self._body(body, events)
        except (RecursionError, OverflowError, UnicodeError):
            raise malformed("$", self.context) from None

    def _body(self, body: object, events: list[Event]) -> None:
        if not isinstance(body, dict):
            raise malformed("$", self.context)
        if body.get("error") and not body.get("candidates"):
            raise error_within(body, self.context)
        if not _MARKS.intersection(body):
            raise malformed("$.candidates", self.context)
        self._head(body, events)
        self._candidates(body.get("candidates"), events)
        feedback = body.get("promptFeedback")
        if isinstance(feedback, dict) and (blocked := name_of(feedback.get("blockReason"), BLOCK_NUMBERS)):
            choice = self.choice(0)
            choice.raw_reason, choice.blocked = blocked, True
        for name, value in body.items():
            if name not in _NAMED and value is not None:
                self.extra[name] = value
        if isinstance(usage := body.get("usageMetadata"), dict) and usage:
            self.usage.update(usage)
            events.append(UsageUpdate(usage_of(dict(self.usage))))

    def _head(self, body: Fields, events: list[Event]) -> None:
        usage = body.get("usageMetadata")
        said = {
            "id": body.get("responseId"),
            "model": body.get("modelVersion"),
            "service_tier": tier_of(usage) if isinstance(usage, dict) else None,
        }
        fresh: dict[str, Any] = {
            name: value for name, value in said.items() if isinstance(value, str) and value and self.head.get(name) != value
        }
        if "created" not in self.head and (created := _seconds(body.get("createTime"))) is not None:
            fresh["created"] = created
        if fresh or not self.head:
            self.head.update(fresh)
            events.append(Start(**fresh))

    def _candidates(self, candidates: object, events: list[Event]) -> None:
        if candidates is not None and not isinstance(candidates, list):
            raise malformed("$.candidates", self.context)
        for n, candidate in enumerate(candidates or ()):
            if not isinstance(candidate, dict):
                raise malformed(f"$.candidates[{n}]", self.context)
            number = count_of(candidate.get("index"))
            self.choice(n if number is None else number).take(candidate, events, f"$.candidates[{n}]")

    def choice(self, number: int) -> Gathered:
        """The candidate of that number."""
        known = self.choices.get(number)
        if known is None:
            known = self.choices[number] = Gathered(number, self.context, self.head.get("id"))
        return known

    @property
    def finished(self) -> bool:
        """Whether every candidate that began has ended."""
        return bool(self.choices) and all(choice.raw_reason for choice in self.choices.values())

    def _ordered(self) -> list[Gathered]:
        return [self.choices[number] for number in sorted(self.choices)] or [self.choice(0)]

    def done(self) -> list[Event]:
        """The events that close it."""
        ordered = self._ordered()
        events: list[Event] = []
        for choice in ordered:
            events += choice.done({**self.extra, **choice.extra} if choice is ordered[0] else {})
        return events

    def response(self, request_id: str | None) -> Response:
        ordered = self._ordered()
        ignored: list[Event] = []
        for choice in ordered:
            choice.close(ignored)
        first = ordered[0]
        return Response(
            message=Message("assistant", first.parts()),
            finish_reason=first.reason(),
            raw_finish_reason=first.raw_reason,
            usage=usage_of(self.usage) if self.usage else Usage(),
            request_id=request_id,
            alternatives=tuple([_alternative(choice) for choice in ordered[1:]]),
            logprobs=tuple(first.logprobs),
            extra={**self.extra, **first.extra},
            **self.head,
        )


def _alternative(choice: Gathered) -> Alternative:
    return Alternative(
        index=choice.number,
        message=Message("assistant", choice.parts()),
        finish_reason=choice.reason(),
        raw_finish_reason=choice.raw_reason,
        logprobs=tuple(choice.logprobs),
    )


def _seconds(created: object) -> int | None:
    """Unix seconds of a time such as ``2026-08-19T14:35:11.123456Z``."""
    if not isinstance(created, str) or not created:
        return None
    from datetime import datetime  # few replies say when

    try:
        return int(datetime.fromisoformat(created).timestamp())
    except (ValueError, OverflowError, OSError):
        return None
