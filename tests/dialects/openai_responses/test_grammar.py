"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import gzip
import json
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.mutants import Tally, mutants
from tests.dialects.openai_responses.good_streams import ERROR, STREAMS, call, event, message, numbered, stream
from trunkline.dialects.grammar import guess_dialect
from trunkline.dialects.openai_responses.grammar import Grammar
from trunkline.dialects.openai_responses.grammar_rules import EVENTS, LENIENT, STRICT
from trunkline.wire.sse import Frame, SseDecoder

WORDS = {
    "type": ("message", "reasoning", "function_call", "output_text", "refusal", "later"),
    "status": ("in_progress", "completed", "incomplete"),
    "role": ("user",),
}
_DELTA = r"response\.\w+\.delta"
_HEADS = r"response\.(created|in_progress)"
_LAST = r"response\.(completed|incomplete|failed)"
# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
LEGAL: dict[str, str] = {}


def label(of: Frame) -> str:
    return str(json.loads(of.data)["type"])


def faults(frames, *, strict=True):
    grammar = Grammar(strict=strict)
    return grammar.feed(frames) + grammar.finish()


@pytest.mark.parametrize("name", STREAMS)
def test_good_streams_pass(name):
    assert faults(STREAMS[name]) == []
    assert faults(STREAMS[name], strict=False) == []
    assert guess_dialect(STREAMS[name]) == "openai-responses"


def test_every_mutant_is_refused_or_legal():
    tally = Tally(LEGAL)
    for good in STREAMS.values():
        tally.judge(good, mutants(good, label, WORDS), partial(Grammar, strict=True))
    assert not tally.escaped, "\n".join(f"{count} {place}" for place, count in tally.escaped.most_common()) + "\n" + tally.table()
    assert not tally.unused(), tally.table()
    assert min(tally.made.values()) > 0
    assert tally.refused.total() > 0.9 * tally.made.total(), tally.table()
    assert set(tally.rules) == STRICT, "each rule is broken by some mutant"
