"""Whole replies: every field and every odd shape that servers of this protocol send."""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, strategies as st

from tests.dialects.openai_chat.judge import context, target
from tests.dialects.openai_chat.replies import body, decode
from tests.strategies import json_values
from trunkline.dialects.openai_chat import DIALECT, reported_cost
from trunkline.values.errors import (
    InvalidRequestError,
    MalformedResponseError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from trunkline.values.media import Data, Url
from trunkline.values.message import Citation, Opaque, Reasoning, Text, ToolCall
from trunkline.values.model import Quirks
from trunkline.values.response import TokenLogprob
from trunkline.wire.http import HttpReply


def call(name="t", arguments="{}", **fields):
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}} | fields


def test_plain_reply():
    response = decode(
        body({"role": "assistant", "content": "hi", "refusal": None}, service_tier="default", system_fingerprint="fp")
    )
    assert response.message.parts == (Text("hi"),)
    assert (response.id, response.model, response.created, response.request_id) == ("r1", "m1", 1_790_000_000, "q1")
    assert (response.service_tier, response.system_fingerprint) == ("default", "fp")
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert response.extra == {}


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": None}, ()),
        ({}, ()),
        ({"content": ""}, ()),
        ({"content": "a"}, (Text("a"),)),
        ({"content": ["a", {"type": "text", "text": "b"}]}, (Text("ab"),)),
        ({"content": {"type": "text", "text": "b"}}, (Text("b"),)),
        ({"content": {"name": "E", "age": 3}}, (Text('{"name":"E","age":3}'),)),
        ({"content": "a", "reasoning_content": "r"}, (Reasoning("r"), Text("a"))),
        ({"content": "a", "reasoning": "r"}, (Reasoning("r"), Text("a"))),
        ({"content": "a", "reasoning": "r", "reasoning_content": "r"}, (Reasoning("r"), Text("a"))),
        ({"content": "a", "reasoning": None, "reasoning_content": ""}, (Text("a"),)),
        ({"content": None, "tool_calls": None}, ()),
        ({"content": "a", "tool_calls": []}, (Text("a"),)),
        ({"tool_calls": [call(), call("u", '{"a":1}', id="c2")]}, (ToolCall("c1", "t", "{}"), ToolCall("c2", "u", '{"a":1}'))),
        ({"tool_calls": [call(arguments={"a": [1]})]}, (ToolCall("c1", "t", '{"a":[1]}'),)),
        ({"tool_calls": [call(arguments="")]}, (ToolCall("c1", "t", ""),)),
        ({"tool_calls": [call(arguments=None)]}, (ToolCall("c1", "t", ""),)),
        ({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "t", "input": "x"}}]}, (ToolCall("c", "t", "x", "custom"),)),
    ],
)  # fmt: skip
def test_parts(message, parts):
    assert decode(body(message)).message.parts == parts


def test_refusal():
    response = decode(body({"content": None, "refusal": "no"}))
    assert (response.refusal, response.text, response.finish_reason) == ("no", "", "stop")


def test_a_call_without_an_id_gets_one_that_an_answer_can_name():
    response = decode(body({"tool_calls": [call(id=""), call(id=None)]}))
    first, second = [one.id for one in response.tool_calls]
    assert first != second
    assert first.startswith("call_")
    assert decode(body({"tool_calls": [call(id="")]})).tool_calls[0].id == first


def test_legacy_function_call():
    response = decode(
        body({"content": None, "function_call": {"name": "t", "arguments": "{}"}}, choice={"finish_reason": "function_call"})
    )
    assert [(one.name, one.raw_arguments) for one in response.tool_calls] == [("t", "{}")]
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "function_call")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "tool_calls"), ("eos", "stop"),
        ("end_turn", "stop"), ("model_length", "length"), ("sensitive", "content_filter"), ("error", "error"),
        ("insufficient_system_resource", "error"), ("network_error", "error"), ("STOP", "stop"), ("brand_new", "other"), (None, "other"),
        ("", "other"), (7, "other"),
    ],
)  # fmt: skip
def test_finish_reasons(raw, reason):
    response = decode(body({"content": "a"}, choice={"finish_reason": raw}))
    assert response.finish_reason == reason
    assert response.raw_finish_reason == (raw if isinstance(raw, str) and raw else None)
    assert decode(body({"tool_calls": [call()]}, choice={"finish_reason": raw})).finish_reason == "tool_calls"


def test_citations():
    notes = [
        {"type": "url_citation", "url_citation": {"start_index": 1, "end_index": 2, "title": "T", "url": "https://x"}},
        {"type": "url_citation", "url": "https://y", "title": "Y", "summary": "words"},
        {"type": "file", "file": {"hash": "h"}},
    ]
    parts = decode(body({"content": "abc", "annotations": notes})).message.parts
    first = Citation("url", title="T", url="https://x", text_start=1, text_end=2)
    assert parts[0] == Text("abc", (first, Citation("url", "words", "Y", "https://y")))
    assert isinstance(parts[1], Opaque)
    assert msgspec.json.decode(parts[1].state.data) == {"annotations": [notes[2]]}


def test_reasoning_details_are_kept_for_the_way_back():
    details = [
        {"type": "reasoning.text", "text": "why", "signature": "s", "format": "x", "index": 0},
        {"type": "reasoning.encrypted", "data": "d", "index": 1},
    ]
    part = decode(body({"content": "a", "reasoning": None, "reasoning_details": details})).message.parts[0]
    assert isinstance(part, Reasoning)
    assert part.state is not None
    assert (part.text, part.state.must_return) == ("why", True)
    assert msgspec.json.decode(part.state.data) == {"reasoning_details": details}
    assert part.state.fits("openai-chat", target())
    assert not part.state.fits("openai-chat", target(model="other"))


def test_thinking_parts():
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "why"}], "closed": True},
        {"type": "text", "text": "a"},
        {"type": "reference", "reference_ids": [1, 2]},
        {"type": "text", "text": "b"},
        {"type": "hologram", "x": 1},
    ]
    thought, text, other = decode(body({"content": content})).message.parts
    assert isinstance(thought, Reasoning)
    assert isinstance(text, Text)
    assert isinstance(other, Opaque)
    assert thought.text == "why"
    assert thought.state is not None
    assert msgspec.json.decode(thought.state.data) == content[0]
    assert (text.text, [(one.kind, one.source) for one in text.citations]) == ("ab", [("search_result", "1,2")])
    assert (other.kind, msgspec.json.decode(other.state.data)) == ("hologram", content[4])


def test_reasoning_summaries_as_parts():
    content = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "why", "signature": "s"}]},
        {"type": "text", "text": "a"},
    ]
    response = decode(body({"content": content}))
    assert (response.reasoning, response.text) == ("why", "a")


def test_sound():
    data = base64.b64encode(b"RIFFxxxx").decode()
    audio = decode(body({"content": None, "audio": {"id": "a1", "data": data, "expires_at": 17, "transcript": "hi"}})).parts[0]
    assert audio.state is not None
    assert audio.state.data == b'{"audio":{"id":"a1"}}'
    assert msgspec.structs.replace(audio, state=None) == msgspec.convert({"type": "audio", "source": {"type": "data", "data": data, "media_type": "audio/wav"},
                                     "transcript": "hi", "id": "a1", "expires_at": 17}, type(audio))  # fmt: skip


def test_pictures():
    images = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"image_url": {"url": "https://x"}},
        {"x": 1},
    ]
    assert [part.source for part in decode(body({"content": "", "images": images})).parts] == [
        Data(b"\x89PNG", "image/png"),
        Url("https://x"),
    ]


def test_signature_of_a_call_is_kept_for_the_way_back():
    response = decode(body({"tool_calls": [call(extra_content={"google": {"thought_signature": "s"}})]}))
    kept = response.tool_calls[0].state
    assert kept is not None
    assert msgspec.json.decode(kept.data) == {"extra_content": {"google": {"thought_signature": "s"}}}


def test_several_choices():
    value = body({"content": "a"}) | {"n": 2}
    value["choices"].append({"index": 1, "message": {"content": "b"}, "finish_reason": "length", "logprobs": None})
    response = decode(value)
    assert response.text == "a"
    assert [(one.index, one.message.text, one.finish_reason) for one in response.alternatives] == [(1, "b", "length")]


def test_logprobs():
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -9999.0, "bytes": None}]}
    refused = {"token": "n", "logprob": -1, "bytes": None, "top_logprobs": []}
    choice = {"logprobs": {"content": [token], "refusal": [refused, {"token": 1}, "x", {"token": "y", "logprob": 10**400}]}}
    value = json.dumps(body({"content": "a", "refusal": "n"}, choice=choice)).encode()
    assert decode(value).logprobs == (TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -9999.0),)), TokenLogprob("n", -1.0))
    old = {"logprobs": {"tokens": ["a", "b"], "token_logprobs": [-1.5, None]}}
    assert decode(body({"content": "a"}, choice=old)).logprobs == (TokenLogprob("a", -1.5),)


# --- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "ours"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, {"input_tokens": 9, "output_tokens": 4}),
        ({"prompt_tokens": 9, "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2, "audio_tokens": 1, "image_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1, "image_tokens": 1}},
            {"input_tokens": 9, "output_tokens": 4, "cache_read_tokens": 5, "cache_write_tokens": 2, "input_audio_tokens": 1,
                "input_image_tokens": 3, "reasoning_tokens": 2, "output_audio_tokens": 1, "output_image_tokens": 1}),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3}, {"input_tokens": 9, "cache_read_tokens": 6}),
        ({"prompt_tokens": 9, "cached_tokens": 6}, {"input_tokens": 9, "cache_read_tokens": 6}),
        ({"prompt_tokens": 9, "reasoning_tokens": 6}, {"input_tokens": 9, "reasoning_tokens": 6}),
        ({"prompt_tokens": 9.0, "completion_tokens": "4", "prompt_tokens_details": None, "completion_tokens_details": [1]},
            {"input_tokens": 9}),
        ({"prompt_tokens": -1, "completion_tokens": True}, {}),
    ],
)  # fmt: skip
def test_usage(usage, ours):
    response = decode(body({"content": "a"}, usage=usage))
    told = msgspec.structs.asdict(response.usage)
    assert told.pop("raw") == usage
    assert {name: value for name, value in told.items() if value is not None} == ours


def test_usage_in_other_places():
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    assert decode(body({"content": "a"}, x_groq={"id": "q", "usage": usage})).usage.input_tokens == 9
    assert decode(body({"content": "a"}, choice={"usage": usage})).usage.input_tokens == 9
    assert decode(body({"content": "a"}, usage=None)).usage.raw == {}


def test_output_that_leaves_reasoning_out():
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 10}}
    aim = context(target(Quirks(output_excludes_reasoning=True)))
    assert decode(body({"content": "a"}, usage=usage), aim).usage.output_tokens == 14
    assert decode(body({"content": "a"}, usage=usage)).usage.output_tokens == 4
    assert decode(body({"content": "a"}, usage=usage | {"total_tokens": 23})).usage.output_tokens == 14
    assert decode(body({"content": "a"}, usage=usage | {"total_tokens": 13}), aim).usage.output_tokens == 4
    assert decode(body({"content": "a"}, usage=usage | {"total_tokens": 99}), aim).usage.output_tokens == 14


@pytest.mark.parametrize(
    ("usage", "quirks", "cost"),
    [
        ({"cost": 0.00025}, {}, "0.00025"),
        ({"cost": 1e-7}, {}, "1E-7"),
        ({"cost": 0}, {}, "0"),
        ({"cost": {"total_cost": 0.006}}, {}, "0.006"),
        ({"cost": {"total_cost": 0.006}}, {"cost_field": "cost.total_cost"}, "0.006"),
        ({"cost_in_usd_ticks": 943_000}, {"cost_field": "cost_in_usd_ticks", "cost_scale": 1e-10}, "0.0000943"),
        ({}, {}, None),
        ({"cost": "much"}, {}, None),
        ({"cost": True}, {}, None),
        ({"cost": None}, {}, None),
        ({"cost": "NaN"}, {}, None),
        ({"cost": {"x": 1}}, {"cost_field": "cost.total"}, None),
    ],
)
def test_reported_cost(usage, quirks, cost):
    expected = None if cost is None else Decimal(cost)
    assert reported_cost(usage, Quirks(**quirks)) == expected
    assert decode(body({"content": "a"}, usage=usage), context(target(Quirks(**quirks)))).reported_cost == expected


# --- what we have no field for ----------------------------------------------------------------------------------------


def test_unknown_fields_stay_reachable():
    value = body(
        {"content": "a", "executed_tools": [1]}, choice={"native_finish_reason": "end"}, citations=["https://x"], nothing=None
    )
    assert decode(value).extra == {
        "citations": ["https://x"],
        "choice": {"native_finish_reason": "end"},
        "message": {"executed_tools": [1]},
    }


# --- what is no reply -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"error": {"message": "Provider returned error", "code": 502}}, ServerError),
        (
            {"error": {"code": 503, "message": "m", "metadata": {"error_type": "provider_overloaded"}}, "choices": []},
            OverloadedError,
        ),
        ({"error": "words"}, ServerError),
        ([{"error": {"message": "m", "type": "insufficient_quota"}}], QuotaError),
        ({"object": "error", "message": "m", "type": "invalid_request_error", "code": 400}, InvalidRequestError),
        ({"base_resp": {"status_code": 1002, "status_msg": "slow"}, "choices": None}, RateLimitError),
        ({"choices": [{"error": {"code": 429, "message": "m"}, "message": {}, "finish_reason": "error"}]}, RateLimitError),
    ],
)
def test_an_error_under_status_200_is_raised(value, kind):
    with pytest.raises(ProviderError) as caught:
        decode(value)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.request_id, caught.value.provider) == (200, "q1", "openai")


def test_an_empty_error_is_none():
    assert decode(body({"content": "a"}, error=None)).text == "a"
    assert decode(body({"content": "a"}, error={}, base_resp={"status_code": 0})).text == "a"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (b"", "$"),
        (b"<html>secret</html>", "$"),
        (b"[" * 5000, "$"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "$"),
        (b"42", "$"),
        ({}, "$.choices"),
        ({"choices": {"secret": 1}}, "$.choices"),
        ({"choices": ["secret"]}, "$.choices[0]"),
        ({"choices": [{"message": "secret"}]}, "$.choices[0].message"),
        ({"choices": [{"message": {"content": 42}}]}, "$.choices[0].message.content"),
        ({"choices": [{"message": {"content": [42]}}]}, "$.choices[0].message.content[]"),
        ({"choices": [{"message": {"tool_calls": "secret"}}]}, "$.choices[0].message.tool_calls"),
        ({"choices": [{"message": {"tool_calls": ["secret"]}}]}, "$.choices[0].message.tool_calls[]"),
        ({"choices": [{"message": {"audio": {"data": "secret!!"}}}]}, "$.choices[0].message.audio.data"),
    ],
)
def test_what_breaks_the_protocol_names_the_place_only(value, path):
    with pytest.raises(MalformedResponseError) as caught:
        decode(value)
    assert caught.value.path == path
    assert (caught.value.provider, caught.value.status, caught.value.request_id) == ("openai", 200, "q1")
    assert "secret" not in str(caught.value)


def test_lenient_json():
    assert decode(b"\xef\xbb\xbf \n\n" + json.dumps(body({"content": "a"})).encode() + b"\n ").text == "a"
    assert decode(b'{"choices":[{"message":{"content":"caf\xe9"}}]}').text == "caf\ufffd"
    assert decode(b'{"choices":[{"message":{"content":"a\\ud800\\ud83d\\ude00\\\\ud800"}}]}').text == "a\ufffd😀\\ud800"
    assert decode(b'{"choices":[{"message":{"content":"a"}}],"x":NaN}').text == "a"
    assert decode(b'{"choices":[],"choices":[{"message":{"content":"b","content":"a"}}]}').text == "a"
    assert decode(b'{"choices":[]}').parts == ()
    assert decode(b'{"choices":[{"text":"old"}],"created":1.5e9}').created == 1_500_000_000
    assert len(decode(b'{"choices":[{"message":{"content":"' + b"x" * 10_000_000 + b'"}}]}').text) == 10_000_000


NAMES = st.sampled_from([
    "choices", "message", "content", "tool_calls", "function", "arguments", "id", "index", "usage", "error", "type", "text", "logprobs",
    "audio", "data", "annotations", "reasoning_details", "images", "image_url", "url", "finish_reason", "created", "thinking", "token",
])  # fmt: skip
SHAPES = st.recursive(
    json_values, lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=3), max_leaves=25
)


@given(SHAPES, st.booleans())
def test_whatever_the_json_a_value_or_an_error_of_ours(value, inside):
    if inside:
        value = {"choices": [{"message": value}]}
    try:
        response = decode(value)
    except ProviderError:
        return
    msgspec.json.encode(response.message)


@given(st.binary(max_size=100))
def test_whatever_the_bytes_a_value_or_an_error_of_ours(data):
    for value in (data, b'{"choices":[{"message":{"content":"' + data + b'"}}]}'):
        try:
            decode(value)
        except ProviderError:
            continue


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "ids", "after"),
    [
        (b'{"object":"list","data":[{"id":"a"},{"id":"b"}]}', ("a", "b"), None),
        (b"", (), None),
        (b" \n", (), None),
        (b'[{"id":"a"},"b"]', ("a", "b"), None),
        (b'{"models":[{"name":"a"},{"model":"b"},{"x":1}]}', ("a", "b"), None),
        (b'{"object":"list","data":null}', (), None),
        (b'{"data":[{"id":"a"}],"has_more":true}', ("a",), "a"),
        (b'{"data":[{"id":"a"}],"has_more":true,"last_id":"z"}', ("a",), "z"),
        (b'{"data":[{"id":"a"}],"has_more":false}', ("a",), None),
    ],
)
def test_models(data, ids, after):
    assert DIALECT.decode_models(HttpReply(200, body=data)) == (ids, after)


@pytest.mark.parametrize("data", [b"<html>", b"{}", b"42", b'{"error":{"message":"no"}}'])
def test_what_is_no_list_of_models(data):
    with pytest.raises(ProviderError):
        DIALECT.decode_models(HttpReply(200, body=data))
