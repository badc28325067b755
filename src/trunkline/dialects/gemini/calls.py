"""Function calls of a reply: whole, or with arguments that come in pieces."""

from __future__ import annotations

import hashlib
from typing import Any

from ...values.events import Event, ToolCallDelta
from ...values.message import ToolCall
from ...wire.loose_json import loads
from ..dialect import Context
from .errors import malformed
from .grounding import objects
from .partial_args import PartialArgs
from .pieces import made_up_id
from .reply_parts import Fields, beside, encode, state_of

CUSTOM_INPUT = "input"
"""The one argument of the function that stands for a tool whose input is plain text."""


class Call:
    """One call. ``open``: more of its arguments is to come."""

    __slots__ = ("_args", "_beside", "_choice", "_context", "_custom", "_partial", "id", "name", "ordinal")

    def __init__(self, part: Fields, ordinal: int, choice: int, reply: str | None, context: Context) -> None:
        said = part["functionCall"]
        name, id = said.get("name"), said.get("id")
        known = name if isinstance(name, str) else ""
        self.ordinal: int = ordinal
        self.id: str = id if isinstance(id, str) and id else made_up_id(ordinal, reply_of(reply, choice, part))
        self.name: str = context.tool_names.get(known, known)
        self._custom = known in context.custom_tools
        self._args = "{}"
        self._beside: Fields = {}
        self._partial: PartialArgs | None = None
        self._choice, self._context = choice, context

    @property
    def open(self) -> bool:
        return self._partial is not None

    def begin(self) -> Event:
        return ToolCallDelta(self.ordinal, self.id, self.name, "", self._choice)

    def take(self, part: Fields, events: list[Event], path: str) -> None:
        """What the wire says of it: all, or one more piece."""
        said: Fields = part["functionCall"]
        self._beside.update(beside(part, "functionCall", "id", "name", "args", "partialArgs", "willContinue"))
        args, pieces, continues = said.get("args"), said.get("partialArgs"), said.get("willContinue") is True
        if self._partial is None and pieces is None and not continues:
            self._say(args, events, f"{path}.args")
            return
        self._partial = self._partial or PartialArgs()
        if isinstance(args, dict):
            self._partial.args.update(args)
        for n, piece in enumerate(objects(pieces)):
            if not self._partial.take(piece):
                raise malformed(f"{path}.partialArgs[{n}]", self._context)
        if not continues:
            self.close(events)

    def close(self, events: list[Event]) -> None:
        """There is no more of it."""
        if self._partial is not None:
            args, self._partial = self._partial.args, None
            self._say(args, events, "")

    def _say(self, args: Any, events: list[Event], path: str) -> None:
        if isinstance(args, str):  # some relays write text, as OpenAI does
            self._args = args
        elif isinstance(args, dict):
            self._args = encode(args).decode()
        elif args is not None:
            raise malformed(path, self._context)
        if self._custom:
            self._args = _plain_input(self._args)
        events.append(ToolCallDelta(self.ordinal, None, None, self._args, self._choice))

    def part(self) -> ToolCall:
        demanded = self._context.target.quirks.return_reasoning is True
        state = state_of(self._beside, self._context, must_return=demanded)
        return ToolCall(self.id, self.name, self._args, "custom" if self._custom else "function", state=state)


def reply_of(reply: str | None, choice: int, part: Fields) -> str:
    """What makes a made-up id this reply's own; where it has no id, what was said."""
    if reply is None:
        return hashlib.sha256(encode(part)).hexdigest()[:12]
    return f"{reply}_{choice}" if choice else reply


def _plain_input(arguments: str) -> str:
    """The text of a tool with plain input; where the model did not keep to the form, what it wrote."""
    try:
        value = loads(arguments.encode())
    except ValueError:
        return arguments
    inner = value.get(CUSTOM_INPUT) if isinstance(value, dict) else None
    return inner if isinstance(inner, str) else arguments
