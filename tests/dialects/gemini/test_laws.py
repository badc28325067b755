"""Laws: a stream folds to what the same pieces say as one reply, however it is cut; decoding never fails in another way than ours;
what was said can be said again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from tests.dialects.gemini.judge import MODEL, array, context, decode, encode, read, sse, target
from tests.recorded.records import Record, records
from trunkline.dialects.framings import frame_decoder, guess_framing
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.stream import GeminiEventDecoder
from trunkline.values.errors import MalformedResponseError, ProviderError
from trunkline.values.fold import fold
from trunkline.values.message import Message
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import Frame

unhurried = settings(deadline=None, max_examples=60)
"""Time is asserted in tests/io only."""

WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS, lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=3)
COUNTS = st.integers(0, 10**6)
BASE64 = st.binary(max_size=6).map(lambda data: msgspec.json.decode(msgspec.json.encode(data)))
NAMES = st.from_regex(r"[a-z]{1,5}", fullmatch=True)


def part(data: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    beside = st.fixed_dictionaries({}, optional={"thoughtSignature": BASE64.filter(bool), "partMetadata": OBJECTS.filter(bool)})
    return st.builds(lambda one, other: one | other, data, beside | st.just({}))


def one(name: str, /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return part(st.fixed_dictionaries({name: st.fixed_dictionaries(fields)}))


TEXTS = part(st.fixed_dictionaries({"text": WORDS}, optional={"thought": st.booleans()}))
PARTS = st.one_of(
    TEXTS,
    TEXTS,
    one("functionCall", name=NAMES, args=OBJECTS, id=NAMES),
    one("functionCall", name=NAMES, args=OBJECTS),
    one("inlineData", mimeType=st.sampled_from(["image/png", "audio/wav", "audio/L16;rate=1", "text/plain"]), data=BASE64),
    one("fileData", mimeType=st.sampled_from(["image/png", "video/mp4"]), fileUri=st.sampled_from(["gs://b/x", "files/1"])),
    one("executableCode", language=st.just("PYTHON"), code=WORDS),
    one("codeExecutionResult", outcome=st.just("OUTCOME_OK"), output=WORDS),
    one("later", x=VALUES),
)
USAGES = st.fixed_dictionaries(
    {"promptTokenCount": COUNTS, "totalTokenCount": COUNTS},
    optional={"candidatesTokenCount": COUNTS, "thoughtsTokenCount": COUNTS, "serviceTier": st.just("flex")},
)
CANDIDATES = st.fixed_dictionaries(
    {"content": st.fixed_dictionaries({"role": st.just("model"), "parts": st.lists(PARTS, max_size=3)})},
    optional={"avgLogprobs": st.floats(-9, 0), "safetyRatings": st.lists(OBJECTS, max_size=1)},
)
PIECES = st.lists(
    st.fixed_dictionaries(
        {"candidates": st.lists(CANDIDATES, min_size=1, max_size=2), "modelVersion": st.just(MODEL), "responseId": st.just("r1")},
        optional={"usageMetadata": USAGES, "createTime": st.just("2026-08-19T14:35:38.1Z")},
    ),
    min_size=1,
    max_size=4,
)


def ended(pieces: list[dict[str, Any]], reason: str) -> list[dict[str, Any]]:
    """The pieces with a reason to end on the last of each candidate."""
    most = max(len(piece["candidates"]) for piece in pieces)
    for n in range(most):
        [piece for piece in pieces if len(piece["candidates"]) > n][-1]["candidates"][n]["finishReason"] = reason
    return pieces


def facts(response: Response) -> Any:
    return msgspec.structs.replace(response, raw=b"", request_id=None)


@given(PIECES, st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "NEW"]), st.sampled_from([sse, array]), st.data())
@unhurried
def test_a_stream_is_its_reply(pieces, reason, form, data):
    stream = form(*ended(pieces, reason))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=4))
    events, decoder = read(stream, cuts)
    assert decoder.error is None
    assert facts(fold(events)) == facts(decode(pieces))


@given(st.lists(CANDIDATES, min_size=1, max_size=2))
@unhurried
def test_what_was_said_can_be_said_again(candidates):
    """A reply that comes back in the next turn goes out with all that it had, but for words that say nothing and what was joined."""
    response = decode({"candidates": candidates, "responseId": "r1"})
    body, encoded = encode(Message.user("q"), response.message, judged=False)
    assert encoded.warnings == () or not response.parts
    again = body["contents"][1]["parts"] if response.parts else []
    assert decode({"candidates": [{"content": {"parts": again}}], "responseId": "r1"}).message == response.message


@given(st.binary(max_size=60) | OBJECTS.map(lambda value: json.dumps(value).encode()), PIECES, st.data())
@unhurried
def test_decoding_is_total(junk, pieces, data):
    whole = json.dumps(pieces[0]).encode()
    at, until = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    for body in (junk, whole[:at] + junk + whole[until:]):
        try:
            found = DIALECT.decode_response(HttpReply(200, body=body), context())
        except ProviderError as error:
            assert isinstance(error, MalformedResponseError) or b"error" in body
        else:
            assert isinstance(found, Response)
        decoder = GeminiEventDecoder(context(stream=True))
        decoder.feed([Frame(whole), Frame(body), Frame(whole)])
        decoder.finish()
        assert decoder.done
        assert isinstance(DIALECT.decode_error(HttpReply(400, body=body), context()), ProviderError)


def test_recorded_streams_fold_to_what_their_pieces_say_as_one_reply(corpus: Path) -> None:
    """So the short way through the decoder says what the long one does, cut anywhere."""
    streams = [record for record in records(corpus) if record.kind == "gemini" and record.stream and record.status == 200]
    assert len(streams) > 100
    for number, record in enumerate(streams):
        body = record.body
        frames = _frames(record)
        pieces = b"[" + b",".join(b",".join(frame.data.split(b"\n")) for frame in frames) + b"]"
        events, decoder = read(body, range(1, len(body), 7 + number % 90))
        assert decoder.error is None, record.id
        assert facts(fold(events)) == facts(DIALECT.decode_response(HttpReply(200, body=pieces), context())), record.id


def _frames(record: Record) -> list[Frame]:
    decoder = frame_decoder(guess_framing(record.body))
    return decoder.feed(record.body) + decoder.finish()


def test_every_signature_that_was_recorded_goes_back_and_to_nobody_else(corpus: Path) -> None:
    known = [record for record in records(corpus) if record.kind == "gemini" and record.status == 200]
    signed = 0
    for record in known:
        if b'thoughtSignature"' not in record.body:
            continue
        events, _ = read(record.body) if record.stream else ([], None)
        whole = HttpReply(200, body=record.body)
        response = fold(events) if record.stream else DIALECT.decode_response(whole, context())
        sent = encode(Message.user("q"), response.message, judged=False)[1].wire.body.decode()
        elsewhere = encode(Message.user("q"), response.message, judged=False, to=target(key="k2"))[1]
        for part in response.parts:
            state = getattr(part, "state", None)
            if state is not None and (signature := json.loads(state.data).get("thoughtSignature")):
                assert signature in sent, record.id
                assert signature not in elsewhere.wire.body.decode(), record.id
                assert elsewhere.warnings
                signed += 1
    assert signed > 90
