"""The rows are sound, short, and in the order in which keys are tried."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from trunkline.providers import table
from trunkline.providers.address import filled, gaps, host_in, matches
from trunkline.providers.auth import Bearer, HeaderAuth
from trunkline.providers.provider import Endpoint, Provider
from trunkline.providers.table import TABLE, own_endpoint, provider
from trunkline.values.errors import UsageError

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def test_the_order_is_the_order_in_which_keys_are_tried() -> None:
    assert [row.name for row in TABLE] == [
        *("anthropic", "openai", "groq", "deepseek", "openrouter", "mistral"),
        *("xai", "together", "fireworks", "perplexity", "gemini", "cohere"),
        *("azure", "anthropic-on-foundry", "bedrock", "bedrock-mantle", "vertex", "local"),
    ]


def test_no_variable_holds_two_providers_keys() -> None:
    variables = [variable for row in TABLE if row.name != "bedrock-mantle" for variable in row.key_variables]
    assert len(variables) == len(set(variables))
    assert provider("bedrock-mantle").key_variables == provider("bedrock").key_variables  # two doors of one house


@rows
def test_a_row_is_sound(row: Provider) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", row.name)
    assert row.endpoints
    assert bool(row.key_variables or row.chain) == row.needs_key
    assert set(row.variable_auth) <= set(row.key_variables)
    for endpoint in row.endpoints:
        assert table.is_dialect(endpoint.dialect)
        for url in (endpoint.url, *endpoint.url_where.values(), endpoint.models_url):
            if url is None:
                continue
            assert set(gaps(url)) <= {parameter.name for parameter in row.parameters}
            address = urlsplit(filled(url, {parameter.name: "x1" for parameter in row.parameters}))
            assert address.scheme == "https"
            host = address.hostname or ""
            assert any(matches(host, pattern) for pattern in row.host_patterns())
            tenants = {parameter.name for parameter in row.parameters if not parameter.place} & set(gaps(host_in(url)))
            assert row.owns(host) is not bool(tenants)
            assert not url.endswith("/")


@rows
def test_a_quirk_that_scales_a_figure_names_the_figure(row: Provider) -> None:
    for endpoint in row.endpoints:
        assert endpoint.quirks.cost_scale is None or endpoint.quirks.cost_field is not None


def test_a_row_costs_six_lines_at_most() -> None:
    tree = ast.parse(Path(table.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Provider"]
    lengths = {ast.unparse(call.keywords[0].value): (call.end_lineno or 0) - call.lineno + 1 for call in calls}
    assert len(lengths) > len(TABLE) - 1
    bodies = {name: length - 2 if length > 1 else length for name, length in lengths.items()}  # between the parentheses
    assert max(bodies.values()) <= 6, bodies


def test_only_local_has_no_address_of_its_own() -> None:
    assert [row.name for row in TABLE if row.needs_base_url] == ["local"]
    assert not provider("local").needs_key


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(UsageError, match="did you mean anthropic") as caught:
        provider("antropic")
    assert all(row.name in str(caught.value) for row in TABLE)
    assert "openai-chat" in str(caught.value)


def test_an_endpoint_of_ones_own_needs_no_key_and_shows_one_as_its_dialect_does() -> None:
    chat = own_endpoint("openai-chat", "http://127.0.0.1:9/v1")
    assert (chat.name, chat.needs_key, chat.needs_base_url, chat.hosts) == ("openai-chat", False, False, ("127.0.0.1",))
    assert chat.endpoint().url == "http://127.0.0.1:9/v1"
    assert chat.auth_for(chat.endpoint()) == Bearer()
    messages = own_endpoint("anthropic-messages", "https://gateway.example")
    assert messages.auth_for(messages.endpoint()) == HeaderAuth("x-api-key")
    with pytest.raises(UsageError, match="openai-chat, anthropic-messages"):
        own_endpoint("telnet", "http://127.0.0.1:9")


def test_a_token_that_is_no_key_is_shown_as_a_token() -> None:
    row = provider("anthropic")
    assert row.auth_for(row.endpoint(), "ANTHROPIC_API_KEY") == row.auth_for(row.endpoint()) == HeaderAuth("x-api-key")
    assert row.auth_for(row.endpoint(), "ANTHROPIC_AUTH_TOKEN") == Bearer()


def test_an_endpoint_can_want_its_key_in_another_way() -> None:
    row = Provider(name="p", endpoints=(Endpoint(dialect="a", url="https://p.example", auth=HeaderAuth("k")),))
    assert row.auth_for(row.endpoint("a")) == HeaderAuth("k")
    with pytest.raises(UsageError, match="does not speak b"):
        row.endpoint("b")


@pytest.mark.parametrize("host", ["evil.example", "api.openai.com.evil.example", "evilapi.openai.com", "openai.com", ""])
def test_a_key_goes_to_its_own_hosts_only(host: str) -> None:
    row = provider("openai")
    assert not row.owns(host)
    assert row.owns("API.OpenAI.com.")


@pytest.mark.parametrize("dialect", sorted({endpoint.dialect for row in TABLE for endpoint in row.endpoints}))
def test_the_dialects_that_the_table_names_exist(dialect: str) -> None:
    assert find_spec(f"trunkline.dialects.{dialect.replace('-', '_')}")


@pytest.mark.parametrize(
    ("flag", "rows"),
    [
        ("bad_gateway_is_overloaded", {"openrouter": True}),
        ("file_urls", {"openrouter": True}),
        ("video_urls", {"openrouter": True, "together": True}),
        ("assistant_after_tool", {"mistral": True}),
        ("return_reasoning", {"deepseek": True}),
        ("forbidden_is_context", {"together": True}),
    ],
)
def test_habits_that_few_have(flag: str, rows: dict[str, object]) -> None:
    assert {row.name: value for row in TABLE if (value := getattr(row.endpoint().quirks, flag)) is not None} == rows


def test_a_choice_among_some_tools_is_openais_own() -> None:
    speakers = [row for row in TABLE if row.endpoint().dialect == "openai-chat"]
    assert [row.name for row in speakers if not row.endpoint().quirks.no_allowed_tools] == ["openai", "azure"]
