"""Recorded traffic of the Responses API through both halves: what the client half read, the server half says again.

Replies: what is decoded, encoded, and decoded again is equal, states as JSON, whole and streamed; and the vendor's types read what we
say as they read the original. Requests: what is decoded and encoded again is the original, but for the equivalences of ``alike`` and
for what a warning tells.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from openai._models import construct_type
from openai.types.responses import Response as SdkResponse, ResponseStreamEvent

from tests.recorded import judge_openai_responses as judge
from tests.recorded.reading import digest
from trunkline.dialects.dialect import Context, Served
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import InvalidRequestError, ProviderError
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.headers import NO_HEADERS, Headers
from trunkline.values.message import Message
from trunkline.values.model import Target
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpReply, HttpRequest
from trunkline.wire.sse import Frame, SseDecoder

SHARDS = 4
MOST_EXCEPTIONS = 0.01
ASKED = Context(target=Target(dialect="openai-responses", provider="openai", model="m", key="k"), model="m")
SERVED = Context(target=Target(dialect="openai-responses", provider="", model="m"), model="m", served=Served(reply_id="resp_x"))
Record = dict[str, Any]


@cache
def traffic(corpus: Path) -> tuple[Record, ...]:
    lines = (corpus / "dev" / "openai-responses.jsonl").read_bytes().split(b"\n")
    lines += gzip.decompress((corpus / "more.jsonl.gz").read_bytes()).split(b"\n")
    found = [json.loads(line) for line in lines if line]
    return tuple(record for record in found if record["dialect"] == "openai-responses")


# --- replies ----------------------------------------------------------------------------------------------------------------


def body_of(record: Record) -> bytes:
    body = record["response"]["body"]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def frames_of(body: bytes) -> list[Frame]:
    frames = SseDecoder()
    return frames.feed(body) + frames.finish()


def events_of(body: bytes) -> list[Event]:
    """The events of a stream. Raises the error that it is."""
    decoder = DIALECT.event_decoder(ASKED)
    events = decoder.feed(frames_of(body)) + decoder.finish()
    if decoder.error is not None:
        raise decoder.error
    return events


def streamed(events: list[Event]) -> tuple[bytes, list[Warning]]:
    encoder = DIALECT.event_encoder(SERVED)
    body = b"".join([*[encoder.push(event) for event in events], encoder.finish()])
    grammar = DIALECT.stream_grammar(strict=True)
    assert grammar.feed(frames_of(body)) + grammar.finish() == []
    return body, encoder.warnings


def again(record: Record) -> tuple[Response, list[tuple[str, bytes, Response, list[Warning]]]]:
    """The reply as it came, and as it is once we have said it: how, the body, what is read of it, the warnings."""
    if not isinstance(record["response"]["body"], str):
        came = DIALECT.decode_response(HttpReply(200, Headers(), body_of(record)), ASKED)
        reply = DIALECT.encode_response(came, SERVED)
        return came, [("whole", reply.body, DIALECT.decode_response(reply, ASKED), list(reply.warnings))]
    events = events_of(body_of(record))
    came = fold(events)
    whole = DIALECT.encode_response(came, SERVED)
    body, warnings = streamed(events)
    bare, _ = streamed([replace(event, raw=None) for event in events])
    assert fold(events_of(bare)).text == came.text
    return came, [
        ("stream", body, fold(events_of(body)), warnings),
        ("whole", whole.body, DIALECT.decode_response(whole, ASKED), list(whole.warnings)),
    ]


def facts(response: Response) -> dict[str, Any]:
    """What a reply says, the JSON in it (states, figures) parsed; but for what stands in it of its request."""
    plain = replace(response, raw=b"", headers=NO_HEADERS, extra={}, request_id=None, timings=response.timings)
    found: dict[str, Any] = msgspec.to_builtins(replace(plain, message=Message("assistant", ())), builtin_types=(bytes,))
    found["parts"] = [_parsed(msgspec.to_builtins(part, builtin_types=(bytes,))) for part in response.message.parts]
    found["usage"].get("raw", {}).pop("total_tokens", None)  # ours always has one
    return found


def _parsed(value: Any) -> Any:
    if isinstance(value, bytes):
        return json.loads(value)
    if isinstance(value, dict):
        return {name: _parsed(item) for name, item in value.items()}
    return [_parsed(item) for item in value] if isinstance(value, (list, tuple)) else value


def sdk_reading(body: bytes, *, stream: bool) -> dict[str, Any]:
    """What the vendor's types read."""
    if not stream:
        reply: Any = construct_type(type_=SdkResponse, value=json.loads(body))
        return judge._reading(reply, list(reply.output))
    frames = [json.loads(frame.data) for frame in frames_of(body) if frame.data != b"[DONE]"]
    events: list[Any] = [construct_type(type_=ResponseStreamEvent, value=said) for said in frames]
    done = [event.item for event in events if event.type == "response.output_item.done"]
    last = next(event for event in events if event.type in judge._LAST)
    found = judge._reading(last.response, done or list(last.response.output))
    return {name: value for name, value in found.items() if name not in ("id", "model")}


@cache
def exceptions() -> dict[tuple[str, str], str]:
    rows = tomllib.loads(Path(__file__).with_name("served_openai_responses.toml").read_text()).get("exception", [])
    assert all(row["rule"].strip() for row in rows)
    return {(row["id"], row["field"]): row["ours"] for row in rows}


@pytest.mark.parametrize("number", range(SHARDS))
def test_a_served_reply_is_read_as_the_original(corpus: Path, number: int) -> None:
    found, count = [], 0
    for record in traffic(corpus)[number::SHARDS]:
        stream = isinstance(record["response"]["body"], str)
        try:
            came, ways = again(record)
            original = sdk_reading(body_of(record), stream=stream)
        except ProviderError:
            continue
        count += 1
        for how, body, went, warnings in ways:
            pairs = [(f"{how}.{name}", was, facts(went).get(name)) for name, was in facts(came).items()]
            if (how == "stream") is stream:
                pairs += [(f"sdk.{name}", original[name], value) for name, value in sdk_reading(body, stream=stream).items()]
            for field, was, ours in pairs:
                if was != ours and exceptions().get((record["id"], field)) != digest(ours):
                    found.append(
                        f"{record['id']} ({record['provider']}) {field}: {was!r}, ours {ours!r} ({digest(ours)}), {warnings}"
                    )
    assert count > 100
    assert not found, "\n".join(found)


def test_exceptions_are_few(corpus: Path) -> None:
    known = {record["id"] for record in traffic(corpus)}
    excused = {record for record, _ in exceptions()}
    assert excused <= known
    assert len(excused) <= MOST_EXCEPTIONS * len(known)


def test_errors_are_said_again(corpus: Path) -> None:
    """Of each recorded error the caller learns class, status and code; of one in a stream, class and code."""
    count = 0
    for record in traffic(corpus):
        status = record["response"]["status"] or 200
        try:
            if status < 400:
                again(record)
                continue
            headers = Headers([(name, str(value)) for name, value in (record["response"].get("headers") or {}).items()])
            error = DIALECT.decode_error(HttpReply(status, headers, body_of(record)), ASKED)
        except ProviderError as caught:
            encoder = DIALECT.event_encoder(SERVED)
            decoder = DIALECT.event_decoder(ASKED)
            decoder.feed(frames_of(encoder.error(caught)))
            assert type(decoder.error) is type(caught), record["id"]
            count += 1
            continue
        reply = DIALECT.encode_error(error, SERVED)
        told = DIALECT.decode_error(reply, ASKED)
        assert (type(told), told.status, told.request_id) == (type(error), status, error.request_id), record["id"]
        assert error.code is None or told.code == error.code, record["id"]
        count += 1
    assert count >= 10


# --- requests ---------------------------------------------------------------------------------------------------------------

STORED = {
    "previous_response_id": {"b86b49511e84e0b8", "a3b67dc2f9331582"},
    "item_reference": {"9eb906116bdd635e"},
    "store": {"27bc8d16d20a9d65", "5191726cf0a686e2", "bc98dc26489692fb", "ee32b57685b97ecc", "f44a46a6df41764e"},
}
"""Recorded requests that need a store, and are refused."""
_TOLD = {"input": ("messages", "tool_call", "input"), "tools": ("tools",)}


def alike(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` in one spelling. The equivalences, in full:

    1. Null is absent; so are ``stream: false``, an empty list, a text format of type ``text``.
    2. We keep nothing, and say so (``store: false``); then what is sealed is asked for, in ``include``.
    3. Instructions, and system or developer messages at the beginning, are one. A text is a user's message.
    4. A content of one text is that text; a message needs no ``type``; ``logprobs`` and annotations that are none say nothing.
    5. The end user has two names. A tool's ``strict`` that is null is not said. A picture's detail is ``auto``.
    """
    said = {name: value for name, value in body.items() if value is not None and value != []}
    said["store"] = False
    said["include"] = sorted({*said.get("include", ()), "reasoning.encrypted_content"})
    if not said.get("stream"):
        said.pop("stream", None)
    if "user" in said:
        said["safety_identifier"] = said.pop("user")
    if said.get("text") == {"format": {"type": "text"}}:
        del said["text"]
    if "tools" in said:
        said["tools"] = [{name: value for name, value in tool.items() if value is not None} for tool in said["tools"]]
    items = said.get("input", [])
    items = [{"role": "user", "content": items}] if isinstance(items, str) else [_item(item) for item in items]
    if words := said.pop("instructions", None):
        items.insert(0, {"role": "system", "content": words})
    said["input"] = items
    return said


def _item(item: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in item.items() if value is not None}
    if said.get("type", "message") != "message":
        return said
    said.pop("type", None)
    said["role"] = "system" if said["role"] == "developer" else said["role"]
    content = said.get("content")
    if isinstance(content, list):
        parts = [_part(part) for part in content]
        plain = len(parts) == 1 and parts[0].keys() == {"type", "text"}
        said["content"] = parts[0]["text"] if plain else parts
    return said


def _part(part: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in part.items() if value != [] or name not in ("annotations", "logprobs")}
    return {"detail": "auto", **said} if said.get("type") == "input_image" else said


@pytest.mark.parametrize("number", range(SHARDS))
def test_a_request_goes_on_as_it_came(corpus: Path, number: int) -> None:
    found, count = [], 0
    for record in traffic(corpus)[number::SHARDS]:
        asked = record["request"]
        if not isinstance(asked["body"], dict) or any(record["id"] in ids for ids in STORED.values()):
            continue
        data = json.dumps(asked["body"]).encode()
        decoded = DIALECT.decode_request(HttpRequest("POST", asked["url"] or "/v1/responses", Headers(), data))
        encoded = DIALECT.encode_request(decoded.request, replace(ASKED.target, model=decoded.request.model))
        warnings = [*decoded.warnings, *encoded.warnings]
        count += 1
        came, went = alike(asked["body"]), alike(json.loads(encoded.wire.body))
        for name in {**came, **went}:
            if came.get(name) != went.get(name) and not _explained(name, warnings):
                found.append(
                    f"{record['id']} ({record['provider']}) {name}: {came.get(name)!r}, went {went.get(name)!r}, {warnings}"
                )
    assert count > 100
    assert not found, "\n".join(found)


def _explained(name: str, warnings: list[Warning]) -> bool:
    return any(warning.field.split(".")[0] in _TOLD.get(name, (name,)) for warning in warnings)


def test_what_needs_a_store_is_refused(corpus: Path) -> None:
    refused: dict[str, set[str]] = {}
    for record in traffic(corpus):
        if isinstance(record["request"]["body"], dict):
            try:
                DIALECT.decode_request(
                    HttpRequest("POST", "/v1/responses", Headers(), json.dumps(record["request"]["body"]).encode())
                )
            except InvalidRequestError as error:
                word = "item_reference" if "item_reference" in str(error) else error.param or ""
                refused.setdefault(word, set()).add(record["id"])
                assert "no store is configured" in str(error)
    assert refused == STORED
