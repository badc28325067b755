"""What one candidate has said: all at once or in pieces. One reading for both, so that a stream and a whole reply agree."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from ...values.events import AudioDelta, CitationDelta, Event, Finish, PartDone, ReasoningDelta, TextDelta
from ...values.media import Data
from ...values.message import Audio, Citation, Part, Reasoning, Text, ToolCall
from ...values.response import FinishReason, TokenLogprob
from ..dialect import Context
from .calls import Call, reply_of
from .errors import malformed
from .grounding import citations_of
from .logprobs import tokens_of
from .pieces import HOSTED_CALLS, HOSTED_RESULTS, made_up_id
from .reasons import FINISH_NUMBERS, name_of, reason_of
from .reply_parts import Fields, beside, field_of, hosted_call, hosted_result, media_of, media_part, opaque, state_of

_NAMED = ("content", "finishReason", "index", "logprobsResult")
"""The fields of a candidate that we name."""
_SIGNED = frozenset({"thought", "thoughtSignature"})


class _Run:
    """Pieces of one part: text, a thought, or sound of one kind. One with a signature takes no more (gemini §6)."""

    __slots__ = ("beside", "kind", "pieces")

    def __init__(self, kind: str, fields: Fields) -> None:
        self.kind, self.beside = kind, fields
        self.pieces: list[Any] = []


class Gathered:
    """One candidate. ``take`` reads what came of it and tells its events; ``parts`` is what it amounts to."""

    __slots__ = (
        "_calls", "_citations", "_context", "_held", "_hosted", "_placed", "_text", "_unplaced", "blocked", "extra", "logprobs",
        "number", "raw_reason", "reply_id",
    )  # fmt: skip

    def __init__(self, number: int, context: Context, reply_id: str | None) -> None:
        self.number: int = number
        self.reply_id: str | None = reply_id
        self.raw_reason: str | None = None
        self.blocked: bool = False
        self.logprobs: list[TokenLogprob] = []
        self.extra: dict[str, Any] = {}
        self._context = context
        self._held: list[_Run | Call | Part] = []
        self._text: list[str] = []
        self._calls = 0
        self._hosted = ""
        self._citations: dict[Citation, None] = {}
        self._placed: tuple[object, object] | None = None
        self._unplaced: tuple[object, object] | None = None

    # --- reading --------------------------------------------------------------------------------------------------------

    def take(self, candidate: Fields, events: list[Event], path: str) -> None:
        """Read a candidate, whole or a piece of one."""
        content = candidate.get("content")
        if content is not None:
            self._content(content, events, f"{path}.content")
        if tokens := tokens_of(candidate.get("logprobsResult")):
            self.logprobs += tokens
            self._tell_tokens(tokens, events)
        self.raw_reason = name_of(candidate.get("finishReason"), FINISH_NUMBERS) or self.raw_reason
        for name, value in candidate.items():
            if name not in _NAMED and value is not None:
                self.extra[name] = value
        self._cite((candidate.get("groundingMetadata"), candidate.get("citationMetadata")), events)

    def _cite(self, said: tuple[object, object], events: list[Event], *, last: bool = False) -> None:
        """Its citations. A stream may say the same in every piece: it is not looked at again, but at the end: what has no
        place yet may get one when more of the text has come."""
        if said in ((None, None), self._placed) or (said == self._unplaced and not last):
            return
        found = citations_of({"groundingMetadata": said[0], "citationMetadata": said[1]}, self._text)
        for citation in found:
            if citation not in self._citations:
                if citation.text_end is not None and self._unplaced:
                    self._citations.pop(structs.replace(citation, text_start=None, text_end=None), None)
                self._citations[citation] = None
                events.append(CitationDelta(citation, self.number))
        unplaced = any(citation.text_end is None for citation in found)
        self._placed, self._unplaced = (None, said) if unplaced else (said, None)

    def _content(self, content: object, events: list[Event], path: str) -> None:
        if not isinstance(content, dict):
            raise malformed(path, self._context)
        parts = content.get("parts")
        if parts is not None and not isinstance(parts, list):
            raise malformed(f"{path}.parts", self._context)
        for n, part in enumerate(parts or ()):
            if not isinstance(part, dict):
                raise malformed(f"{path}.parts[{n}]", self._context)
            self._part(part, events, f"{path}.parts[{n}]")

    def _part(self, part: Fields, events: list[Event], path: str) -> None:
        field = field_of(part)
        if field == "text" and len(part) > 1 and field_of(rest := {**part, "text": None}) is not None:
            if part["text"]:  # one field of data is the rule (gemini §4), and relays that put words beside a call break it
                self._part({name: part[name] for name in ("text", "thought") if name in part}, events, path)
            self._part(rest, events, path)
        elif field == "text" or (field is None and part.get("thoughtSignature") and part.keys() <= _SIGNED):
            self._words(part if field else {"text": "", **part}, events, path)
        elif field == "functionCall":
            self._call(part, events, f"{path}.functionCall")
        elif field in HOSTED_CALLS:
            made_up = made_up_id(len(self._held), f"{reply_of(self.reply_id, self.number, part)}_hosted")
            call = hosted_call(part, field, made_up, self._context)
            self._hosted = call.id
            self._held.append(call)
        elif field in HOSTED_RESULTS:
            self._held.append(hosted_result(part, field, self._hosted, self._context))
        elif field in ("inlineData", "fileData") and part.get("thought") is not True:  # a thought is a draft, not the reply
            self._media(part, field, events, path)
        elif others := part.keys() - {"thought"}:
            kind = field or min(others - _SIGNED, default="thoughtSignature")
            self._held.append(opaque(part, kind, self._context))

    def _words(self, part: Fields, events: list[Event], path: str) -> None:
        text = part["text"]
        if not isinstance(text, str):
            raise malformed(f"{path}.text", self._context)
        thought = part.get("thought") is True
        fields = {} if len(part) == 1 + thought else beside(part, "text")
        if text or fields:
            self.say(text, fields, thought=thought)
            if text:
                events.append(ReasoningDelta(text, self.number) if thought else TextDelta(text, self.number))

    def say(self, text: str, fields: Fields, *, thought: bool) -> None:
        """Take words: more of what is being said, or the beginning of something else."""
        self._run("thought" if thought else "text", fields).pieces.append(text)
        if not thought:
            self._text.append(text)

    def _run(self, kind: str, fields: Fields, *, new: bool = False) -> _Run:
        last = self._held[-1] if self._held else None
        if isinstance(last, _Run) and last.kind == kind and not (fields or last.beside or new):
            return last
        run = _Run(kind, fields)
        self._held.append(run)
        return run

    def _media(self, part: Fields, field: str, events: list[Event], path: str) -> None:
        source, kind, name, rest = media_of(part, field, self._context, path)
        if isinstance(source, Data) and kind.startswith("audio/"):
            samples = kind.lower().startswith(("audio/l16", "audio/pcm"))  # what has no head can be joined
            self._run(kind, rest, new=not samples).pieces.append(source.data)
            events.append(AudioDelta(source.data, choice=self.number))
        else:
            self._held.append(media_part(source, kind, name, state_of(rest, self._context)))

    def _tell_tokens(self, tokens: tuple[TokenLogprob, ...], events: list[Event]) -> None:
        """With the last words that were told, or by themselves."""
        for n in range(len(events) - 1, -1, -1):
            event = events[n]
            if type(event) is TextDelta and event.choice == self.number and not event.logprobs and event.raw is None:
                events[n] = TextDelta(event.text, self.number, None, tokens)
                return
        events.append(TextDelta("", self.number, None, tokens))

    def _call(self, part: Fields, events: list[Event], path: str) -> None:
        said = part["functionCall"]
        if not isinstance(said, dict):
            raise malformed(path, self._context)
        call = self._open_call()
        if call is None or said.get("name"):
            if call is not None:
                call.close(events)
            call = Call(part, self._calls, self.number, self.reply_id, self._context)
            self._calls += 1
            self._held.append(call)
            events.append(call.begin())
        call.take(part, events, path)

    def _open_call(self) -> Call | None:
        """The call whose arguments are still coming: always the last thing said."""
        last = self._held[-1] if self._held else None
        return last if isinstance(last, Call) and last.open else None

    # --- what it amounts to ---------------------------------------------------------------------------------------------

    def parts(self) -> tuple[Part, ...]:
        """Its parts, in the order in which they came."""
        cited = self._by_run() if self._citations else {}
        return tuple([self._whole(held, cited) for held in self._held])

    def _whole(self, held: _Run | Call | Part, cited: dict[int, list[Citation]]) -> Part:
        if isinstance(held, Call):
            return held.part()
        if not isinstance(held, _Run):
            return held
        state = state_of(held.beside, self._context)
        if held.kind == "text":
            return Text("".join(held.pieces), tuple(cited.get(id(held), ())), state=state)
        if held.kind == "thought":
            return Reasoning("".join(held.pieces), state=state)
        return Audio(Data(b"".join(held.pieces), held.kind), state=state)

    def _by_run(self) -> dict[int, list[Citation]]:
        """Each citation goes to the text that it ends in; one without a place to the last that says something."""
        texts = [held for held in self._held if isinstance(held, _Run) and held.kind == "text" and any(held.pieces)]
        ends: list[tuple[int, int]] = []
        length = 0
        for run in texts:
            length += sum(map(len, run.pieces))
            ends.append((length, id(run)))
        found: dict[int, list[Citation]] = {}
        for citation in self._citations if ends else ():
            end = citation.text_end
            place = next((run for until, run in ends if end is not None and end <= until), ends[-1][1])
            found.setdefault(place, []).append(citation)
        return found

    def reason(self) -> FinishReason:
        """Why it ended: ``tool_calls`` whenever there are calls."""
        return reason_of(self.raw_reason, calls=self._calls > 0, blocked=self.blocked)

    def close(self, events: list[Event]) -> None:
        """No more is to come."""
        if (call := self._open_call()) is not None:
            call.close(events)
        if self._unplaced is not None:
            self._cite(self._unplaced, events, last=True)

    def done(self, extra: dict[str, Any]) -> list[Event]:
        """The events that close it."""
        events: list[Event] = []
        ordinal = 0
        self.close(events)
        for part in self.parts():
            is_call = type(part) is ToolCall
            events.append(PartDone(part, ordinal if is_call else None, self.number))
            ordinal += is_call
        events.append(Finish(self.reason(), self.raw_reason, self.number, None, extra))
        return events
