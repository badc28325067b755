"""Recorded Cohere traffic through the server half: replies say again what they said, requests as they were, but for what a warning
says."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import Context, Served
from trunkline.dialects.framings import frame_decoder, guess_framing
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.values.response import Response
from trunkline.values.secret import mask_keys
from trunkline.wire.http import HttpReply, HttpRequest

CLIENT = Context(target=Target("cohere", "cohere", "m"), model="m")
SERVER = Context(target=Target("cohere", "", "m"), model="m", stream=True, include_usage=True, served=Served())


@cache
def raw(corpus: Path) -> tuple[dict[str, Any], ...]:
    """Records of version 2; what version 1 says is read, and never said."""
    lines = (corpus / "dev" / "cohere.jsonl").read_bytes() + gzip.decompress((corpus / "more.jsonl.gz").read_bytes())
    found = [json.loads(line) for line in lines.split(b"\n") if b'"cohere"' in line]
    return tuple(record for record in found if record["dialect"] == "cohere" and "/v2/" in record["request"]["url"])


def events_of(body: bytes) -> list[Event]:
    decoder, frames = DIALECT.event_decoder(CLIENT), frame_decoder(guess_framing(body))
    events = decoder.feed(frames.feed(body) + frames.finish())
    assert decoder.done and decoder.error is None
    return events


def said_again(events: list[Event]) -> bytes:
    encoder = DIALECT.event_encoder(SERVER)
    said = b"".join(map(encoder.push, events)) + encoder.finish()
    assert not encoder.warnings
    return said


def whole_again(response: Response) -> Response:
    reply = DIALECT.encode_response(response, SERVER)
    assert not reply.warnings
    return DIALECT.decode_response(HttpReply(200, Headers(), reply.body), CLIENT)


def test_streams_say_again_what_they_said(corpus: Path) -> None:
    count = 0
    for record in raw(corpus):
        body = record["response"]["body"]
        if not isinstance(body, str):
            continue
        events = events_of(body.encode())
        said = said_again(events)
        assert fold(events_of(said)) == fold(events), record["id"]
        grammar, frames = DIALECT.stream_grammar(strict=True), frame_decoder(guess_framing(said))
        assert grammar.feed(frames.feed(said) + frames.finish()) + grammar.finish() == [], record["id"]
        assert whole_again(fold(events)) == fold(events), record["id"]
        count += 1
    assert count == 32


def test_whole_replies_say_again_what_they_said(corpus: Path) -> None:
    count = 0
    for record in raw(corpus):
        body, status = record["response"]["body"], record["response"]["status"]
        if status == 200 and isinstance(body, dict):
            response = DIALECT.decode_response(HttpReply(200, Headers(), json.dumps(body).encode()), CLIENT)
            again = json.loads(DIALECT.encode_response(response, SERVER).body)
            assert again == body | {
                "message": {"content": [], **body["message"]} if "content" in again["message"] else body["message"]
            }
            assert whole_again(response) == response, record["id"]
            count += 1
    assert count == 73


def test_errors_say_again_what_they_said(corpus: Path) -> None:
    count = 0
    for record in raw(corpus):
        if record["response"]["status"] >= 300:
            reply = HttpReply(record["response"]["status"], Headers(), json.dumps(record["response"]["body"]).encode())
            error = DIALECT.decode_error(reply, CLIENT)
            said = DIALECT.encode_error(error, SERVER)
            again = DIALECT.decode_error(said, CLIENT)
            assert (type(again), again.status, again.request_id) == (type(error), error.status, error.request_id)
            assert json.loads(said.body)["message"] == mask_keys(record["response"]["body"]["message"])
            count += 1
    assert count == 6


# --- requests -----------------------------------------------------------------------------------------------------------------


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` in one of its equivalent spellings. The closed list of what makes no difference:

    - a field that is null, and one that is absent; ``stream: false``; content of an assistant that is empty;
    - content that is text, and one part of that text;
    - ``tool_choice`` in small letters; ``response_format`` with its schema under another name;
    - arguments as JSON, however spaced.
    """
    found = {name: value for name, value in body.items() if value is not None and (name, value) != ("stream", False)}
    found["messages"] = [message(said) for said in body["messages"]]
    if "tool_choice" in found:
        found["tool_choice"] = found["tool_choice"].upper()
    if form := found.get("response_format"):
        schema = form.get("json_schema") or form.get("schema")
        found["response_format"] = ["json", schema]
    return found


def message(said: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in said.items() if value is not None}
    content = found.pop("content", "")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    found["content"] = [part for part in parts if part != {"type": "text", "text": ""}]
    return found


WARNED = {"messages": "messages", "output": "messages", "tools": "strict_tools"}
"""The field of a warning, and the field of the body that it explains."""


def test_requests_are_said_again_but_for_what_a_warning_says(corpus: Path) -> None:
    faults: list[str] = []
    for record in raw(corpus):
        body = record["request"]["body"]
        http = HttpRequest("POST", record["request"]["url"], Headers(), json.dumps(body).encode())
        decoded = DIALECT.decode_request(http)
        encoded = DIALECT.encode_request(decoded.request, decoded.context.target)
        warnings = (*decoded.warnings, *encoded.warnings)
        explained = {WARNED.get(warning.field.split(".")[0], warning.field) for warning in warnings}
        before, after = plain(body), plain(json.loads(encoded.wire.body))
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        faults += [
            f"{record['id']}: {name} changed: {before.get(name)} {after.get(name)}" for name in sorted(changed - explained)
        ]
    assert not faults, "\n".join(faults)
