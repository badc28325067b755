"""Both ports, and certificates for loopback TLS."""

from __future__ import annotations

import ssl

import pytest
import trustme

from tests.io.loopback import Port


@pytest.fixture(params=["blocking", "async"])
def port(request: pytest.FixtureRequest) -> Port:
    return Port(request.param)


class Certificates:
    """A certificate authority of this run: contexts for both ends."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)
        self.bundle = authority.cert_pem


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()
