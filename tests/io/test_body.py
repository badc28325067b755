from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from trunkline.io.body import INFLATE_AT_ONCE, BodyReader, Chunked, Counted, Inflated, UntilClose, body_reader
from trunkline.io.head import CHUNKED, UNTIL_CLOSE
from trunkline.values.errors import GarbledReplyError, TruncatedBodyError

PIECES = [b"data: one\n\n", b"x" * 300, b"\r\n", b"0\r\n\r\n"]
CODED = b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in PIECES) + b"0\r\n\r\n"


def fed(reader: BodyReader, data: bytes, cuts: list[int]) -> bytes:
    """``data`` through the reader, cut at these places."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    out = b""
    for start, end in pairwise(places):
        if start < end:
            out += reader.feed(data[start:end])
            while isinstance(reader, Inflated) and reader.pending:
                out += reader.more()
    return out


def test_chunks_cut_at_every_byte_give_the_same() -> None:
    for cut in range(len(CODED)):
        reader = Chunked()
        assert fed(reader, CODED, [cut]) == b"".join(PIECES)
        assert reader.done
        assert not reader.surplus


def test_chunks_one_byte_at_a_time_give_the_same() -> None:
    reader = Chunked()
    assert fed(reader, CODED, list(range(len(CODED)))) == b"".join(PIECES)
    assert reader.done


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.lists(st.integers(0, 10_000), max_size=8), st.booleans())
def test_any_chunks_in_any_cuts(pieces: list[bytes], cuts: list[int], decorated: bool) -> None:
    extension, trailer = (b" ; a=b", b"x-check: 1\r\n") if decorated else (b"", b"")
    coded = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in pieces) + b"0%s\r\n%s\r\n" % (extension, trailer)
    reader = Chunked()
    assert fed(reader, coded, cuts) == b"".join(pieces)
    assert reader.done
    assert not reader.surplus


def test_what_has_come_of_a_chunk_is_given_at_once() -> None:
    reader = Chunked()
    assert reader.feed(b"a\r\nhello") == b"hello"
    assert reader.feed(b"world") == b"world"
    assert not reader.done


def test_bytes_after_the_end_are_noticed() -> None:
    for reader, data in ((Chunked(), b"0\r\n\r\nHTTP"), (Counted(2), b"okHTTP")):
        reader.feed(data)
        assert reader.done
        assert reader.surplus


@pytest.mark.parametrize(
    "data",
    [b"zz\r\n", b"-5\r\n", b"0x5\r\nhello\r\n", b"1_0\r\n", b"\r\n", b"5\r\nhelloX\r\n", b"f" * 17 + b"\r\n", b"f" * 70_000],
)
def test_broken_chunks_are_refused(data: bytes) -> None:
    with pytest.raises(GarbledReplyError) as caught:
        Chunked().feed(data)
    assert caught.value.phase == "body"


@pytest.mark.parametrize("data", [b"", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n"])
def test_a_connection_that_ends_within_chunks_is_an_error(data: bytes) -> None:
    reader = Chunked()
    if data:
        reader.feed(data)
    with pytest.raises(TruncatedBodyError):
        reader.eof()


def test_an_endless_trailer_is_refused() -> None:
    reader = Chunked()
    with pytest.raises(GarbledReplyError):
        for _ in range(10_000):
            reader.feed(b"0\r\n" if not reader.done and _ == 0 else b"x-filler: yes\r\n")


def test_counted_and_until_close() -> None:
    counted = body_reader(5)
    assert counted.feed(b"hel") == b"hel"
    with pytest.raises(TruncatedBodyError, match="2 bytes short"):
        counted.eof()
    assert counted.feed(b"lo") == b"lo"
    assert counted.done
    endless = body_reader(UNTIL_CLOSE)
    assert isinstance(endless, UntilClose)
    assert endless.feed(b"x") == b"x"
    endless.eof()
    assert endless.done
    assert isinstance(body_reader(CHUNKED), Chunked)
    assert body_reader(0).done


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    "pack", [gzip.compress, zlib.compress, raw_deflate, lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])]
)
def test_every_kind_of_compression_in_any_cuts(pack: object) -> None:
    text = b"data: {} and so on\n\n" * 20
    packed = pack(text)  # type: ignore[operator]
    for cut in range(1, len(packed)):
        reader = Inflated(Counted(len(packed)))
        assert fed(reader, packed, [cut]) == text
        assert reader.done


def test_a_bomb_comes_in_portions() -> None:
    packed = gzip.compress(bytes(5 * INFLATE_AT_ONCE))
    reader = Inflated(Counted(len(packed)))
    sizes = [len(reader.feed(packed))]
    while reader.pending:
        sizes.append(len(reader.more()))
    assert sum(sizes) == 5 * INFLATE_AT_ONCE
    assert max(sizes) <= INFLATE_AT_ONCE
    assert reader.done


def test_broken_compression_and_its_early_end() -> None:
    with pytest.raises(GarbledReplyError):
        Inflated(Counted(20)).feed(b"this is not gzip.")
    packed = gzip.compress(b"hello" * 100)
    with pytest.raises(TruncatedBodyError):
        Inflated(Counted(len(packed) - 9)).feed(packed[:-9])


def test_thousands_of_gzip_members_are_one_body() -> None:
    packed = gzip.compress(b"") * 3_000 + gzip.compress(b"a") * 3_000 + gzip.compress(b"end") + b"padding"
    for size in (len(packed), 65_536, 1_000, 7):
        reader = Inflated(Counted(len(packed)))
        assert b"".join(reader.feed(packed[n : n + size]) for n in range(0, len(packed), size)) == b"a" * 3_000 + b"end"
        assert reader.done
