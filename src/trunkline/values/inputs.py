"""What callers say, to our messages: text, a message, parts, or a list of messages and dicts in OpenAI's or Anthropic's shape.

Nothing that the caller owns is changed. Strings are text, ``https:`` and ``data:`` URLs; never paths of files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from . import expect
from .errors import UsageError
from .expect import Json
from .input_citations import read_annotations
from .input_fields import arguments_text, openai_state, optional
from .input_media import read_base64
from .input_parts import read_call, read_parts, read_result
from .media import Data
from .message import (
    ROLES,
    Audio,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Scope,
    Text,
    ToolCall,
    ToolResult,
)

Prompt = str | Message | Part | Mapping[str, Any] | Sequence[Message | Mapping[str, Any] | str | Part]
"""What ``generate`` and ``stream`` take as the prompt: one turn of the user's, or a conversation."""

System = str | Part | Sequence[Part | Mapping[str, Any]]
"""What they take as ``system``."""

_ALLOWED = "text, a Message, parts (Text, Image, ...), or a list of messages (Message or dict)"
_BESIDE = "texts and parts of one turn (Image.file(path), .bytes(data), .pil(picture), ...), or a list of messages alone"
_PLAIN_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_DICT_ROLES = (*ROLES, "developer", "function")
_UNBOUND = Scope()
_ONLY_MESSAGES = {Message}
_ONLY_DICTS = {dict}


def to_messages(prompt: Prompt, system: System | None = None, *, scope: Scope = _UNBOUND) -> tuple[Message, ...]:
    """The conversation that ``prompt`` says, ``system`` first.

    A list of ``Message`` objects is taken as it is, at C speed. ``scope`` says whom signatures and other provider state in
    dicts are bound to. Raises ``UsageError``, which names the place (``messages[3].content[1].image_url.url``), the type
    that stood there and what may, and never repeats the content.
    """
    kinds = set(map(type, prompt)) if isinstance(prompt, (list, tuple)) else None
    if type(prompt) is str and prompt:
        messages: tuple[Message, ...] = (Message("user", (Text(prompt),)),)
    elif kinds == _ONLY_MESSAGES:
        messages = tuple(cast("list[Message]", prompt))
    elif kinds == _ONLY_DICTS:  # the usual case, spared the questions what else it might be
        messages = tuple(_Reading(scope).messages(cast("list[dict[str, Any]]", prompt)))
    else:
        messages = _other_prompt(prompt, scope)
    return messages if system is None or system == "" else (_system(system, scope), *messages)


def _other_prompt(prompt: object, scope: Scope) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return (Message("user", (Text(expect.filled(str(prompt), "prompt")),)),)
    if isinstance(prompt, Message):
        return (_with_parts(prompt, "prompt"),)
    if isinstance(prompt, Part):
        return (Message("user", (prompt,)),)
    if isinstance(prompt, Mapping):
        return tuple(_Reading(scope).messages([prompt]))
    if not isinstance(prompt, Sequence) or isinstance(prompt, (bytes, bytearray, memoryview)):
        expect.wrong("prompt", prompt, _ALLOWED)
    if not prompt:
        raise UsageError("no messages", field="messages", got="empty", allowed="at least one message")
    odd = next((n for n, item in enumerate(prompt) if not isinstance(item, (str, Part))), None)
    if odd is None and any(isinstance(item, Part) for item in prompt):
        return (Message.user(*prompt),)
    if odd:
        kind = type(prompt[odd])  # with its module: PIL's Image is not ours
        got = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        raise UsageError("wrong type", field=f"prompt[{odd}]", got=got, allowed=_BESIDE)
    return tuple(_Reading(scope).messages(prompt))


def _system(system: object, scope: Scope) -> Message:
    parts = read_parts(system, "system", "system", scope)
    if not parts or not all(isinstance(part, Text) for part in parts):
        expect.wrong("system", system, "text, or a list of text parts")
    return Message("system", tuple(parts))


def _with_parts(message: Message, at: str) -> Message:
    if message.role == "user" and not message.parts:
        raise UsageError("a user message without content", field=f"{at}.content", got="empty", allowed="text or parts")
    return message


def _plain(fields: dict[str, Any]) -> Message | None:
    """The message of a dict with nothing but a usual role and text; None for any other."""
    role, content = fields.get("role"), fields.get("content")
    if (
        len(fields) == 2
        and type(content) is str
        and content
        and type(role) is str
        and (ours := _PLAIN_ROLES.get(role)) is not None
    ):
        return Message(ours, (Text(content),))
    return None


class _Reading:
    """One pass over a list of messages; remembers the calls of OpenAI's legacy functions, which have no ids of their own."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._functions: dict[str, str] = {}

    def messages(self, prompt: Sequence[Any]) -> Iterator[Message]:
        for n, item in enumerate(prompt):
            at = f"messages[{n}]"
            if type(item) is dict and (plain := _plain(item)) is not None:
                yield plain
            elif isinstance(item, Message):
                yield _distinct(_with_parts(item, at), at)
            elif isinstance(item, Mapping):
                for message in self._message(item, at):
                    yield _distinct(message, at)
            else:
                hint = "; several parts of one turn: Message.user(part, ...)" if isinstance(item, (str, Part)) else ""
                expect.wrong(at, item, "a Message, or a dict with 'role' and 'content'" + hint)

    def _message(self, fields: Json, at: str) -> Iterator[Message]:
        role = expect.one_of(fields.get("role"), f"{at}.role", _DICT_ROLES, "role")
        name = optional(fields, "name", at)
        if role == "user":
            yield from self._user(fields, at, name)
        elif role == "assistant":
            yield self._assistant(fields, at, name)
        elif role in ("system", "developer"):
            yield self._instruction(fields, at, name)
        else:
            yield self._result(fields, at, role, name)

    def _user(self, fields: Json, at: str, name: str | None) -> Iterator[Message]:
        expect.only(fields, at, ("role", "content", "name"))
        parts = read_parts(fields.get("content"), f"{at}.content", "user", self._scope)
        if not any(part != _EMPTY for part in parts):
            raise UsageError("a user message without content", field=f"{at}.content", got="empty", allowed="text or parts")
        return _by_role(parts, name)

    def _instruction(self, fields: Json, at: str, name: str | None) -> Message:
        expect.only(fields, at, ("role", "content", "name"))
        parts = read_parts(fields.get("content"), f"{at}.content", "system", self._scope)
        for n, part in enumerate(parts):
            if not isinstance(part, Text):
                expect.wrong(f"{at}.content[{n}]", part, "text")
        return Message("system", tuple(parts), name)

    def _assistant(self, fields: Json, at: str, name: str | None) -> Message:
        expect.only(fields, at, _ASSISTANT_KEYS)
        parts = _thoughts(fields, at, self._scope)
        content = fields.get("content")
        if content is not None:
            parts += read_parts(content, f"{at}.content", "assistant", self._scope)
        citations = read_annotations(fields.get("annotations"), f"{at}.annotations")
        if citations and isinstance(content, str):
            parts[-1] = Text(content, citations)
        if (refusal := optional(fields, "refusal", at)) is not None:
            parts.append(Refusal(refusal))
        if (audio := fields.get("audio")) is not None:
            parts.append(_spoken(audio, f"{at}.audio"))
        if (calls := fields.get("tool_calls")) is not None:
            where = f"{at}.tool_calls"
            parts += [read_call(call, f"{where}[{n}]", self._scope) for n, call in enumerate(expect.items(calls, where))]
        if (call := fields.get("function_call")) is not None:
            parts.append(self._function_call(call, f"{at}.function_call", len(self._functions)))
        if not parts:
            expect.wrong(f"{at}.content", content, "text, parts or tool_calls", "an assistant message without content")
        return Message("assistant", tuple(parts), name)

    def _function_call(self, call: object, at: str, number: int) -> ToolCall:
        fields = expect.mapping(call, at)
        expect.only(fields, at, ("name", "arguments"))
        name = expect.filled(fields.get("name"), f"{at}.name")
        self._functions[name] = f"call_{number}_{name}"
        return ToolCall(self._functions[name], name, arguments_text(fields.get("arguments"), f"{at}.arguments"))

    def _result(self, fields: Json, at: str, role: str, name: str | None) -> Message:
        if role == "function":
            expect.only(fields, at, ("role", "content", "name"))
            called = expect.filled(name, f"{at}.name")
            if called not in self._functions:
                expect.wrong(f"{at}.name", called, "the name of an earlier function_call", "answers no function_call")
            identity = self._functions[called]
        else:
            expect.only(fields, at, ("role", "content", "name", "tool_call_id"))
            identity = expect.filled(fields.get("tool_call_id"), f"{at}.tool_call_id")
        if "content" not in fields:
            expect.wrong(f"{at}.content", None, "text or parts")
        return Message("tool", (ToolResult(identity, read_result(fields["content"], f"{at}.content", self._scope), False, name),))


_EMPTY = Text("")
_ASSISTANT_KEYS = (
    "role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "annotations", "reasoning_content", "reasoning",
    "reasoning_details", "reasoning_encrypted", "parsed",  # what the vendor's SDK made of the text: it says nothing new
)  # fmt: skip


def _thoughts(fields: Json, at: str, scope: Scope) -> list[Part]:
    """Reasoning beside the content, under either of the two names in use (both at once say the same), and its sealed form."""
    said = optional(fields, "reasoning_content", at)
    other = optional(fields, "reasoning", at)
    text = said if said is not None else other
    state = openai_state(fields, ("reasoning_details", "reasoning_encrypted"), at, scope)
    return [Reasoning(text or "", not text, state)] if text or state is not None else []


def _spoken(audio: object, at: str) -> Audio:
    """An earlier reply's speech: OpenAI wants its ``id`` back; the rest is what its reply said beside it."""
    fields = expect.mapping(audio, at)
    expect.only(fields, at, ("id", "data", "transcript", "expires_at"))
    identity = expect.filled(fields.get("id"), f"{at}.id")
    data, expires = fields.get("data"), fields.get("expires_at")
    source = Data(read_base64(data, f"{at}.data"), "application/octet-stream") if data else None
    ends = None if expires is None else expect.whole(expires, f"{at}.expires_at")
    return Audio(source, optional(fields, "transcript", at), identity, ends)


def _by_role(parts: list[Part], name: str | None) -> Iterator[Message]:
    """A user turn in Anthropic's shape holds tool results too: these become messages of role ``tool``, in the order given."""
    start = 0
    for n in range(1, len(parts) + 1):
        if n == len(parts) or isinstance(parts[n], ToolResult) != isinstance(parts[start], ToolResult):
            role: Role = "tool" if isinstance(parts[start], ToolResult) else "user"
            yield Message(role, tuple(parts[start:n]), name if role == "user" else None)
            start = n


def _distinct(message: Message, at: str) -> Message:
    """``message``, if no two of its tool calls share an id: an answer could not say which it belongs to."""
    if message.role == "assistant" and len(message.parts) > 1:
        ids = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if len(ids) != len(set(ids)):
            raise UsageError("two tool calls of one message share an id", field=f"{at}.tool_calls", allowed="an id for each call")
    return message


def to_stop(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """Stop sequences as a tuple; one may be given as plain text."""
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (expect.filled(stop, "stop"),)
    listed = expect.items(stop, "stop", "text, or a list of texts")
    return tuple(expect.filled(item, f"stop[{n}]") for n, item in enumerate(listed))
