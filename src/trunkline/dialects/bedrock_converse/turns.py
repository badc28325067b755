"""Our messages as this protocol's turns: ``system`` on top, then user and assistant turns made of blocks, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ...values.errors import UsageError
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
from .media import Media
from .pieces import CUSTOM_INPUT, ID
from .tools import Names, cache_point

Block = dict[str, Any] | msgspec.Raw

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}").fullmatch
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_BLANK = "a text that is only white space is refused"
_FOREIGN = "bound to another provider or model, and not sent to this one"


class Turns:
    """Takes messages in order; ``system``, ``messages`` and ``called`` (names of tools) are then what goes on the wire.

    Users and the assistant take turns: neighbours of one role are joined (quirk ``alternate_roles`` False: only where results of
    tools and words follow one another). Results of tools come first in their turn.
    """

    __slots__ = (
        "_alternate", "_call_ids", "_called_in", "_losses", "_media", "_names", "_others", "_results", "_target", "_where",
        "called", "messages", "system",
    )  # fmt: skip

    def __init__(self, target: Target, names: Names, losses: Losses) -> None:
        self._target, self._names, self._losses = target, names, losses
        self._media = Media(losses)
        self._alternate = target.quirks.alternate_roles is not False
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self.called: dict[str, None] = {}
        self._results = 0  # how many blocks at the head of the last turn belong to results of tools
        self._others: list[Block] = []  # the blocks of the last turn that come after those
        self._call_ids: dict[str, str] = {}
        self._called_in: dict[str, int] = {}
        """Which message a call's id on the wire stands in."""
        self._where = 0

    def take(self, messages: Iterable[Message]) -> None:
        for self._where, message in enumerate(messages):
            if message.name is not None:
                self._losses.dropped("messages.name", "turns have no names here")
            if message.role == "system":
                self._system(message)
            elif message.role == "assistant":
                self._turn("assistant", self._all(message.parts, self._said))
            else:
                results = [part for part in message.parts if type(part) is ToolResult]
                others = [part for part in message.parts if type(part) is not ToolResult]
                self._turn("user", self._all(results, self._shown), self._all(others, self._shown))
        self._settle()

    def _settle(self) -> None:
        """Nothing more comes to the last turn."""
        if self._others:
            self.messages[-1]["content"] += self._others
            self._others = []

    def cache_all(self, mark: CacheMark) -> None:
        """Mark the end of all that was taken."""
        point = cache_point(mark, self._losses, self._target.quirks)
        if point is not None:
            (self.messages[-1]["content"] if self.messages else self.system).append(point)

    def _all(self, parts: Iterable[Part], encode: Any) -> list[Block]:
        """The blocks of parts, each with the mark that may follow it."""
        blocks: list[Block] = []
        for part in parts:
            block = encode(part)
            if block is None:
                continue
            blocks.append(block)
            mark = getattr(part, "cache", None)
            if mark is not None and (point := cache_point(mark, self._losses, self._target.quirks)) is not None:
                blocks.append(point)
        return blocks

    def _turn(self, role: str, blocks: list[Block], others: list[Block] | None = None) -> None:
        """Adds a turn, or adds to the last one where the two must be one. With ``others``, ``blocks`` are results of tools."""
        results, others = ([], blocks) if others is None else (blocks, others)
        if not results and not others:
            self._losses.dropped("messages", "a turn without content is refused")
            return
        turns = self.messages
        if turns and turns[-1]["role"] == role and (self._alternate or results or (self._results and role == "user")):
            turns[-1]["content"] += results
            self._others += others
            self._results += len(results)
        else:
            self._settle()
            turns.append({"role": role, "content": results})
            self._others, self._results = others, len(results)

    # --- system -------------------------------------------------------------------------------------------------------

    def _system(self, message: Message) -> None:
        for part in message.parts:
            if type(part) is not Text and type(part) is not Opaque:
                self._losses.dropped("messages.system", "instructions are text only")
        blocks = self._all([part for part in message.parts if type(part) is Text or type(part) is Opaque], self._shown)
        if not blocks:
            return
        if not self.messages:
            self.system += blocks
        elif self._target.quirks.no_system_in_messages is False:
            self._settle()
            self.messages.append({"role": "system", "content": blocks})
            self._results = 0
        else:
            self._losses.approximated("messages.system", "most models read instructions at the beginning only: put there")
            self.system += blocks

    # --- what users and tools say ---------------------------------------------------------------------------------------

    def _shown(self, part: Part) -> Block | None:
        if type(part) is Text:
            return self._text(part)
        if type(part) is Image:
            if self._target.quirks.no_images:
                self._losses.dropped("messages.image", "this model does not see")
                return None
            return self._own(part.state) or self._media.image(part)
        if type(part) is File:
            return self._own(part.state) or self._media.document(part)
        if type(part) is Video:
            return self._own(part.state) or self._media.video(part)
        if type(part) is Audio:
            return self._sound(part)
        if type(part) is Opaque:
            return self._verbatim(part.state, part.kind)
        if type(part) is ToolResult:
            return self._result(part)
        raise self._misplaced(part, "Text, Image, Audio, Video, File, ToolResult")

    def _own(self, state: ProviderState | None) -> Block | None:
        """A block of this provider's own form; None where there is none for this target."""
        return None if state is None else self._verbatim(state, "state")

    def _misplaced(self, part: Part, allowed: str) -> UsageError:
        return UsageError(
            "this part does not belong into a turn of this role", field=f"messages[{self._where}].parts", got=type(part).__name__,
            allowed=allowed,
        )  # fmt: skip

    def _text(self, part: Text) -> Block | None:
        if part.state is not None and (own := self._verbatim(part.state, "text.state")) is not None:
            return own
        text = part.text
        if part.citations:
            return self._cited(part)
        if not text or text.isspace():
            if text:
                self._losses.dropped("messages.text", _BLANK)
            elif part.cache is not None:
                self._losses.dropped("messages.cache", "an empty text cannot be marked")
            return None
        return {"text": text}

    def _cited(self, part: Text) -> Block | None:
        cited = [msgspec.Raw(c.state.data) for c in part.citations if c.state is not None and c.state.fits(ID, self._target)]
        if len(cited) < len(part.citations):
            self._losses.dropped("messages.citations", _FOREIGN)
        if not cited:
            return self._text(Text(part.text, cache=part.cache))
        content = {"content": [{"text": part.text}]} if part.text else {}
        return {"citationsContent": {**content, "citations": cited}}

    def _sound(self, part: Audio) -> Block | None:
        block = self._own(part.state) or self._media.audio(part)
        if block is None and part.transcript:
            self._losses.approximated("messages.audio", "sound is not understood here: its transcript is sent")
            return {"text": part.transcript}
        if block is None and part.source is None:
            self._losses.dropped("messages.audio", "there is no sound in it")
        return block

    def _verbatim(self, state: ProviderState | None, what: str) -> msgspec.Raw | None:
        if state is not None and state.fits(ID, self._target):
            return msgspec.Raw(state.data)
        self._losses.dropped(f"messages.{what}", _FOREIGN)
        return None

    def _fields_of(self, state: ProviderState, field: str) -> dict[str, Any] | None:
        """The fields of the wire that only this provider knows; None where they are not for this target."""
        if not state.fits(ID, self._target):
            self._losses.dropped(field, _FOREIGN)
            return None
        try:
            return dict(_fields(state.data))
        except (ValueError, RecursionError):
            raise UsageError("provider state that is not a JSON object", field=f"messages[{self._where}].parts") from None

    def _result(self, part: ToolResult) -> Block:
        own = self._fields_of(part.state, "messages.tool_result.state") if part.state is not None else None
        shown = [(inner, self._answered(inner)) for inner in part.parts]
        content = [block for _, block in shown if block is not None]
        if any(block is None and inner != Text("") for inner, block in shown):
            self._losses.dropped("messages.tool_result", "some of what a tool answered cannot be said here")
        said: dict[str, Any] = {"toolUseId": self._call_id(part.tool_call_id), "content": content}
        if part.is_error:
            said["status"] = "error"
        return {"toolResult": {**(own or {}), **said}}

    def _answered(self, part: Part) -> Block | None:
        """A piece of what a tool answered, which takes no mark, no citations and no sound."""
        if getattr(part, "cache", None) is not None:
            self._losses.dropped("messages.cache", "a piece of what a tool answered cannot be marked, only the whole")
        if type(part) is Text and part.citations:
            self._losses.dropped("messages.citations", "what a tool answered cites nothing here")
            part = Text(part.text)
        if type(part) is not Audio:
            return self._shown(part)
        if part.transcript:
            self._losses.approximated("messages.audio", "tools answer no sound here: its transcript is sent")
            return {"text": part.transcript}
        self._losses.dropped("messages.audio", "tools answer no sound here")
        return None

    def _new_call_id(self, ours: str) -> str:
        """The id of a call: ``ours``, or what stands for it where the protocol refuses it or has seen it before."""
        wire = ours
        if not _CALL_ID(ours):
            wire = f"{_NOT_IN_ID.sub('_', ours)[:48]}_{len(self._called_in)}"
            self._losses.renamed("messages.tool_call.id", "a call's id is made of 1 to 64 letters, digits and _.:-")
        while self._called_in.get(wire, self._where) != self._where:  # some servers count anew in every turn
            wire = f"{wire[:56]}_{len(self._called_in)}"
            self._losses.renamed("messages.tool_call.id", "no two calls of a conversation may share an id")
        self._called_in[wire] = self._where
        if wire != ours or ours in self._call_ids:
            self._call_ids[ours] = wire
        return wire

    def _call_id(self, ours: str) -> str:
        """The id of the latest call of that name of ours, for its result."""
        known = self._call_ids.get(ours, ours)
        return known if _CALL_ID(known) else self._new_call_id(ours)

    # --- what the model said --------------------------------------------------------------------------------------------

    def _said(self, part: Part) -> Block | None:
        if type(part) is Reasoning:
            return self._verbatim(part.state, "reasoning")
        if type(part) is ToolCall:
            return self._call(part)
        if type(part) is HostedToolCall or type(part) is HostedToolResult:
            return self._hosted(part)
        if type(part) is Refusal:
            self._losses.approximated("messages.refusal", "a refusal is sent as text")
            return self._text(Text(part.text))
        if type(part) is ToolResult:
            raise self._misplaced(part, "Text, Reasoning, ToolCall, …")
        if type(part) is Audio and part.transcript:
            self._losses.approximated("messages.audio", "the assistant's sound is sent as its transcript")
            return {"text": part.transcript}
        return self._shown(part)

    def _call(self, part: ToolCall) -> Block:
        name = self._names.of(part.name)
        self.called[name] = None
        arguments = {CUSTOM_INPUT: part.raw_arguments} if part.kind == "custom" else self._object(part.raw_arguments)
        own = self._fields_of(part.state, "messages.tool_call.state") if part.state is not None else None
        return {"toolUse": {**(own or {}), "toolUseId": self._new_call_id(part.id), "name": name, "input": arguments}}

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
        own = self._fields_of(part.state, "messages.hosted_tool") if part.state is not None else None
        if own is None:
            self._losses.dropped("messages.hosted_tool", _FOREIGN)
            return None
        if isinstance(part, HostedToolCall):
            return {"toolUse": {**own, "toolUseId": part.id, "name": part.name, "input": self._object(part.raw_arguments)}}
        return {"toolResult": {**own, "toolUseId": part.tool_call_id, "content": msgspec.Raw(part.data)}}
