"""Events among which JSON stands bare."""

from __future__ import annotations

from hypothesis import given, strategies as st

from trunkline.wire.sse import SseDecoder
from trunkline.wire.sse_or_json import BareJsonSseDecoder

_LINES = st.sampled_from(
    [b'data: {"a":1}', b'{"error":', b' {"b": 2},', b"[", b"]}", b": sign of life", b"event: x", b"id: 1", b""]
)


def frames(decoder: SseDecoder, *pieces: bytes) -> list[bytes]:
    return [frame.data for piece in pieces for frame in decoder.feed(piece)] + [frame.data for frame in decoder.finish()]


def test_an_object_without_a_field_s_name_is_data() -> None:
    assert frames(BareJsonSseDecoder(), b'data: 1\r\n\r\n{"error":1}\r\n\r\ndata: 2\n\n') == [b"1", b'{"error":1}', b"2"]
    assert frames(BareJsonSseDecoder(), b'data: 1\n\n{\n  "error": {\n    "data": 2\n  }\n}\n') == [
        b"1",
        b'{\n  "error": {\n    "data": 2\n  }\n}',
    ]


@given(st.lists(_LINES, max_size=12), st.data())
def test_any_cut_gives_the_same(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert frames(BareJsonSseDecoder(), *pieces) == frames(BareJsonSseDecoder(), whole)


@given(st.lists(_LINES.filter(lambda line: line[:1] not in (b"{", b"[", b" ")), max_size=12))
def test_events_are_read_as_they_always_are(lines: list[bytes]) -> None:
    whole = b"\n".join(lines)
    assert frames(BareJsonSseDecoder(), whole) == frames(SseDecoder(), whole)
