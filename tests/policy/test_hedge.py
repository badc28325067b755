"""When a second target is asked: what may be said about it."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.policy.hedge import Hedge, as_hedge
from trunkline.values.errors import UsageError


def test_the_defaults() -> None:
    assert (Hedge().after, Hedge().percentile, Hedge().share) == (None, 0.95, 0.1)


@pytest.mark.parametrize(
    "fields",
    [{"after": 0.001}, {"after": 30}, {"after": None}, {"percentile": 1}, {"percentile": 0.001}, {"share": 1.0}, {"share": 0.01}],
)
def test_what_is_allowed(fields: dict[str, Any]) -> None:
    made = Hedge(**fields)
    assert {name: getattr(made, name) for name in fields} == fields
    assert as_hedge(fields) == made


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"after": 0}, "hedge.after"),
        ({"after": -1.0}, "hedge.after"),
        ({"after": "1"}, "hedge.after"),
        ({"after": True}, "hedge.after"),
        ({"after": float("nan")}, "hedge.after"),
        ({"percentile": 0}, "hedge.percentile"),
        ({"percentile": 1.001}, "hedge.percentile"),
        ({"percentile": -0.1}, "hedge.percentile"),
        ({"percentile": None}, "hedge.percentile"),
        ({"share": 0.0}, "hedge.share"),
        ({"share": 1.5}, "hedge.share"),
        ({"share": "all"}, "hedge.share"),
    ],
)
def test_what_is_not(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        Hedge(**fields)
    assert caught.value.field == field
    with pytest.raises(UsageError):
        as_hedge(fields)


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (None, None),
        (False, None),
        (True, Hedge()),
        (Hedge(share=0.5), Hedge(share=0.5)),
        (2, Hedge(after=2)),
        (0.25, Hedge(after=0.25)),
        ({}, Hedge()),
        ({"after": 1.0, "share": 0.2}, Hedge(after=1.0, share=0.2)),
    ],
)
def test_its_forms(value: object, made: Hedge | None) -> None:
    assert as_hedge(value) == made


@pytest.mark.parametrize(
    ("value", "field"), [("1", "hedge"), ([1], "hedge"), (0, "hedge.after"), (-1, "hedge.after"), ({"delay": 1}, "delay")]
)
def test_anything_else_is_refused(value: object, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        as_hedge(value)
    assert field in str(caught.value)
    with pytest.raises(UsageError, match="spare") as caught:
        as_hedge("1", "spare")
    assert caught.value.allowed == "a Hedge, seconds, True, or a mapping of after, percentile, share"
