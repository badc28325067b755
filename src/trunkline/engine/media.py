"""The step that reads the user's own files, once, before anything is encoded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from ..ports import IO
from ..values.check import check_built
from ..values.errors import UsageError
from ..values.media import Data, LocalFile
from ..values.message import Audio, File, Image, Message, Part, ToolResult, Video
from ..values.request import Request

_WITH_SOURCE = (Image, Audio, Video, File)
_HOLDERS = frozenset({*_WITH_SOURCE, ToolResult})
_parts_of = attrgetter("parts")


async def with_media(io: IO, request: Request) -> Request:
    """``request`` with each ``LocalFile`` replaced by its bytes; itself, when there is none."""
    messages = request.messages
    try:
        # At C speed: a conversation may be long, and has seldom any file in it.
        if _HOLDERS.isdisjoint(map(type, chain.from_iterable(map(_parts_of, messages)))):
            return request
        if not any(_has_local(message.parts) for message in messages):
            return request
    except (TypeError, AttributeError):
        check_built(messages)
        raise
    return msgspec.structs.replace(request, messages=tuple([await _message(io, message) for message in messages]))


def _has_local(parts: Iterable[Part]) -> bool:
    for part in parts:
        if isinstance(part, _WITH_SOURCE) and type(part.source) is LocalFile:
            return True
        if type(part) is ToolResult and _has_local(part.parts):
            return True
    return False


async def _message(io: IO, message: Message) -> Message:
    if not _has_local(message.parts):
        return message
    return msgspec.structs.replace(message, parts=tuple([await _part(io, part) for part in message.parts]))


async def _part(io: IO, part: Part) -> Part:
    if type(part) is ToolResult:
        return msgspec.structs.replace(part, parts=tuple([await _part(io, inner) for inner in part.parts]))
    if not isinstance(part, _WITH_SOURCE) or type(part.source) is not LocalFile:
        return part
    changes: dict[str, Any] = {"source": await _read(io, part.source)}
    if isinstance(part, File) and part.filename is None and part.source.path is not None:
        changes["filename"] = part.source.path.replace("\\", "/").rpartition("/")[2]
    return msgspec.structs.replace(part, **changes)


async def _read(io: IO, local: LocalFile) -> Data:
    import mimetypes  # costs a millisecond, and only a file needs it

    media_type = local.media_type or (mimetypes.guess_type(local.path)[0] if local.path else None)
    if media_type is None:
        raise UsageError("the media type cannot be told from the name", field="LocalFile.media_type", allowed="image/png, …")
    return Data(await io.offload(lambda: _bytes(local)), media_type)


def _bytes(local: LocalFile) -> bytes:
    if local.file is not None:
        content = local.file.read()
        if not isinstance(content, bytes):
            raise UsageError(
                "the file was opened as text", field="LocalFile.file", got=type(content).__name__, allowed="mode 'rb'"
            )
        return content
    if local.path is None:
        raise UsageError("neither path nor file is given", field="LocalFile")
    try:
        with open(local.path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or type(error).__name__}", field="LocalFile.path") from None
