"""What one choice has said: a whole message, or deltas as they come. One reading for both, so that a stream and a reply agree."""

from __future__ import annotations

import binascii
import hashlib
from typing import Any, Literal

import msgspec

from ...values.errors import MalformedResponseError
from ...values.events import (
    AudioDelta, CitationDelta, Event, Finish, PartDone, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta,
)
from ...values.media import Data, Source, Url
from ...values.message import (
    Audio, Citation, Image, Opaque, Part, ProviderState, Reasoning, Refusal, Scope, Text, ToolCall,
)
from ...values.response import FinishReason, TokenLogprob
from ..dialect import Context

ID = "openai-chat"
MESSAGE_FIELDS = frozenset({
    "role", "content", "refusal", "tool_calls", "function_call", "audio", "annotations", "images", "reasoning", "reasoning_content",
    "reasoning_details", "reasoning_encrypted",
})  # fmt: skip

_REASONS: dict[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end": "stop", "complete": "stop",
    "completed": "stop", "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls", "tool_call": "tool_calls",
    "content_filter": "content_filter", "sensitive": "content_filter", "safety": "content_filter", "error": "error",
    "network_error": "error", "insufficient_system_resource": "error", "abort": "error",
}  # fmt: skip


class _Call:
    __slots__ = ("arguments", "id", "kind", "name", "ordinal", "state", "wire_index")

    def __init__(self, ordinal: int, wire_index: object) -> None:
        self.ordinal, self.wire_index = ordinal, wire_index
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.kind: Literal["function", "custom"] = "function"
        self.state: dict[str, Any] = {}


class Gathered:
    """One choice. ``take`` reads a message or a delta and tells its events; ``parts`` is what it amounts to."""

    __slots__ = (
        "audio", "audio_facts", "audio_pending", "calls", "citations", "context", "details", "encrypted", "extra", "images", "logprobs",
        "notes", "number", "opaque", "raw_reason", "reasoning", "refusal", "reply_id", "text", "thinking", "transcript",
    )  # fmt: skip

    def __init__(self, number: int, context: Context) -> None:
        self.number, self.context = number, context
        self.reply_id: str | None = None
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.citations: list[Citation] = []
        self.notes: list[Any] = []
        self.details: list[dict[str, Any]] = []
        self.encrypted: Any = None
        self.thinking: dict[str, Any] | None = None
        self.audio: list[bytes] = []
        self.audio_pending = ""
        self.audio_facts: dict[str, Any] = {}
        self.transcript: list[str] = []
        self.images: list[Image] = []
        self.opaque: list[Opaque] = []
        self.calls: list[_Call] = []
        self.logprobs: list[TokenLogprob] = []
        self.raw_reason: str | None = None
        self.extra: dict[str, Any] = {}

    # --- reading ------------------------------------------------------------------------------------------------------

    def take(self, said: dict[str, Any], events: list[Event], logprobs: object = None, *, whole: bool = False) -> None:
        """Read one message (``whole``) or delta; what it tells is appended to ``events``."""
        tokens, refused = read_logprobs(logprobs)
        self.logprobs += tokens + refused
        before = len(self.text)
        self._reasoning(said, events, whole=whole)
        content = said.get("content")
        if content is not None:
            self._content(content, events)
        text = "".join(self.text[before:])
        if text or tokens:
            events.append(TextDelta(text, self.number, None, tokens))
        refusal = said.get("refusal")
        if isinstance(refusal, str) and (refusal or refused):
            self.refusal.append(refusal)
            events.append(RefusalDelta(refusal, self.number, None, refused))
        if len(said) > 2:
            self._uncommon(said, events, whole=whole)
        elif "tool_calls" in said or "function_call" in said or "audio" in said or "images" in said or "annotations" in said:
            self._uncommon(said, events, whole=whole)

    def _uncommon(self, said: dict[str, Any], events: list[Event], *, whole: bool) -> None:
        if notes := said.get("annotations"):
            self._annotations(notes, events)
        if isinstance(audio := said.get("audio"), dict):
            self._audio(audio, events)
        if images := said.get("images"):
            self.images += [image for item in _dicts(images) if (image := _image(item)) is not None]
        if calls := said.get("tool_calls"):
            self._calls(calls, events, whole=whole)
        if isinstance(call := said.get("function_call"), dict):
            self._call({"index": "function_call", "function": call}, events, whole=False)
        for name, value in said.items():
            if name not in MESSAGE_FIELDS and value is not None:
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
            self._cite(_reference(part, self.context), events)
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            self.refusal.append(part["refusal"])
            events.append(RefusalDelta(part["refusal"], self.number))
        elif kind == "image_url" and (image := _image(part)) is not None:
            self.images.append(image)
        else:
            self.opaque.append(Opaque(str(kind), self._state(part)))

    def _thinking(self, part: dict[str, Any], events: list[Event]) -> None:
        """A part that holds reasoning: Mistral's ``thinking`` (texts under ``thinking``), Databricks' ``reasoning`` (under ``summary``)."""
        field = "thinking" if part["type"] == "thinking" else "summary"
        items = part.get(field)
        items = [{"type": "text", "text": items}] if isinstance(items, str) else _dicts(items)
        if self.thinking is None:
            self.thinking = {"type": part["type"], field: []}
        self.thinking.update({name: value for name, value in part.items() if name not in ("type", field)})
        _merge(self.thinking[field] if isinstance(self.thinking.get(field), list) else [], items)
        text = "".join([item["text"] for item in items if isinstance(item.get("text"), str)])
        if text:
            self.reasoning.append(text)
            events.append(ReasoningDelta(text, self.number))

    def _reasoning(self, said: dict[str, Any], events: list[Event], *, whole: bool) -> None:
        text = said.get("reasoning_content") or said.get("reasoning")
        details = said.get("reasoning_details")
        if details:
            items = _dicts(details)
            if whole:
                self.details += items
            else:
                _merge(self.details, items)
            if not isinstance(text, str):
                text = "".join([words for item in items if isinstance(words := item.get("text") or item.get("summary"), str)])
        if said.get("reasoning_encrypted") is not None:
            self.encrypted = said["reasoning_encrypted"]
        if isinstance(text, str) and text:
            self.reasoning.append(text)
            events.append(ReasoningDelta(text, self.number))

    def _annotations(self, notes: object, events: list[Event]) -> None:
        for note in _dicts(notes):
            if note.get("type") == "url_citation" or "url" in note:
                self._cite(_url_citation(note), events)
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
            events.append(AudioDelta(data, words, _text(self.audio_facts.get("id")), self.number))

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
        name, call_id = _text(body.get("name")), _text(item.get("id"))
        call = self._new_call(item) if whole else self._which_call(item, call_id, name)
        first = not call.name and not call.id
        if isinstance(custom, dict) or item.get("type") == "custom":
            call.kind = "custom"
        if not call.id and call_id:
            call.id = call_id
        if not call.name and name:
            call.name = self.context.tool_names.get(name, name)
        if item.get("extra_content"):
            call.state["extra_content"] = item["extra_content"]
        piece = _arguments(body.get("input") if call.kind == "custom" else body.get("arguments"))
        if piece:
            call.arguments.append(piece)
        if first or piece:
            told = first or len(call.arguments) == 1
            events.append(ToolCallDelta(call.ordinal, self._call_id(call) if told else None, call.name or None, piece, self.number)
                          if told else ToolCallDelta(call.ordinal, None, None, piece, self.number))  # fmt: skip

    def _new_call(self, item: dict[str, Any]) -> _Call:
        call = _Call(len(self.calls), item.get("index"))
        self.calls.append(call)
        return call

    def _which_call(self, item: dict[str, Any], call_id: str, name: str) -> _Call:
        """The call that a piece belongs to: by index, else by id, else the last; a second name and id under one index is a call of its own."""
        index = item.get("index")
        if index is not None:
            for call in reversed(self.calls):
                if call.wire_index == index:
                    return self._new_call(item) if call_id and name and call.id not in ("", call_id) and call.arguments else call
            return self._new_call(item)
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
        if not text and not state:
            return None
        return Reasoning(text, not text, self._state(state, must_return=sealed) if state else None)

    def _audio_part(self) -> Audio:
        sound = b"".join(self.audio)
        expires = self.audio_facts.get("expires_at")
        return Audio(
            Data(sound, _sound_type(sound)) if sound else None,
            "".join(self.transcript) or None,
            _text(self.audio_facts.get("id")) or None,
            int(expires) if isinstance(expires, (int, float)) else None,
        )

    def _state(self, data: dict[str, Any], *, must_return: bool = False) -> ProviderState:
        target = self.context.target
        return ProviderState(ID, msgspec.json.encode(data), Scope(target.provider, target.model), must_return)

    def reason(self) -> FinishReason:
        """Why it ended: ``tool_calls`` whenever there are calls."""
        if self.calls:
            return "tool_calls"
        return _REASONS.get((self.raw_reason or "").lower(), "other")

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


# --- pieces -----------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if type(value) is int else None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _merge(into: list[dict[str, Any]], items: list[dict[str, Any]]) -> None:
    """Fragments of reasoning: ``text`` and ``summary`` of one index and type grow, everything else is set."""
    for item in items:
        known = next((old for old in reversed(into) if _continues(old, item, last=old is into[-1])), None)
        if known is None:
            into.append(dict(item))
            continue
        for name, value in item.items():
            if name in ("text", "summary") and isinstance(value, str) and isinstance(known.get(name), str):
                known[name] += value
            elif value is not None:
                known[name] = value


def _continues(old: dict[str, Any], item: dict[str, Any], *, last: bool) -> bool:
    if old.get("type") != item.get("type") or old.get("index") != item.get("index"):
        return False
    if old.get("id") and item.get("id") and old["id"] != item["id"]:
        return False
    return last or item.get("index") is not None


def _url_citation(note: dict[str, Any]) -> Citation:
    facts = note.get("url_citation")
    facts = facts if isinstance(facts, dict) else note
    return Citation(
        "url",
        cited_text=_text(facts.get("content") or facts.get("summary")) or None,
        title=_text(facts.get("title")) or None,
        url=_text(facts.get("url")) or None,
        text_start=_number(facts.get("start_index")),
        text_end=_number(facts.get("end_index")),
    )


def _reference(part: dict[str, Any], context: Context) -> Citation:
    ids = part.get("reference_ids")
    source = ",".join(str(one) for one in ids) if isinstance(ids, list) else None
    state = ProviderState(ID, msgspec.json.encode(part), Scope(context.target.provider))
    return Citation("search_result", source=source, state=state)


def _image(item: dict[str, Any]) -> Image | None:
    place = item.get("image_url")
    url = place.get("url") if isinstance(place, dict) else place
    return Image(read_url(url)) if isinstance(url, str) and url else None


def read_url(url: str) -> Source:
    """The bytes of a ``data:`` URL, or the address as it is."""
    head, comma, body = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return Url(url)
    try:
        return Data(binascii.a2b_base64(body), head[5:-7].partition(";")[0] or "application/octet-stream")
    except ValueError:
        return Url(url)


def _sound_type(sound: bytes) -> str:
    for mark, kind in ((b"RIFF", "wav"), (b"ID3", "mpeg"), (b"fLaC", "flac"), (b"OggS", "ogg"), (b"\xff\xf1", "aac"), (b"\xff\xf9", "aac")):
        if sound.startswith(mark):
            return f"audio/{kind}"
    return "audio/mpeg" if sound[:1] == b"\xff" and sound[1:2] in (b"\xfb", b"\xf3", b"\xf2") else "audio/pcm"


def read_logprobs(value: object) -> tuple[tuple[TokenLogprob, ...], tuple[TokenLogprob, ...]]:
    """The tokens of the text, and of the refusal. An older form (parallel lists) is read too."""
    if not isinstance(value, dict):
        return (), ()
    if isinstance(tokens := value.get("tokens"), list) and isinstance(values := value.get("token_logprobs"), list):
        pairs = [{"token": token, "logprob": number} for token, number in zip(tokens, values, strict=False)]
        return _tokens(pairs), ()
    return _tokens(value.get("content")), _tokens(value.get("refusal"))


def _tokens(items: object) -> tuple[TokenLogprob, ...]:
    return tuple([token for item in _dicts(items) if (token := _token(item)) is not None])


def _token(item: dict[str, Any]) -> TokenLogprob | None:
    token, number, raw = item.get("token"), item.get("logprob"), item.get("bytes")
    if not isinstance(token, str) or not isinstance(number, (int, float)):
        return None
    whole = tuple(raw) if isinstance(raw, list) and all(type(byte) is int for byte in raw) else None
    return TokenLogprob(token, float(number), whole, _tokens(item.get("top_logprobs")))
