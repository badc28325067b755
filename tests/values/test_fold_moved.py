"""Events of two targets, one of which carries on the other's answer, to the reply that they tell."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.values.events import (
    CitationDelta,
    Event,
    Finish,
    Moved,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
    Warned,
)
from trunkline.values.fold import Fold, fold
from trunkline.values.message import CacheMark, Citation, Opaque, ProviderState, Reasoning, Refusal, Text, ToolCall
from trunkline.values.response import TokenLogprob, Usage, Warning

MOVED = Moved("a/b", "c/d", "TransportError")
STOP = Finish("stop", "end_turn")
CITED = Citation("url", url="https://a", text_start=1, text_end=3)


def told(*events: Event) -> tuple[Any, ...]:
    return fold(events).message.parts


def test_the_text_goes_on() -> None:
    events = [Start("1", "m1"), TextDelta("Hel"), UsageUpdate(Usage(3, 1)), MOVED, Start("2", "m2"), TextDelta("lo"), STOP]
    reply = fold([*events, UsageUpdate(Usage(8, 3))])
    assert reply.message.parts == (Text("Hello"),)
    assert (reply.id, reply.model, reply.usage, reply.finish_reason, reply.partial) == ("2", "m2", Usage(8, 3), "stop", False)


def test_until_then_it_is_partial() -> None:
    folded = Fold()
    folded.add([TextDelta("Hel"), Finish("stop")])
    assert folded.finished
    folded.add([MOVED])
    assert not folded.finished
    assert (folded.response().text, folded.response().partial) == ("Hel", True)
    folded.add([TextDelta("lo"), Finish("length")])
    assert (folded.response().text, folded.response().finish_reason, folded.response().partial) == ("Hello", "length", False)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_parts_that_are_whole_and_parts_that_are_not(done: bool, before: bool) -> None:
    first: list[Event] = [TextDelta("Hel"), *([PartDone(Text("Hel"))] if before else [])]
    second: list[Event] = [TextDelta("lo"), *([PartDone(Text("lo"))] if done else [])]
    assert told(*first, MOVED, *second) == (Text("Hello"),)


def test_several_texts_of_which_the_last_goes_on() -> None:
    first = [TextDelta("a"), PartDone(Text("a")), TextDelta("b"), PartDone(Text("b"))]
    second = [TextDelta("c"), PartDone(Text("c")), TextDelta("d"), PartDone(Text("d"))]
    assert told(*first, MOVED, *second) == (Text("a"), Text("bc"), Text("d"))


def test_moved_once_more() -> None:
    assert told(TextDelta("a"), MOVED, TextDelta("b"), MOVED, TextDelta("c"), STOP) == (Text("abc"),)
    assert told(TextDelta("a"), MOVED, MOVED, TextDelta("c"), STOP) == (Text("ac"),)
    assert told(TextDelta("a"), MOVED, STOP) == (Text("a"),)
    assert told(MOVED, TextDelta("a"), STOP) == (Text("a"),)


def test_reasoning_stands_before_the_text_that_it_led_to() -> None:
    thought = [ReasoningDelta("hm"), PartDone(Reasoning("hm"))]
    assert told(*thought, TextDelta("Hel"), MOVED, TextDelta("lo")) == (Reasoning("hm"), Text("Hello"))
    assert told(TextDelta("Hel"), MOVED, *thought, TextDelta("lo")) == (Reasoning("hm"), Text("Hello"))
    assert told(*thought, TextDelta("Hel"), MOVED, *thought, TextDelta("lo")) == (Reasoning("hm"), Reasoning("hm"), Text("Hello"))
    assert told(ReasoningDelta("h"), MOVED, *thought, TextDelta("Hi")) == (Reasoning("h"), Reasoning("hm"), Text("Hi"))
    assert told(TextDelta("a"), MOVED, ReasoningDelta("h"), MOVED, TextDelta("b")) == (Reasoning("h"), Text("ab"))
    unknown = Opaque("x", ProviderState("p", b"{}"))
    assert told(TextDelta("a"), PartDone(unknown), MOVED, TextDelta("b")) == (unknown, Text("ab"))


def test_what_is_no_text_is_not_joined() -> None:
    call = ToolCall("c", "f", "{}")
    events = [TextDelta("a"), MOVED, ToolCallDelta(0, "c", "f", "{}"), PartDone(call, 0), STOP]
    assert told(*events) == (Text("a"), call)
    assert told(TextDelta("a"), MOVED, RefusalDelta("no")) == (Text("a"), Refusal("no"))
    assert fold(events).finish_reason == "tool_calls"


def test_citations_of_both() -> None:
    later = Citation("url", url="https://b")
    events = [TextDelta("Hel"), CitationDelta(CITED), MOVED, TextDelta("lo"), CitationDelta(CITED), CitationDelta(later)]
    (text,) = told(*events)
    assert text == Text("Hello", (CITED, Citation("url", url="https://a", text_start=4, text_end=6), later))
    half = Citation("url", text_start=0)
    assert told(TextDelta("Hel"), MOVED, TextDelta("lo"), CitationDelta(half))[0].citations == (Citation("url", text_start=3),)
    half = Citation("url", text_end=0)
    assert told(TextDelta("Hel"), MOVED, TextDelta("lo"), CitationDelta(half))[0].citations == (Citation("url", text_end=3),)


def test_what_only_one_provider_understands_is_of_neither() -> None:
    first = Text("a", cache=CacheMark(), state=ProviderState("p", b"{}"))
    assert told(PartDone(first), MOVED, PartDone(Text("b", state=ProviderState("q", b"{}")))) == (Text("ab"),)
    assert told(PartDone(first), MOVED, STOP) == (first,), "as long as nothing was added"


def test_what_is_half_said_does_not_come_twice() -> None:
    half = [ReasoningDelta("r"), RefusalDelta("n"), ToolCallDelta(0, "c", "f", "{")]
    assert told(*half, MOVED, STOP) == (Reasoning("r"), Refusal("n"), ToolCall("c", "f", "{"))


def test_only_the_choice_that_moved() -> None:
    reply = fold([TextDelta("a"), TextDelta("x", 1), Moved("a", "b", "c", 1), TextDelta("b"), TextDelta("y", 1), MOVED])
    assert reply.text == "ab"
    assert reply.alternatives[0].message.parts == (Text("xy"),)
    assert fold([TextDelta("a"), Moved("a", "b", "c", 7)]).alternatives == ()


def test_what_is_kept() -> None:
    warning, sure = Warning("dropped", "x", "y"), TokenLogprob("a", -0.1)
    reply = fold(
        [Warned(warning), TextDelta("a", logprobs=(sure,)), MOVED, Warned(warning), TextDelta("b", logprobs=(sure,)), STOP]
    )
    assert reply.warnings == (warning, warning)
    assert reply.logprobs == (sure, sure)
