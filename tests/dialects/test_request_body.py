"""The end of every request in JSON: what is laid upon it, and the whole as bytes."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.dialects.losses import Losses
from trunkline.dialects.request_body import json_bytes, merged
from trunkline.values.errors import UsageError
from trunkline.values.response import Warning


def test_objects_are_laid_upon_each_other_and_all_else_wins() -> None:
    body = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert merged(body, {"a": {"c": [2], "e": None}, "d": {"f": 1}}) == {"a": {"b": 1, "c": [2], "e": None}, "d": {"f": 1}}
    assert body == {"a": {"b": 1, "c": [1]}, "d": 1}


def test_half_surrogates_are_told_and_sent_as_what_text_can_hold() -> None:
    losses = Losses()
    assert json_bytes({"a": ["\ud800", ("b",)], "\udc00": 1}, losses) == '{"a":["\ufffd",["b"]],"\ufffd":1}'.encode()
    assert losses.warnings == [Warning("approximated", "messages", "half of a surrogate pair is no text: U+FFFD in its place")]


@pytest.mark.parametrize("beside", ["plain", "\ud800"])
def test_what_no_json_can_hold_is_named(beside: str) -> None:
    body: dict[str, Any] = {"messages": beside, "metadata": {"file": object()}}
    with pytest.raises(UsageError) as caught:
        json_bytes(body, Losses())
    assert caught.value.field == "metadata"


def test_a_value_without_an_end_is_named() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UsageError) as caught:
        json_bytes({"messages": "\ud800", "stop": endless}, Losses())
    assert caught.value.field == "stop"
