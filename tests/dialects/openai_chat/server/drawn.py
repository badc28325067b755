"""What the laws of the server half draw from, and the context of a request that it serves."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from tests import strategies
from tests.dialects.openai_chat.judge import target
from trunkline.dialects.dialect import Context, Served
from trunkline.values.media import Data, Url
from trunkline.values.message import (
    ProviderState,
    Scope,
)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
names = st.text("abcXYZ_-09", min_size=1, max_size=8)
schemas = st.dictionaries(names, strategies.json_values.filter(lambda value: value is not None), max_size=2)


def optional(drawn: Any) -> Any:
    return st.none() | drawn


def state(data: Any, scope: Scope = Scope(), *, must_return: bool = False) -> ProviderState:
    return ProviderState("openai-chat", msgspec.json.encode(data), scope, must_return)


sources = st.builds(Data, st.binary(max_size=9), st.sampled_from(["image/png", "image/webp"])) | words.map(
    lambda word: Url(f"https://example.com/{word}")
)


def serving(**facts: Any) -> Context:
    aim = target(provider="", key=None)
    return Context(target=aim, model=aim.model, served=Served(**facts))
