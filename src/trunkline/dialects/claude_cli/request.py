"""A request as words of a command line and what the program reads: its system prompt and one prompt, never as words that other
users of the machine could see."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.message import CacheMark
from ...values.model import Target
from ...values.request import OutputFormat, ReasoningOptions, Request
from ...wire.loose_json import sound
from ..dialect import Context, Encoded, WireRequest
from ..losses import Losses
from .prompt import content_of, system_of

ID = "claude-cli"
WORDS = (
    "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--include-partial-messages",
    "--tools", "", "--strict-mcp-config", "--setting-sources", "", "--no-session-persistence",
)  # fmt: skip
"""A model and nothing else: no tool, no MCP server, nobody's settings, no session on disk (claude-cli §2)."""
QUIET = (
    ("CLAUDE_CODE_MAX_RETRIES", "0"),  # trying again is ours
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_TELEMETRY", "1"),
)
_ONLY_JSON = "Answer with one JSON object and nothing else."
_NO_FLAG = "the program has no flag for it"
# Of a request, what the program has no flag for (claude-cli §9), and what says nothing here.
_UNSAID = (
    "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "stop", "seed", "n", "logprobs", "top_logprobs",
    "logit_bias", "verbosity", "audio", "prediction", "service_tier", "store", "user", "cache_key", "cache", "metadata",
)  # fmt: skip
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def encode_request(request: Request, target: Target) -> Encoded:
    """The words after the program's name, its own variables, and what it reads (claude-cli §5)."""
    losses = Losses()
    _unsaid(request, losses)
    system = system_of(request.messages, losses)
    first: dict[str, Any] = {"subtype": "initialize", "hooks": None, "systemPrompt": system}
    if request.output is not None:
        _output(request.output, first, losses)
    content = content_of(request.messages, target, losses)
    said = [
        {"type": "control_request", "request_id": "trunkline", "request": first},
        {"type": "user", "message": {"role": "user", "content": content}},
    ]
    words = [*WORDS, "--model", target.model] if target.model else [*WORDS]
    if request.reasoning is not None:
        words += _reasoning(request.reasoning, losses)
    env = QUIET if request.max_tokens is None else (*QUIET, ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", str(request.max_tokens)))
    wire = WireRequest(argv=tuple(words), body=_lines(said, losses), env=env)
    context = Context(target=target, model=target.model, stream=request.stream)
    return Encoded(wire, tuple(losses.warnings), context)


def lines_of(said: list[dict[str, Any]]) -> bytes:
    """Objects, a line each."""
    return b"".join(msgspec.json.encode(item) + b"\n" for item in said)


def _lines(said: list[dict[str, Any]], losses: Losses) -> bytes:
    try:
        return lines_of(said)
    except UnicodeEncodeError:
        losses.approximated("messages", "half of a surrogate pair is no text: U+FFFD in its place")
        return lines_of([sound(item) for item in said])
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise UsageError("cannot be written as JSON", field="output", allowed="what JSON can hold") from None


def _unsaid(request: Request, losses: Losses) -> None:
    for name in _UNSAID:
        value = getattr(request, name)
        if value is None or value is False or value in ((), {}, CacheMark(auto=True)) or (name, value) == ("n", 1):
            continue
        losses.dropped(name, _NO_FLAG)
    if request.tools:
        losses.dropped("tools", "the program is a model alone here: it is given no tools")
    if request.tool_choice is not None and request.tool_choice.mode not in ("auto", "none"):
        losses.dropped("tool_choice", "the program is given no tools")
    if any(kind != "text" for kind in request.modalities):
        losses.dropped("modalities", "the program answers in text")
    for name in ("extra_headers", "extra_query", "extra_body"):
        for field in getattr(request, name):
            losses.dropped(f"{name}.{field}", "the program makes the request, not we")


def _output(output: OutputFormat, first: dict[str, Any], losses: Losses) -> None:
    if output.schema is not None:
        first["jsonSchema"] = output.schema
        return
    first["systemPrompt"] = "\n\n".join(filter(None, (first["systemPrompt"], _ONLY_JSON)))
    losses.approximated("output", "the program knows schemas, and no plain JSON: it is asked for an object in words")


def _reasoning(options: ReasoningOptions, losses: Losses) -> list[str]:
    if options.show is not None:
        losses.dropped("reasoning.show", _NO_FLAG)
    if options.effort == "none" or options.enabled is False or options.budget == 0:
        return ["--thinking", "disabled"]
    if options.budget is not None:
        if options.effort is not None:
            losses.dropped("reasoning.effort", "thinking has a budget, which is given too")
        return ["--max-thinking-tokens", str(options.budget)]
    if options.effort is None:
        return ["--thinking", "adaptive"] if options.enabled else []
    if options.effort not in _EFFORTS:
        losses.approximated("reasoning.effort", f"the program knows {', '.join(_EFFORTS)}; low was taken for {options.effort}")
        return ["--effort", "low"]
    return ["--effort", options.effort]
