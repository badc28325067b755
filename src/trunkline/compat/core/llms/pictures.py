"""Pictures that a question is about, in whatever form the application holds them."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from trunkline import Image, LocalFile, UsageError

from ...backends import picture

Picture = str | bytes | bytearray | memoryview | PathLike[str] | BinaryIO | Image | Mapping[str, Any]
_ALLOWED = "an https: or data: address, base64, bytes, a pathlib.Path, a file that is open in binary mode, or an Image"


async def to_pictures(images: Picture | Sequence[Picture]) -> list[dict[str, Any]]:
    """``images``, one or several, as parts of a message in OpenAI's shape: a dict as it is, an address as such, all else as a
    ``data:`` URL. Text that is neither an address nor base64 is refused: text never reads a file. Raises ``UsageError``."""
    several: Sequence[Any] = images if isinstance(images, list | tuple) else [images]
    return [await _part(image, f"images[{n}]") for n, image in enumerate(several)]


async def _part(image: Any, at: str) -> dict[str, Any]:
    if isinstance(image, Mapping):
        return dict(image)
    if isinstance(image, Image) and isinstance(local := image.source, LocalFile):
        held = Path(local.path) if local.path is not None else local.file
        read = await asyncio.to_thread(_read, held, at, local.media_type)
        return picture(Image(read.source, image.detail))
    return picture(image if isinstance(image, Image) else await asyncio.to_thread(_read, image, at))


def _read(image: Any, at: str, media_type: str | None = None) -> Image:
    if isinstance(image, str):
        return Image.url(image) if ":" in image[:8] else Image.bytes(_decoded(image, at))
    if isinstance(image, bytes | bytearray | memoryview):
        return Image.bytes(image)
    if isinstance(image, PathLike):
        try:
            if not (path := Path(image)).is_file():
                raise UsageError("no such file", field=at, got="a path", allowed=_ALLOWED)
            with path.open("rb") as file:
                return Image.file(file, media_type)
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", field=at) from None
    if not callable(getattr(image, "read", None)):
        raise UsageError("no picture", field=at, got=type(image).__name__, allowed=_ALLOWED)
    return Image.file(image, media_type)


def _decoded(text: str, at: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        raise UsageError("neither an address nor base64", field=at, got="text", allowed=_ALLOWED) from None
