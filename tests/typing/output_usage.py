from __future__ import annotations
import asyncio
from trunkline import Client, Response, Stream, AsyncClient, CallOptions
from dataclasses import dataclass
from typing import Any, TypedDict, assert_type, Literal
@dataclass
class Inv: a: int
class TD(TypedDict):
    a: int
def f(llm: Client, o: CallOptions) -> None:
    assert_type(llm.generate("x", output=Inv), Response[Inv])
    assert_type(llm.generate("x", output=Inv).output, Inv)
    assert_type(llm.generate("x", output=list[Inv]).output, list[Inv])
    assert_type(llm.generate("x", output=TD).output, TD)
    assert_type(llm.generate("x", output=int, temperature=1.0, model="x").output, int)
    assert_type(llm.generate("x", output=Inv | None).output, Any)
    assert_type(llm.generate("x", output=Literal["a"]).output, Any)
    assert_type(llm.generate("x", output="json"), Response)
    assert_type(llm.generate("x", output={"type":"object"}).output, Any)
    assert_type(llm.generate("x"), Response)
    assert_type(llm.generate("x", **o), Response)
    with llm.stream("x", output=Inv) as s:
        assert_type(s, Stream[Inv])
        assert_type(s.response.output, Inv)
        assert_type(s.partial, Any)
        for e in s: ...
    with llm.stream("x") as s2:
        assert_type(s2, Stream)
    r: Response = llm.generate("x", output=Inv)
    q: Response[Inv] = llm.generate("x")
    assert_type(llm.run("x", output=Inv, max_steps=3).output, Inv)
async def g(llm: AsyncClient) -> None:
    assert_type(await llm.generate("x", output=Inv), Response[Inv])
    async with llm.stream("x", output=Inv) as s:
        assert_type(s.response.output, Inv)
        async for e in s: ...
    assert_type((await llm.run("x", output=list[Inv])).output, list[Inv])
