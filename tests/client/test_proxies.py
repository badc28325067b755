"""Which proxy holds for which host."""

from __future__ import annotations

import pytest

from trunkline.client.proxies import Proxies
from trunkline.values.errors import UsageError

HOST = "api.example.com"


@pytest.mark.parametrize(
    "environ,http,https",
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://p:1"}, None, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "http://p:1", None),
        ({"ALL_PROXY": "p:1"}, "http://p:1", "http://p:1"),
        (
            {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1", "all_proxy": "http://all:1"},
            "http://all:1",
            "http://low:1",
        ),
        ({"https_proxy": " ", "HTTPS_PROXY": "http://up:1"}, None, "http://up:1"),
        ({"HTTP_PROXY": "http://evil:1", "http_proxy": "http://evil:1", "REQUEST_METHOD": "GET"}, None, None),
        ({"HTTP_PROXY": "http://evil:1", "ALL_PROXY": "http://all:1", "REQUEST_METHOD": "GET"}, "http://all:1", "http://all:1"),
        ({"HTTPS_PROXY": "http://me:secret@p:1"}, None, "http://me:secret@p:1"),
    ],
)
def test_by_scheme(environ: dict[str, str], http: str | None, https: str | None) -> None:
    proxies = Proxies(environ)
    assert (proxies.for_url("http", HOST, 80), proxies.for_url("https", HOST, 443)) == (http, https)
    assert "secret" not in repr(proxies)


@pytest.mark.parametrize(
    "no_proxy,exempt",
    [
        ("*", True),
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("API.EXAMPLE.COM", True),
        ("other.net, example.com", True),
        ("other.net example.com", True),
        ("api.example.com:443", True),
        ("api.example.com:80", False),
        ("ample.com", False),
        ("xapi.example.com", False),
        ("", False),
        (",,", False),
        ("10.0.0.0/8", False),
        ("nonsense/8", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_exempt_hosts(name: str, no_proxy: str, exempt: bool) -> None:
    proxies = Proxies({"HTTPS_PROXY": "http://p:1", name: no_proxy})
    assert (proxies.for_url("https", HOST, 443) is None) is exempt


def test_exempt_addresses() -> None:
    proxies = Proxies({"ALL_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8,2001:db8::1,192.168.0.7,[2001:db8::2]:443"})
    direct = ["10.1.2.3", "192.168.0.7", "2001:db8::1", "[2001:db8::1]", "2001:db8::2"]
    assert [proxies.for_url("https", host, 443) for host in direct] == [None] * 5
    assert proxies.for_url("https", "11.0.0.1", 443) == "http://p:1"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "[::1]"])
def test_loopback_goes_straight(host: str) -> None:
    assert Proxies({"ALL_PROXY": "http://p:1"}).for_url("http", host, 80) is None


@pytest.mark.parametrize("value", ["socks5://canary:1080", "http://", "http://canary:99999", "http://ca nary", "ftp://canary"])
def test_a_proxy_that_we_do_not_speak_is_refused_where_it_would_hold(value: str) -> None:
    proxies = Proxies({"ALL_PROXY": value})
    assert proxies.for_url("http", "localhost", 80) is None
    with pytest.raises(UsageError) as caught:
        proxies.for_url("https", HOST, 443)
    assert caught.value.field == "ALL_PROXY (environment)"
    assert "canary" not in str(caught.value)
