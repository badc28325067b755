"""The real dialects behind the edge, asked by our own clients and by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import aiohttp
import pytest

from tests.serve.raw import Answering, Raw, Source
from trunkline import AsyncClient, Client, OverloadedError, StreamInterruptedError
from trunkline.dialects.dialect import Operation, ServedModel
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.serve.answers import Answer, Asked, HangUp, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import InvalidRequestError
from trunkline.values.events import Finish, Start, TextDelta, UsageUpdate
from trunkline.values.message import Message
from trunkline.values.response import Response, Usage

USAGE = Usage(input_tokens=3, output_tokens=4)
WORDS = ("Hel", "lo ", "there")
HEAD = [Start(id="reply_1", model="m")]
LAST = [UsageUpdate(USAGE), Finish("stop")]


async def answer(asked: Asked) -> Answer:
    half, context = asked.half, asked.context
    if asked.operation is Operation.MODELS:
        return Whole(half.encode_models([ServedModel("m")], context))
    if asked.operation is Operation.MODEL:
        return Whole(half.encode_model(ServedModel(asked.model or ""), context))
    if asked.operation is Operation.COUNT_TOKENS:
        return Whole(half.encode_token_count(5, context))
    assert asked.decoded is not None
    text = asked.decoded.request.messages[-1].text
    if text == "no":
        raise InvalidRequestError("not like this", status=400)
    if not context.stream:
        reply = Response(message=Message.assistant(f"said {text}"), finish_reason="stop", usage=USAGE, model="m")
        return Whole(half.encode_response(reply, context))
    end = {"fail": OverloadedError("too much"), "cut": HangUp(reset=False)}.get(text)
    words = [[TextDelta(word)] for word in WORDS]
    return Streamed(Source(HEAD, *words, *([LAST] if end is None else [end])), context)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(App(Answering(answer), [dialect_of(name) for name in DIALECTS])) as running:
        yield running


def base(server: Server, dialect: str) -> str:
    return server.url + ("/v1" if dialect == "openai-chat" else "")


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Client]:
    made = Client(f"{request.param}/m", base_url=base(server, request.param), api_key="k", retries=0)
    yield made
    made.close()


def test_a_whole_reply(client: Client) -> None:
    reply = client.generate("hi")
    assert (reply.text, reply.usage.output_tokens) == ("said hi", 4)
    assert reply.request_id is not None and reply.request_id.startswith("req_")


def test_a_stream(client: Client) -> None:
    for _ in range(2):  # the second over the same connection
        with client.stream("hi") as stream:
            texts = [event.text for event in stream if event.text]
        assert texts == list(WORDS)
        assert stream.response.usage.output_tokens == 4


def test_an_error_before_and_in_the_midst(client: Client) -> None:
    with pytest.raises(InvalidRequestError, match="not like this") as caught:
        client.generate("no")
    assert (caught.value.request_id or "").startswith("req_")
    with pytest.raises(StreamInterruptedError) as interrupted, client.stream("fail") as stream:
        list(stream)
    assert interrupted.value.partial is not None and interrupted.value.partial.text == "Hello there"


def test_a_connection_that_is_cut(client: Client) -> None:
    with pytest.raises(StreamInterruptedError) as interrupted, client.stream("cut") as stream:
        list(stream)
    assert interrupted.value.partial is not None and interrupted.value.partial.text == "Hello there"
    assert client.generate("hi").text == "said hi"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_streams_of_the_asynchronous_client(server: Server, dialect: str) -> None:
    async def one(client: AsyncClient) -> str:
        async with client.stream("hi") as stream:
            return "".join([event.text or "" async for event in stream])

    async def main() -> list[str]:
        async with AsyncClient(f"{dialect}/m", base_url=base(server, dialect), api_key="k") as client:
            return await asyncio.gather(*(one(client) for _ in range(20)))

    assert asyncio.run(main()) == ["Hello there"] * 20


def test_models_in_the_words_of_who_asks(server: Server) -> None:
    async def main() -> list[dict[str, object]]:
        async with aiohttp.ClientSession(server.url) as session:
            found = []
            for headers in ({}, {"anthropic-version": "2023-06-01"}, {"x-api-key": "k"}):
                async with session.get("/v1/models", headers=headers) as reply:
                    found.append(await reply.json())
            return found

    chat, messages, keyed = asyncio.run(main())
    assert chat["object"] == "list"
    assert messages == keyed
    assert "has_more" in messages


def test_paths_that_there_are_not(server: Server) -> None:
    with Raw(server) as raw:
        chat = raw.ask(path="/v1/chat/other").json
        messages = raw.ask(path="/v1/messages/batches").json
        assert raw.ask("GET", "/v1/messages").headers["allow"] == "POST"
        counted = raw.ask(
            path="/v1/messages/count_tokens",
            body=json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode(),
        )
    assert "type" not in chat and "message" in chat["error"]
    assert (messages["type"], messages["error"]["type"]) == ("error", "not_found_error")
    assert counted.json == {"input_tokens": 5}
