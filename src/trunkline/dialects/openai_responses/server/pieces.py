"""Parts of a reply as items of this protocol (openai-responses §4), for whole replies and for streams."""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.errors import MalformedResponseError
from ....values.media import Data
from ....values.message import (
    Audio,
    Citation,
    HostedToolCall,
    Image,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from ....values.response import TokenLogprob
from ....wire.loose_json import clean_text, loads, sound
from ...dialect import Context
from ...losses import Losses
from ..items import parts_of
from ..pieces import CALL_FIELDS, ID
from . import stand_in

Wire = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_UNLIKELY = -9999.0
REASONING = "rs"
"""How ids of reasoning begin."""
_STATUSES = ("completed", "incomplete")
_MESSAGE = ("type", "role", "content")
_NO_SUCH = "a reply of this protocol has no such part"
_FILES = ("file_citation", "file")


def as_json(value: Any, losses: Losses) -> bytes:
    """The JSON of ``value``. Of what others put into it, what JSON cannot hold becomes null, with a warning."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        losses.approximated("text", "half surrogates are no text: each was replaced by U+FFFD")
    except (TypeError, ValueError, OverflowError, RecursionError):
        losses.dropped("extra", "it cannot be written as JSON")
    return _encode(sound(value))


def own_fields(state: ProviderState | None, field: str, losses: Losses) -> Wire:
    """Provider state as the fields that it is; nothing where it is another protocol's."""
    if state is None:
        return {}
    if state.dialect != ID:
        losses.dropped(f"{field}.state", "it is another protocol's")
        return {}
    try:
        fields = loads(state.data)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        return fields
    losses.dropped(f"{field}.state", "it is not a JSON object")
    return {}


class Items:
    """Parts to items of one reply. No two of its items have one id, but for reasoning: some providers give several one, and what
    is sealed is sealed with its id."""

    __slots__ = ("_context", "_ids", "_losses", "_reply_id", "_sealed", "custom_tools")

    def __init__(self, context: Context, losses: Losses) -> None:
        served = context.served
        self._context, self._losses = context, losses
        self._reply_id: str = (served and served.reply_id) or stand_in.REPLY_ID
        self._sealed: bool = served is not None and served.sealed
        self._ids: set[str] = set()
        self.custom_tools: frozenset[str] = frozenset(() if served is None else served.custom_tools)

    def clean(self, text: str) -> str:
        """``text`` as JSON can say it."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self._losses.approximated("text", "half surrogates are no text: each was replaced by U+FFFD")
            return clean_text(text)
        return text

    def own(self, state: ProviderState | None, field: str) -> Wire:
        """The fields that only this protocol knows."""
        return own_fields(state, field, self._losses)

    def id(self, prefix: str, index: int, known: object = None) -> str:
        """The id of item number ``index``: the one that is ``known``, unless another item has it."""
        found = known if isinstance(known, str) and known and (prefix == REASONING or known not in self._ids) else None
        found = found or stand_in.item_id(prefix, self._reply_id, index)
        while found in self._ids and found != known:
            found += "_"
        self._ids.add(found)
        return found

    def call_id(self, known: str, index: int) -> str:
        return self.clean(known) or stand_in.call_id(self._reply_id, index)

    # --- whole items ----------------------------------------------------------------------------------------------------

    def of(self, part: Part, index: int) -> Wire | None:
        """The item that a part is by itself; None for what cannot be said."""
        if type(part) is Reasoning:
            return self._reasoning(part, index)
        if type(part) is ToolCall:
            return self._call(part, index)
        if type(part) is HostedToolCall or type(part) is Opaque:
            return self._verbatim(part, index)
        if type(part) is Image:
            return self._picture(part, index)
        self._losses.dropped(f"message.{type(part).__name__.lower()}", _NO_SUCH)
        return None

    def message(self, own: Wire, content: Sequence[Wire], index: int, status: str = "completed") -> Wire:
        """A message item; ``own`` is what its state says beside."""
        said = {name: value for name, value in own.items() if name not in _MESSAGE}
        said["id"] = self.id("msg", index, said.get("id"))
        if said.get("status") not in _STATUSES:
            said["status"] = status
        return {**said, "type": "message", "role": "assistant", "content": list(content)}

    def content(self, part: Text | Refusal | Audio, tokens: Sequence[TokenLogprob] = ()) -> Wire:
        """A part of a message's content."""
        if type(part) is Refusal:
            return {"type": "refusal", "refusal": self.clean(part.text)}
        if type(part) is Audio:
            self.transcript()
            return output_text(self.clean(part.transcript or ""), [], tokens)
        assert type(part) is Text
        notes = [note for citation in part.citations if (note := self.note(citation, len(part.text))) is not None]
        return output_text(self.clean(part.text), notes, tokens)

    def transcript(self) -> None:
        self._losses.approximated("message.audio", "replies are text here: the transcript alone")

    def _reasoning(self, part: Reasoning, index: int) -> Wire:
        own = self.own(part.state, "reasoning")
        summary, content = _texts(own.get("summary"), "summary_text"), _texts(own.get("content"), "reasoning_text")
        if summary is None or (not summary and not content):
            summary = [{"type": "summary_text", "text": self.clean(part.text)}] if part.text else []
        said = {**own, "type": "reasoning", "id": self.id(REASONING, index, own.get("id")), "summary": summary}
        if "content" in own:
            said["content"] = content
        return self.sealed(said)

    def sealed(self, item: Wire) -> Wire:
        """A reasoning item in which what is returned is text; where that was asked for and there is none, the stand-in."""
        held = item.get("encrypted_content")
        if "encrypted_content" in item and not isinstance(held, str):
            del item["encrypted_content"]
        if self._sealed and not held:
            item["encrypted_content"] = stand_in.SEALED
        if "status" in item and item["status"] not in _STATUSES:
            del item["status"]
        return item

    def only_sealed(self, own: Wire, index: int) -> Wire:
        """What is sealed of a reasoning item whose words were said under another id."""
        said = {name: value for name, value in own.items() if name != "content"}
        return self.sealed({**said, "type": "reasoning", "id": self.id(REASONING, index, own.get("id")), "summary": []})

    def _call(self, part: ToolCall, index: int) -> Wire:
        own = self.own(part.state, "tool_call")
        custom = part.kind == "custom" or part.name in self.custom_tools
        said = self.begun_call(part.id, part.name, index, custom=custom, known=own.get("id"))
        said["input" if custom else "arguments"] = self.clean(part.raw_arguments)
        return self.ended_call(said, own)

    def begun_call(self, call_id: str, name: str, index: int, *, custom: bool, known: object) -> Wire:
        """A call as it begins."""
        if not name:
            self._losses.approximated("message.tool_call.name", "it has none: unknown was said")
        kind, prefix, field = ("custom_tool_call", "ctc", "input") if custom else ("function_call", "fc", "arguments")
        said: Wire = {
            "type": kind,
            "id": self.id(prefix, index, known),
            "call_id": self.call_id(call_id, index),
            "name": self.clean(name) or "unknown",
            field: "",
        }
        return said if custom else {**said, "status": "in_progress"}

    def ended_call(self, said: Wire, own: Wire, status: str = "completed") -> Wire:
        """A call as it ends, with what only this protocol says of it."""
        said = {name: value for name, value in own.items() if name not in CALL_FIELDS} | said
        if said["type"] == "function_call":
            said["status"] = own["status"] if own.get("status") in _STATUSES else status
        return said

    def _verbatim(self, part: HostedToolCall | Opaque, index: int) -> Wire | None:
        what = part.kind if type(part) is Opaque else "hosted_tool"
        if part.state is None:
            self._losses.dropped(f"message.{what}", _NO_SUCH)
            return None
        own = self.own(part.state, f"message.{what}"[:100])
        kind = own.get("type")
        if not isinstance(kind, str) or kind in _OURS or not self._is_item(own, kind):
            if own:
                self._losses.dropped(f"message.{what}"[:100], "it is no item of this protocol")
            return None
        return {**own, "id": self.id(_PREFIXES.get(kind, "item"), index, own.get("id"))}

    def _is_item(self, own: Wire, kind: str) -> bool:
        """Whether a reader of ours can read it."""
        if not kind or (kind == "message" and not _is_message(own)):
            return False
        try:
            parts_of(as_json(own, self._losses), self._context, "$")
        except MalformedResponseError:
            return False
        return True

    def _picture(self, part: Image, index: int) -> Wire | None:
        if not isinstance(part.source, Data):
            self._losses.dropped("message.image", "pictures of a reply go as bytes here")
            return None
        self._losses.approximated("message.image", "a picture is what a hosted tool made here: image_generation_call")
        data = binascii.b2a_base64(part.source.data, newline=False).decode()
        return {"type": "image_generation_call", "id": self.id("ig", index), "status": "completed", "result": data}

    # --- citations ------------------------------------------------------------------------------------------------------

    def note(self, citation: Citation, length: int) -> Wire | None:
        """A citation as an annotation of a text of ``length`` characters; None where this protocol has no such thing."""
        if citation.state is not None and citation.state.dialect == ID:
            own = self.own(citation.state, "citations")
            if isinstance(own.get("type"), str) and own["type"]:
                return own
        elif citation.state is not None:
            self._losses.dropped("citations.state", "it is another protocol's")
        if citation.kind in ("url", "web") and citation.url:
            if citation.cited_text is not None:
                self._losses.dropped("citations.cited_text", "this protocol quotes nothing")
            start, end = citation.text_start or 0, length if citation.text_end is None else citation.text_end
            said: Wire = {"start_index": start, "end_index": end, "title": self.clean(citation.title or "")}
            return {"type": "url_citation", **said, "url": self.clean(citation.url)}
        if citation.kind in _FILES and citation.file_id:
            name = self.clean(citation.title or "")
            return {"type": "file_citation", "file_id": self.clean(citation.file_id), "filename": name, "index": length}
        self._losses.dropped("citations", "this protocol cites pages of the web and files only")
        return None


_OURS = frozenset({"reasoning", "function_call", "custom_tool_call"})
"""What our values say: no state stands for those."""
_PREFIXES = {
    "message": "msg", "web_search_call": "ws", "file_search_call": "fs", "code_interpreter_call": "ci", "mcp_call": "mcp",
    "image_generation_call": "ig", "computer_call": "cu", "mcp_list_tools": "mcpl", "compaction": "cmp",
}  # fmt: skip


def _is_message(item: Wire) -> bool:
    """Whether it is a message to the letter, but for the kinds of its parts."""
    content = item.get("content")
    if item.get("role") != "assistant" or item.get("status") not in _STATUSES or not isinstance(content, list):
        return False
    return all(isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] for part in content)


def is_worded(part: Wire) -> bool:
    """Whether a part of a message is one whose words are told in pieces."""
    if part["type"] == "refusal":
        return isinstance(part.get("refusal"), str)
    return (
        part["type"] == "output_text"
        and isinstance(part.get("text"), str)
        and all(isinstance(part.get(name), list) for name in ("annotations", "logprobs"))
    )


def output_text(text: str, notes: list[Wire], tokens: Sequence[TokenLogprob] = ()) -> Wire:
    """A text of a message."""
    return {"type": "output_text", "text": text, "annotations": notes, "logprobs": [token_of(token) for token in tokens]}


def token_of(token: TokenLogprob) -> Wire:
    """A token with its log probability and the likeliest others."""
    return {**_likely(token), "top_logprobs": [_likely(other) for other in token.top]}


def _likely(token: TokenLogprob) -> Wire:
    logprob = token.logprob if math.isfinite(token.logprob) else _UNLIKELY
    text = clean_text(token.token)
    return {"token": text, "bytes": list(text.encode() if token.bytes is None else token.bytes), "logprob": logprob}


def _texts(value: object, kind: str) -> list[Wire] | None:
    """The texts of reasoning as they stood; None where they are no such texts."""
    if not isinstance(value, list):
        return None
    for item in value:
        if not isinstance(item, dict) or item.get("type") != kind or not isinstance(item.get("text"), str):
            return None
    return value
