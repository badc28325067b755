"""What a reply cost, by the catalog's price of its day. Exact, and None rather than a guess."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from ..values.model import Model, Price, PriceTier
from ..values.response import Usage

STANDARD = frozenset({"default", "standard", "on_demand"})
"""What providers call the service tier, and the speed, that the catalog prices; at any other another price holds."""

_RATES = ("service_tier", "speed")  # where a provider's own usage says at what rate it charged
_FEES = ("server_tool_use", "num_sources_used")  # where it counts what costs a fee besides the tokens
_BILLED, _TOKENS = "billed_units", ("input_tokens", "output_tokens")  # what is charged, where that is not what was counted
_TELLING = frozenset({*_RATES, *_FEES})
_EXACT = Context(prec=100)  # the caller's context may round; this one never has to


class _Rates(NamedTuple):
    """Prices of one token in units of ``10 ** -scale`` USD, so that sums are whole numbers; None is unknown."""

    scale: int
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    cache_write_1h: int | None
    input_audio: int | None
    output_audio: int | None


class _Row(NamedTuple):
    """A price from its day on: its rates, and the rates above so many input tokens, the highest first."""

    since: float
    price: Price
    rates: _Rates
    tiers: tuple[tuple[int, _Rates], ...]


def cost(
    usage: Usage, model: Model | None, at: float, service_tier: str | None = None, *, hosted_tools: bool = False
) -> Decimal | None:
    """USD that ``usage`` of ``model`` cost at ``at`` (unix seconds); None where a price or a count that is needed is not known.

    ``service_tier`` as the reply names it, else as it was asked for: only the standard one has a known price. ``hosted_tools``:
    the provider ran tools of its own, which cost a fee that the catalog does not know.
    """
    if model is None or hosted_tools or (service_tier is not None and service_tier not in STANDARD):
        return None
    if usage.raw and _charged_otherwise(usage.raw):
        return None
    if _BILLED in usage.raw:
        billed = _billed(usage.raw[_BILLED])
        if billed is None:
            return None
        usage = billed
    for row in _rows(model.prices):
        if row.since <= at:
            rates = _rates_for(row, usage.input_tokens, at)
            total = None if rates is None else _sum(usage, rates)
            return None if rates is None or total is None else _usd(total, rates.scale)
    return None


def _charged_otherwise(raw: dict[str, Any]) -> bool:
    if _TELLING.isdisjoint(raw):
        return False
    for name in _RATES:
        rate = raw.get(name)
        if isinstance(rate, str) and rate not in STANDARD:
            return True
    for name in _FEES:
        count = raw.get(name)
        if count and any(count.values() if isinstance(count, dict) else (count,)):
            return True
    return False


def _billed(units: object) -> Usage | None:
    """The tokens that are charged, where a provider counts those apart (its instructions, say, are not among them); None where
    it charges for something else too."""
    if not isinstance(units, dict) or any(count for name, count in units.items() if name not in _TOKENS):
        return None
    asked, said = (_whole(units.get(name)) for name in _TOKENS)
    return Usage(asked, said)


def _whole(count: object) -> int | None:
    """A count, which some write as a fraction of nothing (``9.0``)."""
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    return count if type(count) is int and count >= 0 else None


def _rates_for(row: _Row, tokens: int | None, at: float) -> _Rates | None:
    price = row.price
    if price.unknown_fee or (price.unknown_hours and _within(price.unknown_hours, at)):
        return None
    if tokens is None:
        return row.rates  # the sum decides whether the count is needed
    if not row.tiers and price.unknown_above is None:
        return row.rates
    if price.unknown_above is not None and tokens > price.unknown_above:
        return None
    return next((rates for above, rates in row.tiers if tokens > above), row.rates)


def _within(hours: tuple[tuple[int, int], ...], at: float) -> bool:
    hour = int(at // 3600 % 24)
    return any(start <= hour < end for start, end in hours)


def _sum(usage: Usage, rates: _Rates) -> int | None:
    read, written, kept = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0, usage.cache_write_1h_tokens or 0
    heard, spoken = usage.input_audio_tokens or 0, usage.output_audio_tokens or 0
    if usage.output_image_tokens or (heard and (read or written)):
        return None  # pictures have a price of their own; how much of the cache was sound is not said
    asked, said = usage.input_tokens, usage.output_tokens
    if asked is not None and said is not None and asked > 0 < said and not (read or written or kept or heard or spoken):
        return None if rates.input is None or rates.output is None else asked * rates.input + said * rates.output
    fresh = None if asked is None else asked - read - written - heard
    answer = None if said is None else said - spoken
    total = 0
    for tokens, rate in (
        (fresh, rates.input),
        (answer, rates.output),
        (read, rates.cache_read),
        (written - kept, rates.cache_write),
        (kept, rates.cache_write_1h),
        (heard, rates.input_audio),
        (spoken, rates.output_audio),
    ):
        if tokens == 0 or (tokens is None and rate == 0):
            continue
        if tokens is None or tokens < 0 or rate is None:
            return None  # not said, figures that contradict each other, or no price
        total += tokens * rate
    return total


def _usd(total: int, scale: int) -> Decimal:
    while scale > 3 and not total % 1000:
        total, scale = total // 1000, scale - 3
    while scale and not total % 10:
        total, scale = total // 10, scale - 1
    return Decimal(total).scaleb(-scale, _EXACT)


@lru_cache(maxsize=1024)
def _rows(prices: tuple[Price, ...]) -> tuple[_Row, ...]:
    """The latest first."""
    rows = (
        _Row(
            datetime.fromisoformat(price.since).replace(tzinfo=UTC).timestamp(),
            price,
            _rates(price),
            tuple((tier.above, _rates(tier)) for tier in sorted(price.tiers, key=lambda tier: tier.above, reverse=True)),
        )
        for price in prices
    )
    return tuple(sorted(rows, key=lambda row: row.since, reverse=True))


def _rates(price: Price | PriceTier) -> _Rates:
    fields = {field: None if (text := getattr(price, field, None)) is None else Decimal(text) for field in _Rates._fields[1:]}
    if fields["cache_write"] is None:  # writing is charged as input is; so is what is kept longer, where neither has a price
        fields["cache_write"] = fields["input"]
        if fields["cache_write_1h"] is None:
            fields["cache_write_1h"] = fields["input"]
    digits = max((-int(value.as_tuple().exponent) for value in fields.values() if value is not None), default=0)
    scale = max(digits, 0)
    units = {field: None if value is None else int(value.scaleb(scale, _EXACT)) for field, value in fields.items()}
    return _Rates(scale=scale + 6, **units)
