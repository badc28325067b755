"""What was asked is kept as long as was promised, and no longer."""

from __future__ import annotations

import pytest

from trunkline.sim.recorder import Recorder
from trunkline.sim.simulator import Simulator
from trunkline.values.errors import UsageError
from trunkline.wire.http import HttpRequest


def asked(recorder: Recorder, times: int) -> None:
    for n in range(times):
        entry = recorder.begin(HttpRequest("GET", f"http://127.0.0.1/{n}"))
        entry.outcome = "end"
        recorder.end(entry)


@pytest.mark.parametrize(("keep", "numbers"), [(None, [0, 1, 2, 3]), (3, [1, 2, 3]), (0, [])])
def test_the_last_ones_are_kept_and_keep_their_numbers(keep: int | None, numbers: list[int]) -> None:
    recorder = Recorder(keep)
    asked(recorder, 4)
    assert [recorded.number for recorded in recorder.recorded] == numbers


def test_forgotten_ones_are_not_counted() -> None:
    recorder = Recorder(2)
    asked(recorder, 4)
    recorder.clear()
    asked(recorder, 1)
    assert [recorded.number for recorded in recorder.recorded] == [0]


def test_one_that_is_no_longer_kept_still_ends() -> None:
    recorder = Recorder(1)
    first, second = (recorder.begin(HttpRequest("GET", "http://127.0.0.1/")) for _ in range(2))
    recorder.end(first)
    assert not recorder.wait(0)
    recorder.end(second)
    assert recorder.wait(0)
    assert [recorded.outcome for recorded in recorder.recorded] == ["gone"]


@pytest.mark.parametrize("keep", [-1, 1.5, "all", True])
def test_how_many_is_a_whole_number(keep: object) -> None:
    with pytest.raises(UsageError, match="keep"):
        Simulator(keep=keep)  # type: ignore[arg-type]
