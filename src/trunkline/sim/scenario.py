"""What a simulator plays: rules, and what holds for all of them. Values: they remember nothing of what was played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import msgspec

from ..values.errors import UsageError
from ..values.expect import kind_of, one_of, whole
from ..values.response import FinishReason, Usage
from .limits import Limits
from .match import Condition, When
from .quirks import Quirk, checked_quirks
from .steps import SPOKEN, ByName, Checked, Seconds, Step, check_order

_FINISHES: tuple[FinishReason, ...] = ("stop", "length", "tool_calls", "content_filter", "pause", "error", "other")


class Pace(Checked, frozen=True):
    """How fast an answer comes: seconds until its ``first`` token, then ``tokens_per_second`` (None: at once). ``jitter`` (0 to
    1) is by how much each wait may differ, by the seed."""

    first: Seconds = 0.0
    tokens_per_second: Annotated[float, msgspec.Meta(ge=1e-6)] | None = None
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


LIFELIKE = Pace(first=0.3, tokens_per_second=60.0, jitter=0.3)
"""About what people are used to."""


@final
class Rule:
    """What a request is answered with: ``Rule(Say("It rains."), when=When(text="weather"))``.

    ``steps``, for requests that ``when`` fits: a ``When``, or any function of the request; None: all that ask for an answer.

    ``times``: for so many requests, then no more. ``usage``: these figures in place of what was counted (of those that are not
    None). ``finish``: this reason, and neither ``max_tokens`` nor stop sequences shorten what is said. ``pace`` and ``quirks``
    as of a scenario, in place of its own. A rule without steps leaves the answer to the built-in brain.
    """

    __slots__ = ("finish", "pace", "quirks", "steps", "times", "usage", "when")

    def __init__(
        self,
        *steps: Step,
        when: When | Condition | None = None,
        times: int | None = None,
        usage: Usage | None = None,
        finish: FinishReason | None = None,
        pace: Pace | None = None,
        quirks: Sequence[Quirk] | None = None,
    ) -> None:
        self.steps: tuple[Step, ...] = steps
        self.when: When | Condition | None = when
        self.times: int | None = times
        self.usage: Usage | None = usage
        self.finish: FinishReason | None = finish
        self.pace: Pace | None = pace
        self.quirks: tuple[Quirk, ...] | None = None if quirks is None else checked_quirks(quirks)
        self._check()

    def _check(self) -> None:
        for n, step in enumerate(self.steps):
            if not isinstance(step, Step):
                raise UsageError("not a step", field=f"steps[{n}]", got=kind_of(step), allowed="Say(…), Call(…), Fail(…), …")
        check_order(self.steps)
        if self.when is not None and not callable(self.when):
            raise UsageError("wrong type", field="when", got=kind_of(self.when), allowed="When(…) or a function of the request")
        if self.times is not None and (not isinstance(self.times, int) or isinstance(self.times, bool) or self.times < 1):
            raise UsageError("wrong value", field="times", got=kind_of(self.times), allowed="a whole number of at least 1")
        for name, kind in (("usage", Usage), ("pace", Pace)):
            if (value := getattr(self, name)) is not None and not isinstance(value, kind):
                raise UsageError("wrong type", field=name, got=kind_of(value), allowed=kind.__name__)
        for name in () if self.usage is None else Usage.__struct_fields__:
            if isinstance(count := getattr(self.usage, name), int):
                whole(count, f"usage.{name}", 0)
        if self.finish is not None:
            one_of(self.finish, "finish", _FINISHES, "finish")
        if isinstance(self.when, When) and self.when.operation != "generate":
            for n, step in enumerate(self.steps):
                if isinstance(step, SPOKEN):
                    raise UsageError(f"there is nothing to say to {self.when.operation}", field=f"steps[{n}]", got=kind_of(step))

    def _told(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash((self.times, self.finish, len(self.steps)))

    def __repr__(self) -> str:
        told = [repr(step) for step in self.steps]
        told += [f"{name}={value!r}" for name, value in self._told().items() if name != "steps" and value is not None]
        return f"Rule({', '.join(told)})"


class Scenario(msgspec.Struct, frozen=True, repr_omit_defaults=True, metaclass=ByName):
    """``rules`` are tried in order: the first that fits and is not used up answers; where none does, the built-in brain.

    ``pace`` and ``quirks`` hold where a rule has none of its own. ``models``: only these are known, any other gets a 404.
    ``limits`` and ``seed`` hold where the simulator was given none.
    """

    rules: Sequence[Rule] = ()
    pace: Pace | None = None
    quirks: Sequence[Quirk] = ()
    models: Sequence[str] = ()
    limits: Limits | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("rules", "models"):
            value = getattr(self, name)
            if isinstance(value, str | Rule) or not isinstance(value, Sequence):
                raise UsageError("wrong type", field=name, got=kind_of(value), allowed=f"a list of {name}")
            msgspec.structs.force_setattr(self, name, tuple(value))
        msgspec.structs.force_setattr(self, "quirks", checked_quirks(self.quirks))
        items: tuple[tuple[str, type], ...] = (("rules", Rule), ("models", str))
        for name, kind in items:
            for n, item in enumerate(getattr(self, name)):
                if not isinstance(item, kind) or not item:
                    raise UsageError("wrong type", field=f"{name}[{n}]", got=kind_of(item), allowed=kind.__name__)
        fields: tuple[tuple[str, type], ...] = (("pace", Pace), ("limits", Limits), ("seed", int))
        for name, kind in fields:
            if (value := getattr(self, name)) is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                raise UsageError("wrong type", field=name, got=kind_of(value), allowed=kind.__name__)
