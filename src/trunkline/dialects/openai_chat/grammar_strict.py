"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, is_count, numbered, shown, strict_object
from .grammar_rules import CHUNK, DELTA, ERROR, LAST_CHUNK, SAME, STRICT

_BEGINNING = frozenset({"role", "content", "refusal", "tool_calls"})
_CALL_WORDS = {"function": ("name", "arguments"), "custom": ("name", "input")}


class _Choice:
    """What is known of a choice: whether it is finished, the kinds of its calls, and whether it calls in the old way."""

    __slots__ = ("calls", "finished", "function_call")

    def __init__(self) -> None:
        self.finished: bool = False
        self.calls: list[str] = []
        self.function_call: bool = False


class StrictChat(Automaton):
    """``include_usage`` None: as the first chunk has it."""

    def __init__(self, include_usage: bool | None) -> None:
        super().__init__(STRICT)
        self._include_usage = include_usage
        self._choices: dict[int, _Choice] = {}
        self._unfinished: int = 0
        self._highest: int = -1
        self._head: dict[str, Any] = {}
        self._usage: bool = False
        self._moderation: bool = False
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if frame.event is not None or frame.id is not None:
            self._fault("bare-frame", "the frame has an event's name or an id")
        if self._ended is not None:
            self._fault("after-end", f"a frame after {self._ended}")
        elif frame.data.startswith(b"[DONE]"):
            self._done(frame.data)
        else:
            try:
                chunk = strict_object(frame.data)
            except ValueError as reason:
                self._fault("json", f"the frame is {reason}")
                return
            if "error" in chunk:
                self._misfits(ERROR, chunk, "$")
                self._ended = "an error"
            else:
                self._chunk(chunk)

    def _done(self, data: bytes) -> None:
        self._ended = "[DONE]"
        if data != b"[DONE]":
            self._fault("end", "[DONE] with something beside it")
        if self._highest + 1 != len(self._choices) or not self._choices:
            self._fault("choice-index", f"{len(self._choices)} choices, the highest index is {shown(self._highest)}")
        if self._unfinished:
            self._fault("finish-missing", f"{self._unfinished} choices have no finish reason")
        if self._include_usage and not self._usage:
            self._fault("usage", "there were no figures")

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without [DONE]")

    # --- chunks -------------------------------------------------------------------------------------------------------

    def _chunk(self, chunk: dict[str, Any]) -> None:
        choices = chunk.get("choices")
        choices = choices if type(choices) is list else []
        last = any(type(choice) is dict and choice.get("finish_reason") for choice in choices)
        self._misfits(LAST_CHUNK if last else CHUNK, chunk, "$")
        self._same(chunk)
        figures, moderation = chunk.get("usage"), chunk.get("moderation")
        if len(choices) > 1:
            self._fault("one-choice", f"{len(choices)} choices in a chunk")
        elif not choices and figures is None and moderation is None:
            self._fault("one-choice", "no choice, no usage and no moderation in a chunk")
        for choice in choices:
            if type(choice) is dict and is_count(choice.get("index")) and type(choice.get("delta")) is dict:
                self._choice(choice["index"], choice["delta"], choice.get("finish_reason"))
        self._figures(chunk, figures, alone=not choices and moderation is None)
        if moderation is not None:
            self._moderate(alone=not choices and figures is None)

    def _same(self, chunk: dict[str, Any]) -> None:
        for name in SAME:
            if name in chunk and self._head.setdefault(name, chunk[name]) != chunk[name]:
                self._fault("same-head", f"$.{name} is not what it was")

    def _figures(self, chunk: dict[str, Any], figures: object, *, alone: bool) -> None:
        if self._include_usage is None:
            self._include_usage = "usage" in chunk
        if ("usage" in chunk) is not self._include_usage:
            self._fault("usage", "$.usage is missing" if self._include_usage else "$.usage, and nobody asked for it")
        if figures is None:
            return
        if self._usage:
            self._fault("usage", "figures for a second time")
        self._usage = True
        if not alone or self._unfinished or not self._choices:
            self._fault("usage", "figures do not stand alone after all finish reasons")
        if type(figures) is dict and not _adds_up(figures):
            self._fault("usage", "$.usage.total_tokens is less than the sum")

    def _moderate(self, *, alone: bool) -> None:
        if self._moderation or not alone or self._unfinished or not self._choices:
            self._fault("moderation", "moderation is not alone, once, after all finish reasons")
        self._moderation = True

    # --- a choice -----------------------------------------------------------------------------------------------------

    def _choice(self, index: int, delta: dict[str, Any], reason: object) -> None:
        if not delta or not DELTA.may.keys().isdisjoint(delta):  # else it holds a server's own fields only
            self._misfits(DELTA, delta, "$.choices[].delta")
        choice = self._choices.get(index)
        if choice is None:
            choice = self._begin(index, delta)
            if reason is not None:
                self._fault("finish", f"choice {numbered(index)} ends on its first chunk")
        elif choice.finished:
            self._fault("after-finish", f"a chunk of choice {numbered(index)}, which is finished")
        elif "role" in delta:
            self._fault("role-once", f"the role of choice {numbered(index)} for a second time")
        elif reason is None and all(value is None or value == {} for value in delta.values()):
            self._fault("empty-delta", f"a chunk of choice {numbered(index)} says nothing")
        fragments = delta.get("tool_calls")
        for fragment in fragments if type(fragments) is list else ():
            if type(fragment) is dict:
                self._fragment(choice, fragment)
        if type(call := delta.get("function_call")) is dict:
            self._function_call(choice, call)
        if reason is not None and not choice.finished:
            self._finish(choice, index, delta, reason)

    def _begin(self, index: int, delta: dict[str, Any]) -> _Choice:
        choice = self._choices[index] = _Choice()
        self._unfinished += 1
        self._highest = max(self._highest, index)
        if self._usage or self._moderation:
            self._fault("after-finish", f"choice {numbered(index)} begins after the figures")
        if "role" not in delta or not _BEGINNING.issuperset(delta) or delta.get("content") or delta.get("refusal") is not None:
            self._fault("role-first", f"choice {numbered(index)} does not begin with its role")
        return choice

    def _finish(self, choice: _Choice, index: int, delta: dict[str, Any], reason: object) -> None:
        choice.finished = True
        self._unfinished -= 1
        if delta:
            self._fault("finish", f"the last chunk of choice {numbered(index)} says more than the reason")
        if (reason == "tool_calls" and not choice.calls) or (reason == "function_call" and not choice.function_call):
            self._fault("finish-fits", f"choice {numbered(index)} ends for calls that there are not")

    # --- calls --------------------------------------------------------------------------------------------------------

    def _fragment(self, choice: _Choice, fragment: dict[str, Any]) -> None:
        index = fragment.get("index")
        if not is_count(index):
            return
        if index < len(choice.calls):
            self._more(choice.calls[index], index, fragment)
            return
        if index > len(choice.calls):
            self._fault("call-index", f"call {numbered(index)} where {len(choice.calls)} was due")
        kind = fragment.get("type")
        kind = kind if kind in ("function", "custom") else "function"
        body = fragment.get(kind)
        if not _complete(fragment, kind) or type(body) is not dict or set(body) != set(_CALL_WORDS[kind]):
            self._fault("call-first", f"call {numbered(index)} does not begin with id, type, name and arguments")
        if choice.function_call:
            self._fault("function-call", "a tool call beside an old function call")
        choice.calls.append(kind)

    def _more(self, kind: str, index: int, fragment: dict[str, Any]) -> None:
        body = fragment.get(kind)
        if set(fragment) - {"extra_content"} != {"index", kind} or type(body) is not dict or set(body) != {_CALL_WORDS[kind][1]}:
            self._fault("call-again", f"more of call {numbered(index)} is not its arguments alone")

    def _function_call(self, choice: _Choice, call: dict[str, Any]) -> None:
        if ("name" in call) is choice.function_call or "arguments" not in call or choice.calls:
            self._fault("function-call", "its name comes once and first, its arguments always, no tool call beside it")
        choice.function_call = True


def _complete(fragment: dict[str, Any], kind: str) -> bool:
    return {"index", "id", "type", kind} <= set(fragment) <= {"index", "id", "type", kind, "extra_content"}


def _adds_up(figures: dict[str, Any]) -> bool:
    given, told, total = (figures.get(f"{name}_tokens") for name in ("prompt", "completion", "total"))
    return not (type(given) is int and type(told) is int and type(total) is int) or given + told <= total
