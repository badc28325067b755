"""The dialects that there are, each imported when first used."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from ..values.errors import UsageError
from .dialect import ClientHalf, Dialect

DIALECTS = (
    "openai-chat", "anthropic-messages", "openai-responses", "gemini", "bedrock-converse", "cohere", "ollama",
)  # fmt: skip
"""Ids, as users see them, of those that can be asked in and served."""
ASKED = (*DIALECTS, "claude-cli")
"""Ids of those that can be asked in."""

PREFILLED = frozenset({"anthropic-messages", "bedrock-converse"})
"""Ids of those in which a conversation may end with the assistant's own words, which the model then goes on from, unless a quirk
says otherwise (anthropic-messages sheet; the same models answer in both)."""


def dialect_of(name: str) -> Dialect:
    """The dialect of this id, both halves. Raises ``UsageError`` for one that there is not."""
    return cast(Dialect, _found(name, DIALECTS))


def client_half_of(name: str) -> ClientHalf:
    """The half that asks, of the dialect of this id. Raises ``UsageError`` for one that there is not."""
    return _found(name, ASKED)


def _found(name: str, among: tuple[str, ...]) -> ClientHalf:
    if name not in among:
        raise UsageError("unknown dialect", field="dialect", got=repr(name[:40]), allowed=", ".join(among))
    return _imported(name)


@cache
def _imported(name: str) -> ClientHalf:
    return cast(ClientHalf, import_module(f"{__package__}.{name.replace('-', '_')}").DIALECT)
