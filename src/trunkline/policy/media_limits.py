"""What of media a target surely refuses, told before anything is sent: so many, so large, of this kind (``MediaLimits``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..values.errors import UsageError
from ..values.media import Data, Medium, Url
from ..values.message import Audio, File, Image, Message, Role, ToolResult, Video
from ..values.model import Target


class Held(NamedTuple):
    """A picture, sound, film or document of a conversation, where it stands, and who says it."""

    part: Image | Audio | Video | File
    place: str
    role: Role


def media_in(messages: tuple[Message, ...]) -> Iterator[Held]:
    """The media of a conversation, those of tools' results too."""
    for n, message in enumerate(messages):
        for k, part in enumerate(message.parts):
            if isinstance(part, Medium):
                yield Held(part, f"messages[{n}].parts[{k}]", message.role)
            elif type(part) is ToolResult:
                for i, inner in enumerate(part.parts):
                    if isinstance(inner, Medium):
                        yield Held(inner, f"messages[{n}].parts[{k}].parts[{i}]", message.role)


def beyond(messages: tuple[Message, ...], target: Target) -> UsageError | None:
    """Why ``target`` would refuse the media of ``messages``: the first reason, or None."""
    limits = target.quirks.media
    if limits is None:
        return None
    whom = f"{target.provider}/{target.model}"
    images = files = total = 0
    for part, place, _ in media_in(messages):
        held = part.source if isinstance(part.source, Data) else None
        is_image = isinstance(part, Image) or (held is not None and held.media_type.startswith("image/"))
        if is_image and target.quirks.no_images:
            continue  # it is left out
        images, files = images + is_image, files + (not is_image and type(part.source) is not Url)  # which may be a picture
        if is_image and limits.images is not None and images > limits.images:
            return _refused(place, f"{whom} takes no more pictures", f"{images} pictures", f"{limits.images} of a request")
        if not is_image and limits.files is not None and files > limits.files:
            return _refused(place, f"{whom} takes no more documents", f"{files} documents", f"{limits.files} of a request")
        if held is None:
            continue
        most = limits.image_bytes if is_image else limits.file_bytes
        size = len(held.data)
        if most is not None and size > most:
            return _refused(place, f"too large for {whom}", f"{size:,} bytes", f"up to {most:,} bytes")
        if is_image and limits.image_types is not None and held.media_type not in limits.image_types:
            return _refused(place, f"{whom} takes no such pictures", held.media_type, ", ".join(limits.image_types))
        total += (size + 2) // 3 * 4
        if limits.total_bytes is not None and total > limits.total_bytes:
            return _refused(
                place, f"the media are too large for {whom}", f"{total:,} bytes as base64", f"up to {limits.total_bytes:,} in all"
            )
    return None


def _refused(place: str, why: str, got: str, allowed: str) -> UsageError:
    return UsageError(why, field=place, got=got, allowed=allowed)
