"""Who of several may be asked for a request, and in which order: facts in, an order out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from ..values.message import Audio, File, Image, Part, Video
from ..values.model import Model
from ..values.request import CustomTool, Request, Tool
from ..values.response import Usage
from .price import cost, prices
from .tokens import parts_of, prompt_tokens

Strategy = Literal["ordered", "weighted", "round_robin", "least_in_flight", "fastest", "cheapest"]

USUAL_OUTPUT = 500
"""Tokens of an answer, for a guess at what it costs, where the request sets no limit."""
STALE = 60.0
"""Seconds after which a figure of how fast somebody is has to be taken anew."""
NEVER = float("-inf")
DOUBT = 2
"""So many times too long an estimate may be: off by more it is not."""

_PDF = "application/pdf"
_ABILITIES: dict[type[Part], str] = {Image: "vision", Audio: "audio", Video: "video"}


# -- what a request takes ----------------------------------------------------------------------------------------------


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a request takes. ``abilities`` without which it is not answered; ``asks``: those, and what it would like besides
    (reasoning, output of a shape), which a model may lack. ``prompt``: about how many tokens; ``output``: the most that may be
    answered, where that is said."""

    abilities: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    prompt: int = 0
    output: int | None = None
    service_tier: str | None = None


def wanted(request: Request) -> Wanted:
    """What ``request`` takes: its media and tools, its length. What the assistant said itself needs nothing."""
    shown = [part for message in request.messages if message.role != "assistant" for part in parts_of(message.parts)]
    abilities = {_ABILITIES[kind] for kind in map(type, shown) if kind in _ABILITIES}
    if any(isinstance(part, File) and _is_pdf(part) for part in shown):
        abilities.add("pdf")
    if any(isinstance(tool, Tool | CustomTool) for tool in request.tools):
        abilities.add("tools")
    likes = set()
    if request.output is not None:
        likes.add("structured_output")
    thinking = request.reasoning
    if thinking is not None and thinking.effort != "none" and thinking.enabled is not False:
        likes.add("reasoning")
    return Wanted(
        abilities=frozenset(abilities),
        asks=frozenset(abilities | likes),
        prompt=prompt_tokens(request),
        output=request.max_tokens,
        service_tier=request.service_tier,
    )


def _is_pdf(file: File) -> bool:
    source = file.source
    if (kind := getattr(source, "media_type", None)) is not None:
        return bool(kind == _PDF)
    names = (file.filename, getattr(source, "path", None), getattr(source, "url", None))
    return any(isinstance(name, str) and name.lower().endswith(".pdf") for name in names)


# -- who may be asked --------------------------------------------------------------------------------------------------


class Objection(NamedTuple):
    """Why somebody is not asked. ``sure``: or it only seems so, and he may be, where nobody else is left."""

    why: str
    sure: bool = True


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests one member is for: prompts of more than ``above`` and ``up_to`` so many tokens (estimated), that ask for all
    of ``needs``."""

    above: int | None = None
    up_to: int | None = None
    needs: frozenset[str] = frozenset()

    def unmet(self, wanted: Wanted) -> Objection | None:
        if self.above is not None and wanted.prompt <= self.above:
            return Objection(f"is for prompts above {self.above} tokens, and this one has about {wanted.prompt}")
        if self.up_to is not None and wanted.prompt > self.up_to:
            return Objection(f"is for prompts of up to {self.up_to} tokens, and this one has about {wanted.prompt}")
        if missing := self.needs - wanted.asks:
            return Objection(f"is for requests that need {_listed(missing)}")
        return None


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a group asks at all: those that have the abilities ``needs``, are in one of the ``regions`` (lower case, by how their
    names begin), and whose prices in USD per million tokens are no higher."""

    needs: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ()
    max_input_price: Decimal | None = None
    max_output_price: Decimal | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a target: what the catalog has (``record``), where it is, and what its endpoint ``lacks``."""

    record: Model | None = None
    region: str | None = None
    lacks: frozenset[str] = frozenset()


def objection(facts: Facts, wanted: Wanted, bounds: Bounds, at: float) -> Objection | None:
    """Why a target is not asked at ``at`` (Unix seconds); None: it may be. What nobody knows speaks against nobody, but for a
    region and a price that are asked for."""
    return (
        _unable(facts, wanted.abilities | bounds.needs)
        or _elsewhere(facts.region, bounds.regions)
        or _too_dear(facts.record, wanted, bounds, at)
        or _too_long(facts.record, wanted)
    )


def _unable(facts: Facts, needed: frozenset[str]) -> Objection | None:
    lacking = needed & facts.lacks
    if facts.record is not None and facts.record.abilities is not None:
        lacking |= needed.difference(facts.record.abilities)
    return Objection(f"has no {_listed(lacking)}") if lacking else None


def _elsewhere(region: str | None, regions: tuple[str, ...]) -> Objection | None:
    if not regions:
        return None
    if region is None:
        return Objection("is in a region that nobody knows")
    return None if region.lower().startswith(regions) else Objection(f"is in {region}")


def _too_dear(record: Model | None, wanted: Wanted, bounds: Bounds, at: float) -> Objection | None:
    limits = bounds.max_input_price, bounds.max_output_price
    if limits == (None, None):
        return None
    known = (None, None) if record is None else prices(record, at, wanted.service_tier, wanted.prompt)
    for word, price, limit in zip(("input", "output"), known, limits, strict=True):
        if limit is None:
            continue
        if price is None:
            return Objection(f"has a price of {word} that nobody knows")
        if price > limit:
            return Objection(f"costs {price:f} USD per million tokens of {word}, more than {limit:f}")
    return None


def _too_long(record: Model | None, wanted: Wanted) -> Objection | None:
    if record is None or record.context is None:
        return None
    output = wanted.output or 0
    if wanted.prompt + output <= record.context:
        return None
    and_more = f" and {output} for the answer" if output else ""
    why = f"has room for {record.context} tokens, and the prompt has about {wanted.prompt}{and_more}"
    return Objection(why, sure=wanted.prompt // DOUBT + output > record.context)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


# -- in which order ----------------------------------------------------------------------------------------------------


def estimated_cost(record: Model | None, wanted: Wanted, at: float) -> Decimal | None:
    """About how many USD an answer costs; None where a price is not known."""
    output = USUAL_OUTPUT if wanted.output is None else wanted.output
    return cost(Usage(input_tokens=wanted.prompt, output_tokens=output), record, at, wanted.service_tier)


def weighted(weights: Sequence[float], uniform: Callable[[float, float], float]) -> list[int]:
    """All of them in a random order: at each place one by its share in the weights of those that are left. Who weighs nothing
    comes after all others, in the order written."""
    left = [number for number, weight in enumerate(weights) if weight > 0]
    order: list[int] = []
    while len(left) > 1:
        order.append(_drawn(left, weights, uniform(0.0, sum(weights[number] for number in left))))
        left.remove(order[-1])
    return order + left + [number for number, weight in enumerate(weights) if weight <= 0]


def _drawn(left: Sequence[int], weights: Sequence[float], point: float) -> int:
    """Whose stretch ``point`` lies in; the last one's, should rounding lead beyond."""
    for number in left:
        point -= weights[number]
        if point < 0:
            return number
    return left[-1]


def rotated(count: int, turn: int) -> list[int]:
    """From ``turn`` on, round and round."""
    return [(turn + step) % count for step in range(count)]


def ascending(figures: Sequence[float | Decimal | None]) -> list[int]:
    """By figure, the lowest first, of equals the one that is written first; who has none comes last."""
    known = [number for number, figure in enumerate(figures) if figure is not None]
    known.sort(key=lambda number: figures[number] or 0)
    return known + [number for number, figure in enumerate(figures) if figure is None]


class Speed(NamedTuple):
    """Seconds to the first token, a moving average, and when that was last measured."""

    average: float | None = None
    measured_at: float = NEVER


class Races:
    """Who is the fastest, by figures that are kept alive: who was not measured for 60 s is asked first once, one at a time.

    Members are known by their numbers. Not thread-safe by itself.
    """

    def __init__(self, count: int) -> None:
        self._tried = [NEVER] * count

    def order(self, runners: Sequence[tuple[int, Speed]], now: float) -> list[int]:
        """Places in ``runners``, which name some of the members."""
        places = ascending([speed.average for _, speed in runners])
        seen = [max(self._tried[number], speed.measured_at) for number, speed in runners]
        due = [place for place, moment in enumerate(seen) if now - moment >= STALE]
        if not due:
            return places
        first = min(due, key=lambda place: seen[place])
        self._tried[runners[first][0]] = now
        places.remove(first)
        return [first, *places]
