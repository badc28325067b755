"""The rows are sound, short, and in the order in which keys are tried."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest

from trunkline.client.settings import base_url_variables
from trunkline.engine.destination import join_url
from trunkline.providers import catalog, rows_clouds, rows_gateways, rows_hosts, rows_local, rows_makers, table
from trunkline.providers.address import filled, gaps, host_in, matches
from trunkline.providers.auth import Bearer, HeaderAuth
from trunkline.providers.local import LOCAL
from trunkline.providers.provider import Endpoint, Provider
from trunkline.providers.table import TABLE, own_endpoint, provider
from trunkline.values.errors import UsageError

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def test_the_order_is_the_order_in_which_keys_are_tried() -> None:
    names = [row.name for row in TABLE]
    assert names[:2] == ["anthropic", "openai"]
    assert names[-1] == "local"
    kinds = (rows_makers, rows_hosts, rows_gateways, rows_clouds, rows_local)
    assert names == [row.name for kind in kinds for row in kind.ROWS]


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    names = [row.name for row in TABLE]
    assert len(names) >= 60
    assert len(names) == len(set(names))


def test_the_sheet_has_hardly_one_that_the_table_lacks(shared: Path) -> None:
    """Every address that the sheet names is some row's, or that of one that cannot be said as a row."""
    ours = {pattern for row in TABLE for pattern in row.host_patterns()}
    sheet = (shared / "wire" / "providers.md").read_text(encoding="utf-8").partition("## 6.")[0]
    hosts = {host.lower() for host in re.findall(r"https://([a-z0-9.-]+\.[a-z]{2,})(?=[/ |;,)])", sheet)}
    assert len(hosts) > 60
    lacking = {host for host in hosts if not any(matches(host, pattern) for pattern in ours)}
    assert lacking == {
        "api.voyageai.com", "api.jina.ai",  # embeddings only
        "api.replicate.com",  # a protocol of its own
        "api.lambda.ai", "api.endpoints.anyscale.com",  # ended
        "api.llama.com",  # the older door of a row that is there
    }  # fmt: skip


def test_no_variable_holds_two_providers_keys() -> None:
    variables = [variable for row in TABLE if row.name != "bedrock-mantle" for variable in row.key_variables]
    assert len(variables) == len(set(variables))
    assert provider("bedrock-mantle").key_variables == provider("bedrock").key_variables  # two doors of one house


@rows
def test_a_row_is_sound(row: Provider) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", row.name)
    assert row.endpoints
    assert row.key_variables or row.chain or not row.needs_key
    assert set(row.variable_auth) <= set(row.key_variables)
    for endpoint in row.endpoints:
        assert table.is_dialect(endpoint.dialect) or endpoint.command is not None
        for url in (endpoint.url, *endpoint.url_where.values(), endpoint.models_url):
            if url is None:
                continue
            assert set(gaps(url)) <= {parameter.name for parameter in row.parameters}
            address = urlsplit(filled(url, {parameter.name: "x1" for parameter in row.parameters}))
            host = address.hostname or ""
            assert address.scheme == "https" or (host == "127.0.0.1" and not row.needs_key)
            whole = any(parameter.address and host == "x1" for parameter in row.parameters)
            assert whole or any(matches(host, pattern) for pattern in row.host_patterns())
            tenants = {parameter.name for parameter in row.parameters if not parameter.place} & set(gaps(host_in(url)))
            assert row.owns(host) is not bool(tenants)
            assert not url.endswith("/")
        for condition in endpoint.url_where:
            assert condition.partition("=")[0] in {parameter.name for parameter in row.parameters}
        for text in (value for pairs in (endpoint.query, endpoint.headers) for _, value in pairs):
            assert set(gaps(text)) <= {parameter.name for parameter in row.parameters if parameter.optional}


def test_no_key_may_go_to_two_providers() -> None:
    """Hosts are one provider's, but for servers on one's own machine and doors of one house."""
    owner: dict[str, str] = {}
    for row in TABLE:
        for host in set(row.host_patterns(tenants=False)) - {"127.0.0.1"}:
            assert owner.setdefault(host, row.name) == row.name


@rows
def test_an_address_takes_the_paths_of_its_dialect(row: Provider) -> None:
    """The version that a base ends in stands once, whichever it is (providers §6)."""
    for endpoint in row.endpoints:
        paths = {"openai-chat": "/chat/completions", "anthropic-messages": "/v1/messages", "openai-responses": "/responses"}
        if endpoint.dialect in paths:
            for url in filter(None, (endpoint.url, *endpoint.url_where.values())):
                joined = urlsplit(join_url(url, paths[endpoint.dialect])).path
                assert not re.search(r"/v\d+/v\d+/", joined), joined


@pytest.mark.parametrize(
    ("name", "dialect", "url"),
    [
        ("zai", "openai-chat", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("zai", "anthropic-messages", "https://api.z.ai/api/anthropic/v1/messages"),
        ("volcengine", "openai-chat", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
        ("deepinfra", "openai-chat", "https://api.deepinfra.com/v1/openai/chat/completions"),
        ("gemini", "openai-chat", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ("perplexity", "openai-chat", "https://api.perplexity.ai/chat/completions"),
        ("openrouter", "anthropic-messages", "https://openrouter.ai/api/v1/messages"),
        ("fireworks", "anthropic-messages", "https://api.fireworks.ai/inference/v1/messages"),
        ("opencode", "anthropic-messages", "https://opencode.ai/zen/v1/messages"),
    ],
)
def test_where_requests_go(name: str, dialect: str, url: str) -> None:
    path = "/v1/messages" if dialect == "anthropic-messages" else "/chat/completions"
    assert join_url(provider(name).endpoint(dialect).url or "", path) == url


def test_every_server_that_can_be_known_has_a_row_at_its_first_port() -> None:
    for kind in LOCAL:
        row = provider(kind.name)
        assert not row.needs_key
        assert {urlsplit(endpoint.url or "").port for endpoint in row.endpoints} == {kind.ports[0]}


def test_the_variables_of_addresses_are_one_providers_each() -> None:
    owner: dict[str, str] = {}
    for row in TABLE:
        for variable in base_url_variables(row):
            assert {owner.setdefault(variable, row.name), row.name} in ({row.name}, {"bedrock", "bedrock-mantle"}), variable


@rows
def test_a_quirk_that_scales_a_figure_names_the_figure(row: Provider) -> None:
    for endpoint in row.endpoints:
        assert endpoint.quirks.cost_scale is None or endpoint.quirks.cost_field is not None


def test_a_row_costs_six_lines_at_most() -> None:
    folder = Path(table.__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("rows_*.py")]
    calls = [
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Provider"
    ]
    lengths = {ast.literal_eval(call.keywords[0].value): (call.end_lineno or 0) - call.lineno + 1 for call in calls}
    assert lengths.keys() == {row.name for row in TABLE}
    for row in TABLE:
        if row.endpoints[0].command is not None:  # of a program it says what of the environment it is given
            del lengths[row.name]
    assert min(lengths.values()) >= 3
    assert max(lengths.values()) - 2 <= 6, lengths  # between the parentheses
    assert median(lengths.values()) <= 5


def test_only_local_has_no_address_of_its_own() -> None:
    assert [row.name for row in TABLE if row.needs_base_url] == ["local"]
    assert not provider("local").needs_key


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(UsageError, match="did you mean anthropic") as caught:
        provider("antropic")
    assert "trunkline health --all" in str(caught.value)
    assert "openai-chat" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("name", "meant"), table._NICKNAMES.items())
def test_what_people_call_them_is_understood_but_no_name(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"did you mean {meant}\?"):
        provider(name)
    assert provider(meant).name == meant


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
        ("video_urls", {"openrouter": True, "together": True, "vllm": True}),
        ("assistant_after_tool", {"mistral": True, "codestral": True}),
        ("return_reasoning", {"deepseek": True, "moonshot": True, "minimax": True}),
        ("split_flag", {"minimax": "reasoning_split", "novita": "separate_reasoning", "friendli": "parse_reasoning"}),
        ("needs_max_tokens", {"chutes": True, "mlx": True}),
        ("stop_faulty", {"mlx": True, "transformers": True}),
        ("no_response_format", {"mlx": True, "transformers": True, "perplexity": False, "cohere": False}),
        ("format_alone", {"groq": True, "cerebras": True}),
        ("forbidden_is_context", {"together": True}),
    ],
)
def test_habits_that_few_have(flag: str, rows: dict[str, object]) -> None:
    assert {row.name: value for row in TABLE if (value := getattr(row.endpoint().quirks, flag)) is not None} == rows


def test_a_choice_among_some_tools_is_openais_own() -> None:
    speakers = [row for row in TABLE if row.endpoint().dialect == "openai-chat"]
    assert [row.name for row in speakers if not row.endpoint().quirks.no_allowed_tools] == ["openai", "azure"]


def test_nobody_is_given_a_retired_model_who_named_none() -> None:
    defaults = [catalog.find(row.name, row.default_model) for row in TABLE if row.default_model]
    assert [model.name for model in defaults if model is not None and model.retires is not None] == []
