"""The ``llm`` program, as people run it: a command with options, a model from ``extra-openai-models.yaml`` or of the plugin
``llm-anthropic``."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from contract import BASE, DIALECT, IMAGE, IMAGE_URL, KEY, MODEL, SYSTEM, Seen, run

HOME = Path(os.environ["HOME"])
FUNCTIONS = """
def get_weather(city: str) -> str:
    "The weather in a city, now."
    return f"{city}: 4 °C"
"""
ABILITIES = {"supports_schema": True, "supports_tools": True, "vision": True}
(HOME / "extra-openai-models.yaml").write_text(
    json.dumps([{"model_id": "openai-chat", "model_name": MODEL, "api_base": BASE, "api_key_name": "sim", **ABILITIES}])
)
(HOME / "keys.json").write_text(json.dumps({"sim": KEY}))
ENVIRONMENT = {
    **os.environ,
    "LLM_USER_PATH": str(HOME),
    "ANTHROPIC_API_KEY": KEY,
    "ANTHROPIC_BASE_URL": BASE,
}
if DIALECT == "openai-chat":
    ENVIRONMENT["LLM_LOAD_PLUGINS"] = ""  # the other SDK takes a second to load, every time
NAME = {"openai-chat": "openai-chat", "anthropic-messages": "claude-sonnet-4.5"}[DIALECT]


class CommandError(Exception):
    """The command ended with an error; its words are on standard error."""


def command(seen: Seen, *arguments: str) -> str:
    line = [sys.executable, "-m", "llm", "prompt", "-m", NAME, *arguments]
    done = subprocess.run(
        line, capture_output=True, text=True, env=ENVIRONMENT, check=False, stdin=subprocess.DEVNULL, timeout=60
    )
    if done.returncode:
        seen["text"] = done.stdout.strip()
        raise CommandError(done.stderr)
    return done.stdout


def ask(name: str, seen: Seen, *more: str) -> None:
    reply: Any = json.loads(command(seen, name, "--no-stream", "--json", *more))
    told = reply[-1] if isinstance(reply, list) else reply
    seen.update(text=told["response"], usage=[told["input_tokens"], told["output_tokens"]])
    seen.thought(told.get("reasoning"))


def stream(name: str, seen: Seen, *more: str) -> None:
    seen["text"] = command(seen, name, *more).strip()


def image(name: str, seen: Seen) -> None:
    picture = HOME / "dot.png"
    picture.write_bytes(base64.b64decode(IMAGE))
    stream(name, seen, "--at", IMAGE_URL if name == "image-url" else str(picture), "image/png")


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, "-s", SYSTEM),
        "stream": stream,
        "thinkingstream": stream,
        "tools": lambda name, seen: stream(name, seen, "--functions", FUNCTIONS, "--no-stream"),
        "toolstream": lambda name, seen: stream(name, seen, "--functions", FUNCTIONS),
        "image": image,
        "structured": lambda name, seen: seen.update(output=json.loads(command(seen, name, "--schema", "name, age int"))),
        "error": ask,
        "broken": stream,
        "retry": ask,
    }
)
