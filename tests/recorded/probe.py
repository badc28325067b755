"""Our readings of one record, through the public API in every way."""

from __future__ import annotations

from tests.recorded.reading import Reading, of_error, of_ours
from tests.recorded.records import Record
from trunkline import AsyncClient, Client, ProviderError, Response, TextDelta
from trunkline.providers.table import is_provider, provider

_KEY = "sk-ours-0000000000000"
_LONGEST = 20.0


def name_of(record: Record) -> str:
    """The record's provider, where we have its row; else an endpoint of one's own in its dialect."""
    known = is_provider(record.provider) and provider(record.provider).dialects[0] == record.dialect
    return f"{record.provider if known else record.dialect}/{record.model}"


def client(record: Record, url: str) -> Client:
    return Client(name_of(record), api_key=_KEY, base_url=url, retries=0, timeout=_LONGEST)


def async_client(record: Record, url: str) -> AsyncClient:
    return AsyncClient(name_of(record), api_key=_KEY, base_url=url, retries=0, timeout=_LONGEST)


def whole(llm: Client) -> tuple[Reading, Response | ProviderError]:
    try:
        response = llm.generate("hi")
    except ProviderError as error:
        return of_error(error), error
    return of_ours(response), response


def streamed(llm: Client) -> tuple[Reading, Response | ProviderError]:
    texts: list[str] = []
    try:
        with llm.stream("hi") as stream:
            for event in stream:
                if type(event) is TextDelta and event.choice == 0:
                    texts.append(event.text)
            response = stream.response
    except ProviderError as error:
        return of_error(error), error
    assert "".join(texts) == response.text, "the deltas do not add up to the text"
    return of_ours(response), response


async def awhole(llm: AsyncClient) -> tuple[Reading, Response | ProviderError]:
    try:
        response = await llm.generate("hi")
    except ProviderError as error:
        return of_error(error), error
    return of_ours(response), response


async def astreamed(llm: AsyncClient) -> tuple[Reading, Response | ProviderError]:
    texts: list[str] = []
    try:
        async with llm.stream("hi") as stream:
            async for event in stream:
                if type(event) is TextDelta and event.choice == 0:
                    texts.append(event.text)
            response = stream.response
    except ProviderError as error:
        return of_error(error), error
    assert "".join(texts) == response.text, "the deltas do not add up to the text"
    return of_ours(response), response
