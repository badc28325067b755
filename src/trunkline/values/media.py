"""Where a picture, sound, film or document comes from."""

from __future__ import annotations

from typing import Any, Protocol, Self

from .value import Value


class Url(Value, frozen=True, tag="url"):
    """An ``https:`` address, fetched by the provider itself; where it cannot, by us (option ``fetch_urls``)."""

    url: str
    media_type: str | None = None


class Data(Value, frozen=True, tag="data"):
    """The bytes themselves. ``media_type`` as in ``image/png``."""

    data: bytes
    media_type: str

    def __repr__(self) -> str:
        return f"Data({self.media_type}, {len(self.data)} bytes)"


class FileId(Value, frozen=True, tag="file_id"):
    """A file that the provider already holds."""

    file_id: str


class LocalFile(Value, frozen=True, tag="local_file"):
    """A file of this machine, by ``path`` or as an open binary ``file``, read by the engine once, before encoding.

    Only code makes one: a string in a message dict never does. With an open file it can be neither stored nor pickled.
    ``media_type`` None: told from the first bytes, else from the path's ending.
    """

    path: str | None = None
    file: Any = None
    media_type: str | None = None


Source = Url | Data | FileId | LocalFile


Buffer = bytes | bytearray | memoryview


class AsPath(Protocol):
    """What stands for a path: ``pathlib.Path`` and its like."""

    def __fspath__(self) -> str: ...


class OpenFile(Protocol):
    """A file that is open in binary mode."""

    def read(self, size: int = ..., /) -> bytes: ...


LARGEST_FILE = 512 << 20
"""Bytes of one file that are read: no provider takes more with a request."""


class Medium:
    """What pictures, sound, films and documents share: the ways to one. ``fields`` are the part's own (``detail=``,
    ``filename=``…). ``media_type`` None: told from the first bytes, else from the name."""

    __slots__ = ()

    @classmethod
    def file(cls, file: str | AsPath | OpenFile, media_type: str | None = None, **fields: Any) -> Self:
        """From a path, which is read with the call, once, whatever is tried; or from a file that is open in binary mode, which
        is read here and now. Raises ``UsageError`` for an open file that is empty, open as text, or too large."""
        if callable(read := getattr(file, "read", None)):
            from .open_files import name_of, read_open

            name = name_of(file)
            if name and hasattr(cls, "filename"):
                fields.setdefault("filename", name)
            return cls._of(read_open(read, LARGEST_FILE), media_type, name, fields)
        from .open_files import path_of

        return cls._made(LocalFile(path_of(file), media_type=media_type), fields)

    @classmethod
    def bytes(cls, data: Buffer, media_type: str | None = None, **fields: Any) -> Self:
        """From the bytes of a whole file (PNG, JPEG, WAV, PDF…)."""
        from . import expect

        if not isinstance(data, Buffer):
            expect.wrong("data", data, "bytes of a whole file")
        return cls._of(bytes(data), media_type, fields.get("filename"), fields)

    @classmethod
    def url(cls, url: str, media_type: str | None = None, **fields: Any) -> Self:
        """From an address: ``https:``, ``data:``, and what a provider knows besides (``s3:``, ``gs:``). The provider fetches it;
        where it cannot, we do."""
        from .input_media import read_address

        return cls._made(read_address(url, "url", media_type), fields)

    @classmethod
    def _of(cls, data: Buffer, media_type: str | None, name: str | None, fields: dict[str, Any]) -> Self:
        from .sniffing import media_type_of

        struct: Any = cls
        held = bytes(data)
        kind = media_type_of(held, struct.__struct_config__.tag, "data", media_type, name=name)
        return cls._made(Data(held, kind), fields)

    @classmethod
    def _made(cls, source: Source, fields: dict[str, Any]) -> Self:
        struct: Any = cls  # the part's own class, which has a source
        part: Self = struct(source=source, **fields)
        return part
