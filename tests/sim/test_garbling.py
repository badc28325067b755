"""What is garbled is no JSON, not even to the most lenient reader; the same chance spoils alike."""

from __future__ import annotations

import json
import random
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from trunkline.sim.garbling import garbled
from trunkline.wire.loose_json import loads

JSON: Any = st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers() | st.lists(st.booleans()), min_size=1)


@given(JSON, st.integers(), st.sampled_from(["flip", "half", None]))
def test_nobody_reads_it(value: Any, seed: int, how: Literal["flip", "half"] | None) -> None:
    frame = b"data: " + json.dumps(value).encode() + b"\n\n"
    spoilt = garbled(frame, how, random.Random(seed))
    assert spoilt == garbled(frame, how, random.Random(seed))
    assert spoilt.startswith(b"data: ")
    assert spoilt.endswith(b"\n\n")
    with pytest.raises(ValueError):
        loads(spoilt[6:-2])


def test_half_is_half() -> None:
    assert garbled(b'{"a": 12}', "half", random.Random(0)) == b'{"a"'
    assert garbled(b"no json here", None, random.Random(0)) == b"no jso"
