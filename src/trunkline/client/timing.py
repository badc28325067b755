"""How long is waited and how often is tried, as the caller says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..engine.call import Limits
from ..policy.retry import RetryPolicy
from ..values import expect
from ..values.errors import ProviderError, UsageError
from ..values.expect import kind_of
from .setting_values import LONGEST


class Timeout(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; None switches a deadline off. What is left out keeps its default (``docs/defaults.md``)."""

    connect: float | msgspec.UnsetType | None = msgspec.UNSET
    first_byte: float | msgspec.UnsetType | None = msgspec.UNSET
    first_token: float | msgspec.UnsetType | None = msgspec.UNSET
    idle: float | msgspec.UnsetType | None = msgspec.UNSET
    total: float | msgspec.UnsetType | None = msgspec.UNSET


def to_limits(options: Mapping[str, Any], base: Limits) -> Limits:
    """``base`` with what ``timeout``, ``retries`` and ``fallback_on`` say."""
    changes: dict[str, Any] = {}
    if "timeout" in options:
        changes.update(_timeout(options["timeout"]))
    if "retries" in options:
        changes["retry"] = _retry(options["retries"], base.retry)
    if "min_tokens_per_second" in options:
        changes["slowest"] = _speed(options["min_tokens_per_second"])
    if "fallback_on" in options:
        errors = _error_classes(options["fallback_on"])
        changes["retry"] = msgspec.structs.replace(changes.get("retry", base.retry), elsewhere=errors)
    if (line := options.get("max_line")) is not None:
        if isinstance(line, bool) or not isinstance(line, int) or line < 1_024:
            raise UsageError("not a length", field="max_line", got=shown(line), allowed="bytes, 1024 or more")
        changes["max_line"] = line
    return msgspec.structs.replace(base, **changes) if changes else base


def _timeout(value: object) -> dict[str, float | None]:
    if isinstance(value, Timeout):
        given = {name: getattr(value, name) for name in Timeout.__struct_fields__}
        named = {name: seconds for name, seconds in given.items() if seconds is not msgspec.UNSET}
        if "connect" in named:
            named["connect_with_fallback"] = named["connect"]
        return {name: _seconds(seconds, f"timeout.{name}") for name, seconds in named.items()}
    return {"total": _seconds(value, "timeout")}


def _seconds(value: Any, field: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        allowed = f"seconds above 0, up to {LONGEST:g}, or None for no deadline"
        raise UsageError("not a time", field=field, got=shown(value), allowed=allowed)
    return float(value)


def _speed(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        raise UsageError("not a speed", field="min_tokens_per_second", got=shown(value), allowed="a number above 0, or None")
    return float(value)


def _retry(value: Any, base: RetryPolicy) -> RetryPolicy:
    """``base`` with another count, or another policy; which errors go elsewhere is said apart, unless the policy says it."""
    if isinstance(value, RetryPolicy):
        return value if value.elsewhere is not None else msgspec.structs.replace(value, elsewhere=base.elsewhere)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        allowed = "a whole number from 0 to 100, or a RetryPolicy"
        raise UsageError("not a count", field="retries", got=shown(value), allowed=allowed)
    return msgspec.structs.replace(base, retries=value)


def _error_classes(value: Any) -> tuple[type[ProviderError], ...] | None:
    if value is None:
        return None
    classes = tuple(expect.items(value, "fallback_on", "a list of classes of errors"))
    for n, kind in enumerate(classes):
        if not isinstance(kind, type) or not issubclass(kind, ProviderError):
            expect.wrong(f"fallback_on[{n}]", kind, "ProviderError, or a class below it", "no class of errors")
    return classes


def shown(value: object) -> str:
    """A number may be shown, anything else is told by its type."""
    short = isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**18)
    return repr(value) if short else kind_of(value)
