"""What a reply cost, by the catalog's price of its day. Exact, and None rather than a guess."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any, NamedTuple

from ..values.model import Model, Price, PriceTier, PriceVariant
from ..values.response import Usage

STANDARD = frozenset({"default", "standard", "on_demand"})
"""What providers call the service tier, and the speed, of the usual price; at any other another price holds."""

_RATES = ("service_tier", "speed")  # where a provider's own usage says at what rate it charged
_FEES = ("server_tool_use", "num_sources_used")  # where it counts what costs a fee besides the tokens
_BILLED, _TOKENS = "billed_units", ("input_tokens", "output_tokens")  # what is charged, where that is not what was counted
_TELLING = frozenset({*_RATES, *_FEES})
_USUAL = "usual"
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


class _Scale(NamedTuple):
    """Rates, and those above so many input tokens, the highest first."""

    rates: _Rates
    tiers: tuple[tuple[int, _Rates], ...]

    def at(self, tokens: int | None) -> _Rates:
        if tokens is None or not self.tiers:
            return self.rates  # the sum decides whether the count is needed
        return next((rates for above, rates in self.tiers if tokens > above), self.rates)


class _Row(NamedTuple):
    """A price from its day on: its scale, and those of other rates, each from a day of its own on, the latest first."""

    since: float
    price: Price
    usual: _Scale
    variants: tuple[tuple[str, float, _Scale], ...]


def cost(
    usage: Usage, model: Model | None, at: float, service_tier: str | None = None, *, hosted_tools: bool = False
) -> Decimal | None:
    """USD that ``usage`` of ``model`` cost at ``at`` (unix seconds); None where a price or a count that is needed is not known.

    ``service_tier`` as the reply names it, else as it was asked for, or ``"batch"``: its price where the catalog has one.
    ``hosted_tools``: the provider ran tools of its own, which cost a fee that the catalog does not know.
    """
    if model is None or hosted_tools:
        return None
    rate = _USUAL if service_tier is None or service_tier in STANDARD else service_tier
    if usage.raw and not _TELLING.isdisjoint(usage.raw):
        told = _rate_told(usage.raw, rate)
        if told is None:
            return None
        rate = told
    if _BILLED in usage.raw:
        billed = _billed(usage.raw[_BILLED])
        if billed is None:
            return None
        usage = billed
    rates = _rates_at(model, at, rate, usage.input_tokens)
    total = None if rates is None else _sum(usage, rates)
    return None if rates is None or total is None else _usd(total, rates.scale)


def prices(
    model: Model, at: float, service_tier: str | None = None, tokens: int | None = None
) -> tuple[Decimal | None, Decimal | None]:
    """USD per million tokens of input and of output at ``at``, for a prompt of so many ``tokens``; None is unknown."""
    rates = _rates_at(model, at, _USUAL if service_tier is None or service_tier in STANDARD else service_tier, tokens)
    if rates is None:
        return None, None
    million = 6 - rates.scale
    asked, said = (None if rate is None else Decimal(rate).scaleb(million, _EXACT) for rate in (rates.input, rates.output))
    return asked, said


def _rates_at(model: Model, at: float, rate: str, tokens: int | None) -> _Rates | None:
    """Those of the price that holds at ``at``."""
    for row in _rows(model.prices):
        if row.since <= at and (not row.price.hours or _within(row.price.hours, at)):
            return _rates_for(row, rate, tokens, at)
    return None


def _rate_told(raw: dict[str, Any], rate: str) -> str | None:
    """The rate by the provider's own figures; None where they name two of them, or something that costs a fee."""
    for name in _RATES:
        told = raw.get(name)
        if isinstance(told, str) and told not in STANDARD:
            if rate not in (_USUAL, told):
                return None
            rate = told
    for name in _FEES:
        count = raw.get(name)
        if count and any(count.values() if isinstance(count, dict) else (count,)):
            return None
    return rate


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


def _rates_for(row: _Row, rate: str, tokens: int | None, at: float) -> _Rates | None:
    price = row.price
    if price.unknown_fee or (price.unknown_hours and _within(price.unknown_hours, at)):
        return None
    if price.unknown_above is not None and tokens is not None and tokens > price.unknown_above:
        return None
    if rate == _USUAL:
        return row.usual.at(tokens)
    return next((scale.at(tokens) for name, since, scale in row.variants if name == rate and since <= at), None)


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


_KNOWN: dict[int, tuple[tuple[Price, ...], tuple[_Row, ...]]] = {}  # by identity: to hash all prices costs more than the sum
_ENOUGH = 1024


def _rows(prices: tuple[Price, ...]) -> tuple[_Row, ...]:
    """The latest first; of one day those that hold in some hours only before the one that holds all day."""
    known = _KNOWN.get(id(prices))
    if known is not None and known[0] is prices:
        return known[1]
    made = [_row(price) for price in prices]
    rows = tuple(sorted(made, key=lambda row: (row.since, bool(row.price.hours)), reverse=True))
    if len(_KNOWN) >= _ENOUGH:
        _KNOWN.clear()
    _KNOWN[id(prices)] = prices, rows
    return rows


def _row(price: Price) -> _Row:
    variants = [(each.rate, _day(each.since), _variant(price, each)) for each in price.variants]
    variants.sort(key=lambda variant: variant[1], reverse=True)
    return _Row(_day(price.since), price, _scale(price), tuple(variants))


def _day(date: str) -> float:
    return datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()


def _scale(price: Price | PriceVariant, factor: Decimal | None = None) -> _Scale:
    tiers = sorted(price.tiers, key=lambda tier: tier.above, reverse=True)
    return _Scale(_rates(price, factor), tuple((tier.above, _rates(tier, factor)) for tier in tiers))


def _variant(price: Price, variant: PriceVariant) -> _Scale:
    return _scale(variant) if variant.factor is None else _scale(price, Decimal(variant.factor))


def _rates(price: Price | PriceTier | PriceVariant, factor: Decimal | None) -> _Rates:
    fields = {field: None if (text := getattr(price, field)) is None else Decimal(text) for field in _Rates._fields[1:]}
    if factor is not None:
        fields = {field: None if value is None else _EXACT.multiply(value, factor) for field, value in fields.items()}
    if fields["cache_write"] is None:  # writing is charged as input is; so is what is kept longer, where neither has a price
        fields["cache_write"] = fields["input"]
        if fields["cache_write_1h"] is None:
            fields["cache_write_1h"] = fields["input"]
    digits = max((-int(value.as_tuple().exponent) for value in fields.values() if value is not None), default=0)
    scale = max(digits, 0)
    units = {field: None if value is None else int(value.scaleb(scale, _EXACT)) for field, value in fields.items()}
    return _Rates(scale=scale + 6, **units)
