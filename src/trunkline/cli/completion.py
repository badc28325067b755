"""``trunkline completion``: what a shell must be told to complete commands, options, models and providers."""

from __future__ import annotations

import argparse

from .. import UsageError
from .options import Commands, add_command
from .output import out

SHELLS = ("bash", "zsh", "fish")
_EPILOG = """\
examples:
  trunkline completion bash >> ~/.bashrc
  trunkline completion zsh >> ~/.zshrc
  trunkline completion fish > ~/.config/fish/completions/trunkline.fish

For this shell only: eval "$(trunkline completion bash)". It takes effect in
shells that are started afterwards, and needs the `cli` extra:
pip install 'trunkline[cli]' (in a clone: pip install '.[cli]').
For zsh, compinit must have run before.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "completion", "Print what makes a shell complete this command.", _EPILOG)
    parser.add_argument("shell", choices=SHELLS, help="the shell to print it for")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise UsageError(
            "completion needs the extra cli: pip install 'trunkline[cli]' (in a clone: pip install '.[cli]')"
        ) from None
    out(shellcode(["trunkline"], shell=args.shell).strip())
    return 0


def answer(parser: argparse.ArgumentParser) -> None:
    """Tell the shell how what stands on its line goes on, and end the process; nothing where argcomplete is not installed."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)
