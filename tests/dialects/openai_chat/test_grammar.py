"""The strict grammar refuses every mutant that is not another legal stream; neither profile raises, stops, or quotes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.mutants import Tally, mutants
from tests.dialects.openai_chat.good_streams import DONE, STREAMS, begin, choice, frame, more, role, stream
from tests.dialects.openai_chat.judge import context
from trunkline.dialects.openai_chat.grammar import Grammar
from trunkline.dialects.openai_chat.grammar_rules import CHUNK, DELTA, LENIENT, RULES, STRICT
from trunkline.wire.sse import Frame, SseDecoder

WORDS = {
    "object": ("chat.completion.chunk", "chat.completion"),
    "role": ("assistant", "user"),
    "finish_reason": ("stop", "length", "tool_calls", "content_filter", "function_call", "eos", ""),
    "type": ("function", "custom", "url_citation"),
}

# What comes out is another stream of the protocol, and nothing in it betrays that it was meant otherwise.
_SAID = r"(content|reasoning_content|refusal|annotations|arguments|audio)"
LEGAL = {
    rf"(drop|double)\.frame {_SAID}": "one piece of what is said, fewer or twice: words are free",
    rf"swap\.frames {_SAID} {_SAID}": "what is said in another order: so are they",
    r"swap\.frames first first": "choices may begin in any order",
    r"swap\.frames (content finish|finish content|finish finish)": "of two choices, one ends earlier or for the other's reason",
    r"swap\.frames (call call|arguments call|call arguments)": "pieces of two calls interleave",
    r"drop\.frame moderation": "moderation may be absent",
    r"swap\.frames first content": "a choice begins while another is speaking",
    r"double\.item arguments choices\[\]\.delta\.tool_calls\[\]": "words twice",
    r"swap\.values error error\.\w+~\w+": "an error's words are free",
    r"drop\.field audio choices\[\]\.delta\.audio\.(id|transcript)": "a sound says what it has",
    r"swap\.values audio choices\[\]\.delta\.audio\.id~transcript": "an id is any text",
    rf"cut\.(text|empty) {_SAID} choices\[\]\.delta\.(content|reasoning_content|refusal|audio\.(data|transcript))": "words are free",
    r"cut\.text .* choices\[\]\.delta\.(tool_calls\[\]\.)?(function|function_call|custom)(_call)?\.(arguments|input|name)": "and names",
    r"cut\.empty .* choices\[\]\.delta\.(tool_calls\[\]\.)?(function|function_call|custom)\.(arguments|input)": "arguments too",
    r"cut\.text (call|audio) choices\[\]\.delta\.(tool_calls\[\]|audio)\.id": "an id is free where it is given",
    r"cut\.(text|empty) content choices\[\]\.logprobs\..*": "tokens are free",
    r"cut\.(text|empty) .* obfuscation": "padding is free",
    r"cut\.(text|empty) error error\.(message|type|code)": "so are the words of an error",
    r"(cut\.|drop\.|double\.|swap\.|renumber|retype\.)\w* annotations choices\[\]\.delta\.annotations\[\].*": "a note is the server's own",
    r"(cut\.|drop\.|double\.|swap\.|renumber|retype\.)\w* moderation moderation\..*": "so is moderation",
    r"(drop|double|swap)\.items? content choices\[\]\.logprobs\..*": "a token fewer or twice",
    r"drop\.field content choices\[\]\.logprobs(\.content|\.refusal|\.content\[\]\.top_logprobs)?": "probabilities may be absent",
    r"retype\.NoneType content choices\[\]\.logprobs(\.content|\.content\[\]\.bytes|.*top_logprobs\[\]\.bytes)?": "or null",
    r"retype\.list content choices\[\]\.logprobs\.(refusal|content)": "or a list without tokens",
    r"swap\.values content choices\[\]\.logprobs\.content~refusal": "or those of a refusal",
    r"(renumber|retype\.int) content choices\[\]\.logprobs\..*": "numbers of a token are free",
    r"(renumber) audio choices\[\]\.delta\.audio\.expires_at": "so is a time",
    r"renumber usage usage\.\w+_details\.\w+": "and a figure by itself",
    r"drop\.field usage usage\.\w+_details(\.\w+)?": "figures that not everybody gives",
    r"retype\.(NoneType|dict) usage usage\.\w+_details\.\w+": "or null",
    r"swap\.values usage usage\.(prompt_tokens~completion_tokens|prompt_tokens_details~completion_tokens_details)": "sums are the same",
    r"drop\.field .* (service_tier|system_fingerprint|obfuscation)": "may be absent from a chunk",
    r"drop\.field first choices\[\]\.delta\.(content|refusal)": "the role says enough",
    r"retype\.(str|NoneType) first choices\[\]\.delta\.content": "empty or null",
    r"renumber (content|arguments) choices\[\]\.(index|delta\.tool_calls\[\]\.index)": "the piece belongs to the other one, which is open too",
    r"(retype\.word|cut\.text) finish choices\[\]\.finish_reason": "another reason, a provider's own perhaps",
    rf"retype\.name {_SAID} choices\[\]\.delta\.(content|reasoning_content|refusal|annotations|tool_calls|function_call|audio)": (
        "a delta of a server's own: as good as dropped"
    ),
    r"retype\.name finish (service_tier|system_fingerprint|obfuscation)": "and so is a field where a choice ends",
    r"retype\.name usage usage\.\w+_details(\.\w+)?": "and one of usage",
    r"(retype\.NoneType|cut\.\w+) \w+ (service_tier|system_fingerprint)": "what tier and system it is may be told anew",
    r"swap\.values \w+ (service_tier|system_fingerprint)~(system_fingerprint|obfuscation)": "in any words",
    r"renumber usage usage\.(total|prompt|completion)_tokens": "a total may hold more than the two",
    r"retype\.(str|int|NoneType|word) error error\.(type|param|code)": "an error's words may be null",
}


def label(of: Frame) -> str:
    """What the frame is for."""
    if of.data == DONE.data:
        return "done"
    chunk = json.loads(of.data)
    if "error" in chunk:
        return "error"
    if not chunk["choices"]:
        return "moderation" if "moderation" in chunk else "usage"
    delta = chunk["choices"][0]["delta"]
    if "role" in delta:
        return "first"
    if chunk["choices"][0]["finish_reason"]:
        return "finish"
    (name,) = delta
    if name == "tool_calls":
        return "call" if "id" in delta[name][0] else "arguments"
    if name == "function_call":
        return "call" if "name" in delta[name] else "arguments"
    return name


def faults(frames, *, strict=True, **facts):
    grammar = Grammar(strict=strict, context=context(**facts) if facts else None)
    return grammar.feed(frames) + grammar.finish()


@pytest.mark.parametrize("name", STREAMS)
def test_good_streams_pass(name):
    asked = any(b'"usage"' in frame.data for frame in STREAMS[name])
    assert faults(STREAMS[name], include_usage=asked) == []
    assert faults(STREAMS[name]) == []
    assert faults(STREAMS[name], strict=False) == []


def test_every_mutant_is_refused_or_legal():
    tally = Tally(LEGAL)
    for good in STREAMS.values():
        about = context(include_usage=any(b'"usage"' in frame.data for frame in good))
        tally.judge(good, mutants(good, label, WORDS), partial(Grammar, strict=True, context=about))
    assert not tally.escaped, "\n".join(f"{count} {place}" for place, count in tally.escaped.most_common()) + "\n" + tally.table()
    assert not tally.unused(), tally.table()
    assert min(tally.made.values()) > 0
    assert tally.refused.total() > 0.9 * tally.made.total(), tally.table()
    assert set(tally.rules) == STRICT, "each rule is broken by some mutant"


def test_usage_is_owed_if_and_only_if_it_was_asked_for():
    assert {fault.rule for fault in faults(STREAMS["text"], include_usage=True)} == {"usage"}
    assert {fault.rule for fault in faults(STREAMS["text with usage"], include_usage=False)} == {"usage"}


def test_fields_of_one_s_own_have_their_places():
    own = {"zz": [1]}
    last = choice({}, "stop", **own) | own
    good = stream(role(), choice({"content": "a"}), choice(own), last, usage=True)
    figures = frame(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 5, **own})
    assert faults((*good[:-2], figures, DONE), include_usage=True) == []
    assert {fault.rule for fault in faults(stream(role() | own, choice({}, "stop")))} == {"field-unknown"}
    assert {fault.rule for fault in faults(stream(role(), choice({"content": "a", **own}), last))} == {"field-unknown"}


def test_figures_add_up_to_no_more_than_the_total():
    figures = frame(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 4})
    assert [fault.rule for fault in faults((*STREAMS["text with usage"][:-2], figures, DONE))] == ["usage"]


def test_a_call_may_stand_beside_the_role():
    """As in the example of openai-chat §11, and in what the vendor sends."""
    first = begin(0, "call_9", "weather")
    first["choices"][0]["delta"] |= {"role": "assistant", "content": None}
    assert faults(stream(first, more(0, "{}"), choice({}, "tool_calls"), usage=True), include_usage=True) == []


def test_the_sheet_s_own_example_passes(shared):
    text = (shared / "wire" / "openai-chat.md").read_text()
    example = text.split("Stream (`stream_options")[1].split("```")[1].strip("\n") + "\n\n"
    frames = SseDecoder().feed(example.encode())
    assert len(frames) == 6
    assert faults(frames, include_usage=True) == []


def loose(*chunks, end=True):
    return [Frame(json.dumps(chunk).encode()) for chunk in chunks] + ([DONE] if end else [])


def said(text, reason=None, **fields):
    return {"choices": [{"delta": {"content": text}, "finish_reason": reason, **fields}]}


def call(reason=None, **piece):
    return {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": reason}]}


COMMON = {
    "no [DONE]": loose(said("a"), said("b", "stop"), end=False),
    "no finish reason": loose(said("a")),
    "only [DONE]": [DONE],
    "[DONE] and a space": [*loose(said("a", "stop"), end=False), Frame(b"[DONE] ")],
    "[DONE] twice": [*loose(said("a", "stop")), DONE],
    "finished twice, alike": loose(said("a", "stop"), said("", "stop")),
    "an empty finish reason": loose(said("a", ""), said("", "stop")),
    "usage on every chunk": loose({**said("a"), "usage": {}}, {**said("", "stop"), "usage": {"prompt_tokens": 1}}),
    "a first chunk of filters": loose({"choices": [], "prompt_filter_results": []}, said("a", "stop")),
    "chunks without choices": loose({"id": "x"}, said("a", "stop"), {"object": "chat.completion.done"}),
    "content in parts": loose({"choices": [{"delta": {"content": [{"type": "text", "text": "a"}]}, "finish_reason": "stop"}]}),
    "null for a list": loose({"choices": [{"delta": {"content": "a", "tool_calls": None}, "finish_reason": "stop"}]}),
    "a call without index": loose(call(id="c", function={"name": "f", "arguments": "{}"}), call("tool_calls", id="c")),
    "a call whose pieces have an empty id": loose(
        call(index=0, id="c", function={"name": "f"}), call("stop", index=0, id="", function={"arguments": "{}"})
    ),
    "arguments as an object": loose(call("tool_calls", index=0, id="c", function={"name": "f", "arguments": {}})),
    "an error by its name": [*loose(said("a"), end=False), Frame(b"overloaded", "error")],
    "an error by its field": loose(said("a"), {"choices": [], "error": {"message": "m"}}, end=False),
    "an error and [DONE]": loose({"error": "m"}),
    "an id": [Frame(frame.data, None, "1") for frame in loose(said("a", "stop"))],
    "blank frames": [Frame(b" "), *loose(said("a", "stop"))],
}
WRONG = {
    "nothing": ([], ["end"]),
    "cut": (loose(said("a"), end=False), ["end"]),
    "one choice cut": (loose(said("a", "stop", index=0), said("b", index=1), end=False), ["end"]),
    "no JSON": ([Frame(b"{"), *loose(said("a", "stop"))], ["json"]),
    "no object": ([Frame(b"[]"), *loose(said("a", "stop"))], ["json"]),
    "words after the end": (loose(said("a", "stop")) + loose(said("b")), ["after-end"]),
    "words after an error": (loose({"error": "m"}, said("b")), ["after-end"]),
    "words after a finish reason": (loose(said("a", "stop"), said("b")), ["after-finish"]),
    "two reasons": (loose(said("a", "stop"), said("", "length")), ["finish"]),
    "choices that are no list": (loose({"choices": "a"}, said("a", "stop")), ["shape"]),
    "content that is a number": (loose({"choices": [{"delta": {"content": 1}, "finish_reason": "stop"}]}), ["shape"]),
    "usage that is a number": (loose({**said("a", "stop"), "usage": 1}), ["usage"]),
    "a piece of no call": (loose(call("stop", function={"arguments": "{"})), ["call-first"]),
    "a call without a name": (loose(call("stop", index=0, id="c", function={"arguments": "{}"})), ["call-first"]),
    "two calls in one": (
        loose(call(index=0, id="c", function={"name": "f"}), call("stop", index=0, id="d", function={"name": "g"})),
        ["call-collides"],
    ),
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


def test_rules_have_names_of_their_own():
    assert len({rule.name for rule in RULES}) == len(RULES)


SECRET = "SeCrEt"
_WORDS = st.sampled_from([SECRET, "", "assistant", "stop", "tool_calls", "function", "call_1", "chat.completion.chunk"])
_NAMES = st.sampled_from(
    [
        "id",
        "object",
        "created",
        "model",
        "choices",
        "index",
        "delta",
        "finish_reason",
        "role",
        "content",
        "tool_calls",
        "function",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.just(10**30) | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES.filter(lambda name: name != SECRET), inner, max_size=5),
    max_leaves=12,
)
_DELTAS = st.fixed_dictionaries({}, optional=dict.fromkeys([*DELTA.may, "zz"], _VALUES))
_CHOICES = st.fixed_dictionaries({"index": _VALUES, "delta": _DELTAS | _VALUES, "finish_reason": _VALUES})
_FIELDS = dict.fromkeys([*CHUNK.must, *CHUNK.may, "error"], _VALUES) | {"choices": st.lists(_CHOICES | _VALUES, max_size=2)}
_CHUNKS = _VALUES | st.fixed_dictionaries({}, optional=_FIELDS)
_DATA = st.binary(max_size=20) | _CHUNKS.map(lambda value: json.dumps(value).encode()) | st.just(b"[DONE]")
_FRAMES = st.lists(
    st.builds(Frame, _DATA, st.none() | st.sampled_from(["error", SECRET]), st.none() | st.just(SECRET)), max_size=8
)


@settings(max_examples=80)
@given(_FRAMES, st.booleans(), st.sampled_from([None, True, False]))
def test_nothing_raises_and_nothing_is_quoted(frames, strict, asked):
    grammar = Grammar(strict=strict, context=None if asked is None else context(include_usage=asked))
    found = grammar.feed(frames) + grammar.finish()
    assert grammar.finish() == []
    assert all(SECRET not in str(fault) and 0 <= fault.frame <= len(frames) for fault in found)
    assert {fault.rule for fault in found} <= (STRICT if strict else LENIENT)


def test_nesting_without_end_is_a_fault():
    deep = Frame(b'{"a":' * 100_000)
    assert {fault.rule for strict in (True, False) for fault in faults([deep, DONE], strict=strict)} >= {"json"}
    closed = Frame(b'{"choices":' + b"[" * 50_000 + b"]" * 50_000 + b"}")
    assert {fault.rule for strict in (True, False) for fault in faults([closed, DONE], strict=strict)} >= {"json"}


def test_it_goes_on_after_a_fault_frame_by_frame():
    grammar = Grammar(strict=True)
    assert [fault.frame for fault in grammar.feed([Frame(b"{")])] == [0]
    good = STREAMS["text"]
    assert grammar.feed(good) == []
    assert grammar.finish() == []
    assert [str(fault) for fault in grammar.feed([DONE])] == [f"frame {len(good) + 1}: after-end: a frame after [DONE]"]
