"""Arguments that several commands take, and the client that they make."""

from __future__ import annotations

import argparse
from typing import Any, TypeAlias

from .. import CallOptions, Client, ClientOptions
from .output import safe

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Parser(argparse.ArgumentParser):
    """What it says of an argument does not steer the terminal, whatever the argument holds."""

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(safe(message), file)


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a text; where one is too long for the terminal, its paragraph is filled anew, or itself in a list."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        short: list[str] = []
        for block in super()._fill_text(text, width, indent).rstrip("\n").split("\n\n"):
            lines = block.splitlines()
            if any(len(line) > width for line in lines) and not any(line.startswith(" ") for line in lines):
                lines = [" ".join(lines)]
            short.append(
                "\n".join(textwrap.fill(line, width, break_long_words=False) if len(line) > width else line for line in lines)
            )
        return "\n\n".join(short) + "\n"


def add_command(commands: Commands, name: str, summary: str, epilog: str = "") -> argparse.ArgumentParser:
    """A command's parser, its summary both in the list of commands and at the head of its own help."""
    return commands.add_parser(name, help=summary, description=summary, epilog=epilog, formatter_class=Help)


def add_target(parser: argparse.ArgumentParser) -> None:
    """``--model``, ``--base-url``, ``--timeout``, ``--retries``. A key is no argument: other programs could read it there."""
    model = parser.add_argument(
        "-m", "--model", metavar="NAME", help="provider/model, a route's name, or dialect/model with --base-url"
    )
    complete(model, model_names)
    parser.add_argument("--base-url", metavar="URL", help="the provider's address, in place of its own")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for the whole call")
    parser.add_argument("--retries", type=int, metavar="N", help="how often to try again (0: never)")


def client(args: argparse.Namespace) -> Client:
    """The client that ``add_target``'s arguments describe."""
    return Client(args.model, **client_options(args))


def client_options(args: argparse.Namespace) -> ClientOptions:
    """What they say but for the model."""
    options: ClientOptions = {}
    if args.base_url is not None:
        options["base_url"] = args.base_url
    if args.timeout is not None:
        options["timeout"] = args.timeout
    if args.retries is not None:
        options["retries"] = args.retries
    return options


def add_call(parser: argparse.ArgumentParser) -> None:
    """``--system``, ``--max-tokens``, ``--temperature``."""
    parser.add_argument("-s", "--system", metavar="TEXT", help="instructions for the model")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="the longest answer, in tokens")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 is the most predictable")


def call_options(args: argparse.Namespace) -> CallOptions:
    """What ``add_call``'s arguments say of a call."""
    options: CallOptions = {}
    if args.system is not None:
        options["system"] = args.system
    if args.max_tokens is not None:
        options["max_tokens"] = args.max_tokens
    if args.temperature is not None:
        options["temperature"] = args.temperature
    return options


def add_json(parser: argparse.ArgumentParser, what: str = "print it as JSON") -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help=what)


def add_plain(parser: argparse.ArgumentParser) -> None:
    """``--plain``."""
    parser.add_argument("--plain", action="store_true", help="no colour and no Markdown, on a terminal too")


def complete(action: argparse.Action, words: Any) -> None:
    """Let the shell complete an argument with what ``words()`` gives (argcomplete's name for it)."""
    vars(action)["completer"] = words


def model_names(**_: Any) -> list[str]:
    """The routes that are configured and the catalog's models, those that are retired left out."""
    import time

    from .. import Settings, UsageError
    from ..providers import catalog

    today = time.strftime("%Y-%m-%d", time.gmtime())
    try:
        routes = list(Settings.load().routes)
    except UsageError:  # the command itself will tell
        routes = []
    return routes + [model.name for model in catalog.models() if model.retires is None or model.retires > today]


def provider_names(**_: Any) -> list[str]:
    """The providers of the table."""
    from ..providers.table import TABLE

    return [row.name for row in TABLE]
