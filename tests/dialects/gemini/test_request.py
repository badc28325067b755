"""Requests: where they go, what they ask for, and what of it this protocol cannot say."""

from __future__ import annotations

import json

import pytest

from tests.dialects.gemini.judge import encode, target, told
from trunkline.dialects.gemini import DIALECT
from trunkline.values.errors import UsageError
from trunkline.values.message import CacheMark, Message
from trunkline.values.model import Target
from trunkline.values.request import AudioOutput, CustomTool, OutputFormat, ReasoningOptions, Request, Tool

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CLOSED = {**SCHEMA, "additionalProperties": False}


def test_the_request_of_the_sheet():
    body, encoded = encode(
        Message.system("Be brief."),
        Message.user("Weather in Oslo?"),
        tools=(Tool("weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}),),
        max_tokens=300,
        reasoning=ReasoningOptions(effort="low"),
    )
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Weather in Oslo?"}]}],
        "tools": [{"functionDeclarations": [
            {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}},
        ]}],
        "generationConfig": {"maxOutputTokens": 300, "thinkingConfig": {"thinkingLevel": "LOW"}},
    }  # fmt: skip
    assert (encoded.wire.method, encoded.wire.path, encoded.wire.query) == (
        "POST",
        "/models/gemini-3.5-flash:generateContent",
        (),
    )
    assert encoded.warnings == ()


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3.5-flash", "/models/gemini-3.5-flash"),
        ("models/gemini-3.5-flash", "/models/gemini-3.5-flash"),
        ("tunedModels/mine-1", "/tunedModels/mine-1"),
        ("publishers/google/models/gemini-3.5-flash", "/models/gemini-3.5-flash"),
        ("publishers/acme/models/x", "/publishers/acme/models/x"),
        ("gemini-3.5-flash@001", "/models/gemini-3.5-flash@001"),
        ("bad model?a#b", "/models/bad%20model%3Fa%23b"),
    ],
)
def test_where_a_model_answers(model, path):
    aim = Target("gemini", "g", model)
    question = Request(model=model, messages=(Message.user("q"),))
    assert DIALECT.encode_request(question, aim).wire.path == f"{path}:generateContent"
    streamed = DIALECT.encode_request(Request(model=model, messages=(Message.user("q"),), stream=True), aim)
    assert (streamed.wire.path, streamed.wire.query) == (f"{path}:streamGenerateContent", (("alt", "sse"),))
    assert streamed.context.stream


def test_query_and_headers_of_ones_own_win():
    _, encoded = encode(stream=True, extra_query={"alt": "json", "x": "1"}, extra_headers={"X-Server-Timeout": "9"})
    assert encoded.wire.query == (("alt", "json"), ("x", "1"))
    assert encoded.wire.headers == (("content-type", "application/json"), ("X-Server-Timeout", "9"))
    assert encode(stream=True, extra_query={"x": "1"})[1].wire.query == (("alt", "sse"), ("x", "1"))


def test_everything_that_can_be_said():
    body, encoded = encode(
        temperature=0.5, top_p=0.9, top_k=4, n=2, max_tokens=9, stop=("a", "b"), seed=7, presence_penalty=0.1,
        frequency_penalty=-0.1, logprobs=True, top_logprobs=3, modalities=("text", "image"), service_tier="flex",
        output=OutputFormat(SCHEMA), extra_body={"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}, "cachedContent": "c/1"},
    )  # fmt: skip
    assert body["generationConfig"] == {
        "temperature": 0.5, "topP": 0.9, "topK": 4, "candidateCount": 2, "maxOutputTokens": 9, "stopSequences": ["a", "b"],
        "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": -0.1, "responseLogprobs": True, "logprobs": 3,
        "responseModalities": ["TEXT", "IMAGE"], "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }  # fmt: skip
    assert (body["serviceTier"], body["cachedContent"]) == ("flex", "c/1")
    assert encoded.warnings == ()


def test_what_this_protocol_has_no_words_for():
    _, encoded = encode(
        user="u", cache_key="k", logit_bias={"1": 2.0}, prediction="p", verbosity="low", metadata={"a": "b"},
        parallel_tool_calls=False, cache=CacheMark("1h"), stop=tuple("abcdefg"), output=OutputFormat(SCHEMA, description="d"),
    )  # fmt: skip
    assert told(encoded.warnings) == [
        "dropped stop", "dropped output.description", "dropped parallel_tool_calls", "dropped metadata", "dropped cache.ttl",
        "dropped logit_bias", "dropped prediction", "dropped verbosity", "dropped user", "dropped cache_key",
    ]  # fmt: skip
    assert encode(cache=CacheMark(), parallel_tool_calls=True, service_tier="auto")[1].warnings == ()


def test_what_a_model_does_not_take():
    quirks = dict.fromkeys(("no_sampling", "no_n", "no_stop", "no_seed", "no_logprobs", "no_service_tier", "no_tools"), True)
    body, encoded = encode(
        temperature=1.0, top_k=1, frequency_penalty=0.5, n=2, stop=("a",), seed=1, logprobs=True, service_tier="flex",
        tools=(Tool("f"),), to=target(**quirks),
    )  # fmt: skip
    assert body.keys() == {"contents"}
    assert told(encoded.warnings) == [
        "dropped temperature", "dropped top_k", "dropped frequency_penalty", "dropped n", "dropped stop", "dropped seed",
        "dropped logprobs", "dropped tools", "dropped service_tier",
    ]  # fmt: skip


def test_labels_where_an_endpoint_has_them():
    assert encode(metadata={"team": "x"}, judged=False, to=target(no_metadata=False))[0]["labels"] == {"team": "x"}


def test_tiers_of_other_protocols():
    assert encode(service_tier="default")[0]["serviceTier"] == "standard"
    assert "serviceTier" not in encode(service_tier="auto")[0]


def test_output():
    assert encode(output=OutputFormat())[0]["generationConfig"] == {"responseMimeType": "application/json"}
    assert encode(output=OutputFormat(CLOSED))[0]["generationConfig"]["responseJsonSchema"] == CLOSED
    body, encoded = encode(output=OutputFormat(SCHEMA), to=target(no_response_format=True))
    assert "generationConfig" not in body
    assert json.dumps(SCHEMA, separators=(",", ":")) in body["systemInstruction"]["parts"][0]["text"]
    assert told(encoded.warnings) == ["approximated output.schema"]
    body, encoded = encode(Message.system("s"), Message.user("q"), output=OutputFormat(SCHEMA), to=target(json_object_only=True))
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    assert len(body["systemInstruction"]["parts"]) == 2
    assert told(encoded.warnings) == ["approximated output.schema"]


def test_voices():
    body, encoded = encode(audio=AudioOutput("Kore", "pcm16"))
    assert body["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    assert encoded.warnings == ()
    assert told(encode(audio=AudioOutput("Kore", "mp3"), modalities=("audio",))[1].warnings) == ["approximated audio.format"]


def test_what_no_json_holds_is_told_by_its_field():
    with pytest.raises(UsageError, match="extra") as found:
        encode(extra_body={"extra": object()})
    assert found.value.field == "extra"


def test_half_surrogates_are_no_text():
    body, encoded = encode(Message.user("a\ud800b"))
    assert body["contents"][0]["parts"] == [{"text": "a\ufffdb"}]
    assert told(encoded.warnings) == ["approximated messages"]


def test_the_way_back_is_remembered():
    _, encoded = encode(tools=(Tool("a b"), CustomTool("grep")))
    assert encoded.context.tool_names == {"a_b": "a b"}
    assert encoded.context.custom_tools == ("grep",)
    assert encoded.context.include_usage
