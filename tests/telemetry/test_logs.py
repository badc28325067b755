"""The log: silent unless somebody listens, and never anybody's words."""

from __future__ import annotations

import contextvars
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.replies import failed, messages_body
from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.ports import Settled, correlation_id
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.telemetry import logs
from trunkline.values.errors import NotFoundError
from trunkline.values.message import Message
from trunkline.values.response import Response, Warning

Lines = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    with caplog.at_level(logging.DEBUG, "trunkline"):
        yield lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "trunkline"]


def client(*replies: Any, **options: Any) -> Client:
    return Client("anthropic-messages/m", base_url="http://h.test", settings=Settings({}), io=ScriptedIO(replies), **options)


def test_a_call_that_fails(lines: Lines) -> None:
    with pytest.raises(NotFoundError):
        client(failed(529), failed(404, "the prompt", headers={"request-id": "r1"})).generate("the prompt")
    assert [level for level, _ in lines()] == ["INFO", "INFO", "INFO"]
    assert [line.partition(": ")[2] for _, line in lines()] == [
        "anthropic-messages/m failed with OverloadedError in 0.000 s (HTTP 529, request req_529)",
        "anthropic-messages/m failed with NotFoundError in 0.000 s (HTTP 404, request r1)",
        f"error after {lines()[2][1].split('after ')[1].split(' s')[0]} s, 2 attempts, NotFoundError (HTTP 404)",
    ]


def test_a_call_that_succeeds_is_for_those_who_debug(lines: Lines) -> None:
    def run() -> None:
        correlation_id.set("turn-7")
        client(Scripted(body=[messages_body()])).generate("the prompt")

    contextvars.copy_context().run(run)
    assert [level for level, _ in lines()] == ["DEBUG", "DEBUG"]
    assert all(line.endswith(", correlation turn-7") for _, line in lines())


def test_each_warning_is_told_once(lines: Lines) -> None:
    llm = client(*[Scripted(body=[messages_body()])] * 3, frequency_penalty=0.5)
    for _ in range(2):
        llm.generate("hi")
    llm.generate("hi", presence_penalty=0.5)
    warned = [line for level, line in lines() if level == "WARNING"]
    assert len(warned) == 2
    assert warned[0].startswith("anthropic-messages/m: frequency_penalty was dropped: ")
    assert warned[1].startswith("anthropic-messages/m: presence_penalty was dropped: ")


def test_warnings_are_not_remembered_without_end(lines: Lines) -> None:
    observer = logs.LogObserver()
    for n in range(1_200):
        warning = Warning("dropped", f"field{n}", "reason")
        observer.settled(Settled("end", "id", "p", "m", (), Response(message=Message.assistant("x"), warnings=(warning,))))
    assert len([line for level, line in lines() if level == "WARNING"]) == 1_000


def program(text: str, **environment: str) -> str:
    known = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", text], env=known | environment, capture_output=True, text=True, check=True)
    return done.stderr


FAILING = """
import trunkline
llm = trunkline.Client("openai-chat/m", base_url="http://127.0.0.1:9", api_key="k" * 20, retries=0)
for _ in range(2):
    try: llm.generate("hi")
    except trunkline.ProviderError: pass
"""


@pytest.mark.parametrize(("level", "count"), [("", 0), ("off", 0), ("error", 0), ("info", 4), ("debug", 4)])
def test_silent_unless_it_is_asked_for(level: str, count: int) -> None:
    said = program(FAILING, **({"TRUNKLINE_LOG": level} if level else {}))
    assert said.count("trunkline INFO") == count
    assert bool(said) == bool(count)


def test_whoever_configures_logging_hears_it() -> None:
    said = program("import logging; logging.basicConfig(level=logging.INFO)\n" + FAILING)
    assert said.count("INFO:trunkline:call") == 4


def test_no_provider_begins_a_line_of_the_log(lines: Lines) -> None:
    forged = "r1\n2026-01-01 trunkline INFO all is well\x1b[2J" + "x" * 500
    with pytest.raises(NotFoundError):
        client(failed(404, request_id=forged, headers={"request-id": forged})).generate("hi")
    assert lines()
    assert all(line.isprintable() and len(line) < 300 for _, line in lines())


def test_a_refused_key_is_told_loudly_whoever_answers_then(lines: Lines) -> None:
    keys = ["sk-one-0123456789abcdefghij", "sk-two-0123456789abcdefghij"]
    reply = client(failed(401), Scripted(body=[messages_body()]), api_key=keys).generate("the prompt")
    assert [attempt.error for attempt in reply.attempts] == ["AuthenticationError", None]
    assert [level for level, _ in lines()] == ["WARNING", "DEBUG", "DEBUG"]
    assert "sk-" not in str(lines())
