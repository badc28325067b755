"""Bodies that no honest provider sends: an error of ours, or a value; never a crash, never a hang, never a word of them lost in silence."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest

from tests.laws.wires import context
from tests.recorded.probe import client
from tests.recorded.records import Record
from tests.recorded.replay import Replay
from trunkline import Message, ProviderError, Response, TextDelta, from_json, to_json
from trunkline.dialects.dialect import Framing
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.values.events import Finish, Start
from trunkline.wire.aws_event_stream import encode_frame

CHAT, MESSAGES = "openai-chat", "anthropic-messages"


def chat(content: str, extra: str = "") -> bytes:
    """A whole chat reply; ``content`` is JSON."""
    return f'{{"id":"c","model":"m","choices":[{{"index":0,"finish_reason":"stop","message":{{"content":{content}}}}}]{extra}}}'.encode()


def chunk(content: str) -> bytes:
    return b'data: {"id":"c","choices":[{"index":0,"delta":{"content":%s}}]}\n\n' % content.encode()


CHAT_END = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def message(text: str, extra: str = "") -> bytes:
    return (
        f'{{"id":"m","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":{text}}}],'
        f'"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1}}{extra}}}'
    ).encode()


def event(kind: str, rest: str) -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}",{rest}}}\n\n'.encode()


OPENING = event("message_start", '"message":{"id":"m","model":"m","content":[],"usage":{"input_tokens":1}}') + event(
    "content_block_start", '"index":0,"content_block":{"type":"text","text":""}'
)
CLOSING = (
    event("content_block_stop", '"index":0')
    + event("message_delta", '"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}')
    + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def delta(text: str) -> bytes:
    return event("content_block_delta", f'"index":0,"delta":{{"type":"text_delta","text":{text}}}')


LONG = json.dumps("x" * 10_000_000)
DEEP = "[" * 5_000 + "]" * 5_000
SURROGATE = '"a\\ud800b"'

BODIES: dict[str, tuple[str, bool, bytes]] = {
    "chat: 10 MB of text": (CHAT, False, chat(LONG)),
    "chat: 5,000 deep": (CHAT, False, chat('"a"', f',"deep":{DEEP}')),
    "chat: 5,000 deep content": (CHAT, False, chat(DEEP)),
    "chat: bad UTF-8": (CHAT, False, chat('"a"').replace(b'"a"', b'"a\xff\xfe"')),
    "chat: lone surrogate": (CHAT, False, chat(SURROGATE)),
    "chat: NaN": (CHAT, False, chat('"a"', ',"usage":{"prompt_tokens":NaN,"completion_tokens":Infinity}')),
    "chat: duplicate keys": (CHAT, False, chat('"a"', ',"id":"d","id":"e"')),
    "chat: huge number": (CHAT, False, chat('"a"', ',"usage":{"prompt_tokens":1e999,"completion_tokens":' + "9" * 5_000 + "}")),
    "chat: wrong types": (CHAT, False, b'{"choices":{"0":[]},"usage":"many","id":[],"model":{}}'),
    "chat: negative": (CHAT, False, chat('"a"', ',"usage":{"prompt_tokens":-5,"completion_tokens":true}')),
    "chat: not JSON": (CHAT, False, b"\x00\x01\x02"),
    "chat: empty": (CHAT, False, b""),
    "chat: a list": (CHAT, False, b"[1,2,3]"),
    "chat stream: 10 MB line": (CHAT, True, chunk(LONG) + CHAT_END),
    "chat stream: 5,000 deep": (CHAT, True, chunk(DEEP) + CHAT_END),
    "chat stream: bad UTF-8": (CHAT, True, chunk('"a"').replace(b'"a"', b'"a\xff"') + CHAT_END),
    "chat stream: lone surrogate": (CHAT, True, chunk(SURROGATE) + CHAT_END),
    "chat stream: a pair in halves": (CHAT, True, chunk('"\\ud83d"') + chunk('"\\ude00"') + CHAT_END),
    "chat stream: NaN": (CHAT, True, chunk("NaN") + CHAT_END),
    "chat stream: garbage": (CHAT, True, b"data: {{{{\n\n" + CHAT_END),
    "chat stream: never finished": (CHAT, True, chunk('"a"')),
    "messages: 10 MB of text": (MESSAGES, False, message(LONG)),
    "messages: 5,000 deep": (MESSAGES, False, message('"a"', f',"deep":{DEEP}')),
    "messages: 5,000 deep input": (MESSAGES, False, message('"a"').replace(b'"text":"a"', b'"text":"a","x":' + DEEP.encode())),
    "messages: bad UTF-8": (MESSAGES, False, message('"a"').replace(b'"a"', b'"a\xff"')),
    "messages: lone surrogate": (MESSAGES, False, message(SURROGATE)),
    "messages: NaN": (MESSAGES, False, message('"a"', ',"x":NaN')),
    "messages: duplicate keys": (MESSAGES, False, message('"a"', ',"id":"d","id":"e"')),
    "messages: wrong types": (MESSAGES, False, b'{"type":"message","content":7,"usage":[],"id":{},"stop_reason":3}'),
    "messages: empty": (MESSAGES, False, b""),
    "messages stream: 10 MB line": (MESSAGES, True, OPENING + delta(LONG) + CLOSING),
    "messages stream: 5,000 deep": (MESSAGES, True, OPENING + delta(DEEP) + CLOSING),
    "messages stream: bad UTF-8": (MESSAGES, True, OPENING + delta('"a"').replace(b'"a"', b'"a\xff"') + CLOSING),
    "messages stream: lone surrogate": (MESSAGES, True, OPENING + delta(SURROGATE) + CLOSING),
    "messages stream: NaN": (MESSAGES, True, OPENING + delta("NaN") + CLOSING),
    "messages stream: never finished": (MESSAGES, True, OPENING + delta('"a"')),
    "messages stream: delta of no block": (
        MESSAGES,
        True,
        OPENING + delta('"a"').replace(b'"index":0', b'"index":"z"') + CLOSING,
    ),
}

MARK = "@text@"
SPOILS = {
    "2 MB of text": json.dumps("x" * 2_000_000).encode(),
    "5,000 deep": DEEP.encode(),
    "bad UTF-8": b'"a\xff\xfe"',
    "lone surrogate": SURROGATE.encode(),
    "NaN": b"NaN",
    "huge number": b"9" * 5_000,
    "duplicate keys": b'"a","text":"b","text":{}',
    "garbage": b"{{{{",
}
"""What stands where a server half had a text to say."""


def spoilt(dialect: str, stream: bool, spoil: bytes, *, ends: bool = True) -> bytes:
    """A reply as its server half says it, every place of its text spoilt."""
    half, asked = dialect_of(dialect), context(dialect, stream=stream)
    if not stream:
        said = Response(message=Message.assistant(MARK), finish_reason="stop", model="m", id="r")
        return half.encode_response(said, asked).body.replace(f'"{MARK}"'.encode(), spoil)
    encoder = half.event_encoder(asked)
    body = encoder.push(Start("r", "m")) + encoder.push(TextDelta(MARK))
    body += (encoder.push(Finish("stop")) + encoder.finish()) if ends else b""
    if half.framing is not Framing.AWS_EVENT_STREAM:
        return body.replace(f'"{MARK}"'.encode(), spoil)
    frames = frame_decoder(half.framing).feed(body)  # which have lengths and sums
    return b"".join(encode_frame(bytes(frame.data).replace(f'"{MARK}"'.encode(), spoil), frame.event or "") for frame in frames)


OTHERS = [dialect for dialect in DIALECTS if dialect not in (CHAT, MESSAGES)]
BODIES |= {
    f"{dialect}{' stream' * stream}: {name}": (dialect, stream, spoilt(dialect, stream, spoil))
    for dialect in OTHERS for stream in (False, True) for name, spoil in SPOILS.items()
}  # fmt: skip
BODIES |= {f"{dialect} stream: never finished": (dialect, True, spoilt(dialect, True, b'"a"', ends=False)) for dialect in OTHERS}
BODIES |= {
    f"{dialect}: wrong types": (dialect, False, b'{"id":[],"model":{},"message":7,"output":"many","candidates":{}}')
    for dialect in OTHERS
}
BODIES |= {
    f"{dialect}: {name}": (dialect, False, body) for dialect in OTHERS for name, body in (("empty", b""), ("a list", b"[1,2,3]"))
}


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[Replay, dict[str, Record]]]:
    made = {
        name: Record(str(n), dialect, dialect, "", "m", stream, 200, {}, body, frozenset())
        for n, (name, (dialect, stream, body)) in enumerate(BODIES.items())
    }
    server = Replay(tuple(made.values()))
    yield server, made
    server.close()


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_an_error_of_ours_or_a_value(hostile: tuple[Replay, dict[str, Record]], name: str) -> None:
    server, made = hostile
    record = made[name]
    with client(record, server.url(record, 0)) as llm:
        outcome: Response | ProviderError
        try:
            if record.stream:
                with llm.stream("hi") as stream:
                    texts = [event.text for event in stream if type(event) is TextDelta]
                    outcome = stream.response
                assert "".join(texts) == outcome.text
            else:
                outcome = llm.generate("hi")
        except ProviderError as error:
            outcome = error
    if isinstance(outcome, ProviderError):
        assert len(str(outcome)) < 2_000, "an error does not repeat a hostile body"
    pickle.loads(pickle.dumps(outcome))
    assert type(from_json(to_json(outcome))) is type(outcome)
    if isinstance(outcome, Response):
        assert not record.body.startswith(b"{") or not record.stream or record.dialect == "ollama"
        llm.with_options()  # and what came can be said again
        llm._calls.call([outcome.message], {}, False)


@pytest.mark.parametrize("dialect", [CHAT, MESSAGES])
def test_a_million_events_are_read_to_the_end(dialect: str) -> None:
    count = 1_000_000
    pieces = {CHAT: (b"", chunk('"x"'), CHAT_END), MESSAGES: (OPENING, delta('"x"'), CLOSING)}
    opening, piece, closing = pieces[dialect]
    record = Record("0", dialect, dialect, "", "m", True, 200, {}, opening + piece * count + closing, frozenset())
    server = Replay((record,))
    try:
        with client(record, server.url(record, 0)).with_options(timeout=100) as llm, llm.stream("hi") as stream:
            heard = sum(1 for event in stream if type(event) is TextDelta)
            assert heard == len(stream.response.text) == count
    finally:
        server.close()


def test_a_line_beyond_the_limit_is_refused(hostile: tuple[Replay, dict[str, Record]]) -> None:
    server, made = hostile
    record = made["chat stream: 10 MB line"]
    llm = client(record, server.url(record, 0))
    with llm.with_options(max_line=1_000_000) as llm, pytest.raises(ProviderError, match="max_line"), llm.stream("hi") as stream:
        list(stream)
