"""Streams to the letter."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.dialects.openai_chat.server.drawn import serving, state
from trunkline.dialects.dialect import Context, EventEncoder
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import OverloadedError
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    Moved,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.media import Data, Url
from trunkline.values.message import (
    Audio,
    Citation,
    HostedToolCall,
    Image,
    Opaque,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from trunkline.values.response import TokenLogprob, Usage


def aim(*, usage: bool = False, **served: Any) -> Context:
    return msgspec.structs.replace(serving(**served), stream=True, include_usage=usage)


def chunks(data: bytes) -> list[Any]:
    """The chunks of a stream that ended properly, parsed."""
    *frames, done, rest = data.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def stream(*events: Event, context: Context | None = None) -> tuple[list[Any], EventEncoder]:
    encoder = DIALECT.event_encoder(context or aim())
    return chunks(b"".join([*[encoder.push(event) for event in events], encoder.finish()])), encoder


def deltas(*events: Event, context: Context | None = None) -> list[Any]:
    """The deltas of the only choice between the role and the reason."""
    found, encoder = stream(*events, context=context)
    assert encoder.warnings == []
    first, *middle, last = [chunk["choices"][0]["delta"] for chunk in found]
    assert (first, last) == ({"role": "assistant", "content": "" if "content" in middle[0] else None}, {})
    return middle


def lost(*events: Event, context: Context | None = None) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in stream(*events, context=context)[1].warnings]


STOP = Finish("stop", "stop")


def test_the_order():
    usage = Usage(3, 2)
    found, encoder = stream(
        Start("r", "m", created=5), TextDelta("a"), TextDelta("b"), UsageUpdate(usage), STOP, context=aim(usage=True)
    )
    head = {"id": "r", "object": "chat.completion.chunk", "created": 5, "model": "m"}

    def choice(delta: Any, reason: Any = None) -> Any:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": None}

    assert found == [
        choice({"role": "assistant", "content": ""}),
        choice({"content": "a"}),
        choice({"content": "b"}),
        choice({}, "stop"),
        head | {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
    ]
    assert encoder.warnings == []


def test_usage_is_told_to_who_asks_only():
    found, _ = stream(TextDelta("a"), UsageUpdate(Usage(3, 2)), STOP)
    assert all("usage" not in chunk for chunk in found)


def test_usage_that_is_not_known_is_0_and_told():
    found, encoder = stream(TextDelta("a"), STOP, context=aim(usage=True))
    assert found[-1]["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert [warning.field for warning in encoder.warnings] == ["usage"]


def test_the_head_is_held_until_something_is_said():
    encoder = DIALECT.event_encoder(aim())
    assert encoder.push(Start("r")) == encoder.push(TextDelta("")) == encoder.push(Start(None, "m")) == b""
    found = chunks(encoder.push(TextDelta("a")) + encoder.push(Start("other", "n", service_tier="flex")) + encoder.finish())
    assert {(chunk["id"], chunk["model"]) for chunk in found} == {("r", "m")}
    assert [chunk.get("service_tier") for chunk in found] == [None, None, "flex"]


def test_a_reply_that_says_nothing_has_its_role_and_reason():
    found, _ = stream(STOP)
    assert [chunk["choices"][0]["delta"] for chunk in found] == [{"role": "assistant", "content": ""}, {}]
    assert lost() == [("approximated", "finish_reason")]


def test_pings_are_comments_until_the_end():
    encoder = DIALECT.event_encoder(aim())
    assert encoder.ping().startswith(b":")
    encoder.finish()
    assert encoder.ping() == b""


def test_parts_after_their_deltas_are_not_repeated():
    assert deltas(TextDelta("a"), PartDone(Text("a")), STOP) == [{"content": "a"}]
    assert deltas(RefusalDelta("a"), PartDone(Refusal("a")), STOP) == [{"refusal": "a"}]
    assert deltas(ReasoningDelta("a"), PartDone(Reasoning("a")), STOP) == [{"reasoning_content": "a"}]


def test_parts_without_deltas_are_said_whole():
    assert deltas(PartDone(Text("a")), PartDone(Text("b")), STOP) == [{"content": "a"}, {"content": "b"}]
    assert deltas(PartDone(Refusal("a")), STOP) == [{"refusal": "a"}]
    assert deltas(PartDone(Reasoning("a")), STOP) == [{"reasoning_content": "a"}]


@pytest.mark.parametrize(
    ("begun", "part", "field"),
    [
        (TextDelta("ab"), Text("a"), "text"),
        (TextDelta("ab"), Text("xyz"), "text"),
        (ReasoningDelta("ab"), Reasoning("b"), "reasoning"),
        (RefusalDelta("ab"), Refusal(""), "refusal"),
        (ToolCallDelta(0, "c", "f", "{"), ToolCall("c", "f", "[]"), "tool_call.arguments"),
        (ToolCallDelta(0, "c", "f", "{}"), ToolCall("d", "f", "{}"), "tool_call.id"),
        (ToolCallDelta(0, "c", "f", "{}"), ToolCall("c", "g", "{}"), "tool_call.name"),
    ],
)
def test_a_part_that_is_not_what_its_pieces_said_is_told(begun, part, field):
    _, encoder = stream(begun, PartDone(part, 0), Finish("stop"))
    assert [(warning.kind, warning.field) for warning in encoder.warnings] == [("approximated", field)]


def test_what_is_missing_of_a_part_is_said():
    assert deltas(TextDelta("ab"), PartDone(Text("abc")), STOP) == [{"content": "ab"}, {"content": "c"}]


def test_calls():
    found = deltas(
        ToolCallDelta(4, "c", "f"), ToolCallDelta(4, arguments="{"), ToolCallDelta(7, "d", "g", "{}"), ToolCallDelta(4, arguments="}"),
        PartDone(ToolCall("c", "f", "{}"), 4), PartDone(ToolCall("d", "g", "{}"), 7), PartDone(ToolCall("e", "h", "x", "custom")), Finish("tool_calls"),
    )  # fmt: skip
    assert [fragment for delta in found for fragment in delta["tool_calls"]] == [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": "{"}},
        {"index": 1, "id": "d", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": "}"}},
        {"index": 2, "id": "e", "type": "custom", "custom": {"name": "h", "input": "x"}},
    ]


def test_a_call_waits_for_its_id_and_name():
    found = deltas(ToolCallDelta(0, arguments="{"), ToolCallDelta(0, "c"), ToolCallDelta(0, None, "f", "}"), Finish("tool_calls"))
    assert found == [{"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]
    nameless = deltas(ToolCallDelta(0, None, "f", "{}"), Finish("tool_calls"))
    assert nameless[0]["tool_calls"][0]["id"] == "call_0_0"
    assert lost(ToolCallDelta(0, "c", None, "{}"), STOP) == [("dropped", "tool_call")]


def test_a_custom_call_is_one_from_its_first_piece():
    found = deltas(
        ToolCallDelta(0, "c", "f", "a"), ToolCallDelta(0, arguments="b"), PartDone(ToolCall("c", "f", "ab", "custom"), 0), Finish("tool_calls"),
        context=aim(custom_tools=("f",)),
    )  # fmt: skip
    assert found[0]["tool_calls"][0]["custom"] == {"name": "f", "input": "a"}
    assert found[1]["tool_calls"] == [{"index": 0, "custom": {"input": "b"}}]
    late = (ToolCallDelta(0, "c", "f", "a"), PartDone(ToolCall("c", "f", "a", "custom"), 0), Finish("tool_calls"))
    assert lost(*late) == [("approximated", "tool_call.kind")]


def test_functions():
    context = aim(functions=True)
    events = (
        ToolCallDelta(0, "c", "f", "{"),
        ToolCallDelta(0, arguments="}"),
        PartDone(ToolCall("c", "f", "{}"), 0),
        Finish("tool_calls"),
    )
    assert deltas(*events, context=context) == [
        {"function_call": {"name": "f", "arguments": "{"}},
        {"function_call": {"arguments": "}"}},
    ]
    assert stream(*events, context=context)[0][-1]["choices"][0]["finish_reason"] == "function_call"
    assert lost(ToolCallDelta(1, "d", "g", "{}"), *events, context=context) == [("dropped", "tool_call")]


def test_state_of_a_call_comes_with_its_end():
    call = ToolCall("c", "f", "{}", state=state({"extra_content": {"g": 1}}))
    found = deltas(ToolCallDelta(0, "c", "f", "{}"), PartDone(call, 0), Finish("tool_calls"))
    assert found[1]["tool_calls"] == [{"index": 0, "function": {"arguments": ""}, "extra_content": {"g": 1}}]


def test_sealed_reasoning_comes_with_its_end():
    details = {"reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "s"}]}
    found = deltas(ReasoningDelta("a"), PartDone(Reasoning("a", False, state(details))), STOP)
    assert found == [{"reasoning_content": "a"}, {"reasoning": "", **details}]
    assert deltas(PartDone(Reasoning("", True, state(details))), STOP) == [details]
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}
    assert deltas(PartDone(Reasoning("a", False, state(part))), STOP) == [{"content": [part]}]
    assert lost(ReasoningDelta("a"), PartDone(Reasoning("a", False, state(part))), STOP) == [("dropped", "reasoning.state")]
    assert lost(PartDone(Reasoning("a", False, ProviderState("gemini", b"{}"))), STOP) == [("dropped", "reasoning.state")]


def test_citations():
    page = Citation("url", None, "t", "https://a", text_start=0, text_end=1)
    found = deltas(TextDelta("a"), CitationDelta(page), PartDone(Text("a", (page,))), PartDone(Text("b", (page,))), STOP)
    notes = [delta["annotations"][0]["url_citation"] for delta in found if "annotations" in delta]
    assert [(note["start_index"], note["end_index"]) for note in notes] == [(0, 1), (1, 2)]


def test_pieces_of_sound_can_be_joined():
    sound = Audio(Data(b"abcdefgh", "audio/pcm"), "hi", "s", 5)
    found = deltas(AudioDelta(b"ab", "", "s"), AudioDelta(b"cdef"), AudioDelta(b"gh", "hi"), PartDone(sound), STOP)
    assert "".join(delta["audio"].get("data", "") for delta in found) == "YWJjZGVmZ2g="
    assert found[0] == {"audio": {"id": "s"}}
    assert found[-1] == {"audio": {"expires_at": 5}}
    assert deltas(PartDone(sound), STOP)[0]["audio"] == {"id": "s", "data": "YWJjZGVmZ2g=", "transcript": "hi", "expires_at": 5}


def test_pictures_and_what_only_this_protocol_knows():
    assert deltas(PartDone(Image(Url("https://a"))), STOP) == [
        {"images": [{"type": "image_url", "image_url": {"url": "https://a"}}]}
    ]
    assert deltas(PartDone(Opaque("x", state({"type": "x"}))), STOP) == [{"content": [{"type": "x"}]}]
    mixed = Opaque("y", state({"y": 1, "annotations": [{"type": "file"}]}))
    assert deltas(PartDone(mixed), STOP) == [{"annotations": [{"type": "file"}]}, {"y": 1}]


def test_log_probabilities():
    found, _ = stream(
        TextDelta("a", logprobs=(TokenLogprob("a", -1.0),)), RefusalDelta("b", logprobs=(TokenLogprob("b", -2.0),)), STOP
    )
    tokens = [chunk["choices"][0].get("logprobs") for chunk in found]
    assert [bool(one and one["content"]) for one in tokens] == [False, True, False, False]
    assert [bool(one and one["refusal"]) for one in tokens] == [False, False, True, False]


def test_choices_interleave_and_end_one_by_one():
    found, _ = stream(TextDelta("x", 2), TextDelta("a"), Finish("length", None, 2), TextDelta("y", 2), STOP)
    said = [
        (chunk["choices"][0]["index"], chunk["choices"][0]["delta"].get("content"), chunk["choices"][0]["finish_reason"])
        for chunk in found
    ]
    assert said == [
        (2, "", None), (2, "x", None), (0, "", None), (0, "a", None), (2, "y", None), (0, None, "stop"), (1, "", None), (1, None, "stop"), (2, None, "length"),
    ]  # fmt: skip


def test_choices_that_nobody_could_ask_for_are_not_said():
    assert lost(TextDelta("a"), TextDelta("b", -1), TextDelta("c", 10**9), STOP) == [("dropped", "choice")]


def test_fields_of_the_end():
    extra = {"x_groq": {"id": "q"}, "choice": {"native_finish_reason": "end"}, "message": {"channel": "final", "content": "no"}}
    found, encoder = stream(TextDelta("a"), OpaqueEvent("x_groq", b"{}"), Finish("stop", "stop", extra=extra))
    assert found[-2]["choices"][0]["delta"] == {"channel": "final"}
    assert (found[-1]["x_groq"], found[-1]["choices"][0]["native_finish_reason"]) == ({"id": "q"}, "end")
    assert encoder.warnings == []


def test_what_cannot_be_said_is_told():
    assert lost(TextDelta("a"), OpaqueEvent("odd"), STOP) == [("dropped", "event.odd")]
    assert lost(TextDelta("a"), Moved("a/b", "c/d", "why"), STOP) == [("dropped", "moved")]
    assert lost(PartDone(HostedToolCall("h", "web_search")), STOP) == [("dropped", "hosted_tool_call")]
    assert lost(TextDelta("a"), Finish("stop", "stop", stop_sequence="x")) == [("dropped", "stop_sequence")]
    assert lost(TextDelta("a"), TextDelta("\ud800"), STOP) == [("approximated", "text")]


@pytest.mark.parametrize("begun", [True, False])
def test_an_error_is_the_last_word(begun):
    encoder = DIALECT.event_encoder(aim())
    if begun:
        encoder.push(TextDelta("a"))
    said = encoder.error(OverloadedError("busy"))
    assert json.loads(said.removeprefix(b"data: ")) == {
        "error": {"message": "busy", "type": "service_unavailable_error", "param": None, "code": "server_is_overloaded"}
    }
    assert encoder.push(TextDelta("b")) + encoder.finish() == b""


def test_moderation_comes_after_usage():
    found, _ = stream(
        TextDelta("a"), UsageUpdate(Usage(1, 2)), Finish("stop", "stop", extra={"moderation": {"x": 1}}), context=aim(usage=True)
    )
    *_, figures, moderation = found
    assert figures["usage"]["total_tokens"] == 3
    assert (moderation["choices"], moderation["moderation"], moderation["usage"]) == ([], {"x": 1}, None)


def test_state_that_would_break_the_message_is_left_out():
    odd = Opaque("own", state({"content": "x", "annotations": "no list", "mine": 1, "nothing": None}))
    found, encoder = stream(PartDone(odd), STOP)
    assert found[1]["choices"][0]["delta"] == {"mine": 1}
    assert {warning.field for warning in encoder.warnings} == {"own.content", "own.annotations"}
