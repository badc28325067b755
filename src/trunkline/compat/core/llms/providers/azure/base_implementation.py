"""What all models on Azure have in common, and the class for those that are like most."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

from ...interfaces.llm_interfaces import LLMResponse, LLMStreamChunk
from ...pieces import Pieces
from ..base.chat import PATH, Answering, ChatLLM
from ..base.media import Messages


class AzureBaseLLM(ChatLLM):
    """Helpers for models on Azure; a model's class writes ``get_answer`` and ``stream_answer`` with them."""

    @abstractmethod
    async def get_answer(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> LLMResponse:
        """The whole answer."""

    @abstractmethod
    def stream_answer(
        self, messages: Messages, ctx: Any = None, **kwargs: Any
    ) -> AsyncIterator[LLMStreamChunk] | Awaitable[AsyncIterator[LLMStreamChunk]]:
        """The answer in pieces."""

    def _build_azure_payload(self, messages: Messages, params: Mapping[str, Any], stream: bool = False) -> dict[str, Any]:
        """The request's body: the messages as they are, the parameters beside them."""
        return self._build_payload(messages, params, stream)

    def _stream_azure_response(
        self, response: Mapping[str, Any] | AsyncIterator[Mapping[str, Any]]
    ) -> Pieces[Mapping[str, Any], LLMStreamChunk]:
        """The chunks of an answer: of what ``connector.stream`` gives, or of a payload, which is then sent."""
        sent = self.connector.stream(PATH, response) if isinstance(response, Mapping) else response
        return self._stream_pieces(sent)


class AzureChatLLM(Answering, AzureBaseLLM):
    """A model on Azure that answers texts, told by its metadata alone: ``_transform_parameters`` does what its rules say."""

    def _body(self, messages: Messages, params: Mapping[str, Any], stream: bool) -> dict[str, Any]:
        return self._build_azure_payload(messages, params, stream) if stream else self._build_azure_payload(messages, params)

    def _chunks(self, pieces: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[LLMStreamChunk]:
        return self._stream_azure_response(pieces)
