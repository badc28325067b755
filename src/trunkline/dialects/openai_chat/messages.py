"""Messages as this protocol writes them."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from ...values.model import Target
from .losses import Losses
from .names import Names
from .pieces import ID

Wire = dict[str, Any]
_TTLS = ("30m", "12h")
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_ENDINGS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
    "text/html": "html",
    "application/json": "json",
}
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class MessageWriter:
    """Writes the messages of one request, and notes what is lost."""

    __slots__ = ("_field", "_loop_from", "_losses", "_marks", "_names", "_quirks", "_target")

    def __init__(self, target: Target, losses: Losses, names: Names) -> None:
        quirks = target.quirks
        self._target, self._losses, self._names, self._quirks = target, losses, names, quirks
        self._field = quirks.reasoning_field or ("reasoning_content" if quirks.return_reasoning else None)
        self._marks = quirks.cache_marks or "prompt_cache_breakpoint"
        self._loop_from = 0

    def write(self, messages: Sequence[Message]) -> list[Wire]:
        """All of them, in the wire's order."""
        wire: list[Wire] = []
        moved: list[Wire] = []  # what tools gave besides text: it follows once all results of the turn are said
        self._loop_from = _last_user(messages) if self._quirks.return_reasoning else 0
        for n, message in enumerate(messages):
            parts = message.parts
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
                if text.state is None or message.role != "assistant":
                    wire.append({"role": self._role(message.role), "content": text.text})
                    continue
            self._message(n, message, wire, moved)
        if moved:
            wire.append({"role": "user", "content": moved})
        return self._arranged(wire)

    def _role(self, role: str) -> str:
        return "developer" if role == "system" and self._quirks.system_role == "developer" else role

    def _message(self, n: int, message: Message, wire: list[Wire], moved: list[Wire]) -> None:
        if message.role == "assistant":
            wire.append(self._assistant(n, message))
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
        return [item for part in parts if (item := self._part(part, role)) is not None] or ""

    def _part(self, part: Part, role: str) -> Wire | None:
        if isinstance(part, Text):
            return self._marked({"type": "text", "text": part.text}, part.cache) if part.text else None
        if role == "system" and isinstance(part, (Image, Audio, File)):
            return self._lost(part, "a system message holds text only")
        if isinstance(part, Image):
            return self._image(part)
        if isinstance(part, Audio):
            return self._sound(part)
        if isinstance(part, File):
            return self._file(part)
        if isinstance(part, Opaque):
            return self._opaque(part)
        return self._lost(part, f"a {role} message of this protocol has no such part")

    def _lost(self, part: Part, reason: str) -> Wire | None:
        self._losses.dropped(f"messages.{_tag(part)}", reason)
        return None

    def _marked(self, item: Wire, mark: CacheMark | None) -> Wire:
        if mark is None:
            return item
        if self._marks == "none":
            self._losses.dropped("cache", "this endpoint takes no cache marks")
        elif self._marks == "cache_control":
            item["cache_control"] = {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}
        else:
            item["prompt_cache_breakpoint"] = point = {"mode": "explicit"}
            if mark.ttl in _TTLS:
                point["ttl"] = mark.ttl
            elif mark.ttl is not None:
                self._losses.approximated("cache.ttl", f"lifetimes are {' or '.join(_TTLS)} here: the default was left to apply")
        return item

    def _image(self, part: Image) -> Wire | None:
        if self._quirks.no_images:
            return self._lost(part, "this model takes no images")
        source = _readable(part.source, "image")
        if isinstance(source, FileId):
            self._losses.approximated("messages.image", "a picture by file id is sent as a file")
            return self._marked({"type": "file", "file": {"file_id": source.file_id}}, part.cache)
        place: Wire = {"url": source.url if isinstance(source, Url) else data_url(source)}
        if part.detail is not None:
            place["detail"] = part.detail
        return self._marked({"type": "image_url", "image_url": place}, part.cache)

    def _sound(self, part: Audio) -> Wire | None:
        source = None if part.source is None else _readable(part.source, "audio")
        if not isinstance(source, Data):
            if part.transcript:
                self._losses.approximated("messages.audio", "sound goes as bytes only here: its transcript was sent")
                return {"type": "text", "text": part.transcript}
            return self._lost(part, "sound goes as bytes only here, not by address or id")
        form = _SOUNDS.get(source.media_type) or source.media_type.rpartition("/")[2].removeprefix("x-")
        return self._marked(
            {"type": "input_audio", "input_audio": {"data": base64_text(source.data), "format": form}}, part.cache
        )

    def _file(self, part: File) -> Wire | None:
        source = _readable(part.source, "file")
        for name in ("title", "context", "citations"):
            if getattr(part, name):
                self._losses.dropped(f"messages.file.{name}", "files of this protocol have no such field")
        if isinstance(source, Url):
            return self._lost(part, "files go as bytes or by file id here, not by address")
        if isinstance(source, FileId):
            return self._marked({"type": "file", "file": {"file_id": source.file_id}}, part.cache)
        name = part.filename or f"document.{_ENDINGS.get(source.media_type, 'bin')}"
        return self._marked({"type": "file", "file": {"filename": name, "file_data": data_url(source)}}, part.cache)

    def _opaque(self, part: Opaque) -> Wire | None:
        fields = self._fields(part.state, f"messages.{part.kind}")
        return fields if fields is not None and "type" in fields else None

    def _fields(self, state: ProviderState, field: str) -> dict[str, msgspec.Raw] | None:
        """Provider state as the fields that it is, byte for byte, where it may be sent to this target."""
        if not state.fits(ID, self._target):
            self._losses.dropped(field, "it is bound to another provider or model")
            return None
        try:
            return _raw_fields.decode(state.data)
        except (ValueError, RecursionError):
            self._losses.dropped(field, "its state is not a JSON object")
            return None

    # --- assistant ----------------------------------------------------------------------------------------------------

    def _assistant(self, n: int, message: Message) -> Wire:
        said: Wire = {"role": "assistant", "content": None}
        if message.name is not None:
            said["name"] = message.name
        content: list[Any] = []
        calls: list[Wire] = []
        for part in message.parts:
            if type(part) in (Text, Refusal, Audio) and part.state is not None:
                self._losses.dropped(f"messages.{_tag(part)}.state", "this protocol keeps no state there")
            if type(part) is Text:
                if part.text:
                    content.append(self._marked({"type": "text", "text": part.text}, part.cache))
            elif type(part) is ToolCall:
                calls.append(self._call(part))
            elif type(part) is Reasoning:
                self._reasoning(n, part, said, content)
            elif type(part) is Refusal:
                content.append({"type": "refusal", "refusal": part.text})
            elif type(part) is Audio and part.id is not None:
                said["audio"] = {"id": part.id}
            elif type(part) is Opaque:
                self._returned(part, said, content)
            else:
                self._lost(part, "an assistant message of this protocol has no such part")
        if calls:
            said["tool_calls"] = calls
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            said["content"] = content[0]["text"]
        elif content:
            said["content"] = content
        elif not calls and "audio" not in said:
            said["content"] = ""
        return said

    def _reasoning(self, n: int, part: Reasoning, said: Wire, content: list[Any]) -> None:
        if part.state is not None:
            fields = self._fields(part.state, "messages.reasoning")
            if fields is not None:
                if "type" in fields:
                    content.append(fields)
                else:
                    said.update(fields)
            if fields is not None or self._field is None:
                return
        if self._field is None:
            self._losses.dropped("messages.reasoning", "this endpoint takes no earlier reasoning back")
        elif part.text and n >= self._loop_from:
            said[self._field] = said.get(self._field, "") + part.text

    def _returned(self, part: Opaque, said: Wire, content: list[Any]) -> None:
        fields = self._fields(part.state, f"messages.{part.kind}")
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
        if call.state is not None and (fields := self._fields(call.state, "messages.tool_call.state")) is not None:
            wire.update(fields)
        return wire

    # --- tool results -------------------------------------------------------------------------------------------------

    def _result(self, result: ToolResult, moved: list[Wire]) -> Wire:
        texts: list[Wire] = []
        media: list[Wire] = []
        for part in result.parts:
            if type(part) is Text:
                if part.text:
                    texts.append(self._marked({"type": "text", "text": part.text}, part.cache))
            elif (item := self._part(part, "tool")) is not None:
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
            self._marked(texts[-1], result.cache)
        one = len(texts) == 1 and texts[0].keys() == {"type", "text"}
        content: Any = texts[0]["text"] if one else texts or ""
        return {"role": "tool", "tool_call_id": self._names.call(result.tool_call_id), "content": content}

    # --- the whole ----------------------------------------------------------------------------------------------------

    def _arranged(self, wire: list[Wire]) -> list[Wire]:
        quirks = self._quirks
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


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, str) and isinstance(other, str):
        return f"{one}\n\n{other}" if one and other else one or other
    lists = [[{"type": "text", "text": said}] if isinstance(said, str) else said for said in (one, other) if said]
    return [item for items in lists for item in items] or ""


def _last_user(messages: Sequence[Message]) -> int:
    """Where the current tool loop begins: after the last thing that the user said himself."""
    for n in range(len(messages) - 1, -1, -1):
        if messages[n].role == "user" and not _is_results(messages[n]):
            return n
    return 0


def _is_results(message: Message) -> bool:
    return message.role == "tool" or any(type(part) is ToolResult for part in message.parts)


def _tag(part: Part) -> str:
    return part.kind if isinstance(part, Opaque) else str(type(part).__struct_config__.tag)


def _readable(source: Source, field: str) -> Url | Data | FileId:
    if isinstance(source, LocalFile):
        raise UsageError("a local file is read before it is encoded", field=field, got="LocalFile", allowed="Url, Data or FileId")
    return source


def base64_text(data: bytes) -> str:
    """Bytes as base64, on one line."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def data_url(source: Data) -> str:
    """Bytes as a ``data:`` URL."""
    return f"data:{source.media_type};base64,{base64_text(source.data)}"
