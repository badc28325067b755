"""How a simulated provider says something, byte by byte, and what of it has arrived whole."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.replies import chat_body, delta, error_frame, finish, messages_body, start
from trunkline.sim.scripted import Piece

GARBAGE = b"data: {this is no JSON\n\n"


class Spoken:
    """What one exchange is answered with. ``kind`` is what the provider does, ``words`` what it says of the answer, ``repeated`` what of
    that the caller has been told already. ``whole``: it says all of it, and its protocol's last word."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.words: list[str] = []
        self.repeated = ""
        self.whole = False
        self.headers: dict[str, str] = {}
        self._ends: list[int] = []
        self._one = False

    def delivered(self, arrived: int, ended: bool) -> str:
        """The words that are whole among so many bytes. ``ended``: the body's proper end has come too."""
        if self._one:
            return "".join(self.words) if ended and self.whole else ""
        return "".join(word for word, end in zip(self.words, self._ends, strict=True) if end <= arrived)

    def as_body(self, anthropic: bool) -> list[bytes]:
        self._one = True
        text = "".join(self.words)
        return [messages_body(text) if anthropic else chat_body(text)]

    def as_stream(self, anthropic: bool, tail: bytes = b"") -> list[bytes]:
        """A stream's frames; ``tail`` in place of its last ones, where it is not to come to its end."""
        frames = [_message_start(), _block_start()] if anthropic else [start()]
        at = sum(map(len, frames))
        for word in self.words:
            frames.append(_block_delta(word) if anthropic else delta(word))
            at += len(frames[-1])
            self._ends.append(at)
        if self.whole:
            frames += _message_stop() if anthropic else [finish()]
        return [*frames, tail] if tail else frames


def cut(frames: list[bytes], chance: random.Random, pause: float, first: float) -> list[Piece]:
    """The frames as reads bring them: one by one, in pieces of any size, or all at once; ``pause`` seconds between two at most."""
    size = chance.choice((None, None, 0, 200, 37))
    if size is None:
        parts = frames
    else:
        body = b"".join(frames)
        parts = [body] if size == 0 else [body[n : n + size] for n in range(0, len(body), size)]
    return [(first if n == 0 else chance.choice((0.0, pause)), part) for n, part in enumerate(parts)]


def error_body(anthropic: bool, kind: str, message: str, code: str | None = None) -> bytes:
    said: dict[str, Any] = {"message": message, "type": kind}
    if code is not None:
        said["code"] = code
    return json.dumps({"type": "error", "error": said} if anthropic else {"error": said}).encode()


def error_event(anthropic: bool, kind: str) -> bytes:
    """An error that comes in mid-stream."""
    if anthropic:
        return _event("error", error={"type": kind, "message": "no more"})
    return error_frame("no more", kind)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _message_start() -> bytes:
    usage = {"input_tokens": 3, "output_tokens": 1}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "c-1",
        "content": [],
        "stop_reason": None,
        "usage": usage,
    }
    return _event("message_start", message=message)


def _block_start() -> bytes:
    return _event("content_block_start", index=0, content_block={"type": "text", "text": ""})


def _block_delta(text: str) -> bytes:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _message_stop() -> list[bytes]:
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    last = _event("message_delta", delta=stopped, usage={"output_tokens": 2}) + _event("message_stop")
    return [_event("content_block_stop", index=0), last]
