"""Choices and log probabilities: where only one protocol has them."""

from __future__ import annotations

import math

import pytest

from tests.sim.asking import client, simulator
from trunkline.sim import Rule, Say


@pytest.mark.parametrize("stream", [False, True])
def test_as_many_choices_as_asked_for(stream: bool) -> None:
    with simulator() as sim, client(sim, "openai-chat") as llm:
        if stream:
            with llm.stream("hi", n=3) as events:
                choices = [event.choice for event in events if event.text]
                reply = events.response
            assert choices[:4] == [0, 1, 2, 0], "they speak at once"
        else:
            reply = llm.generate("hi", n=3)
    texts = [reply.text, *(other.message.text for other in reply.alternatives)]
    assert texts == [f'This is a simulated answer{mark}. You said: "hi".' for mark in ("", " (choice 2)", " (choice 3)")]


def test_log_probabilities() -> None:
    with simulator(Rule(Say("Hello there"))) as sim, client(sim, "openai-chat") as llm:
        reply = llm.generate("hi", logprobs=True, top_logprobs=3)
        with llm.stream("hi", logprobs=True) as events:
            list(events)
            streamed = events.response
    assert [token.token for token in reply.logprobs] == ["Hell", "o", " ther", "e"]
    for token in reply.logprobs:
        assert -math.inf < token.logprob < 0
        assert len(token.top) == 3
        assert token.token == token.top[0].token, "what was said was the likeliest"
        assert bytes(token.bytes or ()) == token.token.encode()
    assert [token.token for token in streamed.logprobs] == ["Hell", "o", " ther", "e"]
    assert all(not token.top for token in streamed.logprobs)


def test_the_very_pieces() -> None:
    with simulator(Rule(Say(["He", "llo ", "there"]))) as sim, client(sim, "openai-chat") as llm, llm.stream("hi") as events:
        assert [event.text for event in events if event.text] == ["He", "llo ", "there"]
        assert events.response.usage.output_tokens == 3
