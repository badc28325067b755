"""``trunkline config``: what is set, and from where."""

from __future__ import annotations

import argparse

from .. import Origin, Settings
from .options import Commands, add_command, add_json, add_plain
from .output import json_out, note, table

_EPILOG = """\
examples:
  trunkline config
  trunkline config --json | jq .files

Of several sources the more trusted wins: argument, environment, your own file,
the project's files (.env, then trunkline.toml or trunkline.yaml). Your own file
is trunkline.toml or trunkline.yaml in ~/.config/trunkline
($XDG_CONFIG_HOME/trunkline; %APPDATA%\\trunkline on Windows):

  model = "anthropic/claude-sonnet-5"
  timeout = 60

  [providers.openai]
  api_key_env = "WORK_OPENAI_KEY"

Keys are never shown: of one of at least 20 characters the last four are.
"""
_WORDS = {
    Origin.ENVIRONMENT: "environment",
    Origin.USER: "your file",
    Origin.PROJECT: "project",
    Origin.ARGUMENT: "argument",
    Origin.BUILT_IN: "built in",
}


def add(commands: Commands) -> None:
    parser = add_command(commands, "config", "Show what is set and where it was read from.", _EPILOG)
    add_json(parser)
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = Settings.load()
    rows = settings.describe()
    if args.json:
        json_out(
            {
                "settings": [
                    {"setting": row.setting, "value": row.value, "origin": _WORDS[row.origin], "name": row.name, "file": row.file}
                    for row in rows
                ],
                "files": settings.files(),
            }
        )
        return 0
    table(
        ("setting", "value", "origin", "where"),
        [(row.setting, row.value, _WORDS[row.origin], f"{row.name} in {row.file}" if row.file else row.name) for row in rows],
        plain=args.plain,
    )
    if not rows:
        note("nothing is set; a key such as OPENAI_API_KEY or ANTHROPIC_API_KEY in the environment is enough")
    return 0
