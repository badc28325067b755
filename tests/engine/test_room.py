"""What surely has no room in a model is not sent; what may have is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.calls import call, wire
from trunkline import Client, ContextLengthError, Settings, UsageError
from trunkline.engine.room import refuse_too_long
from trunkline.policy.token_estimates import estimate
from trunkline.providers.token_families import family_of
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO

KEYS = {"OPENAI_API_KEY": "sk-room-0123456789abcdef"}
SMALL, LARGE = "openai/gpt-4o-mini", "openai/gpt-4.1"
"""Of 128,000 tokens, and of a million."""
REPLY = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":'
    b'{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}'
)


def client(**options: Any) -> tuple[Client, ScriptedIO]:
    io = ScriptedIO([Scripted(200, {}, [REPLY])] * 2)
    return Client(SMALL, **{"dialect": "openai-chat", "settings": Settings(KEYS), "io": io, **options}), io


LONG = "that and the other " * 50_000
"""200,000 tokens."""


def test_it_is_not_sent_and_no_fault_of_the_targets() -> None:
    llm, io = client()
    for ask in (llm.generate, lambda prompt: list(llm.stream(prompt))):
        with pytest.raises(ContextLengthError, match=r"not asked: the prompt has about \d+ tokens, \d+ at least") as caught:
            ask(LONG)
        assert (caught.value.provider, caught.value.model) == ("openai", "gpt-4o-mini")
    assert not io.requests
    (target,) = llm.status().targets
    assert (target.failures, target.circuit) == (0, "closed")
    assert llm.generate("hi").text == "hi"


def test_the_next_that_has_room_is_asked() -> None:
    llm, io = client(fallbacks=[LARGE])
    reply = llm.generate(LONG)
    assert [(attempt.model, attempt.error) for attempt in reply.attempts] == [
        ("gpt-4o-mini", "ContextLengthError"),
        ("gpt-4.1", None),
    ]
    assert len(io.requests) == 1


def test_nobody_is_asked_who_has_no_more_room() -> None:
    llm, io = client(fallbacks=["openai/gpt-4o"])
    with pytest.raises(ContextLengthError):
        llm.generate(LONG)
    assert not io.requests


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"extra_body": {"truncation": "auto"}}, True),
        ({"extra_headers": {"Anthropic-Beta": "context-1m"}}, True),
        ({"extra_headers": {"x-trace": "1"}, "extra_body": {}}, False),
    ],
)
def test_your_own_fields_may_make_it_fit(options: dict[str, Any], sent: bool) -> None:
    llm, io = client()
    if sent:
        assert llm.generate(LONG, **options).text == "hi"
    else:
        with pytest.raises(ContextLengthError):
            llm.generate(LONG, **options)
    assert len(io.requests) == sent


def test_at_an_address_of_ones_own_only_ones_own_word_counts(tmp_path: Path) -> None:
    llm, io = client(base_url="https://gateway.test/v1")
    assert llm.generate(LONG).text == "hi"
    own = tmp_path / "own.toml"
    own.write_text('["openai/gpt-4o-mini"]\ncontext = 100_000')
    llm, io = client(base_url="https://gateway.test/v1", settings=Settings({**KEYS, "TRUNKLINE_MODELS": str(own)}))
    with pytest.raises(ContextLengthError, match="room for 100000"):
        llm.generate(LONG)
    assert not io.requests


@pytest.mark.parametrize("prompt", ["that and the other " * 33_000, "a" * 260_000, " " * 1_000_000, "=" * 300_000])
def test_what_may_have_room_is_sent(prompt: str) -> None:
    llm, io = client()
    assert llm.generate(prompt).text == "hi"
    assert len(io.requests) == 1


@pytest.mark.parametrize(("spare", "refused"), [(0, False), (1, True)])
def test_a_prompt_is_refused_where_even_the_lower_bound_is_too_long(spare: int, refused: bool) -> None:
    asked = call(wire(), prompt=LONG)
    low = estimate(asked.request, family_of("p1", "m")).low
    if not refused:
        refuse_too_long(asked, wire(), low - spare)
        return
    with pytest.raises(ContextLengthError, match=f", {low} at least, and the model has room for {low - spare}") as caught:
        refuse_too_long(asked, wire(), low - spare)
    assert caught.value.should_retry is False
    assert isinstance(caught.value.__cause__, UsageError)
