"""Events to the reply that they tell, and back."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests import strategies
from trunkline.values.events import (
    AnyEvent,
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
    Warned,
)
from trunkline.values.fold import Fold, fold, unfold
from trunkline.values.media import Data
from trunkline.values.message import Audio, Citation, Message, Reasoning, Refusal, Text, ToolCall
from trunkline.values.response import Alternative, Response, TokenLogprob, Usage, Warning

STOP = Finish("stop", "end_turn")
CITED = Citation("url", url="https://a")


def told(*events: Event) -> tuple[Any, ...]:
    return fold(events).message.parts


# --------------------------------------------------------------------------------------------------------------- a reply told


def test_a_stream_of_text() -> None:
    reply = fold([Start("id1", "m"), TextDelta("Hel"), TextDelta("lo"), UsageUpdate(Usage(3, 2)), STOP])
    assert reply == Response(
        message=Message.assistant("Hello"),
        finish_reason="stop",
        raw_finish_reason="end_turn",
        usage=Usage(3, 2),
        id="id1",
        model="m",
    )


def test_what_is_known_later_is_added_and_what_is_said_again_wins() -> None:
    reply = fold([Start("a", None, created=5), TextDelta("x"), Start(None, "m", service_tier="flex"), Start("b"), STOP])
    assert (reply.id, reply.model, reply.created, reply.service_tier) == ("b", "m", 5, "flex")


def test_usage_and_cost_replace_what_was_said_before() -> None:
    reply = fold([UsageUpdate(Usage(9, 1)), UsageUpdate(Usage(3, 2), reported_cost=Decimal("0.1")), STOP])
    assert (reply.usage, reply.reported_cost) == (Usage(3, 2), Decimal("0.1"))


def test_parts_come_in_the_order_in_which_they_were_whole() -> None:
    events = [
        ReasoningDelta("hm"),
        PartDone(Reasoning("hm")),
        TextDelta("a"),
        PartDone(Text("a")),
        ToolCallDelta(0, "c", "f"),
        ToolCallDelta(0, arguments="{}"),
        PartDone(ToolCall("c", "f", "{}"), 0),
        TextDelta("b"),
        PartDone(Text("b")),
    ]
    assert told(*events) == (Reasoning("hm"), Text("a"), ToolCall("c", "f", "{}"), Text("b"))


def test_a_part_that_is_whole_replaces_what_led_to_it_and_nothing_else() -> None:
    assert told(TextDelta("old"), PartDone(Text("new")), TextDelta("next")) == (Text("new"), Text("next"))
    assert told(TextDelta("a"), PartDone(Reasoning("r"))) == (Reasoning("r"), Text("a"))
    assert told(ToolCallDelta(0, "a", "f"), ToolCallDelta(1, "b", "g"), PartDone(ToolCall("a", "f", "{}"), 0)) == (
        ToolCall("a", "f", "{}"),
        ToolCall("b", "g", ""),
    )


def test_what_is_still_open_is_closed_in_a_fixed_order() -> None:
    events = [
        ToolCallDelta(1, "d", "g", "[]"),
        ToolCallDelta(0, "c", "f", "{}"),
        AudioDelta(b"\1", "w", "a1"),
        RefusalDelta("no"),
        CitationDelta(CITED),
        TextDelta("t"),
        ReasoningDelta("r"),
        AudioDelta(b"\2", "x"),
    ]
    assert told(*events) == (
        Reasoning("r"),
        Text("t", (CITED,)),
        Refusal("no"),
        Audio(Data(b"\1\2", "application/octet-stream"), "wx", "a1"),
        ToolCall("c", "f", "{}"),
        ToolCall("d", "g", "[]"),
    )


def test_calls_are_told_apart_by_their_index() -> None:
    pieces = [
        ToolCallDelta(0, "a", "f", ""),
        ToolCallDelta(1, "b", "g", '{"x'),
        ToolCallDelta(0, None, None, '{"y"'),
        ToolCallDelta(1, None, None, '":1}'),
        ToolCallDelta(0, None, None, ":2}"),
    ]
    assert told(*pieces) == (ToolCall("a", "f", '{"y":2}'), ToolCall("b", "g", '{"x":1}'))


@pytest.mark.parametrize("raw", ["stop", "tool_use", None])
def test_the_reason_is_tool_calls_whenever_there_are_calls(raw: str | None) -> None:
    reply = fold([PartDone(ToolCall("c", "f"), 0), Finish("stop", raw)])
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_calls", raw)


def test_finish_gives_reason_stop_sequence_and_what_only_its_protocol_knows() -> None:
    reply = fold(
        [
            TextDelta("x"),
            Finish("length", "max", extra={"a": 1}),
            Finish("stop", "stop_sequence", stop_sequence="END", extra={"b": 2}),
        ]
    )
    assert (reply.finish_reason, reply.raw_finish_reason, reply.stop_sequence, reply.extra) == (
        "stop",
        "stop_sequence",
        "END",
        {"a": 1, "b": 2},
    )


def test_warnings_are_kept_and_opaque_events_change_nothing() -> None:
    warned = Warning("dropped", "seed", "unknown here")
    assert fold([Warned(warned), OpaqueEvent("ping"), TextDelta("x"), STOP]).warnings == (warned,)
    assert told(OpaqueEvent("ping"), TextDelta("x")) == (Text("x"),)


def test_log_probabilities_follow_their_choice() -> None:
    one, two = TokenLogprob("a", -1.0), TokenLogprob("b", -2.0)
    reply = fold(
        [
            TextDelta("a", logprobs=(one,)),
            TextDelta("b", 1, logprobs=(two,)),
            RefusalDelta("b", logprobs=(two,)),
            STOP,
            Finish("stop", choice=1),
        ]
    )
    assert reply.logprobs == (one, two)
    assert reply.alternatives[0].logprobs == (two,)


def test_choices_are_told_side_by_side() -> None:
    events = [
        TextDelta("b", 1),
        TextDelta("a", 0),
        TextDelta("B", 1),
        Finish("length", choice=1),
        TextDelta("A", 0),
        Finish("stop", choice=0),
    ]
    reply = fold(events)
    assert (reply.text, reply.finish_reason, reply.partial) == ("aA", "stop", False)
    assert reply.alternatives == (Alternative(index=1, message=Message.assistant("bB"), finish_reason="length"),)


def test_nothing_told_is_an_empty_partial_reply() -> None:
    assert fold([]) == Response(message=Message("assistant", ()), partial=True)


def test_a_reply_is_partial_until_every_choice_that_began_has_finished() -> None:
    folded = Fold()
    for event, finished in ((TextDelta("a"), False), (STOP, True), (TextDelta("b", 1), False), (Finish("stop", choice=1), True)):
        folded.add([event])
        assert folded.finished == finished
        assert folded.response().partial == (not finished)


# ------------------------------------------------------------------------------------------------------------------ the laws

_usage = strategies.of(Usage)
_reasons = st.sampled_from(["stop", "length", "content_filter", "pause", "error", "other"])
_parts = st.lists(strategies.parts, max_size=4).map(tuple)
_logprobs = st.lists(strategies.of(TokenLogprob), max_size=2).map(tuple)


@st.composite
def _choice(draw: Any) -> dict[str, Any]:
    message = Message("assistant", draw(_parts))
    spoken = any(isinstance(part, (Text, Refusal)) for part in message.parts)
    return {
        "message": message,
        "finish_reason": "tool_calls" if message.tool_calls else draw(_reasons),
        "raw_finish_reason": draw(st.none() | st.text(max_size=5)),
        "logprobs": draw(_logprobs) if spoken else (),
    }


@st.composite
def _replies(draw: Any) -> Response:
    optional = st.none() | st.text(min_size=1, max_size=5)
    alternatives = draw(st.lists(_choice(), max_size=2))
    return Response(
        **draw(_choice()),
        alternatives=tuple(Alternative(index=n, **choice) for n, choice in enumerate(alternatives, 1)),
        stop_sequence=draw(optional),
        usage=draw(_usage),
        reported_cost=draw(st.none() | st.decimals(0, 5)),
        id=draw(optional),
        model=draw(optional),
        created=draw(st.none() | st.integers(0, 2**40)),
        service_tier=draw(optional),
        system_fingerprint=draw(optional),
        warnings=draw(st.lists(strategies.of(Warning), max_size=2).map(tuple)),
        extra=draw(st.dictionaries(st.text(max_size=3), strategies.json_values, max_size=2)),
    )


@given(_replies())
def test_folding_what_was_unfolded_gives_the_reply(reply: Response) -> None:
    assert fold(unfold(reply)) == reply


@given(_replies())
def test_text_that_is_streamed_is_the_replys_text(reply: Response) -> None:
    events = unfold(reply)
    assert "".join(event.text or "" for event in events if isinstance(event, TextDelta) and not event.choice) == reply.text
    assert (
        "".join(event.text or "" for event in events if isinstance(event, ReasoningDelta) and not event.choice) == reply.reasoning
    )


@given(st.lists(strategies.of(AnyEvent), max_size=12))
def test_any_events_tell_a_reply_however_they_are_handed_over(events: list[Event]) -> None:
    whole = fold(events)
    folded = Fold()
    for event in events:
        folded.add([event])
        folded.response()
    assert folded.response() == folded.response() == whole
    assert fold(iter(events)) == whole


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=5), st.sampled_from([TextDelta, ReasoningDelta, RefusalDelta]))
def test_how_a_text_is_cut_makes_no_difference(text: str, cuts: list[int], delta: type[Event]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert fold([delta(piece) for piece in pieces]).message == fold([delta(text)] if text else []).message


@given(_replies(), st.data())
def test_a_stream_that_breaks_off_tells_a_beginning_of_the_reply(reply: Response, data: st.DataObject) -> None:
    events = unfold(reply)
    beginning = fold(events[: data.draw(st.integers(0, len(events)))])
    assert reply.text.startswith(beginning.text)
    assert beginning.warnings == reply.warnings[: len(beginning.warnings)]
    assert len(beginning.alternatives) <= len(reply.alternatives)
