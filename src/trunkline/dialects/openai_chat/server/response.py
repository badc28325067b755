"""A whole reply as this protocol writes it (openai-chat §7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....values.headers import Headers
from ....values.message import (
    Audio,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from ....values.response import Alternative, Response, TokenLogprob
from ...dialect import Context, EncodedReply
from ...losses import Losses
from ...openai_heads import json_headers
from ..parts import tag
from . import pieces
from .pieces import Wire
from .usage import write_usage

REPLY_ID = "chatcmpl-0"
"""What a reply is called that has no name of its own."""
REPLY_FIELDS = frozenset(
    {"choice", "message", "choices", "usage", "service_tier", "system_fingerprint", "obfuscation", "error", "object"}
)
"""What no extra of a reply stands for: our values say it, or it has a place of its own."""
MODEL = "unknown"
"""The model of a reply that names none, to a request that named none."""


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply, with warnings for what this protocol cannot say of it."""
    losses = Losses()
    extra = response.extra
    first = Alternative(
        index=0,
        message=response.message,
        finish_reason=response.finish_reason,
        raw_finish_reason=response.raw_finish_reason,
        logprobs=response.logprobs,
    )
    body: Wire = {**head(response, context), "object": "chat.completion"}
    body["choices"] = [_choice(choice, context, losses) for choice in (first, *response.alternatives)]
    lay_under(body["choices"][0], extra.get("choice"))
    lay_under(body["choices"][0]["message"], extra.get("message"))
    usage = write_usage(response.usage, response.reported_cost, context.target.quirks, losses)
    if usage is not None:
        body["usage"] = usage
    lay_under(body, {name: value for name, value in extra.items() if name not in REPLY_FIELDS})
    if response.stop_sequence is not None:
        losses.dropped("stop_sequence", "this protocol does not say which it was")
    request_id = response.request_id if context.served is None else context.served.request_id or response.request_id
    return EncodedReply(200, Headers(json_headers(request_id)), pieces.as_json(body, losses), tuple(losses.warnings))


def head(said: Any, context: Context) -> Wire:
    """What a reply and each chunk of a stream begin with. ``said`` (``Response``, ``Start``) has what the provider said of it."""
    served = context.served
    created = said.created
    if created is None:
        created = 0 if served is None or served.created is None else served.created
    head: Wire = {
        "id": said.id or (served and served.reply_id) or REPLY_ID,
        "object": "chat.completion.chunk",
        "created": created,
        "model": said.model or context.model or MODEL,
    }
    if said.service_tier is not None:
        head["service_tier"] = said.service_tier
    if said.system_fingerprint is not None:
        head["system_fingerprint"] = said.system_fingerprint
    return head


def lay_under(said: Wire, extra: object) -> None:
    """Fields that only this protocol knows, back where they stood; what is said already is not touched."""
    if isinstance(extra, dict):
        for name, value in extra.items():
            if said.get(name) is None and name != "error":
                said[name] = value


def _choice(choice: Alternative, context: Context, losses: Losses) -> Wire:
    message = choice.message
    tokens: Wire | None = None
    if choice.logprobs:
        tokens = _tokens(message, choice.logprobs)
    reason = pieces.wire_reason(
        choice.finish_reason,
        choice.raw_finish_reason,
        calls=bool(message.tool_calls),
        functions=pieces.wants_functions(context),
        losses=losses,
    )
    said = _Message(context, losses).write(message)
    return {"index": choice.index, "message": said, "logprobs": tokens, "finish_reason": reason}


def _tokens(message: Message, tokens: Sequence[TokenLogprob]) -> Wire:
    """Whose tokens they are our values do not tell: the refusal's where nothing else was said."""
    refused = message.refusal is not None and not message.text
    return pieces.logprobs((), tokens) if refused else pieces.logprobs(tokens, ())


class _Message:
    """Writes one message."""

    __slots__ = ("_content", "_context", "_length", "_losses", "_notes", "_said")

    def __init__(self, context: Context, losses: Losses) -> None:
        self._context, self._losses = context, losses
        self._said: Wire = {"role": "assistant", "content": None, "refusal": None}
        self._content: list[Any] = []  # texts, and objects with a type
        self._notes: list[Any] = []
        self._length = 0

    def write(self, message: Message) -> Wire:
        calls: list[ToolCall] = []
        for part in message.parts:
            if type(part) is ToolCall:
                calls.append(part)
            else:
                self._part(part)
        said = self._said
        if any(not isinstance(item, str) for item in self._content):
            said["content"] = [{"type": "text", "text": item} if isinstance(item, str) else item for item in self._content]
        elif self._content:
            said["content"] = "".join(self._content)
        if self._notes:
            pieces.lay(said, {"annotations": self._notes})
        if calls:
            self._calls(calls)
        return said

    def _part(self, part: Part) -> None:
        if type(part) is Text:
            self._text(part)
        elif type(part) is Reasoning:
            self._reasoning(part)
        elif type(part) is Refusal:
            self._said["refusal"] = (self._said["refusal"] or "") + part.text
        elif type(part) is Audio:
            self._said["audio"] = pieces.sound(part, self._losses)
        elif type(part) is Image:
            if (picture := pieces.image(part, self._losses)) is not None:
                pieces.lay(self._said, {"images": [picture]})
        elif type(part) is Opaque:
            self._opaque(part)
        else:
            self._losses.dropped(tag(part), "a reply of this protocol has no such part")

    def _text(self, part: Text) -> None:
        if part.state is not None:
            self._losses.dropped("text.state", "this protocol keeps no state there")
        start, self._length = self._length, self._length + len(part.text)
        if part.text:
            self._content.append(part.text)
        for citation in part.citations:
            if pieces.is_reference(citation):
                if "type" in (fields := pieces.message_fields(citation.state, "citations", self._losses)):
                    self._content.append(fields)
            elif (note := pieces.note(citation, start, self._length, self._losses)) is not None:
                self._notes.append(note)

    def _reasoning(self, part: Reasoning) -> None:
        fields = pieces.message_fields(part.state, "reasoning.state", self._losses)
        if "type" in fields:
            self._content.append(fields)
            return
        pieces.lay(self._said, fields)
        if part.text and not fields.keys() & {"reasoning", "reasoning_content"}:
            field = pieces.reasoning_field(self._context)
            self._said[field] = (self._said.get(field) or "") + part.text

    def _opaque(self, part: Opaque) -> None:
        fields = pieces.message_fields(part.state, part.kind, self._losses)
        if "type" in fields:
            self._content.append(fields)
        else:
            self._notes += fields.pop("annotations", [])
            lay_under(self._said, fields)

    def _calls(self, calls: list[ToolCall]) -> None:
        if not pieces.wants_functions(self._context):
            self._said["tool_calls"] = [pieces.call(call, self._losses) for call in calls]
            return
        self._said["function_call"] = {"name": calls[0].name, "arguments": calls[0].raw_arguments}
        if len(calls) > 1:
            self._losses.dropped("tool_call", "whoever asks with functions is told one call")
