"""Quirks laid over each other, and records that refuse what they do not know."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from tests import strategies
from trunkline.values.model import NO_QUIRKS, Model, Price, Quirks

quirks = strategies.of(Quirks)


@given(quirks, quirks)
def test_what_the_upper_says_wins_and_what_it_leaves_open_is_the_lowers(upper: Quirks, lower: Quirks) -> None:
    both = upper.over(lower)
    for name in Quirks.__struct_fields__:
        mine = getattr(upper, name)
        assert getattr(both, name) == (mine if mine is not None else getattr(lower, name))


@given(quirks, quirks, quirks)
def test_three_layers_may_be_laid_in_any_grouping(model: Quirks, endpoint: Quirks, dialect: Quirks) -> None:
    assert model.over(endpoint).over(dialect) == model.over(endpoint.over(dialect))


@given(quirks)
def test_no_quirks_change_nothing(some: Quirks) -> None:
    assert NO_QUIRKS.over(some) == some == some.over(NO_QUIRKS)


def test_false_is_said_and_none_is_not() -> None:
    assert Quirks(no_stop=False).over(Quirks(no_stop=True)).no_stop is False
    assert Quirks(no_stop=None).over(Quirks(no_stop=True)).no_stop is True


def test_every_flag_is_open_unless_said() -> None:
    assert all(getattr(NO_QUIRKS, name) is None for name in Quirks.__struct_fields__)


@pytest.mark.parametrize("row", [{"no_stopp": True}, {"max_tokens_field": "max_tokns"}, {"no_stop": "yes"}])
def test_a_typing_error_in_a_row_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(row, Quirks)


def test_a_model_is_called_by_provider_and_id() -> None:
    model = Model(id="m-1", provider="p", prices=(Price(input="1"),))
    assert str(model) == model.name == "p/m-1"


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        NO_QUIRKS.no_stop = True  # type: ignore[misc]
