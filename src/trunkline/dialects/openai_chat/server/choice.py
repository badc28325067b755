"""What one choice of a stream has said so far, and the deltas that say more of it."""

from __future__ import annotations

from typing import Any

from ....values.events import AudioDelta, Finish, ToolCallDelta
from ....values.message import Audio, Citation, Opaque, Reasoning, Refusal, Text, ToolCall
from ...dialect import Context
from ...losses import Losses
from ..parts import base64_text
from . import pieces
from .pieces import Wire

_KNOWN = ("reasoning_details", "reasoning_encrypted", "annotations", "images")


class _Call:
    """A tool call. Until its id and name are known its arguments are held; ``number`` is the wire's, None until it was said."""

    __slots__ = ("arguments", "custom", "id", "name", "number", "said")

    def __init__(self) -> None:
        self.id: str = ""
        self.name: str = ""
        self.arguments: list[str] = []
        self.number: int | None = None
        self.custom: bool = False
        self.said: list[str] = []


class Choice:
    """One choice. Its methods give the deltas that say something new; ``text``, ``reasoning`` and ``refusal`` are the pieces of
    the part that is being said."""

    __slots__ = (
        "_context", "_losses", "audio_said", "calls", "citations", "finish", "number", "numbered", "opened", "prefix",
        "reasoning", "refusal", "sound", "start", "text", "text_prefix",
    )  # fmt: skip

    def __init__(self, number: int, context: Context, losses: Losses) -> None:
        self._context, self._losses = context, losses
        self.number: int = number
        self.opened: bool = False
        self.prefix: bytes = b""
        self.text_prefix: bytes = b""
        self.text: list[str] = []
        self.start: int = 0
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.citations: list[Citation] = []
        self.calls: dict[object, _Call] = {}
        self.numbered: int = 0
        self.audio_said: frozenset[str] = frozenset()
        self.sound: bytes = b""
        self.finish: Finish | None = None

    # --- parts that are whole -----------------------------------------------------------------------------------------

    def text_done(self, part: Text) -> list[Wire]:
        deltas: list[Wire] = []
        if rest := self._rest(self.text, part.text, "text"):
            self.text.append(rest)
            deltas.append({"content": rest})
        if part.state is not None:
            self._losses.dropped("text.state", "this protocol keeps no state there")
        for citation in part.citations:
            deltas += self.cite(citation)
        self.start += sum(map(len, self.text))
        self.text, self.citations = [], []
        return deltas

    def refusal_done(self, part: Refusal) -> list[Wire]:
        rest, self.refusal = self._rest(self.refusal, part.text, "refusal"), []
        return [{"refusal": rest}] if rest else []

    def _rest(self, said: list[str], whole: str, what: str) -> str:
        """What the pieces have not said of the whole; they cannot be taken back where it is not what they began."""
        begun = "".join(said)
        if not whole.startswith(begun):
            self._losses.approximated(what, "what was said in pieces is not what the part says")
            return ""
        return whole[len(begun) :]

    def cite(self, citation: Citation) -> list[Wire]:
        """The citation, unless it was said."""
        if citation in self.citations:
            return []
        self.citations.append(citation)
        if pieces.is_reference(citation):
            fields = pieces.message_fields(citation.state, "citations", self._losses)
            return [{"content": [fields]}] if "type" in fields else []
        note = pieces.note(citation, self.start, self.start + sum(map(len, self.text)), self._losses)
        return [] if note is None else [{"annotations": [note]}]

    def reasoning_done(self, part: Reasoning) -> list[Wire]:
        fields = pieces.message_fields(part.state, "reasoning.state", self._losses)
        said, self.reasoning = self.reasoning, []
        if "type" in fields and not said:
            return [{"content": [fields]}]
        if "type" in fields:
            self._losses.dropped("reasoning.state", "its words were said already, and it would say them twice")
            fields = {}
        named = next((name for name in ("reasoning_content", "reasoning") if name in fields), None)
        fields = {name: value for name, value in fields.items() if name != named}
        rest = self._rest(said, part.text, "reasoning")
        deltas: list[Wire] = [{named or pieces.reasoning_field(self._context): rest}] if rest else []
        first, *others = _apart(fields) or [{}]
        if first:
            # Empty reasoning beside the details: else their text would count as reasoning, and it was said.
            deltas.append({"reasoning": "", **first} if part.text and "reasoning_details" in first else first)
        return deltas + others

    def opaque(self, part: Opaque) -> list[Wire]:
        fields = pieces.message_fields(part.state, part.kind, self._losses)
        return [{"content": [fields]}] if "type" in fields else _apart(fields)

    # --- tool calls ---------------------------------------------------------------------------------------------------

    def call_delta(self, event: ToolCallDelta) -> list[Wire]:
        call = self.calls.get(event.index)
        if call is None:
            call = self.calls[event.index] = _Call()
        call.id, call.name = event.id or call.id, event.name or call.name
        return self._say(call, event.arguments)

    def call_done(self, part: ToolCall, index: int | None) -> list[Wire]:
        call = self._taken(part, index)
        rest = self._rest(call.said, part.raw_arguments, "tool_call.arguments")
        if call.number is None:
            call.id, call.name, call.custom, call.arguments = part.id, part.name, part.kind == "custom", []
        else:
            self._agrees(call, part)
        deltas = self._say(call, rest, whole=True)
        own = pieces.own_fields(part.state, "tool_call.state", self._losses)
        for name in own:
            if name != "extra_content" or not isinstance(own[name], dict):
                self._losses.dropped(f"tool_call.{name[:40]}", "a stream has no place for it")
        if isinstance(own.get("extra_content"), dict) and call.number is not None and not pieces.wants_functions(self._context):
            inner = {"custom": {"input": ""}} if call.custom else {"function": {"arguments": ""}}
            deltas.append({"tool_calls": [{"index": call.number, **inner, "extra_content": own["extra_content"]}]})
        return deltas

    def _agrees(self, call: _Call, part: ToolCall) -> None:
        if call.custom != (part.kind == "custom"):
            self._losses.approximated("tool_call.kind", "it had begun as a call of another kind")
        for name in ("id", "name"):
            if getattr(part, name) not in ("", getattr(call, name)):
                self._losses.approximated(f"tool_call.{name}", "it had begun with another")

    def _taken(self, part: ToolCall, index: int | None) -> _Call:
        """The call that ``part`` completes; one of its own where there is none."""
        if index is not None and index in self.calls:
            return self.calls.pop(index)
        known = next((key for key, call in self.calls.items() if part.id and call.id == part.id), None)
        return _Call() if known is None else self.calls.pop(known)

    def _say(self, call: _Call, arguments: str, *, whole: bool = False) -> list[Wire]:
        if call.number is not None:
            if not arguments:
                return []
            call.said.append(arguments)
            return self._more(call, arguments)
        call.arguments.append(arguments)
        if not call.name or not (call.id or whole):
            if whole:
                self._losses.dropped("tool_call", "it has no name")
            return []
        call.id = call.id or f"call_{self.number}_{self.numbered}"
        call.number, self.numbered = self.numbered, self.numbered + 1
        call.custom = call.custom or call.name in pieces.custom_tools(self._context)
        begun = "".join(call.arguments)
        call.said, call.arguments = [begun], []
        if pieces.wants_functions(self._context):
            if call.number:
                self._losses.dropped("tool_call", "whoever asks with functions is told one call")
                return []
            return [{"function_call": {"name": call.name, "arguments": begun}}]
        kind, field = ("custom", "input") if call.custom else ("function", "arguments")
        said = {"index": call.number, "id": call.id, "type": kind, kind: {"name": call.name, field: begun}}
        return [{"tool_calls": [said]}]

    def _more(self, call: _Call, arguments: str) -> list[Wire]:
        if pieces.wants_functions(self._context):
            return [] if call.number else [{"function_call": {"arguments": arguments}}]
        inner = {"custom": {"input": arguments}} if call.custom else {"function": {"arguments": arguments}}
        return [{"tool_calls": [{"index": call.number, **inner}]}]

    # --- sound --------------------------------------------------------------------------------------------------------

    def audio_delta(self, event: AudioDelta) -> list[Wire]:
        """Sound goes in whole groups of three bytes: so that the pieces of base64 can be joined."""
        said: Wire = {}
        if event.id and "id" not in self.audio_said:
            said["id"] = event.id
        data = self.sound + event.data
        usable = len(data) // 3 * 3
        self.sound = data[usable:]
        if usable:
            said["data"] = base64_text(data[:usable])
        if event.transcript:
            said["transcript"] = event.transcript
        self.audio_said |= said.keys()
        return [{"audio": said}] if said else []

    def audio_done(self, part: Audio) -> list[Wire]:
        said = pieces.sound(part, self._losses)
        if self.audio_said & {"data", "transcript"} or self.sound:
            said = {
                name: value
                for name, value in said.items()
                if name == "expires_at" or (name == "id" and name not in self.audio_said)
            }
            deltas = self.audio_end()
        else:
            deltas = []
        self.audio_said = frozenset()
        return [*deltas, {"audio": said}] if said else deltas

    def audio_end(self) -> list[Wire]:
        """The bytes that were held."""
        rest, self.sound = self.sound, b""
        return [{"audio": {"data": base64_text(rest)}}] if rest else []

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> list[Wire]:
        """What was held, now that nothing more comes."""
        deltas = self.audio_end()
        for call in self.calls.values():
            if call.number is None:
                deltas += self._say(call, "", whole=True)
        return deltas

    def reason(self, losses: Losses) -> str:
        """The wire's word for why it ended."""
        finish: Any = self.finish
        return pieces.wire_reason(
            "other" if finish is None else finish.reason,
            None if finish is None else finish.raw_reason,
            calls=self.numbered > 0,
            functions=pieces.wants_functions(self._context),
            losses=losses,
        )


def _apart(fields: Wire) -> list[Wire]:
    """Fields that readers know in one delta, a server's own in another."""
    known = {name: value for name, value in fields.items() if name in _KNOWN}
    own = {name: value for name, value in fields.items() if name not in _KNOWN}
    return [delta for delta in (known, own) if delta]
