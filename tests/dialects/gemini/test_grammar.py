"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.gemini.good_streams import EMPTY, ERROR, STREAMS, candidate, end, frame, piece, text
from tests.dialects.mutants import Tally, mutants
from trunkline.dialects.gemini.grammar import Grammar
from trunkline.dialects.gemini.grammar_rules import LENIENT, PARTS, RULES, STATUSES, STRICT
from trunkline.wire.sse import Frame, SseDecoder

WORDS = {"role": ("model", "user", "assistant"), "finishReason": ("STOP", "OTHER", "stop", ""), "status": (*STATUSES, "later")}

# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
_PIECE = r"[\w+]+"
_PART = r"candidates\[\]\.content\.parts\[\]"
_HOSTED = r"(executableCode|codeExecutionResult|toolCall\+toolResponse)"
LEGAL = {
    rf"(drop|double)\.frame {_PIECE}|swap\.frames {_PIECE} {_PIECE}": "one piece of what is said, fewer, twice, or in another order",
    rf"(drop|double|swap)\.items? \S+ ({_PART}|candidates\[\])": "and parts likewise",
    rf"drop\.field end:\S+ {_PART[:-4]}": "an end need not say anything",
    rf"cut\.(text|empty) end:text {_PART}\.text": "words are free, and none where it ends",
    rf"cut\.text \S+ {_PART}\.(text|thoughtSignature|\w+\.(name|id|mimeType|fileUri))": "words, names and signatures are free",
    rf"swap\.values (functionCall\+functionCall|fileData) {_PART}\.\w+\.\w+~\w+": "any text is a name",
    rf"retype\.name \S+ {_PART}\.\w+": "a part of a later kind, or what stands beside one in later days",
    rf"(drop\.field|retype\.name) \S+ {_PART}\.(thought|thoughtSignature|functionCall\.id|fileData\.mimeType)": "not all have it",
    rf"\S+ functionCall\+functionCall {_PART}\.functionCall\.args\.city": "arguments are the model's",
    rf"\S+ {_HOSTED} {_PART}\.\w+\.\w+(~\w+)?": "what the provider's own tools say is theirs",
    rf"\S+ later {_PART}\.later": "and a part of a later kind its own",
    rf"cut\.empty inlineData {_PART}\.inlineData\.data": "a file may be empty",
    rf"drop\.field text {_PART[:-4]}|(drop\.field|retype\.name) text candidates\[\]\.logprobsResult": "one of the two may be missing",
    r"renumber (end:)?text candidates\[\]\.index": "another candidate",
    r"(retype\.word|cut\.text) end:\S+ candidates\[\]\.finishReason": "another reason, of later days perhaps",
    r"(drop\.field|retype\.name) \S+ candidates\[\]\.(finishMessage|safetyRatings|avgLogprobs|\w+Metadata)": "not all have these",
    r"cut\.(text|empty) \S+ candidates\[\]\.finishMessage|retype\.int \S+ candidates\[\]\.avgLogprobs": "they are free",
    r"\S+ \S+ candidates\[\]\.logprobsResult\..*": "log probabilities are the model's",
    r"(renumber|swap\.values|drop\.field|retype\.name) \S+ usageMetadata(\..*)?": "figures are free, and not everybody gives all",
    r"(drop|double)\.item \S+ usageMetadata\..*|cut\.text \S+ usageMetadata\..*": "so are their details",
    r"(cut\.text|swap\.values) \S+ (modelVersion|responseId)(~\w+)?": "any text is a name, in a stream of one piece",
    r"\S+ blocked promptFeedback\.blockReason": "the reason is the provider's",
    r"(renumber|retype\.word|cut\.text) error error\.(code|status|message)": "another error",
    r"(drop|double)\.(field|item) error error\.details(\[\])?|cut\.text error .*": "with other details",
    r"(drop\.field|retype\.name) error error\.details\[\]\.retryDelay": "or fewer",
}


def label(of: Frame) -> str:
    """What the frame is for."""
    said = json.loads(of.data)
    if "error" in said or "candidates" not in said:
        return "error" if "error" in said else "blocked"
    parts = [part for item in said["candidates"] for part in item["content"].get("parts", [{"nothing": 1}])]
    kinds = "+".join(next(iter(part)) for part in parts)
    return f"end:{kinds}" if any("finishReason" in item for item in said["candidates"]) else kinds


def faults(frames, *, strict=True):
    grammar = Grammar(strict=strict)
    return grammar.feed(frames) + grammar.finish()


def test_the_page_lists_the_rules():
    page = (Path(__file__).resolve().parents[3] / "docs" / "stream-grammar.md").read_text(encoding="utf-8")
    rows = "".join(f"| `{rule.name}` | {rule.strict or '-'} | {rule.lenient or '-'} |\n" for rule in RULES)
    assert f"### gemini\n\n| rule | strict | lenient |\n|---|---|---|\n{rows}" in page


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
    assert tally.refused.total() > 0.8 * tally.made.total(), tally.table()
    assert set(tally.rules) == STRICT, "each rule is broken by some mutant"


_PAIR = (piece(text("Hello")), end(EMPTY))
_BARE = Frame(b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}')
_BARE_END = Frame(b'{"candidates":[{"finishReason":1}]}')
COMMON = {
    "neither index nor role, a number for the reason": (_BARE, _BARE_END),
    "[DONE]": (*_PAIR, Frame(b"[DONE]")),
    "usage after the end": (*_PAIR, frame(usageMetadata={"totalTokenCount": 1})),
    "a signature after the end": (*_PAIR, end(text("", thoughtSignature="c2ln"))),
    "an empty content": (piece(), *_PAIR),
    "an empty part": (piece({}), *_PAIR),
    "no content": (_BARE, Frame(b'{"candidates":[{"content":null,"finishReason":"SAFETY","index":0}]}')),
    "a call without a signature, and without arguments": (piece({"functionCall": {"name": "f"}}), end()),
    "lines that are one frame": (Frame(_BARE.data + b"\n" + _BARE_END.data),),
    "a blocked prompt": (Frame(b'{"promptFeedback":{"blockReason":"SAFETY"}}'),),
    "an error in the midst": (_PAIR[0], Frame(b'{"error":{"code":500}}')),
    "an error without the rest": (ERROR,),
    "names of events": tuple(Frame(of.data, "message", "1") for of in _PAIR),
    "half a finish": (_BARE, Frame(b'{"candidates":[{"finishReason":"STOP","content":{}}]}')),
}
WRONG = {
    "nothing": ((), ["end"]),
    "cut": ((_PAIR[0],), ["end"]),
    "no JSON": ((Frame(b"{"), *_PAIR), ["json"]),
    "candidates that are none": ((frame(candidates=1), *_PAIR), ["shape"]),
    "a content that is none": ((frame(candidates=[{"content": "a"}]), *_PAIR), ["shape"]),
    "parts that are none": ((frame(candidates=[{"content": {"parts": ["a"]}}]), *_PAIR), ["shape"]),
    "words that are none": ((piece({"text": 1}), *_PAIR), ["shape"]),
    "a call that is none": ((piece({"functionCall": "f"}), *_PAIR), ["shape"]),
    "arguments that are none": ((piece({"functionCall": {"name": "f", "args": [1]}}), *_PAIR), ["shape"]),
    "words after the end": ((*_PAIR, _PAIR[0]), ["after-finish"]),
    "words after an error": ((_PAIR[0], ERROR, _PAIR[0]), ["after-end"]),
    "a candidate that does not end": ((piece(text("b"), index=1), *_PAIR), ["finish-missing"]),
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


def test_the_sheet_s_own_example_passes(shared):
    """But for the words of the last piece's neighbours: it is the vendor's, whose first piece tells tokens too."""
    sheet = (shared / "wire" / "gemini.md").read_text()
    frames = SseDecoder().feed(sheet.split("\nStream:\n```\n")[1].split("```")[0].encode())
    assert len(frames) == 2
    assert faults(frames) == faults(frames, strict=False) == []


def test_what_comes_after_the_last_piece_and_which_candidate_is_missing():
    both = [candidate(EMPTY, reason="STOP")]
    other = piece(text("b"), index=1)
    assert [str(fault) for fault in faults((piece(text("a")), other, frame(candidates=both)))] == [
        "frame 2: last-piece: candidate 1 has no finish reason beside the others"
    ]
    assert [str(fault) for fault in faults((*_PAIR, _PAIR[0]))] == ["frame 2: after-end: a frame after the last piece"]
    assert [fault.rule for fault in faults((piece(text("a")), other))] == ["end", "finish-missing", "finish-missing"]


SECRET = "SeCrEt"
_KEYS = st.sampled_from(["", *PARTS, "code", "message", "status", "details"])
_NAMES = st.sampled_from([SECRET, "", *PARTS, "STOP", "model", "user"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.just(10**30) | st.floats() | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_PARTS = st.fixed_dictionaries({}, optional=dict.fromkeys([*PARTS, "thought", "thoughtSignature", "zz"], _VALUES))
_CONTENTS = st.fixed_dictionaries({}, optional={"parts": st.lists(_PARTS | _VALUES, max_size=2) | _VALUES, "role": _VALUES})
_CANDIDATES = st.fixed_dictionaries(
    {}, optional={"content": _CONTENTS | _VALUES, "index": _VALUES, "finishReason": _VALUES, "zz": _VALUES}
)
_DATA = st.binary(max_size=20) | st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(_CANDIDATES | _VALUES, max_size=2) | _VALUES,
        **dict.fromkeys(["error", "usageMetadata", "promptFeedback", "modelVersion", "zz"], _VALUES),
    },
).map(lambda value: json.dumps(value).encode())
_FRAMES = st.lists(st.builds(Frame, _DATA, st.none() | _NAMES, st.none() | st.just(SECRET)), max_size=6)


@settings(max_examples=150)
@given(_FRAMES, st.booleans())
def test_nothing_raises_and_nothing_is_quoted(frames, strict):
    grammar = Grammar(strict=strict)
    found = grammar.feed(frames) + grammar.finish()
    assert grammar.finish() == []
    assert all(SECRET not in str(fault) and 0 <= fault.frame <= len(frames) for fault in found)
    assert {fault.rule for fault in found} <= (STRICT if strict else LENIENT)
