"""``trunkline health``: what a call would use and why, and who answers."""

from __future__ import annotations

import argparse

import msgspec

from .. import Health, ProviderHealth
from .options import Commands, add_command, add_json, add_plain, add_target, client
from .output import is_terminal, json_out, out, table

_EPILOG = """\
examples:
  trunkline health
  trunkline health --offline
  trunkline health --json | jq .ok

Each configured provider is asked for its list of models, which costs nothing.
Exit code 1: no call could be answered.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "health", "Show which providers are configured and answer.", _EPILOG)
    add_target(parser)
    parser.add_argument("--offline", action="store_true", help="ask nobody; only show what is configured")
    add_json(parser)
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with client(args) as llm:
        found = llm.health(ask=not args.offline)
    if args.json:
        json_out({"ok": found.ok, **msgspec.to_builtins(found)})
    else:
        out(f"model: {found.model or 'none'} ({found.why})")
        _show(found, plain=args.plain)
    return 0 if found.ok else 1


def _show(found: Health, *, plain: bool) -> None:
    """All in one table into a pipe; on a terminal what is missing has one of its own, because its words are many."""
    missing = [row for row in found.providers if not row.configured and is_terminal()]
    rows = [row for row in found.providers if row not in missing]
    if rows:
        table(("provider", "state", "key from", "address", "problem"), map(_row, rows), plain=plain)
    if missing:
        out("")
        table(("not configured", "what is missing"), [(row.provider, row.problem or "-") for row in missing], plain=plain)


def _row(row: ProviderHealth) -> tuple[str, ...]:
    state = "configured" if row.configured else "not configured"
    if row.reachable is not None:
        state = f"answers in {row.seconds or 0:.2f} s" if row.reachable else "does not answer"
    return row.provider, state, row.key_from or "-", row.base_url or "-", row.problem or "-"
