"""Pictures, sound, films and documents, made of whatever holds them."""

from __future__ import annotations

import io
import pickle
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import pytest

from trunkline import Audio, Data, File, Image, LocalFile, Part, Url, UsageError, Video, from_json, to_json
from trunkline.values.open_files import path_of, read_open

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
WAV = b"RIFF\x24\0\0\0WAVEfmt "


def test_a_path_is_read_later(tmp_path: Path) -> None:
    assert Image.file("a.png", detail="low") == Image(LocalFile("a.png"), detail="low")
    assert Audio.file(tmp_path / "a.wav") == Audio(LocalFile(str(tmp_path / "a.wav")))
    assert Video.file("a.mp4", "video/x") == Video(LocalFile("a.mp4", media_type="video/x"))
    assert File.file("a.pdf", title="A") == File(LocalFile("a.pdf"), title="A")


def test_an_open_file_is_read_here_and_once(tmp_path: Path) -> None:
    path = tmp_path / "deep.pdf"
    path.write_bytes(b"%PDF-1.7")
    with path.open("rb") as file:
        document = File.file(file)
    assert document == File(Data(b"%PDF-1.7", "application/pdf"), filename="deep.pdf")
    with path.open("rb") as file:
        assert File.file(file, filename="mine").filename == "mine"
    assert Image.file(io.BytesIO(PNG)) == Image(Data(PNG, "image/png"))
    assert pickle.loads(pickle.dumps(document)) == document
    assert from_json(to_json(document)) == document


def test_the_name_of_an_open_file_tells_where_its_bytes_do_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"?")
    with path.open("rb") as file:
        assert Image.file(file) == Image(Data(b"?", "image/jpeg"))


def test_bytes() -> None:
    assert Image.bytes(PNG) == Image.bytes(bytearray(PNG)) == Image.bytes(memoryview(PNG)) == Image(Data(PNG, "image/png"))
    assert type(Image.bytes(bytearray(PNG)).source.data) is bytes  # type: ignore[union-attr]
    assert Audio.bytes(WAV) == Audio(Data(WAV, "audio/wav"))
    assert Video.bytes(b"?", "video/mp4") == Video(Data(b"?", "video/mp4"))
    assert File.bytes(b"a;b", filename="a.csv") == File(Data(b"a;b", "text/csv"), filename="a.csv")


def test_addresses() -> None:
    assert Image.url("https://h.test/a.png", detail="high") == Image(Url("https://h.test/a.png"), detail="high")
    assert File.url("HTTP://h.test/a") == File(Url("HTTP://h.test/a"))
    assert Video.url("s3://b/a.mp4", "video/mp4") == Video(Url("s3://b/a.mp4", "video/mp4"))
    assert File.url("gs://b/a.pdf") == File(Url("gs://b/a.pdf"))
    assert Image.url("data:image/png;base64,AAAA") == Image(Data(b"\0\0\0", "image/png"))


@pytest.mark.parametrize("url", ["a.png", "/etc/passwd", "file:///etc/passwd", "ftp://h/a", "", 5, None])
def test_what_is_no_address(url: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Image.url(url)
    assert caught.value.field == "url"


@pytest.mark.parametrize(
    ("make", "field", "words"),
    [
        (lambda: Image.bytes("x"), "data", "wrong type; got str"),  # type: ignore[arg-type]
        (lambda: Image.bytes(b""), "data", "is empty"),
        (lambda: Image.bytes(b"%PDF-1.7"), "data", r"allowed: File\(…\)"),
        (lambda: Image.file(5), "file", "wrong type; got int"),  # type: ignore[arg-type]
        (lambda: Image.file(b"a.png"), "file", "wrong type; got bytes"),  # type: ignore[arg-type]
        (lambda: Image.file("https://h.test/a.png"), "file", r"allowed: a path; an address: \.url"),
        (lambda: Image.file(io.StringIO("x")), "file", "opened as text; got str; allowed: mode 'rb'"),  # type: ignore[arg-type]
        (lambda: Image.file(io.BytesIO()), "data", "is empty"),
        (lambda: Image.file(_closed()), "file", "cannot be read: I/O operation on closed file"),
    ],
)
def test_what_is_none_of_these(make: Any, field: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        make()
    assert caught.value.field == field


def _closed() -> io.BytesIO:
    file = io.BytesIO(PNG)
    file.close()
    return file


class Drip(io.RawIOBase):
    """A raw file that gives a little at a time."""

    def __init__(self) -> None:
        self.left = [b"a", b"b", b"c"]

    def readinto(self, into: Any) -> int:
        if not self.left:
            return 0
        into[:1] = self.left.pop(0)
        return 1


def test_a_raw_file_is_read_to_its_end() -> None:
    assert read_open(Drip().read, 3) == b"abc"


@pytest.mark.parametrize("read", [lambda: Drip().read, lambda: io.BytesIO(b"abc").read])
def test_more_than_may_be_is_not_read(read: Any) -> None:
    with pytest.raises(UsageError, match="too large to go with a request; got more; allowed: up to 2 bytes"):
        read_open(read(), 2)


def test_paths_may_be_what_stands_for_one() -> None:
    class Place:
        def __fspath__(self) -> str:
            return "a/b"

    assert path_of(Place()) == "a/b"


class Type:
    def __init__(self, name: str) -> None:
        self.name = name


class Array:
    """As much of an array as is asked for."""

    def __init__(self, name: str, shape: tuple[int, ...], values: list[float]) -> None:
        self.dtype, self.shape, self.values = Type(name), shape, values

    def tobytes(self) -> bytes:
        return (
            struct.pack(f"<{len(self.values)}h", *map(int, self.values))
            if self.dtype.name == "<i2"
            else bytes(map(int, self.values))
        )

    def astype(self, name: str) -> Array:
        return Array(name, self.shape, self.values)

    def __abs__(self) -> Array:
        return Array(self.dtype.name, self.shape, [abs(value) for value in self.values])

    def __le__(self, most: float) -> Array:
        return Array("bool", self.shape, [value <= most for value in self.values])

    def all(self) -> bool:
        return all(self.values)

    def __mul__(self, factor: float) -> Array:
        return Array(self.dtype.name, self.shape, [value * factor for value in self.values])

    def round(self) -> Array:
        return Array(self.dtype.name, self.shape, [round(value) for value in self.values])


@pytest.mark.parametrize(("shape", "kind"), [((2, 3), 0), ((2, 3, 1), 0), ((2, 3, 3), 2), ((2, 3, 4), 6)])
def test_an_array_becomes_a_picture(shape: tuple[int, ...], kind: int) -> None:
    channels = shape[2] if len(shape) == 3 else 1
    pixels = list(range(6 * channels))
    source = Image.numpy(Array("uint8", shape, [*pixels]), detail="low").source
    assert isinstance(source, Data)
    assert source.media_type == "image/png"
    chunks = _chunks(source.data)
    assert [name for name, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[0][1] == struct.pack(">IIBBBBB", 3, 2, 8, kind, 0, 0, 0)
    line = 3 * channels
    assert zlib.decompress(chunks[1][1]) == b"\0" + bytes(pixels[:line]) + b"\0" + bytes(pixels[line:])


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    assert data[:8] == PNG[:8]
    at, found = 8, []
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(name + body),)
        found.append((name, body))
        at += 12 + length
    return found


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (Array("float64", (2, 2), [0] * 4), "got float64, 2 x 2"),
        (Array("uint8", (2, 2, 2), [0] * 8), "got uint8, 2 x 2 x 2"),
        (Array("uint8", (4,), [0] * 4), "got uint8, 4;"),
        (Array("uint8", (0, 4), []), "got uint8, 0 x 4"),
        (Array("uint8", (), [0]), "got uint8, no dimension"),
        (Array("uint8", (1, 1, 1, 1), [0]), "got uint8, 1 x 1 x 1 x 1"),
        ([[0]], "got list"),
        (None, "got None"),
    ],
)
def test_an_array_that_is_no_picture(array: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Image.numpy(array)
    assert caught.value.field == "array"


@pytest.mark.parametrize(
    ("array", "samples", "channels"),
    [
        (Array("float32", (4,), [0, 1, -1, 0.5]), [0, 32767, -32767, 16384], 1),
        (Array("int16", (4,), [0, 32767, -32768, 5]), [0, 32767, -32768, 5], 1),
        (Array("int16", (2, 2), [1, 2, 3, 4]), [1, 2, 3, 4], 2),
        (Array("int16", (1, 8), [1] * 8), [1] * 8, 8),
    ],
)
def test_an_array_becomes_sound(array: Array, samples: list[int], channels: int) -> None:
    source = Audio.numpy(array, 16_000, transcript="t").source
    assert isinstance(source, Data)
    assert source.media_type == "audio/wav"
    with wave.open(io.BytesIO(source.data)) as sound:
        told = (sound.getnchannels(), sound.getframerate(), sound.getsampwidth(), sound.getnframes())
        assert told == (channels, 16_000, 2, len(samples) // channels)
        assert sound.readframes(100) == struct.pack(f"<{len(samples)}h", *samples)
    assert len(source.data) == 44 + 2 * len(samples)
    assert struct.unpack_from("<I", source.data, 4) == (36 + 2 * len(samples),)
    assert struct.unpack_from("<IH", source.data, 28) == (16_000 * channels * 2, channels * 2)


@pytest.mark.parametrize(
    ("array", "rate", "field", "words"),
    [
        (Array("float64", (1,), [1.01]), 16_000, "array", "samples beyond 1; got float64"),
        (Array("float64", (1,), [float("nan")]), 16_000, "array", "samples beyond 1"),
        (Array("uint8", (1,), [1]), 16_000, "array", "got uint8, 1"),
        (Array("int16", (1, 9), [1] * 9), 16_000, "array", "got int16, 1 x 9"),
        (Array("int16", (1, 1, 1), [1]), 16_000, "array", "got int16, 1 x 1 x 1"),
        (Array("int16", (0,), []), 16_000, "array", "got int16, 0"),
        ([0.1], 16_000, "array", "got list"),
        (Array("int16", (1,), [1]), 0, "sample_rate", "out of range"),
        (Array("int16", (1,), [1]), "x", "sample_rate", "wrong type"),
    ],
)
def test_an_array_that_is_no_sound(array: Any, rate: Any, field: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Audio.numpy(array, rate)
    assert caught.value.field == field


class Picture:
    """As much of PIL as is asked for."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def convert(self, mode: str) -> Picture:
        return Picture(mode)

    def save(self, file: io.BytesIO, format: str) -> None:
        file.write(PNG + f"{self.mode} {format}".encode())


@pytest.mark.parametrize(
    ("mode", "saved"),
    [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("1", "1"), ("P", "P"), ("LA", "LA"), ("I;16", "I;16"), ("CMYK", "RGB"),
     ("F", "RGB"), ("I", "I;16"), ("La", "LA"), ("PA", "RGBA"), ("RGBa", "RGBA")],
)  # fmt: skip
def test_a_picture_of_pil(mode: str, saved: str) -> None:
    assert Image.pil(Picture(mode), detail="low") == Image(Data(PNG + f"{saved} PNG".encode(), "image/png"), detail="low")


@pytest.mark.parametrize("image", [None, "a.png", PNG, Array("uint8", (1, 1), [0])])
def test_what_is_no_picture_of_pil(image: Any) -> None:
    with pytest.raises(UsageError, match=r"image: wrong type; .* allowed: a picture of PIL's \(an array: Image.numpy\)"):
        Image.pil(image)


def test_all_of_them_are_parts() -> None:
    assert all(isinstance(part, Part) for part in (Image.bytes(PNG), Audio.bytes(WAV), Video.file("a"), File.file("a")))
