"""The lenient grammars take every recorded stream, or name what is wrong with it: the table holds what, and why it is true."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import cast

from tests.recorded.records import Record, records
from trunkline.dialects.dialect import Dialect, Fault
from trunkline.dialects.framings import frame_decoder, guess_framing
from trunkline.dialects.known import client_half_of

TABLE = Path(__file__).with_name("grammar_faults.toml")
STREAMS = {
    "openai-chat": 399,
    "anthropic-messages": 134,
    "gemini": 114,
    "cohere": 37,
    "mistral": 50,
    "bedrock-converse": 45,
    "openai-responses": 158,
    "ollama": 28,
}


def streams(corpus: Path) -> list[Record]:
    return [record for record in records(corpus) if record.kind in STREAMS and record.stream and 200 <= record.status < 300]


def faults(record: Record, *, strict: bool) -> list[Fault]:
    decoder = frame_decoder(guess_framing(record.body))
    grammar = cast(Dialect, client_half_of(record.dialect)).stream_grammar(strict=strict)
    return grammar.feed(decoder.feed(record.body) + decoder.finish()) + grammar.finish()


def test_lenient_takes_every_stream_or_names_what_is_wrong(corpus: Path) -> None:
    expected = {row["id"]: set(row["rules"]) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["stream"]}
    found: dict[str, set[str]] = {}
    count: Counter[str] = Counter()
    for record in streams(corpus):
        count[record.kind] += 1
        if rules := {fault.rule for fault in faults(record, strict=False)}:
            found[record.id] = rules
    assert found == expected
    assert count == STREAMS


def test_strict_is_what_the_vendors_themselves_send(corpus: Path) -> None:
    """Were it stricter than they are, it would be of our own making.

    What they break: chunks without ``choices`` and no finish reason, usage that nobody asked for; texts that say nothing (which
    they refuse when they come back); an output that shrinks, in a record that is made up.
    """
    broken = {
        record.id: {fault.rule for fault in faults(record, strict=True)}
        for record in streams(corpus)
        if record.provider in ("openai", "anthropic")
        and record.kind != "openai-responses"  # see tests/dialects/openai_responses/test_grammar.py
    }
    assert len(broken) > 200
    assert {id: rules for id, rules in broken.items() if rules} == {
        "4f365823335bf5e3": {"field-missing", "finish-missing", "one-choice", "role-once", "usage"},
        "21c578d72fd86985": {"usage"},
        "0db605db72aaad73": {"empty-text"},
        "8b3c25ba7fa8d2a5": {"empty-text"},
        "585d3c5d790f8a84": {"empty-text", "usage"},
    }
