from __future__ import annotations

import base64
import socket
import ssl
import threading

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import KEY, OK, Port, Server, answering, failing, post, read_request, whole
from trunkline.io.proxy import Proxies
from trunkline.values.errors import ConnectionRefusedByHostError, TransportError, UsageError


@pytest.mark.parametrize(
    ("no", "host", "port", "goes_straight"),
    [
        ("", "example.com", 443, False),
        ("*", "example.com", 443, True),
        ("example.com", "example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("example.com", "notexample.com", 443, False),
        ("a, localhost , b", "localhost", 80, True),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 443, False),
        ("127.0.0.1", "127.0.0.1", 9, True),
        ("10.0.0.0/8", "10.1.2.3", 9, True),
        ("10.0.0.0/8", "11.1.2.3", 9, False),
        ("10.0.0.0/8", "example.com", 9, False),
        ("[::1]:80", "::1", 80, True),
        ("::1", "::1", 80, True),
    ],
)
def test_the_rules_of_no_proxy(no: str, host: str, port: int, goes_straight: bool) -> None:
    proxies = Proxies({"https": "http://p:3128", "no": no})
    assert (proxies.choose("https", host, port) is None) is goes_straight


def test_each_scheme_has_its_own_proxy_and_all_is_for_the_rest() -> None:
    proxies = Proxies({"http": "one:1", "all": "http://two:2"})
    assert repr(proxies.choose("http", "h", 80)) == "Proxy(one:1)"
    assert repr(proxies.choose("https", "h", 443)) == "Proxy(two:2)"
    assert Proxies(None).choose("http", "h", 80) is None


@pytest.mark.parametrize("url", ["socks5://u:secret@p:1", "https://u:secret@p", "http://"])
def test_other_proxies_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Proxies({"https": url})
    assert "secret" not in str(caught.value)
    assert "https" in str(caught.value)


EXPECTED = b"Basic " + base64.b64encode(b"user:p@ss")


def through(port: Port, proxy: Server) -> Port:
    return Port(port.kind, proxies={"all": f"http://user:p%40ss@127.0.0.1:{proxy.port}"})


def test_plain_http_goes_to_the_proxy_with_its_whole_url(port: Port) -> None:
    with Server(answering(OK)) as proxy:

        async def twice(io: object) -> None:
            for _ in range(2):
                head, body = await whole(io, post("http://upstream.test:81/v1?x=1"))  # type: ignore[arg-type]
                assert (head.status, body) == (200, b"ok")

        through(port, proxy).run(twice)
        assert proxy.connections == 1
        for request in proxy.requests:
            assert request.startswith(b"POST http://upstream.test:81/v1?x=1 HTTP/1.1\r\n")
            assert b"\r\nhost: upstream.test:81\r\n" in request.lower().replace(b"Host", b"host")
            assert EXPECTED in request


def tunnelling(target: Server, seen: list[bytes]) -> Server:
    """A proxy that answers CONNECT by joining the two connections."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def handler(conn: socket.socket, _: Server) -> None:
        seen.append(read_request(conn))
        with socket.create_connection(("127.0.0.1", target.port)) as upstream:
            conn.sendall(b"HTTP/1.1 200 Connection established\r\nproxy-agent: test\r\n\r\n")
            other = threading.Thread(target=copy, args=(upstream, conn), daemon=True)
            other.start()
            copy(conn, upstream)
            other.join()

    return Server(handler)


def test_https_goes_through_a_tunnel_whose_proxy_sees_no_key(port: Port, certificates: Certificates) -> None:
    seen: list[bytes] = []
    with Server(answering(OK), certificates.server) as target, tunnelling(target, seen) as proxy:
        used = through(port, proxy)
        used.options["verify"] = certificates.client

        async def twice(io: object) -> None:
            for _ in range(2):
                head, body = await whole(io, post(f"https://localhost:{target.port}/v1"))  # type: ignore[arg-type]
                assert (head.status, body) == (200, b"ok")

        used.run(twice)
        assert target.connections == 1
        assert len(seen) == 1
        assert seen[0].startswith(f"CONNECT localhost:{target.port} HTTP/1.1\r\n".encode())
        assert EXPECTED in seen[0]
        assert KEY.encode() not in seen[0]
        assert b"Basic" not in target.requests[0]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 502 Bad\r\ncontent-length: 0\r\n\r\n"]
)
def test_a_proxy_that_refuses(port: Port, certificates: Certificates, answer: bytes) -> None:
    with Server(answering(answer)) as proxy:
        error, _ = through(port, proxy).run(lambda io: failing(io, post("https://localhost:1/v1")))
    assert type(error) is TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert answer[9:12].decode() in str(error)


def test_a_proxy_that_is_not_there(port: Port) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    used = Port(port.kind, proxies={"http": f"http://127.0.0.1:{number}"})
    error, _ = used.run(lambda io: failing(io, post("http://upstream.test/v1")))
    assert isinstance(error, ConnectionRefusedByHostError)


def test_the_contexts_are_made_once_and_shared(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> None:
    from trunkline.io.tls import tls_context

    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(certificates.bundle.bytes())
    assert tls_context(str(path)) is tls_context(str(path))
    assert tls_context(None) is tls_context(None)
    assert tls_context(certificates.client) is certificates.client
    assert tls_context(None).verify_mode is ssl.CERT_REQUIRED


def test_a_proxy_that_wants_another_password_is_told_without_its_words(port: Port) -> None:
    body = b"not with user:p@ss"
    with Server(answering(b"HTTP/1.1 407 No\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))) as proxy:
        error, _ = through(port, proxy).run(lambda io: failing(io, post("http://upstream.test/v1")))
    assert type(error) is TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert error.hint is not None
    assert "password of the proxy" in error.hint
    assert "p@ss" not in str(error) + repr(vars(error))
