"""``trunkline sim``: a simulator of the providers, for any program on this machine."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import UsageError
from .options import Commands, add_command, complete
from .output import is_terminal, note, out

if TYPE_CHECKING:
    from ..sim import Recorded, Simulator

KEY = "sk-simulated"
"""What stands for a key: any would do, and programs want one. Not a word that replies say: a key is masked in them."""
_EPILOG = """\
examples:
  trunkline sim
  trunkline sim --port 8080 --scenario weather.yaml
  trunkline sim --speed inf --model sim-small --model sim-large
  trunkline sim --quirk crlf --quirk no_usage

It is a real HTTP server that speaks the protocols of the providers and says
that its answers are simulated. Without --scenario it answers by itself, calls
a tool that is forced and fills a form that is asked for. It listens on
loopback, at a free port, until Ctrl-C. On a terminal every request gets a line.
What scenarios and quirks there are: docs/simulator.md. It needs the `sim`
extra: pip install 'trunkline[sim]'
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "sim", "Simulate the providers on a local port.", _EPILOG)
    parser.add_argument("--scenario", metavar="FILE", help="what it plays, in YAML or JSON (default: a brain of its own)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="where it listens (default: a free port)")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="the address it listens at (default: %(default)s)")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name that others call this machine by (repeatable)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed, the same answers (default: 0)")
    parser.add_argument(
        "--speed", default="1", metavar="X", help="how much faster than life; inf: no waits (default: %(default)s)"
    )
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="know this model and no others (repeatable)")
    quirk = parser.add_argument("--quirk", action="append", default=[], metavar="NAME", help="a way to stray (repeatable)")
    complete(quirk, _quirks)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ..sim import LIFELIKE, Simulator

    simulator = Simulator(
        args.scenario,
        seed=args.seed,
        speed=_speed(args.speed),
        host=args.host,
        hosts=args.allow_host,
        port=args.port,
        quirks=args.quirk,
        pace=LIFELIKE,
        models=args.model,
        told=_tell if is_terminal() else None,
        keep=0,
    )
    simulator.serve(lambda: _introduce(simulator))
    return 0


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise UsageError("no speed", field="--speed", got=repr(text[:40]), allowed="a number above 0, or inf")
    return speed


def _quirks(**_: object) -> list[str]:
    """What the shell completes ``--quirk`` with."""
    from ..sim import QUIRKS

    return list(QUIRKS)


def _introduce(simulator: Simulator) -> None:
    out(f"# Simulator at {simulator.url} (its answers are simulated; Ctrl-C ends it)")
    export = "export " if is_terminal() and sys.platform != "win32" else ""  # so that lines that are pasted reach programs
    for line in _environment(simulator):
        out(export + line)
    if not _is_loopback(simulator.url):
        note("it listens beyond this machine: whoever reaches it may use it")


def _environment(simulator: Simulator) -> Iterator[str]:
    """The lines that send programs here: of the provider whose protocol each dialect is."""
    from ..client.setting_values import base_url_variables
    from ..dialects.known import DIALECTS
    from ..providers.table import TABLE

    for dialect in DIALECTS:
        row = next((row for row in TABLE if row.endpoints[0].dialect == dialect), None)
        if row is not None:
            yield f"{base_url_variables(row)[0]}={simulator.base_url(dialect)}"
            yield from (f"{name}={simulator.base_url(dialect)}" for name in row.url_variables)
            yield f"{row.key_variables[0]}={KEY}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _tell(seen: Recorded) -> None:
    """A line for a request that has ended. What was said is not shown."""
    target = urlsplit(seen.http.url).path
    asked = seen.request
    what = "" if asked is None else f"  {asked.model}{', stream' if asked.stream else ''}"
    by = "" if seen.rule is None else f"  rule {seen.rule}"
    why = "" if seen.reason is None else f"  {seen.reason}"
    out(f"{seen.http.method} {target}{what}  {seen.status or '-'} {seen.outcome}{by}{why}")
