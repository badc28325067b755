"""What a client says of the limits of its targets: how many requests a minute, how many at once, when one is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.backend import declared_async
from ..engine.call import FetchUrls, LastResort
from ..engine.station import Counts, Stations
from ..policy.breaker import BreakerPolicy
from ..policy.hedge import as_hedge
from ..policy.rate_limit import RateLimit, as_rate_limit
from ..policy.slots import Concurrency, as_concurrency
from ..providers.table import TABLE, is_dialect, is_provider
from ..values import expect
from ..values.errors import UsageError
from ..values.response import Response
from ..values.secret import mask_keys
from .setting_values import Described
from .trust import placed

if TYPE_CHECKING:
    from .config_files import ConfigFile
    from .settings import Settings

T = TypeVar("T")
STATION_OPTIONS = ("rate_limit", "concurrency", "breaker")

RateLimits = RateLimit | int | Mapping[str, Any]
"""So many requests a minute, a ``RateLimit``, or a mapping of names (``openai``, ``openai/gpt-5.4``) to either."""
Concurrencies = Concurrency | int | Mapping[str, Any]
"""So many at once, a ``Concurrency``, or a mapping of names to either."""


class Limiting:
    """The limits that a client and its copies share, and with them what is known of their targets; made when first needed."""

    def __init__(self, options: Mapping[str, Any], counts: Counts | None = None) -> None:
        self._options = options
        stations_of(options, {})  # what is wrong with them shows now
        self._stations: Stations | None = None
        self._counts = Counts() if counts is None else counts
        self._lock = Lock()

    def under(self, options: Mapping[str, Any]) -> Limiting:
        """The same under other options. What they leave as it is goes on counting for both."""
        return Limiting(options, self._counts)

    def stations(self, settings: Settings) -> Stations:
        """The stations, under what the options say, and else what ``settings`` do."""
        if self._stations is None:
            limits = settings.limits
            with self._lock:
                if self._stations is None:
                    self._stations = stations_of(self._options, limits, self._counts)
        return self._stations

    def forget(self) -> None:
        """After a fork, in the child: places are taken by threads that it does not have."""
        self._stations, self._lock = None, Lock()
        self._counts.forget()


def stations_of(options: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]], counts: Counts | None = None) -> Stations:
    """The stations of a client with these options; ``settings``: the limits of files, by name."""
    breaker = _breaker(options.get("breaker", True))
    rates = _by_name(options.get("rate_limit"), "rate_limit", as_rate_limit, RateLimit)
    concurrency = _by_name(options.get("concurrency"), "concurrency", as_concurrency, Concurrency)
    for name, said in settings.items():
        if "rate_limit" in said and "rate_limit" not in options:
            rates[name] = said["rate_limit"]
        if "concurrency" in said and "concurrency" not in options:
            concurrency[name] = said["concurrency"]
    return Stations(breaker, rates, concurrency, counts)


def checked_limits(value: object, path: str) -> dict[str, dict[str, Any]]:
    """``[limits.openai]`` and ``[limits."openai/gpt-5.4"]`` of a file: ``requests``, ``tokens``, ``period``, ``concurrency``."""
    try:
        limits = expect.mapping(value, "limits").items()
        for name, _ in limits:
            _check_name(name, "limits", ())
        return {name: _of_file(said, f"limits.{mask_keys(expect.text(name, 'limits'))}") for name, said in limits}
    except UsageError as error:
        raise placed(error, f"{error.field} ({path})") from None


def _of_file(said: object, at: str) -> dict[str, Any]:
    given = dict(expect.mapping(said, at))
    expect.only(given, at, ("requests", "tokens", "period", "concurrency"))
    found: dict[str, Any] = {}
    if (most := given.pop("concurrency", None)) is not None:
        found["concurrency"] = as_concurrency(most, f"{at}.concurrency")
    if given:
        found["rate_limit"] = as_rate_limit(given, at)
    return found


def described(files: Iterable[ConfigFile]) -> list[Described]:
    """The limits of these files, the most trusted first, as ``trunkline config`` shows them."""
    rows: dict[str, Described] = {}
    for file in files:
        for name, said in file.table.get("limits", {}).items():
            shown = mask_keys(name)
            rows.setdefault(name, Described(f"limit {shown}", _shown(said), file.origin, f"limits.{shown}", file.path))
    return list(rows.values())


def _shown(said: Mapping[str, Any]) -> str:
    words = []
    if (rate := said.get("rate_limit")) is not None:
        words += [f"{most} {what} in {rate.period:g} s" for what in ("requests", "tokens") if (most := getattr(rate, what))]
    if (places := said.get("concurrency")) is not None:
        words.append(f"{places.most} at once")
    return ", ".join(words) or "none"


def _check_name(name: object, field: str, fields: tuple[str, ...]) -> None:
    """Refuses what is nearly a provider's name, or nearly a field: it would limit nothing. Any other may be the name of an object
    of the user's own."""
    provider = expect.text(name, field).partition("/")[0]
    if is_provider(provider) or is_dialect(provider):
        return
    from difflib import get_close_matches  # only for names that nobody knows

    word = provider.lower()
    near = get_close_matches(word, fields, 1, 0.8) or get_close_matches(word, [row.name for row in TABLE], 1, 0.8)
    if near or not provider:
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"no provider of that name{hint}",
            field=field,
            allowed="a provider, 'provider/model', or the name of an object of yours",
        )


def _by_name(value: object, field: str, read: Callable[[object, str], T], kind: Any) -> dict[str, T]:
    if value is None:
        return {}
    if isinstance(value, Mapping) and value and set(value).isdisjoint(kind.__struct_fields__):
        for name in value:
            _check_name(name, field, kind.__struct_fields__)
        return {expect.text(name, field): read(each, f"{field}.{name}") for name, each in value.items()}
    return {"": read(value, field)}


def _breaker(value: object) -> BreakerPolicy | None:
    if value is True:
        return BreakerPolicy()
    if value is None or value is False:
        return None
    if isinstance(value, BreakerPolicy):
        return value
    if not isinstance(value, Mapping):
        expect.wrong("breaker", value, "a BreakerPolicy, a mapping of its fields, True, or None for no breaker")
    expect.only(value, "breaker", BreakerPolicy.__struct_fields__)
    return BreakerPolicy(**value)


def to_last_resort(value: object, blocking: bool) -> LastResort | None:
    """What is answered when nobody does, checked."""
    if value is None or isinstance(value, str | Response):
        return value
    if not callable(value):
        expect.wrong("fallback_answer", value, "a text, a Response, or a function of the request and the error")
    if blocking and declared_async(value):
        raise UsageError("a coroutine function", field="fallback_answer", allowed="a plain function here; AsyncClient takes both")
    return value


def to_resorts(options: Mapping[str, Any], blocking: bool) -> dict[str, Any]:
    """What is done when a target is slow, breaks off, or nobody answers: fields of a ``Call``."""
    interrupted = options.get("on_interrupt")
    word = expect.one_of("raise" if interrupted is None else interrupted, "on_interrupt", ("raise", "continue"), "word")
    return {
        "hedge": as_hedge(options.get("hedge")),
        "carries_on": word == "continue",
        "last_resort": to_last_resort(options.get("fallback_answer"), blocking),
    }


def to_fetching(value: object) -> FetchUrls:
    """Whether media are fetched by their address for targets that do not."""
    if value is None or isinstance(value, bool):
        return value is not False
    expect.one_of(value, "fetch_urls", ("private",), "word")
    return "private"
