"""How outputs are seen by type checkers: read by mypy and pyright, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_type

from trunkline import AsyncClient, CallOptions, Client, Response, Stream


@dataclass
class Invoice:
    number: int


def blocking(llm: Client, options: CallOptions) -> tuple[Response, Response[Invoice]]:
    assert_type(llm.generate("x", output=Invoice), Response[Invoice])
    assert_type(llm.generate("x", output=Invoice).output, Invoice)
    assert_type(llm.generate("x", output=list[Invoice]).output, list[Invoice])
    assert_type(llm.generate("x", output=Invoice | None).output, Any)
    assert_type(llm.generate("x", output=Literal["a"]).output, Any)
    assert_type(llm.generate("x", output="json"), Response)
    assert_type(llm.generate("x", output={"type": "object"}).output, Any)
    assert_type(llm.generate("x"), Response)
    assert_type(llm.generate("x", **options), Response)
    with llm.stream("x", output=Invoice) as typed:
        assert_type(typed, Stream[Invoice])
        assert_type(typed.response.output, Invoice)
        assert_type(typed.partial, Any)
        for event in typed:
            print(event.text)
    with llm.stream("x") as plain:
        assert_type(plain, Stream)
    assert_type(llm.run("x", output=Invoice, max_steps=3).output, Invoice)
    return llm.generate("x", output=Invoice), llm.generate("x")


async def asynchronous(llm: AsyncClient) -> None:
    assert_type(await llm.generate("x", output=Invoice), Response[Invoice])
    async with llm.stream("x", output=Invoice) as stream:
        assert_type(stream.response.output, Invoice)
        async for event in stream:
            print(event.text)
    assert_type((await llm.run("x", output=list[Invoice])).output, list[Invoice])
