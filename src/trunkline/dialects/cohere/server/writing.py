"""The events of a stream as bytes: a head, the plan, items of content, calls, an end. Their order is the caller's affair."""

from __future__ import annotations

from ...losses import Losses
from ...served_words import json_bytes
from ..pieces import PLAN
from .pieces import Wire

_END_OF_DELTA = b"}}}}\n\n"
LAST = b"data: [DONE]\n\n"


class Writer:
    """Gathers bytes until they are ``taken``. ``prefix`` begins a delta of the words that are open."""

    __slots__ = ("_calls", "_cited", "_losses", "_out", "items", "kind", "prefix", "reply_id", "started")

    def __init__(self, reply_id: str, losses: Losses) -> None:
        self._losses = losses
        self._out: list[bytes] = []
        self._calls = 0
        self._cited = 0
        self.reply_id: str = reply_id
        self.started: bool = False
        self.items: int = 0
        """How many items of content have begun."""
        self.kind: str | None = None
        """What is open: ``text``, ``thinking``, ``call``."""
        self.prefix: bytes = b""

    def taken(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def say(self, kind: str, **fields: object) -> None:
        """One event."""
        if not self.started:
            self._begin()
        data = json_bytes({"type": kind, **fields}, self._losses)
        self._out.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))

    def raw(self, kind: str, data: bytes) -> None:
        """One event of this protocol as it came."""
        if not self.started:
            self._begin()
        self._out.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))

    def _begin(self) -> None:
        self.started = True
        message = {"role": "assistant", "content": [], PLAN: "", "tool_calls": [], "citations": []}
        self.say("message-start", id=self.reply_id, delta={"message": message})

    # --- content ------------------------------------------------------------------------------------------------------

    def open(self, kind: str) -> None:
        """Begin an item of words; what is open must be closed."""
        self.say("content-start", index=self.items, delta={"message": {"content": {"type": kind, kind: ""}}})
        self.kind, self.items = kind, self.items + 1
        self.prefix = b'event: content-delta\ndata: {"type":"content-delta","index":%d,"delta":{"message":{"content":{"%s":' % (
            self.items - 1,
            kind.encode(),
        )

    def words(self, data: bytes) -> None:
        """A piece of the words that are open, as JSON."""
        self._out.append(self.prefix + data + _END_OF_DELTA)

    def words_with(self, text: str, logprobs: Wire) -> None:
        """A piece of the words that are open, and the log probability of its tokens."""
        piece = {"message": {"content": {str(self.kind): text}}}
        self.say("content-delta", index=self.items - 1, delta=piece, logprobs=logprobs)

    def whole(self, item: Wire) -> None:
        """An item that is neither text nor a thought, from its beginning to its end."""
        self.say("content-start", index=self.items, delta={"message": {"content": item}})
        self.say("content-end", index=self.items)
        self.items += 1

    def cite(self, citation: Wire) -> None:
        self.say("citation-start", index=self._cited, delta={"message": {"citations": citation}})
        self.say("citation-end", index=self._cited)
        self._cited += 1

    def plan(self, text: str) -> None:
        self.say("tool-plan-delta", delta={"message": {PLAN: text}})

    # --- calls --------------------------------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        """How many have begun."""
        return self._calls

    def call(self, call: Wire) -> None:
        """Begin a call, whose arguments are not said yet."""
        begun = {**call, "function": {**call["function"], "arguments": ""}}
        self.say("tool-call-start", index=self._calls, delta={"message": {"tool_calls": begun}})
        self.kind, self._calls = "call", self._calls + 1

    def arguments(self, text: str) -> None:
        """A piece of the arguments of the call that is open."""
        if text:
            piece = {"message": {"tool_calls": {"function": {"arguments": text}}}}
            self.say("tool-call-delta", index=self._calls - 1, delta=piece)

    def close(self) -> None:
        """End what is open."""
        if self.kind == "call":
            self.say("tool-call-end", index=self._calls - 1)
        elif self.kind is not None:
            self.say("content-end", index=self.items - 1)
        self.kind, self.prefix = None, b""

    def end(self, delta: Wire) -> None:
        """The last word, and what follows it."""
        self.say("message-end", delta=delta)
        self._out.append(LAST)
