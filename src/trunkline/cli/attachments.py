"""Files that go with a question."""

from __future__ import annotations

from pathlib import Path

from .. import Audio, Data, File, Image, Part, Text, UsageError, Video
from ..values.media import LARGEST_FILE
from ..values.open_files import read_open
from ..values.sniffing import is_text, named, sniff

_LARGEST_TEXT = 10 << 20
_ALLOWED = "an image, sound, film, PDF or text file"


def attachment(name: str) -> Part:
    """The file as a part of a message: images, sound, films and PDF as such, anything else that is UTF-8 text as text under its
    name.

    ``UsageError`` for a file that is not there, or that is none of these.
    """
    path = Path(name)
    if not path.is_file():
        words = f"{name} is no file" if path.exists() else f"there is no file {name}"
        raise UsageError(f"{name} is a folder" if path.is_dir() else words, field="--file", allowed=_ALLOWED)
    try:
        with path.open("rb") as file:
            data = read_open(file.read, LARGEST_FILE, "--file")
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror or type(error).__name__})", field="--file") from None
    media_type = sniff(data) or (None if is_text(data) else named(path.name)) or ""
    kind = media_type.partition("/")[0]
    if media_type == "application/pdf":
        return File(Data(data, media_type), filename=path.name)
    if kind in _PARTS:
        return _PARTS[kind](Data(data, media_type))
    if len(data) > _LARGEST_TEXT:
        raise UsageError(f"{name} is larger than {_LARGEST_TEXT >> 20} MiB of text", field="--file")
    try:
        return Text(f"{path.name}:\n\n{data.decode('utf-8-sig')}")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is neither text nor of a known kind", field="--file", allowed=_ALLOWED) from None


_PARTS: dict[str, type[Image | Audio | Video]] = {"image": Image, "audio": Audio, "video": Video}
