"""AWS's event-stream frames against botocore's own reader and the sheet's test vectors, for any cut."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings, strategies as st

from trunkline.values.errors import MalformedResponseError
from trunkline.wire.aws_event_stream import EXCEPTION, EventStreamDecoder, encode_frame, read_headers
from trunkline.wire.sse import Frame

EVENTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda name: name != EXCEPTION)
FRAMES = st.builds(Frame, st.binary(max_size=60), EVENTS)


def message(headers: bytes, payload: bytes) -> bytes:
    """A message by the sheet's own words (§10), apart from the code under test."""
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = start + struct.pack(">I", crc32(start)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))


def header(name: str, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def text(name: str, value: str) -> bytes:
    said = value.encode()
    return header(name, 7, struct.pack(">H", len(said)) + said)


def read(*pieces: bytes, max_line: int = 10_000) -> list[Frame]:
    decoder = EventStreamDecoder(max_line)
    return [frame for piece in pieces for frame in decoder.feed(piece)] + decoder.finish()


def by_botocore(data: bytes) -> list[Any]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def test_the_sheets_vectors():
    assert message(b"", b"").hex() == "000000100000000005c248eb7d98c8ff"
    assert read(message(b"", b"")) == [Frame(b"", None)]
    start = encode_frame(b'{"role":"assistant"}', "messageStart")
    assert (len(start), start[:12].hex()) == (118, "000000760000005296d5fade")
    same = text(":message-type", "event") + text(":event-type", "messageStart") + text(":content-type", "application/json")
    assert message(same, b'{"role":"assistant"}')[-4:].hex() == "1cc6be18"
    assert read(message(same, b'{"role":"assistant"}')) == read(start) == [Frame(b'{"role":"assistant"}', "messageStart")]


@settings(deadline=None, max_examples=50)
@given(st.lists(FRAMES, max_size=4), st.data())
def test_any_cut_gives_the_same_frames_which_botocore_reads_too(frames, data):
    whole = b"".join(encode_frame(frame.data, frame.event) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    assert read(*(whole[a:b] for a, b in pairwise([0, *cuts, len(whole)]))) == frames
    for frame, told in zip(frames, by_botocore(whole), strict=True):
        fails = frame.event.startswith(EXCEPTION)
        name = told.headers[":exception-type" if fails else ":event-type"]
        assert (told.payload, EXCEPTION * fails + name) == (frame.data, frame.event)
        assert told.headers[":message-type"] == ("exception" if fails else "event")
        assert told.headers[":content-type"] == "application/json"


VALUES = {
    0: b"", 1: b"", 2: b"\x05", 3: b"\0\5", 4: b"\0\0\0\5", 5: b"\0" * 7 + b"\5", 6: b"\0\3abc", 7: b"\0\3abc", 8: b"\0" * 8,
    9: b"u" * 16,
}  # fmt: skip
HEADERS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(sorted(VALUES))), max_size=4, unique_by=lambda h: h[0])


@settings(deadline=None, max_examples=50)
@given(HEADERS, st.binary(max_size=20))
def test_headers_of_every_type_are_read_as_botocore_reads_them(headers, payload):
    said = b"".join(header(name, kind, VALUES[kind]) for name, kind in headers)
    (theirs,) = by_botocore(message(said, payload))
    assert read_headers(said) == {name: value for name, value in theirs.headers.items() if isinstance(value, str)}
    assert read(message(said, payload)) == [Frame(payload, None)]


def test_an_error_has_words_and_no_payload():
    said = text(":message-type", "error") + text(":error-code", "InternalFailure") + text(":error-message", 'it "broke"')
    assert read(message(said, b"")) == [Frame(b'{"message":"it \\"broke\\""}', "!InternalFailure")]


def test_every_flipped_bit_is_noticed():
    whole = encode_frame(b'{"a":1}', "b")
    for at in range(len(whole) * 8):
        spoilt = bytearray(whole)
        spoilt[at // 8] ^= 1 << at % 8
        with pytest.raises(MalformedResponseError):
            read(bytes(spoilt))


def test_what_came_before_a_spoilt_message_is_given_first():
    good = encode_frame(b"{}", "a")
    spoilt = good[:-1] + bytes([good[-1] ^ 1])
    decoder = EventStreamDecoder()
    assert decoder.feed(good + spoilt + good) == [Frame(b"{}", "a")]
    for _ in range(2):
        with pytest.raises(MalformedResponseError, match="checksum"):
            decoder.feed(good)
    with pytest.raises(MalformedResponseError, match="checksum"):
        decoder.finish()


def test_a_stream_that_ends_in_the_midst_of_a_message_is_broken():
    whole = encode_frame(b"{}", "a")
    for end in range(1, len(whole)):
        with pytest.raises(MalformedResponseError, match="midst"):
            read(whole[:end])


def test_a_message_is_no_longer_than_the_option_says():
    whole = encode_frame(b" " * 100, "a")
    assert read(whole, max_line=len(whole)) == [Frame(b" " * 100, "a")]
    with pytest.raises(MalformedResponseError, match="max_line"):
        EventStreamDecoder(len(whole) - 1).feed(whole[:12])


@pytest.mark.parametrize("lengths", [(15, 0), (16, 1), (200_000, 140_000)])
def test_impossible_lengths_are_told_at_once(lengths):
    start = struct.pack(">II", *lengths)
    with pytest.raises(MalformedResponseError, match="lengths"):
        EventStreamDecoder().feed(start + struct.pack(">I", crc32(start)))


@pytest.mark.parametrize("headers", [b"\x05ab", b"\x01a", b"\x01a\x0b", b"\x01a\x07\x00\x09x", b"\x01a\x04\0", b"\x01\xff\x00"])
def test_headers_that_cannot_be_read(headers):
    with pytest.raises(MalformedResponseError, match="headers"):
        read(message(headers, b""))


def test_text_that_is_no_event_stream_is_told_at_once():
    with pytest.raises(MalformedResponseError, match="checksum"):
        EventStreamDecoder().feed(b'{"message":"no stream"}')
