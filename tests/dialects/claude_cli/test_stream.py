"""What the program prints, as events and as a reply."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.dialects.claude_cli.lines import CONTEXT, INIT, RESULT, end, event, read, start, text, written
from trunkline import (
    AuthenticationError,
    MalformedResponseError,
    OverloadedError,
    ProviderError,
    QuotaError,
    Reasoning,
    ServerError,
    StreamInterruptedError,
)
from trunkline.dialects.claude_cli import DIALECT
from trunkline.dialects.claude_cli.stream import ClaudeEventDecoder
from trunkline.values.events import OpaqueEvent, Start, TextDelta
from trunkline.values.fold import fold
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import Frame

PLAIN = (INIT, start(), *text("Hel", "lo"), *end(), RESULT)


@given(st.integers(1, 4000))
def test_a_reply_whatever_the_cut(step: int) -> None:
    events, decoder = read(*PLAIN, step=step)
    response = fold(events)
    assert decoder.done
    assert decoder.error is None
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Hello", "stop", "end_turn")
    assert (response.id, response.model, response.reported_cost) == ("msg_1", "claude-sonnet-5", Decimal("0.000892"))
    usage = response.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens) == (12, 2, 1, 4)


def test_a_whole_output_says_the_same() -> None:
    whole = DIALECT.decode_response(HttpReply(200, body=written(*PLAIN)), CONTEXT)
    assert whole == fold(read(*PLAIN)[0])


def test_thought_is_reasoning_with_its_signature() -> None:
    thought = [
        event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
        event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
        event("content_block_stop", index=0),
    ]
    response = fold(read(INIT, start(), *thought, *text("Hello", index=1), *end(), RESULT)[0])
    part = response.message.parts[0]
    assert isinstance(part, Reasoning)
    assert part.text == "hm"
    assert part.state is not None
    assert b"c2ln" in part.state.data


def test_what_a_subagent_says_is_not_the_reply() -> None:
    other = event("content_block_delta", "toolu_1", index=0, delta={"type": "text_delta", "text": "aside"})
    assert fold(read(INIT, start(), other, *text("Hello"), *end(), RESULT)[0]).text == "Hello"


def test_a_program_that_would_go_on_by_itself_is_not_waited_for() -> None:
    more = {"type": "user", "isSynthetic": True, "message": {"role": "user", "content": "Output token limit hit. Resume"}}
    events, decoder = read(INIT, start(), *text("Hello"), *end("max_tokens"), more, start("msg_2"), *text("Hello"), *end())
    response = fold(events)
    assert decoder.done
    assert (response.text, response.finish_reason, response.id) == ("Hello", "length", "msg_1")


def test_structured_output_is_the_text_of_the_reply() -> None:
    init = {**INIT, "tools": ["StructuredOutput"]}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "StructuredOutput", "input": {}}
    call = [
        event("content_block_start", index=0, content_block=tool),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"a":"b"}'}),
        event("content_block_stop", index=0),
    ]
    result = {**RESULT, "result": '{"a":"b"}', "structured_output": {"a": "b"}, "stop_reason": "tool_use"}
    response = fold(read(init, start(), *call, *end("tool_use"), result)[0])
    assert (response.text, response.finish_reason, response.tool_calls) == ('{"a":"b"}', "stop", ())
    _, decoder = read(init, start(), *call, *end("tool_use"), RESULT)
    assert isinstance(decoder.error, StreamInterruptedError)


def test_an_answer_that_came_only_in_the_result_is_told() -> None:
    line = {
        "type": "assistant",
        "message": {"id": "msg_9", "model": "claude-sonnet-5", "content": [{"type": "text", "text": "Hello"}]},
    }
    response = fold(read(INIT, line, RESULT)[0])
    assert (response.text, response.id, response.model) == ("Hello", "msg_9", "claude-sonnet-5")


def test_a_broken_stream_that_was_answered_again() -> None:
    """What the second answer has more is told; one that is another cannot be."""
    begun = (INIT, start(), *text("Hel")[:-1])
    assert fold(read(*begun, RESULT)[0]).text == "Hello"
    events, decoder = read(*begun, {**RESULT, "result": "Good day"})
    assert fold(events).text == "Hel"
    assert isinstance(decoder.error, StreamInterruptedError)


def test_an_output_that_ends_before_its_result_is_broken() -> None:
    events, decoder = read(*PLAIN[:-1])
    assert isinstance(decoder.error, StreamInterruptedError)
    assert "".join(event.text for event in events if type(event) is TextDelta) == "Hello"


@pytest.mark.parametrize(
    ("fields", "word", "kind", "status"),
    [
        ({"api_error_status": 529, "result": "API Error: 529"}, "overloaded", OverloadedError, 529),
        ({"api_error_status": 401, "result": "Failed to authenticate"}, "authentication_failed", AuthenticationError, 401),
        ({"api_error_status": None, "result": "Not logged in"}, "authentication_failed", AuthenticationError, None),
        ({"api_error_status": 500, "result": "API Error: 500"}, None, ServerError, 500),
        ({"subtype": "error_max_turns", "errors": ["too many turns"]}, None, ServerError, None),
        ({"subtype": "error_max_budget_usd"}, None, QuotaError, None),
        ({"subtype": "error_max_structured_output_retries"}, None, MalformedResponseError, None),
        ({"subtype": "error_of_tomorrow"}, None, ProviderError, None),
    ],
)
def test_errors_are_told_by_the_result(
    fields: dict[str, Any], word: str | None, kind: type[ProviderError], status: int | None
) -> None:
    said = {"type": "assistant", "message": {"model": "<synthetic>", "content": [{"type": "text", "text": "API Error"}]}}
    if word:
        said["error"] = word
    result = {
        name: value for name, value in {**RESULT, "is_error": True, **fields}.items() if name != "result" or "result" in fields
    }
    events, decoder = read(INIT, said, result)
    assert events == []
    assert type(decoder.error) is kind or (kind is ProviderError and isinstance(decoder.error, ProviderError))
    assert decoder.error.status == status
    if kind is AuthenticationError:
        assert "log in" in str(decoder.error)
    with pytest.raises(ProviderError):
        DIALECT.decode_response(HttpReply(200, body=written(INIT, said, result)), CONTEXT)


def test_what_is_not_known_stays_reachable_and_noise_is_passed_over() -> None:
    noise = [{"type": "system", "subtype": "thinking_tokens"}, {"type": "rate_limit_event"}, {"type": "control_response"}]
    events, _ = read(INIT, *noise, start(), *text("Hello"), {"type": "of_tomorrow", "x": 1}, *end(), RESULT)
    assert [event.kind for event in events if type(event) is OpaqueEvent] == ["of_tomorrow"]
    assert len([event for event in events if type(event) is Start]) == 1
    decoder = ClaudeEventDecoder(CONTEXT)
    assert decoder.feed([Frame(b"a line that some hook printed"), Frame(b"[1]"), Frame(b"\xff")]) == []
    assert decoder.error is None


@given(
    st.lists(st.sampled_from([*PLAIN, {"type": "stream_event"}, {"type": "result"}, {"type": 3}, {}]) | st.just({"type": None}))
)
def test_decoding_is_total(lines: list[dict[str, Any]]) -> None:
    _, decoder = read(*lines, step=50)
    assert decoder.done


def test_half_of_a_character_loses_no_line() -> None:
    """JavaScript writes halves of surrogate pairs as escapes, which a strict reader of JSON refuses."""
    events, decoder = read(start(), *text("Hel", "lo \ud83d"), *end(), {**RESULT, "result": "Hello \ud83d"})
    assert decoder.error is None
    assert fold(events).text == "Hello \ufffd"
    assert fold(events).usage.input_tokens == 12
