"""Whether a call holds media, which few do: only then is loaded what deals with them."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter

from ..ports import IO
from ..values.check import check_built
from ..values.media import Medium
from ..values.message import Audio, File, Image, Part, ToolResult, Video
from ..values.request import Request
from .attempt import deadlines
from .call import Call
from .destination import Destination, Wire

_HOLDERS = frozenset({Image, Audio, Video, File, ToolResult})
_parts_of = attrgetter("parts")


def holds_media(request: Request) -> bool:
    """Whether there are any in it. At C speed: a conversation may be long, and has seldom any file in it."""
    messages = request.messages
    try:
        if _HOLDERS.isdisjoint(map(type, chain.from_iterable(map(_parts_of, messages)))):
            return False
        return any(any(map(_is_medium, message.parts)) for message in messages)
    except (TypeError, AttributeError):
        check_built(messages)
        raise


def _is_medium(part: Part) -> bool:
    return isinstance(part, Medium) or (type(part) is ToolResult and any(map(_is_medium, part.parts)))


async def fitted(io: IO, call: Call, destination: Destination, until: float) -> Call:
    """``call`` with its media as ``destination`` takes them. Raises ``UsageError`` where it surely does not, or where they cannot
    be fetched."""
    if call.media is None or not isinstance(destination, Wire):
        return call
    return await call.media.fitted(io, call, destination.target, deadlines(call, until, another=False))


async def with_media(io: IO, request: Request) -> Request:
    """``request`` with each ``LocalFile`` replaced by its bytes; itself, when there is none."""
    if not holds_media(request):
        return request
    from .media_step import read_files

    return await read_files(io, request)
