"""What the providers are but for their names and words: a ``Client``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from trunkline import Client, Conversation, Response, Text

from ...config.settings import LLMConfig
from ..exceptions import in_their_words
from ..values import Content, LLMResponse, Message
from .base import LLMProvider


class TrunkProvider(LLMProvider):
    """A provider of the library's. ``usage_keys``: the provider's own figures that an answer shows, 0 where it does not say."""

    provider: ClassVar[str]
    default_model: ClassVar[str]
    usage_keys: ClassVar[tuple[str, ...]]

    def __init__(self, config: LLMConfig) -> None:
        super().__init__(config)
        untouched = config.model in {None, "", LLMConfig.model}
        self._model = self.default_model if untouched else config.model
        with in_their_words():
            self._llm = Client(
                f"{self.provider}/{self._model}",
                api_key=config.api_key,
                temperature=config.temperature,
                max_tokens=config.max_tokens,
            )

    def generate_response(self, messages: list[Message], **kwargs: Any) -> LLMResponse:
        """The whole answer. Raises ``LLMException`` and its subclasses."""
        with in_their_words():
            return self.answer(self._llm.generate(_dicts(messages), **self._said(kwargs)))

    @classmethod
    def answer(cls, reply: Response) -> LLMResponse:
        """A reply of this provider's, in its words."""
        usage = {key: reply.usage.raw.get(key) or 0 for key in cls.usage_keys}
        asked = reply.model or (reply.attempts[-1].model if reply.attempts else cls.default_model)
        return LLMResponse(reply.text, reply.raw_finish_reason or reply.finish_reason, usage, asked)

    def conversation(self, system: str, **options: Any) -> Conversation:
        """One that begins with this provider's model."""
        with in_their_words():
            return self._llm.conversation(system, **options)

    def stream_response(self, messages: list[Message], **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written."""
        with in_their_words(), self._llm.stream(_dicts(messages), **self._said(kwargs)) as stream:
            yield from stream.text

    def _said(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        said = {name: value for name, value in kwargs.items() if value is not None}
        return {**said, "model": f"{self.provider}/{said['model']}"} if "model" in said else said

    def get_available_models(self) -> list[str]:
        """The ids of the models that the provider names when it is asked."""
        with in_their_words():
            return [model.id for model in self._llm.models(live=True)]


def _dicts(messages: list[Message]) -> list[dict[str, Any]]:
    return [{"role": message.role, "content": parts_of(message.content)} for message in messages]


def parts_of(content: Content) -> Any:
    """Content as the library takes it: texts in a list are parts, too."""
    if isinstance(content, str | Mapping) or not isinstance(content, Sequence):
        return content
    return [Text(part) if isinstance(part, str) else part for part in content]
