"""Requests as ours (gemini §3 to §6, §13), and said again by the client half."""

from __future__ import annotations

import json

import pytest

from tests.dialects.gemini.server.said import MODEL, asked, decoded, http, said_again
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.server import stand_in
from trunkline.values.errors import InvalidRequestError
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Message,
    Opaque,
    ProviderState,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from trunkline.values.request import AudioOutput, HostedTool, OutputFormat, ReasoningOptions, Tool, ToolChoice


def state(must_return=False, **fields):
    return ProviderState("gemini", json.dumps(fields, separators=(",", ":")).encode(), must_return=must_return)


def parts_of(*parts, role="user"):
    (message,) = asked({"contents": [{"role": role, "parts": list(parts)}]}).messages
    return message.parts


VERTEX = "/v1beta1/projects/p/locations/global/publishers/google/models"


@pytest.mark.parametrize(
    "path,model,stream,array",
    [
        ("/v1beta/models/m:generateContent", "m", False, False),
        ("/v1/models/m:streamGenerateContent?alt=sse", "m", True, False),
        ("/v1/models/m:streamGenerateContent", "m", True, True),
        ("/v1/models/m:streamGenerateContent?%24alt=json%3Benum-encoding%3Dint", "m", True, True),
        ("https://x.test/v1beta/models/org%2Fm:generateContent/", "org/m", False, False),
        ("/v1beta/models/org/m:8b:generateContent", "org/m:8b", False, False),
        ("/v1beta/models/models/m:generateContent", "m", False, False),
        ("/v1beta/models/publishers/google/models/m:generateContent", "m", False, False),
        (f"{VERTEX}/m:streamGenerateContent?alt=sse", "m", True, False),
        ("/v1beta1/publishers/google/models/m:generateContent", "m", False, False),
        ("/v1beta/tunedModels/t:generateContent", "tunedModels/t", False, False),
    ],
)
def test_the_address_says_model_and_form(path, model, stream, array):
    found = decoded({}, path=path)
    assert (found.request.model, found.request.stream, found.context.model) == (model, stream, model)
    assert found.context.stream is stream
    assert found.context.served is not None and found.context.served.array is array
    assert DIALECT.context_of(http(b"{", path=path)) == found.context
    assert not found.request.extra_query


def test_other_parameters_are_passed_on_and_keys_are_not():
    found = decoded({}, path=f"/v1/models/{MODEL}:generateContent?key=secret&prettyPrint=false&a=1&a=2&access_token=x")
    assert found.request.extra_query == {"prettyPrint": "false", "a": "2"}
    assert [warning.field for warning in found.warnings] == ["query"]
    assert "secret" not in repr(found)


@pytest.mark.parametrize("method", ["embedContent", "batchGenerateContent", "predictLongRunning", ""])
def test_other_methods_of_a_model_are_refused_by_name(method):
    with pytest.raises(InvalidRequestError, match="generateContent, streamGenerateContent and countTokens are") as caught:
        decoded({}, path=f"/v1beta/models/m:{method}")
    assert method in str(caught.value)


def test_tokens_are_counted_of_a_request_that_stands_within():
    inner = {"model": "models/m", "contents": [{"parts": [{"text": "hi"}]}], "systemInstruction": "Be brief."}
    for body in (inner, {"generateContentRequest": inner}):
        request = DIALECT.decode_request(http(body, path="/v1beta/models/m:countTokens")).request
        assert request.messages == (Message.system("Be brief."), Message.user("hi"))
        assert (request.extra_body, request.stream) == ({}, False)


@pytest.mark.parametrize(
    "contents",
    [
        "hi", ["hi"], {"text": "hi"}, [{"text": "hi"}], {"parts": [{"text": "hi"}]}, {"role": "user", "parts": {"text": "hi"}},
        [{"parts": "hi"}], [{"role": None, "parts": ["hi", None][:1]}],
    ],
)  # fmt: skip
def test_shortcuts_for_one_turn(contents):
    assert asked({"contents": contents}).messages == (Message.user("hi"),)


@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
@pytest.mark.parametrize(
    "said", ["s", {"parts": [{"text": "s"}]}, {"role": "system", "parts": [{"text": "s"}]}, {"text": "s"}, ["s"]]
)
def test_instructions_in_every_spelling(name, said):
    assert asked({name: said}).messages == (Message.system("s"), Message.user("hi"))


def test_no_instructions_are_none():
    assert asked({"systemInstruction": {"parts": [{"text": ""}]}}).messages == (Message.user("hi"),)


# --- parts --------------------------------------------------------------------------------------------------------------------


def test_media():
    assert parts_of(
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"inline_data": {"mime_type": "audio/wav", "data": "QUJD\n"}, "mediaResolution": {"level": "LOW"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "_-8", "displayName": "a.pdf"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/v"}, "videoMetadata": {"fps": 2}},
        {"file_data": {"file_uri": "files/abc", "mime_type": "image/png"}},
    ) == (
        Image(Data(b"ABC", "image/png")),
        Audio(Data(b"ABC", "audio/wav"), state=state(mediaResolution={"level": "LOW"})),
        File(Data(b"\xff\xef", "application/pdf"), "a.pdf"),
        Video(Url("https://x.test/v", "video/mp4"), state=state(videoMetadata={"fps": 2})),
        Image(FileId("files/abc"), state=state(fileData={"mimeType": "image/png"})),
    )


def test_what_a_model_said():
    assert parts_of(
        {"text": "t", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "a", "thought": False},
        {"text": "", "thought_signature": "c2ln"},
        {"functionCall": {"name": "f", "args": {"x": 1.50}, "later": 1}, "thoughtSignature": "c2ln"},
        {"thoughtSignature": "c2ln", "thought": True},
        {"later": {"x": 1}, "thoughtSignature": "c2ln"},
        role="model",
    ) == (
        Reasoning("t", state=state(thoughtSignature="c2ln")),
        Text("a"),
        Text("", state=state(thoughtSignature="c2ln")),
        ToolCall("gemini_call_0", "f", '{"x":1.5}', state=state(True, thoughtSignature="c2ln", functionCall={"later": 1})),
        Reasoning("", state=state(thoughtSignature="c2ln")),
        Opaque("later", state(later={"x": 1}, thoughtSignature="c2ln")),
    )


def test_tools_that_the_provider_ran():
    call, result = {"language": "PYTHON", "code": "1"}, {"outcome": "OUTCOME_FAILED", "output": "no"}
    found = parts_of({"executableCode": call}, {"code_execution_result": result}, {"toolCall": {"id": "t"}}, role="model")
    assert found == (
        HostedToolCall("gemini_call_0", "executableCode", json.dumps(call, separators=(",", ":"))),
        HostedToolResult(
            "gemini_call_0", "codeExecutionResult", json.dumps(result, separators=(",", ":")).encode(), is_error=True
        ),
        HostedToolCall("t", "toolCall", '{"id":"t"}'),
    )


@pytest.mark.parametrize("signature", [stand_in.SIGNATURE, "", None])
def test_our_own_signature_is_nobody_s_state(signature):
    (call,) = parts_of({"functionCall": {"id": "c", "name": "f"}, "thoughtSignature": signature}, role="model")
    assert call == ToolCall("c", "f")


def test_a_part_that_says_nothing_is_left_out_with_a_warning():
    found = decoded({"contents": [{"parts": [{}, {"text": "hi"}]}]})
    assert found.request.messages == (Message.user("hi"),)
    assert [str(warning) for warning in found.warnings] == ["contents[0].parts was dropped: a part without data says nothing"]


# --- calls and answers --------------------------------------------------------------------------------------------------------


def call(name, **fields):
    return {"functionCall": {"name": name, "args": {}, **fields}}


def answer(name, **fields):
    return {"functionResponse": {"name": name, "response": {"output": "r"}, **fields}}


def ids(*turns):
    """Of each call and each answer, its id."""
    contents = [{"role": "model" if "functionCall" in turn[0] else "user", "parts": list(turn)} for turn in turns]
    messages = asked({"contents": contents}).messages
    return [part.id if isinstance(part, ToolCall) else part.tool_call_id for message in messages for part in message.parts]


@pytest.mark.parametrize(
    "turns,expected",
    [
        ([[call("f"), call("g")], [answer("g"), answer("f")]], ["0", "1", "1", "0"]),
        ([[call("f"), call("f")], [answer("f"), answer("f")]], ["0", "1", "0", "1"]),
        ([[call("f")], [answer("f")], [call("f")], [answer("f")]], ["0", "0", "1", "1"]),
        ([[call("f", id="a"), call("f", id="b")], [answer("f", id="b"), answer("f", id="a")]], ["a", "b", "b", "a"]),
        ([[call("f", id="a"), call("f", id="b")], [answer("f"), answer("f")]], ["a", "b", "a", "b"]),
        ([[call("f")], [answer("f", id="x")]], ["0", "0"]),
        ([[call("f")], [answer("renamed")]], ["0", "0"]),
        ([[answer("f", id="x")], [answer("f")]], ["x", "0"]),
    ],
)
def test_answers_find_their_calls(turns, expected):
    assert [id.removeprefix("gemini_call_") for id in ids(*turns)] == expected


def test_an_id_that_was_made_up_stays_off_the_wire():
    contents = [
        {"role": "model", "parts": [call("f"), call("g", id="c")]},
        {"role": "user", "parts": [answer("f", id="own"), answer("g", id="c"), {"text": "and?"}]},
    ]
    request = asked({"contents": contents})
    assert [message.role for message in request.messages] == ["assistant", "tool", "user"]
    again = said_again(request)["contents"]
    assert again[0]["parts"] == contents[0]["parts"]
    assert [part for turn in again[1:] for part in turn["parts"]] == contents[1]["parts"]


@pytest.mark.parametrize(
    "response,text,is_error",
    [
        ({"output": "4 °C"}, "4 °C", False),
        ({"output": {"t": 4}}, '{"t":4}', False),
        ({"error": "no"}, "no", True),
        ({"error": {"code": 1}}, '{"code":1}', True),
        ({"t": 4, "error": None}, '{"t":4,"error":null}', False),
        ({"result": "x"}, '{"result":"x"}', False),
        ({}, "{}", False),
    ],
)
def test_what_a_tool_answered(response, text, is_error):
    contents = [{"role": "user", "parts": [{"functionResponse": {"name": "f", "id": "c", "response": response}}]}]
    request = asked({"contents": contents})
    (result,) = request.messages[0].parts
    assert isinstance(result, ToolResult)
    assert (result.parts, result.is_error) == ((Text(text),), is_error)
    assert said_again(request)["contents"] == contents


def test_media_in_an_answer():
    inner = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    contents = [{"role": "user", "parts": [answer("f", id="c", parts=[inner], willContinue=False)]}]
    request = asked({"contents": contents})
    assert request.messages[0].parts[0].parts == (Text("r"), Image(Data(b"ABC", "image/png")))
    assert said_again(request)["contents"] == contents


def test_turns_of_the_model_s_that_follow_each_other_are_one():
    """As programs send them that keep each piece of a stream."""
    pieces = [{"role": "model", "parts": [part]} for part in ({"text": "a"}, call("f", id="1"), call("g", id="2"), {"text": ""})]
    (message,) = asked({"contents": pieces}).messages
    assert message == Message.assistant("a", ToolCall("1", "f"), ToolCall("2", "g"))


# --- tools and options --------------------------------------------------------------------------------------------------------

SUBSET = {
    "type": "OBJECT",
    "properties": {
        "city": {"type": "STRING", "enum": ["Oslo"], "format": "enum"},
        "days": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "1"},
        "unit": {"type": "STRING", "nullable": True},
        "either": {"anyOf": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]},
    },
    "required": ["city"],
    "propertyOrdering": ["city", "days"],
}
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Oslo"], "format": "enum"},
        "days": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        "unit": {"type": ["string", "null"]},
        "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
    },
    "required": ["city"],
    "propertyOrdering": ["city", "days"],
}


def test_tools():
    request = asked({"tools": [
        {"functionDeclarations": [{"name": "f", "description": "d", "parameters": SUBSET, "behavior": "BLOCKING"}]},
        {"function_declarations": [{"name": "g", "parameters_json_schema": SCHEMA}, {"name": "h"}], "google_search": {"a_b": 1}},
        {"codeExecution": {}}, {"mcpServers": [{"name": "s"}]},
    ]})  # fmt: skip
    assert request.tools == (
        Tool("f", "d", SCHEMA, extra={"behavior": "BLOCKING"}),
        Tool("g", None, SCHEMA),
        Tool("h"),
        HostedTool("googleSearch", options={"a_b": 1}),
        HostedTool("codeExecution"),
        HostedTool("mcpServers", options={"mcpServers": [{"name": "s"}]}),
    )
    functions, *hosted = said_again(request)["tools"]
    said = functions["functionDeclarations"][0]["parameters"]
    assert said == json.loads(json.dumps(SUBSET).replace("min_items", "minItems").replace('"1"', "1"))
    assert hosted == [{"googleSearch": {"a_b": 1}}, {"codeExecution": {}}, {"mcpServers": [{"name": "s"}]}]


@pytest.mark.parametrize(
    "config,choice,left",
    [
        ({"mode": "AUTO"}, ToolChoice("auto"), {}),
        ({"mode": "none"}, ToolChoice("none"), {}),
        ({"mode": "ANY"}, ToolChoice("required"), {}),
        ({"mode": 2, "allowed_function_names": ["f", "g"]}, ToolChoice("required", ("f", "g")), {}),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("tool", ("f",)), {}),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("auto", ("f",)), {}),
        ({"mode": "VALIDATED"}, None, {"mode": "VALIDATED"}),
        ({"mode": "AUTO", "streamFunctionCallArguments": True}, ToolChoice("auto"), {"streamFunctionCallArguments": True}),
        ({"mode": "AUTO", "allowedFunctionNames": ["f"]}, ToolChoice("auto"), {"allowedFunctionNames": ["f"]}),
    ],
)
def test_the_choice_among_tools(config, choice, left):
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    request = asked({"tools": tools, "tool_config": {"function_calling_config": config}})
    assert request.tool_choice == choice
    assert request.extra_body == ({"toolConfig": {"functionCallingConfig": left}} if left else {})


def test_generation_config():
    request = asked({"generation_config": {
        "temperature": 0.5, "top_p": 0.9, "topK": 40.0, "maxOutputTokens": "100", "candidateCount": 2, "stopSequences": ["END"],
        "seed": -3, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 3,
        "responseModalities": ["TEXT", "AUDIO"], "mediaResolution": "MEDIA_RESOLUTION_LOW", "imageConfig": {"aspectRatio": "1:1"},
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}, "later": None,
    }})  # fmt: skip
    assert (request.temperature, request.top_p, request.top_k, request.max_tokens, request.n) == (0.5, 0.9, 40, 100, 2)
    assert (request.stop, request.seed, request.presence_penalty, request.frequency_penalty) == (("END",), -3, 0.1, 0.2)
    assert (request.logprobs, request.top_logprobs, request.modalities) == (True, 3, ("text", "audio"))
    assert request.audio == AudioOutput("Kore", "pcm16")
    assert request.extra_body == {
        "generationConfig": {
            "mediaResolution": "MEDIA_RESOLUTION_LOW", "imageConfig": {"aspectRatio": "1:1"}, "later": None,
        }
    }  # fmt: skip


@pytest.mark.parametrize(
    "thinking,expected",
    [
        ({"includeThoughts": True}, ReasoningOptions(show="summarized")),
        ({"include_thoughts": False, "thinking_budget": 0}, ReasoningOptions(enabled=False, show="omitted")),
        ({"thinkingBudget": -1}, ReasoningOptions(enabled=True)),
        ({"thinkingBudget": 512}, ReasoningOptions(budget=512)),
        ({"thinkingLevel": "high"}, ReasoningOptions(effort="high")),
    ],
)
def test_thinking(thinking, expected):
    request = asked({"generationConfig": {"thinkingConfig": thinking}})
    assert (request.reasoning, request.extra_body) == (expected, {})


@pytest.mark.parametrize(
    "config,output,left",
    [
        ({"responseMimeType": "application/json"}, OutputFormat(), {}),
        ({"responseMimeType": "application/json", "responseSchema": SUBSET}, OutputFormat(SCHEMA), {}),
        ({"response_mime_type": "application/json", "response_json_schema": SCHEMA}, OutputFormat(SCHEMA), {}),
        ({"responseMimeType": "text/plain"}, None, {}),
        (
            {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}},
            None,
            {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}},
        ),
    ],
)
def test_the_form_of_the_output(config, output, left):
    request = asked({"generationConfig": config})
    assert request.output == output
    assert request.extra_body == ({"generationConfig": left} if left else {})


def test_what_only_this_protocol_knows_is_said_again():
    own = {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}], "cachedContent": "cachedContents/1",
        "labels": {"team": "a"}, "later": {"x_y": 1}, "toolConfig": {"includeServerSideToolInvocations": True},
    }  # fmt: skip
    found = decoded({**own, "serviceTier": "flex", "store": False, "model": f"models/{MODEL}"})
    assert found.warnings == ()
    assert found.request.extra_body == own
    assert (found.request.service_tier, found.request.store) == ("flex", False)
    again = said_again(found.request)
    assert again == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **own, "serviceTier": "flex", "store": False}


def test_another_model_in_the_body_counts_for_nothing():
    assert [str(warning) for warning in decoded({"model": "models/other"}).warnings] == [
        "model was dropped: the path names another one, which counts"
    ]


def test_a_long_conversation_is_read_in_one_go():
    """Pieces of a stream as turns, and answers of thousands of calls: looking at all others for each would take minutes."""
    numbers = range(10_000)
    spoken = [{"role": "model", "parts": [{"text": "a"}]} for _ in numbers]
    calls = [{"functionCall": {"id": f"c{n}", "name": "f", "args": {}}} for n in numbers]
    answers = [{"functionResponse": {"id": f"c{n}", "name": "f", "response": {"output": "x"}}} for n in numbers]
    turns = [{"role": "model", "parts": calls}, {"role": "user", "parts": answers}]
    said, results = asked({"contents": [*spoken, *turns]}).messages
    assert len(said.parts) == 2 * len(numbers)
    assert [result.tool_call_id for result in results.parts] == [call.id for call in said.tool_calls]
