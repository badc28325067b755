"""Replies and streams as they go out: their items, in their order, whatever the order of events."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.dialects.openai_responses.server.served import (
    ASKED,
    encoder,
    events_of,
    kinds,
    losses,
    own,
    read,
    said,
    serving,
    streamed,
)
from trunkline.dialects.dialect import RateLimit, RateLimits
from trunkline.dialects.openai_responses import DIALECT
from trunkline.dialects.openai_responses.server import stand_in
from trunkline.values import errors
from trunkline.values.errors import ProviderError
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold, unfold
from trunkline.values.media import Data
from trunkline.values.message import (
    Audio,
    Citation,
    File,
    HostedToolCall,
    Image,
    Message,
    Opaque,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from trunkline.values.response import Response, TokenLogprob, Usage
from trunkline.wire.sse import SseDecoder

END = [UsageUpdate(Usage(9, 4)), Finish("stop")]
SEALED = {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "Hm"}], "encrypted_content": "gAAA"}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
MESSAGE = {"id": "msg_9", "status": "completed", "phase": "final_answer"}
NOTE = {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "t", "url": "u"}
PARTS = (
    Reasoning("Hm", state=own(SEALED, must_return=True)),
    Text("Hi", (Citation("url", title="t", url="u", text_start=0, text_end=2, state=own(NOTE)),), state=own(MESSAGE)),
    Refusal("no", own(MESSAGE)),
    HostedToolCall("ws_1", "web_search", '{"type":"search","query":"q"}', state=own(SEARCH)),
    ToolCall("c1", "f", '{"a":1}', state=own({"id": "fc_9", "status": "completed", "namespace": "n"})),
    ToolCall("c2", "g", "ls", "custom", state=own({"id": "ctc_9"})),
    Opaque("compaction", own({"type": "compaction", "id": "cmp_1", "encrypted_content": "x"})),
)  # fmt: skip


def reply(*parts: Any, context: Any = None, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    made = DIALECT.encode_response(Response(message=Message("assistant", parts), **fields), context or serving())
    return json.loads(made.body), losses(made.warnings)


def test_what_came_in_this_protocol_goes_out_as_it_came():
    response = Response(
        message=Message("assistant", PARTS), finish_reason="tool_calls", raw_finish_reason="completed", id="resp_1", model="m", created=5,
        usage=Usage(9, 4, 2, None, 1, raw={
            "input_tokens": 9, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 13, "later": 1,
        }),
    )  # fmt: skip
    whole = DIALECT.encode_response(response, serving())
    deltas = (TextDelta, ReasoningDelta, ToolCallDelta, RefusalDelta)  # parts come whole: what stands in their states comes first
    body, warnings = streamed([event for event in unfold(response) if not isinstance(event, deltas)])
    assert (whole.warnings, warnings) == ((), [])
    for came in (DIALECT.decode_response(whole, ASKED), read(body)):
        assert msgspec.structs.replace(came, extra={}) == response
    output = json.loads(whole.body)["output"]
    assert output == said(body)[-1]["response"]["output"]
    assert output[0] == SEALED and output[2] == SEARCH
    assert output[1] == {**MESSAGE, "type": "message", "role": "assistant", "content": [
        {"type": "output_text", "text": "Hi", "annotations": [NOTE], "logprobs": []}, {"type": "refusal", "refusal": "no"},
    ]}  # fmt: skip


def test_a_reply_of_another_protocol():
    foreign = ProviderState("anthropic-messages", b'{"signature":"s"}')
    body, lost = reply(
        Reasoning("Hm", state=foreign), Text("Hi"), ToolCall("", "f", "{}"), finish_reason="tool_calls", usage=Usage(3, 4)
    )
    assert [(item["type"], item["id"]) for item in body["output"]] == [
        ("reasoning", "rs_abc_0"), ("message", "msg_abc_1"), ("function_call", "fc_abc_2"),
    ]  # fmt: skip
    assert body["output"][2]["call_id"] == "call_abc_2"
    assert (body["id"], body["created_at"], body["model"], body["status"]) == ("resp_abc", 7, "m", "completed")
    assert body["usage"] == {
        "input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7,
    }  # fmt: skip
    assert lost == [("dropped", "reasoning.state")]


@pytest.mark.parametrize(
    "reason,raw,status,why,lost",
    [
        ("stop", None, "completed", None, []),
        ("length", None, "incomplete", "max_output_tokens", []),
        ("length", "max_output_tokens", "incomplete", "max_output_tokens", []),
        ("content_filter", None, "incomplete", "content_filter", []),
        ("content_filter", "completed", "completed", None, []),
        ("pause", "steered", "incomplete", "steered", []),
        ("other", "incomplete", "incomplete", None, []),
        ("other", None, "completed", None, [("approximated", "finish_reason")]),
    ],
)
def test_how_it_ended(reason, raw, status, why, lost):
    body, told = reply(Text("Hi"), finish_reason=reason, raw_finish_reason=raw)
    assert (body["status"], (body["incomplete_details"] or {}).get("reason"), told) == (status, why, lost)
    stream, warnings = streamed([TextDelta("Hi"), Finish(reason, raw)])
    last = said(stream)[-1]
    assert (last["type"], last["response"]["status"], losses(warnings)) == (f"response.{status}", status, lost)
    assert last["response"]["output"][0]["status"] == status


def test_what_a_caller_asked_is_said_again():
    asked = {
        "instructions": "Be brief",
        "tools": [{"type": "function", "name": "f"}],
        "temperature": 0.5,
        "tool_choice": "any",
        "text": 5,
    }
    body, _ = reply(
        Text("Hi"), context=serving(echoed=asked), extra={"temperature": 0.7, "billing": {"payer": "x"}, "output": []}
    )
    assert (body["instructions"], body["tools"], body["temperature"], body["billing"]) == (
        "Be brief", asked["tools"], 0.7, {"payer": "x"},
    )  # fmt: skip
    assert (body["tool_choice"], body["text"], len(body["output"])) == ("auto", {"format": {"type": "text"}}, 1)


def test_reasoning_that_nobody_sealed_gets_a_stand_in_where_that_is_wanted():
    for sealed in (True, False):
        body, _ = reply(Reasoning("Hm"), context=serving(sealed=sealed))
        stream, _ = streamed([ReasoningDelta("Hm"), *END], serving(sealed=sealed))
        for item in (body["output"][0], said(stream)[-1]["response"]["output"][0]):
            assert item.get("encrypted_content") == (stand_in.SEALED if sealed else None)


def test_what_cannot_be_said_is_told():
    tokens = (TokenLogprob("a", -1.0),)
    _, lost = reply(
        File(Data(b"x", "text/plain")), HostedToolCall("a", "b"), Text("x", (Citation("page", "c"),)), Image(Data(b"x", "image/png")),
        Audio(transcript="said"), stop_sequence="S", logprobs=tokens,
        finish_reason="stop",
    )  # fmt: skip
    assert lost == [
        ("dropped", "message.file"), ("dropped", "message.hosted_tool"), ("dropped", "citations"), ("approximated", "message.image"),
        ("approximated", "message.audio"), ("dropped", "stop_sequence"),
    ]  # fmt: skip


# --- streams ----------------------------------------------------------------------------------------------------------------


def test_calls_that_are_told_at_once_come_one_after_the_other():
    events = [
        Start(id="resp_1", model="m"), ToolCallDelta(0, "c1", "f", '{"a"'), ToolCallDelta(1, "c2", "g", "{"), TextDelta("later"),
        ToolCallDelta(0, arguments=":1}"), ToolCallDelta(1, arguments="}"), *END,
    ]  # fmt: skip
    body, warnings = streamed(events)
    assert [(call.id, call.raw_arguments) for call in read(body).tool_calls] == [("c1", '{"a":1}'), ("c2", "{}")]
    assert (read(body).text, warnings) == ("later", [])


def test_words_go_out_as_they_come():
    made = encoder()
    assert made.push(Start(id="resp_1")) == b""
    assert kinds(made.push(TextDelta("Hel"))) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
    ]  # fmt: skip
    assert kinds(made.push(TextDelta("lo"))) == ["output_text.delta"]
    assert kinds(made.push(CitationDelta(Citation("url", url="u")))) == ["output_text.annotation.added"]
    assert made.ping() == b": keep-alive\n\n"
    assert kinds(made.push(PartDone(Text("Hello", (Citation("url", url="u"),))))) == ["output_text.done", "content_part.done"]
    assert kinds(made.finish()) == ["output_item.done", "completed"]


def test_a_custom_tools_call_is_told_as_such_from_its_first_piece():
    body, _ = streamed(
        [ToolCallDelta(0, "c", "shell", "l"), ToolCallDelta(0, arguments="s"), *END], serving(custom_tools=("shell",))
    )
    assert [kind for kind in kinds(body) if "tool" in kind] == [
        "custom_tool_call_input.delta", "custom_tool_call_input.delta", "custom_tool_call_input.done",
    ]  # fmt: skip
    assert read(body).tool_calls[0].kind == "custom"


def test_what_is_sealed_comes_under_its_own_id():
    """Sealed with its item's id, it would be refused under another."""
    body, _ = streamed([ReasoningDelta("Hm"), PartDone(Reasoning("Hm", state=own(SEALED))), TextDelta("x"), *END])
    first, second = said(body)[-1]["response"]["output"][:2]
    assert (first["id"], "encrypted_content" in first) == ("rs_abc_0", False)
    assert (second["id"], second["encrypted_content"], second["summary"]) == ("rs_9", "gAAA", [])
    raw = b'{"type":"response.reasoning_summary_text.delta","item_id":"rs_9","delta":"Hm"}'
    body, _ = streamed([ReasoningDelta("Hm", raw=raw), PartDone(Reasoning("Hm", state=own(SEALED))), TextDelta("x"), *END])
    assert said(body)[-1]["response"]["output"][0] == SEALED


def test_a_part_that_was_told_otherwise_is_told_of():
    _, warnings = streamed([TextDelta("Hello"), PartDone(Text("Good day")), *END])
    assert losses(warnings) == [("approximated", "message.text")]


def test_log_probabilities():
    tokens = (TokenLogprob("Hi", -0.5, None, (TokenLogprob("Ho", -1.0),)),)
    body, warnings = streamed([TextDelta("Hi", logprobs=tokens), *END])
    part = said(body)[-1]["response"]["output"][0]["content"][0]
    assert part["logprobs"][0] == {
        "token": "Hi", "bytes": [72, 105], "logprob": -0.5, "top_logprobs": [{"token": "Ho", "bytes": [72, 111], "logprob": -1.0}],
    }  # fmt: skip
    assert [token.token for token in read(body).logprobs] == ["Hi"]
    assert warnings == []


def test_hosted_tools_tell_of_their_progress():
    body, warnings = streamed([
        OpaqueEvent("response.output_item.added", b"{}"), OpaqueEvent("response.web_search_call.searching", b"{}"),
        OpaqueEvent("response.image_generation_call.partial_image", b"{}"),
        PartDone(HostedToolCall("ws_1", "web_search", state=own(SEARCH))), *END,
    ])  # fmt: skip
    assert [kind for kind in kinds(body) if "web" in kind] == [
        "web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed",
    ]  # fmt: skip
    assert losses(warnings) == [("dropped", "event.response.image_generation_call.partial_image")]


def test_further_choices_and_sound_are_told_as_lost():
    _, warnings = streamed([TextDelta("x", 1), AudioDelta(b"x", "said"), *END])
    assert losses(warnings) == [("dropped", "choice"), ("dropped", "message.audio"), ("approximated", "message.audio")]


def test_nothing_at_all():
    body, warnings = streamed([])
    assert kinds(body) == ["created", "in_progress", "completed"]
    assert fold(events_of(body)).message.parts == ()
    assert losses(warnings) == [("approximated", "finish_reason")]


# --- errors and small replies ---------------------------------------------------------------------------------------------------

KINDS = [
    errors.AuthenticationError, errors.PermissionDeniedError, errors.NotFoundError, errors.InvalidRequestError, errors.ContextLengthError,
    errors.ContentFilterError, errors.RateLimitError, errors.QuotaError, errors.OverloadedError, errors.ServerError,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("events", [[], [TextDelta("Hel")]])
def test_an_error_in_a_stream_is_read_as_what_it_is(kind, events):
    made = encoder()
    body = b"".join([*[made.push(event) for event in events], made.error(kind("no", model="m"))])
    assert kinds(body)[-2:] == ["error", "failed"]
    for frames in (SseDecoder().feed(body), [frame for frame in SseDecoder().feed(body) if frame.event != "error"]):
        decoder = DIALECT.event_decoder(ASKED)
        decoder.feed(frames)
        assert type(decoder.error) is kind


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_read_as_what_it_is(kind: type[ProviderError]):
    error = kind("no", model="m", retry_after=2.5)
    made = DIALECT.encode_error(error, serving(request_id="req_1"))
    told = DIALECT.decode_error(made, ASKED)
    assert (type(told), told.request_id, made.headers["retry-after-ms"]) == (kind, "req_1", "2500")


def test_small_replies():
    assert json.loads(DIALECT.encode_token_count(5, serving()).body) == {"object": "response.input_tokens", "input_tokens": 5}
    headers = dict(DIALECT.limit_headers(RateLimits(now=0.0, requests=RateLimit(10, 9, 1.5))))
    assert headers["x-ratelimit-remaining-requests"] == "9"
    assert dict(DIALECT.stream_headers(serving(request_id="q")))["x-request-id"] == "q"


def test_many_citations_and_parts_of_one_text():
    """So many that what took time by its square would not end."""
    many, made = 12_000, DIALECT.event_encoder(serving())
    told = b"".join([made.push(one) for _ in range(many) for one in (TextDelta("a"), CitationDelta(Citation("url", url="u")))])
    told += b"".join([made.push(PartDone(Text("a"))) for _ in range(many)]) + made.finish()
    text, *_ = read(told).message.parts
    assert isinstance(text, Text)
    assert [citation.text_end for citation in text.citations] == list(range(1, many + 1))
