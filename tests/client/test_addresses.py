"""Addresses with gaps, Azure's two styles, and which dialect a provider is asked in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.replies import chat, failed
from tests.virtual import World
from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.values.errors import UsageError

KEY = "sk-canary-0123456789abcdefghij"
DATE = "2024-10-21"
ACME = "https://acme.openai.azure.com"
REGION = {"region": "eu-west-1"}
BEARER = {"AWS_BEARER_TOKEN_BEDROCK": KEY}


def asked(model: str, environ: dict[str, str] | None = None, *, settings: Settings | None = None, **options: Any) -> str:
    io = World([failed(500)])
    with pytest.raises(Exception, match="HTTP 500"):
        Client(model, settings=settings or Settings(environ or {}), io=io, retries=0, **options).generate("hi")
    return io.requests[0].url


@pytest.mark.parametrize(
    ("model", "options", "url"),
    [
        ("bedrock/m", {"parameters": REGION}, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse"),
        (
            "bedrock/m",
            {"parameters": {"region": "cn-north-1"}},
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/m/converse",
        ),
        (
            "bedrock/m",
            {"parameters": REGION, "dialect": "openai-chat"},
            "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions",
        ),
        ("bedrock/m", {"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/model/m/converse"),
        ("bedrock-mantle/m", {"parameters": REGION}, "https://bedrock-mantle.eu-west-1.api.aws/v1/chat/completions"),
        (
            "bedrock-mantle/m",
            {"parameters": REGION, "dialect": "anthropic-messages"},
            "https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1/messages",
        ),
        (
            "vertex/m",
            {"parameters": {"project": "p-1"}},
            "https://aiplatform.googleapis.com/v1beta1/projects/p-1/locations/global/publishers/google/models/m:generateContent",
        ),
        (
            "vertex/m",
            {"parameters": {"project": "p-1", "region": "europe-west4"}},
            "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/p-1/locations/europe-west4/publishers/google/models/m:generateContent",
        ),
        (
            "vertex/m",
            {"parameters": {"project": "p-1"}, "base_url": "https://own.example"},
            "https://own.example/v1beta1/projects/p-1/locations/global/publishers/google/models/m:generateContent",
        ),
        ("gemini/m", {}, "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent"),
        ("cohere/m", {}, "https://api.cohere.com/v2/chat"),
        ("cohere/m", {"dialect": "openai-chat"}, "https://api.cohere.ai/compatibility/v1/chat/completions"),
        ("openai/m", {"dialect": "openai-responses"}, "https://api.openai.com/v1/responses"),
        (
            "anthropic-on-foundry/m",
            {"parameters": {"resource": "acme"}},
            "https://acme.services.ai.azure.com/anthropic/v1/messages",
        ),
        ("azure/d", {"parameters": {"resource": "acme"}}, f"{ACME}/openai/v1/chat/completions"),
        ("azure/d", {"base_url": ACME}, f"{ACME}/openai/v1/chat/completions"),
        ("azure/d", {"base_url": f"{ACME}/openai/"}, f"{ACME}/openai/v1/chat/completions"),
        ("azure/d", {"base_url": f"{ACME}/openai/v1/"}, f"{ACME}/openai/v1/chat/completions"),
        ("azure/d", {"base_url": f"{ACME}/openai/v1/chat/completions"}, f"{ACME}/openai/v1/chat/completions"),
        (
            "azure/d",
            {"base_url": ACME, "parameters": {"api_version": "preview"}},
            f"{ACME}/openai/v1/chat/completions?api-version=preview",
        ),
        ("azure/d", {"base_url": f"{ACME}/openai/v1", "parameters": {"api_version": DATE}}, f"{ACME}/openai/v1/chat/completions"),
        (
            "azure/d 1",
            {"parameters": {"resource": "acme", "api_version": DATE}},
            f"{ACME}/openai/deployments/d%201/chat/completions?api-version={DATE}",
        ),
        (
            "azure/d",
            {"base_url": f"{ACME}/openai", "parameters": {"api_version": DATE}},
            f"{ACME}/openai/deployments/d/chat/completions?api-version={DATE}",
        ),
        (
            "azure/d",
            {"base_url": f"{ACME}/openai/deployments/own?api-version={DATE}"},
            f"{ACME}/openai/deployments/own/chat/completions?api-version={DATE}",
        ),
        (
            "azure/d",
            {"base_url": f"{ACME}/openai/deployments/own/chat/completions?api-version={DATE}"},
            f"{ACME}/openai/deployments/own/chat/completions?api-version={DATE}",
        ),
        (
            "azure/d",
            {"base_url": "https://gate.example/x", "parameters": {"api_version": DATE}},
            f"https://gate.example/x/openai/deployments/d/chat/completions?api-version={DATE}",
        ),
        (
            "azure/d",
            {"parameters": {"resource": "acme", "api_version": DATE}, "dialect": "openai-responses"},
            f"{ACME}/openai/responses?api-version={DATE}",
        ),
        (
            "azure/d",
            {"base_url": f"{ACME}/openai/deployments/own?api-version={DATE}", "dialect": "openai-responses"},
            f"{ACME}/openai/responses?api-version={DATE}",
        ),
    ],
)
def test_where_an_endpoint_with_gaps_is(model: str, options: dict[str, Any], url: str) -> None:
    assert asked(model, api_key=KEY, **options) == url


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"AZURE_OPENAI_ENDPOINT": f"{ACME}/"}, f"{ACME}/openai/v1/chat/completions"),
        ({"AZURE_OPENAI_BASE_URL": f"{ACME}/openai/v1"}, f"{ACME}/openai/v1/chat/completions"),
        (
            {"AZURE_OPENAI_ENDPOINT": ACME, "OPENAI_API_VERSION": DATE},
            f"{ACME}/openai/deployments/d/chat/completions?api-version={DATE}",
        ),
    ],
)
def test_azures_own_variables(environ: dict[str, str], url: str) -> None:
    assert asked("azure/d", {"AZURE_OPENAI_API_KEY": KEY} | environ) == url
    assert asked("azure/d", environ, api_key=KEY) == url  # the address is the user's own word, and Azure's


def test_a_token_of_entra_wins_over_a_key() -> None:
    io = World([chat()] * 2)
    both = {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_AD_TOKEN": "entra-token-0123456789", "AZURE_OPENAI_ENDPOINT": ACME}
    Client("azure/d", settings=Settings(both), io=io).generate("hi")
    del both["AZURE_OPENAI_AD_TOKEN"]
    Client("azure/d", settings=Settings(both), io=io).generate("hi")
    assert [request.headers.get("authorization") for request in io.requests] == ["Bearer entra-token-0123456789", None]
    assert [request.headers.get("api-key") for request in io.requests] == [None, KEY]


@pytest.mark.parametrize(
    ("model", "environ", "url"),
    [
        ("bedrock/m", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}, "https://bedrock-runtime.eu-west-1."),
        ("bedrock/m", {"AWS_DEFAULT_REGION": "us-east-1"}, "https://bedrock-runtime.us-east-1."),
        ("bedrock/m", {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9"}, "http://127.0.0.1:9/model/m"),
    ],
)
def test_parameters_of_the_environment(model: str, environ: dict[str, str], url: str) -> None:
    assert asked(model, BEARER | environ).startswith(url)


@pytest.mark.parametrize(
    ("model", "options", "field", "words"),
    [
        ("bedrock/m", {}, "region", r"needs its region.*AWS_REGION.*\[providers.bedrock\]"),
        ("azure/d", {}, "resource", "AZURE_OPENAI_RESOURCE, AZURE_OPENAI_ENDPOINT"),
        ("azure/d", {"base_url": f"{ACME}/openai/deployments/own"}, "api_version", "OPENAI_API_VERSION"),
        ("vertex/m", {}, "project", "GOOGLE_CLOUD_PROJECT"),
        ("bedrock/m", {"parameters": {"regoin": "x"}}, "parameters['regoin']", "allowed: region"),
        ("openai/m", {"parameters": {"region": "x"}}, "parameters['region']", "no parameter"),
        ("bedrock/m", {"parameters": {"region": 5}}, "parameters['region']", "int"),
        ("bedrock/m", {"parameters": "eu-west-1"}, "parameters", "str"),
        *(
            ("bedrock/m", {"parameters": {"region": text}}, "parameters['region']", "cannot stand in an address")
            for text in (
                "evil.example/",
                "a b",
                "x@evil",
                "a..b",
                "-x",
                "x#",
                "x?y",
                "",
                "\n",
                "x" * 300,
                "é",
                "{region}",
                "x\\y",
            )
        ),
        ("openai/m", {"dialect": "gemini"}, "dialect", "does not speak gemini; allowed: openai-chat, openai-responses"),
        ("openai/m", {"dialect": 5}, "dialect", "int"),
    ],
)
def test_what_is_missing_or_wrong_is_named(model: str, options: dict[str, Any], field: str, words: str) -> None:
    io = World()
    with pytest.raises(UsageError, match=words) as caught:
        Client(model, api_key=KEY, settings=Settings({}), io=io, **options).generate("hi")
    assert caught.value.field == field


def files(home: Path, project: str = "", user: str = "", dotenv: str = "", **environ: str) -> Settings:
    (home / "project" / ".git").mkdir(parents=True)
    (home / ".config" / "trunkline").mkdir(parents=True)
    (home / "project" / "trunkline.toml").write_text(project)
    (home / "project" / ".env").write_text(dotenv)
    (home / ".config" / "trunkline" / "trunkline.toml").write_text(user)
    return Settings.load(home / "project", {"HOME": str(home), "APPDATA": str(home / ".config")} | environ)


def test_a_file_says_where_and_in_which_dialect(tmp_path: Path) -> None:
    user = '[providers.bedrock]\nregion = "eu-west-3"\n[providers.openai]\ndialect = "openai-responses"'
    settings = files(tmp_path, user=user, OPENAI_API_KEY=KEY, AWS_BEARER_TOKEN_BEDROCK=KEY)
    assert asked("bedrock/m", settings=settings).startswith("https://bedrock-runtime.eu-west-3.")
    assert asked("openai/m", settings=settings).endswith("/responses")
    assert asked("openai/m", settings=settings, dialect="openai-chat").endswith("/chat/completions")


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ('[providers.openai]\nregion = "x"', "providers.openai.region", "unknown key"),
        ("[providers.bedrock]\nregion = 5", "providers.bedrock.region", "must be text"),
        ('[providers.bedrock]\nregion = "a/b"', "providers.bedrock.region", "cannot stand"),
        ('[providers.openai]\ndialect = "gemini"', "providers.openai.dialect", "does not speak"),
    ],
)
def test_a_bad_entry_of_a_file_is_named(tmp_path: Path, text: str, field: str, words: str) -> None:
    settings = files(tmp_path, user=text, OPENAI_API_KEY=KEY, AWS_BEARER_TOKEN_BEDROCK=KEY)
    with pytest.raises(UsageError, match=words) as caught:
        Client("bedrock/m" if "bedrock" in text else "openai/m", settings=settings, io=World()).generate("hi")
    assert (caught.value.field or "").startswith(field)


def test_a_model_that_answers_in_one_dialect_only_is_asked_in_it(tmp_path: Path) -> None:
    (tmp_path / "trunkline.toml").write_text('[models."openai/m"]\ndialect = "openai-responses"\n', encoding="utf-8")
    settings = Settings({}, [str(tmp_path)])
    assert asked("openai/m", api_key=KEY, settings=settings).endswith("/responses")
    assert asked("openai/other", api_key=KEY, settings=settings).endswith("/chat/completions")
    assert asked("openai/m", api_key=KEY, settings=settings, dialect="openai-chat").endswith("/chat/completions")


# -- whose word decides the host --------------------------------------------------------------------------------------


def test_a_project_may_name_a_place_and_no_customer(tmp_path: Path) -> None:
    dotenv = "AWS_REGION=eu-west-1\nAZURE_OPENAI_RESOURCE=evil\nAZURE_OPENAI_ENDPOINT=\n"
    settings = files(tmp_path, dotenv=dotenv, AZURE_OPENAI_API_KEY=KEY, AWS_BEARER_TOKEN_BEDROCK=KEY)
    assert asked("bedrock/m", settings=settings).startswith("https://bedrock-runtime.eu-west-1.")
    with pytest.raises(UsageError, match="less trusted: the key is not sent there"):
        Client("azure/d", settings=settings, io=World()).generate("hi")
    assert asked("azure/d", settings=settings, parameters={"resource": "acme"}).startswith(ACME)


def test_a_project_may_not_send_azures_key_to_another_customer_of_azure(tmp_path: Path) -> None:
    settings = files(tmp_path, dotenv="AZURE_OPENAI_ENDPOINT=https://evil.openai.azure.com", AZURE_OPENAI_API_KEY=KEY)
    with pytest.raises(UsageError, match=r"evil\.openai\.azure\.com.*not sent"):
        Client("azure/d", settings=settings, io=World()).generate("hi")


def test_a_projects_own_key_goes_where_the_project_says(tmp_path: Path) -> None:
    dotenv = f"AZURE_OPENAI_RESOURCE=theirs\nAZURE_OPENAI_API_KEY={KEY}"
    assert asked("azure/d", settings=files(tmp_path, dotenv=dotenv)).startswith("https://theirs.openai.azure.com/")


def test_tokens_of_a_function_go_nowhere_that_a_project_names(tmp_path: Path) -> None:
    settings = files(tmp_path, project='[providers.bedrock]\nbase_url = "https://evil.example"', AWS_REGION="eu-west-1")
    with pytest.raises(UsageError, match="not sent"):
        Client("bedrock/m", api_key=lambda: "t", settings=settings, io=World()).generate("hi")
    with pytest.raises(UsageError, match="not sent"):
        Client("bedrock/m", settings=settings, io=World()).generate("hi")
