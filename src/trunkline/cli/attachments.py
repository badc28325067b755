"""Files that go with a question."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from .. import Audio, File, Image, LocalFile, Part, Text, UsageError

_LARGEST_TEXT = 10 << 20


def attachment(name: str) -> Part:
    """The file as a part of a message: images, sound and PDF as such, anything else that is UTF-8 text as text under its name.

    ``UsageError`` for a file that is not there, or that is none of these.
    """
    path = Path(name)
    if not path.is_file():
        words = f"{name} is a folder" if path.is_dir() else f"there is no file {name}"
        raise UsageError(words, field="--file", allowed="an image, sound, PDF or text file")
    media_type = mimetypes.guess_type(path.name)[0] or ""
    source = LocalFile(path=str(path), media_type=media_type)
    kind = media_type.partition("/")[0]
    if kind == "image" and media_type != "image/svg+xml":
        return Image(source)
    if kind == "audio":
        return Audio(source)
    if media_type == "application/pdf":
        return File(source, filename=path.name)
    return Text(f"{path.name}:\n\n{_text(path, name)}")


def _text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_TEXT + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror or type(error).__name__})", field="--file") from None
    if len(data) > _LARGEST_TEXT:
        raise UsageError(f"{name} is larger than {_LARGEST_TEXT >> 20} MiB of text", field="--file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        allowed = "an image, sound, PDF or text file"
        raise UsageError(f"{name} is neither text nor of a known kind", field="--file", allowed=allowed) from None
