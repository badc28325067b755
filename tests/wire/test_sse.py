"""Server-sent events, held against a reader written straight from the standard (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import sys
import types
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from trunkline.values.errors import MalformedResponseError
from trunkline.wire.sse import MAX_LINE, Frame, SseDecoder

Told = tuple[bytes, str | None, str | None]


def standard(stream: bytes) -> list[Told]:
    """The standard's algorithm, letter by letter: decode, normalise line ends, process line by line.

    One liberty, which is the decoder's promise: an event at the end that lacks its blank line counts.
    """
    text = stream.decode("utf-8", "surrogateescape")
    text = text.removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    told: list[Told] = []
    data, event, last_id = "", "", None
    for line in [*lines, ""]:
        if line == "":
            if data != "":
                told.append((data.removesuffix("\n").encode("utf-8", "surrogateescape"), _shown(event) or None, _shown(last_id)))
            data, event = "", ""
        elif line.startswith(":"):
            continue
        else:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                event = value
            elif field == "data":
                data += value + "\n"
            elif field == "id" and "\0" not in value:
                last_id = value
    return told


def _shown(text: str | None) -> str | None:
    """What was not UTF-8 in a name or id is shown as U+FFFD."""
    return None if text is None else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read(pieces: list[bytes], **options: Any) -> list[Told]:
    decoder = SseDecoder(**options)
    frames: list[Frame] = []
    for piece in pieces:
        frames += decoder.feed(piece)
    frames += decoder.finish()
    return [(frame.data, frame.event, frame.id) for frame in frames]


EXAMPLES = {
    "one": b"data: {}\n\n",
    "many": b"data: a\n\ndata: b\n\ndata: [DONE]\n\n",
    "crlf": b"data: a\r\n\r\ndata: b\r\n\r\n",
    "cr": b"data: a\r\rdata: b\r\r",
    "mixed ends": b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\n",
    "named": b"event: ping\ndata: {}\n\nevent: message_start\r\ndata: x\r\n\r\n",
    "name without data": b"event: ping\n\ndata: x\n\n",
    "name twice": b"event: a\nevent: b\ndata: x\n\n",
    "empty name": b"event:\ndata: x\n\n",
    "comments": b": OPENROUTER PROCESSING\n\n:\n\ndata: a\n: in between\ndata: b\n\n",
    "many data lines": b"data: a\ndata: b\ndata:\ndata:  c\n\n",
    "no space": b"data:a\n\n",
    "two spaces": b"data:  a\n\n",
    "tab": b"data:\ta\n\n",
    "field without colon": b"data\n\ndata\ndata\n\n",
    "empty data": b"data:\n\n",
    "unknown fields": b"retry: 10\nfoo: bar\ndatum: x\n data: y\ndata: z\n\n",
    "ids": b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 2\n\ndata: d\n\n",
    "id with nul": b"id: 1\ndata: a\n\nid: \x002\ndata: b\n\n",
    "byte order mark": b"\xef\xbb\xbfdata: a\n\n",
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n",
    "byte order mark inside": b"data: \xef\xbb\xbfa\n\n",
    "half a byte order mark": b"\xef\xbb",
    "no final blank line": b"data: a\n\ndata: b\n",
    "no final line end": b"data: a\n\ndata: b",
    "ends in cr": b"data: a\r\n\r\ndata: b\r",
    "blank lines first": b"\n\n\r\n\rdata: a\n\n",
    "many blank lines": b"data: a\n\n\n\n\n\ndata: b\n\n\n",
    "nothing": b"",
    "not utf-8": b"data: \xff\xfe\nevent: \xff\n\n",
    "letters of many bytes": "data: ä€😀\nevent: ä€😀\n\n".encode(),
    "colons": b"data: a: b: c\n\n",
    "nul": b"data: \0\n\n",
    "other separators are no line ends": "data: a\u2028b\x0bc\x0cd\x85e\n\n".encode(),
}


@pytest.mark.parametrize("stream", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_as_the_standard_reads_it_at_every_cut(stream: bytes) -> None:
    expected = standard(stream)
    assert read([stream]) == expected
    assert read([stream[n : n + 1] for n in range(len(stream))]) == expected
    for cut in range(len(stream) + 1):
        assert read([stream[:cut], stream[cut:]]) == expected
        for second in range(cut, len(stream) + 1):
            assert read([stream[:cut], stream[cut:second], b"", stream[second:]]) == expected


def test_the_reference_agrees_with_the_examples_of_the_standard() -> None:
    assert standard(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [(b"YHOO\n+2\n10", None, None)]
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert (
        standard(stream)
        == read([stream])
        == [(b"first event", None, "1"), (b"second event", None, ""), (b" third event", None, "")]
    )
    assert standard(b"data\n\ndata\ndata\n\ndata:") == [(b"", None, None), (b"\n", None, None), (b"", None, None)]
    assert standard(b"data:test\n\ndata: test\n\n") == [(b"test", None, None)] * 2


_ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
_words = st.sampled_from(
    [
        b"data",
        b"data:",
        b"data: ",
        b"event: ",
        b"id: ",
        b"id",
        b":",
        b"x",
        b" ",
        b"",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xe2\x82",
    ]
)
_streams = st.lists(st.one_of(_ends, _words, st.binary(max_size=4)), max_size=30).map(b"".join)


@given(_streams, st.lists(st.integers(0, 60), max_size=6))
@example(b"\xef\xbb\xbf\r\n", [1, 2, 3, 4])
@example(b"data: a\r\r\n\n", [8, 9, 10])
def test_any_bytes_in_any_pieces(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert read(pieces) == standard(stream)


def test_events_are_told_as_soon_as_they_are_whole() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert [frame.data for frame in decoder.feed(b"\ndata: b\n\nda")] == [b"a", b"b"]
    assert decoder.feed(b"ta: c\r\n") == []
    assert [frame.data for frame in decoder.feed(b"\r")] == [b"c"]
    assert decoder.feed(b"\n") == []
    assert decoder.finish() == []


# ------------------------------------------------------------------------------------------------------------- long lines


@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n", b""])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_line_may_be_as_long_as_the_option_says_and_no_longer(size: int, ending: bytes) -> None:
    fits = b"data: " + b"x" * 94 + ending
    longer = b"data: " + b"x" * 95 + ending
    assert read([fits[n : n + size] for n in range(0, len(fits), size)], max_line=100) == [(b"x" * 94, None, None)]
    with pytest.raises(MalformedResponseError, match="longer than 100 bytes"):
        read([longer[n : n + size] for n in range(0, len(longer), size)], max_line=100)


def test_many_short_lines_in_one_piece_are_not_one_long_line() -> None:
    assert len(read([b"data: a\n\n" * 100], max_line=100)) == 100


def test_lines_of_64_mib_are_taken_unless_told_otherwise() -> None:
    assert MAX_LINE == 64 * 1024 * 1024
    assert SseDecoder().max_line == MAX_LINE


class _Counted(bytes):
    """Bytes that count how many of them are copied or searched by the operations that the decoder uses."""

    work = 0

    def __add__(self, other: Any) -> Any:
        _Counted.work += len(self) + len(other)
        return _Counted(bytes(self) + bytes(other))

    def __radd__(self, other: Any) -> Any:
        _Counted.work += len(self) + len(other)
        return _Counted(bytes(other) + bytes(self))


def test_a_line_of_10_mb_in_pieces_of_1_kb_takes_linear_work() -> None:
    """Work is counted, not timed: lines of our code that run, and bytes that are joined again."""

    def steps(size: int) -> int:
        pieces = [_Counted(b"data: ")] + [_Counted(b"x" * 1024)] * (size // 1024) + [_Counted(b"\n\n")]
        count = 0

        def trace(frame: types.FrameType, event: str, arg: object) -> Any:
            nonlocal count
            count += 1
            return trace

        decoder = SseDecoder()
        _Counted.work = 0
        frames: list[Frame] = []
        sys.settrace(trace)
        try:
            for piece in pieces:
                frames += decoder.feed(piece)
        finally:
            sys.settrace(None)
        assert [len(frame.data) for frame in frames] == [size]
        assert _Counted.work < size
        return count

    small, large = steps(1024 * 1024), steps(10 * 1024 * 1024)
    assert large < 10.5 * small


def test_what_is_held_back_is_held_in_pieces() -> None:
    """Joining on every feed would be quadratic: the pieces are kept as they came until the line ends."""
    decoder = SseDecoder()
    pieces = [bytes([65 + n % 26]) * 1024 for n in range(100)]
    decoder.feed(b"data: ")
    for piece in pieces:
        decoder.feed(piece)
    kept = decoder._tail
    assert sum(len(piece) for piece in kept) == 6 + 100 * 1024
    assert all(any(held is piece for piece in pieces) for held in kept[1:])


@pytest.mark.parametrize("line", [b"data: 123456789\n", b"data:\n"])
def test_an_event_that_never_ends_is_refused_as_a_line_is(line: bytes) -> None:
    decoder = SseDecoder(max_line=1_000)
    with pytest.raises(MalformedResponseError, match="max_line"):
        for _ in range(1_002):
            decoder.feed(line)
