"""Which proxies the environment names, and that they are what the ports take."""

from __future__ import annotations

import pytest

from trunkline.client.proxies import Proxies
from trunkline.io import proxy
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
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a, *"}, None, None),
    ],
)
def test_by_scheme(environ: dict[str, str], http: str | None, https: str | None) -> None:
    proxies = Proxies(environ)
    assert (proxies.get("http"), proxies.get("https")) == (http, https)
    assert "secret" not in repr(proxies)


@pytest.mark.parametrize(
    "no_proxy,straight",
    [
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
def test_exempt_hosts_as_the_ports_understand_them(name: str, no_proxy: str, straight: bool) -> None:
    chosen = proxy.Proxies(Proxies({"HTTPS_PROXY": "http://p:1", name: no_proxy})).choose("https", HOST, 443)
    assert (chosen is None) is straight


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "::1"])
def test_loopback_goes_straight(host: str) -> None:
    assert proxy.Proxies(Proxies({"ALL_PROXY": "http://p:1"})).choose("http", host, 80) is None


@pytest.mark.parametrize(
    "value", ["socks5://canary:1080", "https://canary:1", "http://", "http://canary:99999", "http://ca nary", "ftp://canary"]
)
def test_a_proxy_that_we_do_not_speak_is_refused(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Proxies({"ALL_PROXY": value})
    assert caught.value.field == "ALL_PROXY (environment)"
    assert "canary" not in str(caught.value)
    assert not Proxies({"ALL_PROXY": value, "NO_PROXY": "*"})
