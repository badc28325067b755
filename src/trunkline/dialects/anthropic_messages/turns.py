"""Our messages as this protocol's turns: ``system`` on top, then user and assistant turns made of blocks."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import (
    Audio,
    CacheMark,
    File,
    HostedToolCall,
    HostedToolResult,
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
    Video,
)
from ...values.model import Target
from ...wire.loose_json import clean_text
from ..losses import Losses
from .tools import CUSTOM_INPUT, Names, cache_control

ID = "anthropic-messages"

Block = dict[str, Any] | msgspec.Raw

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+").fullmatch
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_BLANK = "a text that is only white space is refused"
_FOREIGN = "bound to another provider or model, and not sent to this one"


class Turns:
    """Takes messages in order; ``system`` and ``messages`` are then what goes on the wire.

    Results of tools stand together, before any text, in the one user turn that follows their calls: the protocol refuses
    anything else. What the other side of a conversation cannot hold here is left out, with a warning.
    """

    __slots__ = (
        "_alternate", "_call_ids", "_called", "_losses", "_names", "_results", "_target", "_users_cite", "_where", "messages",
        "system", "uses_files",
    )  # fmt: skip

    def __init__(self, target: Target, names: Names, losses: Losses, *, users_cite: bool = True) -> None:
        self._target, self._names, self._losses, self._users_cite = target, names, losses, users_cite
        self._alternate = target.quirks.alternate_roles is True
        self.system: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.uses_files: bool = False
        self._results = 0  # how many blocks at the head of the last turn are results of tools
        self._call_ids: dict[str, str] = {}
        self._called: dict[str, int] = {}
        """Which message a call's id on the wire stands in."""
        self._where = 0

    def take(self, messages: Iterable[Message]) -> None:
        turns = self.messages
        for n, message in enumerate(messages):
            parts = message.parts
            role = message.role
            if len(parts) == 1 and role in ("user", "assistant") and not self._results and message.name is None:
                part = parts[0]
                if type(part) is Text and _plain(part) and not (self._alternate and turns and turns[-1]["role"] == role):
                    turns.append({"role": role, "content": part.text})
                    continue
            self._where = n
            self._message(message)

    def _message(self, message: Message) -> None:
        if message.name is not None:
            self._losses.dropped("messages.name", "turns have no names here")
        if message.role == "system":
            self._system(message)
        elif message.role == "assistant":
            said = [block for part in message.parts if (block := self._said(part)) is not None]
            self._turn("assistant", self._without_blank_ends(said), 0)
        else:
            results: list[Block] = [self._result(part) for part in message.parts if type(part) is ToolResult]
            others = [self._shown(part) for part in message.parts if type(part) is not ToolResult]
            self._turn("user", results + [block for block in others if block is not None], len(results))

    def _turn(self, role: str, blocks: list[Block], results: int) -> None:
        """Adds a turn, or adds to the last one where the two must be one."""
        if not blocks:
            self._losses.dropped("messages", "a turn without content is refused")
            return
        turns = self.messages
        same = bool(turns) and turns[-1]["role"] == role
        if same and (results or (self._results and role == "user") or self._alternate):
            while results and len(turns) > 1 and turns[-2]["role"] == role:
                later = turns.pop()
                turns[-1]["content"] = _blocks(turns[-1]["content"]) + _blocks(later["content"])
            last = turns[-1]
            content = _blocks(last["content"])
            at = self._results
            last["content"] = content[:at] + blocks[:results] + content[at:] + blocks[results:]
            self._results += results
        else:
            turns.append({"role": role, "content": _simple(blocks)})
            self._results = results

    def loop_began_without_thinking(self) -> bool:
        """Whether the last turn answers calls whose own turn does not open with thinking."""
        turns = self.messages
        if not self._results or len(turns) < 2 or turns[-2]["role"] != "assistant":
            return False
        first = _blocks(turns[-2]["content"])[0]
        return isinstance(first, dict) or _type_of(first) not in ("thinking", "redacted_thinking")

    # --- system -------------------------------------------------------------------------------------------------------

    def _system(self, message: Message) -> None:
        blocks: list[dict[str, Any]] = []
        for part in message.parts:
            if type(part) is not Text:
                self._losses.dropped("messages.system", "instructions are text only")
            elif (block := self._text(part)) is not None:
                blocks.append(block)
        if not blocks:
            return
        if not self.messages:
            self.system += blocks
        elif self._target.quirks.no_system_in_messages:
            self._losses.approximated("messages.system", "this model reads instructions at the beginning only: put there")
            self.system += blocks
        else:
            self.messages.append({"role": "system", "content": _simple(blocks)})
            self._results = 0

    # --- what users and tools say ---------------------------------------------------------------------------------------

    def _shown(self, part: Part) -> Block | None:
        if type(part) is Text:
            if part.citations and not self._users_cite:
                self._losses.dropped("messages.citations", "this version refuses them in a user's turn")
                part = msgspec.structs.replace(part, citations=())
            return self._text(part)
        if type(part) is Image:
            return self._image(part)
        if type(part) is File:
            return self._document(part)
        if type(part) is Audio:
            if part.transcript:
                self._losses.approximated("messages.audio", "sound is not understood here: its transcript is sent")
                return {"type": "text", "text": part.transcript}
            self._losses.dropped("messages.audio", "sound is not understood here")
        elif type(part) is Video:
            self._losses.dropped("messages.video", "films are not understood here")
        elif type(part) is Opaque:
            return self._verbatim(part.state, part.kind)
        else:
            raise self._misplaced(part, "Text, Image, File, ToolResult")
        return None

    def _misplaced(self, part: Part, allowed: str) -> UsageError:
        return UsageError(
            "this part does not belong into a turn of this role", field=f"messages[{self._where}].parts", got=type(part).__name__,
            allowed=allowed,
        )  # fmt: skip

    def _text(self, part: Text, *, blank: bool = False) -> dict[str, Any] | None:
        """``blank``: a text of nothing but white space may stand here."""
        text = part.text
        if not text or (not blank and text.isspace()):
            if text:
                self._losses.dropped("messages.text", _BLANK)
            elif part.cache is not None:
                self._losses.dropped("messages.cache", "an empty text cannot be marked")
            return None
        block: dict[str, Any] = {"type": "text", "text": text}
        if part.state is not None and (own := self._own(part.state, "messages.text.state")) is not None:
            block |= own
            block["type"], block["text"] = "text", text
        if part.citations:
            cited = [msgspec.Raw(c.state.data) for c in part.citations if c.state is not None and c.state.fits(ID, self._target)]
            if len(cited) < len(part.citations):
                self._losses.dropped("messages.citations", _FOREIGN)
            if cited:
                block["citations"] = cited
        return self._marked(block, part.cache)

    def _marked(self, block: dict[str, Any], mark: CacheMark | None) -> dict[str, Any]:
        if mark is not None:
            block["cache_control"] = cache_control(mark, self._losses)
        return block

    def _own(self, state: ProviderState, field: str) -> dict[str, Any] | None:
        """The fields of the wire that only this provider knows; None where they are not for this target."""
        if not state.fits(ID, self._target):
            self._losses.dropped(field, _FOREIGN)
            return None
        try:
            return dict(_fields(state.data))
        except (ValueError, RecursionError):
            raise UsageError("provider state that is not a JSON object", field=f"messages[{self._where}].parts") from None

    def _verbatim(self, state: ProviderState | None, what: str) -> Block | None:
        if state is not None and state.fits(ID, self._target):
            return msgspec.Raw(state.data)
        self._losses.dropped(f"messages.{what}", _FOREIGN)
        return None

    def _source(self, source: Source) -> dict[str, Any]:
        if isinstance(source, Data):
            data = b2a_base64(source.data, newline=False).decode("ascii")
            return {"type": "base64", "media_type": source.media_type, "data": data}
        if isinstance(source, Url):
            return {"type": "url", "url": source.url}
        if isinstance(source, FileId):
            self.uses_files = True
            return {"type": "file", "file_id": source.file_id}
        raise UsageError(
            "a local file is read before encoding", field=f"messages[{self._where}].parts", got=LocalFile.__name__,
            allowed="Data, Url, FileId",
        )  # fmt: skip

    def _image(self, part: Image) -> Block | None:
        if self._target.quirks.no_images:
            self._losses.dropped("messages.image", "this model does not see")
            return None
        if part.detail not in (None, "auto"):
            self._losses.dropped("messages.image.detail", "pictures have no level of detail here")
        return self._marked({"type": "image", "source": self._source(part.source)} | self._extras(part), part.cache)

    def _extras(self, part: Image | File | ToolResult) -> dict[str, Any]:
        if part.state is None:
            return {}
        return self._own(part.state, "messages.state") or {}

    def _document(self, part: File) -> Block | None:
        source = part.source
        if isinstance(source, Data) and source.media_type.startswith("image/"):
            return self._marked({"type": "image", "source": self._source(source)}, part.cache)
        if isinstance(source, Data) and source.media_type != "application/pdf":
            try:
                text = source.data.decode("utf-8-sig")
            except UnicodeDecodeError:
                self._losses.dropped("messages.file", "documents are PDF or plain text here")
                return None
            encoded = {"type": "text", "media_type": "text/plain", "data": text}
        else:
            encoded = self._source(source)
        block: dict[str, Any] = {"type": "document", "source": encoded} | self._extras(part)
        if title := part.title or part.filename:
            block["title"] = title
        if part.context:
            block["context"] = part.context
        if part.citations is not None:
            block["citations"] = {"enabled": part.citations}
        return self._marked(block, part.cache)

    def _result(self, part: ToolResult) -> Block:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._call_id(part.tool_call_id)} | self._extras(part)
        content = [shown for inner in part.parts if (shown := self._shown(inner)) is not None]
        if content:
            block["content"] = _simple(content)
        if part.is_error:
            block["is_error"] = True
        return self._marked(block, part.cache)

    def _new_call_id(self, ours: str) -> str:
        """The id of a call: ``ours``, or what stands for it where the protocol refuses its letters or has seen it before."""
        wire = ours
        if not _CALL_ID(ours):
            wire = f"{_NOT_IN_ID.sub('_', ours)}_{len(self._called)}"
            self._losses.renamed("messages.tool_call.id", "a call's id is made of letters, digits, _ and -")
        while self._called.get(wire, self._where) != self._where:  # some servers count anew in every turn
            wire = f"{wire}_{len(self._called)}"
            self._losses.renamed("messages.tool_call.id", "no two calls of a conversation may share an id")
        self._called[wire] = self._where
        if wire != ours or ours in self._call_ids:
            self._call_ids[ours] = wire
        return wire

    def _call_id(self, ours: str) -> str:
        """The id of the latest call of that name of ours, for its result."""
        known = self._call_ids.get(ours, ours)
        return known if _CALL_ID(known) else self._new_call_id(ours)

    # --- what the model said --------------------------------------------------------------------------------------------

    def _without_blank_ends(self, blocks: list[Block]) -> list[Block]:
        """White space is taken back between other blocks of an assistant's turn (RULES), where it parts what was cited."""
        kept = [n for n, block in enumerate(blocks) if not (isinstance(block, dict) and str(block.get("text", "x")).isspace())]
        if len(kept) == len(blocks):
            return blocks
        inner = blocks[kept[0] : kept[-1] + 1] if kept else []
        if len(inner) < len(blocks):
            self._losses.dropped("messages.text", _BLANK)
        return inner

    def _said(self, part: Part) -> Block | None:
        if type(part) is Text:
            return self._text(part, blank=True)
        if type(part) is Reasoning:
            return self._verbatim(part.state, "reasoning")
        if type(part) is ToolCall:
            return self._call(part)
        if type(part) is HostedToolCall or type(part) is HostedToolResult:
            return self._hosted(part)
        if type(part) is Opaque:
            return self._verbatim(part.state, part.kind)
        if type(part) is Refusal:
            self._losses.approximated("messages.refusal", "a refusal is sent as text")
            return self._text(Text(part.text))
        if type(part) is ToolResult:
            raise self._misplaced(part, "Text, Reasoning, ToolCall, …")
        if type(part) is Audio and part.transcript:
            self._losses.approximated("messages.audio", "sound is not understood here: its transcript is sent")
            return {"type": "text", "text": part.transcript}
        self._losses.dropped(f"messages.{type(part).__name__.lower()}", "an assistant's turn holds no media here")
        return None

    def _call(self, part: ToolCall) -> Block:
        if part.kind == "custom":
            arguments: Any = {CUSTOM_INPUT: part.raw_arguments}
        else:
            arguments = self._object(part.raw_arguments)
        block: dict[str, Any] = {
            "type": "tool_use",
            "id": self._new_call_id(part.id),
            "name": self._names.of(part.name),
            "input": arguments,
        }
        if part.state is not None and (own := self._own(part.state, "messages.tool_call.state")) is not None:
            block = own | block
        return self._marked(block, part.cache)

    def _object(self, text: str) -> Any:
        """Arguments as the JSON object that the protocol wants, spliced as they stand where they are one."""
        try:
            if not text or text.isspace():
                return {}
            _fields(text)
            return msgspec.Raw(text)
        except (ValueError, RecursionError):
            self._losses.approximated("messages.tool_call.arguments", "they are no JSON object: sent inside one, as INVALID_JSON")
            return {"INVALID_JSON": clean_text(text)}

    def _hosted(self, part: HostedToolCall | HostedToolResult) -> Block | None:
        state = part.state
        own = self._own(state, "messages.hosted_tool") if state is not None else None
        if own is None:
            self._losses.dropped("messages.hosted_tool", _FOREIGN)
            return None
        if isinstance(part, HostedToolCall):
            own |= {"id": part.id, "name": part.name, "input": self._object(part.raw_arguments)}
        else:
            own |= {"tool_use_id": part.tool_call_id, "content": msgspec.Raw(part.data)}
        return self._marked(own, part.cache)


def _plain(part: Text) -> bool:
    text = part.text
    return part.cache is None and part.state is None and not part.citations and bool(text) and not text.isspace()


class _Typed(msgspec.Struct):
    type: str = ""


_typed = msgspec.json.Decoder(_Typed).decode


def _type_of(block: msgspec.Raw) -> str:
    try:
        return _typed(block).type
    except (ValueError, RecursionError):
        return ""


def _simple(blocks: list[Any]) -> Any:
    """The content of a turn: its text where that is all, else its blocks."""
    if len(blocks) == 1 and type(blocks[0]) is dict and len(blocks[0]) == 2 and blocks[0].get("type") == "text":
        return blocks[0]["text"]
    return blocks


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
