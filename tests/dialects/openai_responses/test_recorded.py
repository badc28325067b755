"""Recorded traffic at the decoders, without sockets: cut anywhere it is the same; a stream is its last response; every reply goes back
as the items that it was."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from tests.dialects.openai_responses.judge import context, target
from tests.dialects.openai_responses.replies import decode, read
from tests.recorded.records import records
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import MalformedResponseError, ProviderError
from trunkline.values.fold import fold
from trunkline.values.message import Message, ProviderState
from trunkline.values.request import Request
from trunkline.wire.http import HttpReply

BRIEF = {"b213226d3d8176e1"}
"""The last response names neither model nor moment, which the first did."""


@pytest.fixture(scope="module")
def traffic(corpus):
    found = [record for record in records(corpus) if record.dialect == "openai-responses"]
    assert len(found) == 519
    return found


def aim(record):
    return context(target(provider=record.provider, model=record.model), stream=record.stream)


def events_of(record):
    """The events of a stream, parsed with no thought of anything else."""
    lines = [line[5:] for line in record.body.split(b"\n") if line.startswith(b"data:") and b"[DONE]" not in line]
    return [msgspec.json.decode(line, type=dict[str, msgspec.Raw]) for line in lines]


def unsealed(value):
    """``value`` without what is encrypted, which is made anew each time that it is said, and without log probabilities, which
    the last response rounds."""
    if isinstance(value, ProviderState):
        return {name: item for name, item in json.loads(value.data).items() if name != "encrypted_content"}
    if isinstance(value, msgspec.Struct):
        return {name: unsealed(getattr(value, name)) for name in value.__struct_fields__ if name != "logprobs"}
    return [unsealed(item) for item in value] if isinstance(value, (list, tuple)) else value


def test_streams(traffic):
    count = 0
    for record in traffic:
        if not record.stream:
            continue
        events, error = read(record.body, aim(record))
        if error is None:
            count += 1
            last = bytes(events_of(record)[-1]["response"])
            known = {"model", "created"} if record.id in BRIEF else set()
            here, there = unsealed(fold(events)), unsealed(decode(last, aim(record)))
            assert {name for name in here if here[name] != there[name]} == known, record.id
        chance = random.Random(record.id)
        cuts = [chance.randrange(len(record.body) + 1) for _ in range(8)]
        again, other = read(record.body, aim(record), cuts)
        assert (again, type(other)) == (events, type(error))
    assert count == 156


def test_errors(traffic):
    found = [record for record in traffic if record.status >= 400]
    assert len(found) == 8
    for record in found:
        error = DIALECT.decode_error(HttpReply(record.status, body=record.body), aim(record))
        assert (error.status, error.provider) == (record.status, record.provider)
        assert error.provider_message
        assert not isinstance(error, MalformedResponseError)


def test_replies_go_back_as_the_items_that_they_were(traffic):
    count = 0
    for record in traffic:
        if record.status >= 400:
            continue
        items, response = said(record)
        if response is None:
            continue
        question = Request(model=record.model, messages=(Message.user("hi"), response.message), store=True)
        encoded = DIALECT.encode_request(question, aim(record).target)
        assert [_plain(item) for item in json.loads(encoded.wire.body)["input"][1:]] == [_plain(item) for item in items], (
            record.id
        )
        assert encoded.warnings == ()
        count += 1
    assert count == 509


def said(record):
    """The items of a record's reply, and the reply as we read it; None where it failed."""
    try:
        if not record.stream:
            return json.loads(record.body)["output"], decode(record.body, aim(record))
        events, error = read(record.body, aim(record))
        told = events_of(record)
        done = [json.loads(bytes(one["item"])) for one in told if bytes(one["type"]) == b'"response.output_item.done"']
        return done or json.loads(bytes(told[-1]["response"]))["output"], fold(events) if error is None else None
    except ProviderError:
        return [], None


def _plain(item):
    """An item without log probabilities and the empty fields that an SDK added, in the form that it has on the wire."""
    if item.get("type") != "message":
        return item
    kept = [
        {name: value for name, value in part.items() if name not in ("logprobs", "annotations") and value is not None}
        | ({"annotations": part.get("annotations") or []} if part["type"] == "output_text" else {})
        for part in item["content"]
    ]
    return item | {"content": kept}
