"""What another target is asked when an answer broke off, and what of its answer is told."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.engine.carrying_on import INSTRUCTION, Continuation, added, can_carry_on, continued, prefills
from trunkline.values.events import (
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
from trunkline.values.message import Citation, Message, Opaque, ProviderState, Reasoning, Refusal, Text, ToolCall
from trunkline.values.model import Quirks, Target
from trunkline.values.request import OutputFormat, ReasoningOptions, Request
from trunkline.values.response import Alternative, Response, TokenLogprob, Usage, Warning

ASKED = Request(model="x", messages=(Message.user("hello"),))
PREFILLED = Target("anthropic-messages", "p", "m")
TOLD = Target("openai-chat", "p", "m")
LAST = "there lived a miller who "


def target(dialect: str, **quirks: Any) -> Target:
    return Target(dialect, "p", "m", quirks=Quirks(**quirks))


# --- who is asked at all ----------------------------------------------------------------------------------------------


def partial(*parts: Any, **more: Any) -> Response:
    return Response(message=Message("assistant", parts), partial=True, **more)


def test_words_can_be_carried_on() -> None:
    opaque = Opaque("x", ProviderState("p", b"{}"))
    for parts in ((), (Text("a"),), (Reasoning("r"),), (Reasoning("r"), opaque, Text("a"), Text("b"))):
        assert can_carry_on(ASKED, partial(*parts))
    assert can_carry_on(Request(model="x", messages=(), n=1), partial(Text("a")))


def test_what_is_more_than_words_cannot() -> None:
    for part in (ToolCall("c", "f", '{"a'), Refusal("no")):
        assert not can_carry_on(ASKED, partial(part))
        assert not can_carry_on(ASKED, partial(Text("a"), part))
    other = Alternative(index=1, message=Message.assistant("b"), finish_reason="other")
    assert not can_carry_on(ASKED, partial(Text("a"), alternatives=(other,)))
    assert not can_carry_on(Request(model="x", messages=(), n=2), partial(Text("a")))
    assert not can_carry_on(Request(model="x", messages=(), output=OutputFormat()), partial(Text('{"a')))


# --- what it is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "does"),
    [
        (target("anthropic-messages"), True),
        (target("bedrock-converse"), True),
        (target("anthropic-messages", no_prefill=True), False),
        (target("openai-chat"), False),
        (target("openai-chat", prefill_flag="prefix"), True),
        (target("openai-chat", prefill_flag="prefix", no_prefill=True), False),
        (target("gemini"), False),
        (target("openai-responses"), False),
    ],
)
def test_who_goes_on_from_words_in_its_mouth(of: Target, does: bool) -> None:
    assert prefills(of, ASKED) is does
    assert not prefills(of, Request(model="x", messages=(), reasoning=ReasoningOptions(effort="low")))


def test_the_words_are_put_into_its_mouth_without_white_space_at_their_end() -> None:
    assert continued(ASKED, "Hel lo \n", PREFILLED).messages == (*ASKED.messages, Message.assistant("Hel lo"))
    assert continued(ASKED, " Hello", PREFILLED).messages == (*ASKED.messages, Message.assistant(" Hello"))


def test_or_it_is_told_to_go_on() -> None:
    turns = (*ASKED.messages, Message.assistant("Hello \n"), Message.user(INSTRUCTION))
    assert continued(ASKED, "Hello \n", TOLD).messages == turns


@pytest.mark.parametrize("of", [PREFILLED, TOLD])
@pytest.mark.parametrize("said", ["", " \n"])
def test_who_has_nothing_to_go_on_from_begins(of: Target, said: str) -> None:
    assert continued(ASKED, said, of) is ASKED


def test_nothing_else_is_asked() -> None:
    request = Request(model="x", messages=ASKED.messages, max_tokens=7, temperature=0.5, stop=("x",), stream=True)
    made = continued(request, "Hello", TOLD)
    assert Request(**{**{n: getattr(made, n) for n in made.__struct_fields__}, "messages": ASKED.messages}) == request


def test_words_that_you_have_put_into_its_mouth_yourself() -> None:
    sure = Message("assistant", (Reasoning("r"), Text("Sure: ")))
    request = Request(model="x", messages=(*ASKED.messages, sure))
    joined = Message("assistant", (Reasoning("r"), Text("Sure: Hello")))
    assert continued(request, "Hello ", PREFILLED).messages == (*ASKED.messages, joined)
    spaced = Message("assistant", (Reasoning("r"), Text("Sure: Hello ")))
    assert continued(request, "Hello ", TOLD).messages == (*ASKED.messages, spaced, Message.user(INSTRUCTION))
    for parts in ((), (Text("a"), ToolCall("c", "f", "{}"))):
        request = Request(model="x", messages=(Message("assistant", parts),))
        assert continued(request, "Hi", PREFILLED).messages == (Message("assistant", parts), Message.assistant("Hi"))
    assert continued(Request(model="x", messages=()), "Hi", PREFILLED).messages == (Message.assistant("Hi"),)


def test_the_instruction_says_what_matters() -> None:
    for words in ("cut off", "Continue", "exactly where it stops", "next character", "repeat nothing", "say nothing about"):
        assert words in INSTRUCTION


# --- what is told of its answer ---------------------------------------------------------------------------------------


def told(said: str, *events: Event, of: Target = TOLD, before: Usage = Usage()) -> list[Event]:
    """One batch for each event."""
    continuation = Continuation(said, before, ASKED, of)
    return [made for event in events for made in continuation.events([event])]


def test_events_are_handed_on_as_they_are() -> None:
    events: list[Event] = [
        Start("2", "m"), Warned(Warning("dropped", "a", "b")), ReasoningDelta("hm"), PartDone(Reasoning("hm")), OpaqueEvent("ping"),
        TextDelta("lo"), CitationDelta(Citation("url")), PartDone(Text("lo", (Citation("url"),))), RefusalDelta("no"),
        ToolCallDelta(0, "c", "f", "{}"), PartDone(ToolCall("c", "f", "{}"), 0), Finish("stop"),
    ]  # fmt: skip
    for of in (PREFILLED, TOLD):
        handed = told("Hel", *events, of=of)
        assert handed == events
        assert all(one is other for one, other in zip(handed, events, strict=True) if not isinstance(one, PartDone))


def test_white_space_comes_once() -> None:
    events = [TextDelta(" "), TextDelta(" wor"), TextDelta("ld"), PartDone(Text("  world")), Finish("stop")]
    assert told("Hello ", *events, of=PREFILLED) == [TextDelta(" wor"), TextDelta("ld"), PartDone(Text(" world")), Finish("stop")]
    assert told("Hello ", *events) == events, "who was shown it does not say it again"
    events = [TextDelta("\nHi"), PartDone(Text("\nHi")), Finish("stop")]
    for of in (PREFILLED, TOLD):
        assert told(" \n", *events, of=of)[0] == TextDelta("\nHi")
        assert told("\n", *events, of=of) == [TextDelta("Hi"), PartDone(Text("Hi")), Finish("stop")], (
            "who begins anew says all of it"
        )


def test_words_that_are_said_again_are_dropped() -> None:
    said = "Once " + LAST
    events = [TextDelta(LAST), TextDelta("sang"), PartDone(Text(LAST + "sang")), Finish("stop")]
    assert told(said, *events) == [TextDelta("sang"), PartDone(Text("sang")), Finish("stop")]
    assert told(said, *events, of=PREFILLED)[-2] == PartDone(Text(LAST + "sang"))


@pytest.mark.parametrize(
    "then",
    [Finish("stop"), ToolCallDelta(0, "c", "f", "{"), RefusalDelta("no"), CitationDelta(Citation("url"))],
)
def test_what_was_held_back_comes_before_what_follows(then: Event) -> None:
    assert told("Once " + LAST, TextDelta("there "), TextDelta("lived"), then) == [TextDelta("there lived"), then]


@pytest.mark.parametrize(
    "then", [ReasoningDelta("r"), PartDone(Reasoning("r")), Start("2"), OpaqueEvent("ping"), Warned(Warning("dropped", "a", "b"))]
)
def test_what_may_come_between_two_pieces_of_a_text_does_not(then: Event) -> None:
    events = told("Once " + LAST, TextDelta(LAST[:9]), then, TextDelta(LAST[9:] + "sang"), Finish("stop"))
    assert events == [then, TextDelta("sang"), Finish("stop")]


def test_what_was_held_back_is_in_the_part() -> None:
    said = "Once " + LAST
    events = [
        TextDelta("there "),
        TextDelta("lived"),
        PartDone(Text("there lived")),
        TextDelta("x"),
        PartDone(Text("x")),
        Finish("stop"),
    ]
    assert told(said, *events) == [TextDelta("there lived"), *events[2:]]
    continuation = Continuation(said, Usage(), ASKED, TOLD)
    assert continuation.events(events[:2]) == []
    assert continuation.rest() == [TextDelta("there lived")]
    assert continuation.rest() == []


def test_a_part_without_pieces_is_a_piece() -> None:
    said = "Once " + LAST
    done = PartDone(Text(LAST + "sang", (Citation("url"),)))
    assert told(said, done, PartDone(Text("b"))) == [
        TextDelta("sang"), PartDone(Text("sang", (Citation("url"),))), TextDelta("b"), PartDone(Text("b")),
    ]  # fmt: skip


def test_what_comes_with_a_piece_stays() -> None:
    sure = TokenLogprob("there ", -0.1)
    piece = TextDelta("there ", raw=b"{}", logprobs=(sure,))
    (held,) = told("Once " + LAST, piece)
    assert held == TextDelta("", raw=b"{}", logprobs=(sure,))
    (cut,) = told("Once " + LAST, TextDelta(LAST + "x", raw=b"{}"))
    assert cut == TextDelta("x", raw=b"{}")


def test_figures_are_those_of_all() -> None:
    continuation = Continuation("Hel", Usage(10, 2, 4), ASKED, TOLD)
    assert continuation.usage == Usage()
    assert (continuation.said, continuation.before) == ("Hel", Usage(10, 2, 4))
    for own, all_in_all in ((Usage(5, 1), Usage(15, 3, 4)), (Usage(5, 6, 1), Usage(15, 8, 5))):
        assert continuation.events([UsageUpdate(own, raw=b"{}")]) == [UsageUpdate(all_in_all, raw=b"{}")]
        assert continuation.usage == own
    from decimal import Decimal

    (update,) = continuation.events([UsageUpdate(Usage(1, 1), reported_cost=Decimal(1))])
    assert isinstance(update, UsageUpdate)
    assert update.reported_cost is None, "that is only half of it"


def test_sums() -> None:
    one = Usage(*range(1, 11), raw={"a": 1, "b": 1})
    assert added(one, one) == Usage(*range(2, 21, 2), raw={"a": 1, "b": 1})
    assert added(one, Usage(raw={"b": 2})) == Usage(*range(1, 11), raw={"a": 1, "b": 2})
    assert added(Usage(), one) == one
    assert added(Usage(), Usage()) == Usage()
    assert added(Usage(0), Usage()) == Usage(0)
