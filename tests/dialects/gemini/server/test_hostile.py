"""Whatever comes in as a request is read, or refused by its path and without its words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.gemini.server.said import PATH, http
from trunkline.dialects.gemini import DIALECT
from trunkline.values.check import check_request
from trunkline.values.errors import InvalidRequestError, UsageError

ODD = st.sampled_from(
    [1e400, float("nan"), 2**70, "\ud800", True, None, [], {}, [[]], [{}], "x" * 99, -1, 0.5, "", "QUJD", ["a"], {"a": 1}]
)
BODY: dict[str, Any] = {
    "systemInstruction": {"role": "user", "parts": [{"text": "s"}]},
    "contents": [
        {"role": "user", "parts": [
            {"text": "t"}, {"inlineData": {"mimeType": "image/png", "data": "QUJD", "displayName": "n"}, "mediaResolution": {"level": "L"}},
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/v"}, "videoMetadata": {"fps": 1}},
            {"inline_data": {"mime_type": "application/pdf", "data": "QUJD"}},
        ]},
        {"role": "model", "parts": [
            {"text": "t", "thought": True, "thoughtSignature": "c2ln"}, {"functionCall": {"id": "a", "name": "n", "args": {"x": 1}}},
            {"functionCall": {"name": "n"}, "thoughtSignature": "c2ln"}, {"executableCode": {"language": "PYTHON", "code": "c"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "o"}}, {"toolCall": {"id": "t"}}, {"toolResponse": {"id": "t"}},
            {"later": {"x": 1}},
        ]},
        {"role": "function", "parts": [
            {"functionResponse": {"id": "a", "name": "n", "response": {"output": "r"}, "parts": [{"inlineData": {"mimeType": "i/p", "data": ""}}]}},
            {"functionResponse": {"name": "n", "response": {"error": {"x": 1}}, "willContinue": False}}, {"text": "then"},
        ]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "n", "description": "d", "parameters": {"type": "OBJECT", "nullable": True, "properties": {"a": {"type": "STRING"}}}}]},
        {"function_declarations": [{"name": "m", "parametersJsonSchema": {"type": "object"}, "behavior": "BLOCKING"}], "googleSearch": {}},
        {"mcpServers": [{"name": "s"}]},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["n"]}, "includeServerSideToolInvocations": True},
    "generationConfig": {
        "temperature": 1, "topK": 3, "maxOutputTokens": "10", "stopSequences": ["x"], "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT"}, "responseModalities": ["TEXT"], "responseLogprobs": True, "logprobs": 2, "seed": 1,
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "v"}}}, "candidateCount": 2,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 100},
    },
    "safetySettings": [{"category": "c", "threshold": "t"}], "cachedContent": "c", "labels": {"a": "b"}, "serviceTier": "flex",
    "store": False, "model": "models/gemini-test",
}  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, item in inner for place in places(item, (*at, name))]


PLACES = places(BODY)[1:]


def mutated(place: tuple[Any, ...], value: Any, *, gone: bool) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(BODY))
    holder: Any = body
    for step in place[:-1]:
        holder = holder[step]
    if gone:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return body


def judge_refusal(data: bytes, path: str = PATH) -> None:
    """Read or refused; what was read can be sent, unless no request of anybody's may hold it."""
    try:
        decoded = DIALECT.decode_request(http(data, path=path))
    except InvalidRequestError as error:
        assert error.status == 400
        assert error.param
        assert error.param in str(error)
        return
    try:
        check_request(decoded.request)
    except UsageError:
        return
    DIALECT.encode_request(decoded.request, decoded.context.target)


def test_the_body_itself_is_read():
    request = DIALECT.decode_request(http(BODY)).request
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "tool", "user"]
    judge_refusal(json.dumps(BODY).encode())


@given(st.sampled_from(PLACES), ODD, st.booleans())
def test_a_body_with_something_odd_in_it_is_read_or_refused(place, value, gone):
    judge_refusal(json.dumps(mutated(place, value, gone=gone)).encode("utf-8", "surrogatepass"))


@settings(max_examples=60)
@given(st.sampled_from(PLACES), st.text(min_size=30, max_size=40), st.booleans())
def test_a_refusal_quotes_nothing(place, secret, key):
    value = {secret: secret} if key else [secret]
    try:
        DIALECT.decode_request(http(json.dumps(mutated(place, value, gone=False)).encode()))
    except InvalidRequestError as error:
        assert secret not in str(error)
        assert secret not in repr(error)
        assert error.provider_message is None


WHOLE = json.dumps(BODY).encode()
PATHS = [
    "", "/", "/v1beta/models/", "/v1beta/models/m", "/v1beta/models/m:", "/v1beta/models/:generateContent", "http://[::1/m:x",
    "/v1beta/models/m:generateContent?alt=%ff&alt=sse&" + "a=b&" * 200, "/v1beta/models/m:batchEmbedContents", "/m:countTokens",
]  # fmt: skip


@settings(max_examples=60)
@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, 20), st.sampled_from(PATHS))
def test_whatever_the_bytes(data, at, cut, path):
    judge_refusal(data, path)
    judge_refusal(WHOLE[:at] + data + WHOLE[at + cut :])
    context = DIALECT.context_of(http(data, path=path))
    assert (context.target.dialect, context.served is not None) == (DIALECT.id, True)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"1e999", b"\xef\xbb\xbf" + WHOLE, WHOLE.replace(b'"t"', b'"\xff"'), b'{"contents":' * 5_000,
        b'{"contents":' + b"[" * 100_000, b'{"contents":"x","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"contents":"x","x":' + b"[" * 300 + b"]" * 300 + b"}", b'{"contents":"x","generationConfig":{"topK":' + b"9" * 5_000 + b"}}",
        b'{"contents":"x","x":NaN}', b'{"contents":[{"parts":[{"text":"\\udfff"}]}]}', b'{"contents":"x","contents":"y"}',
    ],
)  # fmt: skip
def test_hostile_bodies(data):
    judge_refusal(data)


@pytest.mark.parametrize(
    "body,param",
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": 1}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"inlineData": {"data": "QUJD"}}]}]}, "contents[0].parts[0].inlineData.mimeType"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "a/b", "data": "%"}}]}]}, "contents[0].parts[0].inlineData.data"),
        ({"contents": [{"parts": [{"functionCall": {"args": {}}}], "role": "model"}]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f", "args": "{}"}}]}]}, "contents[0].parts[0].functionCall.args"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f"}}], "role": "user"}]}, "contents[0]"),
        ({"contents": "x", "systemInstruction": {"parts": [{"functionCall": {"name": "f"}}]}}, "systemInstruction"),
        ({"contents": "x", "tools": [{"functionDeclarations": [{"name": "f", "parameters": 1}]}]}, "tools[0].functionDeclarations[0].parameters"),
        ({"contents": "x", "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"contents": "x", "generationConfig": {"temperature": "warm"}}, "generationConfig.temperature"),
        ({"contents": "x", "generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        ({"contents": "x", "generationConfig": {"thinkingConfig": {"thinkingBudget": 0.5}}}, "generationConfig.thinkingConfig.thinkingBudget"),
        ({"contents": "x", "toolConfig": {"functionCallingConfig": []}}, "toolConfig.functionCallingConfig"),
        ({"contents": "x", "store": 1}, "store"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(body, param):
    with pytest.raises(InvalidRequestError) as caught:
        DIALECT.decode_request(http(body))
    assert (caught.value.status, caught.value.param) == (400, param)
