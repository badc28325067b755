"""Recorded Converse traffic through the server half: botocore reads our replies as it reads the original bytes, requests are said again
as they were, but for what a warning says."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.bedrock_converse.judge import judge_body
from tests.recorded import judges
from tests.recorded.reading import Reading, differences, digest
from tests.recorded.records import Record, records
from tests.recorded.replay import Replay
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.dialects.dialect import Context, Served
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.model import Quirks, Target
from trunkline.wire.aws_event_stream import EventStreamDecoder
from trunkline.wire.http import HttpReply, HttpRequest

MOST_EXCEPTIONS = 0.01


@cache
def exceptions() -> dict[tuple[str, str], dict[str, Any]]:
    rows = tomllib.loads(Path(__file__).with_name("served_bedrock_converse.toml").read_text())
    return {(row["id"], row["field"]): row for row in rows.get("exception", [])}


@cache
def recorded(corpus: Path) -> tuple[Record, ...]:
    return tuple(record for record in records(corpus) if record.dialect == DIALECT.id)


def client_context(record: Record) -> Context:
    return Context(target=Target(dialect=DIALECT.id, provider=record.provider, model=record.model), model=record.model)


def server_context(record: Record) -> Context:
    target = Target(dialect=DIALECT.id, provider="", model=record.model)
    return Context(target=target, model=record.model, stream=record.stream, served=Served())


def events_of(body: bytes, record: Record) -> tuple[list[Event], ProviderError | None]:
    decoder, frames = DIALECT.event_decoder(client_context(record)), EventStreamDecoder()
    events = decoder.feed(frames.feed(body) + frames.finish())
    return events + ([] if decoder.done else decoder.finish()), decoder.error


def said_again(record: Record) -> Record:
    """The reply that our server makes of the reply that our client read."""
    if record.stream:
        events, error = events_of(record.body, record)
        encoder = DIALECT.event_encoder(server_context(record))
        said = b"".join(map(encoder.push, events))
        return record._replace(body=said + (encoder.finish() if error is None else encoder.error(error)))
    reply = HttpReply(record.status, Headers(record.headers.items()), record.body)
    if record.status >= 300:
        failed = DIALECT.encode_error(DIALECT.decode_error(reply, client_context(record)), server_context(record))
        return record._replace(status=failed.status, body=failed.body, headers=dict(failed.headers.pairs))
    answer = DIALECT.encode_response(DIALECT.decode_response(reply, client_context(record)), server_context(record))
    assert not answer.warnings
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
        return f"{record.status} {failed.kind}"


def unexplained(record: Record, mine: Reading | str, theirs: Reading | str) -> list[str]:
    if isinstance(mine, str) or isinstance(theirs, str):
        pairs = {} if mine == theirs else {"reading": (mine, theirs)}
    else:
        pairs = differences(mine, theirs)
    found = []
    for field, (ours_, theirs_) in pairs.items():
        row = exceptions().get((record.id, field))
        if row is None or (row["ours"], row["theirs"]) != (digest(ours_), digest(theirs_)):
            found.append(f"{record.id} {field}: ours {ours_!r} ({digest(ours_)}), theirs {theirs_!r} ({digest(theirs_)})")
    return found


def test_botocore_reads_what_we_say_as_it_reads_the_original(corpus: Path, original: Replay, again: Replay) -> None:
    faults: list[str] = []
    for record, mine in zip(recorded(corpus), ours(corpus), strict=True):
        faults += unexplained(record, judged(mine, again), judged(record, original))
    assert not faults, "\n".join(faults)


def test_our_client_reads_all_of_it_again(corpus: Path) -> None:
    """Every field, not only those that the judge compares: parts with their state, extra, usage."""
    faults: list[str] = []
    for record, mine in zip(recorded(corpus), ours(corpus), strict=True):
        if record.status >= 300:
            continue
        if record.stream:
            first, second = (fold(events_of(body, record)[0]) for body in (record.body, mine.body))
        else:  # state is kept verbatim, and so with the spaces that the corpus has
            bodies = [json.dumps(json.loads(body), separators=(",", ":")).encode() for body in (record.body, mine.body)]
            first, second = (DIALECT.decode_response(HttpReply(200, Headers(), body), client_context(record)) for body in bodies)
        if first != second:
            faults.append(f"{record.id}: {first!r}\n  {second!r}")
    assert not faults, "\n".join(faults)


def test_exceptions_are_few_and_each_is_a_record_with_a_rule(corpus: Path) -> None:
    known = {record.id: record for record in recorded(corpus)}
    assert all(row["id"] in known and row["rule"].strip() for row in exceptions().values())
    assert len({row["id"] for row in exceptions().values()}) <= MOST_EXCEPTIONS * len(known)


def test_streams_that_are_said_again_obey_the_strict_grammar(corpus: Path) -> None:
    faults: list[str] = []
    checked = 0
    for record in ours(corpus):
        if record.stream:
            grammar, frames = DIALECT.stream_grammar(strict=True), EventStreamDecoder()
            found = grammar.feed(frames.feed(record.body) + frames.finish()) + grammar.finish()
            faults += [f"{record.id}: {fault}" for fault in found]
            checked += 1
    assert checked >= 45
    assert not faults, "\n".join(faults)


# --- requests -----------------------------------------------------------------------------------------------------------------


@cache
def asked(corpus: Path) -> tuple[dict[str, Any], ...]:
    lines = (corpus / "dev" / "bedrock-converse.jsonl").read_bytes() + gzip.decompress((corpus / "more.jsonl.gz").read_bytes())
    found = [json.loads(line) for line in lines.split(b"\n") if line]
    return tuple(record for record in found if record["dialect"] == "bedrock-converse" and record["request"])


def whole(value: Any) -> Any:
    """``value`` with media in place of what the corpus left out, and bytes as the wire has them where an SDK's dump has not."""
    if isinstance(value, str):
        return "QUJD" if value.startswith("ELIDED_BASE64") else value
    if isinstance(value, dict):
        if value and all(name.isdigit() for name in value):
            return "QUJD"
        return {name: whole(item) for name, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` in one of its equivalent spellings. The closed list of what makes no difference:

    - a field that is null, an empty object or an empty list, and one that is absent; the model, which stands in the path;
    - the schema of the output as text, however it is spaced; its name where it is the one that we give to one without;
    - ``status: success`` of a tool's result;
    - ``thinking`` and ``reasoning_config``, two names of one field of some models.
    """
    found = {name: value for name, value in body.items() if value not in (None, [], {}) and name != "modelId"}
    found["messages"] = [turn | {"content": [block(item) for item in turn["content"]]} for turn in body["messages"]]
    if "outputConfig" in found:
        said = found["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        shown = {name: value for name, value in said.items() if (name, value) != ("name", "output")}
        found["outputConfig"] = shown | {"schema": json.loads(said["schema"])}
    own = found.get("additionalModelRequestFields", {})
    if "reasoning_config" in own:
        found["additionalModelRequestFields"] = {"thinking" if name == "reasoning_config" else name: v for name, v in own.items()}
    return found


def block(item: dict[str, Any]) -> dict[str, Any]:
    if "toolResult" in item:
        said = {name: value for name, value in item["toolResult"].items() if (name, value) != ("status", "success")}
        return {"toolResult": said}
    return item


WARNED = {"messages": "messages", "tools": "toolConfig", "tool_choice": "toolConfig", "output": "outputConfig"}


def test_requests_are_said_again_but_for_what_a_warning_says(corpus: Path) -> None:
    faults: list[str] = []
    for record in asked(corpus):
        body = whole(record["request"]["body"])
        url = record["request"].get("url") or "/model/none/converse"
        http = HttpRequest("POST", url, Headers(), json.dumps(body).encode())
        decoded = DIALECT.decode_request(http)
        assert decoded.request.stream is url.endswith("converse-stream")
        assert decoded.request.model == (record["model"] or "none") or "fixture" in record["features"]
        encoded = DIALECT.encode_request(decoded.request, decoded.context.target)
        explained = {WARNED.get(warning.field.split(".")[0]) for warning in (*decoded.warnings, *encoded.warnings)}
        said = json.loads(encoded.wire.body)
        before, after = plain(body), plain(said)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        faults += [
            f"{record['id']}: {name} changed, and no warning says so: {before.get(name)!r}\n {after.get(name)!r}"
            for name in sorted(changed - explained)
        ]
        judge_body(said, decoded.request.model, stream=decoded.request.stream)
    assert len(asked(corpus)) >= 130
    assert not faults, "\n".join(faults)[:5000]


def test_reasoning_styles_need_no_model(corpus: Path) -> None:
    """What a recorded request says of thinking is understood, where it is said in the words that most models share."""
    shown = [r for r in asked(corpus) if "thinking" in json.dumps(r["request"]["body"].get("additionalModelRequestFields", {}))]
    assert shown
    for record in shown:
        http = HttpRequest("POST", record["request"]["url"], Headers(), json.dumps(record["request"]["body"]).encode())
        request = DIALECT.decode_request(http).request
        assert request.reasoning is not None
        quirks = Quirks(thinking="none")
        encoded = DIALECT.encode_request(request, Target(dialect=DIALECT.id, provider="", model="m", quirks=quirks))
        assert [warning.field for warning in encoded.warnings] in (["reasoning"], ["reasoning", "reasoning.show"])
