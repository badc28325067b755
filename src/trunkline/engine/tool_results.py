"""What a tool returned, as a model can be told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..values import expect
from ..values.errors import UsageError
from ..values.json_types import is_pydantic
from ..values.media import Data
from ..values.message import Audio, File, Image, Part, Text, ToolCall, ToolResult, Video
from ..values.sniffing import sniff


def as_result(call: ToolCall, given: Any) -> ToolResult:
    """What a tool returned, as the result of ``call``. Raises ``UsageError`` for what no model can be told."""
    if not isinstance(given, ToolResult):
        return ToolResult(call.id, as_parts(given, call.name), name=call.name)
    if not isinstance(given.parts, tuple):
        expect.wrong(f"tools.{call.name}.parts", given.parts, "a tuple of parts")
    return msgspec.structs.replace(given, tool_call_id=call.id, name=call.name)


def as_parts(given: Any, name: str) -> tuple[Part, ...]:
    """What a tool returned, for the model: text and parts as they are, pictures (of PIL, or arrays of uint8 with colours) and
    bytes as what they are, anything else as JSON. Raises ``UsageError`` for what has no JSON form."""
    if (part := _part(given, name)) is not None:
        return (part,)
    if isinstance(given, list | tuple) and not all(type(item) in _PLAIN for item in given):
        parts = [_part(item, name) for item in given]
        if any(part is not None and type(part) is not Text for part in parts) or any(isinstance(i, Text) for i in given):
            return tuple([part or _json(item, name) for part, item in zip(parts, given, strict=True)])
    return (_json(given, name),)


_PLAIN = frozenset({str, int, float, bool, type(None), dict})
_GIVEN = (Text, Image, Audio, Video, File)


def _part(given: Any, name: str) -> Part | None:
    """What needs no JSON; None for the rest."""
    if isinstance(given, str):
        return Text(str.__str__(given))
    if isinstance(given, _GIVEN):
        return given
    if isinstance(given, bytes | bytearray | memoryview):
        return _file(bytes(given), name)
    if type(given).__module__.partition(".")[0] == "PIL" and hasattr(given, "save"):
        return Image.pil(given)
    if getattr(given, "ndim", None) == 3 and getattr(getattr(given, "dtype", None), "name", None) == "uint8":
        return Image.numpy(given)
    return None


def _file(data: bytes, name: str) -> Part:
    kind = sniff(data)
    if kind is not None:
        return _MEDIA.get(kind.partition("/")[0], File)(Data(data, kind))
    try:
        return Text(data.decode())
    except UnicodeDecodeError:
        allowed = "text, or a File.bytes that says its media_type"
        raise UsageError(
            "the bytes that it returned are no text, nor a known kind of file", field=f"tools.{name}", allowed=allowed
        ) from None


_MEDIA: dict[str, Callable[[Data], Part]] = {"image": Image, "audio": Audio, "video": Video}


def _json(given: Any, name: str) -> Text:
    try:
        return Text(msgspec.json.encode(given, enc_hook=_other).decode())
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            "what it returned has no JSON form",
            field=f"tools.{name}",
            got=expect.kind_of(given),
            allowed="text, JSON, parts such as Image",
        ) from error


def _other(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump(mode="json")
    if hasattr(value, "dtype") and callable(getattr(value, "tolist", None)):  # numpy's numbers and arrays
        return value.tolist()
    raise TypeError(type(value).__name__)
