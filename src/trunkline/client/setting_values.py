"""The settings that have a type: their variables, what is allowed, and how text becomes a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar, get_args

from ..providers.address import Parameter
from ..values.errors import UsageError
from ..values.secret import Origin

T = TypeVar("T")
LONGEST = 1e9
"""Seconds (32 years): the system's clocks for waits on sockets end not much later."""

LogLevel = Literal["debug", "info", "warning", "error", "off"]
ErrorStyle = Literal["full", "quiet"]


class Kind(NamedTuple, Generic[T]):
    """One setting: its name, its variable, what may stand there, and ``parse``, which raises ValueError on anything else."""

    name: str
    variable: str
    allowed: str
    parse: Callable[[object], T]

    def read(self, value: object, field: str) -> T:
        """``value``, from a variable or a file, as what it should be; ``UsageError`` names ``field`` and shows no content."""
        try:
            return self.parse(value)
        except ValueError as error:
            got = "text" if isinstance(value, str) else type(value).__name__
            raise UsageError(str(error), field=field, got=got, allowed=self.allowed) from None


def _number(value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("is no number")
    return number


def _seconds(value: object) -> float:
    seconds = _number(value)
    if seconds > LONGEST:
        raise ValueError("is too long")
    if seconds <= 0:
        raise ValueError("is not above 0")
    return seconds


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        number = _number(value)
        if number != int(number):
            raise ValueError("is no whole number")
        if not low <= number <= high:
            raise ValueError("is out of range")
        return int(number)

    return parse


def _one_of(words: tuple[Any, ...]) -> Callable[[object], Any]:
    def parse(value: object) -> Any:
        if value is False and "off" in words:  # YAML reads a bare off as false
            return "off"
        word = value.strip().lower() if isinstance(value, str) else None
        if word not in words:
            raise ValueError("is none of the words that are allowed")
        return word

    return parse


def _model(value: object) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not name or any(not character.isprintable() or character.isspace() for character in name):
        raise ValueError("is no model's name")
    return name


def _path(value: object) -> str:
    path = value.strip() if isinstance(value, str) else ""
    if not path or not path.isprintable():
        raise ValueError("is no path")
    return path


MODEL: Kind[str] = Kind("model", "TRUNKLINE_MODEL", "provider/model", _model)
TIMEOUT: Kind[float] = Kind("timeout", "TRUNKLINE_TIMEOUT", f"seconds above 0, up to {LONGEST:g}", _seconds)
RETRIES: Kind[int] = Kind("retries", "TRUNKLINE_RETRIES", "a whole number from 0 to 100", _whole(0, 100))
LOG: Kind[LogLevel] = Kind("log", "TRUNKLINE_LOG", "debug, info, warning, error, off", _one_of(get_args(LogLevel)))
MAX_LINE: Kind[int] = Kind("max_line", "TRUNKLINE_MAX_LINE", "a whole number of bytes from 1024", _whole(1024, 1 << 40))
ERRORS: Kind[ErrorStyle] = Kind("errors", "TRUNKLINE_ERRORS", "full, quiet", _one_of(get_args(ErrorStyle)))

DETECT: Kind[Literal["on", "off"]] = Kind("detect", "TRUNKLINE_DETECT", "on, off", _one_of(("on", "off")))
MODELS_FILE: Kind[str] = Kind("models_file", "TRUNKLINE_MODELS", "a path of a .toml or .json file", _path)

KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (MODEL, TIMEOUT, RETRIES, LOG, MAX_LINE, ERRORS, DETECT, MODELS_FILE)}


class Described(NamedTuple):
    """One row of ``trunkline config``: what is set to what (keys masked), its origin, the variable or key, the file."""

    setting: str
    value: str
    origin: Origin
    name: str
    file: str | None = None


class KeyPlace(Protocol):
    """Where a key may lie: below a provider's name in files, and in these variables, the first that is set counts."""

    @property
    def name(self) -> str: ...
    @property
    def key_variables(self) -> tuple[str, ...]: ...


class ProviderRow(KeyPlace, Protocol):
    """What is read of a provider's row besides: the variables that may hold its address, and the parameters of that."""

    @property
    def url_variables(self) -> tuple[str, ...]: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...


def base_url_variables(provider: ProviderRow) -> tuple[str, ...]:
    """``OPENAI_BASE_URL`` for a row whose key is ``OPENAI_API_KEY``."""
    stems = [name.removesuffix("_API_KEY") for name in provider.key_variables if name.endswith("_API_KEY")]
    named = tuple(f"{stem}_BASE_URL" for stem in stems or [provider.name.upper().replace("-", "_")])
    return named + provider.url_variables
