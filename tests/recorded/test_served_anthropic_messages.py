"""Recorded Messages traffic through the server half: replies are read by the vendor's SDK as the original bytes are, requests are
said again as they were, but for what a warning says."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.anthropic_messages.reading import Record as Raw, records as raw_records
from tests.recorded import judges
from tests.recorded.reading import Reading, differences, digest
from tests.recorded.records import Record, records
from tests.recorded.replay import Replay
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.dialect import Context, Served
from trunkline.values.errors import InvalidRequestError, ProviderError
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.wire.http import HttpReply, HttpRequest
from trunkline.wire.sse import SseDecoder

SHARDS = 4
MOST_EXCEPTIONS = 0.01
MADE_UP = ("id", "model")
"""What our server says where the original says nothing: the SDK must have it."""


@cache
def exceptions() -> dict[tuple[str, str], dict[str, Any]]:
    rows = tomllib.loads(Path(__file__).with_name("served_anthropic_messages.toml").read_text())
    return {(row["id"], row["field"]): row for row in rows.get("exception", [])}


@cache
def recorded(corpus: Path) -> tuple[Record, ...]:
    return tuple(record for record in records(corpus) if record.dialect == "anthropic-messages")


def client_context(record: Record) -> Context:
    return Context(target=Target(dialect=DIALECT.id, provider=record.provider, model=record.model), model=record.model)


def server_context(record: Record) -> Context:
    target = Target(dialect=DIALECT.id, provider="", model=record.model)
    return Context(target=target, model=record.model, stream=record.stream, served=Served())


def events_of(record: Record) -> tuple[list[Event], ProviderError | None]:
    decoder, frames = DIALECT.event_decoder(client_context(record)), SseDecoder()
    events = decoder.feed(frames.feed(record.body) + frames.finish())
    return events + ([] if decoder.done else decoder.finish()), decoder.error


def said_again(record: Record) -> Record:
    """The reply that our server makes of the reply that our client read."""
    if record.stream and record.status < 300:
        events, error = events_of(record)
        encoder = DIALECT.event_encoder(server_context(record))
        said = b"".join(map(encoder.push, events))
        return record._replace(body=said + (encoder.finish() if error is None else encoder.error(error)))
    reply = HttpReply(record.status, Headers(record.headers.items()), record.body)
    try:
        if record.status >= 300:
            raise DIALECT.decode_error(reply, client_context(record))
        answer = DIALECT.encode_response(DIALECT.decode_response(reply, client_context(record)), server_context(record))
    except ProviderError as error:
        failed = DIALECT.encode_error(error, server_context(record))
        return record._replace(status=failed.status, body=failed.body)
    return record._replace(body=answer.body)


@cache
def ours(corpus: Path) -> tuple[Record, ...]:
    return tuple(map(said_again, recorded(corpus)))


@pytest.fixture(scope="module")
def original(corpus: Path) -> Iterator[Replay]:
    server = Replay(recorded(corpus))
    yield server
    server.close()


@pytest.fixture(scope="module")
def again(corpus: Path) -> Iterator[Replay]:
    server = Replay(ours(corpus))
    yield server
    server.close()


def judged(record: Record, replay: Replay) -> Reading | str:
    try:
        return judges.judge(record, replay.url(record, 0))
    except judges.Failed as failed:
        return f"{failed.status} {failed.kind}"


def unexplained(record: Record, mine: Reading | str, theirs: Reading | str) -> list[str]:
    if isinstance(mine, str) or isinstance(theirs, str):
        unreadable = isinstance(mine, str) and isinstance(theirs, str) and theirs.startswith("None")
        pairs = {} if mine == theirs or unreadable else {"reading": (mine, theirs)}
    else:
        mine = mine | {name: theirs[name] for name in MADE_UP if theirs[name] is None}
        pairs = differences(mine, theirs)
    found = []
    for field, (ours_, theirs_) in pairs.items():
        row = exceptions().get((record.id, field))
        if row is None or (row["ours"], row["theirs"]) != (digest(ours_), digest(theirs_)):
            found.append(f"{record.id} {field}: ours {ours_!r} ({digest(ours_)}), theirs {theirs_!r} ({digest(theirs_)})")
    return found


@pytest.mark.parametrize("number", range(SHARDS))
def test_the_sdk_reads_what_we_say_as_it_reads_the_original(corpus: Path, original: Replay, again: Replay, number: int) -> None:
    faults: list[str] = []
    for record, mine in list(zip(recorded(corpus), ours(corpus), strict=True))[number::SHARDS]:
        faults += unexplained(record, judged(mine, again), judged(record, original))
    assert not faults, "\n".join(faults)


def test_exceptions_are_few_and_each_is_a_record_with_a_rule(corpus: Path) -> None:
    known = {record.id: record for record in recorded(corpus)}
    assert all(row["id"] in known and row["rule"].strip() for row in exceptions().values())
    real = {row["id"] for row in exceptions().values() if not known[row["id"]].synthetic}
    assert len(real) <= MOST_EXCEPTIONS * len(known)


def test_streams_that_are_said_again_obey_the_strict_grammar(corpus: Path) -> None:
    faults: list[str] = []
    checked = 0
    for record in ours(corpus):
        if record.stream and record.status < 300:
            grammar, frames = DIALECT.stream_grammar(strict=True), SseDecoder()
            found = grammar.feed(frames.feed(record.body) + frames.finish()) + grammar.finish()
            faults += [f"{record.id}: {fault}" for fault in found]
            checked += 1
    assert checked > 100
    assert not faults, "\n".join(faults)


# --- requests -----------------------------------------------------------------------------------------------------------------


def asked() -> list[Raw]:
    return [record for record in raw_records() if isinstance((record["request"] or {}).get("body"), dict)]


def whole(value: Any) -> Any:
    """``value`` with media in place of what the corpus left out."""
    if isinstance(value, str):
        return "QUJD" if value.startswith("ELIDED_BASE64") else value
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` in one of its equivalent spellings. The closed list of what makes no difference:

    - a field that is null, and one that is absent;
    - content (of a turn, of ``system``, of a tool's result) that is text, and one block of that text; none, and an empty list;
    - what is the default: ``stream: false``, ``is_error: false``, ``disable_parallel_tool_use: false``, ``citations: []``,
      no ``tools``, a ``description`` that is empty;
    - ``output_format`` of the beta, and ``output_config.format``.
    """
    found = {name: value for name, value in body.items() if value is not None and value not in ([], {}) and value != ""}
    if found.get("stream") is False:
        del found["stream"]
    if "system" in found:
        found["system"] = content(found["system"])
    found["messages"] = [turn | {"content": content(turn["content"])} for turn in body["messages"]]
    if "tools" in found:
        found["tools"] = [
            {name: item for name, item in tool.items() if item is not None and not (name == "description" and item == "")}
            for tool in found["tools"]
        ]
    if found.get("tool_choice", {}).get("disable_parallel_tool_use") is False:
        found["tool_choice"] = {name: item for name, item in found["tool_choice"].items() if name != "disable_parallel_tool_use"}
    if "output_format" in found:
        found["output_config"] = found.get("output_config", {}) | {"format": found.pop("output_format")}
    return found


def content(said: Any) -> list[Any]:
    blocks = [{"type": "text", "text": said}] if isinstance(said, str) else said or []
    return [block(item) for item in blocks]


def block(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in item.items() if value is not None}
    if kept.get("citations") == []:
        del kept["citations"]
    if kept["type"] == "tool_result":
        kept = {name: value for name, value in kept.items() if (name, value) != ("is_error", False)}
        kept["content"] = content(kept.get("content"))
    return kept


WARNED = {
    "output_config.effort": "thinking",
    "output.schema": "output_config",
    "top_p": "top_p",
    "messages": "messages",
    "temperature": "temperature",
    "top_k": "top_k",
    "tool_choice": "tool_choice",
    "reasoning": "thinking",
}
"""The field of a warning, and the field of the body that it explains."""


def test_requests_are_said_again_but_for_what_a_warning_says(corpus: Path) -> None:
    faults: list[str] = []
    found = asked()
    for record in found:
        body = whole(record["request"]["body"])
        headers = Headers((name, str(value)) for name, value in (record["request"].get("headers") or {}).items())
        http = HttpRequest("POST", record["request"].get("url") or "/v1/messages", headers, json.dumps(body).encode())
        try:
            decoded = DIALECT.decode_request(http)
        except InvalidRequestError as error:
            faults += refused(record, body, error)
            continue
        encoded = DIALECT.encode_request(decoded.request, decoded.context.target)
        explained = {WARNED.get(warning.field, warning.field) for warning in (*decoded.warnings, *encoded.warnings)}
        before, after = plain(body), plain(json.loads(encoded.wire.body))
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        faults += [f"{record['id']}: {name} changed, and no warning says so" for name in sorted(changed - explained)]
    assert len(found) >= 300
    assert not faults, "\n".join(faults)


def refused(record: Raw, body: dict[str, Any], error: InvalidRequestError) -> list[str]:
    """A request may be refused where the provider refused it too, or where it names no model (clouds have that in the path)."""
    if "model" not in body and error.param == "model":
        return []
    said = json.dumps(record["response"]["body"])
    if record["response"]["status"] == 400 and error.param is not None and error.param in said:
        return []
    return [f"{record['id']}: {error}"]
