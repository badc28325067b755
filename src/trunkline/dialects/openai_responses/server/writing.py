"""The events of a stream as bytes (openai-responses §7): items one after the other, in the order in which they are given."""

from __future__ import annotations

from typing import Any

import msgspec

from ...losses import Losses
from .pieces import Wire, as_json, is_worded

_encode = msgspec.json.Encoder().encode
PROGRESS: dict[str, tuple[str, ...]] = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "mcp_call": ("in_progress", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
}
"""What is told of a hosted tool that has done its work."""


class Channel:
    """Where the words of something are told in pieces: the name of its events, the field that holds the whole in the end, and the
    field that numbers it within its item."""

    __slots__ = ("name", "number", "whole")

    def __init__(self, name: str, whole: str, number: str | None) -> None:
        self.name: str = name
        self.whole: str = whole
        self.number: str | None = number


OUTPUT_TEXT = Channel("response.output_text", "text", "content_index")
REFUSAL = Channel("response.refusal", "refusal", "content_index")
SUMMARY = Channel("response.reasoning_summary_text", "text", "summary_index")
THOUGHTS = Channel("response.reasoning_text", "text", "content_index")
ARGUMENTS = Channel("response.function_call_arguments", "arguments", None)
INPUT = Channel("response.custom_tool_call_input", "input", None)


class Writer:
    """Gathers bytes until they are ``taken``; ``items`` are those that are done. ``prefix`` and ``end`` enclose a piece of the
    words that are open, with the number of the event at the very end; ``pieces`` are those that were said."""

    __slots__ = ("_channel", "_losses", "_out", "_place", "end", "items", "number", "pieces", "prefix")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._out: list[bytes] = []
        self._channel: Channel | None = None
        self._place: Wire = {}
        self.items: list[Wire] = []
        self.number: int = 0
        self.prefix: bytes = b""
        self.end: bytes = b""
        self.pieces: list[str] = []

    def taken(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def say(self, kind: str, fields: Wire) -> None:
        """One event."""
        data = as_json({"type": kind, **fields, "sequence_number": self.number}, self._losses)
        self.number += 1
        self._out.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))

    # --- items ----------------------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """The index of the item that is open, or comes next."""
        return len(self.items)

    def add(self, item: Wire) -> None:
        self.say("response.output_item.added", {"output_index": self.index, "item": item})

    def done(self, item: Wire) -> None:
        self.say("response.output_item.done", {"output_index": self.index, "item": item})
        self.items.append(item)

    def place(self, item: Wire, number: str | None = None, index: int = 0) -> Wire:
        """The fields that say what an event belongs to."""
        place: Wire = {"item_id": item["id"], "output_index": self.index}
        return place if number is None else {**place, number: index}

    def whole(self, item: Wire) -> None:
        """An item from its beginning to its end."""
        kind = item["type"]
        if kind == "message" and "role" in item:
            self.add({**item, "status": "in_progress", "content": []})
            for n, part in enumerate(item["content"]):
                self.part(item, n, part)
        elif kind == "reasoning":
            self.add({name: value for name, value in item.items() if name not in ("summary", "content")} | {"summary": []})
            self._thoughts(item)
        elif kind in ("function_call", "custom_tool_call"):
            channel = ARGUMENTS if kind == "function_call" else INPUT
            begun = {**item, channel.whole: ""}
            self.add({**begun, "status": "in_progress"} if "status" in item else begun)
            self.words(item, channel, item[channel.whole])
        else:
            self.add({**item, "status": "in_progress"} if "status" in item else item)
            for word in PROGRESS.get(kind, ()) if item.get("status", "completed") == "completed" else ():
                self.say(f"response.{kind}.{word}", self.place(item))
        self.done(item)

    def part(self, item: Wire, index: int, part: Wire) -> None:
        """A part of a message's content, whole."""
        if not is_worded(part):
            self.begin_part(item, index, part)
        elif part["type"] == "refusal":
            self.begin_part(item, index, {**part, "refusal": ""})
            self.words(item, REFUSAL, part["refusal"], index)
        else:
            self.begin_part(item, index, {"type": "output_text", "text": "", "annotations": [], "logprobs": []})
            self.words(item, OUTPUT_TEXT, part["text"], index, part["logprobs"], part["annotations"])
        self.end_part(item, index, part)

    def begin_part(self, item: Wire, index: int, part: Wire) -> None:
        self.say("response.content_part.added", {**self.place(item, "content_index", index), "part": part})

    def end_part(self, item: Wire, index: int, part: Wire) -> None:
        self.say("response.content_part.done", {**self.place(item, "content_index", index), "part": part})

    def _thoughts(self, item: Wire) -> None:
        for n, part in enumerate(item["summary"]):
            self.begin_summary(item, n)
            self.words(item, SUMMARY, part["text"], n)
            self.end_summary(item, n, part)
        for n, part in enumerate(item.get("content") or ()):
            self.begin_part(item, n, {**part, "text": ""})
            self.words(item, THOUGHTS, part["text"], n)
            self.end_part(item, n, part)

    def begin_summary(self, item: Wire, index: int) -> None:
        part = {"type": "summary_text", "text": ""}
        self.say("response.reasoning_summary_part.added", {**self.place(item, "summary_index", index), "part": part})

    def end_summary(self, item: Wire, index: int, part: Wire) -> None:
        self.say("response.reasoning_summary_part.done", {**self.place(item, "summary_index", index), "part": part})

    # --- words ----------------------------------------------------------------------------------------------------------

    def words(
        self,
        item: Wire,
        channel: Channel,
        text: str,
        index: int = 0,
        tokens: list[Any] | None = None,
        notes: list[Wire] | None = None,
    ) -> None:
        """Words, whole."""
        self.open(item, channel, index)
        if text or tokens:
            self.piece(text, tokens)
        for n, note in enumerate(notes or ()):
            self.annotate(note, n)
        self.close(tokens)

    def open(self, item: Wire, channel: Channel, index: int = 0) -> None:
        """Begin the words of ``channel`` in an item."""
        self._channel, self._place = channel, self.place(item, channel.number, index)
        kind = f"{channel.name}.delta"
        head = as_json({"type": kind, **self._place}, self._losses)
        self.prefix = b'event: %s\ndata: %s,"delta":' % (kind.encode(), head[:-1])
        self.end = b',"logprobs":[],"sequence_number":%d}\n\n' if channel is OUTPUT_TEXT else b',"sequence_number":%d}\n\n'

    def piece(self, text: str, tokens: list[Any] | None = None) -> None:
        """A piece of the words that are open. ``text`` is JSON's."""
        if tokens:
            assert self._channel is not None
            self.say(f"{self._channel.name}.delta", {**self._place, "delta": text, "logprobs": tokens})
        else:
            self._out.append(self.prefix + _encode(text) + self.end % self.number)
            self.number += 1
        self.pieces.append(text)

    def annotate(self, note: Wire, index: int) -> None:
        self.say("response.output_text.annotation.added", {**self._place, "annotation_index": index, "annotation": note})

    def close(self, tokens: list[Any] | None = None) -> str:
        """End the words that are open; gives all of them."""
        assert self._channel is not None
        channel, text = self._channel, "".join(self.pieces)
        more: Wire = {"logprobs": tokens or []} if channel is OUTPUT_TEXT else {}
        self.say(f"{channel.name}.done", {**self._place, channel.whole: text, **more})
        self._channel, self.pieces = None, []
        return text
