"""The vendor's own SDK asks a server of ours."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.serve.raw import Answering, Source
from trunkline.dialects.dialect import Operation, ServedModel
from trunkline.dialects.gemini import DIALECT
from trunkline.serve.answers import Answer, Asked, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import OverloadedError, RateLimitError
from trunkline.values.events import Event, Finish, Start, UsageUpdate
from trunkline.values.fold import unfold
from trunkline.values.message import Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import Request, Tool
from trunkline.values.response import Response, Usage

USAGE = Usage(input_tokens=10, output_tokens=7, reasoning_tokens=3, cache_read_tokens=4)
asked: list[Request] = []


def reply_to(request: Request) -> Response:
    last = request.messages[-1]
    if any(isinstance(part, ToolResult) for part in last.parts):
        parts: tuple[Any, ...] = (Text("It is 4 °C."),)
    elif request.tools:
        parts = (
            Reasoning("Two places."),
            ToolCall("a", "weather", '{"city":"Oslo"}'),
            ToolCall("b", "weather", '{"city":"Rome"}'),
        )
    elif request.output is not None:
        parts = (Text('{"name":"Ada","age":36}'),)
    else:
        parts = (Reasoning("Let me see."), Text("Hello "), Text("there"))
    return Response(message=Message("assistant", parts), finish_reason="stop", usage=USAGE, model=request.model, id="r1")


async def answer(asking: Asked) -> Answer:
    half, context = asking.half, asking.context
    if asking.operation is Operation.MODELS:
        return Whole(half.encode_models([ServedModel("one"), ServedModel("two")], context))
    if asking.operation is Operation.MODEL:
        return Whole(half.encode_model(ServedModel(asking.model or ""), context))
    if asking.operation is Operation.COUNT_TOKENS:
        return Whole(half.encode_token_count(5, context))
    assert asking.decoded is not None
    request = asking.decoded.request
    asked.append(request)
    text = request.messages[-1].text
    if text == "too fast":
        raise RateLimitError("slow down", status=429, retry_after=46.5)
    if not context.stream:
        return Whole(half.encode_response(reply_to(request), context))
    events: list[Event] = unfold(reply_to(request))
    if text == "fail":
        return Streamed(Source(events[:3], OverloadedError("no capacity", status=503)), context)
    return Streamed(Source(*([event] for event in events)), context, ping_every=None)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(App(Answering(answer), [DIALECT])) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Any:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))


def weather(city: str) -> str:
    """How warm it is."""
    return f"4 °C in {city}"


def test_a_whole_reply(client: Any) -> None:
    reply = client.models.generate_content(
        model="gemini-test",
        contents="hi",
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            temperature=0.5,
            max_output_tokens=100,
            stop_sequences=["END"],
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW),
        ),
    )
    assert reply.text == "Hello there"
    assert [part.text for part in reply.candidates[0].content.parts if part.thought] == ["Let me see."]
    assert reply.candidates[0].finish_reason is types.FinishReason.STOP
    usage = reply.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (10, 4, 3)
    assert (usage.total_token_count, usage.cached_content_token_count) == (17, 4)
    assert (reply.model_version, reply.response_id) == ("gemini-test", "r1")
    request = asked[-1]
    assert [message.role for message in request.messages] == ["system", "user"]
    assert (request.temperature, request.max_tokens, request.stop, request.stream) == (0.5, 100, ("END",), False)
    assert request.reasoning is not None and (request.reasoning.effort, request.reasoning.show) == ("low", "summarized")
    assert not request.extra_body


def test_a_stream(client: Any) -> None:
    pieces = list(client.models.generate_content_stream(model="gemini-test", contents=["hi", "you"]))
    assert "".join(piece.text or "" for piece in pieces) == "Hello there"
    assert len(pieces) == 4
    assert pieces[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert pieces[-1].usage_metadata.total_token_count == 17
    assert asked[-1].stream and asked[-1].messages == (Message.user("hi", "you"),)


@pytest.mark.parametrize("streamed", [False, True])
def test_functions_called_by_the_sdk_itself(client: Any, streamed: bool) -> None:
    """Two calls at once, run by the SDK, answered; the stand-in signature comes back and is dropped."""
    asked.clear()
    chat = client.chats.create(model="gemini-test", config=types.GenerateContentConfig(tools=[weather]))
    if streamed:
        text = "".join(piece.text or "" for piece in chat.send_message_stream("Where is it warm?") if not piece.function_calls)
    else:
        text = chat.send_message("Where is it warm?").text
    assert text == "It is 4 °C."
    first, second = asked
    (tool,) = first.tools
    assert isinstance(tool, Tool) and tool.name == "weather" and tool.parameters is not None
    assert tool.parameters["properties"] == {"city": {"type": "string"}}
    said, results = second.messages[-2:]
    assert [(call.id, call.name, call.arguments) for call in said.tool_calls] == [
        ("a", "weather", {"city": "Oslo"}),
        ("b", "weather", {"city": "Rome"}),
    ]
    assert all(part.state is None for part in said.parts)
    assert [part for part in results.parts if isinstance(part, ToolResult)] == [
        ToolResult("a", (Text(json.dumps({"result": "4 °C in Oslo"})),), name="weather"),
        ToolResult("b", (Text(json.dumps({"result": "4 °C in Rome"})),), name="weather"),
    ]


def test_the_first_call_is_signed(client: Any) -> None:
    function = types.FunctionDeclaration(name="weather", parameters_json_schema={"type": "object", "properties": {}})
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
    reply = client.models.generate_content(model="gemini-test", contents="hi", config=config)
    _, first, second = reply.candidates[0].content.parts
    assert (first.function_call.id, first.function_call.args) == ("a", {"city": "Oslo"})
    assert (first.thought_signature is not None, second.thought_signature) == (True, None)
    assert reply.candidates[0].finish_reason is types.FinishReason.STOP


def test_a_schema(client: Any) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"]}
    for config in (
        types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema),
        types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema),
    ):
        reply = client.models.generate_content(model="gemini-test", contents="who?", config=config)
        assert json.loads(reply.text) == {"name": "Ada", "age": 36}
        assert asked[-1].output is not None and asked[-1].output.schema is not None
        assert asked[-1].output.schema | schema == asked[-1].output.schema


def test_errors_of_the_sdk(client: Any) -> None:
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="gemini-test", contents="too fast")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.message == "slow down"
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46.5s"} in caught.value.details["error"][
        "details"
    ]
    with pytest.raises(errors.ServerError) as broken:
        list(client.models.generate_content_stream(model="gemini-test", contents="fail"))
    assert (broken.value.code, broken.value.status) == (503, "UNAVAILABLE")
    with pytest.raises(errors.ClientError, match=r"mbedContents?.* is not served here") as refused:
        client.models.embed_content(model="gemini-test", contents="hi")
    assert refused.value.code == 400


def test_models_and_tokens(client: Any) -> None:
    assert [model.name for model in client.models.list()] == ["models/one", "models/two"]
    model = client.models.get(model="one")
    assert (model.name, model.display_name) == ("models/one", "one")
    assert "generateContent" in model.supported_actions
    assert client.models.count_tokens(model="gemini-test", contents="hi").total_tokens == 5


def test_vertex(server: Server) -> None:
    """With a key and no project: the paths of Vertex."""
    vertex: Any = genai.Client(vertexai=True, api_key="k", http_options=types.HttpOptions(base_url=server.url))
    assert vertex.models.generate_content(model="gemini-test", contents="hi").text == "Hello there"
    assert asked[-1].model == "gemini-test"
    assert (
        "".join(p.text or "" for p in vertex.models.generate_content_stream(model="gemini-test", contents="hi")) == "Hello there"
    )


@pytest.mark.parametrize("text", ["hi", "fail"])
def test_a_stream_without_sse_is_one_array(server: Server, text: str) -> None:
    body = json.dumps({"contents": [{"parts": [{"text": text}]}]}).encode()
    asking = urllib.request.Request(f"{server.url}/v1beta/models/m:streamGenerateContent?key=k", body)
    with urllib.request.urlopen(asking, timeout=20) as reply:
        assert reply.headers["content-type"].startswith("application/json")
        pieces = json.loads(reply.read())
    assert pieces[0]["candidates"][0]["content"]["parts"][0]["text"] == "Let me see."
    assert ("error" in pieces[-1]) is (text == "fail")


def test_pings_do_not_disturb_the_sdk() -> None:
    """A comment would: its reader takes any line that is not data for JSON."""

    class Slow(Source):
        async def next(self) -> Any:
            import asyncio

            await asyncio.sleep(0.03)
            return await super().next()

    async def slowly(asking: Asked) -> Answer:
        events: list[Event] = [Start(id="r"), *unfold(reply_to(Request(model="m", messages=(Message.user("x"),))))[1:-2]]
        events += [UsageUpdate(USAGE), Finish("stop")]
        return Streamed(Slow(*([event] for event in events)), asking.context, ping_every=0.005)

    with Server(App(Answering(slowly), [DIALECT])) as running:
        client: Any = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=running.url))
        assert (
            "".join(piece.text or "" for piece in client.models.generate_content_stream(model="m", contents="hi"))
            == "Hello there"
        )


def test_what_is_no_request_is_told_by_its_field(client: Any) -> None:
    with pytest.raises(errors.ClientError, match=r"contents\[0\]\.role") as caught:
        client.models.generate_content(model="m", contents=[{"role": "robot", "parts": [{"text": "x"}]}])
    assert caught.value.code == 400
