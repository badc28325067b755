"""What becomes of a call's media: files of the user's own are read once, and for each target is fetched what it cannot fetch."""

from __future__ import annotations

from functools import partial
from operator import is_
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from ..dialects.addressing import must_be_fetched
from ..policy.media_limits import Held, beyond, media_in
from ..ports import IO, Deadlines, Signal
from ..values.errors import UsageError
from ..values.media import LARGEST_FILE, Data, LocalFile, Source, Url
from ..values.message import File, Message, Part, ToolResult
from ..values.model import Target
from ..values.request import Request
from .call import Call, FetchUrls
from .fetching import Fetched, Room, fetch

AT_ONCE = 6
"""So many addresses are fetched side by side."""

_LIKELY = {"image": "image/jpeg", "audio": "audio/mpeg", "video": "video/mp4", "file": "application/pdf"}


class _New(msgspec.Struct):
    """What takes the place of a source, and the name that it came under."""

    source: Source
    name: str | None


_Changes = dict[int, _New]
"""By the id of the part that has the source."""


async def read_files(io: IO, request: Request) -> Request:
    """``request`` with each ``LocalFile`` replaced by its bytes; itself, when there is none."""
    changes: _Changes = {}
    for part, _, _ in media_in(request.messages):
        if type(local := part.source) is LocalFile and id(part) not in changes:
            changes[id(part)] = await _read(io, local, _kind(part))
    return _changed(request, changes)


class MediaStep:
    """What the targets of one call make of its media: fetched for those that take no addresses, each address once, and refused
    where the target surely would refuse them."""

    __slots__ = ("_fetched", "_room", "_under_way", "_urls")

    def __init__(self, urls: FetchUrls = True) -> None:
        self._urls = urls
        self._fetched: dict[str, Fetched] = {}
        self._room = Room()
        self._under_way: dict[str, Signal] = {}

    async def fitted(self, io: IO, call: Call, target: Target, limits: Deadlines) -> Call:
        """``call`` as ``target`` is to hear it. Raises ``UsageError`` for what cannot be fetched, and for what is refused."""
        request = call.request
        wanted = _wanted(request, self._urls, target)
        if wanted:
            if (refused := beyond(request.messages, target)) is not None:
                raise refused
            await self._fetch(io, wanted, limits)
            request = _changed(request, {id(held.part): self._new(held) for held in wanted})
            call = msgspec.structs.replace(call, request=request)
        if (refused := beyond(request.messages, target)) is not None:
            raise refused
        return call

    async def _fetch(self, io: IO, wanted: list[Held], limits: Deadlines) -> None:
        gate = io.semaphore(AT_ONCE)

        async def one(url: str, at: str) -> None:
            async with gate:
                await self._once(io, url, at, limits)

        places = {_url(held): _at(held) for held in reversed(wanted) if _url(held) not in self._fetched}
        missing = [one(url, at) for url, at in places.items()]
        if len(missing) == 1:
            await missing[0]
        elif missing:
            await io.all(missing)

    async def _once(self, io: IO, url: str, at: str, limits: Deadlines) -> None:
        """Two targets that are asked side by side want the same."""
        mine = io.signal()
        if (other := self._under_way.setdefault(url, mine)) is not mine:
            await other.wait(limits.until - io.now())
        if url in self._fetched:
            return
        try:
            self._fetched[url] = await fetch(io, url, at, limits, self._urls == "private", self._room)
        finally:
            self._under_way.pop(url, None)
            mine.set()

    def _new(self, held: Held) -> _New:
        from ..values.sniffing import media_type_of  # few calls need it

        data, said, url = self._fetched[_url(held)]
        name = unquote(urlsplit(url).path).rpartition("/")[2] or None
        given = held.part.source.media_type if isinstance(held.part.source, Url) else None
        return _New(Data(data, media_type_of(data, _kind(held.part), _at(held), name=name, said=given or said)), name)


def foreseen(call: Call, target: Target) -> Call:
    """``call`` about as ``target`` would hear it: nothing is fetched, a byte of the likely type stands for what would be. Raises
    ``UsageError`` for what is surely refused."""
    from ..values.sniffing import named

    changes = {}
    for held in _wanted(call.request, call.fetch_urls, target):
        path = urlsplit(_url(held)).path
        likely = getattr(held.part.source, "media_type", None) or named(path) or _LIKELY[_kind(held.part)]
        changes[id(held.part)] = _New(Data(b"\0", likely), unquote(path).rpartition("/")[2] or None)
    request = _changed(call.request, changes)
    if (refused := beyond(request.messages, target)) is not None:
        raise refused
    return msgspec.structs.replace(call, request=request)


def _wanted(request: Request, urls: FetchUrls, target: Target) -> list[Held]:
    return [] if urls is False else [held for held in media_in(request.messages) if _is_wanted(held, target)]


def _is_wanted(held: Held, target: Target) -> bool:
    """What a model said itself is left as it is."""
    source = held.part.source
    return type(source) is Url and held.role in ("user", "tool") and must_be_fetched(target, _kind(held.part), source)


def _url(held: Held) -> str:
    assert isinstance(held.part.source, Url)
    return held.part.source.url


def _at(held: Held) -> str:
    return f"{held.place}.source.url"


def _kind(part: Part) -> str:
    return str(type(part).__struct_config__.tag)


def _changed(request: Request, changes: _Changes) -> Request:
    """``request`` with new sources; itself, where there are none."""
    if not changes:
        return request
    return msgspec.structs.replace(request, messages=tuple([_message(message, changes) for message in request.messages]))


def _message(message: Message, changes: _Changes) -> Message:
    parts = _parts(message.parts, changes)
    return message if parts is message.parts else msgspec.structs.replace(message, parts=parts)


def _parts(parts: tuple[Part, ...], changes: _Changes) -> tuple[Part, ...]:
    made = tuple([_part(part, changes) for part in parts])
    return parts if all(map(is_, made, parts)) else made


def _part(part: Part, changes: _Changes) -> Part:
    if type(part) is ToolResult:
        inner = _parts(part.parts, changes)
        return part if inner is part.parts else msgspec.structs.replace(part, parts=inner)
    new = changes.get(id(part))
    if new is None:
        return part
    named: dict[str, Any] = {"filename": new.name} if isinstance(part, File) and part.filename is None else {}
    return msgspec.structs.replace(part, source=new.source, **named)


async def _read(io: IO, local: LocalFile, kind: str) -> _New:
    from ..values.open_files import base_name, name_of, read_open, too_large
    from ..values.sniffing import media_type_of

    if local.file is not None:
        at, name = "LocalFile.file", name_of(local.file)
        data = await io.offload(partial(read_open, local.file.read, LARGEST_FILE, at))
    elif local.path is not None:
        at, name = "LocalFile.path", base_name(local.path)
        try:
            data = await io.offload(partial(io.read_file, local.path, LARGEST_FILE))
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = getattr(error, "strerror", None) or type(error).__name__
            raise UsageError(f"{str(local.path)[:500]!r} cannot be read: {why}", field=at) from None
        if len(data) > LARGEST_FILE:
            raise too_large(at, LARGEST_FILE)
    else:
        raise UsageError("neither path nor file is given", field="LocalFile")
    return _New(Data(data, media_type_of(data, kind, at, local.media_type, name=name)), name)
