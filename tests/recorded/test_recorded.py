"""Recorded real replies, read through the public API in every way, against what the vendors' SDKs read from the same bytes."""

from __future__ import annotations

import asyncio
import tomllib
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import judges, probe
from tests.recorded.reading import CLASSES, Reading, differences, digest
from tests.recorded.records import KINDS, Record, records
from tests.recorded.replay import Replay
from trunkline import ProviderError, Response

PER_SHARD = 60
SEEDS = (0, 1)  # 0: whole
MOST_EXCEPTIONS = 0.01  # of the records of a kind
IN_ALL = {
    "openai-chat": 1046, "anthropic-messages": 393, "openai-responses": 519, "gemini": 344, "bedrock-converse": 136,
    "cohere": 119, "ollama": 55, "mistral": 125,
}  # fmt: skip

ROOT = Path(__file__).resolve().parents[2]
REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id")


@cache
def exceptions() -> dict[tuple[str, str], dict[str, Any]]:
    files = (Path(__file__).parent / "exceptions").glob("*.toml")
    rows = [row for file in files for row in tomllib.loads(file.read_text(encoding="utf-8")).get("exception", [])]
    return {(row["id"], row["field"]): row for row in rows}


@pytest.fixture(scope="module")
def replay(corpus: Path) -> Iterator[Replay]:
    server = Replay(records(corpus))
    yield server
    server.close()


sharded = pytest.mark.parametrize(
    ("kind", "number"), [(kind, number) for kind in KINDS for number in range(-(-IN_ALL[kind] // PER_SHARD))]
)


def shard(corpus: Path, kind: str, number: int) -> list[Record]:
    return [record for record in records(corpus) if record.kind == kind][number * PER_SHARD :][:PER_SHARD]


def ways(record: Record, replay: Replay) -> dict[str, tuple[Reading, Response | ProviderError]]:
    """Every reading of the record: blocking and asynchronous, whole and in pieces; a whole body also as the answer to a
    stream's request."""

    async def asynchronous(url: str) -> dict[str, tuple[Reading, Response | ProviderError]]:
        async with probe.async_client(record, url) as llm:
            found = {"async streamed": await probe.astreamed(llm)}
            if not record.stream:
                found["async whole"] = await probe.awhole(llm)
        return found

    found: dict[str, tuple[Reading, Response | ProviderError]] = {}
    turn = int(record.id[:2], 16)  # of most records each client reads the body once: one whole, the other in pieces
    for seed in SEEDS:
        url = replay.url(record, seed)
        readings: dict[str, tuple[Reading, Response | ProviderError]] = {}
        if turn % 16 == 0 or turn % 2 == seed:
            with probe.client(record, url) as llm:
                readings["streamed"] = probe.streamed(llm)
                if not record.stream:
                    readings["whole"] = probe.whole(llm)
        if turn % 16 == 0 or turn % 2 != seed:
            readings |= asyncio.run(asynchronous(url))
        found |= {f"{way}, seed {seed}": reading for way, reading in readings.items()}
    return found


def judged(record: Record, replay: Replay) -> Reading | None:
    """What the SDK reads; None where it raises."""
    try:
        return judges.judge(record, replay.url(record, 0))
    except judges.Failed:
        return None


def unexplained(record: Record, ours: Reading, theirs: Reading | None) -> list[str]:
    """The differences that no exception explains."""
    if theirs is None or "error" in ours:
        return [] if theirs is None and "error" in ours else [f"ours {ours}, theirs {theirs or 'an error'}"]
    found = []
    for field, (mine, his) in differences(ours, theirs).items():
        row = exceptions().get((record.id, field))
        if row is None or (row["ours"], row["theirs"]) != (digest(mine), digest(his)):
            found.append(f"{field}: ours {mine!r} ({digest(mine)}), theirs {his!r} ({digest(his)})")
    return found


@sharded
def test_every_way_of_reading_says_what_the_sdk_reads(corpus: Path, replay: Replay, kind: str, number: int) -> None:
    faults: list[str] = []
    for record in shard(corpus, kind, number):
        theirs = judged(record, replay)
        for way, (ours, _) in ways(record, replay).items():
            faults += [f"{record.id} ({record.provider}, {way}): {fault}" for fault in unexplained(record, ours, theirs)]
    assert not faults, "\n".join(faults)


@sharded
def test_error_replies_become_the_right_error(corpus: Path, replay: Replay, kind: str, number: int) -> None:
    faults: list[str] = []
    for record in shard(corpus, kind, number):
        if 200 <= record.status < 300:
            continue
        for way, (_, error) in ways(record, replay).items():
            faults += [f"{record.id} ({record.provider}, {way}): {fault}" for fault in wrong_in(record, error)]
    assert not faults, "\n".join(faults)


def wrong_in(record: Record, error: Response | ProviderError) -> list[str]:
    if isinstance(error, Response):
        return ["no error at all"]
    found = []
    if not isinstance(error, CLASSES[record.status]):
        found.append(f"{type(error).__name__} for {record.status}")
    if error.status != record.status:
        found.append(f"status {error.status} for {record.status}")
    headers = {name.lower(): value for name, value in record.headers.items()}
    wanted = next((headers[name] for name in REQUEST_IDS if name in headers), None)
    if wanted is not None and error.request_id != wanted:
        found.append(f"request id {error.request_id} for {wanted}")
    if "retry-after" in headers and error.retry_after != pytest.approx(_seconds(headers["retry-after"]), abs=5):
        found.append(f"retry_after {error.retry_after} for {headers['retry-after']}")
    return found


def _seconds(text: str) -> float:
    return float(text) if text.replace(".", "").isdigit() else max(0.0, parsedate_to_datetime(text).timestamp())


def test_exceptions_are_few_and_each_is_a_record_with_a_rule(corpus: Path) -> None:
    known = {record.id: record for record in records(corpus)}
    rows = list(exceptions().values())
    assert all(row["id"] in known and row["rule"].strip() for row in rows)
    excepted = Counter(known[id].kind for id in {row["id"] for row in rows} if not known[id].synthetic)
    real = Counter(record.kind for record in known.values() if not record.synthetic)
    assert all(count <= MOST_EXCEPTIONS * real[kind] for kind, count in excepted.items()), (excepted, real)


def test_every_record_is_read(corpus: Path) -> None:
    """Fewer would mean that the loader lost some."""
    found = records(corpus)
    assert len(found) == len({record.id for record in found})
    assert Counter(record.kind for record in found) == {kind: IN_ALL[kind] for kind in KINDS}
