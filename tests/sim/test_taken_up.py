"""An answer that was begun already is carried on from where it stands: no letter twice, none lost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sim.asking import asked, client, simulator
from trunkline import Data, Image, Message, Request, Response, Text, ToolCall, ToolResult
from trunkline.dialects.known import DIALECTS
from trunkline.engine.carrying_on import INSTRUCTION
from trunkline.sim import Call, Close, Pace, Refuse, Rule, Say, Scenario, Think, When
from trunkline.sim.script import script_of
from trunkline.sim.taken_up import LONGEST, TakenUp, taken_up
from trunkline.sim.yaml_form import scenario_of
from trunkline.values.fold import fold

WORDS = "Über die Brücke 🌉 goes the train; it is late."
USER = Message.user("Where is the train?")
ON = Message.user("Your answer was cut off. Continue exactly where it stopped, and repeat nothing.")


def answer(*messages: Message, rule: Rule | None = None, **said: Any) -> Response:
    """What is said, without a server."""
    request = Request(model="m", messages=messages, **said)
    return fold(script_of(request, rule or Rule(Say(WORDS)), Pace(), random.Random(0)).events)


@pytest.mark.parametrize("told", [(), (ON,)], ids=["prefill", "instruction"])
@pytest.mark.parametrize("at", range(len(WORDS) + 1))
def test_from_any_letter_on(at: int, told: tuple[Message, ...]) -> None:
    reply = answer(USER, Message.assistant(WORDS[:at]), *told)
    assert reply.text == WORDS[at:]
    assert reply.finish_reason == "stop"


@pytest.mark.parametrize("told", [(), (ON,)], ids=["prefill", "instruction"])
def test_the_built_in_brain_carries_on_too(told: tuple[Message, ...]) -> None:
    whole = answer(USER, rule=Rule()).text
    assert whole == 'This is a simulated answer. You said: "Where is the train?".'
    assert answer(USER, Message.assistant(whole[:40]), *told, rule=Rule()).text == whole[40:]


@pytest.mark.parametrize("told", [(), (ON,)], ids=["prefill", "instruction"])
def test_other_words_are_no_beginning(told: tuple[Message, ...]) -> None:
    assert answer(USER, Message.assistant("Over the bridge"), *told).text == WORDS
    assert answer(USER, Message.assistant(WORDS + "!"), *told).text == WORDS


@pytest.mark.parametrize(
    "words",
    ["And now?", "Continue.", "Where does it stop?", "I continue to wonder", f"continue where you stopped {'x' * LONGEST}"],
)
def test_another_turn_of_the_user_gets_the_whole_answer(words: str) -> None:
    assert answer(USER, Message.assistant(WORDS), Message.user(words)).text == WORDS


@pytest.mark.parametrize(
    "words",
    [
        "Please continue where you left off.",
        "CARRY ON from exactly there",
        "Your answer was interrupted.\nGo on.",
        "You were cut off: resume",
        INSTRUCTION,
        "continue where you stopped".ljust(LONGEST),
    ],
)
def test_what_is_an_instruction(words: str) -> None:
    assert answer(USER, Message.assistant(WORDS[:9]), Message.user(words)).text == WORDS[9:]


def test_an_instruction_is_of_words_alone() -> None:
    picture = Message.user(Text("Continue where you stopped"), Image(Data(b"\x89PNG", "image/png")))
    assert taken_up(Request(model="m", messages=(USER, Message.assistant("x"), picture))).begun == ""
    assert taken_up(Request(model="m", messages=(USER, ON))) == TakenUp("", (USER, ON))
    assert taken_up(Request(model="m", messages=())) == TakenUp("", ())


def test_several_turns_of_the_assistant_are_one_beginning() -> None:
    one, two = Message.assistant("Über "), Message.assistant("die ")
    assert taken_up(Request(model="m", messages=(USER, one, two, ON))) == TakenUp("Über die ", (USER,), (ON,))
    assert answer(USER, one, two).text == WORDS[9:]


def test_calls_are_no_words() -> None:
    called = Message("assistant", (Text("Über"), ToolCall("c1", "clock")))
    messages = (USER, called, Message.tool(ToolResult("c1", (Text("noon"),))))
    assert taken_up(Request(model="m", messages=messages)).begun == ""
    assert taken_up(Request(model="m", messages=(USER, called))).begun == ""
    assert taken_up(Request(model="m", messages=(*messages, Message.assistant("Über")))) == TakenUp("Über", messages)


def test_over_several_steps_and_pieces() -> None:
    rule = Rule(Think("hm"), Say(["He", "", "llo"]), Think("so"), Say(" there"), Think("well"), Say([" is", " one"]))
    begun = Message.assistant("Hello th")
    reply = answer(USER, begun, rule=rule)
    assert (reply.text, reply.reasoning) == ("ere is one", "well")
    told = script_of(Request(model="m", messages=(USER, begun)), rule, Pace(), random.Random(0))
    assert [event.text for event in told.events if event.text] == ["ere", "well", " is", " one"]
    assert [answer(USER, Message.assistant(words), rule=rule).text for words in ("H", "Hello", "Hello there i")] == [
        "ello there is one", " there is one", "s one",
    ]  # fmt: skip


def test_reasoning_before_the_first_word_is_shown_where_nothing_was_said() -> None:
    assert answer(USER, rule=Rule(Think("hm"), Say(WORDS))).reasoning == "hm"
    assert answer(USER, Message.assistant("Nein"), rule=Rule(Think("hm"), Say(WORDS))).reasoning == "hm"


def test_what_is_no_text_is_said_as_ever() -> None:
    reply = answer(USER, Message.assistant(WORDS[:9]), rule=Rule(Say(WORDS), Call("clock", {})))
    assert (reply.text, [call.name for call in reply.tool_calls]) == (WORDS[9:], ["clock"])
    assert answer(USER, Message.assistant("I"), rule=Rule(Refuse("I won't"))).refusal == "I won't"


def test_a_step_may_begin_anew() -> None:
    begun = Message.assistant(WORDS[:9])
    written = scenario_of({"rules": [{"steps": [{"say": {"text": WORDS, "continues": False}}]}]})
    assert written.rules[0] == Rule(Say(WORDS, continues=False)) != Rule(Say(WORDS))
    assert answer(USER, begun, rule=Rule(Say(WORDS, continues=False))).text == WORDS
    assert answer(USER, begun, rule=Rule(Say(WORDS[:20]), Say(WORDS[20:], continues=False))).text == WORDS


def test_limits_and_stop_sequences_are_of_what_is_said_now() -> None:
    begun = Message.assistant("Über die ")
    assert answer(USER, begun, max_tokens=2).text == "Brücke"
    assert answer(USER, begun, stop=("die",)).text == WORDS[9:]
    stopped = answer(USER, begun, stop=("train",))
    assert (stopped.text, stopped.finish_reason) == ("Brücke 🌉 goes the ", "stop")


def test_each_choice_carries_on_its_own_words() -> None:
    reply = answer(USER, Message.assistant("This is a simulated answer."), rule=Rule(), n=2)
    said = ' You said: "Where is the train?".'
    assert [reply.text, reply.alternatives[0].message.text] == [said, f"This is a simulated answer (choice 2).{said}"]


def test_the_rule_is_that_of_the_turn_which_is_answered() -> None:
    begun = Message.assistant("It is")
    train = When(text="train")
    assert train(asked(USER, begun, ON))
    assert train(asked(USER, begun))
    assert When(text="continue exactly")(asked(USER, begun, ON))
    assert not train(asked(USER, begun, Message.user("And the bus?")))
    result = Message.tool(ToolResult("c1", (Text("noon"),)))
    called = Message("assistant", (ToolCall("c1", "clock"),))
    assert When(after_tool="clock")(asked(USER, called, result, begun, ON))
    assert not train(asked(USER, called, result, begun, ON))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_in_every_dialect(dialect: str, stream: bool) -> None:
    """Through a client: what one target said and the other carries on are the whole, also where nothing is left to say.
    (The end of what was said is no white space here: the Messages protocol takes none at the end of a prefill.)"""
    with simulator(Rule(Say(WORDS))) as sim, client(sim, dialect) as llm:
        for at in (3, 15, len(WORDS)):
            for told in ((), (ON,)):
                messages = [USER, Message.assistant(WORDS[:at]), *told]
                if stream:
                    with llm.stream(messages) as events:
                        said = "".join(events.text)
                else:
                    said = llm.generate(messages).text
                assert said == WORDS[at:]


def test_what_was_cut_is_carried_on() -> None:
    scenario = Scenario([Rule(Say(WORDS[:12]), Close(), times=1), Rule(Say(WORDS))], pace=Pace())
    with simulator() as sim, client(sim, "openai-chat") as llm:
        sim.use(scenario)
        got = []
        with pytest.raises(Exception, match="interrupted"), llm.stream([USER]) as events:
            got += list(events.text)
        got.append(llm.generate([USER, Message.assistant("".join(got)), ON]).text)
    assert "".join(got) == WORDS
