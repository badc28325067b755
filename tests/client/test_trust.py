"""A key goes where it belongs and nowhere else."""

from __future__ import annotations

import itertools
import logging
import traceback

import pytest
from hypothesis import given, strategies as st

from trunkline.client.trust import checked_base_url, checked_parameter, host_of, is_host_of, is_loopback, may_send, refuse_key
from trunkline.values.errors import UsageError
from trunkline.values.secret import Origin, Secret

KEY = "sk-canary-0123456789abcdefghij"
HOSTS = ("api.example.com", "*.models.example.net")


@pytest.mark.parametrize("key,address", list(itertools.product(Origin, Origin)))
def test_an_address_must_be_as_trusted_as_the_key(key: Origin, address: Origin) -> None:
    assert may_send(Secret(KEY, key), address, "elsewhere.example", HOSTS) == (address >= key)
    assert may_send(Secret(KEY, key), address, "API.example.com.", HOSTS)


@pytest.mark.parametrize(
    "host,known",
    [
        ("api.example.com", True),
        ("eu.models.example.net", True),
        ("a.b.models.example.net", True),
        ("models.example.net", False),
        ("evilmodels.example.net", False),
        ("api.example.com.evil.net", False),
        ("evil-api.example.com", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_a_providers_hosts(host: str, known: bool) -> None:
    assert is_host_of(host, HOSTS) is known


def test_a_projects_address_gets_no_key_of_the_environment() -> None:
    with pytest.raises(UsageError, match=r"from the environment.*elsewhere\.example.*a file of the project.*not sent") as caught:
        refuse_key(Secret(KEY, Origin.ENVIRONMENT), "https://elsewhere.example/v1", Origin.PROJECT, "acme", HOSTS)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    refuse_key(Secret(KEY, Origin.PROJECT), "https://elsewhere.example/v1", Origin.PROJECT, "acme", HOSTS)
    refuse_key(Secret(KEY, Origin.ENVIRONMENT), "https://api.example.com/v1", Origin.PROJECT, "acme", HOSTS)
    refuse_key(None, "https://elsewhere.example/v1", Origin.PROJECT, "acme", HOSTS)


def test_loopback_is_no_exception_to_the_rule() -> None:
    with pytest.raises(UsageError):
        refuse_key(Secret(KEY, Origin.ENVIRONMENT), "http://127.0.0.1:8080", Origin.PROJECT, "acme", HOSTS)


def test_a_project_cannot_take_the_encryption_off() -> None:
    with pytest.raises(UsageError, match=r"https:// and a host of acme"):
        refuse_key(Secret(KEY, Origin.ENVIRONMENT), "http://api.example.com/v1", Origin.PROJECT, "acme", HOSTS)


def test_a_key_in_the_clear_to_another_machine_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "trunkline"):
        refuse_key(Secret(KEY), "http://localhost:8000", Origin.ARGUMENT, "acme", HOSTS)
        refuse_key(Secret(KEY), "https://elsewhere.example", Origin.ARGUMENT, "acme", HOSTS)
        assert not caplog.records
        refuse_key(Secret(KEY), "http://192.168.0.7:8000/v1", Origin.ARGUMENT, "acme", HOSTS)
    assert [record.getMessage() for record in caplog.records] == [
        "the key of acme goes to 192.168.0.7 without encryption: use https:// where others listen"
    ]


@pytest.mark.parametrize(
    "host,here",
    [
        *(
            (host, True)
            for host in ("localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]")
        ),
        *(
            (host, False)
            for host in (
                "127.0.0.1.evil.net",
                "localhost.evil.net",
                "evillocalhost",
                "0.0.0.0",
                "10.0.0.1",
                "1270.0.1",
                "::2",
                "",
            )
        ),
    ],
)
def test_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    "text,url,host",
    [
        ("https://api.example.com", "https://api.example.com", "api.example.com"),
        (" HTTPS://API.Example.com/V1/ ", "https://api.example.com/V1", "api.example.com"),
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1", "127.0.0.1"),
        ("http://[::1]:8080/v1//", "http://[::1]:8080/v1", "::1"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]", "2001:db8::1"),
        ("http://my_server:80", "http://my_server:80", "my_server"),
        ("https://xn--bcher-kva.example./a%20b", "https://xn--bcher-kva.example./a%20b", "xn--bcher-kva.example"),
    ],
)
def test_addresses(text: str, url: str, host: str) -> None:
    assert checked_base_url(text) == url
    assert host_of(url) == host


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "localhost:8080",
            "api.example.com/v1",
            "ftp://a.example",
            "file:///etc/passwd",
            "//a.example",
            "https:a.example",
            "javascript:1",
        ),
        *(
            "https://",
            "https:///v1",
            "https://:80",
            "http://a.example:0",
            "http://a.example:65536",
            "http://a.example:x",
            "http://a.example:",
        ),
        *(
            "https://me:canary@a.example",
            "https://canary@a.example",
            "https://a.example?canary=1",
            "https://a.example/#canary",
            "https://a.example?",
        ),
        *(
            "https://a b.example",
            "https://a.example/\r\nX: canary",
            "https://a.example\\@b.example",
            "https://bücher.example",
            "https://a%2e.example",
        ),
        *(
            "http://[::1",
            "http://::1",
            "http://[::1]x",
            "http://[canary]",
            "http://[fe80::1%25eth0]",
            "https://-a.example",
            "https://a..example",
        ),
        *("https://" + "a." * 130 + "example", "https://" + "a" * 64 + ".example", "https://a.example\0", "https://a.example\t/"),
    ],
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_base_url(text, "OPENAI_BASE_URL (environment)")
    assert caught.value.field == "OPENAI_BASE_URL (environment)"
    assert caught.value.got == "text"
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("value", [None, 3, b"https://a.example", ["https://a.example"]])
def test_an_address_is_text(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        checked_base_url(value)
    assert caught.value.got == type(value).__name__


@given(st.text(alphabet=st.sampled_from("htps:/[]@.a1-_?#%\\ \t\n:"), max_size=30))
def test_what_is_taken_for_an_address_stays_as_it_is(text: str) -> None:
    try:
        url = checked_base_url("https://" + text)
    except UsageError:
        return
    assert checked_base_url(url) == url
    assert host_of(url)


@pytest.mark.parametrize("query", ["?api-version=2024-10-21", "?version=2024-10-21-preview"])
def test_an_address_may_say_a_version(query: str) -> None:
    assert checked_base_url(f"https://API.example.com/v1/{query}") == f"https://api.example.com/v1{query}"
    for bad in (f"{query}&key=x", f"{query}#x", query.replace("=", "=x&y="), f"{query} ", query + "/" * 3):
        if bad.strip() != query:
            with pytest.raises(UsageError, match="query or a fragment"):
                checked_base_url(f"https://api.example.com/v1{bad}")


def test_a_whole_host_may_come_as_an_address() -> None:
    assert checked_parameter(" HTTPS://Adb-1.Azuredatabricks.net/ ", "host", address=True) == "adb-1.azuredatabricks.net"
    for bad in ("https://a/b", "http://a.example", "https://u:p@a.example", "https://"):
        with pytest.raises(UsageError, match="cannot stand in an address") as caught:
            checked_parameter(bad, "host", address=True)
        assert bad not in str(caught.value)


def test_credentials_without_a_key_have_an_origin_too() -> None:
    refuse_key(Origin.USER, "https://elsewhere.example", Origin.USER, "acme", HOSTS)
    with pytest.raises(UsageError, match="not sent there"):
        refuse_key(Origin.USER, "https://elsewhere.example", Origin.PROJECT, "acme", HOSTS)
