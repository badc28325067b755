"""Pictures, sound and films as answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class LLMImageResponse:
    """A picture: its address, or its bytes. ``size`` as in ``1024x1024``; ``latency`` in seconds."""

    image_url: str | None = None
    revised_prompt: str | None = None
    format: str | None = None
    size: str | None = None
    image_data: bytes | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    latency: float | None = None
    raw: Any = None


@dataclass
class LLMImageChunk:
    """A picture on its way: a first sketch of it, or the last, which is ``is_final``."""

    image_data: bytes = b""
    index: int = 0
    is_final: bool = False


@dataclass
class LLMAudioResponse:
    """Sound. ``duration`` and ``latency`` in seconds."""

    audio_data: bytes | None = None
    audio_url: str | None = None
    format: str | None = None
    duration: float | None = None
    transcript: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    latency: float | None = None
    raw: Any = None


@dataclass
class LLMAudioChunk:
    """A piece of sound; the last is ``is_final``."""

    audio_data: bytes = b""
    transcript: str | None = None
    is_final: bool = False


@dataclass
class LLMVideoResponse:
    """A film. ``duration`` and ``latency`` in seconds."""

    video_url: str | None = None
    video_data: bytes | None = None
    format: str | None = None
    duration: float | None = None
    size: str | None = None
    model: str | None = None
    latency: float | None = None
    raw: Any = None


@dataclass
class LLMVideoChunk:
    """A piece of a film's file; the last is ``is_final``."""

    video_data: bytes = b""
    is_final: bool = False
