"""The recorded traffic: records of our dialects, and the bytes and headers of each reply as it is replayed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from trunkline.dialects.known import ASKED

CORPORA = {
    "openai-chat": "openai-chat", "anthropic-messages": "anthropic-messages", "openai-responses": "openai-responses",
    "gemini": "gemini", "bedrock-converse": "bedrock-converse", "cohere": "cohere", "ollama": "ollama", "mistral": "openai-chat",
}  # fmt: skip
"""Kinds of records, each by the file that it stands in, and the dialect that reads it."""
KINDS = tuple(kind for kind, dialect in CORPORA.items() if dialect in ASKED)
SYNTHETIC = frozenset({"maybe_synthetic"})


class Record(NamedTuple):
    """One recorded reply. ``kind`` is a key of ``CORPORA``; ``stream``: its body is framed as a stream."""

    id: str
    kind: str
    dialect: str
    provider: str
    model: str
    stream: bool
    status: int
    headers: dict[str, str]
    body: bytes
    features: frozenset[str]

    @property
    def synthetic(self) -> bool:
        return bool(self.features & SYNTHETIC)


@cache
def records(corpus: Path) -> tuple[Record, ...]:
    """All records that we read, those of ``dev`` first."""
    lines = [line for kind in KINDS for line in lines_of((corpus / "dev" / f"{kind}.jsonl").read_bytes())]
    lines += lines_of(gzip.decompress((corpus / "more.jsonl.gz").read_bytes()))
    return tuple(records_of(lines))


def lines_of(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line]


def records_of(lines: list[bytes]) -> Iterator[Record]:
    for line in lines:
        raw: dict[str, Any] = json.loads(line)
        if raw["dialect"] not in KINDS:
            continue
        reply = raw["response"]
        yield Record(
            id=raw["id"],
            kind=raw["dialect"],
            dialect=CORPORA[raw["dialect"]],
            provider=raw["provider"] or "",
            model=raw["model"] or "unknown",
            stream=bool(raw["stream"]) and (isinstance(reply["body"], str) or _encoded(reply["body"])),
            status=int(reply["status"] or 200),
            headers={str(n): str(v) for n, v in (reply.get("headers") or {}).items()},
            body=_body(reply["body"]),
            features=frozenset(raw["features"]),
        )


def _encoded(body: Any) -> bool:
    return isinstance(body, dict) and body.keys() == {"base64"}


def _body(body: Any) -> bytes:
    if _encoded(body):
        return base64.b64decode(body["base64"])
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
