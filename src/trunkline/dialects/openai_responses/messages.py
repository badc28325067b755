"""Our messages as the items of this protocol (§3), in their order; ``pieces`` says how items stand among parts.

Instructions: the system message that opens a conversation goes into ``instructions`` where it is one plain text, because some
servers demand that field and both halves then read it as that message again; any other system message (in the midst, in
several parts, with a cache mark) is an item, which keeps its place and its parts.

Ids: an item goes back whole, with its id, to whom it came from. Where the reasoning of a turn cannot go back, its other items
lose their ids: a call by an id that its maker knows is refused without the reasoning that led to it (§6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ...values.message import (
    Citation,
    HostedToolCall,
    HostedToolResult,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from ...values.model import Target
from ..losses import Losses
from ..reply_fields import encode
from .contents import FOREIGN, ContentWriter, Fields, Wire
from .names import Names
from .pieces import ID

Item = Wire | Fields | msgspec.Raw

_CONTENT_KINDS = ("input_", "output_text", "refusal", "text", "summary_text", "computer_screenshot")
"""How the types of parts begin; an ``Opaque`` of another kind is an item."""
_NOT_SEALED = "a provider who stored nothing reads only what he sealed or wrote himself"


class ItemWriter:
    """Writes the messages of one request, and notes what is lost. ``stored``: what the provider said is kept there."""

    __slots__ = ("_contents", "_custom", "_items", "_losses", "_names", "_stored", "_system_role", "_target")

    def __init__(self, target: Target, losses: Losses, names: Names, *, stored: bool) -> None:
        self._target, self._losses, self._names, self._stored = target, losses, names, stored
        self._system_role = "developer" if target.quirks.system_role == "developer" else "system"
        self._contents = ContentWriter(target, losses)
        self._items: list[Item] = []
        self._custom: set[str] = set()  # ids of calls with plain input

    def write(self, messages: Sequence[Message]) -> tuple[str | None, list[Item]]:
        """The instructions, and all items."""
        instructions = None
        if len(messages) > 1 and (opening := _plain(messages[0])) is not None and messages[0].role == "system":
            instructions, messages = opening, messages[1:]
        for message in messages:
            text = _plain(message)
            if text is not None and message.role in ("user", "assistant"):
                self._items.append({"role": message.role, "content": text})
                continue
            if message.name is not None:
                self._losses.dropped("messages.name", "messages have no names here")
            if message.role == "assistant":
                self._assistant(message.parts)
            else:
                self._others(message)
        return instructions, self._items

    # --- what users, tools and instructions say -----------------------------------------------------------------------

    def _others(self, message: Message) -> None:
        role = {"system": self._system_role, "tool": "user"}.get(message.role, message.role)
        content: list[Any] = []
        for part in message.parts:
            if type(part) is ToolResult:
                self._say(role, content)
                self._result(part)
            elif type(part) is Opaque and not part.kind.startswith(_CONTENT_KINDS):
                self._say(role, content)
                self._opaque(part)
            elif type(part) is HostedToolResult:
                self._say(role, content)
                self._hosted_result(part)
            elif (item := self._contents.part(part, message.role)) is not None:
                content.append(item)
        self._say(role, content)
        if message.parts and all(type(part) is Text and not part.text for part in message.parts):
            self._items.append({"role": role, "content": ""})

    def _say(self, role: str, content: list[Any]) -> None:
        """A message of what has been gathered, which is then empty."""
        if content:
            self._items.append({"role": role, "content": list(content)})
            content.clear()

    def _result(self, result: ToolResult) -> None:
        output = [item for part in result.parts if (item := self._contents.part(part, "tool")) is not None]
        if result.is_error:
            self._losses.approximated("messages.tool_result.is_error", "that it failed is said by its text only")
        if result.cache is not None and output and isinstance(output[-1], dict):
            self._contents.marked(output[-1], result.cache)
        elif result.cache is not None:
            self._losses.dropped("cache", "an answer without content takes no cache mark")
        plain = len(output) == 1 and output[0].keys() == {"type", "text"}
        wire: Wire = {
            "type": "custom_tool_call_output" if result.tool_call_id in self._custom else "function_call_output",
            "call_id": self._names.call(result.tool_call_id),
            "output": output[0]["text"] if plain else output or "",
        }
        if result.state is not None and (own := self._contents.fields(result.state, "messages.tool_result.state")) is not None:
            wire |= {name: value for name, value in own.items() if name not in ("call_id", "output")}
        self._items.append(wire)

    def _hosted_result(self, result: HostedToolResult) -> None:
        """What was done for a hosted tool that the user runs himself (a shell, a computer): an item of the kind that he names."""
        if result.state is not None:
            fields = self._contents.fields(result.state, "messages.hosted_tool")
            if fields is not None:
                self._items.append(msgspec.Raw(result.state.data))
        elif result.kind.endswith("_output"):
            name = "id" if result.kind == "local_shell_call_output" else "call_id"
            self._items.append({"type": result.kind, name: result.tool_call_id, "output": msgspec.Raw(result.data)})
        else:
            self._losses.dropped("messages.hosted_tool", FOREIGN)

    # --- what the model said ------------------------------------------------------------------------------------------

    def _assistant(self, parts: Iterable[Part]) -> None:
        parts = tuple(parts)
        bare = any(type(part) is Reasoning and not self._returns(part) for part in parts)
        content: list[Any] = []
        own: Fields = {}
        for part in parts:
            if type(part) is Text or type(part) is Refusal:
                state = self._own(part, bare=bare)
                if state != own:
                    self._speak(own, content)
                    own = state
                if part.text or own:
                    content.append(self._spoken(part))
                continue
            self._speak(own, content)
            own = {}
            self._done(part, bare=bare)
        self._speak(own, content)

    def _own(self, part: Text | Refusal | ToolCall, *, bare: bool) -> Fields:
        """What its item says beside what the part does."""
        if part.state is None:
            return {}
        own = self._contents.fields(part.state, f"messages.{part.__struct_config__.tag}.state") or {}
        return {name: value for name, value in own.items() if name != "id"} if bare else own

    def _speak(self, own: Fields, content: list[Any]) -> None:
        """A message item of what has been gathered, which is then empty."""
        if not content:
            return
        if not own and len(content) == 1 and content[0]["type"] == "output_text" and not content[0]["annotations"]:
            self._items.append({"role": "assistant", "content": content[0]["text"]})
        else:
            self._items.append({"type": "message", "role": "assistant", **own, "content": list(content)})
        content.clear()

    def _spoken(self, part: Text | Refusal) -> Wire:
        if type(part) is Refusal:
            return {"type": "refusal", "refusal": part.text}
        assert type(part) is Text
        if part.cache is not None:
            self._losses.dropped("cache", "what the model said takes no cache mark here")
        notes = [note for citation in part.citations if (note := self._note(citation)) is not None]
        return {"type": "output_text", "text": part.text, "annotations": notes}

    def _note(self, citation: Citation) -> Wire | msgspec.Raw | None:
        state = citation.state
        if state is not None and state.fits(ID, self._target):
            return msgspec.Raw(state.data)
        if citation.url is None or citation.text_start is None or citation.text_end is None:
            self._losses.dropped("messages.citations", "only pages, with their place in the text, are cited here")
            return None
        return {
            "type": "url_citation", "url": citation.url, "title": citation.title or "",
            "start_index": citation.text_start, "end_index": citation.text_end,
        }  # fmt: skip

    def _done(self, part: Part, *, bare: bool) -> None:
        """An item that is one part."""
        if type(part) is ToolCall:
            self._call(part, bare=bare)
        elif type(part) is Reasoning:
            if part.state is not None and self._returns(part):
                self._items.append(msgspec.Raw(part.state.data))
            else:
                known = part.state is None or part.state.fits(ID, self._target)
                self._losses.dropped("messages.reasoning", _NOT_SEALED if known else FOREIGN)
        elif type(part) is Opaque:
            self._opaque(part)
        elif type(part) is HostedToolCall:
            if part.state is None or self._contents.fields(part.state, "messages.hosted_tool") is not None:
                self._hosted(part)
        elif type(part) is HostedToolResult:
            self._hosted_result(part)
        elif type(part) is ToolResult:
            self._result(part)
        elif not (type(part) is Image and part.state is not None and part.state.fits(ID, self._target)):
            self._contents.lost(part, "what the model said is text here; its pictures stand in their calls")

    def _returns(self, part: Reasoning) -> bool:
        """Whether it can go back: to its maker, who stored it or finds in it what he sealed or wrote."""
        state = part.state
        if state is None or not state.fits(ID, self._target):
            return False
        if self._stored:
            return True
        try:
            item = msgspec.json.decode(state.data)
        except (ValueError, RecursionError):
            return False
        return isinstance(item, dict) and bool(item.get("encrypted_content") or item.get("content"))

    def _call(self, call: ToolCall, *, bare: bool) -> None:
        if call.cache is not None:
            self._losses.dropped("cache", "a tool call takes no cache mark here")
        custom = call.kind == "custom"
        if custom:
            self._custom.add(call.id)
        item: Wire = {"type": "custom_tool_call" if custom else "function_call", **self._own(call, bare=bare)}
        item |= {"call_id": self._names.call(call.id), "name": self._names.tool(call.name)}
        if custom:
            item["input"] = call.raw_arguments
        else:
            item["arguments"] = call.raw_arguments or "{}"  # some servers parse it, and empty text is no JSON
        self._items.append(item)

    def _hosted(self, call: HostedToolCall) -> None:
        if call.state is None:
            self._losses.dropped("messages.hosted_tool", FOREIGN)
        else:
            self._items.append(msgspec.Raw(call.state.data))

    def _opaque(self, part: Opaque) -> None:
        fields = self._contents.fields(part.state, f"messages.{part.kind}")
        if fields is None:
            return
        if part.kind == "item_reference" and not self._stored:
            self._losses.dropped("messages.item_reference", "nothing is stored that it could name")
            return
        self._items.append(msgspec.Raw(part.state.data))


def _plain(message: Message) -> str | None:
    """Its text, where it is nothing but one."""
    if len(message.parts) != 1 or message.name is not None:
        return None
    part = message.parts[0]
    if type(part) is Text and part.cache is None and part.state is None and not part.citations:
        return part.text
    return None


def speaks_of_json(items: Iterable[Item]) -> bool:
    """Whether any message among ``items`` says the word, which the protocol wants of who asks for JSON."""
    return any(b"json" in encode(item["content"]).lower() for item in items if isinstance(item, dict) and "content" in item)
