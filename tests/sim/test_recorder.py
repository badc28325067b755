"""What was asked is kept as long as was promised, and no longer."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request

import pytest

from tests.sim.asking import simulator
from trunkline import Request
from trunkline.sim import Fail, Rule, Say, StreamError, When
from trunkline.sim.recorder import Recorder
from trunkline.sim.simulator import Simulator
from trunkline.values.errors import UsageError
from trunkline.wire.http import HttpRequest


def asked(recorder: Recorder, times: int) -> None:
    for n in range(times):
        entry = recorder.begin(HttpRequest("GET", f"http://127.0.0.1/{n}"))
        entry.outcome = "end"
        recorder.end(entry)


@pytest.mark.parametrize(("keep", "numbers"), [(None, [0, 1, 2, 3]), (3, [1, 2, 3]), (0, [])])
def test_the_last_ones_are_kept_and_keep_their_numbers(keep: int | None, numbers: list[int]) -> None:
    recorder = Recorder(keep)
    asked(recorder, 4)
    assert [recorded.number for recorded in recorder.recorded] == numbers


def test_forgotten_ones_are_not_counted() -> None:
    recorder = Recorder(2)
    asked(recorder, 4)
    recorder.clear()
    asked(recorder, 1)
    assert [recorded.number for recorded in recorder.recorded] == [0]


def test_one_that_is_no_longer_kept_still_ends() -> None:
    recorder = Recorder(1)
    first, second = (recorder.begin(HttpRequest("GET", "http://127.0.0.1/")) for _ in range(2))
    recorder.end(first)
    assert not recorder.wait(0)
    recorder.end(second)
    assert recorder.wait(0)
    assert [recorded.outcome for recorded in recorder.recorded] == ["gone"]


@pytest.mark.parametrize("keep", [-1, 1.5, "all", True])
def test_how_many_is_a_whole_number(keep: object) -> None:
    with pytest.raises(UsageError, match="keep"):
        Simulator(keep=keep)  # type: ignore[arg-type]


def test_the_reason_of_an_error_is_kept_without_what_was_said() -> None:
    def at_fault(request: Request) -> bool:
        if any(message.text == "secret" for message in request.messages):
            raise KeyError("secret")
        return False

    rules = (
        Rule(Fail(529, message="not now"), times=1),
        Rule(Say("a"), StreamError("rate_limit", "too fast"), when=When(text="stream")),
        Rule(Fail(400, body="own"), when=When(text="body")),
        Rule(Say("a"), when=When(text="fine")),
        Rule(Say("a"), when=at_fault),
    )
    with simulator(*rules, models=["m"], keys=["k"]) as sim:
        url = sim.base_url("openai-chat") + "/chat/completions"
        for text in ("", "a stream", "body", "fine", "secret"):
            post(url, {"model": "m", "stream": text == "a stream", "messages": [{"role": "user", "content": text}]})
        post(url, {"model": "m", "messages": []})
        post(url, {"model": "m", "messages": [{"role": "tool", "tool_call_id": "secret", "content": "x"}]})
        post(url, {"model": "secret", "messages": [{"role": "user", "content": "fine"}]})
        post(url, {"model": "m", "messages": "secret"})
        post(sim.url + "/nowhere", {})
        post(url, {"model": "m", "messages": []}, key="secret")
        reasons = [asked.reason for asked in sim.requests]
    assert reasons == [
        "not now",
        "too fast",
        None,
        None,
        "the condition of rule 4 raised KeyError",
        "the conversation is empty",
        "a tool result answers no call of the turn before",
        "there is no such model (simulated)",
        "messages: expected a list, got text",
        "there is nothing at this path",
        "Incorrect API key provided (simulated).",
    ]


def post(url: str, body: object, key: str = "k") -> None:
    """Ask; the answer is read and forgotten."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    asking = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(asking) as reply:
        reply.read()
