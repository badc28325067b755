"""The vendor's SDK asks a server of ours: what it was asked, and what the SDK makes of the answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import pytest
from cohere.errors import NotFoundError as SdkNotFoundError, TooManyRequestsError

from tests.serve.raw import Answering, Source
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import Operation, ServedModel
from trunkline.serve.answers import Answer, Asked, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import NotFoundError, OverloadedError, RateLimitError
from trunkline.values.fold import unfold
from trunkline.values.message import Citation, File, Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import Request
from trunkline.values.response import Response, TokenLogprob, Usage

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "d",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CITED = Citation("url", cited_text="4 °C", title="Today", url="https://w.example", text_start=6, text_end=10)
ANSWERS = {
    "call": Response(
        message=Message.assistant(
            Reasoning("I look."), ToolCall("c1", "weather", '{"city": "Oslo"}'), ToolCall("c2", "weather", '{"city": "Rome"}')
        ),
        finish_reason="tool_calls",
    ),
    "cite": Response(
        message=Message.assistant(Text("It is 4 °C.", (CITED,))),
        finish_reason="stop",
        usage=Usage(input_tokens=9, output_tokens=4, cache_read_tokens=3),
        logprobs=(TokenLogprob("It is 4 °C.", -0.5),),
    ),
}
asked: list[Request] = []


async def answer(question: Asked) -> Answer:
    half, context = question.half, question.context
    if question.operation is Operation.MODELS:
        return Whole(half.encode_models([ServedModel("command-a")], context))
    assert question.decoded is not None
    request = question.decoded.request
    asked.append(request)
    last = request.messages[-1]
    words = last.text
    if words == "limit":
        raise RateLimitError("slow down", status=429, retry_after=2)
    if words == "none":
        raise NotFoundError("no such model", status=404)
    reply = ANSWERS["cite" if last.role == "tool" else "call"]
    if not context.stream:
        return Whole(half.encode_response(reply, context))
    events = [[event] for event in unfold(reply)]
    return Streamed(Source(*([*events[:2], OverloadedError("full")] if words == "fail" else events)), context)


@pytest.fixture(scope="module")
def sdk() -> Iterator[cohere.ClientV2]:
    with Server(App(Answering(answer), [DIALECT])) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, of the SDK's own types
        with httpx.Client() as http:
            yield cohere.ClientV2(api_key="k" * 20, base_url=server.url, httpx_client=http)


def turns(words: str) -> Any:
    return [{"role": "system", "content": "brief"}, {"role": "user", "content": words}]


def after_tools() -> Any:
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]
    document = {"type": "document", "document": {"id": "d1", "data": {"title": "Now", "text": "4 °C"}}}
    return [
        *turns("go"),
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": [document]},
    ]


def test_a_tool_loop(sdk: cohere.ClientV2) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "go"}, image]}]
    reply = sdk.chat(model="m", messages=messages, tools=[TOOL], tool_choice="REQUIRED", p=0.5, k=3, strict_tools=True)  # type: ignore[list-item]
    assert reply.finish_reason == "TOOL_CALL"
    assert [call.function.arguments for call in reply.message.tool_calls] == ['{"city": "Oslo"}', '{"city": "Rome"}']
    assert reply.message.content[0].thinking == "I look."
    request = asked[-1]
    assert (request.top_p, request.top_k, request.tools[0].strict) == (0.5, 3, True)
    assert type(request.messages[0].parts[1]) is Image

    reply = sdk.chat(model="m", messages=after_tools(), tools=[TOOL], documents=["one", {"data": {"snippet": "two"}}])  # type: ignore[list-item]
    assert reply.message.content[0].text == "It is 4 °C."
    cited = reply.message.citations[0]
    assert (cited.start, cited.end, cited.text, cited.sources[0].document["url"]) == (6, 10, "4 °C", "https://w.example")
    assert (reply.usage.tokens.input_tokens, reply.usage.billed_units.output_tokens, reply.usage.cached_tokens) == (9, 4, 3)
    assert reply.logprobs[0].logprobs == [-0.5]
    *_, user, assistant, tool = asked[-1].messages
    assert [part.source.data for part in user.parts if type(part) is File] == [b"one", b"two"]
    assert assistant.reasoning == "I look."
    assert type(tool.parts[0]) is ToolResult and tool.parts[0].parts[0].title == "Now"


def test_streams(sdk: cohere.ClientV2) -> None:
    events = list(sdk.chat_stream(model="m", messages=turns("go"), tools=[TOOL]))
    assert [event.type for event in events] == [
        "message-start", "content-start", "content-delta", "content-end",
        *(["tool-call-start", "tool-call-delta", "tool-call-end"] * 2), "message-end",
    ]  # fmt: skip
    assert events[-1].delta.finish_reason == "TOOL_CALL"
    events = list(sdk.chat_stream(model="m", messages=after_tools()))
    assert [event.type for event in events] == [
        "message-start", "content-start", "content-delta", "citation-start", "citation-end", "content-end", "message-end",
    ]  # fmt: skip
    assert events[2].logprobs.logprobs == [-0.5]
    assert events[3].delta.message.citations.text == "4 °C"
    assert events[-1].delta.usage.tokens.output_tokens == 4


def test_a_stream_that_fails(sdk: cohere.ClientV2) -> None:
    last = list(sdk.chat_stream(model="m", messages=turns("fail")))[-1]
    assert (last.type, last.delta.finish_reason, last.delta.error) == ("message-end", "ERROR", "full")


def test_errors(sdk: cohere.ClientV2) -> None:
    options: Any = {"max_retries": 0}
    with pytest.raises(TooManyRequestsError) as limited:
        sdk.chat(model="m", messages=turns("limit"), request_options=options)
    assert limited.value.body["message"] == "slow down"
    assert limited.value.headers["retry-after"] == "2"
    with pytest.raises(SdkNotFoundError):
        sdk.chat(model="m", messages=turns("none"), request_options=options)


def test_models(sdk: cohere.ClientV2) -> None:
    assert [model.name for model in sdk.models.list().models] == ["command-a"]
