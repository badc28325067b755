"""Recorded chat traffic through both halves of ``openai-chat``: what the client half read, the server half says again.

Replies: the vendor's SDK reads what we say as it reads the original. Requests: what is decoded and encoded again is the original,
but for the equivalences of ``alike`` and for what a warning tells.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import sdk_chat
from tests.recorded.alike import alike, explained
from tests.recorded.reading import digest
from trunkline.dialects.dialect import Context, Served
from trunkline.dialects.openai_chat import DIALECT
from trunkline.providers.table import is_provider, provider
from trunkline.values.errors import ProviderError
from trunkline.values.headers import Headers
from trunkline.values.model import NO_QUIRKS, Target
from trunkline.values.response import Warning
from trunkline.wire.http import HttpReply, HttpRequest
from trunkline.wire.sse import SseDecoder

SHARDS = 8
MOST_EXCEPTIONS = 0.01
Record = dict[str, Any]


@cache
def traffic(corpus: Path) -> tuple[Record, ...]:
    """The records of the dialects openai-chat and mistral (the same protocol), whose endpoint is chat."""
    files = [(corpus / "dev" / f"{name}.jsonl").read_bytes() for name in ("openai-chat", "mistral")]
    lines = b"\n".join([*files, gzip.decompress((corpus / "more.jsonl.gz").read_bytes())]).split(b"\n")
    found = [json.loads(line) for line in lines if line]
    return tuple(
        record for record in found if record["dialect"] in ("openai-chat", "mistral") and "fim" not in record["endpoint"]
    )


def target(record: Record, model: str) -> Target:
    name = record["provider"] or ""
    quirks = provider(name).endpoints[0].quirks if is_provider(name) else NO_QUIRKS
    return Target(dialect="openai-chat", provider=name, model=model, quirks=quirks)


# --- replies ----------------------------------------------------------------------------------------------------------


def is_stream(record: Record) -> bool:
    return bool(record["stream"]) and isinstance(record["response"]["body"], str)


def body_of(record: Record) -> bytes:
    body = record["response"]["body"]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def served(record: Record, original: sdk_chat.Reading) -> tuple[bytes, list[Warning]]:
    """The reply once more: read by the client half, written by the server half. Raises the error that it is."""
    aim, stream = target(record, record["model"] or "unknown"), is_stream(record)
    asked = Context(target=aim, model=aim.model, stream=stream)
    context = Context(
        target=Target(dialect="openai-chat", provider="", model=aim.model),
        model=aim.model,
        stream=stream,
        include_usage=stream and "usage" in original,
        served=Served(functions=any(choice["finish"] == "function_call" for choice in original["choices"].values())),
    )
    if not stream:
        reply = DIALECT.encode_response(DIALECT.decode_response(HttpReply(200, Headers(), body_of(record)), asked), context)
        return reply.body, list(reply.warnings)
    frames, decoder, encoder = SseDecoder(), DIALECT.event_decoder(asked), DIALECT.event_encoder(context)
    events = decoder.feed(frames.feed(body_of(record)))
    events += decoder.feed(frames.finish())
    events += decoder.finish()
    if decoder.error is not None:
        raise decoder.error
    body = b"".join([*[encoder.push(event) for event in events], encoder.finish()])
    return body, encoder.warnings


def faults(original: Any, ours: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Where two readings differ. What a server must say though the original did not (an id, a model) is no fault."""
    if isinstance(original, dict) and isinstance(ours, dict):
        names = {**original, **ours}
        return [fault for name in names for fault in faults(original.get(name), ours.get(name), f"{path}.{name}".lstrip("."))]
    if original is None and path in ("id", "model", "created", "usage.total_tokens"):
        return []
    if path.endswith(".calls") and len(original) == len(ours):
        original = [[call[0] or mine[0], *call[1:]] for call, mine in zip(original, ours, strict=True)]
    return [] if original == ours else [(path, original, ours)]


@cache
def exceptions() -> dict[tuple[str, str], str]:
    rows = tomllib.loads(Path(__file__).with_name("served_openai_chat.toml").read_text())["exception"]
    assert all(row["rule"].strip() for row in rows)
    return {(row["id"], row["field"]): row["ours"] for row in rows}


@pytest.mark.parametrize("number", range(SHARDS))
def test_a_served_reply_is_read_as_the_original(corpus: Path, number: int) -> None:
    found, count = [], 0
    for record in traffic(corpus)[number::SHARDS]:
        if record["response"]["status"] not in (200, None):
            continue
        try:
            original = sdk_chat.read(body_of(record), stream=is_stream(record))
            body, warnings = served(record, original)
        except (sdk_chat.Unreadable, ProviderError):
            continue  # errors inside a 200
        count += 1
        ours = sdk_chat.read(body, stream=is_stream(record))
        for path, was, mine in faults(original, ours):
            if exceptions().get((record["id"], path)) != digest(mine):
                found.append(f"{record['id']} ({record['provider']}) {path}: {was!r}, ours {mine!r} ({digest(mine)}), {warnings}")
    assert count > 100
    assert not found, "\n".join(found)


def test_exceptions_are_few(corpus: Path) -> None:
    known = {record["id"] for record in traffic(corpus)}
    excused = {record for record, _ in exceptions()}
    assert excused <= known
    assert len(excused) <= MOST_EXCEPTIONS * len(known)


def test_errors_are_said_again(corpus: Path) -> None:
    """Of each recorded error the caller learns class, status and code."""
    count = 0
    for record in traffic(corpus):
        status = record["response"]["status"] or 200
        if status < 400:
            continue
        aim = target(record, "m")
        context = Context(target=aim, model="m")
        headers = Headers([(name, str(value)) for name, value in (record["response"].get("headers") or {}).items()])
        error = DIALECT.decode_error(HttpReply(status, headers, body_of(record)), context)
        reply = DIALECT.encode_error(error, context)
        again = DIALECT.decode_error(reply, Context(target=Target(dialect="openai-chat", provider="", model="m"), model="m"))
        assert (type(again), again.status, again.request_id) == (type(error), status, error.request_id), record["id"]
        assert error.code is None or again.code == error.code, record["id"]
        count += 1
    assert count > 40


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(SHARDS))
def test_a_request_goes_on_as_it_came(corpus: Path, number: int) -> None:
    found, count = [], 0
    for record in traffic(corpus)[number::SHARDS]:
        asked = record["request"]
        if not isinstance(asked["body"], dict):
            continue
        data = json.dumps(asked["body"]).encode()
        decoded = DIALECT.decode_request(HttpRequest("POST", asked["url"] or "/v1/chat/completions", Headers(), data))
        encoded = DIALECT.encode_request(decoded.request, target(record, decoded.request.model))
        warnings = [*decoded.warnings, *encoded.warnings]
        count += 1
        came, went = alike(asked["body"]), alike(json.loads(encoded.wire.body))
        for name in {**came, **went}:
            if came.get(name) != went.get(name) and not explained(name, warnings):
                found.append(
                    f"{record['id']} ({record['provider']}) {name}: {came.get(name)!r}, went {went.get(name)!r}, {warnings}"
                )
    assert count > 100
    assert not found, "\n".join(found)
