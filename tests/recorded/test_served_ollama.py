"""Recorded Ollama traffic through both halves: what the client half read, the server half says again.

Replies: what is read of what we say is what was read of the original. Requests: what is decoded and encoded again is the original,
but for what ``alike`` brings to one spelling and for what a warning tells.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tests.recorded.reading import digest
from trunkline.dialects.dialect import Context, EventDecoder
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.ollama import DIALECT
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply, HttpRequest

MOST_EXCEPTIONS = 0.01
Record = dict[str, Any]
_ASKED = Context(target=Target(dialect="ollama", provider="ollama", model="m"), model="m")
_SERVED = Context(target=Target(dialect="ollama", provider="", model="m"), model="m")


@cache
def traffic(corpus: Path) -> tuple[Record, ...]:
    """All records."""
    lines = (corpus / "dev" / "ollama.jsonl").read_bytes().split(b"\n")
    return tuple(json.loads(line) for line in lines if line)


@cache
def exceptions() -> dict[tuple[str, str], str]:
    rows = tomllib.loads(Path(__file__).with_name("served_ollama.toml").read_text()).get("exception", [])
    assert all(row["rule"].strip() for row in rows)
    return {(row["id"], row["field"]): row["ours"] for row in rows}


def facts(response: Response) -> dict[str, Any]:
    """All that a reply says."""
    return {
        "parts": response.message.parts, "reason": (response.finish_reason, response.raw_finish_reason), "usage": response.usage,
        "model": response.model, "created": response.created, "logprobs": response.logprobs, "extra": response.extra,
    }  # fmt: skip


def events_of(data: bytes) -> tuple[list[Event], EventDecoder]:
    frames, decoder = frame_decoder(DIALECT.framing), DIALECT.event_decoder(_ASKED)
    events = decoder.feed(frames.feed(data))
    events += decoder.feed(frames.finish())
    return events + decoder.finish(), decoder


def test_a_served_reply_is_read_as_the_original(corpus: Path) -> None:
    found, whole, streamed = [], 0, 0
    for record in traffic(corpus):
        body = record["response"]["body"]
        if isinstance(body, str):
            events, decoder = events_of(body.encode())
            assert decoder.error is None, record["id"]
            encoder = DIALECT.event_encoder(_SERVED)
            said = b"".join([encoder.push(event) for event in events]) + encoder.finish()
            grammar = DIALECT.stream_grammar(strict=True)
            frames = frame_decoder(DIALECT.framing)
            assert grammar.feed(frames.feed(said)) + grammar.finish() == []
            again, decoder = events_of(said)
            assert decoder.error is None
            original, ours = facts(fold(events)), facts(fold(again))
            streamed += 1
        elif body["done"]:
            response = DIALECT.decode_response(HttpReply(200, Headers(), json.dumps(body).encode()), _ASKED)
            original = facts(response)
            ours = facts(DIALECT.decode_response(DIALECT.encode_response(response, _SERVED), _ASKED))
            whole += 1
        else:
            continue
        for field, value in original.items():
            if value != ours[field] and exceptions().get((record["id"], field)) != digest(repr(ours[field])):
                found.append(f"{record['id']} {field}: {value!r}, ours {ours[field]!r} ({digest(repr(ours[field]))})")
    assert not found, "\n".join(found)
    assert (whole, streamed) == (26, 28)


def test_exceptions_are_few(corpus: Path) -> None:
    known = {record["id"]: record for record in traffic(corpus)}
    excused = {record for record, _ in exceptions()}
    assert excused <= known.keys()
    real = [id for id, record in known.items() if "maybe_synthetic" not in record["features"]]
    assert len(excused & set(real)) <= MOST_EXCEPTIONS * len(real)


# --- requests ---------------------------------------------------------------------------------------------------------


def alike(body: Record) -> Record:
    """``body`` in one spelling: null, an empty format and empty lists and options are absent, and so is ``stream: true``; an
    assistant's content may be absent; a call may have no id, nor its answer (ours are made up), nor that a name."""
    said = {name: value for name, value in body.items() if value is not None and value not in ("", [], {}) and value is not True}
    said["messages"] = [_message(message) for message in body["messages"]]
    return said


def _message(message: Record) -> Record:
    said = {"content": "", **message}
    made_up = said.get("tool_call_id", "call_").startswith("call_0")
    if made_up:
        said.pop("tool_call_id", None)
        said.pop("tool_name", None)
    calls = [
        {name: held for name, held in call.items() if name != "id" or not held.startswith("call_0")}
        for call in said.get("tool_calls", ())
    ]
    return said | ({"tool_calls": calls} if calls else {})


def test_a_request_goes_on_as_it_came(corpus: Path) -> None:
    found, count = [], 0
    for record in traffic(corpus):
        asked = record["request"]["body"]
        if not isinstance(asked, dict) or "messages" not in asked:
            continue
        decoded = DIALECT.decode_request(HttpRequest("POST", "/api/chat", Headers(), json.dumps(asked).encode()))
        assert decoded.warnings == ()
        encoded = DIALECT.encode_request(
            decoded.request, Target(dialect="ollama", provider="ollama", model=decoded.request.model)
        )
        count += 1
        came, went = alike(asked), alike(json.loads(encoded.wire.body))
        if [warning.field for warning in encoded.warnings] == ["output"]:  # JSON was asked for in words too
            assert "JSON" in went["messages"].pop(0)["content"]
        else:
            assert encoded.warnings == (), record["id"]
        if came != went:
            found.append(f"{record['id']}: {came!r}, went {went!r}, {encoded.warnings}")
    assert not found, "\n".join(found)
    assert count == 33
