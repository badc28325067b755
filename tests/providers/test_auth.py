"""Keys are shown as each provider wants them, and never where they could be quoted back."""

from __future__ import annotations

import pytest

from trunkline.providers.auth import Auth, Bearer, HeaderAuth, NoAuth, QueryAuth
from trunkline.values.errors import UsageError
from trunkline.values.secret import Secret

FORMS: list[Auth] = [Bearer(), HeaderAuth("x-api-key"), QueryAuth("key"), NoAuth()]


@pytest.mark.parametrize(
    "auth, shown",
    [
        (Bearer(), ((("authorization", "Bearer k1"),), ())),
        (HeaderAuth("x-api-key"), ((("x-api-key", "k1"),), ())),
        (QueryAuth("key"), ((), (("key", "k1"),))),
        (NoAuth(), ((), ())),
    ],
    ids=repr,
)
def test_a_key_is_shown_as_the_form_says(auth: Auth, shown: object) -> None:
    assert auth.apply(Secret("k1")) == shown


@pytest.mark.parametrize("auth", FORMS, ids=repr)
def test_without_a_key_nothing_is_shown(auth: Auth) -> None:
    assert auth.apply(None) == ((), ())


@pytest.mark.parametrize("auth", FORMS[:3], ids=repr)
@pytest.mark.parametrize(
    "text", ["", "canary key", "canary\n", "canary\r\nx: y", "canary\x00", "canary\u2026", "canaryé"], ids=ascii
)
def test_a_key_that_a_header_cannot_hold_is_refused_and_not_quoted(auth: Auth, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        auth.apply(Secret(text))
    assert "canary" not in f"{caught.value} {caught.value!r}"
