"""The credential chains of AWS, Google and Entra, by their own libraries, without their networks."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.loopback import Asked, Loopback
from tests.replies import failed
from tests.virtual import World
from trunkline import AsyncClient, Client
from trunkline.client.settings import Settings
from trunkline.io import vendor
from trunkline.io.aws import AwsSigning
from trunkline.sim.clock import VirtualClock
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import AuthenticationError, TransportError, UsageError
from trunkline.values.headers import Headers
from trunkline.values.secret import Secret
from trunkline.wire.http import HttpRequest

ID, SECRET, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session-token-0123456789/abc=="


@pytest.fixture(autouse=True)
def nobodys_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home without credentials, variables without any, and no look at a cloud's metadata."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "GCE_", "CLOUDSDK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


# -- AWS --------------------------------------------------------------------------------------------------------------


def signature(request: HttpRequest, service: str, region: str, key: str) -> str:
    """Signature version 4, written from its description (bedrock-converse §2): no line of botocore's."""
    given = {name.lower(): value for name, value in request.headers.pairs}
    names = given["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    parts = urlsplit(request.url)
    fields = given | {"host": parts.netloc}
    path = "/".join(quote(segment, safe="-_.~") for segment in parts.path.split("/")) or "/"
    pairs = sorted((quote(n, safe="-_.~"), quote(v[0], safe="-_.~")) for n, v in parse_qs(parts.query).items())
    canonical = "\n".join(
        (
            request.method,
            path,
            "&".join(f"{n}={v}" for n, v in pairs),
            "".join(f"{name}:{fields[name].strip()}\n" for name in names),
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    date = given["x-amz-date"]
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    signed = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    digest = f"AWS4{key}".encode()
    for word in (date[:8], region, service, "aws4_request"):
        digest = hmac.new(digest, word.encode(), hashlib.sha256).digest()
    return hmac.new(digest, signed.encode(), hashlib.sha256).hexdigest()


def keys_in_variables(monkeypatch: pytest.MonkeyPatch, session: str | None = None) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    if session:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session)


def asked(io: World, model: str = "bedrock/anthropic.claude-x-v1:0", **options: Any) -> HttpRequest:
    with pytest.raises(Exception, match="HTTP 500"):
        Client(model, settings=options.pop("settings", Settings({})), io=io, retries=0, **options).generate("hi")
    return io.requests[-1]


@pytest.mark.parametrize(
    ("model", "service"), [("bedrock/anthropic.claude-x-v1:0", "bedrock"), ("bedrock-mantle/x", "bedrock-mantle")]
)
def test_requests_are_signed(monkeypatch: pytest.MonkeyPatch, model: str, service: str) -> None:
    keys_in_variables(monkeypatch, SESSION)
    request = asked(World([failed(500)]), model, parameters={"region": "eu-west-1"})
    said = request.headers["authorization"]
    assert f"Credential={ID}/" in said
    assert f"/eu-west-1/{service}/aws4_request" in said
    assert said.rpartition("Signature=")[2] == signature(request, service, "eu-west-1", SECRET)
    assert request.headers["x-amz-security-token"] == SESSION
    assert "x-amz-security-token" in said
    for secret in (SECRET, SESSION, said.rpartition("Signature=")[2]):
        assert secret not in repr(request.headers)


def test_the_signature_is_that_of_awss_own_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """``get-vanilla-query`` of AWS's published test suite for the signature."""
    import botocore.auth

    keys_in_variables(monkeypatch)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime(2015, 8, 30, 12, 36, 0))  # noqa: DTZ001
    signing = AwsSigning("service", "us-east-1")
    credentials = signing.load()
    credentials.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    headers, _ = signing.sign(credentials, HttpRequest("GET", "https://example.amazonaws.com/"))
    assert dict(headers)["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_a_profile_says_keys_and_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(f"[work]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n")
    (folder / "config").write_text("[profile work]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    request = asked(World([failed(500)]), settings=Settings({"HOME": str(tmp_path), "AWS_PROFILE": "work"}))
    assert request.url.startswith("https://bedrock-runtime.ap-south-1.amazonaws.com/model/anthropic.claude-x-v1%3A0/")
    assert request.headers["authorization"].endswith(signature(request, "bedrock", "ap-south-1", SECRET))


def test_an_api_key_of_bedrock_needs_no_chain() -> None:
    request = asked(
        World([failed(500)]), settings=Settings({"AWS_BEARER_TOKEN_BEDROCK": "bedrock-key-0123", "AWS_REGION": "x-1"})
    )
    assert request.headers["authorization"] == "Bearer bedrock-key-0123"


def test_no_credentials_are_an_error_that_says_what_to_do() -> None:
    io = World()
    with pytest.raises(AuthenticationError, match="AWS_ACCESS_KEY_ID"):
        Client("bedrock/m", parameters={"region": "eu-west-1"}, settings=Settings({}), io=io).generate("hi")
    assert not io.requests


def test_a_session_token_that_is_quoted_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    keys_in_variables(monkeypatch, SESSION)
    said: list[str] = []

    def answer(request: HttpRequest) -> Scripted:
        said.append(request.headers["authorization"].rpartition("Signature=")[2])
        return failed(
            403, f"canonical x-amz-security-token:{SESSION} of {request.headers['authorization']}", code="SignatureDoesNotMatch"
        )

    with pytest.raises(Exception, match="canonical") as caught:
        Client("bedrock/m", parameters={"region": "eu-west-1"}, settings=Settings({}), io=World(answer), retries=0).generate("hi")
    told = f"{caught.value} {vars(caught.value)}"
    assert SESSION not in told
    assert said[0] not in told


def test_credentials_that_end_are_renewed_by_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.credentials import RefreshableCredentials

    def metadata(hours: float) -> dict[str, str]:
        metadata.count += 1  # type: ignore[attr-defined]
        end = datetime.now(UTC) + timedelta(hours=hours)
        return {"access_key": f"AK{metadata.count}", "secret_key": "s", "token": "t", "expiry_time": end.isoformat()}  # type: ignore[attr-defined]

    metadata.count = 0  # type: ignore[attr-defined]
    credentials = RefreshableCredentials.create_from_metadata(metadata(0.05), refresh_using=lambda: metadata(6), method="test")
    monkeypatch.setattr(AwsSigning, "load", lambda self: credentials)
    io = World([failed(500)] * 2, blocking=False)

    async def main() -> None:
        llm = AsyncClient("bedrock/m", parameters={"region": "eu-west-1"}, settings=Settings({}), io=io, retries=0)
        for _ in range(2):
            with pytest.raises(Exception, match="HTTP 500"):
                await llm.generate("hi")

    io.run(main())
    assert [request.headers["authorization"].partition("Credential=")[2][:3] for request in io.requests] == ["AK2", "AK2"]


# -- Google -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def service_account(folder: Path, token_uri: str, private_key: str) -> str:
    path = folder / "account.json"
    account = {
        "type": "service_account",
        "project_id": "p-of-the-file",
        "private_key_id": "k1",
        "private_key": private_key,
        "client_email": "robot@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }
    path.write_text(json.dumps(account))
    return str(path)


def tokens(replies: list[int]) -> Any:
    """Answers each request for a token with the next number of seconds that it lives; 0: with an error."""
    numbers = iter(range(1, 99))

    def answer(request: Asked) -> Scripted:
        number = next(numbers)
        life = replies[number - 1]
        if not life:
            return Scripted(
                400, {"content-type": "application/json"}, [b'{"error":"invalid_grant","error_description":"closed"}']
            )
        body = json.dumps({"access_token": f"ya29.token-{number}-0123456789", "expires_in": life, "token_type": "Bearer"})
        return Scripted(200, {"content-type": "application/json"}, [body.encode()])

    return answer


def vertex(io: World, **options: Any) -> Client:
    return Client("vertex/m", parameters={"project": "p"}, settings=Settings({}), io=io, retries=0, **options)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_service_account_gets_a_token_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, private_key: str, blocking: bool
) -> None:
    with Loopback(tokens([3600])) as office:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", service_account(tmp_path, f"{office.url}/token", private_key))
        clock = VirtualClock(wall=datetime.now(UTC).timestamp())  # the token's end is told by the real one
        io = World(lambda request: failed(500), blocking=blocking, clock=clock)

        async def main() -> None:
            llm = AsyncClient("vertex/m", parameters={"project": "p"}, settings=Settings({}), io=io, retries=0)
            for _ in range(2):
                with pytest.raises(Exception, match="HTTP 500"):
                    await llm.generate("hi")

        if blocking:
            llm = vertex(io)
            for _ in range(2):
                with pytest.raises(Exception, match="HTTP 500"):
                    llm.generate("hi")
        else:
            io.run(main())
        assert len(office.asked) == 1
        assertion = parse_qs(office.asked[0].body.decode())["assertion"][0]
    assert [request.headers["authorization"] for request in io.requests] == ["Bearer ya29.token-1-0123456789"] * 2
    assert assertion.count(".") == 2


def test_a_refusal_of_googles_is_an_authentication_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, private_key: str
) -> None:
    with Loopback(tokens([0, 0, 0])) as office:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", service_account(tmp_path, f"{office.url}/token", private_key))
        with pytest.raises(AuthenticationError, match="application-default credentials") as caught:
            vertex(World()).generate("hi")
    assert "PRIVATE KEY" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert "invalid_grant" in str(caught.value)


def test_no_network_is_a_transport_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, private_key: str) -> None:
    with Loopback(tokens([])) as office:
        url = office.url
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", service_account(tmp_path, f"{url}/token", private_key))
    with pytest.raises(TransportError, match="could not be reached"):
        vertex(World()).generate("hi")


def test_no_google_credentials_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(AuthenticationError, match=r"gave no credentials.*api_key"):
        vertex(World()).generate("hi")


# -- Entra ------------------------------------------------------------------------------------------------------------


class Token:
    token, expires_on = "entra-token-of-the-chain", 4_000_000_000


def test_entra_is_asked_where_azure_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    import azure.identity

    asked_for: list[str] = []

    class Chain:
        def get_token(self, *scopes: str) -> Token:
            asked_for.extend(scopes)
            return Token()

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Chain)
    io = World([failed(500)] * 2)
    llm = Client("azure/d", parameters={"resource": "acme"}, settings=Settings({}), io=io, retries=0)
    for _ in range(2):
        with pytest.raises(Exception, match="HTTP 500"):
            llm.generate("hi")
    assert asked_for == ["https://cognitiveservices.azure.com/.default"]
    assert [request.headers["authorization"] for request in io.requests] == ["Bearer entra-token-of-the-chain"] * 2


def test_entra_that_gives_nothing_is_an_authentication_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import azure.identity

    class Chain:
        def get_token(self, *scopes: str) -> Token:
            raise azure.identity.CredentialUnavailableError(message="no login; client_secret=abcdef0123456789abcdef0123456789")

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Chain)
    with pytest.raises(AuthenticationError, match="DefaultAzureCredential") as caught:
        Client("azure/d", parameters={"resource": "acme"}, settings=Settings({}), io=World()).generate("hi")
    assert "abcdef0123" not in str(caught.value)


# -- what they share --------------------------------------------------------------------------------------------------


def test_a_package_that_is_not_there_is_named() -> None:
    vendor.require("json", "x")
    for name in ("no_such_package_at_all", "no_such_package_at_all.inside"):
        with pytest.raises(UsageError, match=rf"{name}: pip install 'trunkline\[x\]'"):
            vendor.require(name, "x")


def test_a_vendors_error_keeps_no_frames_of_the_vendors() -> None:
    def fail() -> None:
        secret = "secret-in-a-frame"  # noqa: F841
        raise RuntimeError("api_key=sk-canary-0123456789abcdefghij")

    with pytest.raises(AuthenticationError) as caught:
        vendor.asked("the vendor", fail)
    assert caught.value.__context__ is None
    assert "sk-canary" not in str(caught.value)


def test_fields_of_a_signature_are_masked() -> None:
    headers = Headers((("X-Amz-Security-Token", SESSION), ("Authorization", "AWS4-HMAC-SHA256 x, Signature=abcdef0123456789")))
    assert SESSION not in repr(headers)
    assert Secret("abcdefghijkl", before=Secret("mnopqrstuvwx")).mask("abcdefghijkl and mnopqrstuvwx") == "*** and ***"
