"""Messages as callers write them, in every spelling that this protocol ever had."""

from __future__ import annotations

from typing import Any

from ....values.message import (
    Audio,
    Citation,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ...losses import Losses
from ...openai_fields import Json, filled, items, mapping, only, optional_text, refuse, text, wrong
from ..pieces import arguments_text, url_citation
from .parts import PartReader, opaque, read_source, unbound

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_KNOWN = frozenset({"role", "content", "name"})
_OF_ASSISTANTS = frozenset({
    "role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "annotations",
    "parsed",  # what the vendor's SDK made of the text: it says nothing new
})  # fmt: skip
_CALL = frozenset({"id", "type", "function", "custom", "index"})


class MessageReader:
    """Reads the messages of one request. ``functions`` is True once one used the words of before there were tools."""

    __slots__ = ("_losses", "_parts", "_pending", "functions")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._parts = PartReader(losses)
        self._pending: dict[str, str] = {}
        self.functions: bool = False

    def read(self, value: object) -> tuple[Message, ...]:
        """All of them."""
        return tuple([self._message(item, n) for n, item in enumerate(items(value, "messages"))])

    def _message(self, item: object, n: int) -> Message:
        at = f"messages[{n}]"
        fields = mapping(item, at)
        said, content = fields.get("role"), fields.get("content")
        role = _ROLES.get(said) if isinstance(said, str) else None
        if role is not None and len(fields) == 2 and type(content) is str and content:
            return Message(role, (Text(content),))
        name = optional_text(fields, "name", at)
        if role == "assistant":
            return Message("assistant", tuple(self._assistant(fields, at, n)), name)
        if role is not None:
            if content is None:
                wrong(f"{at}.content", content, "text or a list of parts")
            self._unknown(fields, role, _KNOWN)
            return Message(role, tuple(self._parts.parts(content, f"{at}.content")), name)
        if said in ("tool", "function"):
            return self._result(fields, at, name)
        if isinstance(said, str):
            refuse(f"{at}.role", "expected system, developer, user, assistant, tool or function")
        return wrong(f"{at}.role", said, "text")

    def _unknown(self, fields: Json, role: str, known: frozenset[str]) -> None:
        only(fields, known, f"messages.{role}", self._losses)

    # --- assistant ----------------------------------------------------------------------------------------------------

    def _assistant(self, fields: Json, at: str, n: int) -> list[Part]:
        parts: list[Part] = []
        told = self._reasoning(fields, parts)
        if (content := fields.get("content")) not in (None, ""):
            parts += self._parts.parts(content, f"{at}.content", assistant=True)
        if refusal := optional_text(fields, "refusal", at):
            parts.append(Refusal(refusal))
        if (audio := fields.get("audio")) is not None:
            parts.append(self._spoken(mapping(audio, f"{at}.audio"), at))
        if notes := fields.get("annotations"):
            self._annotations(items(notes, f"{at}.annotations"), parts)
        for name, value in fields.items():
            if name not in _OF_ASSISTANTS and name not in told and value is not None:
                parts.append(opaque(name, {name: value}))
        for k, call in enumerate(items(fields.get("tool_calls") or [], f"{at}.tool_calls")):
            parts.append(self._call(mapping(call, f"{at}.tool_calls[{k}]"), f"{at}.tool_calls[{k}]"))
        if (call := fields.get("function_call")) is not None:
            parts.append(self._function_call(mapping(call, f"{at}.function_call"), f"{at}.function_call", n))
        return parts

    def _reasoning(self, fields: Json, parts: list[Part]) -> frozenset[str]:
        """What the assistant thought, under any of the names in use (two at once say the same), and its sealed form. Gives the
        names that were understood."""
        content, plain, details = fields.get("reasoning_content"), fields.get("reasoning"), fields.get("reasoning_details")
        told = set()
        words = ""
        for name, value in (("reasoning_content", content), ("reasoning", plain)):
            if isinstance(value, str):
                told.add(name)
                if words and value and value != words:
                    self._losses.dropped(f"messages.{name}", "another field has other reasoning")
                words = words or value
        state: Json = {}
        sealed = False
        if isinstance(details, list) and all(isinstance(item, dict) for item in details):
            told.add("reasoning_details")
            if details:
                state["reasoning_details"] = details
                sealed = any(item.get("signature") or item.get("data") for item in details)
                texts = [item.get("text") or item.get("summary") for item in details]
                words = words or "".join([piece for piece in texts if isinstance(piece, str)])
        if fields.get("reasoning_encrypted") is not None:
            told.add("reasoning_encrypted")
            state["reasoning_encrypted"] = fields["reasoning_encrypted"]
        if words or state:
            parts.append(Reasoning(words, not words, unbound(state, must_return=sealed) if state else None))
        return frozenset(told)

    def _spoken(self, audio: Json, at: str) -> Audio:
        """An earlier reply's speech: its ``id`` is what counts; the rest is what the reply said beside it."""
        data, expires = optional_text(audio, "data", f"{at}.audio"), audio.get("expires_at")
        source = read_source(f"data:application/octet-stream;base64,{data}") if data else None
        self._parts.only(audio, ("id", "data", "transcript", "expires_at"), "messages.audio")
        return Audio(
            source,
            optional_text(audio, "transcript", f"{at}.audio"),
            filled(audio.get("id"), f"{at}.audio.id"),
            expires if type(expires) is int else None,
        )

    def _annotations(self, notes: list[Any], parts: list[Part]) -> None:
        """Citations go to the last text; other notes, and those of a message without text, are kept as they are."""
        last = max((n for n, part in enumerate(parts) if type(part) is Text), default=None)
        citations: list[Citation] = []
        others: list[Any] = []
        for note in notes:
            if last is not None and isinstance(note, dict) and (note.get("type") == "url_citation" or "url" in note):
                citations.append(url_citation(note))
            else:
                others.append(note)
        if last is not None and citations:
            said = parts[last]
            assert type(said) is Text
            parts[last] = Text(said.text, tuple(citations), said.cache)
        if others:
            parts.append(opaque("annotations", {"annotations": others}))

    def _call(self, call: Json, at: str) -> ToolCall:
        custom = call.get("type") == "custom" or (call.get("type") is None and isinstance(call.get("custom"), dict))
        kind = "custom" if custom else "function"
        said = mapping(call.get(kind), f"{at}.{kind}")
        call_id, name = filled(call.get("id"), f"{at}.id"), filled(said.get("name"), f"{at}.{kind}.name")
        own = {field: value for field, value in call.items() if field not in _CALL and value is not None}
        state = unbound(own, must_return=True) if own else None
        if custom:
            self._parts.only(said, ("name", "input"), "messages.tool_call")
            return ToolCall(call_id, name, text(said.get("input"), f"{at}.custom.input"), "custom", state=state)
        self._parts.only(said, ("name", "arguments", "parsed_arguments"), "messages.tool_call")
        arguments = said.get("arguments")
        return ToolCall(call_id, name, "{}" if arguments is None else arguments_text(arguments), state=state)

    def _function_call(self, call: Json, at: str, n: int) -> ToolCall:
        """The one call of a message of before there were tools; it has no id, so that one is made of its place."""
        self.functions = True
        name = filled(call.get("name"), f"{at}.name")
        self._parts.only(call, ("name", "arguments"), "messages.function_call")
        self._pending[name] = f"call_{n}_{name}"
        arguments = call.get("arguments")
        return ToolCall(self._pending[name], name, "{}" if arguments is None else arguments_text(arguments))

    # --- tools --------------------------------------------------------------------------------------------------------

    def _result(self, fields: Json, at: str, name: str | None) -> Message:
        if fields["role"] == "function":
            self.functions = True
            called = filled(name, f"{at}.name")
            call_id = self._pending.get(called, f"call_{called}")
        else:
            call_id = filled(fields.get("tool_call_id"), f"{at}.tool_call_id")
        self._unknown(fields, "tool", _KNOWN | {"tool_call_id"})
        content = fields.get("content")
        parts = () if content in (None, "") else tuple(self._parts.parts(content, f"{at}.content"))
        return Message("tool", (ToolResult(call_id, parts, name=name),))
