"""Several keys in turn, functions and objects that give tokens, and backups that inherit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.replies import chat, failed, sse, streamed
from tests.virtual import World
from trunkline import AsyncClient, Client
from trunkline.client.settings import Settings
from trunkline.io import vendor
from trunkline.values.errors import AuthenticationError, ContentFilterError, TransportError, UsageError
from trunkline.values.message import Message, ProviderState, Reasoning, Scope, Text
from trunkline.values.secret import Secret

ONE, TWO, THREE = (f"sk-{name}-0123456789abcdefghij" for name in ("one", "two", "three"))
NAMES = {ONE: "one", TWO: "two", THREE: "three"}
ACME = "https://acme.openai.azure.com"


def shown(io: World) -> list[str]:
    """The key of each request, by its name."""
    texts = [
        request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("api-key", "none")
        for request in io.requests
    ]
    return [NAMES.get(text, text) for text in texts]


# -- several keys -----------------------------------------------------------------------------------------------------


def test_keys_are_used_in_turn_call_by_call() -> None:
    io = World([failed(500), chat(), chat(), chat(), chat()])
    llm = Client("openai/m", api_key=[ONE, Secret(TWO), ONE, THREE], settings=Settings({}), io=io, retries=1)
    for _ in range(4):  # the first call is tried twice, with one key
        llm.generate("hi")
    assert shown(io) == ["one", "one", "two", "three", "one"]


def test_all_models_and_options_share_one_turn() -> None:
    io = World([chat()] * 4)
    llm = Client("openai/m", api_key=(ONE, TWO), settings=Settings({}), io=io)
    llm.generate("hi")
    llm.generate("hi", model="openai/other")
    llm.with_options(temperature=0.5).generate("hi")
    llm.request("POST", "/x", json={})
    assert shown(io) == ["one", "two", "one", "two"]


def test_threads_share_the_turns_evenly() -> None:
    io = World(lambda request: chat())
    llm = Client("openai/m", api_key=[ONE, TWO, THREE], settings=Settings({}), io=io)
    llm.generate("hi")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: llm.generate("hi"), range(59)))
    assert {name: shown(io).count(name) for name in ("one", "two", "three")} == {"one": 20, "two": 20, "three": 20}


def test_each_call_says_by_whose_key_it_was_asked() -> None:
    """State that a provider bound to one account goes back under that key alone."""
    thinking = b'{"type":"thinking","thinking":"hm","signature":"s1"}'
    bound = ProviderState("anthropic-messages", thinking, Scope("anthropic", "claude-opus-5", Secret(ONE).id))
    said = Message("assistant", (Reasoning(text="hm", state=bound), Text("yes")))
    io = World(lambda request: failed(400))
    llm = Client("anthropic/claude-opus-5", api_key=[ONE, TWO], settings=Settings({}), io=io)
    for _ in range(2):
        with pytest.raises(Exception, match="HTTP 400"):
            llm.generate([Message.user("a"), said, Message.user("b")])
    assert [request.headers["x-api-key"] for request in io.requests] == [ONE, TWO]
    assert [b"s1" in request.body for request in io.requests] == [True, False]


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"OPENAI_API_KEYS": f"{ONE}, {TWO},"}, ["one", "two", "one"]),
        ({"OPENAI_API_KEYS": f"{ONE},{TWO}", "OPENAI_API_KEY": THREE}, ["one", "two", "one"]),
        ({"OPENAI_API_KEYS": "", "OPENAI_API_KEY": THREE}, ["three"] * 3),
        ({"OPENAI_API_KEYS": "sk-..., your-key", "OPENAI_API_KEY": THREE}, ["three"] * 3),
        ({"OPENAI_API_KEYS": f"sk-...,{TWO}"}, ["two"] * 3),
    ],
)
def test_keys_of_the_environment(environ: dict[str, str], names: list[str]) -> None:
    io = World([chat()] * 3)
    llm = Client("openai/m", settings=Settings(environ), io=io)
    for _ in range(3):
        llm.generate("hi")
    assert shown(io) == names


@pytest.mark.parametrize("text", [f'["{ONE}", "{TWO}"]', f'"{ONE},{TWO}"'])
def test_keys_of_a_file(tmp_path: Path, text: str) -> None:
    folder = tmp_path / ".config" / "trunkline"
    folder.mkdir(parents=True)
    (folder / "trunkline.toml").write_text(f"[providers.openai]\napi_keys = {text}")
    settings = Settings.load(tmp_path, {"HOME": str(tmp_path), "APPDATA": str(tmp_path / ".config")})
    io = World([chat()] * 2)
    llm = Client("openai/m", settings=settings, io=io)
    llm.generate("hi")
    llm.generate("hi")
    assert shown(io) == ["one", "two"]
    assert ONE not in repr(settings.describe())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'api_key = "{ONE}"\napi_keys = ["{TWO}"]', "exclude each other"),
        ("api_keys = [5]", "must be text"),
        (f'api_keys = ["{ONE} {TWO}"]', "holds a space"),
    ],
)
def test_bad_keys_of_a_file_are_named_and_not_shown(tmp_path: Path, text: str, words: str) -> None:
    folder = tmp_path / ".config" / "trunkline"
    folder.mkdir(parents=True)
    (folder / "trunkline.toml").write_text(f"[providers.openai]\n{text}")
    settings = Settings.load(tmp_path, {"HOME": str(tmp_path), "APPDATA": str(tmp_path / ".config")})
    with pytest.raises(UsageError, match=words) as caught:
        Client("openai/m", settings=settings, io=World()).generate("hi")
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("keys", [[], [5], [[ONE]], [""], ["sk-...", "your-api-key"], 5, {"k": ONE}, object()])
def test_what_is_no_key_is_refused(keys: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Client("openai/m", api_key=keys, settings=Settings({}), io=World())
    assert caught.value.field == "api_key"
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "sk-one" not in "".join(str(frame.locals) for frame in told.stack if frame.filename != __file__)


# -- functions --------------------------------------------------------------------------------------------------------


def test_a_function_gives_the_token() -> None:
    given: list[str] = []

    def token() -> str:
        given.append(f"token-{len(given)}")
        return given[-1]

    io = World([chat()] * 2)
    llm = Client("openai/m", api_key=token, settings=Settings({"OPENAI_API_KEY": ONE}), io=io)
    assert given == []
    llm.generate("hi")
    llm.generate("hi")
    assert shown(io) == ["token-0", "token-1"]


class AccessToken(NamedTuple):
    token: str
    expires_on: int


@pytest.mark.parametrize(
    "expires", [lambda now: now + 3600, lambda now: datetime.fromtimestamp(now + 3600, UTC), lambda now: int(now) + 3600]
)
def test_a_token_with_its_end_is_kept(expires: Callable[[float], Any]) -> None:
    io = World([chat()] * 3)
    given: list[Any] = []

    def token() -> Any:
        given.append((f"token-{len(given)}", expires(io.wall())))
        return given[-1]

    llm = Client("openai/m", api_key=token, settings=Settings({}), io=io)
    llm.generate("hi")
    llm.generate("hi", model="openai/another")
    io.clock.advance(3500)
    llm.generate("hi")
    assert shown(io) == ["token-0", "token-0", "token-1"]


def test_a_function_may_be_a_coroutine_function_with_the_asynchronous_client_alone() -> None:
    async def token() -> tuple[str, float]:
        await asyncio.sleep(0)
        return "token-async", 4e9

    def plain() -> str:
        return "token-plain"

    def sly() -> Any:
        return token()

    for options in ({"api_key": token}, {"fallbacks": [{"api_key": token}]}):
        with pytest.raises(UsageError, match="AsyncClient takes both") as caught:
            Client("openai/m", settings=Settings({}), io=World(), **options)  # type: ignore[arg-type]
        assert caught.value.field == "api_key"
    with pytest.raises(UsageError, match="AsyncClient takes both"):
        Client("openai/m", api_key=sly, settings=Settings({}), io=World()).generate("hi")
    io = World([chat()] * 3, blocking=False)

    async def main() -> None:
        for function in (token, plain, sly):
            await AsyncClient("openai/m", api_key=function, settings=Settings({}), io=io).generate("hi")

    io.run(main())
    assert shown(io) == ["token-async", "token-plain", "token-async"]
    assert io.offloaded == 2


@pytest.mark.parametrize("answer", [5, None, b"t", ("t",), ("t", "tomorrow"), ("t", True), (5, 5), ("t", datetime(2030, 1, 1))])  # noqa: DTZ001
def test_what_is_no_token_is_refused(answer: Any) -> None:
    with pytest.raises(UsageError, match="gave no token") as caught:
        Client("openai/m", api_key=lambda: answer, settings=Settings({}), io=World()).generate("hi")
    assert caught.value.field == "api_key"


@pytest.mark.parametrize("text", ["two words", "line\n", ""])
def test_a_token_that_a_header_cannot_hold_is_not_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client("openai/m", api_key=lambda: text, settings=Settings({}), io=World()).generate("hi")
    assert "words" not in str(caught.value)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError(f"no, {ONE}"), AuthenticationError),
        (ConnectionResetError("x"), TransportError),
        (StopIteration(), AuthenticationError),
    ],
)
def test_a_function_that_fails_is_told_and_quotes_no_key(error: Exception, kind: type[Exception], blocking: bool) -> None:
    def token() -> str:
        raise error

    io = World(blocking=blocking)
    options: dict[str, Any] = {"api_key": token, "settings": Settings({}), "io": io, "retries": 0}

    async def main() -> None:
        await AsyncClient("openai/m", **options).generate("hi")

    with pytest.raises(kind, match="the function given as api_key raised") as caught:
        Client("openai/m", **options).generate("hi") if blocking else io.run(main())
    assert ONE not in str(caught.value)


class Credential:
    """As azure-identity's are."""

    def __init__(self) -> None:
        self.scopes: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes.append(scopes)
        return AccessToken("entra-token", 4_000_000_000)


class AsyncCredential(Credential):
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes)


def test_a_credential_object_gives_azure_a_bearer_token() -> None:
    credential, io = Credential(), World([chat()] * 2)
    llm = Client("azure/d", api_key=credential, base_url=ACME, settings=Settings({}), io=io)
    llm.generate("hi")
    llm.generate("hi")
    assert [request.headers["authorization"] for request in io.requests] == ["Bearer entra-token"] * 2
    assert credential.scopes == [("https://cognitiveservices.azure.com/.default",)]
    with pytest.raises(UsageError, match="takes no credential object"):
        Client("openai/m", api_key=credential, settings=Settings({}), io=World()).generate("hi")


def test_an_asynchronous_credential_object_is_for_the_asynchronous_client() -> None:
    with pytest.raises(UsageError, match="AsyncClient takes both"):
        Client("azure/d", api_key=AsyncCredential(), base_url=ACME, settings=Settings({}), io=World())
    io = World([chat()], blocking=False)

    async def main() -> None:
        await AsyncClient("azure/d", api_key=AsyncCredential(), base_url=ACME, settings=Settings({}), io=io).generate("hi")

    io.run(main())
    assert shown(io) == ["entra-token"]


def test_state_of_a_key_is_not_sent_with_a_token() -> None:
    llm = Client("anthropic/claude-opus-5", api_key=lambda: "tok-1", settings=Settings({}), io=World([failed(400)]))
    llm2 = Client("anthropic/claude-opus-5", api_key=ONE, settings=Settings({}), io=World([failed(400)]))
    keys = [each._calls.destinations.find("anthropic/claude-opus-5").target.key for each in (llm, llm2)]
    assert keys == ["a function", Secret(ONE).id]


# -- extras -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "parameters", "extra"),
    [
        ("bedrock/m", {"region": "eu-west-1"}, "aws"),
        ("vertex/m", {"project": "p"}, "google"),
        ("azure/d", {"resource": "acme"}, "azure"),
    ],
)
def test_a_library_that_is_missing_is_named_before_anything_is_sent(
    model: str, parameters: dict[str, str], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=rf"pip install 'trunkline\[{extra}\]'"):
        Client(model, parameters=parameters, settings=Settings({}), io=World()).generate("hi")


def test_no_vendor_is_imported_before_a_call_needs_it() -> None:
    program = (
        "import sys\nfrom trunkline import Client\nfrom trunkline.client.settings import Settings\n"
        "for m, p in (('bedrock/m', {'region': 'x1'}), ('vertex/m', {'project': 'p'}), ('azure/d', {'resource': 'r'})):\n"
        "    Client(m, parameters=p, settings=Settings({}))._calls._prepared()\n"
        "print([m for m in ('botocore', 'google.auth', 'azure.identity', 'azure.core', 'requests', 'urllib3', 'asyncio')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


# -- backups ----------------------------------------------------------------------------------------------------------


def went(io: World) -> list[tuple[str, str]]:
    return [
        (request.url.partition("/openai")[0].removeprefix("https://"), name)
        for request, name in zip(io.requests, shown(io), strict=True)
    ]


def test_a_backup_has_whatever_it_does_not_say() -> None:
    """Seed D: ``{"backups": [{"endpoint": ...}]}`` inherits deployment and key."""
    io = World([failed(503), failed(503), failed(503), failed(503), chat("from the last")])
    llm = Client(
        "azure/d1", api_key=ONE, base_url="https://east.openai.azure.com", parameters={"api_version": "2024-10-21"},
        fallbacks=[
            {"base_url": "https://west.openai.azure.com"},
            {"base_url": "https://north.openai.azure.com", "api_key": TWO, "model": "azure/d2"},
            {"parameters": {"api_version": "preview"}},
            {"model": "openai/m"},
        ],
        settings=Settings({"OPENAI_API_KEY": THREE}), io=io, retries=0,
    )  # fmt: skip
    assert llm.generate("hi").text == "from the last"
    assert went(io) == [
        ("east.openai.azure.com", "one"),
        ("west.openai.azure.com", "one"),
        ("north.openai.azure.com", "two"),
        ("east.openai.azure.com", "one"),
        ("api.openai.com/v1/chat/completions", "three"),
    ]
    assert [request.url.partition("/openai")[2] for request in io.requests[:4]] == [
        "/deployments/d1/chat/completions?api-version=2024-10-21",
        "/deployments/d1/chat/completions?api-version=2024-10-21",
        "/deployments/d2/chat/completions?api-version=2024-10-21",
        "/v1/chat/completions?api-version=preview",
    ]


def test_what_was_handed_over_for_one_provider_goes_to_no_backup_of_another() -> None:
    io = World([failed(503)])
    llm = Client(
        "azure/d", api_key=ONE, base_url=ACME, fallbacks=[{"model": "openai/m"}], settings=Settings({}), io=io, retries=0
    )
    with pytest.raises(UsageError, match="openai needs a key"):
        llm.generate("hi")
    assert shown(io) == []


def test_a_call_may_name_backups_too() -> None:
    io = World([failed(503), chat()])
    llm = Client("openai/m", api_key=lambda: "token", settings=Settings({}), io=io, retries=0)
    llm.generate("hi", fallbacks=[{"base_url": "https://other.example/v1"}])
    assert [request.url for request in io.requests] == [
        "https://api.openai.com/v1/chat/completions", "https://other.example/v1/chat/completions",
    ]  # fmt: skip
    assert shown(io) == ["token", "token"]


def test_a_backup_keeps_its_token_over_calls() -> None:
    given: list[float] = []

    def token() -> tuple[str, float]:
        given.append(io.wall())
        return f"token-{len(given)}", io.wall() + 3600

    io = World(lambda request: chat() if "west" in request.url else failed(503))
    west = {"base_url": "https://west.openai.azure.com", "api_key": token}
    llm = Client("azure/d", api_key=ONE, base_url=ACME, fallbacks=[west], settings=Settings({}), io=io, retries=0)
    for _ in range(3):
        llm.generate("hi")
        llm.generate("hi", temperature=0.5, fallbacks=[dict(west)])
    assert set(shown(io)) == {"one", "token-1"}
    assert len(given) == 1


@pytest.mark.parametrize(
    ("backup", "field"),
    [
        ({"endpoint": "x"}, "fallbacks[0].endpoint"),
        ({"model": 5}, "fallbacks[0]"),
        ({"model": "opnai/x"}, "fallbacks[0].model"),
        ({"api_key": 5}, "api_key"),
    ],
)
def test_a_bad_backup_is_named(backup: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client("openai/m", api_key=ONE, fallbacks=[backup], settings=Settings({}), io=World()).generate("hi")
    assert caught.value.field == field


def test_a_backups_key_is_not_shown_by_a_traceback() -> None:
    llm = Client("openai/m", api_key=ONE, fallbacks=[{"api_key": TWO}], settings=Settings({}), io=World())
    assert "sk-two" not in repr(vars(llm._calls))


# -- azure's replies ---------------------------------------------------------------------------------------------------


def test_azures_filter_says_what_it_found() -> None:
    inner = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {
            "hate": {"filtered": False, "severity": "safe"},
            "violence": {"filtered": True, "severity": "high"},
            "jailbreak": {"filtered": True, "detected": True},
            "custom_blocklists": [{"id": "b", "filtered": True}],
        },
    }
    io = World([failed(400, "filtered", code="content_filter", param="prompt", innererror=inner)])
    with pytest.raises(ContentFilterError, match=r"violence: high, jailbreak: detected") as caught:
        Client("azure/d", api_key=ONE, base_url=ACME, settings=Settings({}), io=io).generate("hi")
    assert caught.value.categories == {"violence": "high", "jailbreak": "detected", "custom_blocklists": "filtered"}


def test_the_first_chunk_of_azure_names_nobody() -> None:
    odd = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x-2025"}
    pieces = [
        sse(odd),
        sse(chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "content_filter_results": {}}]}),
        sse(chunk | {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}),
        sse(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": {}}]}, "[DONE]"),
    ]
    llm = Client("azure/d", api_key=ONE, base_url=ACME, settings=Settings({}), io=World([streamed(pieces)]))
    with llm.stream("hi") as stream:
        assert list(stream.text) == ["Hi"]
    assert (stream.response.model, stream.response.id, stream.response.finish_reason) == ("gpt-x-2025", "c1", "stop")


def test_models_are_listed_where_azure_lists_them() -> None:
    io = World(lambda request: failed(418))
    for parameters in ({}, {"api_version": "2024-10-21"}):
        llm = Client("azure/d", api_key=ONE, base_url=ACME, parameters=parameters, settings=Settings({}), io=io)
        with pytest.raises(Exception, match="418"):
            llm.models(live=True)
    llm = Client("bedrock/m", api_key=ONE, parameters={"region": "eu-west-1"}, settings=Settings({}), io=io)
    with pytest.raises(Exception, match="418"):
        llm.models(live=True)
    assert [request.url for request in io.requests] == [
        f"{ACME}/openai/v1/models",
        f"{ACME}/openai/models?api-version=2024-10-21",
        "https://bedrock.eu-west-1.amazonaws.com/foundation-models",
    ]
