"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.anthropic_messages.good_streams import PING, STREAMS, block, call, end, event, start, text, thinking
from tests.dialects.mutants import Tally, mutants
from trunkline.dialects.anthropic_messages.grammar import Grammar
from trunkline.dialects.anthropic_messages.grammar_rules import BLOCKS, DELTAS, EVENTS, LENIENT, STRICT
from trunkline.wire.sse import Frame, SseDecoder

STOP_REASONS = ("end_turn", "stop_sequence", "max_tokens", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded")
BLOCK_KINDS = ("text", "thinking", "tool_use", "server_tool_use", "redacted_thinking", "later", "web_search_tool_result")
WORDS = {
    "type": ("message", *BLOCK_KINDS, *EVENTS, *DELTAS, "rate_limit_error"),
    "role": ("assistant", "user"),
    "stop_reason": (*STOP_REASONS, "later", ""),
}

# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
_SAID = r"(text_delta|thinking_delta|citations_delta|input_json_delta)"
LEGAL = {
    rf"(drop|double)\.frame {_SAID}": "one piece of what is said, fewer or twice: words are free, and JSON may stay JSON",
    rf"swap\.frames {_SAID} {_SAID}": "what is said in another order: so are they",
    r"(drop|double)\.frame ping|swap\.frames ping text": "pings may come at any time",
    r"cut\.(text|empty) (text|thinking|input_json)_delta delta\.(text|thinking|partial_json)": "words are free",
    r"cut\.empty redacted_thinking content_block\.data": "what nobody can read may be empty",
    r"cut\.(text|empty) citations_delta delta\.citation\.cited_text": "those that are cited too",
    r"cut\.text \w+ (message\.(id|model)|content_block\.(id|name|tool_use_id|data)|delta\.signature|request_id)": "so are names and ids",
    r"swap\.values (message_start message\.id~model|\w*tool_use content_block\.id~name)": "any text is an id",
    r"(cut\.text|cut\.empty) (error error\.message|message_delta delta\.stop_sequence)": "and what is told of the end",
    r"(cut\.text|retype\.word|swap\.values) \w+ content_block\.type(~\w+)?": "a kind of block that is not known, or as like as another",
    r"retype\.word error error\.type": "another error",
    r"(retype\.word|cut\.text) message_delta delta\.stop_reason": "another reason, of later days perhaps",
    r"renumber (message_start message\.)?(message_delta )?usage\.\w+": "figures are free, as long as they do not shrink",
    r"swap\.values message_start message\.usage\.\w+~\w+": "and in the place of one another",
    r"(drop\.field|retype\.(NoneType|name)) message_start message\.usage\.cache_read_input_tokens": "not everybody gives all of them",
    r"(drop\.field|retype\.(NoneType|name)) text content_block\.citations": "as good as an empty list",
    r"(renumber|swap\.values|drop\.field|retype\.name) citations_delta delta\.citation\.\w+_index(~\w+)?": "where a citation lies is its own",
    r"(drop|double|swap|cut|retype)\.\w+ web_search_tool_result content_block\.content.*": "what a server's tool has found, too",
    r"(\w+\.\w+|renumber) later content_block\.held": "and what a block of a later kind holds",
    r"\w+\.\w+ message_delta delta\.stop_details.*": "details are the provider's own",
    r"(drop\.field|retype\.NoneType) error request_id": "and so may the id of a request",
}


def label(of: Frame) -> str:
    """What the frame is for."""
    said = json.loads(of.data)
    inner = said.get("content_block") or (said["type"] == "content_block_delta" and said["delta"])
    return inner["type"] if inner else said["type"]


def faults(frames, *, strict=True):
    grammar = Grammar(strict=strict)
    return grammar.feed(frames) + grammar.finish()


@pytest.mark.parametrize("name", STREAMS)
def test_good_streams_pass(name):
    assert faults(STREAMS[name]) == []
    assert faults(STREAMS[name], strict=False) == []


def test_every_mutant_is_refused_or_legal():
    tally = Tally(LEGAL)
    for good in STREAMS.values():
        tally.judge(good, mutants(good, label, WORDS), partial(Grammar, strict=True))
    assert not tally.escaped, "\n".join(f"{count} {place}" for place, count in tally.escaped.most_common()) + "\n" + tally.table()
    assert not tally.unused(), tally.table()
    assert min(tally.made.values()) > 0
    assert tally.refused.total() > 0.9 * tally.made.total(), tally.table()
    assert set(tally.rules) == STRICT, "each rule is broken by some mutant"


def test_the_sheet_s_own_example_passes(shared):
    sheet = (shared / "wire" / "anthropic-messages.md").read_text()
    frames = SseDecoder().feed(sheet.split("\nStream:\n```\n")[1].split("```")[0].encode())
    assert len(frames) == 8
    assert faults(frames) == []


def test_an_input_that_is_no_json_is_told_where_its_block_ended():
    broken = call(0, "toolu_1", "f", "[1]")
    assert [str(fault) for fault in faults((start(), *broken, *end("tool_use")))] == [
        "frame 3: tool-input: the input of block 0 is not a JSON object"
    ]
    assert [fault.rule for fault in faults((start(), *broken, *text(1, "a"), *end("max_tokens")))] == ["tool-input"]
    assert [fault.rule for fault in faults((start(), *broken, *end("tool_use")), strict=False)] == ["tool-input"]


def delta(index, kind, **words):
    return event("content_block_delta", index=index, delta={"type": kind, **words})


_ENDS = end()
_TEXT = text(0, "a")
_OTHER_END = event("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 3, "input_tokens": 4})
COMMON = {
    "no ping": (start(), *_TEXT, *_ENDS),
    "a ping after the end": (start(), *_TEXT, *_ENDS, PING),
    "[DONE] after the end": (start(), *_TEXT, *_ENDS, Frame(b"[DONE]", "data")),
    "an empty text": (start(), *text(0), *_ENDS),
    "thinking without a signature": (start(), *block(0, {"type": "thinking", "thinking": ""}), *_ENDS),
    "two ends": (start(), *_TEXT, _OTHER_END, *_ENDS),
    "a stop with metrics": (start(), *_TEXT, _ENDS[0], event("message_stop", metrics={"a": 1})),
    "an event of a later kind": (start(), event("later"), *_TEXT, *_ENDS),
    "a delta of a later kind": (start(), *block(0, {"type": "text", "text": ""}, {"type": "later_delta"}), *_ENDS),
    "a later kind of block": (start(), *block(0, {"type": "compaction"}, {"type": "compaction_delta", "content": "a"}), *_ENDS),
    "no content": (start(), *_ENDS),
    "padding": tuple(Frame(frame.data[:-1] + b"   }", frame.event) for frame in (start(), *_TEXT, *_ENDS)),
    "blocks within each other": (start(), *_TEXT[:-1], *text(1, "b"), _TEXT[-1], *_ENDS),
    "an error": (start(), *_TEXT[:-1], Frame(b"overloaded", "error")),
    "a bare error": (Frame(b'{"error":{"message":"m"}}'),),
    "an input cut short": (start(), *call(0, "t", "f", '{"a'), *end("max_tokens")),
    "the reason in the message": (start(stop_reason="end_turn"), *_TEXT, event("message_stop")),
}
WRONG = {
    "nothing": ((), ["end"]),
    "cut": ((start(), *_TEXT), ["end"]),
    "no JSON": ((Frame(b"{", "ping"), start(), *_TEXT, *_ENDS), ["json"]),
    "nameless events": ((start(), *(Frame(frame.data) for frame in _TEXT), *_ENDS), ["event-name"] * 3),
    "no message": ((*_TEXT, *_ENDS), ["start"]),
    "two messages": ((start(), *_TEXT, start(), *_TEXT, *_ENDS), ["start"]),
    "a message that is none": ((event("message_start", message=1), *_TEXT, *_ENDS), ["shape"]),
    "usage that is none": ((start(usage=1), *_TEXT, *_ENDS), ["usage"]),
    "words that are none": ((start(), *block(0, {"type": "text"}, {"type": "text_delta", "text": 1}), *_ENDS), ["shape"]),
    "a gap": ((start(), *text(1, "a"), *_ENDS), ["block-index"]),
    "a block again": ((start(), _TEXT[0], *_TEXT, *_ENDS), ["block-index", "block-open"]),
    "a close too many": ((start(), *_TEXT, _TEXT[-1], *_ENDS), ["block-open"]),
    "no close": ((start(), *_TEXT[:-1], *_ENDS), ["block-closed"]),
    "a delta of no block": ((start(), delta(0, "text_delta", text="a"), *_ENDS), ["delta-kind"]),
    "a delta of another kind": (
        (start(), *block(0, {"type": "text"}, {"type": "thinking_delta", "thinking": "a"}), *_ENDS),
        ["delta-kind"],
    ),
    "an input that is none": ((start(), *call(0, "t", "f", '{"a'), *end("tool_use")), ["tool-input"]),
    "no reason": ((start(), *_TEXT, event("message_stop")), ["stop-reason"]),
    "words after the end": ((start(), *_TEXT, *_ENDS, *_TEXT[:2]), ["after-end", "after-end"]),
}


@pytest.mark.parametrize("name", COMMON)
def test_lenient_takes_what_is_common(name):
    assert faults(COMMON[name], strict=False) == []


@pytest.mark.parametrize("name", WRONG)
def test_lenient_names_what_a_reader_would_lose(name):
    frames, rules = WRONG[name]
    assert [fault.rule for fault in faults(frames, strict=False)] == rules


def test_lenient_rules_are_all_shown():
    assert {rule for _, rules in WRONG.values() for rule in rules} == LENIENT


SECRET = "SeCrEt"
_NAMES = st.sampled_from([SECRET, "", *EVENTS, *BLOCKS, *DELTAS, *STOP_REASONS, "message", "assistant"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.just(10**30) | st.floats() | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES.filter(lambda name: name != SECRET), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = {name for shape in EVENTS.values() for name in (*shape.must, *shape.may)}
_INNER = ["type", "id", "name", "input", "text", "thinking", "partial_json", "stop_reason", "stop_sequence", "usage", "zz"]
_OBJECTS = st.fixed_dictionaries({}, optional=dict.fromkeys(_INNER, _VALUES))
_DATA = st.binary(max_size=20) | st.fixed_dictionaries(
    {"type": _NAMES}, optional=dict.fromkeys(sorted(_FIELDS - {"type"}), _OBJECTS | _VALUES)
).map(lambda value: json.dumps(value).encode())
_FRAMES = st.lists(st.builds(Frame, _DATA, st.none() | _NAMES, st.none() | st.just(SECRET)), max_size=8)


@settings(max_examples=80)
@given(_FRAMES, st.booleans(), st.booleans())
def test_nothing_raises_and_nothing_is_quoted(frames, strict, begun):
    frames = [start(), *frames] if begun else frames
    grammar = Grammar(strict=strict)
    found = grammar.feed(frames) + grammar.finish()
    assert grammar.finish() == []
    assert all(SECRET not in str(fault) and 0 <= fault.frame <= len(frames) for fault in found)
    assert {fault.rule for fault in found} <= (STRICT if strict else LENIENT)


def test_it_goes_on_after_a_fault_frame_by_frame():
    grammar = Grammar(strict=True)
    assert [str(fault) for fault in grammar.feed([PING])] == ["frame 0: start: ping before message_start"]
    good = (*thinking(0, "a"), *text(1, "b"), *end())
    assert grammar.feed(good) == []
    assert grammar.finish() == []
    assert [str(fault) for fault in grammar.feed([PING])] == [f"frame {len(good) + 1}: after-end: a frame after message_stop"]
