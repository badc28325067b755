"""Markup in the text of a reply (quirk ``markup``): what it becomes, whole and streamed alike, and how it goes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.dialects.openai_chat.judge import context, encode, losses, target
from tests.dialects.openai_chat.replies import body, chunk, decode, read, sse
from trunkline.dialects.dialect import Context
from trunkline.values.events import ReasoningDelta, TextDelta, ToolCallDelta
from trunkline.values.fold import fold
from trunkline.values.message import Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.model import Quirks
from trunkline.values.response import Response

THOUGHT = "<think>\nhm\n</think>\n\nHi"
MESSAGES = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hi<|return|>"
CALL = '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a":1}<|call|>'


def aim(markup: Any = "auto", *, stream: bool = False, **facts: Any) -> Context:
    return context(target(Quirks(markup=markup, reasoning_field="as_sent"), provider="local"), stream=stream, **facts)


def streamed(*deltas: dict[str, Any], markup: Any = "auto", finish: str = "stop") -> Response:
    data = sse(chunk({"role": "assistant", "content": ""}), *map(chunk, deltas), chunk({}, finish=finish))
    events, decoder = read(data, aim(markup, stream=True))
    assert decoder.error is None
    folded = fold(events)
    assert "".join(event.text for event in events if type(event) is TextDelta) == folded.text
    assert "".join(event.text for event in events if type(event) is ReasoningDelta) == folded.reasoning
    return folded


@pytest.mark.parametrize("text", [THOUGHT, MESSAGES])
def test_a_thought_becomes_reasoning(text):
    reply = decode(body({"content": text}), aim())
    assert reply.message.parts == (Reasoning("hm"), Text("Hi"))
    assert streamed(*[{"content": letter} for letter in text]).message == reply.message


def test_a_call_becomes_a_call():
    reply = decode(body({"content": CALL}), aim(tool_names={"f": "f.real"}))
    [call] = reply.tool_calls
    assert (call.name, call.arguments, reply.finish_reason, reply.raw_finish_reason) == ("f.real", {"a": 1}, "tool_calls", "stop")
    assert call.id.startswith("call_")
    assert streamed(*[{"content": letter} for letter in CALL]).tool_calls == decode(body({"content": CALL}), aim()).tool_calls


def test_calls_of_both_kinds():
    own = {"index": 0, "id": "c", "function": {"name": "g", "arguments": "{}"}}
    reply = decode(body({"content": CALL, "tool_calls": [own]}), aim())
    assert [call.name for call in reply.tool_calls] == ["f", "g"]
    assert streamed({"content": CALL[:60]}, {"content": CALL[60:]}, {"tool_calls": [own]}).tool_calls == reply.tool_calls


def test_the_first_event_of_a_call_has_its_id_and_name():
    events, _ = read(sse(*[chunk({"content": piece}) for piece in (CALL[:-12], CALL[-12:])]), aim(stream=True))
    first, *rest = [event for event in events if type(event) is ToolCallDelta]
    assert (first.index, first.name, first.arguments) == (0, "f", "")
    assert first.id
    assert "".join(event.arguments for event in rest) == '{"a":1}'
    assert all(event.id is None for event in rest)


def test_tokens_on_the_name_of_a_call():
    function = {"name": "f<|channel|>commentary", "arguments": "{}"}
    message = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": function}]}
    assert decode(body(message), aim()).tool_calls == (ToolCall("c", "f"),) == streamed(message).tool_calls
    assert decode(body(message)).tool_calls[0].name == "f<|channel|>commentary"


def test_arguments_that_are_no_json_are_kept():
    reply = decode(body({"content": CALL.replace('{"a":1}', "a=1")}), aim())
    assert reply.tool_calls[0].raw_arguments == "a=1"


def test_nothing_is_taken_for_markup_without_the_quirk():
    for text in (THOUGHT, MESSAGES):
        assert decode(body({"content": text})).message.parts == (Text(text),)
        events, _ = read(sse(chunk({"content": text}), chunk({}, finish="stop")))
        assert fold(events).message.parts == (Text(text),)


def test_text_held_back_is_said_at_the_end():
    assert decode(body({"content": "<thi"}), aim()).text == streamed({"content": "<thi"}).text == "<thi"


def test_a_reply_that_begins_inside_its_thought():
    reply = decode(body({"content": "hm\n</think>\nHi"}), aim("think_open"))
    assert reply.message.parts == (Reasoning("hm"), Text("Hi"))
    assert streamed({"content": "hm\n</th"}, {"content": "ink>\nHi"}, markup="think_open").message == reply.message


def test_choices_are_read_apart():
    choices = [
        {"index": 0, "message": {"content": THOUGHT}, "finish_reason": "stop"},
        {"index": 1, "message": {"content": "<b>"}, "finish_reason": "stop"},
    ]
    whole = decode({"id": "r1", "choices": choices}, aim())
    data = sse(
        *[chunk({"content": THOUGHT[:9]}, index=0), chunk({"content": "<"}, index=1), chunk({"content": "b>"}, index=1)],
        *[chunk({"content": THOUGHT[9:]}, index=0), *[chunk({}, finish="stop", index=n) for n in (0, 1)]],
    )
    folded = fold(read(data, aim(stream=True))[0])
    assert (folded.message, folded.alternatives) == (whole.message, whole.alternatives)
    assert whole.alternatives[0].message.text == "<b>"


@given(st.sampled_from([THOUGHT, MESSAGES, CALL, "Hi", "<b>", "final", MESSAGES[:70]]), st.data())
def test_a_stream_is_its_reply(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    deltas: list[dict[str, Any]] = [
        {"content": text[begin:end]} for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
    ]
    reply = decode(body({"content": text}), aim())
    folded = streamed(*deltas)
    assert (folded.message, folded.finish_reason) == (reply.message, reply.finish_reason)


def test_log_probabilities_stay():
    probabilities = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    choice = {"logprobs": probabilities}
    whole = decode(body({"content": THOUGHT}, choice=choice), aim())
    events, _ = read(sse(chunk({"content": THOUGHT}, choice=choice), chunk({}, finish="stop")), aim(stream=True))
    assert fold(events).logprobs == whole.logprobs != ()


# --- the way back -----------------------------------------------------------------------------------------------------

LOOP = (Message.assistant(Reasoning("hm"), "I look.", ToolCall("c", "f")), Message.tool(ToolResult("c", (Text("1"),))))


@pytest.mark.parametrize(
    ("quirks", "back"),
    [
        (Quirks(markup="harmony"), {"content": "I look.", "reasoning": "hm"}),
        (Quirks(markup="auto", reasoning_field="as_sent"), {"content": "I look.", "reasoning": "hm"}),
        (Quirks(markup="auto", reasoning_field="reasoning_content"), {"content": "I look.", "reasoning_content": "hm"}),
        (Quirks(markup="think"), {"content": "<think>\nhm\n</think>\n\nI look."}),
        (Quirks(markup="think_open", reasoning_field="reasoning"), {"content": "I look.", "reasoning": "hm"}),
    ],
)
def test_the_thought_of_an_open_loop_goes_back(quirks, back):
    sent, encoded = encode("q", *LOOP, aim=quirks, judged=False)
    said = sent["messages"][1]
    assert {name: said[name] for name in said if name not in ("role", "tool_calls")} == back
    assert encoded.warnings == ()


@pytest.mark.parametrize("markup", ["think", "harmony", "auto"])
def test_the_thought_of_a_finished_turn_stays_away(markup):
    done = (*LOOP, Message.assistant(Reasoning("so"), "1 it is."))
    sent, encoded = encode("q", *done, "and now?", *LOOP, aim=Quirks(markup=markup), judged=False)
    assert "hm" not in str(sent["messages"][1])
    assert sent["messages"][3] == {"role": "assistant", "content": "1 it is."}
    assert "hm" in str(sent["messages"][5])
    assert losses(encoded) == [("dropped", "messages.reasoning")]


def test_an_endpoint_that_names_a_field_gets_all_of_it_there():
    done = (*LOOP, Message.assistant(Reasoning("so"), "1 it is."))
    sent, encoded = encode("q", *done, "and now?", aim=Quirks(markup="auto", reasoning_field="reasoning"), judged=False)
    assert [said.get("reasoning") for said in sent["messages"]] == [None, "hm", None, "so", None]
    assert encoded.warnings == ()


def test_a_thought_without_words_beside_it():
    sent, _ = encode("q", Message.assistant(Reasoning("hm"), ToolCall("c", "f")), LOOP[1], aim=Quirks(markup="think"))
    assert sent["messages"][1]["content"] == "<think>\nhm\n</think>\n\n"
    two = Message.assistant(Reasoning("hm"), "a", "b", ToolCall("c", "f"))
    sent, _ = encode("q", two, LOOP[1], aim=Quirks(markup="think"))
    assert [item["text"] for item in sent["messages"][1]["content"]] == ["<think>\nhm\n</think>\n\n", "a", "b"]


def test_what_came_in_a_field_goes_back_in_it():
    reply = decode(body({"content": "a", "reasoning_content": "r"}), aim())
    sent, encoded = encode("q", reply.message, "p", aim=aim().target, judged=False)
    assert sent["messages"][1]["reasoning_content"] == "r"
    assert encoded.warnings == ()
