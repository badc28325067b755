"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.cohere.good_streams import DONE, STREAMS, call, end, event, item, message, plan, start, text
from tests.dialects.mutants import Tally, mutants
from trunkline.dialects.cohere.grammar import Grammar
from trunkline.dialects.cohere.grammar_rules import EVENTS, LENIENT, STRICT
from trunkline.wire.sse import Frame

WORDS = {
    "type": (*EVENTS, "text", "thinking", "later", "function", "tool", "document", "TEXT_CONTENT", "THINKING_CONTENT", "PLAN"),
    "role": ("assistant", "user"),
    "finish_reason": ("COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "TIMEOUT", "LATER"),
}
# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
_SAID = r"(delta-text|delta-thinking|tool-plan-delta)"
_CITED = r"citation-start delta\.message\.citations"
LEGAL = {
    rf"(drop|double)\.frame ({_SAID}|tool-call-delta)": "one piece of what is said, fewer or twice: words are free, and no JSON is JSON",
    rf"swap\.frames {_SAID} {_SAID}": "what is said in another order: so are they",
    rf"cut\.(text|empty) {_SAID} delta\.message\..*": "words are free",
    r"cut\.text tool-call-delta .*arguments": "no arguments are some",
    r"cut\.text (message-start id|tool-call-start delta\.message\.tool_calls\.(id|function\.name))": "any text is an id, or a name",
    r"\w+\.\w+ message-end delta\.usage\..*|renumber message-end delta\.usage\..*": "figures are free, and not everybody gives all",
    r"(retype\.word|cut\.text) message-end delta\.finish_reason": "another reason, of later days perhaps",
    r"(cut\.empty|drop\.field|retype\.name|cut\.text|swap\.values) message-end delta\.(error|error_type|finish_reason~error_type|error~error_type)": "what is told of an error is free",
    r"(retype\.word|cut\.text) start-later delta\.message\.content\.type": "a kind of item that is not known",
    r"(\w+\.\w+|renumber) start-later delta\.message\.content\.held": "and what it holds",
    rf"(\w+\.\w+|renumber) {_CITED}\.sources\[\].*": "what a source holds is its own",
    rf"(renumber {_CITED}\.(start|end|content_index)|swap\.values {_CITED}\.start~end|cut\.(text|empty) {_CITED}\.text)": "where a citation lies, and what it quotes",
    rf"(retype\.word|drop\.field|retype\.name) {_CITED}\.(type|content_index)": "it may be one of a thought, or of the last text",
    r"(\w+\.\w+|renumber) delta-text logprobs.*": "log probabilities come only where they are asked for, and are figures",
}


def label(of: Frame) -> str:
    """What the frame is for."""
    if of.data == DONE.data:
        return "done"
    said = json.loads(of.data)
    inner = said.get("delta", {}).get("message", {}).get("content")
    if said["type"] == "content-start":
        return f"start-{inner['type']}"
    return f"delta-{next(iter(inner))}" if said["type"] == "content-delta" else str(said["type"])


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


def test_arguments_that_are_no_json_are_told_where_their_call_ended():
    broken = call(0, "f_1", "f", "[1]")
    assert [str(fault) for fault in faults((start(), *broken, *end("TOOL_CALL")))] == [
        "frame 3: tool-input: the arguments of call 0 are not a JSON object"
    ]
    assert [fault.rule for fault in faults((start(), *broken, *text(0, "a"), *call(1, "g", "g"), *end("MAX_TOKENS")))] == [
        "tool-input"
    ]
    assert [fault.rule for fault in faults((start(), *broken, *end("TOOL_CALL")), strict=False)] == ["tool-input"]


_TEXT = text(0, "a")
COMMON = {
    "no [DONE]": (start(), *_TEXT, *end()[:1]),
    "numbers that begin anew": (start(), *item(0, "thinking", "a"), *_TEXT, *end()),
    "a plan after content": (start(), *_TEXT, *plan("a"), *end()),
    "two items at once": (
        start(),
        message("content-start", "content", {"type": "text", "text": ""}, index=0),
        *text(1, "b"),
        event("content-end", index=0),
        *end(),
    ),
    "arguments that are null": (
        start(),
        message("tool-call-start", "tool_calls", {"id": "f", "function": {"name": "f", "arguments": None}}, index=0),
        event("tool-call-end", index=0),
        *end("TOOL_CALL"),
    ),
    "an event without a name": (start(), *_TEXT, Frame(end()[0].data)),
    "debug": (start(), event("debug", prompt="p"), *_TEXT, *end()),
    "what is open in an error": (start(), *_TEXT[:-1], *end("ERROR", error="m")),
    "version 1": (
        Frame(b'{"event_type":"stream-start"}'),
        Frame(b'{"event_type":"text-generation","text":"a"}'),
        Frame(b'{"event_type":"stream-end","response":{}}'),
    ),
}
"""What others send, and what the lenient grammar takes."""


@pytest.mark.parametrize("name", COMMON)
def test_lenient_takes_what_others_send(name):
    assert faults(COMMON[name], strict=False) == []


def test_strict_refuses_what_others_send():
    assert all(faults(frames) for name, frames in COMMON.items() if name != "debug")


FAULTY = {
    "json": (Frame(b"nonsense"),),
    "shape": (
        start(),
        event("content-start", index=0, delta={"message": {"content": "a"}}),
        event("content-end", index=0),
        *end(),
    ),
    "start": (*_TEXT, *end()),
    "item-open": (start(), event("content-end", index=3), *end()),
    "piece-kind": (start(), *text(0, message("content-delta", "content", {"thinking": "a"}, index=0)), *end()),
    "closed": (start(), *_TEXT[:-1], *end()),
    "tool-input": (start(), *call(0, "f", "f", "{"), *end("TOOL_CALL")),
    "finish-reason": (start(), *_TEXT, event("message-end", delta={})),
    "end": (start(), *_TEXT),
    "after-end": (start(), *_TEXT, *end(), *_TEXT),
}


@pytest.mark.parametrize("rule", FAULTY)
def test_lenient_refuses(rule):
    assert rule in {fault.rule for fault in faults(FAULTY[rule], strict=False)}


def test_every_lenient_rule_is_shown():
    assert set(FAULTY) == LENIENT


FRAMES = st.builds(
    lambda kind, index, inner: Frame(json.dumps({"type": kind, "index": index, "delta": inner}).encode(), kind),
    st.sampled_from(sorted(EVENTS)),
    st.sampled_from([0, 1, None, "x", [], {}, -1]),
    st.sampled_from([None, 3, {}, {"message": []}, {"message": {"content": 1, "tool_calls": 2, "citations": 3, "tool_plan": 4}}]),
)


@settings(max_examples=60)
@given(st.lists(FRAMES | st.binary(max_size=30).map(Frame), max_size=8), st.booleans())
def test_nothing_raises_or_quotes(frames, strict):
    found = faults(frames, strict=strict)
    assert all(fault.rule in (STRICT if strict else LENIENT) for fault in found)
    assert faults([Frame(b'{"type":"SECRETWORD","delta":"SECRETWORD"}', "x")], strict=strict)
    assert not any("SECRETWORD" in str(fault) for fault in faults([Frame(b'{"type":"SECRETWORD"}', "x")], strict=strict))
