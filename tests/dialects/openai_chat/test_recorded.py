"""Recorded traffic at the decoders, without sockets: read whole, in random pieces and cut at every byte, it is the same."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from tests.dialects.openai_chat.judge import context, target
from tests.dialects.openai_chat.replies import read
from tests.recorded.records import records
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import MalformedResponseError, ProviderError
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import SseDecoder

SMALL = 4096


@pytest.fixture(scope="module")
def traffic(corpus):
    found = [record for record in records(corpus) if record.kind == "openai-chat"]
    assert len(found) > 1000
    return found


def aim(record, **facts):
    return context(target(provider=record.provider, model=record.model), **facts)


def reply(record):
    return HttpReply(record.status, Headers(record.headers.items()), record.body)


def text_of(chunks):
    """The text of choice 0, read from the parsed chunks with no thought of anything else."""
    said = [
        choice["delta"].get("content") for chunk in chunks for choice in chunk.get("choices") or () if choice.get("index", 0) == 0
    ]
    return "".join(piece for piece in said if isinstance(piece, str))


def test_errors(traffic):
    for record in traffic:
        if record.status >= 400:
            error = DIALECT.decode_error(reply(record), aim(record))
            assert (error.status, error.provider) == (record.status, record.provider)
            assert not isinstance(error, MalformedResponseError)
            assert error.provider_message or not record.body


def test_replies(traffic):
    count = 0
    for record in traffic:
        if record.status >= 400 or record.stream:
            continue
        sent = json.loads(record.body)
        try:
            response = DIALECT.decode_response(reply(record), aim(record))
        except ProviderError as error:
            assert sent.get("error"), record.id
            assert not isinstance(error, MalformedResponseError), record.id
            continue
        count += 1
        for choice, ours in zip(sent["choices"], (response, *response.alternatives), strict=True):
            message = choice["message"]
            if not isinstance(message.get("content"), dict):
                assert ours.message.text == (message.get("content") or ""), record.id
            calls = [
                (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()
            ]
            if not message.get("function_call"):
                assert [(call.id, call.name, call.raw_arguments) for call in ours.message.tool_calls] == calls, record.id
            assert ours.raw_finish_reason == choice["finish_reason"], record.id
        assert response.usage.raw == (sent.get("usage") or {}), record.id
        assert response.id == sent.get("id"), record.id
        msgspec.json.encode(response)
    assert count > 500


def test_streams(traffic):
    count = 0
    for record in traffic:
        if record.status >= 400 or not record.stream:
            continue
        lines = [line.removeprefix(b"data:").strip() for line in record.body.splitlines() if line.startswith(b"data:")]
        chunks = [json.loads(line) for line in lines if line and not line.startswith(b"[DONE]")]
        events, decoder = read(record.body, aim(record, stream=True))
        failed = any(chunk.get("error") for chunk in chunks)
        assert (decoder.error is not None) == failed, record.id
        response = fold(events)
        assert response.text == text_of(chunks), record.id
        assert response.partial is failed, record.id
        count += 1
    assert count > 350


def test_streams_in_random_pieces(traffic):
    dice = random.Random(1)
    for record in traffic:
        if record.status >= 400 or not record.stream:
            continue
        whole, _ = read(record.body, aim(record, stream=True))
        cuts = tuple(sorted(dice.choices(range(len(record.body) + 1), k=20)))
        assert read(record.body, aim(record, stream=True), cuts)[0] == whole, record.id


def test_small_streams_cut_at_every_byte(traffic):
    """A cut changes only which frames come in the first read (tests/wire, and here for every tenth): the events are looked at for
    every such split."""
    count = 0
    for record in traffic:
        if record.status >= 400 or not record.stream or len(record.body) >= SMALL:
            continue
        whole, _ = read(record.body, aim(record, stream=True))
        sse = SseDecoder()
        frames = sse.feed(record.body) + sse.finish()
        for cut in range(len(record.body) + 1) if count % 10 == 0 else ():
            sse = SseDecoder()
            first, second = sse.feed(record.body[:cut]), sse.feed(record.body[cut:]) + sse.finish()
            assert first + second == frames, (record.id, cut)
        for split in range(len(frames) + 1):
            decoder = DIALECT.event_decoder(aim(record, stream=True))
            assert decoder.feed(frames[:split]) + decoder.feed(frames[split:]) + decoder.finish() == whole, record.id
        count += 1
    assert count > 50
