"""Parts of a reply as parts of the wire (gemini §4, §7)."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.media import Data, FileId, Url
from ....values.message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Video,
)
from ...losses import Losses
from ...served_fields import REFUSED
from ...served_words import FOREIGN, SaidParts
from ..pieces import HOSTED_CALLS, HOSTED_RESULTS, ID, wire_id
from . import stand_in

Object = dict[str, Any]
_SIGNATURE = "thoughtSignature"
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode


class Parts(SaidParts):
    """The parts of one candidate."""

    __slots__ = ("called",)
    dialect = ID
    why_refused = "a refusal is text, and the reason why the reply ended"

    def __init__(self, losses: Losses) -> None:
        super().__init__(losses)
        self.called: bool = False

    def of(self, part: Part) -> list[Object]:
        """What says it: nothing for what cannot be said, and for a text that says nothing and holds no state."""
        if type(part) is Text:
            return self.text(part.text, part.state)
        if type(part) is Reasoning:
            return self.thought(part.text, part.state, redacted=part.redacted)
        if type(part) is ToolCall:
            return [self._call(part)]
        if type(part) is Refusal:
            self.refusal()
            return self.text(part.text, part.state)
        if type(part) is Opaque:
            own = self.own(part.state, part.kind)
            return [own] if own else []
        if type(part) is HostedToolCall or type(part) is HostedToolResult:
            return self._hosted(part)
        if type(part) is Image or type(part) is Audio or type(part) is Video or type(part) is File:
            return self._media(part)
        self.losses.dropped(f"message.{type(part).__name__.lower()}", "a reply has no such part here")
        return []

    def text(self, words: str, state: ProviderState | None) -> list[Object]:
        own = self.own(state, "text") or {}
        return [{"text": self.clean(words), **own}] if words or own else []

    def thought(self, words: str, state: ProviderState | None, *, redacted: bool = False) -> list[Object]:
        own = self.own(state, "reasoning") or {}
        if not (words or own):
            if redacted:
                self.losses.dropped("message.reasoning", "thinking that is hidden has no place here")
            return []
        return [{"text": self.clean(words), "thought": True, **own}]

    def _with_own(self, state: ProviderState | None, what: str, kind: str, said: Object) -> Object:
        """A part whose data are ``said`` and what the state holds of them, with its siblings."""
        own = self.own(state, what) or {}
        inner = own.pop(kind, None)
        if isinstance(inner, msgspec.Raw) and bytes(memoryview(inner)[:1]) == b"{":
            said = {**_fields(inner), **said}
        return {kind: said, **own}

    # --- calls ----------------------------------------------------------------------------------------------------------------

    def _call(self, part: ToolCall) -> Object:
        if not part.name:
            self.losses.approximated("message.tool_call.name", "it has none: unknown was said")
        said: Object = {
            "name": self.clean(part.name) or "unknown",
            "args": self.input(part.raw_arguments, custom=part.kind == "custom"),
        }
        if (id := wire_id(part.id)) is not None:
            said["id"] = self.clean(id)
        made = self._with_own(part.state, "tool_call", "functionCall", said)
        if not self.called:
            made.setdefault(_SIGNATURE, stand_in.SIGNATURE)
        self.called = True
        return made

    def _hosted(self, part: HostedToolCall | HostedToolResult) -> list[Object]:
        call = isinstance(part, HostedToolCall)
        kind = part.name if isinstance(part, HostedToolCall) else part.kind
        data = part.raw_arguments.encode("utf-8", "surrogatepass") if isinstance(part, HostedToolCall) else part.data
        try:
            known = kind in (HOSTED_CALLS if call else HOSTED_RESULTS) and isinstance(_any(data), dict)
        except REFUSED:
            known = False
        if not known or (part.state is not None and part.state.dialect != ID):
            self.losses.dropped("message.hosted_tool", FOREIGN)
            return []
        return [{kind: msgspec.Raw(data), **(self.own(part.state, "hosted_tool") or {})}]

    # --- media ----------------------------------------------------------------------------------------------------------------

    def _media(self, part: Image | Audio | Video | File) -> list[Object]:
        spoken = self.text(part.transcript, None) if isinstance(part, Audio) and part.transcript else []
        if spoken:
            self.losses.approximated("message.audio.transcript", "what is said stands beside the sound, as text")
        source = part.source
        named = {"displayName": self.clean(part.filename)} if isinstance(part, File) and part.filename else {}
        if isinstance(source, Data):
            said = {"mimeType": self.clean(source.media_type), "data": source.data, **named}
            return [*spoken, self._with_own(part.state, "media", "inlineData", said)]
        if isinstance(source, (Url, FileId)):
            said = {"fileUri": self.clean(source.url if isinstance(source, Url) else source.file_id), **named}
            if isinstance(source, Url) and source.media_type:
                said["mimeType"] = self.clean(source.media_type)
            return [*spoken, self._with_own(part.state, "media", "fileData", said)]
        if not spoken:
            self.losses.dropped(f"message.{type(part).__name__.lower()}", "there is nothing of it but its name")
        return spoken
