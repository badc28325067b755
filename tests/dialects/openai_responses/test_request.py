"""Options of requests: every field that we can say, judged by the vendor's own types; every field that we cannot, told."""

from __future__ import annotations

import msgspec
import pytest

from tests.dialects.openai_responses.judge import MODEL, context, encode, judge, losses, target
from trunkline.dialects.dialect import ClientHalf, Framing
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import UsageError
from trunkline.values.message import CacheMark, Message, ToolCall
from trunkline.values.model import Quirks
from trunkline.values.request import AudioOutput, OutputFormat, ReasoningOptions, Request, Tool

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
SEALED = "reasoning.encrypted_content"


def test_is_a_client_half():
    assert isinstance(DIALECT, ClientHalf)
    assert (DIALECT.id, DIALECT.framing) == ("openai-responses", Framing.SSE)


def test_plain_question():
    body, encoded = encode("Why is the sky blue?")
    said = [{"role": "user", "content": "Why is the sky blue?"}]
    assert body == {"model": MODEL, "input": said, "store": False, "include": [SEALED]}
    assert (encoded.wire.method, encoded.wire.path, encoded.wire.query) == ("POST", "/responses", ())
    assert dict(encoded.wire.headers) == {"content-type": "application/json"}
    assert encoded.warnings == ()
    assert encoded.context == context()


def test_the_judge_refuses_what_the_vendor_does_not_know():
    body, _ = encode("hi")
    with pytest.raises(AssertionError):
        judge(body | {"stop": ["x"]})
    with pytest.raises(AssertionError):
        judge(body | {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi", "more": 1}]}]})


@pytest.mark.parametrize(
    ("fields", "wire"),
    [
        ({"max_tokens": 5}, {"max_output_tokens": 5}),
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"stream": True}, {"stream": True}),
        ({"store": False}, {}),
        ({"logprobs": False}, {}),
        ({"logprobs": True}, {"include": [SEALED, "message.output_text.logprobs"]}),
        ({"top_logprobs": 3}, {"include": [SEALED, "message.output_text.logprobs"], "top_logprobs": 3}),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"user": "u1"}, {"safety_identifier": "u1"}),
        ({"cache_key": "c"}, {"prompt_cache_key": "c"}),
        ({"cache": CacheMark()}, {}),
        ({"cache": CacheMark("30m")}, {"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}),
        ({"cache": CacheMark("24h")}, {"prompt_cache_retention": "24h"}),
        ({"reasoning": ReasoningOptions(effort="low")}, {"reasoning": {"effort": "low"}}),
        ({"reasoning": ReasoningOptions(enabled=False)}, {"reasoning": {"effort": "none"}}),
        ({"reasoning": ReasoningOptions(show="summarized")}, {"reasoning": {"summary": "auto"}}),
        (
            {"reasoning": ReasoningOptions(effort="high", show="detailed")},
            {"reasoning": {"effort": "high", "summary": "detailed"}},
        ),
        ({"reasoning": ReasoningOptions(show="omitted")}, {}),
        (
            {"output": OutputFormat(SCHEMA, "answer", "An answer", strict=True)},
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "answer",
                        "schema": SCHEMA,
                        "description": "An answer",
                        "strict": True,
                    }
                }
            },
        ),
        (
            {"output": OutputFormat(SCHEMA, strict="if_known"), "verbosity": "high"},
            {
                "text": {
                    "format": {"type": "json_schema", "name": "output", "schema": SCHEMA, "strict": True},
                    "verbosity": "high",
                }
            },
        ),
        ({"n": 1, "frequency_penalty": 0.0, "modalities": ("text",)}, {}),
        ({"extra_body": {"truncation": "auto", "max_tool_calls": 2}}, {"truncation": "auto", "max_tool_calls": 2}),
        ({"extra_body": {"include": []}}, {"include": []}),
    ],
)
def test_what_can_be_said(fields, wire):
    body, encoded = encode("hi", **fields)
    plain = {"model": MODEL, "input": [{"role": "user", "content": "hi"}], "store": False, "include": [SEALED]}
    assert body == plain | wire
    assert encoded.warnings == ()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"stop": ("a",)}, "stop"),
        ({"seed": 0}, "seed"),
        ({"n": 2}, "n"),
        ({"top_k": 3}, "top_k"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"1": 2.0}}, "logit_bias"),
        ({"prediction": "x"}, "prediction"),
        ({"audio": AudioOutput("alloy")}, "audio"),
        ({"modalities": ("text", "audio")}, "modalities"),
        ({"parallel_tool_calls": True}, "parallel_tool_calls"),
    ],
)
def test_what_cannot_be_said_is_told(fields, name):
    body, encoded = encode("hi", **fields)
    assert body == encode("hi")[0]
    assert losses(encoded) == [("dropped", name)]


@pytest.mark.parametrize("fields", [{"store": True}, {"extra_body": {"store": True}}])
def test_nothing_is_stored_but_what_is_said_to_be(fields):
    body, _ = encode("hi", **fields)
    assert body["store"] is True
    assert "include" not in body  # who stores it needs it not from us


@pytest.mark.parametrize("quirks", [Quirks(reasoning_style="none"), Quirks(thinking="none")])
def test_models_that_do_not_reason_are_not_asked_for_it(quirks):
    body, encoded = encode("hi", aim=target(quirks), reasoning=ReasoningOptions(effort="low"))
    assert "include" not in body
    assert "reasoning" not in body
    assert losses(encoded) == [("dropped", "reasoning")]


@pytest.mark.parametrize(
    ("options", "quirks", "effort", "lost"),
    [
        (ReasoningOptions(budget=2000), Quirks(), "low", [("approximated", "reasoning.budget")]),
        (ReasoningOptions(budget=0), Quirks(), "none", [("approximated", "reasoning.budget")]),
        (ReasoningOptions(enabled=True), Quirks(), "medium", [("approximated", "reasoning.enabled")]),
        (ReasoningOptions(effort="low", budget=9), Quirks(), "low", [("dropped", "reasoning.budget")]),
        (ReasoningOptions(effort="minimal"), Quirks(efforts=("low", "high")), "low", [("approximated", "reasoning.effort")]),
        (ReasoningOptions(effort="none"), Quirks(thinking="always"), None, [("dropped", "reasoning")]),
        (ReasoningOptions(effort="high"), Quirks(thinking="always"), "high", []),
    ],
)
def test_efforts(options, quirks, effort, lost):
    body, encoded = encode("hi", aim=target(quirks), reasoning=options)
    assert body.get("reasoning", {}).get("effort") == effort
    assert losses(encoded) == lost


def test_sampling_where_the_model_takes_none():
    body, encoded = encode("hi", aim=target(Quirks(no_sampling=True)), temperature=1.0, top_logprobs=2)
    assert not {"temperature", "top_logprobs"} & body.keys()
    assert losses(encoded) == [("dropped", "temperature"), ("dropped", "logprobs")]
    fickle = target(Quirks(sampling_needs_effort_none=True))
    assert losses(encode("hi", aim=fickle, top_p=0.5)[1]) == [("dropped", "top_p")]
    body, encoded = encode("hi", aim=fickle, top_p=0.5, reasoning=ReasoningOptions(effort="none"))
    assert (body["top_p"], encoded.warnings) == (0.5, ())
    assert encode("hi", aim=target(Quirks(sampling_needs_effort_none=True, default_effort="none")), top_p=0.5)[0]["top_p"] == 0.5


def test_tools_are_no_matter_for_the_effort_here():
    """A quirk of the chat protocol only: tools and reasoning go together in this one."""
    body, _ = encode("hi", aim=target(Quirks(tools_need_effort_none=True)), reasoning=ReasoningOptions(effort="low"))
    assert body["reasoning"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("fields", "quirks"),
    [
        ({"service_tier": "flex"}, Quirks(no_service_tier=True)),
        ({"metadata": {"a": "b"}}, Quirks(no_metadata=True)),
        ({"user": "u"}, Quirks(no_user=True)),
        ({"cache_key": "k"}, Quirks(no_cache_key=True)),
        ({"logprobs": True}, Quirks(no_logprobs=True)),
    ],
)
def test_what_an_endpoint_does_not_take_is_told(fields, quirks):
    body, encoded = encode("hi", aim=target(quirks), **fields)
    assert body == encode("hi")[0]
    assert losses(encoded) == [("dropped", next(iter(fields)))]


def test_the_end_user_under_his_elder_name():
    assert encode("hi", aim=target(Quirks(user_field="user")), user="u")[0]["user"] == "u"


@pytest.mark.parametrize(
    ("ttl", "quirks", "kind"),
    [
        ("5m", Quirks(), "approximated"),
        ("30m", Quirks(cache_marks="none"), "dropped"),
        ("24h", Quirks(no_cache_key=True), "dropped"),
    ],
)
def test_lifetimes_that_cannot_be_said(ttl, quirks, kind):
    body, encoded = encode("hi", aim=target(quirks), cache=CacheMark(ttl))
    assert losses(encoded) == [(kind, "cache.ttl")]
    assert not any(name.startswith("prompt_cache") for name in body)


# --- output -----------------------------------------------------------------------------------------------------------


def test_json_without_a_schema_is_spoken_of_in_the_input():
    body, encoded = encode(Message.system("Answer in JSON"), "hi", output=OutputFormat())
    assert body["text"] == {"format": {"type": "json_object"}}
    assert body["input"][0]["role"] == "system"
    assert "JSON" in body["input"][0]["content"]
    assert losses(encoded) == [("approximated", "output")]
    body, encoded = encode("Answer in JSON", output=OutputFormat())
    assert body["input"] == [{"role": "user", "content": "Answer in JSON"}]
    assert encoded.warnings == ()


@pytest.mark.parametrize("quirks", [Quirks(json_object_only=True), Quirks(no_response_format=True)])
def test_schemas_in_words(quirks):
    body, encoded = encode("hi", aim=target(quirks), output=OutputFormat(SCHEMA))
    assert '"required":["a"]' in body["input"][0]["content"]
    assert ("text" in body) is not quirks.no_response_format
    assert losses(encoded) == [("approximated", "output.schema")]


def test_names_and_strictness_of_schemas():
    body, encoded = encode("hi", aim=target(Quirks(no_strict=True)), output=OutputFormat(SCHEMA, "a b", strict=True))
    assert body["text"]["format"] == {"type": "json_schema", "name": "a_b", "schema": SCHEMA}
    assert losses(encoded) == [("renamed", "output.name"), ("dropped", "output.strict")]
    assert encode("hi", aim=target(Quirks(no_strict=True)), output=OutputFormat(SCHEMA, strict="if_known"))[1].warnings == ()


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_extras_go_as_they_are():
    encoded = encode(
        "hi", extra_headers={"x-a": "1"}, extra_query={"api-version": "p"}, extra_body={"text": {"verbosity": "low"}},
        output=OutputFormat(SCHEMA),
    )[1]  # fmt: skip
    assert ("x-a", "1") in encoded.wire.headers
    assert encoded.wire.query == (("api-version", "p"),)
    body = msgspec.json.decode(encoded.wire.body)
    assert body["text"].keys() == {"format", "verbosity"}


def test_what_is_no_text_and_what_is_no_json():
    body, encoded = encode("a\ud800b")
    assert body["input"][0]["content"] == "a\ufffdb"
    assert losses(encoded) == [("approximated", "messages")]
    with pytest.raises(UsageError):
        DIALECT.encode_request(Request(model=MODEL, messages=(Message.user("hi"),), extra_body={"x": object()}), target())


def test_models_are_asked_for_by_page():
    assert DIALECT.models_request().path == "/models"
    assert DIALECT.models_request("m1").query == (("after", "m1"),)


def test_many_names_and_ids_are_renamed():
    """So many that what took time by its square would not end."""
    many = 10_000
    calls = Message.assistant(*[ToolCall(f"{n:070}", "a.b") for n in range(many)])
    _, encoded = encode(Message.user("hi"), calls, tools=tuple([Tool("." * 70 + str(n)) for n in range(many)]))
    assert (len(encoded.context.call_ids), len(encoded.context.tool_names)) == (many, many + 1)
