"""Keys show themselves nowhere, in no spelling; prose is left alone."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import sys
import types
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline.values.secret import Origin, Secret, mask_keys

KEY = "canary-7f3a/9+Zz=="


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r}".format,
        lambda s: f"{s}",
        lambda s: " ".join(map(str, (s, s))),
        lambda s: repr([s, {"k": s}]),
    ],
)
def test_a_secret_shows_itself_in_no_way(show: Any) -> None:
    shown = show(Secret(KEY))
    assert KEY not in shown
    assert "7f3a" not in shown
    assert "***" in shown


def test_format_specifications_are_no_way_around() -> None:
    with pytest.raises(TypeError):
        format(Secret(KEY), ">40")
    assert KEY not in str(logging.LogRecord("n", 10, "p", 1, "key %s", (Secret(KEY),), None).getMessage())


def test_a_secret_is_not_pickled_copied_or_written_as_json() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(Secret(KEY), protocol)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(Secret(KEY))
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))
    assert not hasattr(Secret(KEY), "__dict__")


def test_secrets_are_equal_by_what_they_hold() -> None:
    assert Secret(KEY) == Secret(KEY, Origin.USER)
    assert hash(Secret(KEY)) == hash(Secret(KEY, Origin.USER))
    assert Secret(KEY) != Secret(KEY + "x")
    assert Secret(KEY) != KEY
    assert Secret("\ud83d-half a pair") == Secret("\ud83d-half a pair")


def test_the_id_tells_two_keys_apart_and_neither() -> None:
    assert Secret(KEY).id == Secret(KEY).id != Secret(KEY + "x").id
    assert len(Secret(KEY).id) == 8
    assert Secret(KEY).id not in KEY


def test_revealed_where_it_goes_on_the_wire() -> None:
    assert Secret(KEY).reveal() == KEY


SPELLINGS = {
    "plain": KEY,
    "JSON": json.dumps(KEY)[1:-1],
    "slashes escaped": KEY.replace("/", "\\/"),
    "as .NET escapes": KEY.replace("+", "\\u002B").replace("/", "\\u002f").replace("=", "\\u003d"),
    "as Go escapes": KEY.replace("=", "\\u003D"),
    "in a URL": KEY.replace("/", "%2F").replace("+", "%2b").replace("=", "%3D"),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_masked_in_every_spelling(spelling: str) -> None:
    text = f'{{"error": "Incorrect key: {spelling}", "again": "{spelling}"}}'
    masked = '{"error": "Incorrect key: ***", "again": "***"}'
    assert Secret(KEY).mask(text) == masked
    assert Secret(KEY).mask_bytes(text.encode()) == masked.encode()


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="*"), min_size=8, max_size=40),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_any_key_is_masked_as_it_is_and_as_json_writes_it(key: str, before: str, after: str) -> None:
    secret = Secret(key)
    for written in (key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1]):
        text = before + written + after
        assert key not in secret.mask(text)
        assert written.encode() not in secret.mask_bytes(text.encode())


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    data = b"\xff\xfe" + KEY.encode() + b"\x80"
    assert Secret(KEY).mask_bytes(data) == b"\xff\xfe***\x80"
    assert Secret("plain-key-12345").mask_bytes(b"\xff plain-key-12345") == b"\xff ***"


@pytest.mark.parametrize("key", ["", "k", "none", "error", "EMPTY"])
def test_a_placeholder_garbles_nothing(key: str) -> None:
    body = '{"error": {"message": "unknown token none EMPTY", "code": null}}'
    assert Secret(key).mask(body) == body
    assert Secret(key).mask_bytes(body.encode()) == body.encode()


# ---------------------------------------------------------------------------------------------- whatever looks like a key

KEYS = [
    "sk-proj-" + "aB3" * 40,
    "sk-0123456789abcdef0123456789abcdef",
    "sk-abcdefghijklmnopqrstuvwxyz",
    "sk-svcacct-a1B2c3D4_e5F6-g7H8",
    "sk-ant-api03-aB3dE-fG_hI1-jKlMnOpQrStUvWxYz",
    "sk-ant-oat01-aB3dEfGhIj",
    "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef",
    "sk_0123456789abcdef",
    "gsk_aB3dEfGhIjKlMnOpQrStUvWxYz0123456789",
    "csk-aB3dEfGhIjKlMnOp",
    "xai-aB3dEfGhIjKlMnOpQrStUvWxYz0123456789",
    "pplx-0123456789abcdef0123456789abcdef",
    "fw_3ZaB3dEfGhIjKlMnOp",
    "tgp_v1_aB3dEfGhIjKlMn-OpQrSt",
    "hf_aB3dEfGhIjKlMnOpQrStUvWxYz",
    "AIzaSyA-aB3dEfGhIjKlMnOpQrStUvWxYz0123",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "ya29.a0AfH6SMBx-aB3d",
    "nvapi-aB3dEfGhIjKl",
    "ghp_aB3dEfGhIjKlMnOp1234",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sIgNaTuRe-_0",
    "sk-pr*****************************wxyz",
    "sk-abc…wxyz",
]
AROUND = [
    "{}",
    "Incorrect API key provided: {}. You can find your key at https://a.",
    '{{"key":"{}"}}',
    "({})",
    "key={},",
    "{}\n",
    "a/{}",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:12])
def test_known_shapes_are_masked_wherever_they_stand(key: str, around: str) -> None:
    masked = mask_keys(around.format(key))
    assert key not in masked
    assert key[-6:] not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Incorrect API key provided: xa***yz.", "Incorrect API key provided: ***"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("bearer ABCDEFGHIJKLMNOPQRSTUVWX", "bearer ***"),
        ("Invalid API key: 0123456789abcdef", "Invalid API key: ***"),
        ('{"x-api-key": "abc123def", "a": 1}', '{"x-api-key": "***", "a": 1}'),
        ("api_key=abcd1234&x=1", "api_key=***&x=1"),
        ("apikey='abcd1234'", "apikey='***'"),
        ("API key 'abcd1234' is invalid", "API key '***' is invalid"),
        ("https://host/v1?key=abcdefghij&alt=sse", "https://host/v1?key=***&alt=sse"),
        ("access_token: 1a2b3c4d", "access_token: ***"),
        ("password = hunter2222", "password = ***"),
    ],
)
def test_what_is_announced_as_a_credential_is_masked(text: str, masked: str) -> None:
    assert mask_keys(text) == masked


@pytest.mark.parametrize(
    "prose",
    [
        "The sky is blue, and so is the skyline of skyscrapers.",
        "keyboard shortcuts-are-fun, the keyboard-shortcuts-are-fun, monkey_business_12345",
        "a task-management-system-v2-2025 for risk-based-decisions-2024, at desk-1234567890",
        "skateboarding-tricks-1234 whisk-and-fold-30-times",
        "Bearer token is missing. Basic information about things.",
        "api key: missing; API key not found; Please pass an API key in the Authorization header",
        "max_tokens: 100000 is more than 4096; token=5000000",
        "the secret garden; secret: invalid; password is required",
        "pplx-embed-v1-0.6b, hf-inference, xai-responses-v1 and sk-learn",
        "The model gpt-5.4-mini-2026-03-17 does not exist",
        "request req_011CSHoEeqs5C35K2UUqR7Fy failed, msg_01XFDUDYJgAACzvnptvVoYEL",
        "prompt is too long: 200001 tokens > 200000 maximum",
        "eyJ is how JSON begins in base64",
    ],
)
def test_prose_and_names_are_left_alone(prose: str) -> None:
    assert mask_keys(prose) == prose


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12), max_size=30))
def test_no_words_are_masked(words: list[str]) -> None:
    prose = " ".join(words)
    assert mask_keys(prose) == prose


@given(st.text())
def test_masking_twice_masks_no_more(text: str) -> None:
    assert mask_keys(mask_keys(text)) == mask_keys(text)


def test_a_secret_is_freed_of_no_duty_by_tracing_its_frames() -> None:
    """A traceback's locals show a Secret as they show anything: by ``repr``."""

    def failing(secret: Secret) -> None:
        raise ValueError(f"refused {secret}")

    try:
        failing(Secret(KEY))
    except ValueError:
        frame: types.TracebackType | None = sys.exc_info()[2]
        shown = ""
        while frame is not None:
            shown += repr(frame.tb_frame.f_locals.get("secret"))
            frame = frame.tb_next
    assert "***" in shown
    assert KEY not in shown


@pytest.mark.parametrize("key", [KEY, "sk-canary-4f1d8a07c5e2XYZ", "abcdefgh"])
@pytest.mark.parametrize("before", ["", "u", "u:", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_in_base64_is_a_key_still(key: str, before: str, encode: Any) -> None:
    for after in ("", "z", "zz", "zzz"):
        encoded = encode(f"{before}{key}{after}".encode()).decode()
        masked = Secret(key).mask(f"Basic {encoded}!")
        assert masked.startswith("Basic ")
        assert "***" in masked


def test_a_key_that_was_cut_by_the_end_of_the_text_is_none_of_it() -> None:
    for length in range(8, len(KEY) + 1):
        assert Secret(KEY).mask("the key " + KEY[:length]) == "the key ***"
    assert Secret(KEY).mask("the key " + KEY[:7]) == "the key " + KEY[:7]
    assert Secret(KEY).mask(f"{KEY[:9]} {KEY[:12]}") == f"{KEY[:9]} ***"
    assert Secret(KEY).mask(f"{KEY[:9]} and more") == f"{KEY[:9]} and more"
