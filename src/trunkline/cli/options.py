"""Arguments that several commands take, and the client that they make."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from .. import Client, ClientOptions

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(commands: Commands, name: str, summary: str, epilog: str = "") -> argparse.ArgumentParser:
    """A command's parser, its summary both in the list of commands and at the head of its own help."""
    return commands.add_parser(
        name, help=summary, description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """``--model``, ``--base-url``, ``--timeout``, ``--retries``. A key is no argument: other programs could read it there."""
    parser.add_argument("-m", "--model", metavar="NAME", help="provider/model, or dialect/model with --base-url")
    parser.add_argument("--base-url", metavar="URL", help="the provider's address, in place of its own")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for the whole call")
    parser.add_argument("--retries", type=int, metavar="N", help="how often to try again (0: never)")


def client(args: argparse.Namespace) -> Client:
    """The client that ``add_target``'s arguments describe."""
    options: ClientOptions = {}
    if args.base_url is not None:
        options["base_url"] = args.base_url
    if args.timeout is not None:
        options["timeout"] = args.timeout
    if args.retries is not None:
        options["retries"] = args.retries
    return Client(args.model, **options)
