"""From a name to an endpoint: whose key goes where, and what a model is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.replies import chat, failed
from tests.virtual import World
from trunkline import AsyncClient, Client
from trunkline.client.destinations import Destinations
from trunkline.client.settings import Settings
from trunkline.engine.destination import Wire
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import AuthenticationError, NoProviderError, TransportError, UsageError
from trunkline.values.request import Request
from trunkline.wire.http import HttpRequest

ARGUMENT, OPENAI, ANTHROPIC, GROQ = (f"sk-{name}-0123456789abcdef" for name in ("argument", "openai", "anthropic", "groq"))
KEYS = {"OPENAI_API_KEY": OPENAI, "ANTHROPIC_API_KEY": ANTHROPIC, "GROQ_API_KEY": GROQ}


def sent(io: World) -> list[tuple[str, str]]:
    """Where each request went, and with which key."""
    return [
        (request.url, request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", ""))
        for request in io.requests
    ]


def ask(model: Any = None, environ: dict[str, str] | None = None, **options: Any) -> tuple[str, str]:
    io = World([failed(500)])
    with pytest.raises(Exception, match="HTTP 500"):
        Client(model, settings=Settings(environ or {}), io=io, retries=0, **options).generate("hi")
    (one,) = sent(io)
    return one


@pytest.mark.parametrize(
    ("model", "options", "url"),
    [
        ("openai/gpt-5.4", {}, "https://api.openai.com/v1/chat/completions"),
        ("anthropic/claude-opus-5", {}, "https://api.anthropic.com/v1/messages"),
        ("groq/openai/gpt-oss-120b", {}, "https://api.groq.com/openai/v1/chat/completions"),
        ("openai/no-such-model-yet", {}, "https://api.openai.com/v1/chat/completions"),
        ("openai-chat/any", {"base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9/v1/chat/completions"),
        ("openai-chat/any", {"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v1/chat/completions"),
        ("openai-chat/any", {"base_url": "http://127.0.0.1:9/v1/"}, "http://127.0.0.1:9/v1/chat/completions"),
        ("openai-chat/any", {"base_url": "http://127.0.0.1:9/deep/er"}, "http://127.0.0.1:9/deep/er/chat/completions"),
        ("anthropic-messages/any", {"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v1/messages"),
        ("anthropic-messages/any", {"base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9/v1/messages"),
        ("anthropic/claude-opus-5", {"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v1/messages"),
        ("openai/gpt-5.4", {"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v1/chat/completions"),
        ("groq/x", {"base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9/v1/chat/completions"),
        ("local/mlx-model", {"base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9/v1/chat/completions"),
        ("claude-opus-5", {}, "https://api.anthropic.com/v1/messages"),
    ],
)
def test_where_a_model_is_asked(model: str, options: dict[str, str], url: str) -> None:
    assert ask(model, api_key=ARGUMENT, **options) == (url, ARGUMENT)


def test_the_model_is_sent_by_its_own_name() -> None:
    io = World([chat()])
    Client("groq/openai/gpt-oss-120b", settings=Settings(KEYS), io=io).generate("hi")
    assert b'"model":"openai/gpt-oss-120b"' in io.requests[0].body


@pytest.mark.parametrize(
    ("model", "options", "field", "words"),
    [
        ("openai/", {}, "model", "no model after"),
        ("", {}, "model", "name"),
        ("opnai/gpt-5.4", {}, "model", "did you mean openai"),
        ("OpenAI/gpt-5.4", {}, "model", "did you mean openai"),
        ("OpenAI", {}, "model", "allowed: openai/gpt-5.4-mini$"),
        (
            "openai/gpt-5.4",
            {"api_key": ARGUMENT, "fallbacks": ["openai/gpt-5", "antropic/y"]},
            "fallbacks[1]",
            "did you mean anthropic",
        ),
        (None, {"settings": Settings({"TRUNKLINE_MODEL": "opnai/x"})}, "TRUNKLINE_MODEL (environment)", "did you mean openai"),
        ("no-such-model-anywhere", {}, "model", "no model of that name"),
        ("openai-chat/x", {}, "base_url", "needs its address"),
        ("local/x", {}, "base_url", "needs an address"),
        ("openai/gpt-5.4", {}, "api_key", "OPENAI_API_KEY"),
        (None, {"api_key": ARGUMENT}, "model", "whose it is"),
        (None, {"base_url": "http://127.0.0.1:9/v1"}, "model", "whose it is"),
    ],
)
def test_what_cannot_be_found_is_refused_before_anything_is_sent(
    model: Any, options: dict[str, Any], field: str, words: str
) -> None:
    io = World()
    with pytest.raises(UsageError, match=words) as caught:
        Client(model, io=io, **{"settings": Settings({}), **options}).generate("hi")
    assert caught.value.field == field


def alone(answer: Callable[[HttpRequest], Scripted] = lambda _: chat()) -> World:
    """A machine on which no model server runs."""
    return World(lambda request: Scripted(refuse=True) if "//127.0.0.1:" in request.url else answer(request))


def test_nothing_configured_says_what_to_do() -> None:
    io = alone()
    with pytest.raises(NoProviderError, match=r"ANTHROPIC_API_KEY.*OPENAI_API_KEY.*trunkline health"):
        Client(settings=Settings({}), io=io).generate("hi")
    assert {method for method, _ in asked(io)} == {"GET"}  # nothing but who is there


def asked(io: World) -> list[tuple[str, str]]:
    return [(request.method, request.url) for request in io.requests]


RUNS = {
    "http://127.0.0.1:11434/api/version": b'{"version": "0.12"}',
    "http://127.0.0.1:11434/api/tags": b'{"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}, {"name": "b"}]}',
}


def ollama(request: HttpRequest) -> Scripted:
    if request.url.startswith("http://127.0.0.1:11434/api/chat"):
        said = {"model": "qwen3:8b", "message": {"role": "assistant", "content": "hello"}, "done": True, "done_reason": "stop"}
        return Scripted(200, {}, [json.dumps(said).encode()])
    body = RUNS.get(request.url)
    return Scripted(refuse=True) if body is None else Scripted(200, {}, [body])


def test_with_nothing_configured_a_server_that_runs_here_answers() -> None:
    io = World(ollama)
    llm = Client(settings=Settings({}), io=io)
    assert io.requests == []
    reply = llm.generate("hi")
    assert (reply.text, reply.provider, reply.model) == ("hello", "ollama", "qwen3:8b")
    before = len(io.requests)
    assert llm.generate("again").text == "hello"
    assert len(io.requests) == before + 1  # found once
    with llm.stream("hi") as stream:
        assert "".join(event.text or "" for event in stream) == "hello"
    health = llm.health()
    assert (health.model, health.ok) == ("ollama/qwen3:8b", True)
    assert "ollama runs at http://127.0.0.1:11434" in health.why


def test_a_key_goes_before_whoever_runs_here() -> None:
    io = World(lambda request: chat() if "api.openai.com" in request.url else ollama(request))
    assert Client(settings=Settings({"OPENAI_API_KEY": OPENAI}), io=io).generate("hi").provider == "openai"
    assert len(io.requests) == 1


def test_no_prompt_goes_to_somebody_else_at_a_usual_port() -> None:
    io = World(lambda _: Scripted(200, {"server": "uvicorn"}, [b'{"status": "ok"}']))
    with pytest.raises(TransportError, match=r"8080 is no mlx server.*base_url") as caught:
        Client("mlx/m", settings=Settings({}), io=io).generate("the secret plan")
    assert len(caught.value.attempts) == 1
    assert {method for method, _ in asked(io)} == {"GET"}
    named = World(lambda _: chat())
    assert Client("mlx/m", base_url="http://127.0.0.1:8080", settings=Settings({}), io=named).generate("hi").text
    assert [method for method, _ in asked(named)] == ["POST"]


def test_a_server_that_nothing_tells_from_others_wants_its_address() -> None:
    with pytest.raises(UsageError, match="nothing tells tgi from others"):
        Client("tgi/m", settings=Settings({}), io=World()).generate("hi")


def test_a_raw_request_is_told_whom_it_is_for() -> None:
    with pytest.raises(UsageError, match="whom it is for"):
        Client(settings=Settings({}), io=alone()).request("GET", "/models")


def test_nobody_is_looked_for_where_that_is_off() -> None:
    io = World()
    with pytest.raises(NoProviderError, match="detect is off"):
        Client(settings=Settings({"TRUNKLINE_DETECT": "off"}), io=io).generate("hi")
    assert io.requests == []


def test_a_server_at_its_usual_port_is_asked_once_who_it_is() -> None:
    io = World(
        lambda request: chat() if request.method == "POST" else Scripted(200, {"server": "BaseHTTP/0.6"}, [b'{"status": "ok"}'])
    )
    llm = Client("mlx/m", settings=Settings({}), io=io)
    assert [llm.generate("hi").text for _ in range(2)]
    assert [method for method, _ in asked(io)] == ["GET", "POST", "POST"]


@pytest.mark.parametrize(
    ("environ", "host", "key"),
    [
        (KEYS, "api.anthropic.com", ANTHROPIC),
        ({"OPENAI_API_KEY": OPENAI, "GROQ_API_KEY": GROQ}, "api.openai.com", OPENAI),
        ({"GROQ_API_KEY": GROQ}, "api.groq.com", GROQ),
        ({"ANTHROPIC_API_KEY": "your-api-key", "GROQ_API_KEY": GROQ}, "api.groq.com", GROQ),
        (KEYS | {"TRUNKLINE_MODEL": "groq/x"}, "api.groq.com", GROQ),
    ],
)
def test_with_no_model_the_first_configured_provider_answers(environ: dict[str, str], host: str, key: str) -> None:
    url, used = ask(None, environ)
    assert (url.split("/")[2], used) == (host, key)


# --- whose key goes where ---------------------------------------------------------------------------------------------


def told(
    *replies: Scripted, model: Any, call: dict[str, Any] | None = None, environ: dict[str, str] = KEYS, **options: Any
) -> list[tuple[str, str]]:
    io = World(list(replies))
    try:
        Client(model, settings=Settings(environ), io=io, retries=0, **options).generate("hi", **(call or {}))
    except Exception as error:
        if not isinstance(error, (UsageError, NoProviderError)) and "HTTP" not in str(error):
            raise
        if not io.requests:
            raise
    return [(url.split("/")[2], key) for url, key in sent(io)]


def test_a_fallback_gets_its_own_key_and_address() -> None:
    went = told(failed(401), failed(401), model="anthropic/claude-opus-5", api_key=ARGUMENT, fallbacks=["openai/gpt-5.4"])
    assert went == [("api.anthropic.com", ARGUMENT), ("api.openai.com", OPENAI)]
    went = told(
        failed(401),
        failed(401),
        model="openai-chat/m",
        api_key=ARGUMENT,
        base_url="http://own.test/v1",
        fallbacks=["anthropic/claude-opus-5"],
    )
    assert went == [("own.test", ARGUMENT), ("api.anthropic.com", ANTHROPIC)]


def test_a_key_is_not_lent_to_another_provider() -> None:
    with pytest.raises(UsageError, match="openai needs a key"):
        told(model="anthropic/claude-opus-5", api_key=ARGUMENT, fallbacks=["openai/gpt-5.4"], environ={})


def test_another_model_of_one_call_likewise() -> None:
    went = told(failed(401), model="openai/gpt-5.4", api_key=ARGUMENT, base_url="http://own.test/v1", call={"model": "groq/x"})
    assert went == [("api.groq.com", GROQ)]
    went = told(failed(401), model="openai/gpt-5.4", api_key=ARGUMENT, call={"model": "openai/gpt-5.4-mini"})
    assert went == [("api.openai.com", ARGUMENT)]


def test_a_further_endpoint_of_ones_own_is_the_same_endpoint() -> None:
    went = told(
        failed(403),
        failed(403),
        model="openai-chat/a",
        api_key=ARGUMENT,
        base_url="http://own.test/v1",
        fallbacks=["openai-chat/b"],
    )
    assert went == [("own.test", ARGUMENT), ("own.test", ARGUMENT)]


def test_other_options_other_key() -> None:
    io = World(lambda _: chat())
    llm = Client("openai/gpt-5.4", settings=Settings(KEYS), io=io)
    llm.generate("hi")
    llm.with_options(api_key=ARGUMENT).generate("hi")
    llm.with_options(base_url="http://own.test/v1").generate("hi")
    llm.with_options(model="groq/x").generate("hi")
    llm.with_options(api_key=ARGUMENT).with_options(model="groq/x").generate("hi")
    llm.with_options(api_key=ARGUMENT, base_url="http://own.test").with_options(base_url="http://other.test").generate("hi")
    llm.generate("hi")
    assert [(url.split("/")[2], key) for url, key in sent(io)] == [
        ("api.openai.com", OPENAI),
        ("api.openai.com", ARGUMENT),
        ("own.test", OPENAI),
        ("api.groq.com", GROQ),
        ("api.groq.com", GROQ),
        ("other.test", OPENAI),
        ("api.openai.com", OPENAI),
    ]


def test_a_projects_file_cannot_redirect_a_key(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=https://elsewhere.test/v1\n")
    settings = Settings.load(tmp_path, {"OPENAI_API_KEY": OPENAI})
    io = World()
    with pytest.raises(UsageError, match="not sent there") as caught:
        Client("openai/gpt-5.4", settings=settings, io=io).generate("hi")
    assert caught.value.field == "base_url"
    (tmp_path / ".env").write_text(f"OPENAI_BASE_URL=https://elsewhere.test/v1\nOPENAI_API_KEY={GROQ}\n")
    io = World([chat()])
    Client("openai/gpt-5.4", settings=Settings.load(tmp_path, {}), io=io).generate("hi")
    assert [(url.split("/")[2], key) for url, key in sent(io)] == [("elsewhere.test", GROQ)]


def test_a_key_that_is_not_text_for_a_header_never_reaches_one() -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY") as caught:
        Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": f"{OPENAI} {OPENAI}"}), io=World()).generate("hi")
    assert OPENAI not in str(caught.value)


# --- health and models ------------------------------------------------------------------------------------------------


def test_health_sends_each_key_to_its_own_provider() -> None:
    def answer(request: HttpRequest) -> Scripted:
        return Scripted(200, {}, [b'{"object": "list", "data": [{"id": "a"}, {"id": "b"}]}'])

    io = alone(answer)
    health = Client("groq/x", api_key=ARGUMENT, settings=Settings(KEYS), io=io).health()
    went = {url.split("/")[2]: key for url, key in sent(io) if "127.0.0.1" not in url}
    assert went == {"api.groq.com": ARGUMENT, "api.openai.com": OPENAI, "api.anthropic.com": ANTHROPIC}
    assert (health.model, health.ok) == ("groq/x", True)
    rows = {row.provider: row for row in health.providers}
    assert (rows["groq"].reachable, rows["groq"].models, rows["groq"].key_from) == (True, 2, "argument")
    assert (rows["openai"].key_from, rows["mistral"].configured, rows["mistral"].reachable) == ("environment", False, None)
    assert "MISTRAL_API_KEY" in (rows["mistral"].problem or "")
    assert not [key for key in (ARGUMENT, *KEYS.values()) if key in repr(health) + str(health)]


def test_health_without_asking_sends_nothing() -> None:
    io = World()
    health = Client(settings=Settings(KEYS), io=io).health(ask=False)
    assert (health.model or "").startswith("anthropic/")
    assert "first" in health.why
    assert {row.reachable for row in health.providers} == {None}


def test_health_of_nothing() -> None:
    health = Client(settings=Settings({}), io=alone()).health()
    assert (health.model, health.ok) == (None, False)
    assert "no provider is configured" in health.why
    assert "none" in str(health)


def test_health_tells_what_is_wrong_without_the_key() -> None:
    io = alone(lambda _: failed(401, f"bad key {OPENAI}"))
    health = Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": OPENAI}), io=io).health()
    (row,) = [row for row in health.providers if row.provider == "openai"]
    assert (row.reachable, health.ok) == (False, False)
    assert "401" in (row.problem or "")
    assert OPENAI not in repr(health) + str(health)


def test_health_pays_for_nothing_but_deep() -> None:
    def answer(request: HttpRequest) -> Scripted:
        return chat() if request.method == "POST" else Scripted(200, {}, [b'{"object": "list", "data": [{"id": "a"}]}'])

    io = alone(answer)
    llm = Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": OPENAI}), io=io)
    (row,) = [row for row in llm.health().providers if row.configured]
    assert (row.reachable, row.answered) == (True, None)
    assert {method for method, _ in asked(io)} == {"GET"}
    (row,) = [row for row in llm.health(deep=True).providers if row.configured]
    assert (row.answered, row.problem) == (True, None)
    assert row.answer_seconds is not None
    assert [method for method, _ in asked(io)].count("POST") == 1


def test_health_of_a_target_of_ones_own() -> None:
    class Mine:
        name = "mine"

        def generate(self, request: Request) -> str:
            return "x"

    health = Client(Mine(), settings=Settings({}), io=alone()).health()
    assert (health.model, health.ok) == ("mine", True)


def test_models_of_the_catalog_need_nothing() -> None:
    llm = Client(settings=Settings({}), io=World())
    assert {"openai", "anthropic"} <= {model.provider for model in llm.models()}
    assert {model.provider for model in llm.models("openai")} == {"openai"}
    with pytest.raises(UsageError, match="did you mean openai"):
        llm.models("opnai")


def test_models_as_the_provider_names_them_page_by_page() -> None:
    def answer(request: HttpRequest) -> Scripted:
        if "after_id=c2" in request.url:
            return Scripted(
                200, {}, [b'{"data": [{"id": "claude-opus-5", "type": "model"}], "has_more": false, "last_id": "claude-opus-5"}']
            )
        return Scripted(
            200,
            {},
            [b'{"data": [{"id": "c1", "type": "model"}, {"id": "c2", "type": "model"}], "has_more": true, "last_id": "c2"}'],
        )

    io = World(answer)
    found = Client("anthropic/claude-opus-5", settings=Settings(KEYS), io=io).models(live=True)
    assert [model.id for model in found] == ["c1", "c2", "claude-opus-5"]
    assert found[2].max_output, "what the catalog knows stands beside it"
    assert {key for _, key in sent(io)} == {ANTHROPIC}


def test_models_that_cannot_be_had() -> None:
    io = World([failed(401, f"bad key {OPENAI}")])
    with pytest.raises(AuthenticationError) as caught:
        Client("openai/gpt-5.4", settings=Settings(KEYS), io=io).models(live=True)
    assert caught.value.provider == "openai"
    assert OPENAI not in str(caught.value)


def test_the_asynchronous_client_answers_alike() -> None:
    io = World(lambda _: Scripted(200, {}, [b'{"data": [{"id": "a"}]}']), blocking=False)

    async def both() -> tuple[Any, Any]:
        async with AsyncClient("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": OPENAI}), io=io) as llm:
            return await llm.health(), await llm.models(live=True)

    health, models = io.run(both())
    assert health.ok
    assert [model.id for model in models] == ["a"]


@pytest.mark.parametrize("handed", [{"api_key": ARGUMENT}, {"base_url": "https://mine.test/v1"}])
def test_a_projects_file_does_not_say_whose_the_key_or_address_is(tmp_path: Path, handed: dict[str, str]) -> None:
    (tmp_path / "trunkline.toml").write_text('model = "groq/x"')
    io = World([])
    settings = Settings.load(tmp_path, {"HOME": str(tmp_path / "home"), **KEYS})
    llm: Any = Client(settings=settings, io=io, **handed)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a project's file may not say it"):
        llm.generate("hi")
    assert not llm.health(ask=False).ok
    named = Settings.load(tmp_path, {"HOME": str(tmp_path / "home"), "TRUNKLINE_MODEL": "openai/y", **KEYS})
    assert Client(settings=named, io=io, **handed).health(ask=False).model == "openai/y"  # type: ignore[arg-type]


def test_a_key_for_another_provider_does_not_go_to_the_address_of_the_first() -> None:
    first = {"base_url": "https://mine.test/v1", "api_key": ARGUMENT}

    def went(**options: str) -> tuple[str, str]:
        io = World([failed(500)])
        llm = Client("openai/x", settings=Settings({}), io=io, retries=0, **first).with_options(**options)  # type: ignore[arg-type]
        with pytest.raises(Exception, match="HTTP 500"):
            llm.generate("hi")
        return sent(io)[0]

    assert went(model="anthropic/y", api_key=ANTHROPIC) == ("https://api.anthropic.com/v1/messages", ANTHROPIC)
    assert went(model="openai/y", api_key=OPENAI) == ("https://mine.test/v1/chat/completions", OPENAI)
    assert went(model="openai-chat/y", api_key=OPENAI) == ("https://mine.test/v1/chat/completions", OPENAI)


@pytest.mark.parametrize(
    ("name", "more", "room"),
    [
        ("openai/gpt-4o-mini", {}, 128_000),
        ("openai/gpt-4o-mini", {"OPENAI_BASE_URL": "http://localhost:8000/v1"}, None),
        ("bedrock/meta.llama3-8b-instruct-v1:0", {"AWS_REGION": "eu-west-1", "AWS_BEARER_TOKEN_BEDROCK": "any"}, 8_192),
        ("openai/gpt-unheard-of", {}, None),
    ],
)
def test_how_much_room_there_surely_is(name: str, more: dict[str, str], room: int | None) -> None:
    found = Destinations(Settings({"OPENAI_API_KEY": "any", **more})).find(name)
    assert isinstance(found, Wire)
    assert found.room == room
