"""Messages as this protocol writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...values.message import (
    Audio,
    CacheMark,
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
from .names import Names
from .parts import PartWriter, Wire, cache_control, tag
from .pieces import ID

_UNSAID = " "  # in place of reasoning that must go back and that another model did; empty text counts as none
_NO_TOOLS = "this model takes no tools: earlier calls and their answers are told as text"


class MessageWriter:
    """Writes the messages of one request, and notes what is lost."""

    __slots__ = ("_field", "_losses", "_must_think", "_names", "_open", "_parts", "_quirks", "_target")

    def __init__(self, target: Target, losses: Losses, names: Names) -> None:
        quirks = target.quirks
        self._target, self._losses, self._names, self._quirks = target, losses, names, quirks
        self._field: str | None = quirks.reasoning_field or ("reasoning_content" if quirks.return_reasoning else None)
        if self._field == "as_sent":  # how it came stands in its state; without one the elder name is the better known
            self._field = "reasoning_content"
        self._parts = PartWriter(target, losses)
        self._must_think = False
        self._open = False  # the message at hand belongs to a loop of tool calls that goes on

    def write(self, messages: Sequence[Message]) -> list[Wire]:
        """All of them, in the wire's order."""
        wire: list[Wire] = []
        moved: list[Wire] = []  # what tools gave besides text: it follows once all results of the turn are said
        self._must_think = self._quirks.return_reasoning is True and any(message.tool_calls for message in messages)
        loop = _open_loop(messages) if self._quirks.markup is not None else 0
        for n, message in enumerate(messages):
            parts = message.parts
            self._open = n >= loop
            if moved and not _is_results(message):
                wire.append({"role": "user", "content": moved})
                moved = []
            if (
                len(parts) == 1
                and type(parts[0]) is Text
                and parts[0].cache is None
                and message.role != "tool"
                and message.name is None
            ):
                text = parts[0]
                if message.role != "assistant" or (text.state is None and not text.citations and not self._must_think):
                    wire.append({"role": self._role(message.role), "content": text.text})
                    continue
            self._message(message, wire, moved)
        if moved:
            wire.append({"role": "user", "content": moved})
        return self._arranged(wire)

    def _role(self, role: str) -> str:
        return "developer" if role == "system" and self._quirks.system_role == "developer" else role

    def _message(self, message: Message, wire: list[Wire], moved: list[Wire]) -> None:
        if message.role == "assistant":
            wire.append(self._assistant(message))
            return
        rest: list[Part] = []
        for part in message.parts:
            if type(part) is ToolResult:
                wire.append(self._result(part, moved))
            else:
                rest.append(part)
        if not rest and message.parts:
            return
        said: Wire = {
            "role": "user" if message.role == "tool" else self._role(message.role),
            "content": self._content(rest, message.role),
        }
        if message.name is not None:
            said["name"] = message.name
        if moved:
            content = said["content"]
            said["content"] = [*moved, *([{"type": "text", "text": content}] if isinstance(content, str) else content)]
            moved.clear()
        wire.append(said)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _content(self, parts: Sequence[Part], role: str) -> str | list[Wire]:
        if len(parts) == 1 and type(parts[0]) is Text and parts[0].cache is None:
            return parts[0].text
        return [item for part in parts if (item := self._parts.part(part, role)) is not None] or ""

    # --- assistant ----------------------------------------------------------------------------------------------------

    def _assistant(self, message: Message) -> Wire:
        said: Wire = {"role": "assistant", "content": None}
        if message.name is not None:
            said["name"] = message.name
        content: list[Any] = []
        calls: list[Wire] = []
        for part in message.parts:
            if type(part) in (Text, Refusal) and part.state is not None:
                self._losses.dropped(f"messages.{tag(part)}.state", "this protocol keeps no state there")
            if type(part) is Text:
                if part.text:
                    content.append(self._parts.marked({"type": "text", "text": part.text}, part.cache))
                content += self._citations(part)
            elif type(part) is ToolCall and self._quirks.no_tools:
                self._losses.approximated("messages.tool_call", _NO_TOOLS)
                content.append({"type": "text", "text": f"(Tool call {part.id}: {part.name} {part.raw_arguments or '{}'})"})
            elif type(part) is ToolCall:
                calls.append(self._call(part))
            elif type(part) is Reasoning:
                self._reasoning(part, said, content)
            elif type(part) is Refusal:
                content.append({"type": "refusal", "refusal": part.text})
            elif type(part) is Audio:
                self._spoken(part, said, content)
            elif type(part) is Opaque:
                self._returned(part, said, content)
            else:
                self._parts.lost(part, "an assistant message of this protocol has no such part")
        if calls:
            said["tool_calls"] = calls
        thought, said["content"] = said["content"], None
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            said["content"] = content[0]["text"]
        elif content:
            said["content"] = content
        elif not calls and "audio" not in said:
            said["content"] = ""
        if thought:
            said["content"] = _behind(thought, said["content"])
        if self._must_think and self._field is not None:
            said.setdefault(self._field, _UNSAID)
        return said

    def _citations(self, part: Text) -> list[Wire]:
        """Citations are the provider's word, and not taken back here, but for those that stand as parts of their own, which go
        behind their text; those of others, which others would take, are a loss."""
        states = [citation.state for citation in part.citations if citation.state is not None]
        return [item for state in states if (item := self._parts.fields(state, "messages.citations")) is not None]

    def _spoken(self, part: Audio, said: Wire, content: list[Any]) -> None:
        """What the model said aloud goes back by its id, to whoever gave that; to others as its words."""
        if part.state is not None:
            fields = self._parts.fields(part.state, "messages.audio.state") if part.state.fits(ID, self._target) else None
            if fields is not None:
                said.update(fields)
                return
        elif part.id is not None:
            said["audio"] = {"id": part.id}
            return
        if part.transcript:
            self._losses.approximated("messages.audio", "sound is not taken back here: its transcript was sent")
            content.append({"type": "text", "text": part.transcript})
        else:
            self._parts.lost(part, "sound is not taken back here")

    def _reasoning(self, part: Reasoning, said: Wire, content: list[Any]) -> None:
        if part.state is not None:
            lost = "messages.reasoning.state" if self._field and part.text else "messages.reasoning"
            fields = self._parts.fields(part.state, lost)
            if fields is not None:
                if "type" in fields:
                    content.append(fields)
                else:
                    said.update(fields)
            if fields is not None or self._field is None:
                return
        if self._quirks.markup is not None and self._quirks.reasoning_field in (None, "as_sent") and part.text:
            self._marked(part.text, said)
        elif self._field is None:
            self._losses.dropped("messages.reasoning", "this endpoint takes no earlier reasoning back")
        elif part.text:
            said[self._field] = said.get(self._field, "") + part.text

    def _marked(self, text: str, said: Wire) -> None:
        """What came as markup goes back while its loop of tool calls is open, and not after it (local-servers §6)."""
        if not self._open:
            self._losses.dropped("messages.reasoning", "models that write it as markup want that of the turn at hand only")
        elif self._quirks.markup in ("think", "think_open"):
            said["content"] = f"{said['content'] or ''}<think>\n{text}\n</think>\n\n"
        else:
            said["reasoning"] = said.get("reasoning", "") + text

    def _returned(self, part: Opaque, said: Wire, content: list[Any]) -> None:
        fields = self._parts.fields(part.state, f"messages.{part.kind}")
        if fields is None:
            return
        if "type" in fields:
            content.append(fields)
        else:
            said.update(fields)

    def _call(self, call: ToolCall) -> Wire:
        if call.cache is not None:
            self._losses.dropped("cache", "a tool call takes no cache mark here")
        name, arguments = self._names.tool(call.name), call.raw_arguments
        wire: Wire
        if call.kind == "custom":
            wire = {"id": self._names.call(call.id), "type": "custom", "custom": {"name": name, "input": arguments}}
        else:
            function = {"name": name, "arguments": arguments or "{}"}  # some servers parse it, and empty text is no JSON
            wire = {"id": self._names.call(call.id), "type": "function", "function": function}
        if call.state is not None and (fields := self._parts.fields(call.state, "messages.tool_call.state")) is not None:
            wire.update(fields)
        return wire

    # --- tool results -------------------------------------------------------------------------------------------------

    def _result(self, result: ToolResult, moved: list[Wire]) -> Wire:
        texts: list[Wire] = []
        media: list[Wire] = []
        for part in result.parts:
            if type(part) is Text:
                if part.text:
                    texts.append(self._parts.marked({"type": "text", "text": part.text}, part.cache))
            elif (item := self._parts.part(part, "tool")) is not None:
                media.append(item)
        if media:
            self._losses.approximated(
                "messages.tool_result", "a tool's answer is text only here: the rest follows in a user message"
            )
            moved.append({"type": "text", "text": f"From the tool call {self._names.call(result.tool_call_id)}:"})
            moved += media
            texts = texts or [{"type": "text", "text": "See the next user message."}]
        if result.is_error:
            self._losses.approximated("messages.tool_result.is_error", "that it failed is said by its text only")
        if result.cache is not None and texts:
            self._parts.marked(texts[-1], result.cache)
        if self._quirks.no_tools:
            self._losses.approximated("messages.tool_call", _NO_TOOLS)
            words = {"type": "text", "text": f"(Answer to tool call {result.tool_call_id}:)"}
            return {"role": "user", "content": [words, *texts]}
        one = len(texts) == 1 and texts[0].keys() == {"type", "text"}
        content: Any = texts[0]["text"] if one else texts or ""
        return {"role": "tool", "tool_call_id": self._names.call(result.tool_call_id), "content": content}

    # --- the whole ----------------------------------------------------------------------------------------------------

    def _arranged(self, wire: list[Wire]) -> list[Wire]:
        quirks = self._quirks
        wire = _answers_first(wire)
        if quirks.assistant_after_tool:
            wire = self._bridged(wire)
        if quirks.no_system_in_messages:
            wire = self._without_system(wire)
        if quirks.alternate_roles:
            wire = self._alternating(wire)
        if wire and wire[-1]["role"] == "assistant":
            if quirks.no_prefill and not wire[-1].get("tool_calls"):
                self._losses.dropped("messages.prefill", "a conversation may not end with the assistant's words here")
                wire.pop()
            elif quirks.prefill_flag is not None:
                wire[-1][quirks.prefill_flag] = True
        return wire

    def _bridged(self, wire: list[Wire]) -> list[Wire]:
        bridged: list[Wire] = []
        for said in wire:
            if said["role"] == "user" and bridged and bridged[-1]["role"] == "tool":
                self._losses.approximated("messages", "a user may not speak right after a tool here: an OK stands between")
                bridged.append({"role": "assistant", "content": "OK."})
            bridged.append(said)
        return bridged

    def _without_system(self, wire: list[Wire]) -> list[Wire]:
        for said in wire:
            if said["role"] in ("system", "developer"):
                said["role"] = "user"
                self._losses.approximated("messages.system", "system messages are refused here: said as the user")
        return wire

    def _alternating(self, wire: list[Wire]) -> list[Wire]:
        joined: list[Wire] = []
        for said in wire:
            last = joined[-1] if joined else None
            if last is None or last["role"] != said["role"] or said["role"] not in ("user", "assistant") or "tool_calls" in last:
                joined.append(said)
                continue
            self._losses.approximated("messages", "user and assistant must take turns here: neighbours of one role were joined")
            last["content"] = _joined(last["content"], said["content"])
            last.update({name: value for name, value in said.items() if name not in ("role", "content")})
        return joined


# --- pieces -----------------------------------------------------------------------------------------------------------


def _answers_first(wire: list[Wire]) -> list[Wire]:
    """Answers of tools right behind the calls, before what the user says in the same turn: else they are refused (§4)."""
    behind = -1  # where the last answer to the calls at hand stands, or the calls themselves
    for n, said in enumerate(wire):
        if said["role"] == "assistant":
            behind = n if "tool_calls" in said else -1
        elif said["role"] == "tool" and behind >= 0:
            behind += 1
            if behind < n:
                wire.insert(behind, wire.pop(n))
    return wire


def mark_end(wire: list[Wire], mark: CacheMark) -> None:
    """Mark the last part of the conversation, for endpoints that cache nothing by themselves (openrouter §3)."""
    for said in reversed(wire):
        content = said.get("content")
        if isinstance(content, str) and content:
            content = said["content"] = [{"type": "text", "text": content}]
        if content and isinstance(content[-1], dict) and isinstance(content[-1].get("type"), str):
            content[-1].setdefault("cache_control", cache_control(mark))
            return


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, str) and isinstance(other, str):
        return f"{one}\n\n{other}" if one and other else one or other
    lists = [[{"type": "text", "text": said}] if isinstance(said, str) else said for said in (one, other) if said]
    return [item for items in lists for item in items] or ""


def _behind(thought: str, content: str | list[Any] | None) -> str | list[Any]:
    return [{"type": "text", "text": thought}, *content] if isinstance(content, list) else thought + (content or "")


def _open_loop(messages: Sequence[Message]) -> int:
    """Where the turn at hand begins: behind the last message of a user that is no answer of tools."""
    turns = [n for n, message in enumerate(messages) if message.role == "user" and not _is_results(message)]
    return turns[-1] + 1 if turns else 0


def _is_results(message: Message) -> bool:
    return message.role == "tool" or any(type(part) is ToolResult for part in message.parts)
