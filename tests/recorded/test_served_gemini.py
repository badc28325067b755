"""Recorded generateContent traffic through the server half: replies are read by the vendor's SDK as the original bytes are, requests
are said again as they were, but for what a warning says."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import judges
from tests.recorded.reading import Reading, differences, digest
from tests.recorded.records import Record, records
from tests.recorded.replay import Replay
from trunkline.dialects.dialect import Context, Framing, Served
from trunkline.dialects.framings import frame_decoder, guess_framing
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.schemas import camel, json_schema_of
from trunkline.dialects.gemini.server import stand_in
from trunkline.values.errors import InvalidRequestError, ProviderError
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.wire.http import HttpReply, HttpRequest

SHARDS = 4
MOST_EXCEPTIONS = 0.01
MADE_UP = ("id", "model")
"""What our server says where the original says nothing."""


@cache
def exceptions() -> dict[tuple[str, str], dict[str, Any]]:
    rows = tomllib.loads(Path(__file__).with_name("served_gemini.toml").read_text())
    return {(row["id"], row["field"]): row for row in rows.get("exception", [])}


@cache
def recorded(corpus: Path) -> tuple[Record, ...]:
    return tuple(record for record in records(corpus) if record.kind == "gemini")


def client_context(record: Record) -> Context:
    return Context(target=Target(dialect=DIALECT.id, provider=record.provider, model=record.model), model=record.model)


def server_context(record: Record, *, array: bool = False) -> Context:
    target = Target(dialect=DIALECT.id, provider="", model=record.model)
    return Context(target=target, model=record.model, stream=record.stream, served=Served(array=array))


def events_of(record: Record) -> tuple[list[Event], ProviderError | None]:
    decoder, frames = DIALECT.event_decoder(client_context(record)), frame_decoder(guess_framing(record.body))
    events = decoder.feed(frames.feed(record.body) + frames.finish())
    return events + ([] if decoder.done else decoder.finish()), decoder.error


def said_again(record: Record, *, array: bool = False) -> Record:
    """The reply that our server makes of the reply that our client read."""
    if record.stream and record.status < 300:
        events, error = events_of(record)
        encoder = DIALECT.event_encoder(server_context(record, array=array))
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
        pairs = {} if mine == theirs else {"reading": (mine, theirs)}
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


# --- all that a reply says ------------------------------------------------------------------------------------------------------


def pieces(body: bytes) -> list[dict[str, Any]]:
    frames = frame_decoder(guess_framing(body))
    return [json.loads(frame.data) for frame in frames.feed(body) + frames.finish()]


def amounts_to(record: Record) -> dict[str, Any]:
    """What a reply amounts to, whole or in pieces. The closed list of what makes no difference:

    - neighbouring texts (or thoughts) without a signature are one, an empty one without is none, and a signature may stand on an
      empty text after the words that it belongs to;
    - a call without ``args`` has none (``{}``), ``thought: false`` and null are absent;
    - a stand-in signature; a content without role or parts.
    """
    body = json.loads(record.body) if record.body.lstrip()[:1] == b"{" else None
    parts: list[dict[str, Any]] = []
    rest: dict[str, Any] = {}
    for piece in [body] if body is not None else pieces(record.body):
        for name, value in piece.items():
            rest[name] = rest.get(name, {}) | without_null(value) if name == "usageMetadata" else value
        for candidate in piece.get("candidates") or ():
            if not candidate.get("index"):
                rest |= {f"candidate.{name}": value for name, value in candidate.items() if name not in ("content", "index")}
                parts += (candidate.get("content") or {}).get("parts") or []
    rest.pop("candidates", None)
    texts = {False: "", True: ""}
    others, signatures = [], []
    for part in parts:
        held = {name: value for name, value in part.items() if value is not None and (name, value) != ("thought", False)}
        if "text" in held:
            texts[held.get("thought", False)] += held.pop("text")
            if held.get("thoughtSignature"):
                signatures.append(held["thoughtSignature"])
        elif held:
            others.append(plain_part(held))
    if rest.get("candidate.finishReason") in (1, 2):
        rest["candidate.finishReason"] = ("STOP", "MAX_TOKENS")[rest["candidate.finishReason"] - 1]
    return rest | {"text": texts[False], "thoughts": texts[True], "signatures": signatures, "others": others}


def without_null(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def plain_part(part: dict[str, Any]) -> dict[str, Any]:
    if "functionCall" in part:
        call = {name: value for name, value in part["functionCall"].items() if value is not None}
        part = part | {"functionCall": {"args": {}} | call}
    return {name: value for name, value in part.items() if (name, value) != ("thoughtSignature", stand_in.SIGNATURE)}


def test_all_that_a_reply_says_is_said_again(corpus: Path) -> None:
    """Fields that we do not name, signatures, media and the order of all that is no text among them."""
    faults: list[str] = []
    for record, mine in zip(recorded(corpus), ours(corpus), strict=True):
        if record.status >= 300 or record.synthetic or "partialArgs" in record.body.decode("utf-8", "replace"):
            continue
        try:
            before, after = amounts_to(record), amounts_to(mine)
        except ValueError:
            continue
        added = {name: after[name] for name in after.keys() - before.keys()} | {"responseId": 0, "modelVersion": 0}
        before = {name: after[name] if name in MADE_UP_FIELDS and name not in before else value for name, value in before.items()}
        changed = [name for name in before if before[name] != after.get(name)]
        unknown = added.keys() - MADE_UP_FIELDS
        faults += [f"{record.id} {name}: {before.get(name)!r} became {after.get(name)!r}" for name in (*changed, *unknown)]
    assert not faults, "\n".join(faults)


MADE_UP_FIELDS = frozenset({"responseId", "modelVersion"})


@pytest.mark.parametrize("array", [False, True])
def test_streams_that_are_said_again_obey_the_strict_grammar(corpus: Path, array: bool) -> None:
    faults: list[str] = []
    checked = 0
    for record in recorded(corpus):
        if record.stream and record.status < 300:
            said = said_again(record, array=array).body
            if array:
                json.loads(said)
            grammar = DIALECT.stream_grammar(strict=True)
            frames = frame_decoder(Framing.JSON_ARRAY if array else Framing.SSE)
            found = grammar.feed(frames.feed(said) + frames.finish()) + grammar.finish()
            faults += [f"{record.id}: {fault}" for fault in found]
            checked += 1
    assert checked > 100
    assert not faults, "\n".join(faults)


# --- requests -----------------------------------------------------------------------------------------------------------------


def asked(corpus: Path) -> list[dict[str, Any]]:
    lines = (corpus / "dev" / "gemini.jsonl").read_bytes() + gzip.decompress((corpus / "more.jsonl.gz").read_bytes())
    raw = [json.loads(line) for line in lines.split(b"\n") if b'"gemini"' in line]
    return [item for item in raw if item["dialect"] == "gemini" and isinstance((item["request"] or {}).get("body"), dict)]


def whole(value: Any) -> Any:
    """``value`` with media in place of what the corpus left out."""
    if isinstance(value, str):
        return "QUJD" if value.startswith("ELIDED_BASE64") else value
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` in one of its equivalent spellings. The closed list of what makes no difference:

    - names in camel case and with underscores; a field that is null (or an empty object or list), and one that is absent;
    - ``contents`` that is one turn, and a list of it; ``parts`` likewise; the role ``function``, and ``user``; none, where there is one turn;
      neighbouring turns of one role; the role of ``systemInstruction``;
    - a call without ``args``, and with none; an answer that lacks the id which its call has;
    - words of an enumeration in capitals and not; either alphabet of base64; a signature with an empty text, and without one;
    - functions in one list, and in several; ``parameters`` and ``parametersJsonSchema`` that say the same, likewise of the output;
    - ``text/plain``, which is the default; the model, which the path names.
    """
    found = {camel(name): value for name, value in body.items() if value not in (None, {}, []) and name != "model"}
    contents = found["contents"] if isinstance(found["contents"], list) else [found["contents"]]
    found["contents"] = turns(contents)
    if "systemInstruction" in found:
        found["systemInstruction"] = [named(part) for part in found["systemInstruction"]["parts"]]
    if "tools" in found:
        found["tools"] = tools(found["tools"])
    if "mode" in (calling := found.get("toolConfig", {}).get("functionCallingConfig", {})):
        found["toolConfig"] = found["toolConfig"] | {"functionCallingConfig": calling | {"mode": calling["mode"].upper()}}
    if "generationConfig" in found:
        found["generationConfig"] = config(found["generationConfig"])
    return {name: value for name, value in found.items() if value not in ({}, [])}


def turns(contents: list[dict[str, Any]]) -> list[Any]:
    found: list[tuple[str, list[Any]]] = []
    names: list[tuple[str, str]] = []
    for turn in contents:
        role = {"function": "user", None: "user"}.get(turn.get("role"), turn.get("role"))
        held = turn.get("parts") or []
        parts = [named(part) for part in ([held] if isinstance(held, dict) else held)]
        for part in parts:
            if call := part.get("functionCall"):
                names.append((call["name"], call.get("id", "")))
            answer = part.get("functionResponse")
            known = next((pair for pair in names if answer and pair[0] == answer["name"]), None)
            if answer and known is not None:
                names.remove(known)
                part["functionResponse"] = {"id": known[1]} | answer
                if not part["functionResponse"]["id"]:
                    del part["functionResponse"]["id"]
        if found and found[-1][0] == role:
            found[-1][1].extend(parts)
        else:
            found.append((str(role), parts))
    return found


def named(part: dict[str, Any]) -> dict[str, Any]:
    made = {camel(name): value for name, value in part.items() if value is not None and (name, value) != ("thought", False)}
    for kind in ("inlineData", "fileData", "functionResponse"):
        if kind in made:
            made[kind] = {camel(name): value for name, value in made[kind].items()}
    if "functionCall" in made:
        made["functionCall"] = {"args": {}} | made["functionCall"]
    if "data" in made.get("inlineData", {}):
        made["inlineData"]["data"] = made["inlineData"]["data"].replace("-", "+").replace("_", "/")
    if made.keys() <= {"thought", "thoughtSignature"}:
        made["text"] = ""
    if "parts" in made.get("functionResponse", {}):
        made["functionResponse"]["parts"] = [named(item) for item in made["functionResponse"]["parts"]]
    return made


def tools(listed: list[dict[str, Any]]) -> list[Any]:
    found: list[Any] = []
    for tool in listed:
        for name, value in tool.items():
            if camel(name) != "functionDeclarations":
                found.append({camel(name): value})
                continue
            for function in value:
                made = {camel(key): item for key, item in function.items() if item not in (None, "")}
                schema = json_schema_of(made.pop("parameters", None)) or made.pop("parametersJsonSchema", None)
                found.append(made | {"schema": schema})
    return sorted(found, key=lambda tool: "schema" not in tool)


def config(said: dict[str, Any]) -> dict[str, Any]:
    made = {camel(name): value for name, value in said.items() if value is not None}
    schema = json_schema_of(made.pop("responseSchema", None)) or made.pop("responseJsonSchema", None)
    if schema is not None:
        made["schema"] = schema
    if made.get("responseMimeType") == "text/plain":
        del made["responseMimeType"]
    if "thinkingLevel" in (thinking := made.get("thinkingConfig", {})):
        made["thinkingConfig"] = thinking | {"thinkingLevel": thinking["thinkingLevel"].upper()}
    return made


WARNED = {"messages": "contents"}
"""The field of a warning, and the field of the body that it explains."""


def test_requests_are_said_again_but_for_what_a_warning_says(corpus: Path) -> None:
    faults: list[str] = []
    found = asked(corpus)
    for record in found:
        body = whole(record["request"]["body"])
        method = "streamGenerateContent" if record["stream"] else "generateContent"
        url = record["request"].get("url") or f"/v1beta/models/{record['model']}:{method}"
        try:
            decoded = DIALECT.decode_request(HttpRequest("POST", url, Headers(()), json.dumps(body).encode()))
        except InvalidRequestError as error:
            assert record["response"]["status"] == 400 and "valid role" in json.dumps(record["response"]["body"]), (
                record["id"],
                error,
            )
            continue
        assert record["model"].endswith(decoded.request.model) and decoded.context.stream is decoded.request.stream
        encoded = DIALECT.encode_request(decoded.request, decoded.context.target)
        explained = {WARNED.get(warning.field, warning.field) for warning in (*decoded.warnings, *encoded.warnings)}
        before, after = plain(body), plain(json.loads(encoded.wire.body))
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        faults += [f"{record['id']}: {name} changed, and no warning says so" for name in sorted(changed - explained)]
    assert len(found) >= 300
    assert not faults, "\n".join(faults)
