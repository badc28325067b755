"""``trunkline ask``: one question, one answer."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import CallOptions, Client, Message, Response, UsageError
from .attachments import attachment
from .options import Commands, add_command, add_target, client
from .output import json_out, note, out

_EPILOG = """\
examples:
  trunkline ask "Why is the sky blue?"
  trunkline ask --system "Be brief" "Why is the sky blue?" --model openai/gpt-5.4-mini
  git diff | trunkline ask "Write a commit message for this:" -
  trunkline ask "What is on it?" --file photo.png
  trunkline ask "Name three colours" --json | jq .usage

The answer goes to standard output as it is written; warnings and errors go to standard error.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "ask", "Ask a model and print its answer.", _EPILOG)
    parser.add_argument(
        "prompt", nargs="*", help="the question; - stands for standard input, which is also read without a prompt"
    )
    add_target(parser)
    parser.add_argument("-s", "--system", metavar="TEXT", help="instructions for the model")
    parser.add_argument(
        "-f", "--file", action="append", default=[], metavar="PATH", help="an image, sound, PDF or text file; repeatable"
    )
    parser.add_argument("--max-tokens", type=int, metavar="N", help="the longest answer, in tokens")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 is the most predictable")
    parser.add_argument("--no-stream", action="store_true", help="print the answer once it is whole")
    parser.add_argument("--json", action="store_true", help="print answer, usage, cost and more as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    message = Message.user(*_prompt(args.prompt), *map(attachment, args.file))
    options: CallOptions = {}
    if args.system is not None:
        options["system"] = args.system
    if args.max_tokens is not None:
        options["max_tokens"] = args.max_tokens
    if args.temperature is not None:
        options["temperature"] = args.temperature
    with client(args) as llm:
        if args.json:
            response = llm.generate(message, **options)
            json_out(as_json(response))
        elif args.no_stream:
            response = llm.generate(message, **options)
            _finish(response, response.text, response.text)
        else:
            response = _streamed(llm, message, options)
    _tell(response)
    return 0


def _streamed(llm: Client, message: Message, options: CallOptions) -> Response:
    last = ""
    try:
        with llm.stream(message, **options) as stream:
            for piece in stream.text:
                out(piece, end="")
                last = piece or last
    except BaseException:
        if last and not last.endswith("\n"):
            out("")
        raise
    _finish(stream.response, "", last)
    return stream.response


def _finish(response: Response, rest: str, last: str) -> None:
    """Print ``rest``, the refusal where that is all there is, and a line end where ``last``, what was printed last, has none."""
    if not last and response.refusal:
        rest = last = response.refusal
    out(rest, end="" if last.endswith("\n") or not last else "\n")


def _prompt(words: list[str]) -> list[str]:
    """The texts of the question: the words, then standard input where ``-`` is among them or there are none."""
    texts = [" ".join(word for word in words if word != "-")]
    if "-" in words or not words:
        texts.append(_standard_input(asked="-" in words))
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise UsageError("there is no question", field="prompt", got="empty text", allowed="words, or - for standard input")
    return ["\n\n".join(texts)]


def _standard_input(*, asked: bool) -> str:
    if sys.stdin is None or (sys.stdin.isatty() and not asked):
        raise UsageError("there is no question", field="prompt", got="nothing", allowed="words, or - for standard input")
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("standard input is no UTF-8 text", field="prompt", allowed="text; other files with --file") from None


def _tell(response: Response) -> None:
    for warning in response.warnings:
        note(f"warning: {warning}")
    if response.finish_reason == "length":
        note("the answer was cut off at its limit of tokens (--max-tokens)")
    elif not response.text and not response.refusal:
        note(f"the answer holds no text (finish reason: {response.finish_reason})")


def as_json(response: Response) -> dict[str, Any]:
    """What ``--json`` prints: stable names; ``cost`` in USD, null where it is not known; ``latency`` in seconds."""
    usage = response.usage
    return {
        "text": response.text,
        "reasoning": response.reasoning or None,
        "refusal": response.refusal,
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.raw_arguments} for call in response.tool_calls],
        "finish_reason": response.finish_reason,
        "provider": response.provider,
        "model": response.model,
        "id": response.id,
        "request_id": response.request_id,
        "usage": {name: getattr(usage, name) for name in usage.__struct_fields__ if name != "raw"}
        | {"total_tokens": usage.total_tokens},
        "cost": None if response.cost is None else float(response.cost),
        "latency": response.latency,
        "warnings": [str(warning) for warning in response.warnings],
    }
