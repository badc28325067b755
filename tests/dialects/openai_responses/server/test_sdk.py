"""The vendor's SDK asks a server of ours over loopback, in every way that it has, and reads what it should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from tests.dialects.openai_responses.server.served import own
from tests.serve.raw import Answering, Source
from trunkline.dialects.dialect import Operation, ServedModel
from trunkline.dialects.openai_responses import DIALECT
from trunkline.serve.answers import Answer, Asked, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import OverloadedError, RateLimitError
from trunkline.values.events import (
    CitationDelta,
    Event,
    Finish,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold
from trunkline.values.message import Citation, HostedToolCall, Text, ToolCall
from trunkline.values.response import Usage

SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
END = [UsageUpdate(Usage(9, 4, 2, reasoning_tokens=1)), Finish("stop")]
NOTE = Citation("url", title="t", url="https://example.com", text_start=0, text_end=2)


def told(words: str) -> list[Event | Exception]:
    """What is answered to whoever says ``words``."""
    answers: dict[str, list[Event | Exception]] = {
        "text": [TextDelta("Hel"), TextDelta("lo"), CitationDelta(NOTE), PartDone(Text("Hello", (NOTE,))), *END],
        "think": [ReasoningDelta("Let me "), ReasoningDelta("see"), TextDelta("Yes"), *END],
        "tools": [
            TextDelta("I look."),
            PartDone(Text("I look.")),
            ToolCallDelta(0, "call_1", "weather", '{"city":'),
            ToolCallDelta(1, "call_2", "shell", "ls"),
            ToolCallDelta(0, arguments='"Oslo"}'),
            PartDone(ToolCall("call_1", "weather", '{"city":"Oslo"}'), 0),
            *END,
        ],
        "refuse": [RefusalDelta("I will "), RefusalDelta("not"), *END],
        "long": [TextDelta("Hel"), UsageUpdate(Usage(9, 4)), Finish("length")],
        "search": [PartDone(HostedToolCall("ws_1", "web_search", state=own(SEARCH))), TextDelta("Found"), *END],
        "json": [TextDelta('{"city":'), TextDelta('"Oslo"}'), *END],
        "fail": [TextDelta("Hel"), OverloadedError("too much")],
    }
    return [Start(model="m-1"), *answers[words]]


async def answer(asked: Asked) -> Answer:
    half, context = asked.half, asked.context
    if asked.operation is Operation.MODELS:
        return Whole(half.encode_models([ServedModel("m-1"), ServedModel("m-2")], context))
    if asked.operation is Operation.COUNT_TOKENS:
        return Whole(half.encode_token_count(5, context))
    assert asked.decoded is not None
    words = asked.decoded.request.messages[-1].text
    if words == "limit":
        raise RateLimitError("slowly", status=429, retry_after=2.0)
    events = told(words)
    if context.stream:
        return Streamed(Source(*([event] if isinstance(event, Event) else event for event in events)), context)
    return Whole(half.encode_response(fold([event for event in events if isinstance(event, Event)]), context))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(App(Answering(answer), [DIALECT])) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/v1", api_key="k", max_retries=0, timeout=20) as made:
        yield made


TOOLS: list[Any] = [
    {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False},
    {"type": "custom", "name": "shell"},
]


def shapes(response: Any) -> list[Any]:
    """The items of a response, in short."""
    found: list[Any] = []
    for item in response.output:
        if item.type == "message":
            found.append([part.text if part.type == "output_text" else ("no", part.refusal) for part in item.content])
        elif item.type == "reasoning":
            found.append(("thought", [part.text for part in item.summary]))
        elif item.type in ("function_call", "custom_tool_call"):
            found.append((item.call_id, item.name, item.arguments if item.type == "function_call" else item.input))
        else:
            found.append(item.to_dict())
    return found


ITEMS: dict[str, list[Any]] = {
    "text": [["Hello"]],
    "think": [("thought", ["Let me see"]), ["Yes"]],
    "tools": [["I look."], ("call_1", "weather", '{"city":"Oslo"}'), ("call_2", "shell", "ls")],
    "refuse": [[("no", "I will not")]],
    "long": [["Hel"]],
    "search": [SEARCH, ["Found"]],
}


@pytest.mark.parametrize("words", ITEMS)
def test_whole(client: openai.OpenAI, words: str) -> None:
    response = client.responses.create(model="m", input=words, tools=TOOLS)
    assert shapes(response) == ITEMS[words]
    assert (response.model, response.object) == ("m-1", "response")
    assert response.usage is not None and response.usage.total_tokens == 13
    assert response._request_id is not None and response.id.startswith("resp_")
    assert [tool.type for tool in response.tools] == ["function", "custom"]
    assert (response.status, response.parallel_tool_calls) == ("incomplete" if words == "long" else "completed", True)


@pytest.mark.parametrize("words", ITEMS)
def test_streamed(client: openai.OpenAI, words: str) -> None:
    with client.responses.stream(model="m", input=words, tools=TOOLS) as stream:
        events = list(stream)
    if words != "long":  # of one that is cut off the SDK has no final response
        assert shapes(stream.get_final_response()) == ITEMS[words]
    assert shapes(events[-1].response) == ITEMS[words]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type == ("response.incomplete" if words == "long" else "response.completed")
    assert events[-1].response.id == events[0].response.id


def test_citations_and_details(client: openai.OpenAI) -> None:
    response = client.responses.create(model="m", input="text", instructions="Be brief", temperature=0.5, metadata={"a": "b"})
    part: Any = response.output[0].content[0]  # type: ignore[union-attr, index]
    assert [(note.url, note.start_index, note.end_index) for note in part.annotations] == [("https://example.com", 0, 2)]
    assert (response.instructions, response.temperature, response.metadata) == ("Be brief", 0.5, {"a": "b"})
    assert response.usage is not None
    assert (response.usage.input_tokens_details.cached_tokens, response.usage.output_tokens_details.reasoning_tokens) == (2, 1)


class City(pydantic.BaseModel):
    city: str


def test_parsed(client: openai.OpenAI) -> None:
    assert client.responses.parse(model="m", input="json", text_format=City).output_parsed == City(city="Oslo")
    with client.responses.stream(model="m", input="json", text_format=City) as stream:
        assert stream.get_final_response().output_parsed == City(city="Oslo")


def test_a_history_goes_back_as_it_came(client: openai.OpenAI) -> None:
    first = client.responses.create(model="m", input="think", include=["reasoning.encrypted_content"], store=False)
    assert first.output[0].type == "reasoning" and first.output[0].encrypted_content
    history: list[Any] = [{"role": "user", "content": "think"}, *first.output, {"role": "user", "content": "tools"}]
    second = client.responses.create(model="m", input=history, tools=TOOLS, store=False)
    results = [{"type": "function_call_output", "call_id": "call_1", "output": "4 C"}]
    third = client.responses.create(model="m", input=[*history, *second.output, *results, {"role": "user", "content": "text"}])
    assert third.output_text == "Hello"


def test_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        client.responses.create(model="m", input="limit")
    assert (limited.value.code, limited.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "2")
    for fields in ({"store": True}, {"background": True}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}):
        with pytest.raises(openai.BadRequestError, match="no store is configured here: send the whole history") as refused:
            client.responses.create(model="m", input="text", **fields)  # type: ignore[call-overload]
        assert refused.value.param == next(iter(fields))


def test_an_error_in_the_midst(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="m", input="fail", stream=True))
    assert [event.type for event in events[-3:]] == ["response.output_text.delta", "error", "response.failed"]
    failed: Any = events[-1]
    assert (failed.response.status, failed.response.error.code) == ("failed", "server_is_overloaded")


def test_counts_and_models(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="m", input="text")
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", 5)
    assert [model.id for model in client.models.list()] == ["m-1", "m-2"]


def test_event_names_stand_before_the_data(client: openai.OpenAI) -> None:
    with client.responses.with_streaming_response.create(model="m", input="text", stream=True) as reply:
        blocks = reply.read().decode().strip().split("\n\n")
        assert reply.headers["content-type"].startswith("text/event-stream")
    for block in blocks:
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
