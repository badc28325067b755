"""Streams: what each piece says, that nothing is over before the bytes end, and what happens when they end too early."""

from __future__ import annotations

import json

import pytest

from tests.dialects.gemini.judge import array, context, decode, read, reply, sse
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.gemini import DIALECT
from trunkline.values.errors import (
    MalformedResponseError,
    OverloadedError,
    QuotaError,
    StreamInterruptedError,
)
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Finish,
    PartDone,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold
from trunkline.values.media import Data
from trunkline.values.message import Audio, Reasoning, Text

SIGNED = {"text": "4 C.", "thoughtSignature": "c2ln"}


def tokens(prompt: int, written: int = 0, thought: int = 0) -> dict[str, int]:
    found = {"promptTokenCount": prompt, "candidatesTokenCount": written, "thoughtsTokenCount": thought}
    return {name: count for name, count in found.items() if count} | {"totalTokenCount": prompt + written + thought}


def test_the_stream_of_the_sheet():
    first = reply({"text": "It is "}, finish=None, usageMetadata=tokens(50))
    last = reply(SIGNED, usageMetadata=tokens(50, 6))
    events, decoder = read(sse(first, last))
    assert decoder.error is None
    assert [type(event) for event in events] == [
        Start, TextDelta, UsageUpdate, TextDelta, UsageUpdate, PartDone, PartDone, Finish,
    ]  # fmt: skip
    response = fold(events)
    assert (response.text, response.id, response.model, response.finish_reason) == (
        "It is 4 C.",
        "r1",
        "gemini-3.5-flash",
        "stop",
    )
    assert (response.usage.input_tokens, response.usage.output_tokens) == (50, 6)
    assert [part.state is None for part in response.parts] == [True, False]  # signed and unsigned words stay apart
    assert not response.partial


@pytest.mark.parametrize("form", [sse, array])
def test_it_is_over_when_the_bytes_end_and_not_before(form):
    """Tokens and signatures may come after the finish reason."""
    stream = form(
        reply({"text": "a"}, finish=None),
        reply({"text": "b"}),
        reply({"text": "", "thoughtSignature": "c2ln"}, finish=None, usageMetadata=tokens(1, 2)),
    )
    events, decoder = read(stream)
    response = fold(events)
    assert decoder.error is None
    assert (response.text, response.usage.output_tokens) == ("ab", 2)
    assert response.parts[-1].state.data == b'{"thoughtSignature":"c2ln"}'
    assert type(events[-1]) is Finish
    assert sum(type(event) is Finish for event in events) == 1


def test_words_are_told_as_they_come_with_the_frame_that_held_them():
    pieces = [
        reply({"text": word, "thought": word == "hm"}, finish=None, usageMetadata=tokens(3, 1)) for word in ("hm", "a", "b")
    ]
    events, _ = read(sse(*pieces, reply({"text": "!"})))
    said = [event for event in events if isinstance(event, (TextDelta, ReasoningDelta))]
    assert [event.text for event in said] == ["hm", "a", "b", "!"]
    assert json.loads(said[2].raw)["candidates"][0]["content"]["parts"] == [{"text": "b", "thought": False}]
    assert fold(events).parts == (Reasoning("hm"), Text("ab!"))


def test_tokens_of_pieces_that_only_had_words_count_at_the_end():
    events, _ = read(sse(reply({"text": "a"}), reply({"text": "b"}, finish=None, usageMetadata=tokens(3, 7))))
    assert fold(events).usage.output_tokens == 7


def test_a_stream_without_a_finish_reason_was_interrupted():
    events, decoder = read(sse(reply({"text": "a"}, finish=None), reply({"text": "b"}, finish=None, usageMetadata=tokens(3, 1))))
    assert isinstance(decoder.error, StreamInterruptedError)
    assert decoder.error.request_id == "r1"
    assert fold(events).text == "ab"
    assert fold(events).usage.input_tokens == 3
    assert fold(events).partial


def test_a_candidate_that_began_must_finish():
    two = {"candidates": [{"index": n, "content": {"parts": [{"text": "x"}]}} for n in (0, 1)]}
    ends = {"candidates": [{"index": 0, "finishReason": "STOP"}]}
    assert isinstance(read(sse(two, ends))[1].error, StreamInterruptedError)
    events, decoder = read(sse(two, ends, {"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]}))
    assert decoder.error is None
    assert [choice.finish_reason for choice in fold(events).alternatives] == ["length"]


def test_a_blocked_prompt_is_an_empty_reply():
    events, decoder = read(sse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": tokens(9)}))
    response = fold(events)
    assert decoder.error is None
    assert (response.finish_reason, response.raw_finish_reason, response.parts) == ("content_filter", "PROHIBITED_CONTENT", ())
    assert response.extra["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}


@pytest.mark.parametrize("form", [sse, array])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}, OverloadedError),
        ({"error": {"code": 429, "message": "limit: 0", "status": "RESOURCE_EXHAUSTED"}}, QuotaError),
    ],
)
def test_errors_in_the_midst_come_after_what_was_said(form, error, expected):
    events, decoder = read(form(reply({"text": "a"}, finish=None), error))
    assert type(decoder.error) is expected
    assert decoder.error.status is None
    assert fold(events).text == "a"
    assert decoder.done
    assert decoder.feed([]) == []


def test_an_array_may_be_one_error():
    _, decoder = read(array({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}))
    assert type(decoder.error) is OverloadedError


def test_calls_come_whole():
    call = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    second = {"functionCall": {"id": "x", "name": "g"}}
    events, _ = read(sse(reply(call, finish=None), reply(second)))
    assert next(event for event in events if isinstance(event, ToolCallDelta)).name == "f"
    response = fold(events)
    assert [(call.id, call.name, call.raw_arguments) for call in response.tool_calls] == [
        ("gemini_call_r1_0", "f", '{"a":1}'), ("x", "g", "{}"),
    ]  # fmt: skip
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "STOP")
    assert [event.index for event in events if isinstance(event, PartDone)] == [0, 1]


def test_arguments_that_come_in_pieces():
    def piece(*args: dict[str, object], more: bool = True, **call: object) -> dict[str, object]:
        return reply(
            {"functionCall": {**call, "partialArgs": list(args)} | ({"willContinue": True} if more else {})}, finish=None
        )

    events, decoder = read(
        sse(
            reply({"functionCall": {"name": "book", "willContinue": True}, "thoughtSignature": "c2ln"}, finish=None),
            piece({"jsonPath": "$.city", "stringValue": "New ", "willContinue": True}),
            piece({"jsonPath": "$.city", "stringValue": "Delhi"}),
            piece({"jsonPath": "$.nights", "numberValue": 3}),
            piece(
                {"jsonPath": "$.guests[0].name", "stringValue": "Bo"},
                {"jsonPath": "$.guests[1]['full name']", "nullValue": "NULL_VALUE"},
            ),
            reply({"functionCall": {}}, finish=None),
            reply({"functionCall": {"name": "next", "partialArgs": [{"jsonPath": "$.ok", "boolValue": True}]}}),
        )
    )
    assert decoder.error is None
    first, second = fold(events).tool_calls
    assert first.arguments == {"city": "New Delhi", "nights": 3, "guests": [{"name": "Bo"}, {"full name": None}]}
    assert first.state.data == b'{"thoughtSignature":"c2ln"}'
    assert (second.name, second.arguments) == ("next", {"ok": True})
    deltas = [event for event in events if isinstance(event, ToolCallDelta) and event.index == 0]
    assert json.loads("".join(event.arguments for event in deltas)) == first.arguments


@pytest.mark.parametrize("path", ["", "$", "$[0]", "$.a[7]", "$..a", "nonsense]", 3])
def test_a_piece_for_no_place_breaks_the_protocol(path):
    call = {"functionCall": {"name": "f", "partialArgs": [{"jsonPath": path, "stringValue": "x"}], "willContinue": True}}
    _, decoder = read(sse(reply(call)))
    assert isinstance(decoder.error, MalformedResponseError)
    assert decoder.error.path == "$.candidates[0].content.parts[0].functionCall.partialArgs[0]"


def test_sound_is_joined_where_it_has_no_head():
    def sound(data: str, kind: str) -> dict[str, object]:
        return {"inlineData": {"mimeType": kind, "data": data}}

    raw, wav = "audio/L16;codec=pcm;rate=24000", "audio/wav"
    events, _ = read(
        sse(reply(sound("AAE=", raw), finish=None), reply(sound("AgM=", raw), sound("UklGRg==", wav), sound("UklGRg==", wav)))
    )
    assert [event.data for event in events if isinstance(event, AudioDelta)][:2] == [b"\0\1", b"\2\3"]
    assert fold(events).parts == (Audio(Data(b"\0\1\2\3", raw)), Audio(Data(b"RIFF", wav)), Audio(Data(b"RIFF", wav)))


def test_citations_are_told_and_belong_to_the_text_that_they_end_in():
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b", "title": "B"}}],
        "groundingSupports": [
            {"segment": {"endIndex": 6, "text": "Größ"}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 7, "endIndex": 10, "text": "two"}, "groundingChunkIndices": [0, 1, 9]},
        ],
    }
    last = reply({"text": "two", "thoughtSignature": "c2ln"}, candidate={"groundingMetadata": grounding})
    events, _ = read(sse(reply({"text": "Größ "}, finish=None), last))
    assert [event.citation.url for event in events if isinstance(event, CitationDelta)] == ["https://a", "https://a", "https://b"]
    one, two = fold(events).parts
    assert [(note.url, note.text_start, note.text_end) for note in one.citations] == [("https://a", 0, 4)]
    assert [(note.url, note.text_start, note.text_end) for note in two.citations] == [("https://a", 5, 8), ("https://b", 5, 8)]


def test_events_without_a_blank_line_between_them():
    """Record edd4180c9a9228fb."""
    lines = [
        b"data: " + json.dumps(reply({"text": word}, finish=reason)).encode() for word, reason in (("a", None), ("b", "STOP"))
    ]
    events, decoder = read(b"\r\n".join(lines) + b"\r\n\r\n")
    assert decoder.error is None
    assert fold(events).text == "ab"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"nonsense", "$"),
        (b"7", "$"),
        (b"{}", "$.candidates"),
        (b'{"candidates":{}}', "$.candidates"),
        (b'{"candidates":[3]}', "$.candidates[0]"),
        (b'{"candidates":[{"content":"x"}]}', "$.candidates[0].content"),
        (b'{"candidates":[{"content":{"parts":{}}}]}', "$.candidates[0].content.parts"),
        (b'{"candidates":[{"content":{"parts":[null]}}]}', "$.candidates[0].content.parts[0]"),
        (b'{"candidates":[{"content":{"parts":[{"text":3}]}}]}', "$.candidates[0].content.parts[0].text"),
        (
            b'{"candidates":[{"content":{"parts":[{"inlineData":{"data":"a"}}]}}]}',
            "$.candidates[0].content.parts[0].inlineData.data",
        ),
    ],
)
def test_what_breaks_the_protocol_is_told_by_its_path(body, path):
    _, decoder = read(b"data: " + body + b"\n\n")
    assert isinstance(decoder.error, MalformedResponseError)
    assert decoder.error.path == path


def test_pings_and_the_last_word_of_other_protocols_are_passed_over():
    events, decoder = read(b": ping\n\n" + sse(reply({"text": "a"})) + b"data: [DONE]\n\ndata:  \n\n")
    assert decoder.error is None
    assert fold(events).text == "a"


def test_what_is_said_in_very_many_pieces_costs_no_more_than_each_its_own():
    """Arguments in pieces, and sources that every piece names again: 5 MB, with all so far looked at anew this takes minutes."""
    more = {
        "functionCall": {
            "partialArgs": [{"jsonPath": "$.a", "stringValue": "x" * 100, "willContinue": True}],
            "willContinue": True,
        }
    }
    begin, end = {"functionCall": {"name": "f", "willContinue": True}}, {"functionCall": {}}
    events, _ = read(sse(reply(begin, finish=None), *[reply(more, finish=None)] * 20_000, reply(end)))
    assert fold(events).tool_calls[0].arguments == {"a": "x" * 2_000_000}
    web = {"groundingChunks": [{"web": {"uri": "https://a.example"}}]}
    web |= {"groundingSupports": [{"segment": {"endIndex": 1, "text": "y"}, "groundingChunkIndices": [0]}]}
    piece = reply({"text": "y" * 100}, finish=None, candidate={"groundingMetadata": web})
    events, _ = read(sse(*[piece] * 20_000, reply({"text": "."})))
    assert [citation.text_end for part in fold(events).parts if isinstance(part, Text) for citation in part.citations] == [1]
    sources = [{"groundingChunks": [{"web": {"uri": f"https://a.example/{n}"}}]} for n in range(8_000)]
    events, _ = read(
        sse(*[reply({"text": "y"}, finish=None, candidate={"groundingMetadata": own}) for own in sources], reply({"text": "."}))
    )
    assert sum(type(event) is CitationDelta for event in events) == len(sources)


@pytest.mark.parametrize("indent", [None, 2])
def test_an_error_that_stands_bare_among_the_events(indent):
    """gemini §8: without ``data:``, as the service itself writes it."""
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    stream = sse(reply({"text": "It is "}, finish=None)) + json.dumps(error, indent=indent).encode() + b"\n"
    for cut in range(0, len(stream), 7):
        frames, decoder = frame_decoder(DIALECT.framing), DIALECT.event_decoder(context(stream=True))
        events = decoder.feed(frames.feed(stream[:cut])) + decoder.feed(frames.feed(stream[cut:])) + decoder.feed(frames.finish())
        assert isinstance(decoder.error, OverloadedError)
        assert fold(events).text == "It is "


@pytest.mark.parametrize(("words", "parts"), [("", 1), ("I look.", 2)])
def test_a_call_with_words_in_its_own_part_is_a_call(words, parts):
    body = reply({"text": words, "functionCall": {"name": "f", "id": "c", "args": {}}, "thoughtSignature": "c2ln"})
    whole, (events, decoder) = decode(body), read(sse(body))
    assert decoder.error is None
    for response in (whole, fold(events)):
        assert (response.text, response.finish_reason, len(response.parts)) == (words, "tool_calls", parts)
        assert [(call.id, call.state is not None) for call in response.tool_calls] == [("c", True)]


@pytest.mark.parametrize("cited", [(0,), (1,), (0, 1), (0, 1, 2)])
def test_sources_told_before_the_words_that_rest_on_them_find_their_place(cited):
    web = {"groundingChunks": [{"web": {"uri": "https://a.example"}}]}
    web |= {"groundingSupports": [{"segment": {"endIndex": 6, "text": "abcdef"}, "groundingChunkIndices": [0]}]}
    pieces = [
        reply({"text": words}, finish=finish, candidate={"groundingMetadata": web} if n in cited else {})
        for n, (words, finish) in enumerate([("abc", None), ("def", None), (".", "STOP")])
    ]
    whole = decode(reply({"text": "abcdef."}, candidate={"groundingMetadata": web}))
    for events, decoder in (read(sse(*pieces)), read(array(*pieces))):
        assert decoder.error is None
        assert fold(events).parts == whole.parts
        assert [citation.text_end for part in whole.parts if isinstance(part, Text) for citation in part.citations] == [6]
