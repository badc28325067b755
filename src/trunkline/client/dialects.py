"""The client halves by dialect id, each imported when first used."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from ..dialects.dialect import ClientHalf


@cache
def client_half(dialect: str) -> ClientHalf:
    """The client half of ``openai-chat``, ``anthropic-messages``, …"""
    package = __package__.rpartition(".")[0]
    return cast(ClientHalf, import_module(f"{package}.dialects.{dialect.replace('-', '_')}").DIALECT)
