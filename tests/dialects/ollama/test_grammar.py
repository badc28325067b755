"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given, strategies as st

from tests.dialects.mutants import Tally, mutants
from tests.dialects.ollama.good_streams import COUNTS, HEAD, STREAMS, call, frame, last, says
from trunkline.dialects.ollama.grammar import Grammar
from trunkline.dialects.ollama.grammar_rules import LENIENT, LINE, RULES, STRICT
from trunkline.wire.sse import Frame

WORDS = {"role": ("assistant", "user"), "done_reason": ("stop", "length", "load")}

# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
_SAID = r"(text|thought|empty)"
_FIGURE = r"(total_duration|load_duration|prompt_eval_duration|eval_duration|prompt_eval_count|eval_count)"
LEGAL = {
    rf"(drop|double)\.frame {_SAID}": "one piece of what is said, fewer or twice: words are free",
    rf"swap\.frames {_SAID} {_SAID}": "what is said in another order: so are they",
    r"cut\.(text|empty) (text|thought) message\.(content|thinking)": "words are free",
    r"drop\.field (thought|calls) message\.(thinking|tool_calls)": "a line may say nothing: a sign of life",
    r"drop\.frame calls": "the last calls, fewer",
    r"cut\.text calls message\.tool_calls\[\]\.(id|function\.name)": "ids and names are free",
    r"(cut|drop|retype)\.\w+ calls message\.tool_calls\[\]\.function\.arguments\..*": "what is in arguments is the model's",
    r"(cut|drop|double|swap|retype)\.\w+ text logprobs.*": "tokens are free, and may be absent",
    r"renumber text logprobs\[\]\..*": "so are their numbers",
    rf"renumber last {_FIGURE}": "figures are free",
    rf"swap\.values last {_FIGURE}~{_FIGURE}": "each of them",
    r"(drop\.field|retype\.name) last (prompt_eval_count|eval_count)": "counts may be absent; a field of another name is the server's own",
    r"(retype\.word|cut\.text) last done_reason": "another reason, the server's own perhaps",
    r"swap\.values last model~done_reason": "of a stream of one line, a name is as good as a reason",
    r"cut\.text (last|text) model": "of a stream of one line, any name is a model's",
    r"(cut|drop|double|swap|retype)\.\w+ last (message\.odd|context).*": "a server's own field",
    r"renumber last (message\.odd|context).*": "a server's own field",
    r"cut\.text error error": "an error's words are free",
    r"(renumber|drop\.field) error status": "its status is one of many, or absent",
}


def label(of: Frame) -> str:
    """What the line is for."""
    line = json.loads(of.data)
    if "error" in line:
        return "error"
    if line["done"]:
        return "last"
    message = line["message"]
    return next(
        (word for name, word in (("thinking", "thought"), ("tool_calls", "calls"), ("content", "text")) if message.get(name)),
        "empty",
    )


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
    assert not tally.unused(), tally.unused()
    assert min(tally.made.values()) > 0
    assert tally.refused.total() > 0.85 * tally.made.total(), tally.table()
    assert set(tally.rules) == STRICT, "each rule is broken by some mutant"


def test_heads_and_calls_are_held_to_their_like():
    other = frame({**HEAD, "model": "m2", "message": {"role": "assistant", "content": "a"}, "done": False})
    assert [fault.rule for fault in faults((says("a"), other, last()))] == ["same-head"]
    twice = (says(tool_calls=[call(0, "c", "f", {})]), says(tool_calls=[call(1, "c", "f", {})]), last())
    assert [fault.rule for fault in faults(twice)] == ["call-id"]
    assert [fault.rule for fault in faults((says("a", thinking="t"), last()))] == ["one-thing"]


def test_the_sheet_s_own_example_passes(shared):
    text = (shared / "wire" / "local-servers.md").read_text()
    example = text.split("NDJSON stream")[1].split("```")[1].strip("\n").replace("\u2026", "2026-11-20T09:00:00Z")
    frames = [Frame(line.encode()) for line in example.split("\n")]
    assert len(frames) == 4
    assert faults(frames) == []


def loose(*items):
    return [Frame(item if isinstance(item, bytes) else json.dumps(item).encode()) for item in items]


DONE = {"done": True}
COMMON = {
    "no reason": loose({"message": {"content": "a"}}, DONE),
    "heads that vary": loose({"model": "a", "message": {}}, {"model": "b", **DONE}),
    "words on the last line": loose({"message": {"content": "a"}, **DONE}),
    "text and thought at once": loose({"message": {"content": "a", "thinking": "b"}}, DONE),
    "calls without ids and numbers": loose({"message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}}, DONE),
    "arguments as text": loose({"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}, DONE),
    "a completion": loose({"response": "a"}, DONE),
    "an error": loose({"message": {"content": "a"}}, {"error": "m"}),
    "blank lines and an empty one after the end": loose(b" ", DONE, b"", {"done": True, "message": {"content": ""}}),
    "loosely written": loose(b'\xef\xbb\xbf{"message": null, "done": true, "x": NaN}'),
}
WRONG = {
    "nothing": ([], ["end"]),
    "cut": (loose({"message": {"content": "a"}}), ["end"]),
    "no JSON": (loose(b"{", DONE), ["json"]),
    "no object": (loose(b"[]", DONE), ["json"]),
    "words after the end": (loose(DONE, {"message": {"content": "a"}}), ["after-end"]),
    "words after an error": (loose({"error": "m"}, {"message": {"content": "a"}}), ["after-end"]),
    "a message that is none": (loose({"message": 1}, DONE), ["shape"]),
    "content that is a number": (loose({"message": {"content": 1}}, DONE), ["shape"]),
    "a call that is none": (loose({"message": {"tool_calls": [{"function": "f"}]}}, DONE), ["shape"]),
    "a call without a name": (loose({"message": {"tool_calls": [{"function": {"arguments": {}}}]}}, DONE), ["call-name"]),
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
    assert len({rule.name for rule in RULES}) == len(RULES)


SECRET = "SeCrEt"
_NAMES = st.sampled_from(
    [*LINE.must, "role", "content", "thinking", "tool_calls", "function", "index", "name", "arguments", "id"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.sampled_from([SECRET, "", "assistant", "stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES.filter(lambda name: name != SECRET), inner, max_size=5),
    max_leaves=12,
)
_LINES = st.fixed_dictionaries({}, optional=dict.fromkeys([*LINE.must, "logprobs", "error", "done_reason", *COUNTS], _VALUES))
_DATA = st.binary(max_size=20) | (_LINES | _VALUES).map(lambda value: json.dumps(value).encode())


@given(st.lists(st.builds(Frame, _DATA), max_size=6), st.booleans())
def test_nothing_raises_and_nothing_is_quoted(frames, strict):
    grammar = Grammar(strict=strict)
    found = grammar.feed(frames) + grammar.finish()
    assert grammar.finish() == []
    assert all(SECRET not in str(fault) and 0 <= fault.frame <= len(frames) for fault in found)
    assert {fault.rule for fault in found} <= (STRICT if strict else LENIENT)


def test_nesting_without_end_is_a_fault():
    deep = Frame(b'{"a":' * 100_000)
    assert {fault.rule for strict in (True, False) for fault in faults([deep, last()], strict=strict)} == {"json"}


def test_it_goes_on_after_a_fault_line_by_line():
    grammar = Grammar(strict=True)
    assert [fault.frame for fault in grammar.feed([Frame(b"{")])] == [0]
    good = STREAMS["text"]
    assert grammar.feed(good) == []
    assert grammar.finish() == []
    assert [str(fault) for fault in grammar.feed([last()])] == [
        f"frame {len(good) + 1}: after-end: a line after the line that is done"
    ]
