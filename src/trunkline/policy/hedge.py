"""When a second target is asked although the first may still answer."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..values import expect

_FORMS = "a Hedge, seconds, True, or a mapping of after, percentile, share"


class Hedge(msgspec.Struct, frozen=True, kw_only=True):
    """A second target is asked where the first has said nothing ``after`` so many seconds; None: after the time within which a
    share of ``percentile`` of its last replies had begun (nobody is asked before one was seen). Whoever begins first answers, the
    other is closed. At most a ``share`` of the calls is hedged, and one at the start.

    Raises ``UsageError``: ``after`` is above 0, ``0 < percentile <= 1``, ``0 < share <= 1``.
    """

    after: float | None = None
    percentile: float = 0.95
    share: float = 0.1

    def __post_init__(self) -> None:
        if self.after is not None and expect.number(self.after, "hedge.after") <= 0:
            expect.wrong("hedge.after", self.after, "seconds above 0, or None", "not a time")
        for name in ("percentile", "share"):
            if expect.number(getattr(self, name), f"hedge.{name}", 0, 1) == 0:
                expect.wrong(f"hedge.{name}", getattr(self, name), "a number above 0 up to 1", "out of range")


def as_hedge(value: object, field: str = "hedge") -> Hedge | None:
    """What an option says: a ``Hedge``, seconds, True (the defaults), False or None (none), or a mapping of its fields.

    Anything else is a ``UsageError`` that names the ``field``.
    """
    if value is None or isinstance(value, Hedge):
        return value
    if isinstance(value, bool):
        return Hedge() if value else None
    if isinstance(value, Mapping):
        expect.only(value, field, Hedge.__struct_fields__)
        return Hedge(**value)
    if not isinstance(value, int | float):
        expect.wrong(field, value, _FORMS)
    return Hedge(after=value)
