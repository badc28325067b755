"""``trunkline models``: what there is to choose from."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, get_args

import msgspec

from .. import Model, Price
from ..values.model import Ability
from .options import Commands, add_command, add_json, add_plain, add_target, client, complete, provider_names
from .output import colourful, is_terminal, json_out, table

_EPILOG = """\
examples:
  trunkline models
  trunkline models --provider anthropic --search sonnet
  trunkline models --ability vision --ability tools --max-price 1 --sort price
  trunkline models --min-context 500000 --json | jq '.[].name'
  trunkline models --provider openai --live

In and out are limits in tokens (in: the context), beside them prices in USD per
million tokens (today's; with + long prompts cost more); - is unknown. Can:
v vision, a audio, m video, p PDF, t tools, r reasoning, s structured output,
w web search, c computer use, e embeddings; ? is unknown.

Without --live the list is the catalog's, which is part of this version, with what
your files add; with it the provider itself is asked. Retired models are left out
without --retired. Into a pipe: a line each, tabs between, no head, with abilities
in words.
"""

_LETTERS: dict[Ability, str] = {
    "vision": "v", "audio": "a", "video": "m", "pdf": "p", "tools": "t", "reasoning": "r", "structured_output": "s",
    "web_search": "w", "computer_use": "c", "embeddings": "e", "text": "",
}  # fmt: skip
_WIDTH = 80


def add(commands: Commands) -> None:
    parser = add_command(commands, "models", "List models with limits, prices and abilities.", _EPILOG)
    parser.add_argument("-s", "--search", action="append", metavar="TEXT", help="only those whose names hold this; repeatable")
    provider = parser.add_argument("-p", "--provider", metavar="NAME", help="only this provider's")
    complete(provider, provider_names)
    parser.add_argument(
        "--ability", action="append", choices=get_args(Ability), metavar="WORD", help="only those that can do this; repeatable"
    )
    parser.add_argument("--min-context", type=_tokens, metavar="TOKENS", help="only those with at least this context (200k, 1M)")
    parser.add_argument("--max-price", type=_usd, metavar="USD", help="only those whose input costs this or less per million")
    parser.add_argument("--retired", action="store_true", help="those that are retired, too")
    parser.add_argument("--sort", choices=("name", "price", "context"), help="by name, the cheapest first, the longest first")
    parser.add_argument("--live", action="store_true", help="ask the provider what it has (default: the one that ask would use)")
    add_target(parser)
    add_json(parser, "print everything that is known as JSON")
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.live and args.provider is not None and args.model is None:
        args.model = f"{args.provider}/-"  # whose address and key it is that were given
    with client(args) as llm:
        found: Sequence[Model] = llm.models(args.provider, live=args.live)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    found = [model for model in found if _wanted(model, args, today)]
    if args.sort:
        found = sorted(found, key=lambda model: _place(model, args.sort, today))
    if args.json:
        json_out([{"name": model.name, **msgspec.to_builtins(model)} for model in found])
    elif is_terminal():
        _draw(found, today, plain=args.plain)
    else:
        table((), [_row(model, today) for model in found])
    return 0


def _tokens(text: str) -> int:
    factor = {"k": 1000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    return int(Decimal(_number(text[:-1] if factor > 1 else text)) * factor)


def _usd(text: str) -> Decimal:
    return Decimal(_number(text.removeprefix("$")))


def _number(text: str) -> str:
    if not text.replace(".", "", 1).isdecimal() or not text.isascii():
        raise argparse.ArgumentTypeError("is no number")
    return text


def _wanted(model: Model, args: argparse.Namespace, today: str) -> bool:
    """Whether the filters let it through; what is not known passes none that asks for it."""
    price = _price(model, today)
    name = model.name.lower()
    return (
        all(text.lower() in name for text in args.search or ())
        and (args.retired or args.live or model.retires is None or model.retires > today)
        and set(args.ability or ()) <= set(model.abilities or ())
        and (args.min_context is None or (model.context or 0) >= args.min_context)
        and (args.max_price is None or (price is not None and price.input is not None and Decimal(price.input) <= args.max_price))
    )


def _place(model: Model, by: str, today: str) -> tuple[Any, ...]:
    price = _price(model, today)
    keys: dict[str, Callable[[], tuple[Any, ...]]] = {
        "name": lambda: (),
        "price": lambda: tuple(Decimal("Infinity") if each is None else Decimal(each) for each in _figures(price)),
        "context": lambda: (-(model.context or 0),),
    }
    return (*keys[by](), model.name)


def _figures(price: Price | None) -> tuple[str | None, str | None]:
    return (None, None) if price is None else (price.input, price.output)


def _row(model: Model, today: str) -> tuple[str, ...]:
    """For programs: all of it."""
    price = _price(model, today)
    return (
        model.name,
        "-" if model.context is None else f"{model.context}",
        "-" if model.max_output is None else f"{model.max_output}",
        *(figure or "-" for figure in _figures(price)),
        "-" if model.abilities is None else ",".join(model.abilities),
        _end(model, today),
    )


def _draw(found: Sequence[Model], today: str, *, plain: bool) -> None:
    """For people: as wide as a terminal is."""
    ends = any(model.retires for model in found)
    head = ("model", "in", "out", "$ in", "$ out", "can", *(("retires",) if ends else ()))
    rows = [_short(model, today)[: len(head)] for model in found]
    if not colourful(plain=plain):  # there names are folded
        rest = sum(max(len(row[n]) for row in (head, *rows)) + 2 for n in range(1, len(head)))
        rows = [(_cut(row[0], _WIDTH - rest), *row[1:]) for row in rows]
    table(head, rows, plain=plain, numbers=(1, 2, 3, 4))


def _short(model: Model, today: str) -> tuple[str, ...]:
    price = _price(model, today)
    marks = "+" if price is not None and price.tiers else ""
    can = "?" if model.abilities is None else "".join(_LETTERS[word] for word in model.abilities) or "-"
    first, second = (f"{figure}{marks}" if figure else "-" for figure in _figures(price))
    return model.name, _count(model.context), _count(model.max_output), first, second, can, model.retires or "-"


def _count(tokens: int | None) -> str:
    if tokens is None:
        return "-"
    for unit, letter in ((1_000_000, "M"), (1000, "k")):
        if tokens >= unit:
            return f"{tokens / unit:.3g}{letter}"
    return f"{tokens}"


def _cut(name: str, width: int) -> str:
    """``name`` without its middle, where it is longer."""
    if len(name) <= width:
        return name
    kept = max(width - 1, 2)
    return f"{name[: kept - kept // 2]}…{name[-(kept // 2) :]}"


def _end(model: Model, today: str) -> str:
    """When it retires or did, and what comes after it."""
    if model.retires is None:
        return f"now {model.successor}" if model.successor else "-"
    over = model.retires <= today
    told = f"retired {model.retires}" if over else model.retires
    return told + (f", {'now' if over else 'then'} {model.successor}" if model.successor else "")


def _price(model: Model, today: str) -> Price | None:
    """The price of the day: the last one that has begun, of those that hold all day."""
    begun = [price for price in model.prices if price.since <= today and not price.hours]
    return max(begun, key=lambda price: price.since, default=None)
