"""The JSON that a model's words hold."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from .errors import MalformedResponseError
from .late_pattern import LatePattern
from .partial_json import DEEPEST, PartialJson

_FENCE = "```"
_TEXT = LatePattern(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def json_in(text: str, opening: str = "{") -> tuple[str, Any]:
    """The JSON in ``text``, with or without a fence, prose or a thought in tags around it, and its value.

    ``opening``: the bracket that is looked for in prose. The rules are those of ``PartialJson``: it comes to the same. Raises
    ``MalformedResponseError``, whose words are good for whoever wrote the text too.
    """
    whole = _unfenced(text.strip("\ufeff \t\r\n"))
    try:
        value = msgspec.json.decode(whole.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        parser = PartialJson(opening=opening)
        parser.feed(text)
        if not parser.complete:
            what = "the reply's text is not JSON" if text.strip() else "the reply has no text to parse"
            raise MalformedResponseError(what, path="$") from None
        return msgspec.json.encode(parser.value).decode(), parser.value
    if isinstance(value, dict | list) and _keys(value) != _TEXT().sub("", whole).count(":"):
        raise MalformedResponseError("a key of the reply's JSON stands twice in one object", path="$")
    return whole, value


def _unfenced(text: str) -> str:
    """What stands in the code fence that ``text`` is."""
    if not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    language, line, inner = text[len(_FENCE) : -len(_FENCE)].partition("\n")
    language = language.strip()
    return inner.strip() if line and (not language or language.isalnum()) else text


def _keys(value: Any) -> int:
    """How many keys there are in all."""
    found, level, depth = 0, [value], 0
    while level:
        if depth == DEEPEST:
            raise MalformedResponseError(f"the reply's JSON is nested deeper than {DEEPEST} levels", path="$")
        depth += 1
        inner: list[Any] = []
        for each in level:
            members = each
            if type(each) is dict:
                found += len(each)
                members = each.values()
            inner += [member for member in members if type(member) is dict or type(member) is list]
        level = inner
    return found
