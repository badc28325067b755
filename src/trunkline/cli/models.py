"""``trunkline models``: what there is to choose from."""

from __future__ import annotations

import argparse
import time

import msgspec

from .. import Model, Price
from .options import Commands, add_command, add_json, add_plain, add_target, client, complete, provider_names
from .output import json_out, table

_EPILOG = """\
examples:
  trunkline models
  trunkline models --provider anthropic --live
  trunkline models --json | jq '.[] | select(.context > 500000) | .id'

Limits are in tokens, prices in USD per million tokens (today's); - is unknown.
Without --live the list is the catalog's, which is part of this version; with it
the provider itself is asked. Into a pipe: a line each, tabs between, no head.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "models", "List models with limits, prices and abilities.", _EPILOG)
    provider = parser.add_argument("-p", "--provider", metavar="NAME", help="only this provider's")
    complete(provider, provider_names)
    parser.add_argument("--live", action="store_true", help="ask the provider what it has (default: the one that ask would use)")
    add_target(parser)
    add_json(parser, "print everything that is known as JSON")
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with client(args) as llm:
        found = llm.models(args.provider, live=args.live)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    if args.json:
        json_out([{"name": model.name, **msgspec.to_builtins(model)} for model in found])
    else:
        head = ("model", "context", "output", "in $/M", "out $/M", "abilities", "retires")
        table(head, [_row(model, today) for model in found], plain=args.plain, numbers=(1, 2, 3, 4))
    return 0


def _row(model: Model, today: str) -> tuple[str, ...]:
    price = _price(model, today)
    return (
        model.name,
        "-" if model.context is None else f"{model.context}",
        "-" if model.max_output is None else f"{model.max_output}",
        (price and price.input) or "-",
        (price and price.output) or "-",
        "-" if model.abilities is None else ",".join(model.abilities),
        _end(model, today),
    )


def _end(model: Model, today: str) -> str:
    """When it retires or did, and what comes after it."""
    if model.retires is None:
        return f"now {model.successor}" if model.successor else "-"
    over = model.retires <= today
    told = f"retired {model.retires}" if over else model.retires
    return told + (f", {'now' if over else 'then'} {model.successor}" if model.successor else "")


def _price(model: Model, today: str) -> Price | None:
    """The price of the day: the last one that has begun."""
    begun = [price for price in model.prices if price.since <= today]
    return max(begun, key=lambda price: price.since, default=None)
