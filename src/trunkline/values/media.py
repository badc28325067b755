"""Where a picture, sound, film or document comes from."""

from __future__ import annotations

from typing import Any

from .value import Value


class Url(Value, frozen=True, tag="url"):
    """An ``https:`` address that the provider itself fetches. We never do."""

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
    ``media_type`` None: told from the path's ending.
    """

    path: str | None = None
    file: Any = None
    media_type: str | None = None


Source = Url | Data | FileId | LocalFile
