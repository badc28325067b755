"""The methods of those who give pictures, sound or films; a model that does not, says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from trunkline import UnsupportedOperationError

from ...interfaces.media import (
    LLMAudioChunk,
    LLMAudioResponse,
    LLMImageChunk,
    LLMImageResponse,
    LLMVideoChunk,
    LLMVideoResponse,
)
from ...interfaces.metadata import ModelMetadata, OutputMediaType

Messages = Sequence[Mapping[str, Any]]


class MediaMethods:
    """All raise ``UnsupportedOperationError`` with a ``hint``, until a model's class overrides them. Those that stream may be
    plain methods or coroutine functions there."""

    metadata: ModelMetadata

    async def get_image(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> LLMImageResponse:
        """A picture."""
        raise self._lacks(OutputMediaType.IMAGE, "get_image")

    def stream_image(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> AsyncIterator[LLMImageChunk]:
        """A picture, in sketches."""
        raise self._lacks(OutputMediaType.IMAGE, "stream_image")

    async def get_audio(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> LLMAudioResponse:
        """Sound."""
        raise self._lacks(OutputMediaType.AUDIO, "get_audio")

    def stream_audio(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> AsyncIterator[LLMAudioChunk]:
        """Sound, as it is made."""
        raise self._lacks(OutputMediaType.AUDIO, "stream_audio")

    async def get_video(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> LLMVideoResponse:
        """A film."""
        raise self._lacks(OutputMediaType.VIDEO, "get_video")

    def stream_video(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> AsyncIterator[LLMVideoChunk]:
        """A film, piece by piece."""
        raise self._lacks(OutputMediaType.VIDEO, "stream_video")

    def _lacks(self, kind: OutputMediaType, method: str) -> UnsupportedOperationError:
        name = self.metadata.model_name or type(self).__name__
        if self.metadata.supports_output_type(kind):
            return UnsupportedOperationError(
                f"{name} gives {kind.value}, and {type(self).__name__} has no {method}()",
                hint=f"override {method}() in its class",
            )
        gives = sorted(each.value for each in self.metadata.supported_output_types)
        return UnsupportedOperationError(
            f"{name} does not support {kind.value} output",
            hint=f"it gives {', '.join(gives) or 'nothing'}; ask a model that does",
        )
