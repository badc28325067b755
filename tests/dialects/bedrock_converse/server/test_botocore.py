"""AWS's own client against a server of ours: whole replies, streams, tools, errors before and in the midst; and our client beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from unittest import mock

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.serve.raw import Answering, Source
from trunkline import AsyncClient, Client
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.dialects.dialect import Operation, ServedModel
from trunkline.serve.answers import Answer, Asked, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values import errors
from trunkline.values.events import Finish, PartDone, ReasoningDelta, TextDelta, ToolCallDelta, UsageUpdate
from trunkline.values.message import Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.response import Response, Usage

MODEL = "us.anthropic.claude-x-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
USAGE = Usage(13, 4, 10, 1)
CALL = ToolCall("tooluse_1", "weather", '{"city":"Oslo"}')
CONFIG: Any = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}}]}


async def answer(asked: Asked) -> Answer:
    half, context = asked.half, asked.context
    if asked.operation is Operation.COUNT_TOKENS:
        return Whole(half.encode_token_count(5, context))
    if asked.operation is Operation.MODELS:
        return Whole(half.encode_models([ServedModel("a"), ServedModel("b")], context))
    assert asked.decoded is not None
    request = asked.decoded.request
    last = request.messages[-1]
    if last.text == "no":
        raise errors.RateLimitError("slow down", status=429)
    said = last.parts[0].parts[0].text if isinstance(last.parts[0], ToolResult) else f"{context.model}: {last.text}"  # type: ignore[union-attr]
    if not context.stream:
        parts = (Text("I look."), CALL) if request.tools and last.role == "user" else (Reasoning("hm"), Text(said))
        reason: Any = "tool_calls" if CALL in parts else "stop"
        return Whole(
            half.encode_response(Response(message=Message("assistant", parts), finish_reason=reason, usage=USAGE), context)
        )
    words: list[Any] = [[ReasoningDelta("h"), ReasoningDelta("m")], [TextDelta("Hel")], [TextDelta("lo")]]
    if last.text == "fail":
        return Streamed(Source(*words, errors.OverloadedError("no room")), context)
    call = [ToolCallDelta(0, CALL.id, CALL.name), ToolCallDelta(0, arguments='{"city":'), ToolCallDelta(0, arguments='"Oslo"}')]
    end = [PartDone(CALL, 0), UsageUpdate(USAGE), Finish("tool_calls")]
    return Streamed(Source(*words, call, end), context)


@pytest.fixture(scope="module")
def answering() -> Answering:
    return Answering(answer)


@pytest.fixture(scope="module")
def server(answering: Answering) -> Iterator[Server]:
    with Server(App(answering, [DIALECT])) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Any:
    return botocore.session.Session()


def aws(session: Any, url: str, **keys: str) -> Any:
    config = Config(retries={"max_attempts": 0, "mode": "standard"}, read_timeout=20, proxies={})
    return session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config, **keys)


@pytest.fixture(scope="module")
def client(session: Any, server: Server) -> Iterator[Any]:
    made = aws(session, server.url, aws_access_key_id="x", aws_secret_access_key="y")
    yield made
    made.close()


def asking(words: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": words}]}]


def test_a_whole_reply(client: Any) -> None:
    reply = client.converse(modelId=MODEL, messages=asking("hi"), inferenceConfig={"maxTokens": 5})
    assert reply["output"]["message"] == {
        "role": "assistant",
        "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": f"{MODEL}: hi"}],
    }
    assert reply["stopReason"] == "end_turn"
    assert reply["usage"] == {
        "inputTokens": 2, "outputTokens": 4, "totalTokens": 17, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 1,
    }  # fmt: skip
    assert reply["ResponseMetadata"]["RequestId"].startswith("req_")


def test_an_arn_is_one_segment(client: Any, answering: Answering) -> None:
    reply = client.converse(modelId=ARN, messages=asking("hi"))
    assert reply["output"]["message"]["content"][1] == {"text": f"{ARN}: hi"}
    assert answering.asked[-1].http.url.endswith("application-inference-profile%2Fabc123/converse")


def test_a_loop_with_tools(client: Any) -> None:
    messages = asking("weather?")
    first = client.converse(modelId=MODEL, messages=messages, toolConfig=CONFIG)
    assert first["stopReason"] == "tool_use"
    said = first["output"]["message"]
    assert said["content"][1] == {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Oslo"}}}
    result = {"toolResult": {"toolUseId": "tooluse_1", "content": [{"json": {"c": 4}}], "status": "success"}}
    second = client.converse(modelId=MODEL, messages=[*messages, said, {"role": "user", "content": [result]}], toolConfig=CONFIG)
    assert second["output"]["message"]["content"][1]["text"].replace(" ", "") == '{"c":4}'


def test_a_stream(client: Any) -> None:
    events = list(client.converse_stream(modelId=MODEL, messages=asking("hi"))["stream"])
    assert [next(iter(event)) for event in events] == [
        "messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "contentBlockDelta", "contentBlockDelta",
        "contentBlockStop", "contentBlockStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    ]  # fmt: skip
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta["delta"].get("text", "") for delta in deltas) == "Hello"
    assert "".join(delta["delta"].get("reasoningContent", {}).get("text", "") for delta in deltas) == "hm"
    assert "".join(delta["delta"].get("toolUse", {}).get("input", "") for delta in deltas) == '{"city":"Oslo"}'
    assert events[-2]["messageStop"] == {"stopReason": "tool_use"}
    assert events[-1]["metadata"]["usage"]["totalTokens"] == 17


def test_errors(client: Any) -> None:
    with pytest.raises(client.exceptions.ThrottlingException) as refused:
        client.converse(modelId=MODEL, messages=asking("no"))
    assert isinstance(refused.value, ClientError)
    assert refused.value.response["Error"] == {"Code": "ThrottlingException", "Message": "slow down"}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    with pytest.raises(client.exceptions.ValidationException, match="toolConfig"):
        client.converse(
            modelId=MODEL, messages=asking("x"), toolConfig={"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": []}}}]}
        )
    seen: list[Any] = []
    stream = client.converse_stream(modelId=MODEL, messages=asking("fail"))["stream"]
    with closing(stream), pytest.raises(EventStreamError) as failed:
        seen.extend(stream)
    assert failed.value.response["Error"] == {"Code": "serviceUnavailableException", "Message": "no room"}
    assert "".join(e.get("contentBlockDelta", {}).get("delta", {}).get("text", "") for e in seen) == "Hello"


def test_a_count_of_tokens(client: Any) -> None:
    assert client.count_tokens(modelId=MODEL, input={"converse": {"messages": asking("hi")}})["inputTokens"] == 5


def test_models(session: Any, server: Server) -> None:
    config = Config(retries={"max_attempts": 0, "mode": "standard"}, proxies={})
    management = session.create_client(
        "bedrock",
        region_name="us-east-1",
        endpoint_url=server.url,
        config=config,
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    with closing(management):
        assert [model["modelId"] for model in management.list_foundation_models()["modelSummaries"]] == ["a", "b"]
    with Client("bedrock-converse/m", base_url=server.url, api_key="k") as ours:
        assert [model.id for model in ours.models(live=True)] == ["a", "b"]


def test_a_bearer_token(server: Server, answering: Answering) -> None:
    with mock.patch.dict("os.environ", {"AWS_BEARER_TOKEN_BEDROCK": "bedrock-key-1"}):
        llm = aws(botocore.session.Session(), server.url.replace("http:", "https:"))  # it shows such a key to nothing else

        def plainly(request: Any, **_: Any) -> None:
            request.url = request.url.replace("https:", "http:")

        llm.meta.events.register("before-send.bedrock-runtime", plainly)
        llm.converse(modelId=MODEL, messages=asking("hi"))
        llm.close()
    key = answering.asked[-1].key
    assert key is not None and key.reveal() == "bedrock-key-1"


def test_our_own_clients_read_the_same(server: Server) -> None:
    with Client(f"bedrock-converse/{ARN}", base_url=server.url, api_key="k", retries=0) as llm:
        reply = llm.generate("hi")
        assert (reply.text, reply.reasoning) == (f"{ARN}: hi", "hm")
        assert (reply.usage.input_tokens, reply.usage.cache_read_tokens, reply.usage.cache_write_tokens) == (13, 10, 1)
        with llm.stream("hi") as stream:
            assert [event.text for event in stream if type(event) is TextDelta] == ["Hel", "lo"]
        assert (stream.response.tool_calls, stream.response.reasoning) == ((CALL,), "hm")
        with pytest.raises(errors.RateLimitError, match="slow down"):
            llm.generate("no")
        with pytest.raises(errors.StreamInterruptedError) as interrupted, llm.stream("fail") as stream:
            list(stream)
        assert isinstance(interrupted.value.__cause__, errors.OverloadedError)
        assert interrupted.value.partial is not None and interrupted.value.partial.text == "Hello"

    async def main() -> str:
        async with AsyncClient(f"bedrock-converse/{ARN}", base_url=server.url, api_key="k") as llm:
            return (await llm.generate("hi")).text

    assert asyncio.run(main()) == f"{ARN}: hi"
