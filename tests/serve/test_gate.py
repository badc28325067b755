"""Whose requests are taken."""

from __future__ import annotations

import pytest

from trunkline.serve.gate import Gate, Refusal, is_loopback
from trunkline.values.errors import UsageError
from trunkline.values.headers import Headers

HERE = ("10.0.0.7", "gateway.lan")
GATE = Gate(("models.example", "[fd00::7]"))


def status(*fields: tuple[str, str], gate: Gate = GATE, named: bool = True) -> int:
    try:
        gate.check(Headers(fields), HERE, named=named)
    except Refusal as refusal:
        return refusal.error.status or 0
    return 200


@pytest.mark.parametrize(
    "host,expected",
    [
        *((host, 200) for host in ("localhost", "localhost:80", "LOCALHOST:1", "a.localhost:9", "127.0.0.1:8", "127.1.2.3", "[::1]:80")),
        *((host, 200) for host in ("10.0.0.7:8080", "gateway.lan", "models.example:443", "Models.Example", "[fd00::7]:1")),
        *((host, 421) for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.8")),
        *((host, 421) for host in ("", "[::2]", "127.0.0.x", "evil.example@localhost")),
        *((host, 421) for host in ("localhost:80@evil.example", "[::1]evil.example", "localhost:evil", "localhost,evil.example", "::1")),
        *((host, 421) for host in ("[localhost]", "localhost/evil", "localhost evil.example", "[::1", "localhost:٣")),
    ],
)  # fmt: skip
def test_hosts(host: str, expected: int) -> None:
    assert status(("host", host)) == expected


def test_a_request_has_one_host() -> None:
    assert status() == 400
    assert status(named=False) == 200
    assert status(("host", "localhost"), ("host", "localhost")) == 400


@pytest.mark.parametrize(
    "origin,expected",
    [
        *((origin, 200) for origin in ("http://localhost:3000", "http://127.0.0.1", "https://models.example", "http://[::1]:5")),
        *((origin, 403) for origin in ("https://evil.example", "null", "", "https://localhost.evil.example", "file://")),
        *(
            (origin, 403)
            for origin in ("http://[::1", "http://localhost:1, http://evil.example", "http://localhost@evil.example")
        ),
        *((origin, 403) for origin in ("localhost", "http://evil.example://localhost", "http://localhost/")),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str, expected: int) -> None:
    assert status(("host", "localhost"), ("origin", origin)) == expected


def test_a_star_takes_all() -> None:
    assert status(("host", "evil.example"), ("origin", "null"), gate=Gate(("*",))) == 200


def test_one_name_is_not_several() -> None:
    with pytest.raises(UsageError, match="hosts"):
        Gate("localhost")


def test_what_is_loopback() -> None:
    assert not is_loopback("127.0.0.1.")
    assert not is_loopback("127.\u0661.0.1")
