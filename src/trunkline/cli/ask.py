"""``trunkline ask``: one question, one answer."""

from __future__ import annotations

import argparse
import sys

import msgspec

from .. import CallOptions, Client, Message, Response, UsageError, to_json
from .answer import tell, write, writer
from .attachments import attachment
from .options import Commands, add_call, add_command, add_json, add_plain, add_target, call_options, client
from .output import json_out

_EPILOG = """\
examples:
  trunkline ask "Why is the sky blue?"
  trunkline ask -s "Be brief" "Why is the sky blue?" -m openai/gpt-5.4-mini
  git diff | trunkline ask "Write a commit message for this:" -
  trunkline ask "What is on it?" --file photo.png
  trunkline ask "Name three colours" --json | jq .value.usage

The answer goes to standard output as it is written: on a terminal drawn as
Markdown where the `cli` extra is installed, as plain text elsewhere. Warnings
and errors go to standard error. The JSON is the library's own (from_json reads
it: docs/json-form.md), without the raw bytes of the reply's body.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "ask", "Ask a model and print its answer.", _EPILOG)
    parser.add_argument(
        "prompt", nargs="*", help="the question; - stands for standard input, which is also read without a prompt"
    )
    add_target(parser)
    parser.add_argument(
        "-f", "--file", action="append", default=[], metavar="PATH", help="an image, sound, PDF or text file; repeatable"
    )
    add_call(parser)
    parser.add_argument("--no-stream", action="store_true", help="print the answer once it is whole")
    add_json(parser, "print the whole reply as JSON: text, usage, cost, timings and more")
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    message = Message.user(*_prompt(args.prompt), *map(attachment, args.file))
    with client(args) as llm:
        response = _answered(llm, message, call_options(args), args)
    tell(response)
    return 0


def _answered(llm: Client, message: Message, options: CallOptions, args: argparse.Namespace) -> Response:
    if args.json:
        response = llm.generate(message, **options)
        json_out(to_json(msgspec.structs.replace(response, raw=b"")))
        return response
    if args.no_stream:
        response = llm.generate(message, **options)
        to = writer(plain=args.plain)
        to.text(response.text or response.refusal or "")
        to.end()
        return response
    with llm.stream(message, **options) as stream:
        to = writer(plain=args.plain)  # not before the request is under way: what draws takes its time to load
        try:
            return write(stream, to)
        finally:
            to.end()


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
