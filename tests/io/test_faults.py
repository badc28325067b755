"""The table of faults over real sockets (``docs/reliability.md``): with another target left an answer, with none an error, in time.

Each fault is played in eight cases at once: blocking and asynchronous, whole and streamed, with another target and with none.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.io.fault_cases import held, left_over, play_all
from tests.io.fault_table import FAULTS, Fault
from tests.io.faulty import FAULTPROXY, Ground


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with Ground() as ground:
        yield ground


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_an_answer_or_an_error_in_time(fault: Fault, ground: Ground) -> None:
    if fault.proxy and not FAULTPROXY.exists():
        pytest.skip("../shared is not here (real/faultproxy.py)")
    before = held()
    wrong = [words for result in play_all(fault, ground) for words in result.wrong]
    assert wrong + left_over(before) == []
