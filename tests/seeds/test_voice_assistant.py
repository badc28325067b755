"""System B: the quick start on recorded replies, and a provider of the host's own as a target of the engine."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

import trunkline
from tests.cli.loopback import Loopback, Reply
from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, arun, run
from tests.seeds.recordings import CHAT, MESSAGES, Recordings, failing
from trunkline import AsyncClient, Client, Settled, UnsupportedOperationError, UsageError
from trunkline.compat.voice_assistant import llm
from trunkline.compat.voice_assistant.llm import (
    CompletionResult,
    LLMConnectionError,
    LLMError,
    LLMInvalidRequestError,
    LLMProvider,
    LLMRateLimitError,
    LLMTimeoutError,
    Message,
    MessageRole,
    ProviderBackend,
    ProviderFactory,
    ToolCall,
    ToolDefinition,
)
from trunkline.sim.scripted_io import ScriptedIO

MESSAGES_GIVEN = [
    Message(role=MessageRole.SYSTEM, content="You are helpful."),
    Message(role=MessageRole.USER, content="What is 2+2?"),
]
LOCAL = "http://localhost:8080"
TYPES = {name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "List", "Optional")}


@pytest.fixture(autouse=True)
def own_registrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(ProviderFactory, "_providers", dict(ProviderFactory._providers))


def local(url: str, **section: Any) -> dict[str, Any]:
    return {"llm": {"backend": "local_gpt_oss", "local_gpt_oss": {"base_url": url, "model": "gpt-oss:120b", **section}}}


def cloud(name: str, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("THEIR_KEY", KEY)
    section = {"api_key_env": "THEIR_KEY", "base_url": f"{server.url}/v1", "timeout": None}
    return {"llm": {"backend": name, name: section}}


# --- the documents' own code ---------------------------------------------------------------------------------------------


def test_the_quick_start(
    documents: Documents, server: Loopback, recordings: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    block = documents.block("B", "Basic Usage")
    assert LOCAL in block
    names = run(block.replace(LOCAL, server.url))
    said = recordings.said(CHAT)
    assert capsys.readouterr().out == said.text + "\n"
    result = names["result"]
    assert (result.content, result.model, result.tokens_used) == (said.text, said.model, said.usage["total_tokens"])
    assert (result.finish_reason, result.has_tool_calls) == ("stop", False)
    [seen] = server.seen
    assert seen.path == "/v1/chat/completions"
    sent = seen.json()
    assert sent["messages"] == [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": "What is 2+2?"}]
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("gpt-oss:120b", 1024, 0.7)


def test_streaming_responses(
    documents: Documents, server: Loopback, recordings: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        async with ProviderFactory.create_from_config(local(server.url)) as provider:
            await arun(documents.block("B", "Streaming Responses"), provider=provider, messages=MESSAGES_GIVEN)

    asyncio.run(main())
    assert capsys.readouterr().out == recordings.said(CHAT, stream=True).text


def test_streaming_integration(documents: Documents, server: Loopback, recordings: Recordings) -> None:
    """The orchestrator's streaming method, on an orchestrator whose voice and context are the test's."""
    spoken: list[str] = []

    class Orchestrator:
        process = run(documents.block("B", "Streaming Integration"))["process_user_input_streaming"]
        llm = ProviderFactory.create_from_config(local(server.url))

        class tts:  # noqa: N801
            @staticmethod
            async def speak_partial(chunk: str) -> None:
                spoken.append(chunk)

        class context:  # noqa: N801
            said: list[Message] = []

            def add_user_message(self, text: str) -> None:
                self.said.append(Message(MessageRole.USER, text))

            def add_assistant_message(self, text: str) -> None:
                self.said.append(Message(MessageRole.ASSISTANT, text))

            def get_messages(self) -> list[Message]:
                return self.said

    async def main() -> str:
        orchestrator = Orchestrator()
        orchestrator.context = Orchestrator.context()
        answer = await orchestrator.process("What is 2+2?")
        await orchestrator.llm.close()
        return answer

    answer = asyncio.run(main())
    assert answer == "".join(spoken) == recordings.said(CHAT, stream=True).text
    assert len(spoken) > 1
    assert Orchestrator.context.said[-1] == Message(MessageRole.ASSISTANT, answer)


def test_the_error_types(documents: Documents, server: Loopback, recordings: Recordings) -> None:
    """The block is run against a server that refuses with 429; ``pass`` is filled in with what was caught."""
    block = documents.block("B", "Error Types").replace("pass", "caught = True")
    server.answer = failing(recordings.failure(CHAT, 429))

    async def main() -> dict[str, Any]:
        async with ProviderFactory.create("local_gpt_oss", {"base_url": server.url}) as provider:
            provider._llm = provider._llm.with_options(retries=0)  # type: ignore[attr-defined]
            return await arun(block, provider=provider, messages=MESSAGES_GIVEN)

    names = asyncio.run(main())
    assert names["caught"]
    for name in ("LLMConnectionError", "LLMTimeoutError", "LLMRateLimitError", "LLMInvalidRequestError"):
        assert names[name].__base__ is names["LLMError"] is LLMError


@pytest.mark.parametrize("name", ["Message", "CompletionResult", "ToolCall", "ToolDefinition"])
def test_the_data_models_have_the_documents_fields(name: str, documents: Documents) -> None:
    defined = run(
        documents.block("B", name), dataclass=dataclasses.dataclass, MessageRole=MessageRole, ToolCall=ToolCall, **TYPES
    )
    ours, theirs = getattr(llm, name), defined[name]
    assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(theirs)]
    for field in dataclasses.fields(theirs):
        if "Optional" in str(field.type):
            assert next(f for f in dataclasses.fields(ours) if f.name == field.name).default is None


# --- a provider of the host's own -----------------------------------------------------------------------------------------

FILLED_IN = {
    "async def complete": "return CompletionResult(content=self.answer(messages), model=self.config['model'], tokens_used=3, finish_reason='stop')",
    "async def stream_complete": "return Pieces(self.answer(messages))",
}


class Pieces:
    """What a coroutine may return: an asynchronous iterator that is no generator."""

    def __init__(self, text: str) -> None:
        self.pieces = iter(text.split(" "))

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str:
        for piece in self.pieces:
            return piece + " "
        raise StopAsyncIteration


@pytest.fixture
def custom(documents: Documents) -> LLMProvider:
    """The document's sample, its two methods filled in: it is registered, made from its configuration, and repeats what it hears."""
    lines: list[str] = []
    body = ""
    for line in documents.block("B", "Custom Provider").splitlines():
        body = next((code for start, code in FILLED_IN.items() if start in line), body)
        lines.append(line.replace("pass", body) if line.strip() == "pass" else line)
    names = run("\n".join(lines), CompletionResult=CompletionResult, Pieces=Pieces)
    kind = names["CustomProvider"]
    kind.answer = lambda self, messages: f"{self.config['model']} heard {messages[-1].content}"
    provider = names["provider"]
    assert type(provider) is kind
    assert isinstance(provider, LLMProvider)
    return provider


class Watching:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.settlements: list[Settled] = []

    def attempted(self, call_id: str, attempt: trunkline.Attempt) -> None:
        """Nothing: the settlement holds all attempts."""

    def settled(self, settled: Settled) -> None:
        self.settlements.append(settled)


def test_a_custom_provider_answers_through_the_engine(custom: LLMProvider) -> None:
    watching, heard = Watching(), []

    async def main() -> trunkline.Response:
        async with AsyncClient(ProviderBackend(custom), observers=[watching], after=heard.append) as client:
            return await client.generate("two and two", system="Be brief", temperature=0.1)

    reply = asyncio.run(main())
    assert reply.text == "my-model heard two and two"
    assert (reply.model, reply.finish_reason, reply.provider) == ("my-model", "stop", "CustomProvider")
    assert [attempt.error for attempt in reply.attempts] == [None]
    assert heard == [reply]
    assert [settled.how for settled in watching.settlements] == ["end"]


def test_a_custom_provider_streams_through_the_engine(custom: LLMProvider) -> None:
    events: list[trunkline.Event] = []

    async def main() -> trunkline.Response:
        async with AsyncClient(ProviderBackend(custom), on_event=events.append) as client, client.stream("two") as stream:
            texts = [text async for text in stream.text]
            assert texts == ["my-model ", "heard ", "two "]
        return stream.response

    reply = asyncio.run(main())
    assert (reply.text, reply.finish_reason, reply.partial) == ("my-model heard two ", "stop", False)
    assert len(events) == 4


class Trying(LLMProvider):
    """Fails as often as it is told to, with the assistant's own errors, then answers."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__({})
        self.failures = list(failures)
        self.said: list[dict[str, Any]] = []

    async def complete(self, messages: Any, **kwargs: Any) -> CompletionResult:
        self.said.append({"messages": messages, **kwargs})
        self._fail()
        return CompletionResult("at last", "mine", 2, "length", metadata={"seed": 1})

    async def stream_complete(self, messages: Any, **kwargs: Any) -> AsyncIterator[str]:
        self._fail()
        yield "at "
        yield "last"

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


TRANSIENT = [LLMConnectionError("gone"), LLMTimeoutError("slow"), LLMRateLimitError("too fast")]


def virtual(provider: LLMProvider, **options: Any) -> AsyncClient:
    return AsyncClient(ProviderBackend(provider), io=ScriptedIO([], blocking=False), **options)


def test_the_engine_retries_a_custom_provider() -> None:
    provider = Trying(*TRANSIENT)
    reply = asyncio.run(virtual(provider, retries=3).generate("hi"))
    assert reply.text == "at last"
    assert (reply.finish_reason, reply.extra, len(provider.said)) == ("length", {"seed": 1}, 4)
    assert [attempt.error for attempt in reply.attempts] == ["TransportError", "DeadlineError", "RateLimitError", None]


def test_the_engine_retries_a_custom_stream_before_its_first_word() -> None:
    async def main() -> trunkline.Response:
        async with virtual(Trying(*TRANSIENT[:2])).stream("hi") as stream:
            assert [text async for text in stream.text] == ["at ", "last"]
        return stream.response

    assert len(asyncio.run(main()).attempts) == 3


@pytest.mark.parametrize("failure", [LLMInvalidRequestError("never"), LLMError("odd")])
def test_what_is_not_transient_is_raised_at_once(failure: LLMError) -> None:
    provider = Trying(failure)
    with pytest.raises(trunkline.ProviderError) as caught:
        asyncio.run(virtual(provider).generate("hi"))
    assert caught.value.__cause__ is failure
    assert len(provider.said) == 1


def test_a_custom_provider_stands_in_for_another() -> None:
    async def main() -> trunkline.Response:
        client = virtual(Trying(LLMInvalidRequestError("the same everywhere")), fallbacks=[ProviderBackend(Trying())])
        with pytest.raises(trunkline.InvalidRequestError):
            await client.generate("hi")
        return await virtual(Trying(*TRANSIENT), fallbacks=[ProviderBackend(Trying())]).generate("hi")

    reply = asyncio.run(main())
    assert reply.text == "at last"
    assert [attempt.error for attempt in reply.attempts] == ["TransportError", "DeadlineError", None]


def test_what_is_asked_reaches_a_custom_provider_in_its_words() -> None:
    def search(query: str) -> str:
        """Search the web."""
        return query

    provider = Trying()
    result = {"role": "tool", "tool_call_id": "c1", "content": "sunny", "name": "weather"}
    asyncio.run(virtual(provider).generate([{"role": "user", "content": "hi"}, result], tools=[search], max_tokens=9, stop="."))
    [said] = provider.said
    assert said["messages"] == [Message(MessageRole.USER, "hi"), Message(MessageRole.TOOL, "sunny", "weather", "c1")]
    assert (said["max_tokens"], said["stop"]) == (9, (".",))
    [tool] = said["tools"]
    assert (type(tool), tool.name, tool.description) == (ToolDefinition, "search", "Search the web.")
    assert tool.parameters["properties"] == {"query": {"type": "string"}}


@pytest.mark.parametrize(
    "asked", [{"seed": 1, "logprobs": True}, {"output": "json"}, {"tools": [trunkline.HostedTool("web_search")]}]
)
def test_what_a_custom_provider_has_no_words_for_is_refused(asked: dict[str, Any]) -> None:
    provider = Trying()
    with pytest.raises(UnsupportedOperationError):
        asyncio.run(virtual(provider).generate("hi", **asked))
    picture = trunkline.Message.user("what is this?", trunkline.Image(trunkline.Url("https://example.com/a.png")))
    with pytest.raises(UnsupportedOperationError, match="Image"):
        asyncio.run(virtual(provider).generate([picture]))
    assert not provider.said


def test_the_blocking_client_refuses_it(custom: LLMProvider) -> None:
    with pytest.raises(UsageError, match="asynchronous"):
        Client(ProviderBackend(custom)).generate("hi")


def test_tool_calls_of_a_custom_provider() -> None:
    class Calling(Trying):
        async def complete(self, messages: Any, **kwargs: Any) -> CompletionResult:
            return CompletionResult("", "mine", 2, "stop", [ToolCall("c1", "search", {"query": "Bär"})])

    reply = asyncio.run(virtual(Calling()).generate("hi"))
    [call] = reply.tool_calls
    assert (call.id, call.name, call.arguments, reply.finish_reason) == ("c1", "search", {"query": "Bär"}, "tool_calls")


# --- the four providers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name,dialect,path,model", [
    ("openai", CHAT, "/v1/chat/completions", "gpt-4o"),
    ("anthropic", MESSAGES, "/v1/messages", "claude-sonnet-4-20250514"),
    ("openrouter", CHAT, "/v1/chat/completions", "openai/gpt-4o"),
])  # fmt: skip
def test_the_clouds(
    name: str, dialect: str, path: str, model: str, server: Loopback, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> tuple[CompletionResult, str]:
        async with ProviderFactory.create_from_config(cloud(name, server, monkeypatch)) as provider:
            assert isinstance(provider, LLMProvider)
            result = await provider.complete(MESSAGES_GIVEN)
            text = "".join([chunk async for chunk in provider.stream_complete(MESSAGES_GIVEN, max_tokens=7)])  # type: ignore[union-attr]
            return result, text

    result, text = asyncio.run(main())
    assert (result.content, result.model) == (recordings.said(dialect).text, recordings.said(dialect).model)
    assert (text, result.finish_reason) == (recordings.said(dialect, stream=True).text, "stop")
    whole, streamed = server.seen
    assert (whole.path, whole.json()["model"]) == (path, model)
    assert KEY in (whole.headers.get("x-api-key") or whole.headers["authorization"])
    assert 7 in streamed.json().values()


def test_the_factory_says_what_there_is() -> None:
    with pytest.raises(LLMInvalidRequestError, match=r"local_gpt_oss, openai, anthropic, openrouter"):
        ProviderFactory.create("lokal", {})
    with pytest.raises(LLMInvalidRequestError, match=r"'openai'.*local_gpt_oss"):
        ProviderFactory.create("openai", local("http://localhost:1"))
    with pytest.raises(LLMInvalidRequestError, match="'llm'"):
        ProviderFactory.create_from_config({})
    with pytest.raises(LLMInvalidRequestError, match="no backend"):
        ProviderFactory.create_from_config({"llm": {}})


@pytest.mark.parametrize(
    "status,kind", [(401, LLMInvalidRequestError), (400, LLMInvalidRequestError), (404, LLMInvalidRequestError)]
)
def test_errors_in_the_assistants_words(status: int, kind: type[LLMError], server: Loopback, recordings: Recordings) -> None:
    server.answer = failing(recordings.failure(CHAT, status))

    async def main() -> None:
        async with ProviderFactory.create_from_config(local(server.url)) as provider:
            await provider.complete(MESSAGES_GIVEN)

    with pytest.raises(kind, match=f"HTTP {status}"):
        asyncio.run(main())


def test_a_server_that_is_not_there_and_a_key_that_is_not_set(refused: str) -> None:
    async def main(name: str, section: dict[str, Any]) -> None:
        async with ProviderFactory.create(name, section) as provider:
            await provider.complete(MESSAGES_GIVEN, retries=0)

    with pytest.raises(LLMConnectionError):
        asyncio.run(main("local_gpt_oss", {"base_url": refused}))
    with pytest.raises(LLMInvalidRequestError, match="needs a key"):
        asyncio.run(main("openai", {"api_key_env": None}))


def test_a_server_that_says_nothing(server: Loopback) -> None:
    server.answer = lambda seen: Reply(b": here\n\n", hold=True, content_type="text/event-stream")

    async def main() -> None:
        async with ProviderFactory.create("local_gpt_oss", {"base_url": server.url, "timeout": 0.05}) as provider:
            async for _ in provider.stream_complete(MESSAGES_GIVEN, retries=0):  # type: ignore[union-attr]
                raise AssertionError("nothing was said")

    with pytest.raises(LLMTimeoutError):
        asyncio.run(main())


def test_unparsable_arguments_stay_as_text(server: Loopback) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"query": '}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    reply = {"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "length"}]}
    server.answer = lambda seen: Reply(json.dumps(reply).encode())

    async def main() -> CompletionResult:
        async with ProviderFactory.create("local_gpt_oss", {"base_url": server.url}) as provider:
            return await provider.complete(MESSAGES_GIVEN)

    result = asyncio.run(main())
    assert result.tool_calls == [ToolCall("c1", "search", {"raw_arguments": '{"query": '})]


def test_a_stream_may_be_left(server: Loopback) -> None:
    async def main() -> str:
        async with ProviderFactory.create("local_gpt_oss", {"base_url": server.url}) as provider:
            chunks = provider.stream_complete(MESSAGES_GIVEN)
            first = await anext(chunks)  # type: ignore[arg-type]
            await chunks.aclose()  # type: ignore[union-attr]
            return first

    assert asyncio.run(main())
