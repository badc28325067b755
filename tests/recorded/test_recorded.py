"""Recorded real replies, read through the public API in every way, against what the vendors' SDKs read from the same bytes."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import judges, probe
from tests.recorded.reading import CLASSES, Reading, differences, digest
from tests.recorded.records import Record, records
from tests.recorded.replay import Replay
from trunkline import ProviderError, Response

SHARDS = 16
SEEDS = (0, 1)  # 0: whole
MOST_EXCEPTIONS = 0.01

ROOT = Path(__file__).resolve().parents[2]
REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id")


@cache
def exceptions() -> dict[tuple[str, str], dict[str, Any]]:
    text = (Path(__file__).with_name("exceptions.toml")).read_text()
    return {(row["id"], row["field"]): row for row in tomllib.loads(text).get("exception", [])}


@pytest.fixture(scope="module")
def replay(corpus: Path) -> Iterator[Replay]:
    server = Replay(records(corpus))
    yield server
    server.close()


def shard(corpus: Path, number: int) -> list[Record]:
    return list(records(corpus)[number::SHARDS])


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
    for seed in SEEDS:
        url = replay.url(record, seed)
        with probe.client(record, url) as llm:
            readings = {"streamed": probe.streamed(llm)}
            if not record.stream:
                readings["whole"] = probe.whole(llm)
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


@pytest.mark.parametrize("number", range(SHARDS))
def test_every_way_of_reading_says_what_the_sdk_reads(corpus: Path, replay: Replay, number: int) -> None:
    faults: list[str] = []
    for record in shard(corpus, number):
        theirs = judged(record, replay)
        for way, (ours, _) in ways(record, replay).items():
            faults += [f"{record.id} ({record.provider}, {way}): {fault}" for fault in unexplained(record, ours, theirs)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("number", range(SHARDS))
def test_error_replies_become_the_right_error(corpus: Path, replay: Replay, number: int) -> None:
    faults: list[str] = []
    for record in shard(corpus, number):
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
    real = [row for row in rows if not known[row["id"]].synthetic]
    assert len({row["id"] for row in real}) <= MOST_EXCEPTIONS * sum(not record.synthetic for record in known.values())


def test_every_record_of_both_dialects_is_read(corpus: Path) -> None:
    """982 in ``dev`` and 457 in ``more.jsonl.gz``; fewer would mean that the loader lost some."""
    found = records(corpus)
    assert len(found) == len({record.id for record in found})
    assert len(found) >= 982 + 457
