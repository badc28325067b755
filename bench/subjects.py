"""The libraries under measurement, each made to do the same: one question answered whole, or in a stream whose texts are counted.

A subject is two functions: ``blocking(url)`` and ``asynchronous(url)``, the latter called inside the event loop. Each gives
``(call, stream)``: ``call()`` the answer's text, ``stream(n)`` an iterator over the texts of a stream of n words. ``url`` is
the upstream's, ending before ``/v1``. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

KEY = "sk-test-0123456789abcdef"
MODEL, OTHER_MODEL = "gpt-4o-mini", "claude-haiku-4-5"
QUESTION = "Say hello"
MESSAGES: list[Any] = [{"role": "user", "content": QUESTION}]
TEMPERATURE = 0.5

Blocking = tuple[Callable[[], str], Callable[[int], Iterator[str | bytes | None]]]
Asynchronous = tuple[Callable[[], Awaitable[str]], Callable[[int], AsyncIterator[str | bytes | None]]]


class Subject(NamedTuple):
    blocking: Callable[[str], Blocking] | None
    asynchronous: Callable[[str], Asynchronous] | None


# --- ourselves, with everything that is on by default


def _trunkline(url: str, model: str = f"openai/{MODEL}") -> Blocking:
    from trunkline import Client

    client = Client(model, base_url=f"{url}/v1", api_key=KEY)

    def call() -> str:
        return client.generate(QUESTION, temperature=TEMPERATURE).text

    def stream(n: int) -> Iterator[str]:
        return client.stream(QUESTION, max_tokens=n).text

    return call, stream


def _trunkline_async(url: str, model: str = f"openai/{MODEL}") -> Asynchronous:
    from trunkline import AsyncClient

    client = AsyncClient(model, base_url=f"{url}/v1", api_key=KEY)

    async def call() -> str:
        return (await client.generate(QUESTION, temperature=TEMPERATURE)).text

    def stream(n: int) -> AsyncIterator[str]:
        return client.stream(QUESTION, max_tokens=n).text

    return call, stream


# --- the transports that we are compared with: bytes that were made before, bytes back, nothing understood

_HEADERS = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
_CALL = json.dumps({"model": MODEL, "messages": MESSAGES, "temperature": TEMPERATURE}).encode()


def _stream_body(n: int) -> bytes:
    return json.dumps({"model": MODEL, "messages": MESSAGES, "max_tokens": n, "stream": True}).encode()


def _http_client(url: str) -> Blocking:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    path = f"{parts.path}/v1/chat/completions"

    def call() -> str:
        connection.request("POST", path, _CALL, _HEADERS)
        return connection.getresponse().read().decode()

    def stream(n: int) -> Iterator[bytes]:
        connection.request("POST", path, _stream_body(n), _HEADERS)
        reply = connection.getresponse()
        while piece := reply.read1(65536):
            yield piece

    return call, stream


def _aiohttp(url: str) -> Asynchronous:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    address = f"{url}/v1/chat/completions"

    async def call() -> str:
        async with session.post(address, data=_CALL, headers=_HEADERS) as reply:
            return (await reply.read()).decode()

    async def stream(n: int) -> AsyncIterator[bytes]:
        async with session.post(address, data=_stream_body(n), headers=_HEADERS) as reply:
            async for piece in reply.content.iter_any():
                yield piece

    return call, stream


# --- peers


def _openai(url: str) -> Blocking:
    import openai

    create: Any = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0).chat.completions.create

    def call() -> str:
        return create(model=MODEL, messages=MESSAGES, temperature=TEMPERATURE).choices[0].message.content

    def stream(n: int) -> Iterator[str]:
        for chunk in create(model=MODEL, messages=MESSAGES, max_tokens=n, stream=True):
            if chunk.choices:
                yield chunk.choices[0].delta.content

    return call, stream


def _openai_async(url: str) -> Asynchronous:
    import openai

    create: Any = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0).chat.completions.create

    async def call() -> str:
        return (await create(model=MODEL, messages=MESSAGES, temperature=TEMPERATURE)).choices[0].message.content

    async def stream(n: int) -> AsyncIterator[str]:
        async for chunk in await create(model=MODEL, messages=MESSAGES, max_tokens=n, stream=True):
            if chunk.choices:
                yield chunk.choices[0].delta.content

    return call, stream


def _anthropic(url: str) -> Blocking:
    import anthropic

    create: Any = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0).messages.create

    def call() -> str:
        return create(model=OTHER_MODEL, messages=MESSAGES, max_tokens=64).content[0].text

    def stream(n: int) -> Iterator[str]:
        for event in create(model=OTHER_MODEL, messages=MESSAGES, max_tokens=n, stream=True):
            if event.type == "content_block_delta":
                yield event.delta.text

    return call, stream


def _anthropic_async(url: str) -> Asynchronous:
    import anthropic

    create: Any = anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0).messages.create

    async def call() -> str:
        return (await create(model=OTHER_MODEL, messages=MESSAGES, max_tokens=64)).content[0].text

    async def stream(n: int) -> AsyncIterator[str]:
        async for event in await create(model=OTHER_MODEL, messages=MESSAGES, max_tokens=n, stream=True):
            if event.type == "content_block_delta":
                yield event.delta.text

    return call, stream


def _litellm(url: str) -> Blocking:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    same: dict[str, Any] = {
        "model": f"openai/{MODEL}",
        "messages": MESSAGES,
        "api_base": f"{url}/v1",
        "api_key": KEY,
        "num_retries": 0,
    }

    def call() -> str:
        return litellm.completion(temperature=TEMPERATURE, **same).choices[0].message.content

    def stream(n: int) -> Iterator[str]:
        for chunk in litellm.completion(max_tokens=n, stream=True, **same):
            yield chunk.choices[0].delta.content

    return call, stream


def _litellm_async(url: str) -> Asynchronous:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    same: dict[str, Any] = {
        "model": f"openai/{MODEL}",
        "messages": MESSAGES,
        "api_base": f"{url}/v1",
        "api_key": KEY,
        "num_retries": 0,
    }

    async def call() -> str:
        return (await litellm.acompletion(temperature=TEMPERATURE, **same)).choices[0].message.content

    async def stream(n: int) -> AsyncIterator[str]:
        async for chunk in await litellm.acompletion(max_tokens=n, stream=True, **same):
            yield chunk.choices[0].delta.content

    return call, stream


def _any_llm(url: str) -> Blocking:
    from any_llm import AnyLLM

    ask: Any = AnyLLM.create("openai", api_key=KEY, api_base=f"{url}/v1").completion

    def call() -> str:
        return ask(model=MODEL, messages=MESSAGES, temperature=TEMPERATURE).choices[0].message.content

    def stream(n: int) -> Iterator[str]:
        for chunk in ask(model=MODEL, messages=MESSAGES, max_tokens=n, stream=True):
            if chunk.choices:
                yield chunk.choices[0].delta.content

    return call, stream


def _any_llm_async(url: str) -> Asynchronous:
    from any_llm import AnyLLM

    ask: Any = AnyLLM.create("openai", api_key=KEY, api_base=f"{url}/v1").acompletion

    async def call() -> str:
        return (await ask(model=MODEL, messages=MESSAGES, temperature=TEMPERATURE)).choices[0].message.content

    async def stream(n: int) -> AsyncIterator[str]:
        async for chunk in await ask(model=MODEL, messages=MESSAGES, max_tokens=n, stream=True):
            if chunk.choices:
                yield chunk.choices[0].delta.content

    return call, stream


def _langchain(url: str, **options: Any) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL, base_url=f"{url}/v1", api_key=KEY, max_retries=0, **options)


def _langchain_blocking(url: str) -> Blocking:
    chat = _langchain(url, temperature=TEMPERATURE)

    def call() -> str:
        return chat.invoke(MESSAGES).content

    def stream(n: int) -> Iterator[str]:
        for chunk in _langchain(url, max_tokens=n).stream(MESSAGES):
            yield chunk.content

    return call, stream


def _langchain_async(url: str) -> Asynchronous:
    chat = _langchain(url, temperature=TEMPERATURE)

    async def call() -> str:
        return (await chat.ainvoke(MESSAGES)).content

    async def stream(n: int) -> AsyncIterator[str]:
        async for chunk in _langchain(url, max_tokens=n).astream(MESSAGES):
            yield chunk.content

    return call, stream


def _pydantic_ai(url: str) -> Any:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{url}/v1", api_key=KEY))


def _pydantic_ai_blocking(url: str) -> Blocking:
    from pydantic_ai import ModelRequest
    from pydantic_ai.direct import model_request_stream_sync, model_request_sync

    model, asked = _pydantic_ai(url), [ModelRequest.user_text_prompt(QUESTION)]

    def call() -> str:
        return model_request_sync(model, asked, model_settings={"temperature": TEMPERATURE}).parts[0].content

    def stream(n: int) -> Iterator[str]:
        with model_request_stream_sync(model, asked, model_settings={"max_tokens": n}) as events:
            for event in events:
                if event.event_kind in ("part_start", "part_delta"):
                    yield event.part.content if event.event_kind == "part_start" else event.delta.content_delta

    return call, stream


def _pydantic_ai_async(url: str) -> Asynchronous:
    from pydantic_ai import ModelRequest
    from pydantic_ai.direct import model_request, model_request_stream

    model, asked = _pydantic_ai(url), [ModelRequest.user_text_prompt(QUESTION)]

    async def call() -> str:
        return (await model_request(model, asked, model_settings={"temperature": TEMPERATURE})).parts[0].content

    async def stream(n: int) -> AsyncIterator[str]:
        async with model_request_stream(model, asked, model_settings={"max_tokens": n}) as events:
            async for event in events:
                if event.event_kind in ("part_start", "part_delta"):
                    yield event.part.content if event.event_kind == "part_start" else event.delta.content_delta

    return call, stream


def _trunkline_messages(url: str) -> Blocking:
    return _trunkline(url, f"anthropic/{OTHER_MODEL}")


def _trunkline_messages_async(url: str) -> Asynchronous:
    return _trunkline_async(url, f"anthropic/{OTHER_MODEL}")


SUBJECTS = {
    "trunkline": Subject(_trunkline, _trunkline_async),
    "trunkline-messages": Subject(_trunkline_messages, _trunkline_messages_async),
    "raw": Subject(_http_client, _aiohttp),
    "openai": Subject(_openai, _openai_async),
    "anthropic": Subject(_anthropic, _anthropic_async),
    "litellm": Subject(_litellm, _litellm_async),
    "any-llm": Subject(_any_llm, _any_llm_async),
    "langchain": Subject(_langchain_blocking, _langchain_async),
    "pydantic-ai": Subject(_pydantic_ai_blocking, _pydantic_ai_async),
}

READY = {
    "trunkline": "from trunkline import Client; Client('openai/gpt-4o-mini', api_key='sk-x1234567')",
    "openai": "import openai; openai.OpenAI(api_key='x').chat.completions",
    "anthropic": "import anthropic; anthropic.Anthropic(api_key='x').messages",
    "litellm": "from litellm import completion",
    "any-llm": "from any_llm import AnyLLM; AnyLLM.create('openai', api_key='x')",
    "langchain": "from langchain_openai import ChatOpenAI; ChatOpenAI(model='gpt-4o-mini', api_key='x')",
    "pydantic-ai": (
        "from pydantic_ai.direct import model_request\n"
        "from pydantic_ai.models.openai import OpenAIChatModel\n"
        "from pydantic_ai.providers.openai import OpenAIProvider\n"
        "OpenAIChatModel('gpt-4o-mini', provider=OpenAIProvider(api_key='x'))"
    ),
}
"""What makes each library ready for its first call, in a fresh interpreter."""
