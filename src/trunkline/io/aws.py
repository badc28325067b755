"""AWS: botocore's chain of credentials and its signature. botocore is imported when first used.

The chain is botocore's own (variables, ``~/.aws``, single sign-on, roles, containers, instances), and so is the environment that
it reads: it knows nothing of ``.env`` files. Credentials that end are renewed by botocore, once for all threads.
"""

from __future__ import annotations

from typing import Any

from ..values.errors import AuthenticationError
from ..values.secret import Origin, Secret
from ..wire.http import HttpRequest
from .vendor import asked

SOURCE = "the AWS credential chain"


def region() -> str | None:
    """The region that the user's AWS profile names."""
    import botocore.session  # type: ignore[import-untyped]

    return asked(SOURCE, lambda: botocore.session.Session().get_config_variable("region")) or None


class AwsSigning:
    """Signs for one service and region (``engine.credentials.Signing``)."""

    def __init__(self, service: str, region: str) -> None:
        self._service, self._region = service, region
        self._shown: tuple[str, Secret] | None = None

    def load(self) -> Any:
        import botocore.session

        credentials = asked(SOURCE, lambda: botocore.session.Session().get_credentials())
        if credentials is None:
            raise AuthenticationError(
                "no AWS credentials were found",
                hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or hand a key over as api_key",
            )
        return credentials

    def stale(self, credentials: Any) -> bool:
        needed = getattr(credentials, "refresh_needed", None)
        return needed is not None and bool(needed())

    def renew(self, credentials: Any) -> None:
        asked(SOURCE, credentials.get_frozen_credentials)

    def sign(self, credentials: Any, request: HttpRequest) -> tuple[tuple[tuple[str, str], ...], Secret]:
        from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
        from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]

        frozen = asked(SOURCE, credentials.get_frozen_credentials)
        given = dict(request.headers.pairs)
        signed = AWSRequest(method=request.method, url=request.url, data=request.body, headers=given)
        asked(SOURCE, lambda: SigV4Auth(frozen, self._service, self._region).add_auth(signed))
        names = {name.lower() for name in given}
        added = tuple((name.lower(), str(value)) for name, value in signed.headers.items() if name.lower() not in names)
        return added, self._secret(frozen.token or frozen.secret_key, frozen.secret_key)

    def _secret(self, token: str, key: str) -> Secret:
        """What must not be quoted: the session's token, which goes out, and the key behind it."""
        shown = self._shown
        if shown is None or shown[0] != token:
            shown = self._shown = token, Secret(token, Origin.USER, before=Secret(key, Origin.USER))
        return shown[1]
