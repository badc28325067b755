"""The dialects that there are, each imported when first used."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from ..values.errors import UsageError
from .dialect import Dialect

DIALECTS = ("openai-chat", "anthropic-messages")
"""Their ids, as users see them."""


@cache
def dialect_of(name: str) -> Dialect:
    """The dialect of this id, both halves. Raises ``UsageError`` for one that there is not."""
    if name not in DIALECTS:
        raise UsageError("unknown dialect", field="dialect", got=repr(name[:40]), allowed=", ".join(DIALECTS))
    return cast(Dialect, import_module(f"{__package__}.{name.replace('-', '_')}").DIALECT)
