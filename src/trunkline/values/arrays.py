"""Pictures and sound that other libraries hold in memory, as files: told by their methods, no library is imported."""

from __future__ import annotations

from typing import Any

from . import expect
from .errors import UsageError

_PICTURE = (
    "an array of uint8 of height x width, or height x width x 1, 3 or 4 (for floats up to 1: (array * 255).astype('uint8'))"
)
_SOUND = "an array of samples, or samples x channels (up to 8): int16, or floats from -1 to 1"
_MODES = frozenset({"1", "I;16", "L", "LA", "P", "RGB", "RGBA"})
"""What PNG can hold as it is."""


def png_of_image(image: Any) -> bytes:
    """A picture of PIL's as PNG; in colours where PNG does not know its mode."""
    mode = getattr(image, "mode", None)
    if not isinstance(mode, str) or not callable(getattr(image, "save", None)):
        expect.wrong("image", image, "a picture of PIL's (an array: Image.numpy)")
    from io import BytesIO

    if mode not in _MODES:
        image = image.convert({"I": "I;16", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}.get(mode, "RGB"))
    file = BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def png_of(array: Any) -> bytes:
    """An array of uint8 as PNG: grey, colours, or colours and transparency by its last dimension."""
    shape = _shape(array, "uint8", (2, 3), _PICTURE)
    height, width, channels = (*shape, 1)[:3]
    if channels not in _COLOURS:
        _refuse(array, shape, _PICTURE)
    import struct
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    pixels: bytes = array.tobytes()  # row by row, however it lies in memory
    line = width * channels
    rows = b"".join([b"\0" + pixels[start : start + line] for start in range(0, len(pixels), line)])
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


_COLOURS = {1: 0, 3: 2, 4: 6}  # channels to PNG's number of the kind (ISO/IEC 15948, 11.2.2)


def wav_of(array: Any, sample_rate: int) -> bytes:
    """An array of samples as WAV, 16 bits each."""
    rate = expect.whole(sample_rate, "sample_rate", 1, 1_000_000)
    is_float = str(getattr(getattr(array, "dtype", None), "name", "")).startswith("float")
    shape = _shape(array, array.dtype.name if is_float else "int16", (1, 2), _SOUND)
    channels = (*shape, 1)[1]
    if channels > 8:
        _refuse(array, shape, _SOUND)
    if is_float:
        if not (abs(array) <= 1).all():  # not so for NaN either
            raise UsageError("samples beyond 1", field="array", got=array.dtype.name, allowed="-1 to 1: array / abs(array).max()")
        array = (array * 32767).round()
    import struct

    sound: bytes = array.astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + len(sound), b"WAVE") + form + struct.pack("<4sI", b"data", len(sound)) + sound


def _shape(array: Any, wanted: str, counts: tuple[int, int], allowed: str) -> tuple[int, ...]:
    """The dimensions of an array of that type, so many, none of them nought."""
    shape = getattr(array, "shape", None)
    if not isinstance(shape, tuple) or not callable(getattr(array, "tobytes", None)):
        expect.wrong("array", array, allowed)
    if array.dtype.name != wanted or len(shape) not in counts or 0 in shape:
        _refuse(array, shape, allowed)
    return shape


def _refuse(array: Any, shape: tuple[int, ...], allowed: str) -> None:
    got = f"{array.dtype.name}, {' x '.join(map(str, shape)) or 'no dimension'}"
    raise UsageError("not an array of that kind", field="array", got=got, allowed=allowed)
