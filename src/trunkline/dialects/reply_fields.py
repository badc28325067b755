"""The fields of the JSON objects of a reply, each verbatim until it is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ..values.errors import MalformedResponseError
from ..wire.loose_json import loads
from .dialect import Context

Fields = dict[str, msgspec.Raw]
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
REFUSED = (ValueError, RecursionError)
"""What a strict decoder raises: malformed, not UTF-8, of another shape, nested too deeply."""
_PATH = re.compile(r" - at `(key in )?(\$[^`]*)`$")
_fields = msgspec.json.Decoder(Fields).decode
_text = msgspec.json.Decoder(str | None).decode
_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode


def malformed(context: Context, path: str) -> MalformedResponseError:
    return MalformedResponseError(path=path, provider=context.target.provider, model=context.target.model)


def path_of(error: BaseException) -> str:
    """Where a strict decoder stopped, from its message, which is not shown: it may quote the content."""
    found = _PATH.search(str(error))
    return found[2] if found else "$"


def fields_of(data: bytes | msgspec.Raw, context: Context, path: str) -> Fields:
    """The fields of a JSON object, each verbatim. What a strict parser refuses is mended first, where its meaning is plain."""
    try:
        return _fields(data)
    except REFUSED:
        pass
    try:
        return _fields(encode(loads(bytes(data))))
    except (*REFUSED, TypeError, OverflowError):
        raise malformed(context, path) from None


def text_of(fields: Fields, name: str, context: Context, path: str) -> str:
    """A field that is text; absent and null are empty."""
    raw = fields.get(name)
    if raw is None:
        return ""
    try:
        return _text(raw) or ""
    except REFUSED:
        pass
    value = value_of(raw)
    if not isinstance(value, str):
        raise malformed(context, f"{path}.{name}")
    return value


def list_of(fields: Fields, name: str, context: Context, path: str) -> list[msgspec.Raw]:
    """A field that is a list; absent and null are empty."""
    raw = fields.get(name)
    if raw is None:
        return []
    try:
        return _list(raw) or []
    except REFUSED:
        pass
    value = value_of(raw)
    if not isinstance(value, list):
        raise malformed(context, f"{path}.{name}")
    try:
        return [msgspec.Raw(encode(item)) for item in value]
    except (*REFUSED, TypeError, OverflowError):
        raise malformed(context, f"{path}.{name}") from None


def value_of(raw: msgspec.Raw | None) -> Any:
    """The value of a field; None for what is none."""
    if raw is None:
        return None
    try:
        return loads(bytes(raw))
    except ValueError:
        return None
