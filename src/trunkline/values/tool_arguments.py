"""The arguments of a tool call, as a model wrote them: a JSON object, or words on what is wrong with it."""

from __future__ import annotations

from typing import Any

import msgspec

MOST_CHARACTERS = 8_000_000
"""No model writes as much; a text as long as that costs a second and some hundred megabytes to read, at worst."""
DEEPEST = 200
_decode = msgspec.json.Decoder().decode


def read_arguments(text: str) -> dict[str, Any]:
    """The object that ``text`` says; none where it is blank. Of duplicate keys the last wins. Raises ``ValueError`` that tells
    what is wrong and where, never the content."""
    if not text or text.isspace():
        return {}
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"they are longer than {MOST_CHARACTERS} characters")
    try:
        value = _decode(text)
    except UnicodeError:
        raise ValueError("they hold half of a surrogate pair, which is no text") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(f"they are not a JSON object: {str(error)[:120]}") from None
    if type(value) is not dict:
        raise ValueError("they are JSON, but not a JSON object")
    if text.count("{") + text.count("[") > DEEPEST and too_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP = f"they are nested deeper than {DEEPEST} levels"


def too_deep(value: Any) -> bool:
    """Whether plain JSON types are nested deeper than ``DEEPEST``: what is could not be pickled, nor walked."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [inner for inner in held if isinstance(inner, (dict, list, tuple))]
