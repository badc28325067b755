"""What one choice has said: a whole message, or deltas as they come. One reading for both, so that a stream and a reply agree."""

from __future__ import annotations

import binascii
import hashlib
from typing import Any, Literal

import msgspec

from ...values.errors import MalformedResponseError
from ...values.events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from ...values.media import Data
from ...values.message import (
    Audio,
    Citation,
    Image,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
)
from ...values.response import FinishReason, TokenLogprob
from ..dialect import Context
from .pieces import (
    ID,
    arguments_text,
    finish_reason,
    image_of,
    merge_fragments,
    objects,
    read_logprobs,
    reference,
    sound_type,
    text_of,
    url_citation,
)

_PLAIN_FIELDS = frozenset(
    {"role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details", "reasoning_encrypted"}
)
_FIELDS = _PLAIN_FIELDS | {"tool_calls", "function_call", "audio", "annotations", "images"}


class _Call:
    __slots__ = ("arguments", "id", "kind", "name", "ordinal", "state", "wire_index")

    def __init__(self, ordinal: int, wire_index: object) -> None:
        self.ordinal: int = ordinal
        self.wire_index: object = wire_index
        self.id: str = ""
        self.name: str = ""
        self.arguments: list[str] = []
        self.kind: Literal["function", "custom"] = "function"
        self.state: dict[str, Any] = {}


class Gathered:
    """One choice. ``take`` reads a message or a delta and tells its events; ``parts`` is what it amounts to."""

    __slots__ = (
        "audio", "audio_facts", "audio_pending", "calls", "citations", "context", "details", "encrypted", "extra", "images",
        "logprobs", "notes",
        "number", "opaque", "raw_reason", "reasoning", "reasoning_name", "refusal", "reply_id", "text", "thinking", "transcript",
    )  # fmt: skip

    reasoning: list[str]
    refusal: list[str]
    citations: list[Citation]
    notes: list[Any]
    details: list[dict[str, Any]]
    audio: list[bytes]
    audio_facts: dict[str, Any]
    transcript: list[str]
    images: list[Image]
    opaque: list[Opaque]
    calls: list[_Call]
    logprobs: list[TokenLogprob]
    extra: dict[str, Any]

    def __init__(self, number: int, context: Context) -> None:
        self.number: int = number
        self.context: Context = context
        self.reply_id: str | None = None
        self.text: list[str] = []
        self.reasoning_name: str | None = None
        self.encrypted: Any = None
        self.thinking: dict[str, Any] | None = None
        self.audio_pending: str = ""
        self.raw_reason: str | None = None

    def __getattr__(self, name: str) -> Any:
        """An open stream has one of these: what it says nothing of costs it nothing."""
        if name not in Gathered.__slots__:
            raise AttributeError(name)
        made: Any = {} if name in ("audio_facts", "extra") else []
        setattr(self, name, made)
        return made

    def settled(self) -> bool:
        """Whether text is just text from here on (see ``marked``)."""
        return True

    # --- reading ------------------------------------------------------------------------------------------------------

    def take(self, said: dict[str, Any], events: list[Event], logprobs: object = None, *, whole: bool = False) -> None:
        """Read one message (``whole``) or delta; what it tells is appended to ``events``."""
        tokens, refused = read_logprobs(logprobs)
        if tokens or refused:
            self.logprobs += tokens + refused
        before = len(self.text)
        self._reasoning(said, events, whole=whole)
        content = said.get("content")
        if content is not None:
            self._content(content, events)
        text = "".join(self.text[before:])
        if text or tokens:
            events.append(TextDelta(text, self.number, None, tokens))
        refusal = text_of(said.get("refusal"))
        if refusal or refused:
            self._refuse(refusal, events, refused)
        if not _PLAIN_FIELDS.issuperset(said):
            self._uncommon(said, events, whole=whole)

    def _refuse(self, words: str, events: list[Event], tokens: tuple[TokenLogprob, ...] = ()) -> None:
        if words:
            self.refusal.append(words)
        events.append(RefusalDelta(words, self.number, None, tokens))

    def _uncommon(self, said: dict[str, Any], events: list[Event], *, whole: bool) -> None:
        if notes := said.get("annotations"):
            self._annotations(notes, events)
        if isinstance(audio := said.get("audio"), dict):
            self._audio(audio, events)
        if images := said.get("images"):
            self.images += [image for item in objects(images) if (image := image_of(item)) is not None]
        if calls := said.get("tool_calls"):
            self._calls(calls, events, whole=whole)
        if isinstance(call := said.get("function_call"), dict):
            self._call({"index": "function_call", "function": call}, events, whole=False)
        for name, value in said.items():
            if name not in _FIELDS and value is not None:
                self.extra[name] = value

    def _content(self, content: object, events: list[Event]) -> None:
        if isinstance(content, str):
            if content:
                self.text.append(content)
        elif isinstance(content, list):
            for item in content:
                self._part(item, events)
        elif isinstance(content, dict) and isinstance(content.get("type"), str):
            self._part(content, events)
        elif isinstance(content, dict):  # some give structured output as the object that it is
            self.text.append(msgspec.json.encode(content).decode())
        else:
            raise self._malformed("content")

    def _part(self, part: object, events: list[Event]) -> None:
        if isinstance(part, str):
            self.text.append(part)
            return
        if not isinstance(part, dict):
            raise self._malformed("content[]")
        kind = part.get("type")
        if kind in ("text", "output_text") and isinstance(part.get("text"), str):
            self.text.append(part["text"])
        elif kind in ("thinking", "reasoning"):
            self._thinking(part, events)
        elif kind == "reference":
            self._cite(reference(part, self.context), events)
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            self._refuse(part["refusal"], events)
        elif kind == "image_url" and (image := image_of(part)) is not None:
            self.images.append(image)
        else:
            self.opaque.append(Opaque(str(kind), self._state(part)))

    def _thinking(self, part: dict[str, Any], events: list[Event]) -> None:
        """A part that holds reasoning: ``thinking`` has its texts under ``thinking``, ``reasoning`` under ``summary``."""
        field = "thinking" if part["type"] == "thinking" else "summary"
        items = part.get(field)
        items = [{"type": "text", "text": items}] if isinstance(items, str) else objects(items)
        if self.thinking is None:
            self.thinking = {"type": part["type"], field: []}
        self.thinking.update({name: value for name, value in part.items() if name not in ("type", field)})
        merge_fragments(self.thinking[field] if isinstance(self.thinking.get(field), list) else [], items)
        text = "".join([item["text"] for item in items if isinstance(item.get("text"), str)])
        if text:
            self.reasoning.append(text)
            events.append(ReasoningDelta(text, self.number))

    def _reasoning(self, said: dict[str, Any], events: list[Event], *, whole: bool) -> None:
        text = said.get("reasoning_content") or said.get("reasoning")
        details = said.get("reasoning_details")
        if details:
            items = objects(details)
            if whole:
                self.details += items
            else:
                merge_fragments(self.details, items)
            if not isinstance(text, str):
                text = "".join([words for item in items if isinstance(words := item.get("text") or item.get("summary"), str)])
        if said.get("reasoning_encrypted") is not None:
            self.encrypted = said["reasoning_encrypted"]
        if isinstance(text, str) and text:
            self.reasoning_name = "reasoning_content" if said.get("reasoning_content") else "reasoning"
            self.reasoning.append(text)
            events.append(ReasoningDelta(text, self.number))

    def _annotations(self, notes: object, events: list[Event]) -> None:
        for note in objects(notes):
            if note.get("type") == "url_citation" or "url" in note:
                self._cite(url_citation(note), events)
            elif note not in self.notes:
                self.notes.append(note)

    def _cite(self, citation: Citation, events: list[Event]) -> None:
        if citation not in self.citations:
            self.citations.append(citation)
            events.append(CitationDelta(citation, self.number))

    def _audio(self, audio: dict[str, Any], events: list[Event]) -> None:
        for name in ("id", "expires_at"):
            if audio.get(name) is not None:
                self.audio_facts[name] = audio[name]
        data, words = b"", audio.get("transcript")
        words = words if isinstance(words, str) else ""
        if isinstance(audio.get("data"), str):
            self.audio_pending += audio["data"]
            usable = len(self.audio_pending) // 4 * 4
            try:
                data = binascii.a2b_base64(self.audio_pending[:usable])
            except ValueError:
                raise self._malformed("audio.data") from None
            self.audio_pending = self.audio_pending[usable:]
        self.audio.append(data)
        self.transcript.append(words)
        if data or words:
            events.append(AudioDelta(data, words, text_of(self.audio_facts.get("id")), self.number))

    # --- tool calls ---------------------------------------------------------------------------------------------------

    def _calls(self, calls: object, events: list[Event], *, whole: bool) -> None:
        if not isinstance(calls, list):
            raise self._malformed("tool_calls")
        for item in calls:
            if not isinstance(item, dict):
                raise self._malformed("tool_calls[]")
            self._call(item, events, whole=whole)

    def _call(self, item: dict[str, Any], events: list[Event], *, whole: bool) -> None:
        function = item.get("function")
        custom = item.get("custom")
        body = function if isinstance(function, dict) else custom if isinstance(custom, dict) else {}
        name, call_id = text_of(body.get("name")), text_of(item.get("id"))
        known = len(self.calls)
        call = self._new_call(item) if whole else self._which_call(item, call_id, name)
        if isinstance(custom, dict) or item.get("type") == "custom":
            call.kind = "custom"
        new_id = self._call_id(call) if len(self.calls) > known and not call_id else None
        if not call.id and call_id:
            call.id = new_id = call_id
        new_name = None
        if not call.name and name:
            call.name = new_name = self.context.tool_names.get(name, name)
        if item.get("extra_content"):
            call.state["extra_content"] = item["extra_content"]
        piece = arguments_text(body.get("input") if call.kind == "custom" else body.get("arguments"))
        if piece:
            call.arguments.append(piece)
        if new_id or new_name or piece:
            events.append(ToolCallDelta(call.ordinal, new_id, new_name, piece, self.number))

    def call_at(self, index: object) -> _Call | None:
        """The call that the wire numbers so."""
        return next((call for call in reversed(self.calls) if call.wire_index == index), None)

    def _new_call(self, item: dict[str, Any]) -> _Call:
        call = _Call(len(self.calls), item.get("index"))
        self.calls.append(call)
        return call

    def _which_call(self, item: dict[str, Any], call_id: str, name: str) -> _Call:
        """The call that a piece belongs to: by index, else by id, else the last. Another id and name: another call."""
        index = item.get("index")
        if index is not None:
            call = self.call_at(index)
            other = call is not None and call_id and name and call.id not in ("", call_id) and call.arguments
            return self._new_call(item) if call is None or other else call
        if call_id:
            return next((call for call in self.calls if call.id == call_id), None) or self._new_call(item)
        if not self.calls or (name and self.calls[-1].name):
            return self._new_call(item)
        return self.calls[-1]

    def _call_id(self, call: _Call) -> str:
        """Its id; where the provider gives none, one that an answer can name."""
        if call.id:
            return call.id
        seed = f"{self.reply_id}/{self.number}/{call.ordinal}".encode("utf-8", "surrogatepass")
        return f"call_{hashlib.sha256(seed).hexdigest()[:24]}"

    # --- what it amounts to -------------------------------------------------------------------------------------------

    def parts(self) -> tuple[Part, ...]:
        """Its parts in one order whatever the order of arrival: reasoning, text, refusal, sound, pictures, others, tool calls."""
        parts: list[Part] = []
        if (reasoning := self._reasoning_part()) is not None:
            parts.append(reasoning)
        if self.text or self.citations:
            parts.append(Text("".join(self.text), tuple(self.citations)))
        if self.refusal:
            parts.append(Refusal("".join(self.refusal)))
        if self.audio:
            parts.append(self._audio_part())
        parts += self.images
        if self.notes:
            parts.append(Opaque("annotations", self._state({"annotations": self.notes})))
        parts += self.opaque
        parts += [
            ToolCall(
                self._call_id(call), call.name, "".join(call.arguments), call.kind,
                state=self._state(call.state, must_return=True) if call.state else None,
            )
            for call in self.calls
        ]  # fmt: skip
        return tuple(parts)

    def _reasoning_part(self) -> Reasoning | None:
        text, sealed = "".join(self.reasoning), False
        state: dict[str, Any] = {}
        if self.details:
            state["reasoning_details"] = self.details
            sealed = any(item.get("signature") or item.get("data") for item in self.details)
        if self.encrypted is not None:
            state["reasoning_encrypted"] = self.encrypted
        if self.thinking is not None:
            state.update(self.thinking)
        if not state and text and self.reasoning_name and self.context.target.quirks.reasoning_field == "as_sent":
            state[self.reasoning_name] = text
        if not text and not state:
            return None
        return Reasoning(text, not text, self._state(state, must_return=sealed) if state else None)

    def _audio_part(self) -> Audio:
        sound = b"".join(self.audio)
        expires, name = self.audio_facts.get("expires_at"), text_of(self.audio_facts.get("id")) or None
        return Audio(
            Data(sound, sound_type(sound)) if sound else None,
            "".join(self.transcript) or None,
            name,
            expires if type(expires) is int else None,
            state=self._state({"audio": {"id": name}}) if name else None,
        )

    def _state(self, data: dict[str, Any], *, must_return: bool = False) -> ProviderState:
        target = self.context.target
        return ProviderState(ID, msgspec.json.encode(data), Scope(target.owner, target.model), must_return)

    def reason(self) -> FinishReason:
        """Why it ended: ``tool_calls`` whenever there are calls."""
        if self.calls:
            return "tool_calls"
        return finish_reason(self.raw_reason)

    def done(self, extra: dict[str, Any]) -> list[Event]:
        """The events that close it."""
        events: list[Event] = []
        ordinal = 0
        for part in self.parts():
            if type(part) is ToolCall:
                events.append(PartDone(part, ordinal, self.number))
                ordinal += 1
            else:
                events.append(PartDone(part, None, self.number))
        events.append(Finish(self.reason(), self.raw_reason, self.number, None, extra))
        return events

    def _malformed(self, field: str) -> MalformedResponseError:
        target = self.context.target
        path = f"$.choices[{self.number}].{'delta' if self.context.stream else 'message'}.{field}"
        return MalformedResponseError(path=path, provider=target.provider, model=target.model)
