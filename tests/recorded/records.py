"""The recorded traffic: records of the two dialects, and the bytes and headers of each reply as it is replayed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

DIALECTS = ("openai-chat", "anthropic-messages")
SYNTHETIC = frozenset({"maybe_synthetic"})


class Record(NamedTuple):
    """One recorded reply. ``stream``: its body is framed as a stream."""

    id: str
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
    """All records of the two dialects, those of ``dev`` first."""
    lines = [line for dialect in DIALECTS for line in _lines((corpus / "dev" / f"{dialect}.jsonl").read_bytes())]
    lines += _lines(gzip.decompress((corpus / "more.jsonl.gz").read_bytes()))
    return tuple(_records(lines))


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line]


def _records(lines: list[bytes]) -> Iterator[Record]:
    for line in lines:
        raw: dict[str, Any] = json.loads(line)
        if raw["dialect"] not in DIALECTS:
            continue
        reply = raw["response"]
        yield Record(
            id=raw["id"],
            dialect=raw["dialect"],
            provider=raw["provider"] or "",
            model=raw["model"] or "unknown",
            stream=bool(raw["stream"]) and isinstance(reply["body"], str),
            status=int(reply["status"] or 200),
            headers={str(n): str(v) for n, v in (reply.get("headers") or {}).items()},
            body=_body(reply["body"]),
            features=frozenset(raw["features"]),
        )


def _body(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
