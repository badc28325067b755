"""``trunkline health``: what a call would use and why, and who answers."""

from __future__ import annotations

import argparse

import msgspec

from .. import Health, ProviderHealth, UsageError
from .options import Commands, add_command, add_json, add_plain, add_target, client
from .output import json_out, out, table

_EPILOG = """\
examples:
  trunkline health
  trunkline health --offline
  trunkline health --all
  trunkline health --json | jq .ok
  trunkline health --watch --interval 10

Servers on this machine are looked for, and each configured provider is asked for its
list of models, which costs nothing. --deep also asks each a question of a few words,
which is paid for. --watch looks again every few seconds until Ctrl-C, and also shows
latencies; with --deep the circuits and keys of its own questions too. Exit code 1: no
call could be answered.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "health", "Show which providers are configured and answer.", _EPILOG)
    add_target(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--offline", action="store_true", help="ask nobody; only show what is configured")
    how.add_argument("--deep", action="store_true", help="also ask each a question (a paid call)")
    parser.add_argument("--all", action="store_true", help="also show what each of the others lacks")
    parser.add_argument("--watch", action="store_true", help="look again and again, until Ctrl-C")
    parser.add_argument("--interval", type=seconds, default=None, metavar="SECONDS", help="between two looks (5)")
    parser.add_argument("--rounds", type=rounds, default=None, metavar="N", help="look so many times, not for ever")
    add_json(parser)
    add_plain(parser)
    parser.set_defaults(run=run)


def seconds(text: str) -> float:
    """A pause. argparse names the function where it raises ValueError."""
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError("seconds above 0")
    return number


def rounds(text: str) -> int:
    """A count of looks."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return number


def run(args: argparse.Namespace) -> int:
    if args.watch and args.offline:
        raise UsageError("--watch asks, and --offline asks nobody: choose one")
    if (args.rounds is not None or args.interval is not None) and not args.watch:
        raise UsageError("--interval and --rounds belong to --watch")
    with client(args) as llm:
        if args.watch:
            from .watch import watch  # few do

            how = {"json": args.json, "plain": args.plain}
            return watch(llm, deep=args.deep, interval=args.interval or 5.0, rounds=args.rounds, **how)
        found = llm.health(ask=not args.offline, deep=args.deep)
    if args.json:
        json_out({"ok": found.ok, **msgspec.to_builtins(found)})
    else:
        out(f"model: {found.model or 'none'} ({found.why})")
        _show(found, everything=args.all, plain=args.plain)
    return 0 if found.ok else 1


def _show(found: Health, *, everything: bool, plain: bool) -> None:
    """Those that are configured; the others, each with what it lacks, only where everything is asked for."""
    missing = [row for row in found.providers if not row.configured]
    rows = [row for row in found.providers if row.configured]
    if rows:
        table(("provider", "state", "key from", "address", "problem"), map(_row, rows), plain=plain)
    if missing and everything:
        out("")
        table(("not configured", "what is missing"), [(row.provider, row.problem or "-") for row in missing], plain=plain)
    elif missing:
        out(f"not configured: {len(missing)} {'others' if rows else 'providers'} (trunkline health --all)")


def _row(row: ProviderHealth) -> tuple[str, ...]:
    state = "configured"
    if row.reachable is not None:
        state = f"there in {row.seconds or 0:.2f} s" if row.reachable else "does not answer"
    if row.answered is not None:
        cost = f", {row.answer_cost} USD" if row.answer_cost else ""
        state = f"answers in {row.answer_seconds or 0:.2f} s{cost}" if row.answered else "does not answer"
    return row.provider, state, row.key_from or "-", row.base_url or "-", row.problem or "-"
