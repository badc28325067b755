"""Requests: every field that we can say, judged by the vendor's own types; every field that we cannot, told."""

from __future__ import annotations

import pytest

from tests.dialects.anthropic_messages.judge import MODEL, context, encode, judge, losses, target
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.dialect import ClientHalf, Framing
from trunkline.values.errors import UsageError
from trunkline.values.message import CacheMark, Message
from trunkline.values.model import Quirks
from trunkline.values.request import AudioOutput, OutputFormat, Tool


def test_is_a_client_half():
    assert isinstance(DIALECT, ClientHalf)
    assert (DIALECT.id, DIALECT.framing) == ("anthropic-messages", Framing.SSE)


def test_plain_question():
    body, encoded = encode("Why is the sky blue?")
    assert body == {"model": MODEL, "max_tokens": 8192, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    assert (encoded.wire.method, encoded.wire.path, encoded.wire.query) == ("POST", "/v1/messages", ())
    assert dict(encoded.wire.headers) == {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    assert encoded.warnings == ()
    assert encoded.context == context(version="2023-06-01")


def test_the_judge_refuses_what_the_vendor_does_not_know():
    body, _ = encode("hi")
    with pytest.raises(AssertionError, match=r"\$\.frequency_penalty"):
        judge(body | {"frequency_penalty": 1})
    with pytest.raises(AssertionError, match=r"\$\.messages\[0\]\.name"):
        judge(body | {"messages": [{"role": "user", "content": "hi", "name": "bob"}]})


@pytest.mark.parametrize(
    ("fields", "most", "limit"),
    [
        ({}, 64_000, 8192),
        ({"stream": True}, 64_000, 32_000),
        ({}, None, 8192),
        ({"stream": True}, None, 32_000),
        ({}, 4096, 4096),
        ({"stream": True}, 4096, 4096),
        ({"max_tokens": 77}, 64_000, 77),
        ({"max_tokens": 0}, 64_000, 0),
        ({"max_tokens": 100_000}, 64_000, 100_000),
    ],
)
def test_output_limit_is_always_said(fields, most, limit):
    body, encoded = encode("hi", aim=target(max_output=most), **fields)
    assert body["max_tokens"] == limit
    assert body.get("stream", False) is fields.get("stream", False)
    assert encoded.context.stream is fields.get("stream", False)
    assert encoded.warnings == ()


def test_sampling():
    assert encode(temperature=0.2)[0]["temperature"] == 0.2
    body, encoded = encode(top_p=0.3, top_k=5)
    assert (body["top_p"], body["top_k"], encoded.warnings) == (0.3, 5, ())
    body, encoded = encode(temperature=0.2, top_p=0.3)
    assert "top_p" not in body
    assert losses(encoded) == [("dropped", "top_p")]
    body, encoded = encode(temperature=1.7)
    assert body["temperature"] == 1
    assert losses(encoded) == [("approximated", "temperature")]


@pytest.mark.parametrize("quirks", [Quirks(no_sampling=True), Quirks(version="2026-10-21")])
def test_sampling_is_left_out_where_it_is_refused(quirks):
    body, encoded = encode(temperature=0.2, top_p=0.3, top_k=5, aim=target(quirks))
    assert not {"temperature", "top_p", "top_k"} & set(body)
    assert losses(encoded) == [("dropped", "temperature"), ("dropped", "top_p"), ("dropped", "top_k")]


def test_stop_sequences():
    body, encoded = encode(stop=("END", "\n", ""))
    assert body["stop_sequences"] == ["END"]
    assert losses(encoded) == [("dropped", "stop")]
    body, encoded = encode(stop=(" ",))
    assert "stop_sequences" not in body
    body, encoded = encode(stop=("END",), aim=target(Quirks(no_stop=True)))
    assert "stop_sequences" not in body
    assert losses(encoded) == [("dropped", "stop")]


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_structured_output():
    body, encoded = encode(output=OutputFormat(SCHEMA))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert encoded.warnings == ()


def test_open_objects_are_closed():
    inner = {"type": "object", "properties": {"enum": {"type": "array", "items": {"type": "object"}}}}
    schema = {"type": "object", "properties": {"x": inner}, "$defs": {"d": {"type": "object"}}, "default": {"type": "object"}}
    body, encoded = encode(output=OutputFormat(schema))
    sent = body["output_config"]["format"]["schema"]
    assert sent == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "x": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"enum": {"type": "array", "items": {"type": "object", "additionalProperties": False}}},
            }
        },
        "$defs": {"d": {"type": "object", "additionalProperties": False}},
        "default": {"type": "object"},
    }
    assert losses(encoded) == [("approximated", "output.schema")]
    assert "additionalProperties" not in schema


def test_json_without_a_schema_is_asked_for_in_words():
    body, encoded = encode(Message.system("Be brief."), Message.user("hi"), output=OutputFormat())
    assert body["system"][0] == {"type": "text", "text": "Be brief."}
    assert "JSON object" in body["system"][1]["text"]
    assert losses(encoded) == [("approximated", "output")]
    assert "output_config" not in body


def test_a_schema_is_asked_for_in_words_where_there_is_no_field():
    body, encoded = encode(output=OutputFormat(SCHEMA), aim=target(Quirks(no_response_format=True)))
    assert '"additionalProperties":false' in body["system"]
    assert losses(encoded) == [("approximated", "output.schema")]


def test_user_and_metadata():
    assert encode(user="u1")[0]["metadata"] == {"user_id": "u1"}
    assert encode(metadata={"user_id": "u2"})[0]["metadata"] == {"user_id": "u2"}
    body, encoded = encode(user="u1", metadata={"team": "x"})
    assert body["metadata"] == {"user_id": "u1"}
    assert losses(encoded) == [("dropped", "metadata")]


@pytest.mark.parametrize(
    ("tier", "sent", "told"),
    [
        ("auto", "auto", []),
        ("standard_only", "standard_only", []),
        ("default", "standard_only", []),
        ("priority", "auto", [("approximated", "service_tier")]),
        ("flex", None, [("dropped", "service_tier")]),
    ],
)
def test_service_tier(tier, sent, told):
    body, encoded = encode(service_tier=tier)
    assert body.get("service_tier") == sent
    assert losses(encoded) == told


def test_whole_prompt_cached():
    assert encode(cache=CacheMark())[0]["cache_control"] == {"type": "ephemeral"}
    assert encode(cache=CacheMark("1h"))[0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    body, encoded = encode(cache=CacheMark("24h"))
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert losses(encoded) == [("approximated", "cache.ttl")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("seed", 1),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("frequency_penalty", 0.5),
        ("presence_penalty", 0.5),
        ("logit_bias", {"1": 2.0}),
        ("prediction", "words"),
        ("verbosity", "low"),
        ("modalities", ("text", "audio")),
        ("audio", AudioOutput("alloy")),
        ("store", True),
        ("cache_key", "k"),
        ("parallel_tool_calls", False),
    ],
)
def test_what_has_no_words_here_is_told(field, value):
    body, encoded = encode(**{field: value})
    assert body == encode()[0]
    assert losses(encoded) == [("dropped", field)]


def test_asking_for_the_default_is_no_loss():
    asked = {
        "n": 1,
        "logprobs": False,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logit_bias": {},
        "modalities": ("text",),
    }
    body, encoded = encode(store=False, **asked)
    assert body == encode()[0]
    assert encoded.warnings == ()


def test_extra_body_is_merged_deep_and_wins():
    body, _ = encode(
        user="u1",
        output=OutputFormat(SCHEMA),
        max_tokens=5,
        extra_body={"max_tokens": 6, "metadata": {"x": 1}, "output_config": {"effort": "low"}, "speed": "fast", "new": [1]},
        judged=False,
    )
    assert (body["max_tokens"], body["speed"], body["new"]) == (6, "fast", [1])
    assert body["metadata"] == {"user_id": "u1", "x": 1}
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"}


def test_extra_body_leaves_the_request_as_it_is():
    schema = {"type": "object", "additionalProperties": False}
    tool = Tool("t", parameters=schema, extra={"defer_loading": True})
    encode(
        tools=(tool,), extra_body={"output_config": {"format": {"schema": {"new": 1}}}}, output=OutputFormat(schema), judged=False
    )
    assert schema == {"type": "object", "additionalProperties": False}


def test_extra_headers_and_query():
    _, encoded = encode(extra_headers={"X-One": "1", "Anthropic-Beta": "a-1, b-2"}, extra_query={"beta": "true"})
    headers = dict(encoded.wire.headers)
    assert headers["x-one"] == "1"
    assert headers["anthropic-beta"] == "a-1, b-2"
    assert encoded.wire.query == (("beta", "true"),)


def test_version_by_quirk_and_by_header():
    _, encoded = encode(aim=target(Quirks(version="2026-10-21")))
    assert dict(encoded.wire.headers)["anthropic-version"] == "2026-10-21"
    assert encoded.context.version == "2026-10-21"
    body, encoded = encode(extra_headers={"Anthropic-Version": "2026-10-21"}, temperature=1)
    assert [value for name, value in encoded.wire.headers if name == "anthropic-version"] == ["2026-10-21"]
    assert encoded.context.version == "2026-10-21"
    assert "temperature" not in body


def test_what_json_cannot_hold_names_the_field_and_never_the_content():
    with pytest.raises(UsageError) as caught:
        encode(tools=(Tool("t", parameters={"type": "object", "x": object()}),), judged=False)
    assert caught.value.field == "tools"
    with pytest.raises(UsageError) as caught:
        encode(extra_body={"secret": {1, (2,)}, "other": {("a",): "secret words"}}, judged=False)
    assert caught.value.field == "other"
    assert "secret words" not in str(caught.value)


def test_lone_surrogates_are_mended_and_told():
    body, encoded = encode("half \ud83d of one")
    assert body["messages"][0]["content"] == "half \ufffd of one"
    assert losses(encoded) == [("approximated", "messages")]


def test_models_request():
    first = DIALECT.models_request()
    assert (first.method, first.path, first.query) == ("GET", "/v1/models", (("limit", "1000"),))
    assert ("anthropic-version", "2023-06-01") in first.headers
    assert DIALECT.models_request("m9").query == (("limit", "1000"), ("after_id", "m9"))
