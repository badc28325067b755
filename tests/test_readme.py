"""Every block of the README runs, as a reader would run it: a fresh process, keys in the environment, replies from loopback."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.written_by_hand import WEATHER_CALL, Body, HandWrittenModels, Reply, completion, events, message, whole

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
SAID = "Because of scattering."
STORY = "Once upon a time there was a wire."
PRINTED = {
    "fallbacks=": [SAID, "11 19 0.", STORY, "stop", "It is sunny in Paris."],
    "output=Person": ["Ada Lovelace 1815"],
    "AsyncClient": [SAID, STORY],
    "RateLimitError": ["too fast; try again in 7.0 seconds"],
    "local/": [],
    "Parrot": ["Polly?"],
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": json.dumps(WEATHER_CALL["content"][0]["input"])},
}


def answer(path: str, body: Body) -> Reply:
    """What the README's questions are answered with."""
    if "/models" in path:
        return whole({"object": "list", "data": [{"id": "gpt-5.4-mini", "object": "model"}]})
    asked = json.dumps(body["messages"])
    if "response_format" in body:
        return whole(completion('{"name": "Ada Lovelace", "born": 1815}'))
    if body.get("stream"):
        pieces = events(STORY) if path.endswith("/chat/completions") else message_events(STORY)
        return 200, {"content-type": "text/event-stream"}, pieces
    if path.endswith("/messages"):
        return whole(message(SAID, 12))
    if '"hi"' in asked:
        return 429, {"retry-after": "7"}, iter([b'{"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}'])
    if '"tool"' in asked:
        return whole(completion("It is sunny in Paris."))
    if "weather" in asked:
        called = completion("")
        called["choices"][0] |= {
            "message": {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
            "finish_reason": "tool_calls",
        }
        return whole(called)
    return whole(completion(SAID))


def message_events(text: str) -> Iterator[bytes]:
    said: list[Body] = [
        {"type": "message_start", "message": {**message("", 12), "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in re.split(r"(?= )", text)
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in said)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    home = str(tmp_path_factory.mktemp("home"))
    with HandWrittenModels(answer) as url:
        kept = {"PATH", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH"}
        yield {name: value for name, value in os.environ.items() if name in kept} | {
            "HOME": home,
            "OPENAI_API_KEY": "a-key",
            "OPENAI_BASE_URL": f"{url}/v1",
            "ANTHROPIC_API_KEY": "a-key",
            "ANTHROPIC_BASE_URL": url,
        }


def run(arguments: list[str], environment: dict[str, str], cwd: Path) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=cwd, input="hello\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize("mark", PRINTED)
def test_a_block_of_python_runs(mark: str, environment: dict[str, str], tmp_path: Path) -> None:
    [block] = [block for block in PYTHON if mark in block]
    printed = run(["-c", block], environment, tmp_path)
    place = 0
    for words in PRINTED[mark]:
        place = printed.index(words, place) + len(words)


def test_every_block_is_run() -> None:
    assert len(PYTHON) == len(PRINTED)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("trunkline ")])
def test_a_command_runs(line: str, environment: dict[str, str], tmp_path: Path) -> None:
    printed = run(["-m", "trunkline", *shlex.split(line, comments=True)[1:]], environment, tmp_path)
    assert printed.strip()


def test_what_make_is_told_exists() -> None:
    makefile = (Path(__file__).resolve().parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = [line.split()[1] for line in COMMANDS if line.startswith("make ")]
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
