"""Messages as this protocol writes them: one text each, pictures beside it (local-servers §3)."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, LocalFile
from ...values.message import Image, Message, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from ...values.model import Target
from ...wire.loose_json import loads
from ..losses import Losses
from .pieces import CUSTOM_INPUT

Wire = dict[str, Any]
_NO_TOOLS = "this model takes no tools: earlier calls and their answers are told as text"


class MessageWriter:
    """Writes the messages of one request, and notes what is lost."""

    __slots__ = ("_losses", "_quirks", "_target", "_tools")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._target, self._losses, self._quirks = target, losses, target.quirks
        self._tools: dict[str, str] = {}  # which tool each call was of: its answer names it

    def write(self, messages: Sequence[Message]) -> list[Wire]:
        """All of them, in the wire's order: answers of tools each in a message of its own. What is lost whole is left out."""
        wire: list[Wire] = []
        for message in messages:
            if message.name is not None:
                self._losses.dropped("messages.name", "nobody has a name here")
            if message.role == "assistant":
                wire.append(self._assistant(message.parts))
                continue
            rest: list[Part] = []
            for part in message.parts:
                if type(part) is ToolResult:
                    wire.append(self._result(part))
                else:
                    rest.append(part)
            if rest or not message.parts:
                said = self._said("user" if message.role == "tool" else message.role, rest)
                if not rest or said["content"] or "images" in said or any(type(part) is Text for part in rest):
                    wire.append(said)
        return wire or [{"role": "user", "content": ""} for _ in messages[:1]]  # no message at all would only load the model

    def _said(self, role: str, parts: Sequence[Part]) -> Wire:
        """A message of text and pictures."""
        texts: list[str] = []
        images: list[str] = []
        for part in parts:
            if type(part) is Text:
                self._plain(part)
                if part.text:
                    texts.append(part.text)
            elif type(part) is Image:
                if (picture := self._image(part)) is not None:
                    images.append(picture)
            else:
                self._lost(part, "a message is text and pictures here")
        if len(texts) > 1:
            field = "messages.tool_result" if role == "tool" else "messages.text"
            self._losses.approximated(field, "a message is one text here: its texts stand a blank line apart")
        said: Wire = {"role": role, "content": "\n\n".join(texts)}
        if images:
            said["images"] = images
        return said

    def _plain(self, part: Text | Image) -> None:
        """What text and pictures may bear besides."""
        if part.cache is not None:
            self._losses.dropped("cache", "prompts are cached without being asked here")
        if part.state is not None:
            self._losses.dropped(f"messages.{_tag(part)}.state", "this protocol keeps no state")

    def _image(self, part: Image) -> str | None:
        self._plain(part)
        if part.detail not in (None, "auto"):
            self._losses.dropped("messages.image.detail", "pictures have no detail here")
        source = part.source
        if isinstance(source, LocalFile):
            raise UsageError("a local file is read before it is encoded", field="image", got="LocalFile", allowed="Data")
        if self._quirks.no_images or not isinstance(source, Data):
            self._lost(part, "this model takes no pictures" if self._quirks.no_images else "pictures go as bytes only here")
            return None
        return binascii.b2a_base64(source.data, newline=False).decode("ascii")

    def _lost(self, part: Part, reason: str) -> None:
        self._losses.dropped(f"messages.{_tag(part)}", reason)

    # --- assistant ----------------------------------------------------------------------------------------------------

    def _assistant(self, parts: Sequence[Part]) -> Wire:
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[Wire] = []
        for part in parts:
            if type(part) is Text:
                self._plain(part)
                if part.citations:
                    self._losses.dropped("messages.citations", "this protocol has no citations")
                texts.append(part.text)
            elif type(part) is Refusal:
                self._losses.approximated("messages.refusal", "a refusal is text like any other here")
                texts.append(part.text)
            elif type(part) is Reasoning:
                self._reasoning(part, thoughts)
            elif type(part) is ToolCall:
                self._call(part, texts, calls)
            else:
                self._lost(part, "an assistant's message is text, thought and calls here")
        said: Wire = {"role": "assistant", "content": "".join(texts)}
        if thoughts:
            said["thinking"] = "".join(thoughts)
        if calls:
            said["tool_calls"] = calls
        return said

    def _reasoning(self, part: Reasoning, thoughts: list[str]) -> None:
        """Thought goes back as text: the model's template keeps what it wants of it."""
        if part.state is not None:
            self._losses.dropped("messages.reasoning.state", "this protocol keeps no state")
        elif not part.text:
            self._lost(part, "reasoning that is not shown cannot be said here")
        if part.text:
            thoughts.append(part.text)

    def _call(self, call: ToolCall, texts: list[str], calls: list[Wire]) -> None:
        if call.cache is not None:
            self._losses.dropped("cache", "prompts are cached without being asked here")
        if call.state is not None:
            self._losses.dropped("messages.tool_call.state", "this protocol keeps no state")
        if self._quirks.no_tools:
            self._losses.approximated("messages.tool_call", _NO_TOOLS)
            texts.append(f"(Tool call {call.id}: {call.name} {call.raw_arguments or '{}'})")
            return
        self._tools[call.id] = call.name
        function = {"name": call.name, "arguments": self._arguments(call)}
        calls.append({"id": call.id, "function": function} if call.id else {"function": function})

    def _arguments(self, call: ToolCall) -> Any:
        """An object: what is none stands in one."""
        if call.kind == "custom":
            return {CUSTOM_INPUT: call.raw_arguments}
        raw = call.raw_arguments.encode("utf-8", "surrogatepass")
        try:
            parsed = loads(raw) if raw.strip() else {}
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            return msgspec.Raw(raw.strip()) if _is_strict(raw) else parsed
        self._losses.approximated(
            "messages.tool_call.arguments", f"arguments are an object here: they stand in one, as {CUSTOM_INPUT}"
        )
        return {CUSTOM_INPUT: call.raw_arguments}

    # --- answers of tools ---------------------------------------------------------------------------------------------

    def _result(self, result: ToolResult) -> Wire:
        if result.is_error:
            self._losses.approximated("messages.tool_result.is_error", "that it failed is said by its text only")
        if result.cache is not None:
            self._losses.dropped("cache", "prompts are cached without being asked here")
        if result.state is not None:
            self._losses.dropped("messages.tool_result.state", "this protocol keeps no state")
        said = self._said("tool", result.parts)
        if self._quirks.no_tools:
            self._losses.approximated("messages.tool_call", _NO_TOOLS)
            return {**said, "role": "user", "content": f"(Answer to tool call {result.tool_call_id}:)\n{said['content']}"}
        if name := result.name or self._tools.get(result.tool_call_id):
            said["tool_name"] = name
        if result.tool_call_id:
            said["tool_call_id"] = result.tool_call_id
        return said


def _is_strict(raw: bytes) -> bool:
    """Whether it is JSON to the letter, and so may go as it is."""
    try:
        msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return False
    return bool(raw.strip())


def _tag(part: Part) -> str:
    return part.kind if isinstance(part, Opaque) else str(type(part).__struct_config__.tag)
