"""Limits of one's own: said as options or in files, shared by a client and its copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.replies import chat, failed
from trunkline import (
    BreakerPolicy,
    CircuitOpenError,
    Client,
    Concurrency,
    Hedge,
    RateLimit,
    RateLimitError,
    Route,
    ServerError,
    UsageError,
)
from trunkline.client.destinations import Destinations
from trunkline.client.settings import Settings
from trunkline.sim.scripted_io import ScriptedIO

KEYS = {"OPENAI_API_KEY": "sk-canary-0123456789abcdefghij"}


def client(io: ScriptedIO, settings: Settings | None = None, model: str = "openai/gpt-5.4", **options: Any) -> Client:
    return Client(model, settings=settings or Settings(KEYS), io=io, **options)


def waits(*clients: Client) -> list[float]:
    """How long a call of each waits, one after another."""
    return [client.generate("hi").attempts[0].waited for client in clients]


@pytest.mark.parametrize(
    "said",
    [2, RateLimit(2), {"requests": 2}, {"openai": 2}, {"openai/gpt-5.4": {"requests": 2}}, {"openai": RateLimit(2), "groq": 1}],
)
def test_so_many_a_minute(said: Any) -> None:
    io = ScriptedIO(lambda _: chat())
    llm = client(io, rate_limit=said)
    assert waits(llm, llm, llm) == [0.0, 0.0, 60.0]


def test_another_name_is_another_limit() -> None:
    io = ScriptedIO(lambda _: chat())
    llm = client(io, rate_limit={"groq": 1, "openai/gpt-5.4-mini": 1})
    assert waits(llm, llm, llm) == [0.0, 0.0, 0.0]
    (limit,) = (each for each in llm.status().limits) if llm.status().limits else (None,)
    assert limit is None


def test_copies_share_it_also_those_that_were_made_before_the_first_call() -> None:
    io = ScriptedIO(lambda _: chat())
    llm = client(io, rate_limit=2)
    copy = llm.with_options(temperature=0.5)
    assert waits(llm, copy, llm) == [0.0, 0.0, 60.0]
    assert waits(copy.with_options(rate_limit=5)) == [0.0]


@pytest.mark.parametrize("other", [{"breaker": None}, {"breaker": BreakerPolicy(failures=1)}, {"concurrency": 9}])
def test_a_copy_with_another_limit_goes_on_counting_for_those_that_it_leaves_as_they_are(other: dict[str, Any]) -> None:
    io = ScriptedIO(lambda _: chat())
    llm = client(io, rate_limit=2, concurrency=8)
    copy = llm.with_options(**other)
    assert waits(copy, llm, copy) == [0.0, 0.0, 60.0]
    assert [limit.requests for limit in llm.status().limits] == [limit.requests for limit in copy.status().limits] == [1]


def test_places_are_shared_by_copies_that_have_other_limits() -> None:
    held: list[int | None] = []
    io = ScriptedIO(lambda _: chat())
    llm = client(io, concurrency=3)
    copy = llm.with_options(rate_limit=100, after=lambda _: held.append(llm.status().limits[0].busy))
    with llm.stream("hi") as stream:
        next(iter(stream))
        copy.generate("hi")
    assert held == [1]


def test_without_a_key_each_address_has_limits_of_its_own() -> None:
    io = ScriptedIO(lambda request: chat() if "b.example" in request.url else failed(500))
    llm = Client(
        "openai-chat/m", settings=Settings({}), base_url="http://a.example/v1", io=io, retries=0, rate_limit=5,
        fallbacks=[{"base_url": "http://b.example/v1"}],
    )  # fmt: skip
    llm.generate("hi")
    assert [limit.requests for limit in llm.status().limits] == [1, 1]


def test_beyond_the_deadline_nothing_is_sent() -> None:
    io = ScriptedIO(lambda _: chat())
    llm = client(io, rate_limit=1)
    llm.generate("hi")
    with pytest.raises(RateLimitError, match=r"your limit for openai is reached.*retry after 60 s"):
        llm.generate("hi", timeout=59)
    assert len(io.exchanges) == 1


def test_limits_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text("[limits.openai]\nrequests = 2\nperiod = 10\nconcurrency = 3\n", encoding="utf-8")
    io = ScriptedIO(lambda _: chat())
    llm = client(io, Settings(KEYS, [str(tmp_path)]))
    assert waits(llm, llm, llm) == [0.0, 0.0, 10.0]
    (limit,) = llm.status().limits
    assert (limit.name, limit.requests, limit.most_requests, limit.period, limit.busy, limit.most) == ("openai", 1, 2, 10, 0, 3)
    said = client(io, Settings(KEYS, [str(tmp_path)]), rate_limit=None)
    assert waits(said, said, said) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("limits = 3", "limits ("),
        ("[limits]\nopenai = 3", "limits.openai ("),
        ("[limits.openai]\nrequest = 3", "limits.openai.request ("),
        ("[limits.openai]\nrequests = 0", "limits.openai.requests ("),
        ("[limits.openai]\nperiod = 3", "limits.openai ("),
        ("[limits.openai]\nconcurrency = -1", "limits.openai.concurrency ("),
        ("[limits.openai]\nconcurrency = {most = 1, que = 2}", "limits.openai.concurrency.que ("),
        ('[limits."sk-canary-0123456789abcdefghij"]\nrequests = 0', "limits.***.requests ("),
    ],
)
def test_what_a_file_cannot_say(tmp_path: Path, text: str, field: str) -> None:
    (tmp_path / "trunkline.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        client(ScriptedIO([]), Settings(KEYS, [str(tmp_path)])).generate("hi")
    assert field in str(caught.value)
    assert "trunkline.toml" in str(caught.value)


@pytest.mark.parametrize("said", [BreakerPolicy(failures=2), {"failures": 2}])
def test_a_breaker_of_ones_own(said: Any) -> None:
    io = ScriptedIO(lambda _: failed(500))
    llm = client(io, breaker=said, retries=0)
    for _ in range(2):
        with pytest.raises(ServerError):
            llm.generate("hi")
    with pytest.raises(CircuitOpenError) as caught:
        llm.generate("hi")
    assert (len(io.exchanges), caught.value.retry_after) == (2, 10.0)
    assert [attempt.asked for attempt in caught.value.attempts] == [False]
    assert llm.status().targets[0].circuit == "open"
    io.clock.advance(10.0)
    with pytest.raises(ServerError):
        llm.generate("hi")


@pytest.mark.parametrize("said", [None, False])
def test_no_breaker(said: Any) -> None:
    io = ScriptedIO(lambda _: failed(500))
    llm = client(io, breaker=said, retries=0)
    for _ in range(8):
        with pytest.raises(ServerError):
            llm.generate("hi")
    assert llm.status().targets[0].circuit == "off"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": "many"}, "rate_limit"),
        ({"rate_limit": {"openai": -1}}, "rate_limit.openai"),
        ({"rate_limit": {"requests": 5, "token": 9}}, "rate_limit.token"),
        ({"rate_limit": {}}, "rate_limit"),
        ({"rate_limit": {"opnai": 1}}, "did you mean 'openai'"),
        ({"rate_limit": {"OpenAI/gpt-5.4": 1}}, "did you mean 'openai'"),
        ({"rate_limit": {"request": 2}}, "did you mean 'requests'"),
        ({"rate_limit": {"": 2}}, "no provider of that name"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": {"openai": "x"}}, "concurrency.openai"),
        ({"concurrency": {"most": 5, "que": 9}}, "concurrency.que"),
        ({"breaker": 5}, "breaker"),
        ({"breaker": {"failure": 5}}, "failure"),
        ({"fallbacks": ["groq/b", {"model": "openai/gpt-5.4", "wieght": 2}]}, "fallbacks[1].wieght"),
        ({"hedge": 0}, "hedge.after"),
        ({"hedge": "soon"}, "hedge"),
        ({"on_interrupt": "go on"}, "on_interrupt"),
        ({"fallback_answer": 3}, "fallback_answer"),
        ({"min_tokens_per_second": 0}, "min_tokens_per_second"),
    ],
)
def test_what_is_wrong_shows_when_the_client_is_made(options: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        client(ScriptedIO([]), **options)
    assert field in str(caught.value)


def test_a_coroutine_function_answers_no_blocking_client() -> None:
    async def answer(request: object, error: object) -> str:
        return "x"

    with pytest.raises(UsageError, match="AsyncClient takes both"):
        client(ScriptedIO([]), fallback_answer=answer)


def test_options_of_a_client_and_of_a_call() -> None:
    io = ScriptedIO(lambda _: failed(400))
    llm = client(io, hedge=Hedge(after=1.0), concurrency=Concurrency(2), fallback_answer="sorry")
    reply = llm.generate("hi")
    assert (reply.text, reply.fallback, [attempt.status for attempt in reply.attempts]) == ("sorry", True, [400])
    assert llm.generate("hi", fallback_answer=lambda request, error: f"{error.status}").text == "400"


def test_keys_are_read_again() -> None:
    environ = dict(KEYS)
    io = ScriptedIO(lambda _: chat())
    llm = client(io, Settings.load(environ=environ))
    llm.generate("hi")
    llm.reload()
    llm.generate("hi")
    assert [target.calls for target in llm.status().targets] == [2]
    assert "canary" not in str(llm.status()) + repr(llm.status())


def test_a_new_key_of_this_process_is_used_without_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first-0123456789abcdefghij")
    io = ScriptedIO(lambda _: chat())
    llm = Client("openai/gpt-5.4", io=io)
    llm.generate("hi")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other-0123456789abcdefghij")
    llm.generate("hi")
    llm.reload()
    llm.generate("hi")
    shown = [request.headers["authorization"] for request in io.requests]
    assert [key.split("-")[1] for key in shown] == ["first", "first", "other"]


def test_what_is_wrong_with_the_new_settings_is_told_and_the_old_ones_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first-0123456789abcdefghij")
    io = ScriptedIO(lambda _: chat())
    llm = Client("openai/gpt-5.4", io=io)
    llm.generate("hi")
    file = tmp_path / "trunkline.toml"
    file.write_text("[limits.openai]\nrequests = 0\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"limits\.openai\.requests"):
        llm.reload()
    monkeypatch.delenv("OPENAI_API_KEY")
    file.unlink()
    with pytest.raises(UsageError, match="openai needs a key"):
        llm.reload()
    llm.generate("hi")
    assert len(io.requests) == 2


def test_who_prepares_a_call_while_another_reads_the_settings_again_does_not_bring_back_the_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first-0123456789abcdefghij")
    io = ScriptedIO(lambda _: chat())
    llm = Client("openai/gpt-5.4", io=io)
    plan, late = Destinations.plan, [True]

    def planned(*args: Any) -> Any:
        found = plan(*args)
        if late:
            late.clear()
            monkeypatch.setenv("OPENAI_API_KEY", "sk-other-0123456789abcdefghij")
            llm.reload()
        return found

    monkeypatch.setattr(Destinations, "plan", planned)
    llm.generate("hi")
    llm.generate("hi")
    assert [request.headers["authorization"].split("-")[1] for request in io.requests] == ["first", "other"]


def test_which_fallback_lacks_a_key_is_named() -> None:
    with pytest.raises(UsageError, match=r"fallbacks\[1\].api_key: groq needs a key"):
        client(ScriptedIO([]), fallbacks=["openai/gpt-5.4-mini", "groq/x"]).generate("hi")
    route = Route(["openai/gpt-5.4", "groq/x"])
    with pytest.raises(UsageError, match=r"targets\[1\].api_key: groq needs a key"):
        Client(route, settings=Settings(KEYS), io=ScriptedIO([])).generate("hi")
