"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from ..values.errors import InvalidRequestError
from ..wire.loose_json import DEEPEST, loads

Fields = dict[str, msgspec.Raw]
REFUSED = (ValueError, RecursionError)
"""What a strict decoder raises: malformed, not UTF-8, of another shape, nested too deeply."""
_fields = msgspec.json.Decoder(Fields).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def is_null(raw: msgspec.Raw | None) -> bool:
    """Whether a field is absent or null: where this is asked, a protocol makes no difference."""
    return raw is None or bytes(raw) == b"null"


class FieldReader:
    """Reads fields as one protocol has them. ``kind`` and ``code``: its words for a request that is none. ``spelt``: gives the
    fields of an object the names that we know them by."""

    __slots__ = ("_code", "_kind", "_spelt")

    def __init__(
        self, *, kind: str | None = None, code: str | None = None, spelt: Callable[[Fields], Fields] | None = None
    ) -> None:
        self._kind = kind
        self._code = code
        self._spelt = spelt

    def refuse(self, path: str, problem: str) -> NoReturn:
        """Refuse a request for what stands at ``path``."""
        error = InvalidRequestError(f"{path}: {problem}", status=400, kind=self._kind, code=self._code)
        error.param = path
        raise error

    def fields_of_body(self, body: bytes) -> Fields:
        """The fields of a body. What a strict parser refuses is mended first, where its meaning is plain."""
        fields = self._parsed(body)
        return fields if self._spelt is None else self._spelt(fields)

    def _parsed(self, body: bytes) -> Fields:
        try:
            body.decode()  # what is skipped over is checked for all but this
            fields = _fields(body)
            sound = True
        except REFUSED:
            fields, sound = {}, False
        if sound and body.count(b"[") + body.count(b"{") <= DEEPEST:
            return fields
        try:
            value = loads(body)
        except ValueError:
            self.refuse("$", "the body is not JSON, or nested too deeply")
        if not isinstance(value, dict):
            self.refuse("$", "a JSON object is expected")
        try:
            return fields if sound else _fields(_encode(value))
        except (*REFUSED, TypeError, OverflowError):
            self.refuse("$", "the body is not JSON")

    def object_at(self, raw: msgspec.Raw, path: str) -> Fields:
        try:
            fields = _fields(raw)
        except REFUSED:
            self.refuse(path, "an object is expected")
        return fields if self._spelt is None else self._spelt(fields)

    def items_at(self, raw: msgspec.Raw, path: str) -> list[msgspec.Raw]:
        try:
            return _items(raw)
        except REFUSED:
            self.refuse(path, "a list is expected")

    def value_at(self, raw: msgspec.Raw, path: str) -> Any:
        try:
            return _any(raw)
        except REFUSED:
            self.refuse(path, "this is not JSON")

    # --- by their names, in the object at ``path`` (which ends with a dot, or is empty) -------------------------------------

    def text(self, fields: Fields, name: str, path: str) -> str | None:
        """A field that is text; None where it is absent or null."""
        raw = fields.get(name)
        if raw is None:
            return None
        value = self.value_at(raw, f"{path}{name}")
        if value is not None and not isinstance(value, str):
            self.refuse(f"{path}{name}", "text is expected")
        return value

    def required_text(self, fields: Fields, name: str, path: str) -> str:
        """A field that is text with something in it."""
        value = self.text(fields, name, path)
        if not value:
            self.refuse(f"{path}{name}", "this field is required, as text" if value is None else "this text must not be empty")
        return value

    def flag(self, fields: Fields, name: str, path: str) -> bool | None:
        raw = fields.get(name)
        value = None if raw is None else self.value_at(raw, f"{path}{name}")
        if value is not None and not isinstance(value, bool):
            self.refuse(f"{path}{name}", "true or false is expected")
        return value

    def whole(self, fields: Fields, name: str, path: str) -> int | None:
        """A field that is a whole number of at least 0 (``1024.0`` is one)."""
        value = self.number(fields, name, path)
        if value is None:
            return None
        if value != value // 1 or value < 0 or value > 2**53:
            self.refuse(f"{path}{name}", "a whole number of at least 0 is expected")
        return int(value)

    def number(self, fields: Fields, name: str, path: str) -> float | None:
        raw = fields.get(name)
        value = None if raw is None else self.value_at(raw, f"{path}{name}")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300:
            self.refuse(f"{path}{name}", "a number is expected")
        return value
