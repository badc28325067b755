"""Recorded replies for the facades: a loopback server that answers with them, and what they say, read without our code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.loopback import Loopback, Reply, Seen
from tests.recorded.records import Record, records

CHAT, MESSAGES = "openai-chat", "anthropic-messages"


class Said(NamedTuple):
    """What a recorded reply says: text, the words for its end, usage as it stands there, the model's name."""

    text: str
    finish_reason: str
    usage: dict[str, Any]
    model: str


class Recordings:
    """Plain replies of the corpus: the first of each dialect and framing that holds nothing but text and ended by itself."""

    def __init__(self, corpus: Path) -> None:
        self._corpus = corpus
        usual = [record for record in records(corpus) if record.status == 200 and not record.synthetic]
        self._whole = {dialect: _first(usual, dialect, stream=False) for dialect in (CHAT, MESSAGES)}
        self._streams = {dialect: _first(usual, dialect, stream=True) for dialect in (CHAT, MESSAGES)}

    def said(self, dialect: str, *, stream: bool = False) -> Said:
        said = (_streamed if stream else _whole)(self._find(dialect, stream=stream))
        assert said is not None
        return said

    def failure(self, dialect: str, status: int) -> Record:
        """The first error reply of that status."""
        return next(record for record in records(self._corpus) if record.dialect == dialect and record.status == status)

    def models(self, provider: str) -> bytes:
        """A recorded list of models."""
        for line in (self._corpus / "dev" / "models.jsonl").read_bytes().split(b"\n"):
            raw = json.loads(line)
            if raw["provider"] == provider and isinstance(raw["response"]["body"].get("data"), list):
                return json.dumps(raw["response"]["body"]).encode()
        raise LookupError(provider)

    def answer(self, seen: Seen) -> Reply:
        """The recorded reply to a request, by its path and whether it asks for a stream."""
        if seen.method == "GET":
            return Reply(self.models("openai"))
        asked = seen.json()
        dialect = CHAT if seen.path.endswith("/chat/completions") else MESSAGES
        record = self._find(dialect, stream=bool(asked.get("stream")))
        return Reply(record.body, record.status, "text/event-stream" if record.stream else "application/json")

    def _find(self, dialect: str, *, stream: bool) -> Record:
        return (self._streams if stream else self._whole)[dialect]


def failing(record: Record) -> Callable[[Seen], Reply]:
    return lambda seen: Reply(record.body, record.status)


def _first(usual: list[Record], dialect: str, *, stream: bool) -> Record:
    read = _streamed if stream else _whole
    return next(record for record in usual if record.dialect == dialect and record.stream == stream and read(record) is not None)


def _whole(record: Record) -> Said | None:
    body = json.loads(record.body)
    if record.dialect == CHAT:
        [choice, *others] = body.get("choices") or [{}]
        text, end = choice.get("message", {}).get("content"), choice.get("finish_reason")
        plain = not others and isinstance(text, str) and not choice["message"].get("tool_calls")
        return Said(text, end, body["usage"], body["model"]) if plain and text and end == "stop" else None
    blocks = body.get("content") or []
    if [block["type"] for block in blocks] != ["text"] or body["stop_reason"] != "end_turn":
        return None
    return Said(blocks[0]["text"], body["stop_reason"], body["usage"], body["model"])


def _streamed(record: Record) -> Said | None:
    try:
        chunks = list(_chunks(record.body))
    except ValueError:
        return None
    if record.dialect == CHAT:
        choices = [choice for chunk in chunks for choice in chunk.get("choices", ())]
        deltas = [choice["delta"] for choice in choices if choice.get("index") == 0]
        plain = all(set(delta) <= {"role", "content", "refusal"} for delta in deltas) and len(deltas) == len(choices)
        text = "".join(delta.get("content") or "" for delta in deltas)
    else:
        kinds = [chunk["content_block"]["type"] for chunk in chunks if chunk["type"] == "content_block_start"]
        plain = kinds == ["text"]
        text = "".join(chunk["delta"].get("text", "") for chunk in chunks if chunk["type"] == "content_block_delta")
    return Said(text, "", {}, "") if plain and len(chunks) > 5 and text else None


def _chunks(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
            yield json.loads(line[5:])


def serve(answer: Callable[[Seen], Reply]) -> Iterator[Loopback]:
    """For fixtures: a server for the time of a test."""
    server = Loopback(answer)
    yield server
    server.close()
