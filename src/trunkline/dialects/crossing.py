"""From one dialect to another: what only the first one knows is left behind, and a warning says so.

Within a dialect a request, a reply and its events carry that dialect's own words (unknown fields, headers, raw reasons, figures)
so that they can be said again. In another protocol those mean nothing, or something else. Provider state needs no care here: it
names its dialect, and encoders send it to no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ..values.events import Event, Finish, OpaqueEvent, UsageUpdate, Warned
from ..values.request import Request, Tool
from ..values.response import Alternative, FinishReason, Response, Usage, Warning

_CUT_OFF: dict[str, FinishReason] = {
    "length": "length", "max_tokens": "length", "max_output_tokens": "length", "model_context_window_exceeded": "length",
    "content_filter": "content_filter", "refusal": "content_filter",
    "MAX_TOKENS": "length", "ERROR_TOXIC": "content_filter", "ERROR": "error", "TIMEOUT": "error",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
    "SAFETY": "content_filter", "RECITATION": "content_filter", "LANGUAGE": "content_filter", "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter",
}  # fmt: skip
"""What the protocols say of a reply that was cut off. With calls in it our own word is ``tool_calls``: only this tells that the
last of them may not be whole."""


class Crossing:
    """The way from dialect ``origin`` to dialect ``goal``; between the same two there is nothing to do. ``warnings`` grows."""

    def __init__(self, origin: str, goal: str) -> None:
        self.origin: str = origin
        self.goal: str = goal
        self.warnings: list[Warning] = []

    def _left(self, field: str) -> None:
        warning = Warning("dropped", field, f"only {self.origin} knows it")
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _all(self, prefix: str, fields: Iterable[str]) -> None:
        for field in fields:
            self._left(f"{prefix}{field}")

    def request(self, request: Request) -> Request:
        """``request`` without fields, headers and query of the origin's own."""
        if self.origin == self.goal:
            return request
        self._all("", request.extra_body)
        self._all("headers.", request.extra_headers)
        self._all("query.", request.extra_query)
        return replace(request, extra_body={}, extra_headers={}, extra_query={}, tools=tuple(map(self._tool, request.tools)))

    def _tool(self, tool: Any) -> Any:
        if type(tool) is not Tool or not tool.extra:
            return tool
        self._all("tools.", tool.extra)
        return replace(tool, extra={})

    def response(self, response: Response) -> Response:
        """``response`` in our words only: its finish reason and usage no longer as the origin spelled them. One that was cut off
        in the midst of its calls is said to be so, for encoders to tell."""
        if self.origin == self.goal:
            return response
        self._all("", response.extra)
        return replace(
            response,
            finish_reason=_reason(response.finish_reason, response.raw_finish_reason),
            raw_finish_reason=None,
            usage=_ours(response.usage),
            extra={},
            alternatives=tuple(map(_alternative, response.alternatives)),
            raw=b"",
        )

    def events(self, events: Iterable[Event]) -> list[Event]:
        """``events`` likewise, with a ``Warned`` for what is left behind."""
        if self.origin == self.goal:
            return list(events)
        crossed: list[Event] = []
        for event in events:
            known = len(self.warnings)
            if type(event) is OpaqueEvent:
                self._left(event.kind)
            elif type(event) is Finish:
                self._all("", event.extra)
                crossed.append(replace(event, reason=_reason(event.reason, event.raw_reason), raw_reason=None, extra={}))
            elif type(event) is UsageUpdate:
                crossed.append(replace(event, usage=_ours(event.usage)))
            else:
                crossed.append(event)
            crossed += map(Warned, self.warnings[known:])
        return crossed


def _ours(usage: Usage) -> Usage:
    return replace(usage, raw={})


def _alternative(choice: Alternative) -> Alternative:
    return replace(choice, finish_reason=_reason(choice.finish_reason, choice.raw_finish_reason), raw_finish_reason=None)


def _reason(reason: FinishReason, raw: str | None) -> FinishReason:
    return _CUT_OFF.get(raw or "", reason) if reason == "tool_calls" else reason
