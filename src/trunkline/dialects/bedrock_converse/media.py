"""Pictures, films, sound and documents in this protocol's words (bedrock-converse §4). There is no address but one of S3."""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import Any

from ...values.errors import UsageError
from ...values.media import Data, FileId, LocalFile, Source, Url
from ...values.message import Audio, File, Image, Video
from ..losses import Losses
from .pieces import AUDIOS, DOCUMENTS, IMAGES, VIDEOS

Block = dict[str, Any]
_S3 = "s3://"
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9 ()\[\]_-]+")
_SPACES = re.compile(r"\s+")
_LONGEST_NAME = 200
_SUFFIXES = {".txt", ".htm", *(f".{format}" for format in DOCUMENTS.values())}
_NAMELESS = "document"


class Media:
    """Media of one request. Documents must have names, and no two the same."""

    __slots__ = ("_losses", "_names", "_numbers")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._names: set[str] = set()
        self._numbers: dict[str, int] = {}  # the last that was put behind each name

    def image(self, part: Image) -> Block | None:
        if part.detail not in (None, "auto"):
            self._losses.dropped("messages.image.detail", "pictures have no level of detail here")
        return self._medium("image", part.source, IMAGES, "png")

    def video(self, part: Video) -> Block | None:
        return self._medium("video", part.source, VIDEOS, "mp4")

    def audio(self, part: Audio) -> Block | None:
        return None if part.source is None else self._medium("audio", part.source, AUDIOS, "wav")

    def _medium(self, kind: str, source: Source, formats: dict[str, str], usual: str) -> Block | None:
        encoded = self._source(source, kind)
        if encoded is None:
            return None
        format = self._format(source, formats, usual)
        if format is None:
            self._losses.dropped(f"messages.{kind}", f"its format is none of {', '.join(dict.fromkeys(formats.values()))}")
            return None
        return {kind: {"format": format, "source": encoded}}

    @staticmethod
    def _format(source: Source, formats: dict[str, str], usual: str) -> str | None:
        """The format by the media type; of an address also by its ending."""
        media_type = getattr(source, "media_type", None)
        if media_type is not None:
            return formats.get(media_type.partition(";")[0].strip().lower())
        address = source.url if isinstance(source, Url) else source.file_id if isinstance(source, FileId) else ""
        ending = address.rpartition(".")[2].lower()
        ending = {"jpg": "jpeg", "3gp": "three_gp"}.get(ending, ending)
        return ending if ending in formats.values() else usual

    def _source(self, source: Source, kind: str) -> Block | None:
        if isinstance(source, Data):
            return {"bytes": b2a_base64(source.data, newline=False).decode("ascii")}
        if isinstance(source, LocalFile):
            raise UsageError(
                "a local file is read before encoding", field=f"messages.{kind}", got=LocalFile.__name__, allowed="Data, Url"
            )
        address = source.url if isinstance(source, Url) else source.file_id
        if address.startswith(_S3):
            return {"s3Location": {"uri": address}}
        self._losses.dropped(f"messages.{kind}", "only bytes and addresses of S3 are understood here")
        return None

    def document(self, part: File) -> Block | None:
        source = part.source
        media_type = (getattr(source, "media_type", None) or "").partition(";")[0].strip().lower()
        if media_type in IMAGES:
            return self._medium("image", source, IMAGES, "png")
        encoded = self._source(source, "file")
        if encoded is None:
            return None
        format = self._format(source, DOCUMENTS, "pdf")
        if isinstance(source, Data) and (format is None or (format == "txt" and part.citations)):
            try:
                encoded = {"text": source.data.decode("utf-8-sig")}
            except UnicodeDecodeError:
                self._losses.dropped("messages.file", f"documents are {', '.join(DOCUMENTS.values())}")
                return None
            if format is None:
                self._losses.approximated("messages.file", f"{media_type or 'what it is'} is sent as plain text")
        document: Block = {"format": format or "txt", "name": self._name(part), "source": encoded}
        if part.context:
            document["context"] = part.context
        if part.citations is not None:
            document["citations"] = {"enabled": part.citations}
        return {"document": document}

    def _name(self, part: File) -> str:
        """Letters, digits, single spaces, ``-_()[]``; a file's name without its ending."""
        given = part.title or part.filename or ""
        name = given
        stem, dot, ending = given.rpartition(".")
        if stem and f"{dot}{ending.lower()}" in _SUFFIXES:
            name = stem
        cleaned = _SPACES.sub(" ", _NOT_IN_NAME.sub(" ", name)).strip()[:_LONGEST_NAME] or _NAMELESS
        unique, stem = cleaned, cleaned[: _LONGEST_NAME - 8]
        number = self._numbers.get(stem, 1)
        while unique in self._names:
            number += 1
            unique = f"{stem} {number}"
        self._numbers[stem] = number
        self._names.add(unique)
        if given and unique != name:
            self._losses.renamed(
                "messages.file", "a document's name is made of letters, digits, spaces, -_()[], and is its alone"
            )
        return unique
