"""A conversation that keeps what was said, also when another model goes on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import trunkline
from trunkline import Move, Text

from .exceptions import in_their_words
from .providers.trunk import TrunkProvider, parts_of
from .rate_limiter import RateLimiter
from .values import Content, LLMResponse, Message

Kinds = Mapping[str, type[TrunkProvider]]


class AgentConversation:
    """What ``LLMClient.conversation`` gives: the library's ``Conversation`` in the agent's words. ``chat`` is that one: to fork,
    undo, pin, save and export it. Raises ``LLMException`` and its subclasses; a turn that is not answered is taken back."""

    def __init__(self, chat: trunkline.Conversation, provider: str, kinds: Kinds, pace: RateLimiter) -> None:
        self.chat: trunkline.Conversation = chat
        self.provider: str = provider
        self._kinds = kinds
        self._pace = pace

    @property
    def model(self) -> str:
        """Who answers next."""
        return str(self.chat.model).removeprefix(f"{self.provider}/")

    @property
    def messages(self) -> list[Message]:
        """All that was said, the instructions left out."""
        return [_message(message) for message in self.chat.messages]

    def send(self, content: Content, **kwargs: Any) -> LLMResponse:
        """The answer to ``content``, said after all that was said before."""
        self._pace.wait_if_needed()
        with in_their_words():
            reply = self.chat.send(_asked(content), **_given(kwargs))
        return self._kinds[reply.provider or self.provider].answer(reply)

    def stream(self, content: Content, **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written; it is kept once it has been read to its end."""
        self._pace.wait_if_needed()
        with in_their_words(), self.chat.stream(_asked(content), **_given(kwargs)) as stream:
            yield from stream.text

    def can_switch(self, model: str | None = None, provider: str | None = None) -> Move:
        """Whether another model could go on from here: true or false by itself, with the ``losses`` of the way there. Nobody is
        asked, nothing changes."""
        with in_their_words():
            return self.chat.can_move(self._named(model, provider or self.provider))

    def switch_model(self, model: str | None = None, provider: str | None = None) -> None:
        """Another model goes on from the next turn. Nothing is lost: what only one provider understands (signatures of thoughts)
        is kept, and sent again when it is asked again. ``model`` None: the provider's default. Raises ``ValueError`` for a
        provider that there is not."""
        to = provider or self.provider
        with in_their_words():
            self.chat.model = self._named(model, to)
        self.provider = to

    def _named(self, model: str | None, provider: str) -> str:
        if provider not in self._kinds:
            raise ValueError(f"Unsupported provider: {provider}")
        kind = self._kinds[provider]
        return f"{kind.provider}/{model or kind.default_model}"


def _asked(content: Content) -> dict[str, Any]:
    return {"role": "user", "content": parts_of(content)}


def _given(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if value is not None}


def _message(message: trunkline.Message) -> Message:
    """Text as such, where nothing else was said."""
    only_text = all(isinstance(part, Text) for part in message.parts)
    return Message(message.role, message.text if only_text else message.parts)
