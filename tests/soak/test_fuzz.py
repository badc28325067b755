"""Every server half's ``decode_request`` under fire: whatever the bytes, a request or ``InvalidRequestError``, and never a hang.

``make soak`` runs it for ten minutes a dialect; ``ARGS="--minutes 1 --seed 7"`` for another time and another beginning.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.mutations import mutants
from trunkline.dialects.dialect import Operation
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.values.errors import InvalidRequestError
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpRequest

SLOWEST = 5.0
"""Seconds of work that no body may take: the seeds are at most 20 kB."""
LARGEST = 20_000


def seeds(corpus: Path, dialect: str) -> list[bytes]:
    """The recorded requests of a dialect, one a set of fields."""
    kinds: dict[tuple[str, ...], bytes] = {}
    for line in (corpus / "dev" / f"{dialect}.jsonl").read_bytes().split(b"\n"):
        body = json.loads(line)["request"]["body"] if line else None
        if isinstance(body, dict) and len(data := json.dumps(body).encode()) < LARGEST:
            words = sorted({word for word in data.decode().split('"')[1::2] if word.isidentifier() and len(word) < 25})
            kinds.setdefault((*sorted(body), *words[:40]), data)
    return list(kinds.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whatever_the_bytes(
    dialect: str, corpus: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    half = dialect_of(dialect)
    paths = [route.path for route in half.routes if route.operation in (Operation.GENERATE, Operation.COUNT_TOKENS)]
    random_ = random.Random(request.config.getoption("--seed"))
    until = time.monotonic() + 60 * request.config.getoption("--minutes")
    slowest = count = taken = 0.0
    for body in mutants(seeds(corpus, dialect), random_):
        began, worked = time.monotonic(), time.process_time()
        if began > until:
            break
        headers = Headers(
            [("content-type", "application/json"), ("anthropic-version", random_.choice(("2023-06-01", "2026-10-21")))]
        )
        try:
            decoded = half.decode_request(HttpRequest("POST", f"http://127.0.0.1{random_.choice(paths)}", headers, body))
        except InvalidRequestError as error:
            assert error.status == 400
        else:
            taken += 1
            half.encode_request(decoded.request, decoded.context.target)
        count += 1
        slowest = max(slowest, time.process_time() - worked)
        assert slowest < SLOWEST, body[:2000]
    record_property("told", f"{dialect}: {count:,.0f} bodies, {taken:,.0f} of them taken, slowest {slowest * 1000:.0f} ms of CPU")
