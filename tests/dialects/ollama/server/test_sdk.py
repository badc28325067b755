"""The vendor's own SDK asks a server of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.serve.raw import Answering, Source
from trunkline import Client
from trunkline.dialects.dialect import Operation, ServedModel
from trunkline.dialects.ollama import DIALECT
from trunkline.serve.answers import Answer, Asked, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import OverloadedError, RateLimitError
from trunkline.values.events import Event
from trunkline.values.fold import unfold
from trunkline.values.message import Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import Request
from trunkline.values.response import Response, Usage

PNG = b"\x89PNG\r\n\x1a\n"
asked: list[Request] = []


def reply_to(request: Request) -> Response:
    parts: tuple[Any, ...] = (Reasoning("Let me see."), Text("Hello "), Text("there"))
    if any(isinstance(part, ToolResult) for part in request.messages[-1].parts):
        parts = (Text("It is 4 °C."),)
    elif request.tools:
        parts = (ToolCall("a", "weather", '{"city":"Oslo"}'), ToolCall("b", "weather", '{"city":"Rome"}'))
    elif request.output is not None:
        parts = (Text('{"name":"Ada","age":36}'),)
    return Response(message=Message("assistant", parts), finish_reason="stop", usage=Usage(10, 7), model=request.model, id="r1")


async def answer(asking: Asked) -> Answer:
    half, context = asking.half, asking.context
    if asking.operation is Operation.MODELS:
        return Whole(half.encode_models([ServedModel("one"), ServedModel("two")], context))
    assert asking.decoded is not None
    request = asking.decoded.request
    asked.append(request)
    text = request.messages[-1].text
    if text == "too fast":
        raise RateLimitError("slow down", status=429, retry_after=2.0)
    if not context.stream:
        return Whole(half.encode_response(reply_to(request), context))
    events: list[Event] = unfold(reply_to(request))
    if text == "fail":
        return Streamed(Source(events[:3], OverloadedError("no capacity", status=503)), context)
    return Streamed(Source(*([event] for event in events)), context, ping_every=0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(App(Answering(answer), [DIALECT])) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[Any]:
    with ollama.Client(host=server.url) as client:
        yield client


def weather(city: str) -> str:
    """How warm it is.

    Args:
      city: Where.
    """
    return f"4 °C in {city}"


def test_a_whole_reply(sdk: Any) -> None:
    reply = sdk.chat(
        model="m1", messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi", "images": [PNG]}],
        options={"num_predict": 100, "num_ctx": 4096, "stop": ["END"]}, think="low", keep_alive="5m",
    )  # fmt: skip
    assert (reply.message.content, reply.message.thinking, reply.model) == ("Hello there", "Let me see.", "m1")
    assert (reply.done, reply.done_reason, reply.prompt_eval_count, reply.eval_count) == (True, "stop", 10, 7)
    request = asked[-1]
    assert request.messages[-1].parts[0] == Text("hi")
    picture = request.messages[-1].parts[1]
    assert isinstance(picture, Image)
    assert (request.stream, request.max_tokens, request.stop) == (False, 100, ("END",))
    assert request.extra_body == {"options": {"num_ctx": 4096}, "keep_alive": "5m"}


def test_a_stream(sdk: Any) -> None:
    pieces = list(sdk.chat(model="m1", messages=[{"role": "user", "content": "hi"}], stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == "Hello there"
    assert "".join(piece.message.thinking or "" for piece in pieces) == "Let me see."
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].eval_count == 7
    assert asked[-1].stream


@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tool_calls(sdk: Any, streamed: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Where is it warm?"}]
    reply = sdk.chat(model="m1", messages=messages, tools=[weather], stream=streamed)
    calls = [call for piece in (reply if streamed else [reply]) for call in piece.message.tool_calls or []]
    assert [(call.function.name, dict(call.function.arguments)) for call in calls] == [
        ("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"}),
    ]  # fmt: skip
    messages.append({"role": "assistant", "tool_calls": calls})
    messages += [
        {"role": "tool", "tool_name": call.function.name, "content": weather(**call.function.arguments)} for call in calls
    ]
    assert sdk.chat(model="m1", messages=messages, tools=[weather]).message.content == "It is 4 °C."
    said, one, two = asked[-1].messages[1:]
    results = [part for message in (one, two) for part in message.parts if isinstance(part, ToolResult)]
    assert [result.tool_call_id for result in results] == [call.id for call in said.tool_calls]
    assert [result.parts for result in results] == [(Text("4 °C in Oslo"),), (Text("4 °C in Rome"),)]


def test_a_schema(sdk: Any) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    reply = sdk.chat(model="m1", messages=[{"role": "user", "content": "who?"}], format=schema)
    assert json.loads(reply.message.content) == {"name": "Ada", "age": 36}
    assert asked[-1].output is not None
    assert asked[-1].output.schema == schema


def test_errors_of_the_sdk(sdk: Any) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        sdk.chat(model="m1", messages=[{"role": "user", "content": "too fast"}])
    assert (caught.value.status_code, caught.value.error) == (429, "slow down")
    with pytest.raises(ollama.ResponseError, match="no capacity"):
        list(sdk.chat(model="m1", messages=[{"role": "user", "content": "fail"}], stream=True))
    with pytest.raises(ollama.ResponseError, match=r"messages\[0\]\.role") as refused:
        sdk.chat(model="m1", messages=[{"role": "robot", "content": "x"}])
    assert refused.value.status_code == 400


def test_models(sdk: Any) -> None:
    assert [model.model for model in sdk.list().models] == ["one", "two"]


def test_our_client_asks_it_too(server: Server) -> None:
    with Client("ollama/m1", base_url=server.url) as llm:
        assert llm.generate("hi").text == "Hello there"
        with llm.stream("hi") as stream:
            assert "".join(stream.text) == "Hello there"
        assert stream.response.reasoning == "Let me see."
        assert stream.response.usage.output_tokens == 7
        assert [model.id for model in llm.models(live=True)] == ["one", "two"]
    with Client("ollama/m1", base_url=server.url, retries=0) as llm, pytest.raises(RateLimitError) as caught:
        llm.generate("too fast")
    assert caught.value.retry_after == 2.0
