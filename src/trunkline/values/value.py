"""The shape of every value: frozen, comparable, picklable, tagged in its JSON form, defaults left out."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type"):
    """What all our values share; a subclass adds fields and a ``tag``."""
