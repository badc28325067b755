"""``trunkline chat``: a conversation at the terminal, or a line a turn from a pipe."""

from __future__ import annotations

import argparse

from ..options import Commands, add_call, add_command, add_plain, add_target

_EPILOG = """\
examples:
  trunkline chat
  trunkline chat --model anthropic/claude-sonnet-5 --system "Be brief"
  trunkline chat --resume
  trunkline chat --resume "trip to Oslo"
  trunkline chat --load monday.json
  printf 'My name is Alice\\nWhat is my name?\\n' | trunkline chat

A line that ends in \\ goes on in the next one; so does everything between a
line that begins with \"\"\" and one that ends with it. Pasted lines stay together.
Ctrl-C stops an answer, and clears the line at the prompt; twice there, or
Ctrl-D, leaves. /help lists the commands.

Each chat is saved in ~/.local/share/trunkline/chats.db (XDG_DATA_HOME;
%LOCALAPPDATA% on Windows), readable by you alone, and --resume goes on with it;
--no-save saves nothing.

Questions are remembered in ~/.local/state/trunkline/history (XDG_STATE_HOME;
%LOCALAPPDATA% on Windows), readable by you alone, keys masked, when they are
typed at a terminal; --no-history writes nothing.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "chat", "Talk with a model.", _EPILOG)
    add_target(parser)
    add_call(parser)
    parser.add_argument("--load", metavar="FILE", help="go on with a conversation that /save has stored")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="CHAT",
        help="go on with the last chat, or that of an id or words",
    )
    parser.add_argument("--no-save", action="store_true", help="save nothing of this chat")
    parser.add_argument("--no-history", action="store_true", help="remember no questions beyond this chat")
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from .loop import chat

    return chat(args)
