"""How users write reliability, as type checkers see it: checked by mypy and pyright in ``make check``, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from trunkline import (
    AsyncClient,
    Attempt,
    BreakerPolicy,
    Client,
    ClientOptions,
    Concurrency,
    Hedge,
    LimitStatus,
    Message,
    Moved,
    OverloadedError,
    ProviderError,
    RateLimit,
    Request,
    Response,
    RetryPolicy,
    Route,
    Status,
    TargetStatus,
    Timeout,
    TransportError,
)


def apology(request: Request, error: ProviderError) -> str | None:
    return None if error.status == 401 else "Later, please."


async def looked_up(request: Request, error: ProviderError) -> Response:
    return Response(message=Message.assistant(str(error)))


def choose(request: Request, names: tuple[str, ...]) -> str | None:
    return names[0] if request.tools else None


async def choose_later(request: Request, names: tuple[str, ...]) -> list[str]:
    return [*names]


def clients() -> tuple[Client, AsyncClient]:
    llm = Client(
        "anthropic/claude-opus-5",
        fallbacks=[
            "openai/gpt-5.4",
            {"base_url": "https://elsewhere.example/v1", "region": "eu", "quota": "mine"},
            Route(["cheap"]),
        ],
        fallback_on=[OverloadedError, TransportError],
        timeout=Timeout(total=30, first_token=8, connect=None),
        retries=RetryPolicy(3, first=1.0, jitter=False, never=(OverloadedError,)),
        rate_limit={"openai": RateLimit(requests=500, tokens=200_000), "anthropic": 50},
        concurrency=Concurrency(20, wait=5),
        breaker=BreakerPolicy(failures=3),
        hedge=Hedge(percentile=0.9, share=0.2),
        on_interrupt="continue",
        fallback_answer=apology,
        min_tokens_per_second=5,
        api_key=["one", "two"],
    )
    llm.with_options(rate_limit=60, concurrency=5, breaker=None, hedge=0.8, on_interrupt="raise", fallback_answer="Sorry.")
    llm.with_options(rate_limit=None, concurrency={"openai": 5}, breaker={"failures": 3}, hedge=True, model=Route(["a", "b"]))
    llm.generate("hi", hedge={"after": 1.0}, fallback_answer=None, min_tokens_per_second=None, retries=1, model="smart")
    llm.stream("hi", on_interrupt="continue", fallbacks=[Route(["a"], choose=choose)], timeout=None)
    llm.generate("hi", rate_limit=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    llm.generate("hi", on_interrupt="go on")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    options: ClientOptions = {"rate_limit": 5, "breaker": False, "hedge": None, "fallback_answer": apology}
    return Client(**options), AsyncClient(Route(["a", "b"], choose=choose_later), fallback_answer=looked_up)


def routes() -> Route:
    fast = Route(["a", {"model": "b", "weight": 3, "up_to": 2000, "needs": ["vision"]}], strategy="fastest", needs=("tools",))
    Route(["a"], strategy="dearest")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return Route([fast, "c"], strategy="cheapest", regions=["eu"], max_input_price=3, max_output_price=Decimal(15), name="mine")


def looks(llm: Client, reply: Response) -> None:
    status = llm.status()
    assert_type(status, Status)
    assert_type(status.targets, tuple[TargetStatus, ...])
    assert_type(status.limits, tuple[LimitStatus, ...])
    assert_type(status.targets[0].first_p95, float | None)
    assert_type(reply.fallback, bool)
    assert_type(reply.attempts, tuple[Attempt, ...])
    assert_type(reply.attempts[0].overtaken, bool)
    assert_type(reply.attempts[0].cost, Decimal | None)
    with llm.stream("hi") as stream:
        for event in stream:
            if isinstance(event, Moved):
                assert_type(event.to, str)
    llm.reload()
