"""The command ``trunkline``.

Exit codes: 0 done; 1 the provider, the network or a file failed; 2 wrong usage or configuration, nothing was sent; 130 Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from .. import NoProviderError, TrunklineError, UnsupportedOperationError, UsageError, __version__
from .options import Help, Parser
from .output import abandon, environ, note, prepare

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "ask": "ask",
    "chat": "chat",
    "models": "models",
    "health": "health",
    "config": "config",
    "demo": "demo",
    "sim": "sim",
    "mcp": "mcp",
    "lint-stream": "lint_stream",
    "completion": "completion",
}
"""Each command, and the module whose ``add`` describes it."""

_EPILOG = """\
examples:
  trunkline demo
  trunkline ask "Why is the sky blue?"
  trunkline ask "Summarise this:" - < report.txt
  trunkline ask "What is on it?" --file photo.png
  trunkline chat --model anthropic/claude-sonnet-5
  trunkline models --provider openai
  trunkline health
  trunkline config

exit codes:
  0  done
  1  the provider, the network or a file failed
  2  wrong usage or configuration; nothing was sent
  130  Ctrl-C

Keys are read from the environment (OPENAI_API_KEY, ...), .env and
trunkline.toml; `trunkline config` shows which. `trunkline demo` needs none.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code. Errors are a line on standard error, without a traceback and without a key."""
    prepare()
    argv = sys.argv[1:] if argv is None else argv
    try:
        parser = _parser(argv)
        args = parser.parse_args(argv)
        if "run" not in args:
            parser.error(f"a command is missing: {', '.join(COMMANDS)} (trunkline --help tells what each does)")
        code: int = args.run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has seen enough
        abandon(sys.stdout)
        return DONE
    except TrunklineError as error:
        note(f"error: {error}")
        if isinstance(error, NoProviderError):
            note("here --model names the model, with --base-url for a server of your own; `trunkline demo` needs neither")
        return USAGE if isinstance(error, UsageError | NoProviderError | UnsupportedOperationError) else FAILED
    except OSError as error:  # a full disk, say
        note(f"error: {error.strerror or type(error).__name__}")
        _give_up_output()
        return FAILED
    return code


def _parser(argv: Sequence[str]) -> Parser:
    """The parser of the command that ``argv`` names, with nothing of the others loaded; of all where it names none."""
    parser = Parser(
        prog="trunkline",
        description="One line to every language model.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"trunkline {__version__}")
    commands = parser.add_subparsers(metavar="command")
    for name in argv[:1] if argv and argv[0] in COMMANDS else COMMANDS:
        import_module(f".{COMMANDS[name]}", __package__).add(commands)
    if not argv and "_ARGCOMPLETE" in environ():  # argcomplete asks for completions by running the command without arguments
        from .completion import answer

        answer(parser)
    return parser


def _give_up_output() -> None:
    """What could not be written is not tried again at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        abandon(sys.stdout)
