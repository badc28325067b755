"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.bedrock_converse.reading import USAGE, Told, begun, call, delta, end, start, stop, text, thought
from tests.dialects.mutants import Tally, mutants
from trunkline.dialects.bedrock_converse.grammar import Grammar
from trunkline.dialects.bedrock_converse.grammar_rules import DELTAS, EVENTS, LENIENT, STARTS, STRICT
from trunkline.dialects.bedrock_converse.server.response import WORDS as REASONS
from trunkline.wire.sse import Frame

CITATION = {
    "title": "t",
    "sourceContent": [{"text": "c"}],
    "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 1}},
}
CACHED = USAGE | {"cacheReadInputTokens": 8, "totalTokens": 68}


def frames(*events: Told | list[Told]) -> tuple[Frame, ...]:
    flat = [event for item in events for event in (item if isinstance(item, list) else [item])]
    return tuple(Frame(json.dumps(fields).encode(), name) for name, fields in flat)


STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": frames(start(), text(0, "Hello", " world"), end()),
    "thinking": frames(start(), thought(0, "Let me", " see"), text(1, "Yes"), end(usage=CACHED)),
    "hidden thinking": frames(start(), delta(0, reasoningContent={"redactedContent": "b3Bh"}), stop(0), text(1, "Yes"), end()),
    "tools": frames(
        start(), text(0, "I look."), call(1, "t_1", "weather", "", '{"city":', '"Oslo"}'), call(2, "t_2", "time"), end("tool_use")
    ),
    "citations": frames(start(), delta(0, text="cited"), delta(0, citation=CITATION), stop(0), end()),
    "a server's tool": frames(
        start(),
        call(0, "t_1", "search", '{"query":"q"}', type="server_tool_use"),
        begun(1, toolResult={"toolUseId": "t_1", "type": "search_result", "status": "success"}),
        delta(1, toolResult=[{"text": "found"}]),
        stop(1),
        end(trace={"guardrail": {}}),
    ),
    "a picture": frames(
        start(), begun(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "QUJD"}}), stop(0), end()
    ),
    "cut in a tool's input": frames(start(), call(0, "t_1", "weather", '{"city":"Os'), end("max_tokens")),
    "an exception": frames(start(), text(0, "Hello")[:-1], ("!throttlingException", {"message": "m"})),
    "an exception at once": frames(("!modelStreamErrorException", {"message": "m", "originalStatusCode": 500})),
}
WORDS = {"role": ("assistant", "user"), "stopReason": (*sorted(REASONS), "later", ""), "status": ("success", "error")}

# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
_SAID = r"(text|reasoning\.text|toolUse|citation|toolResult|image)"
LEGAL = {
    rf"(drop|double)\.frame delta {_SAID}": "one piece of what is said, fewer or twice: words are free, and JSON may stay JSON",
    rf"swap\.frames delta {_SAID} delta {_SAID}": "what is said in another order: so are they",
    r"drop\.frame delta reasoning\.signature": "not all reasoning is signed",
    r"double\.frame delta reasoning\.redactedContent": "hidden content may come in pieces",
    r"cut\.(text|empty) delta [\w.]+ delta\.(text|toolUse\.input|citation\..*|reasoningContent\.\w+)": "words are free",
    r"cut\.text (start|start toolUse|start toolResult) start\.\w+\.(toolUseId|name)": "so are names and ids",
    r"swap\.values start toolUse start\.toolUse\.\w+~\w+": "any text is an id, a name, a kind",
    r"(cut\.(text|empty)|drop\.field|retype\.\w+|swap\.values) start toolUse start\.toolUse\.type(~\w+)?": "whose tool it is, is free",
    r"(cut\.(text|empty)|drop\.field|retype\.\w+) start toolResult start\.toolResult\.(type|status)": "what a result says of itself, too",
    r"swap\.values start toolResult .*": "and in another place",
    r"cut\.text start image start\.image\.format": "a format of later days",
    r"(drop\.field|retype\.\w+|\w+\.\w+) delta citation delta\.citation\..*": "what a citation says is its own",
    r"renumber delta citation .*": "and where it points",
    r"(drop|double|swap|cut|retype)\.\w+ delta toolResult delta\.toolResult.*": "what a server's tool has found, too",
    r"(drop|double|swap|cut|retype)\.\w+ delta image delta\.image.*": "and what a picture is made of",
    r"(cut\.(text|empty)|retype\.\w+|drop\.field|renumber) exception (message|originalStatusCode)": "what is told of an exception",
    r"retype\.event (messageStop|delta|exception|start|stop|metadata|messageStart).*": "another name is an event of later days",
    r"(retype\.word|cut\.text) messageStop stopReason": "another reason, of later days perhaps",
    r"renumber metadata metrics\.latencyMs": "how long it took",
    r"\w+\.\w+ metadata trace.*": "what else is told is free",
    r"swap\.values metadata usage\.inputTokens~(outputTokens|cacheReadInputTokens)": "figures in the place of one another",
    r"swap\.values metadata usage\.outputTokens~cacheReadInputTokens": "likewise",
}


def label(of: Frame) -> str:
    """What the frame is for."""
    name, said = of.event or "", json.loads(of.data)
    if name.startswith("!"):
        return "exception"
    if name == "contentBlockStart":
        return f"start {next(iter(said['start']))}"
    if name == "contentBlockDelta":
        kind = next(iter(said["delta"]))
        return f"delta reasoning.{next(iter(said['delta'][kind]))}" if kind == "reasoningContent" else f"delta {kind}"
    return "stop" if name == "contentBlockStop" else name


def faults(said: Any, *, strict: bool = True) -> list[Any]:
    grammar = Grammar(strict=strict)
    return grammar.feed(said) + grammar.finish()


@pytest.mark.parametrize("name", STREAMS)
def test_good_streams_pass(name):
    assert faults(STREAMS[name]) == []
    assert faults(STREAMS[name], strict=False) == []


def test_every_mutant_is_refused_or_legal():
    tally = Tally(LEGAL)
    for good in STREAMS.values():
        tally.judge(good, mutants(good, label, WORDS), partial(Grammar, strict=True))
    assert not tally.escaped, "\n".join(f"{count} {place}" for place, count in tally.escaped.most_common()) + "\n" + tally.table()
    assert not tally.unused(), f"{tally.unused()}\n{tally.table()}"
    assert min(tally.made.values()) > 0
    assert set(tally.rules) == STRICT, "each rule is broken by some mutant"
    assert tally.refused.total() > 0.8 * tally.made.total(), tally.table()


def test_the_sheet_s_own_example_passes(shared):
    sheet = (shared / "wire" / "bedrock-converse.md").read_text()
    lines = sheet.split("Stream, decoded (event-type → payload):\n```\n")[1].split("```")[0].splitlines()
    said = [Frame(data.encode(), name) for name, data in (line.split(maxsplit=1) for line in lines)]
    assert len(said) == 8
    assert faults(said) == []


_ENDS = end()
_TEXT = text(0, "a")
COMMON = {
    "padding": frames(*((name, fields | {"p": "abc"}) for name, fields in (start(), *_TEXT, *_ENDS))),
    "an empty text": frames(start(), text(0, ""), _ENDS),
    "a start for text": frames(start(), begun(0), _TEXT, _ENDS),
    "no metadata": frames(start(), _TEXT, _ENDS[0]),
    "an exception after messageStop": frames(start(), _TEXT, _ENDS[0], ("!throttlingException", {"message": "m"})),
    "an event of a later kind": frames(start(), ("later", {}), _TEXT, _ENDS),
    "a delta of a later kind": frames(start(), delta(0, later=1), stop(0), _ENDS),
    "a block of a later kind": frames(start(), begun(0, later={}), stop(0), _ENDS),
    "no content": frames(start(), _ENDS),
    "blocks within each other": frames(start(), _TEXT[:-1], text(1, "b"), _TEXT[-1], _ENDS),
    "an exception": (*frames(start(), _TEXT[:-1]), Frame(b"overloaded", "!internalServerException")),
    "an input cut short": frames(start(), call(0, "t", "f", '{"a'), end("max_tokens")),
}
WRONG: dict[str, tuple[Any, list[str]]] = {
    "nothing": ((), ["end"]),
    "cut": (frames(start(), _TEXT), ["end"]),
    "no JSON": ((Frame(b"{", "later"), *frames(start(), _TEXT, _ENDS)), ["json"]),
    "nameless events": ((*frames(start(), _TEXT), Frame(b"{}"), *frames(_ENDS)), ["event-name"]),
    "no message": (frames(_TEXT, _ENDS), ["start"]),
    "two messages": (frames(start(), _TEXT, start(), _TEXT, _ENDS), ["start"]),
    "usage that is none": (frames(start(), _TEXT, _ENDS[0], ("metadata", {"usage": 1})), ["metadata"]),
    "words that are none": (frames(start(), delta(0, text=1), stop(0), _ENDS), ["shape"]),
    "a gap": (frames(start(), text(1, "a"), _ENDS), ["block-index"]),
    "a block again": (frames(start(), begun(0, image={}), begun(0, image={}), stop(0), _ENDS), ["block-open"]),
    "a call without a start": (frames(start(), delta(0, toolUse={"input": ""}), stop(0), _ENDS), ["block-open"]),
    "a close too many": (frames(start(), _TEXT, stop(0), _ENDS), ["block-open"]),
    "no close": (frames(start(), _TEXT[:-1], _ENDS), ["block-closed"]),
    "a delta of another kind": (
        frames(start(), _TEXT[0], delta(0, reasoningContent={"text": "a"}), stop(0), _ENDS),
        ["delta-kind"],
    ),
    "an input that is none": (frames(start(), call(0, "t", "f", '{"a'), end("tool_use")), ["tool-input"]),
    "no reason": (frames(start(), _TEXT, ("messageStop", {})), ["message-stop"]),
    "words after the end": (frames(start(), _TEXT, _ENDS, _TEXT[0]), ["after-end"]),
}


@pytest.mark.parametrize("name", COMMON)
def test_lenient_takes_what_is_common(name):
    assert faults(COMMON[name], strict=False) == []


@pytest.mark.parametrize("name", WRONG)
def test_lenient_names_what_a_reader_would_lose(name):
    said, rules = WRONG[name]
    assert [fault.rule for fault in faults(said, strict=False)] == rules


def test_lenient_rules_are_all_shown():
    assert {rule for _, rules in WRONG.values() for rule in rules} == LENIENT


SECRET = "SeCrEt"
_NAMES = st.sampled_from([SECRET, "", *EVENTS, *STARTS, *DELTAS, "tool_use", "assistant", "!throttlingException"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.just(10**30) | st.floats() | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES.filter(lambda name: name != SECRET), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.fixed_dictionaries({}, optional=dict.fromkeys([*DELTAS, "toolUseId", "name", "usage", "zz"], _VALUES))
_FIELDS = ("role", "contentBlockIndex", "start", "delta", "stopReason", "usage", "metrics", "message")
_DATA = st.binary(max_size=20) | st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _OBJECTS | _VALUES)).map(
    lambda value: json.dumps(value).encode()
)
_FRAMES = st.lists(st.builds(Frame, _DATA, st.none() | _NAMES, st.none() | st.just(SECRET)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(_FRAMES, st.booleans(), st.booleans())
def test_nothing_raises_and_nothing_is_quoted(said, strict, begun):
    said = [*frames(start()), *said] if begun else said
    grammar = Grammar(strict=strict)
    found = grammar.feed(said) + grammar.finish()
    assert grammar.finish() == []
    assert all(SECRET not in str(fault) and 0 <= fault.frame <= len(said) for fault in found)
    assert {fault.rule for fault in found} <= (STRICT if strict else LENIENT)
