"""What models behind OpenAI's chat protocol have in common: payloads out, answers in."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from trunkline import MalformedResponseError

from ...interfaces.llm_interfaces import LLMResponse, LLMStreamChunk
from ...pieces import Pieces
from .implementation import BaseLLM
from .media import Messages

PATH = "chat/completions"


class ChatLLM(BaseLLM):
    """Helpers, which subclasses may override; no implementation."""

    def _map_finish_reason(self, reason: str | None) -> str | None:
        """The word for why the answer ended: ``stop, length, tool_calls, content_filter``, or the provider's own."""
        return "tool_calls" if reason == "function_call" else reason

    def _build_payload(self, messages: Messages, params: Mapping[str, Any], stream: bool = False) -> dict[str, Any]:
        payload = {"messages": [dict(message) for message in messages], **params}
        if stream:
            payload |= {"stream": True, "stream_options": {"include_usage": True, **(params.get("stream_options") or {})}}
        return payload

    def _parse_response(self, response: Mapping[str, Any], start_time: float) -> LLMResponse:
        """The answer that ``response`` tells; ``start_time``: Unix seconds at which it was asked for."""
        choice = next(iter(response.get("choices") or ()), None)
        if not isinstance(choice, Mapping):
            raise MalformedResponseError("the reply has no choices")
        message = choice.get("message") or {}
        usage = response.get("usage")
        return LLMResponse(
            content=message.get("content") or message.get("refusal") or "",
            model=response.get("model"),
            finish_reason=self._map_finish_reason(choice.get("finish_reason")),
            usage=None if usage is None else dict(usage),
            latency=time.time() - start_time,
            tool_calls=list(message.get("tool_calls") or ()) or None,
            raw=response,
        )

    def _stream_pieces(self, pieces: AsyncIterator[Mapping[str, Any]]) -> Pieces[Mapping[str, Any], LLMStreamChunk]:
        """The chunks that pieces of the wire tell; the last says why it ended, and what was used."""
        end = _End(self)
        return Pieces(pieces, end.read, end.last)


class Answering(ChatLLM):
    """Asks and answers, with the helpers that its other base has."""

    @abstractmethod
    def _body(self, messages: Messages, params: Mapping[str, Any], stream: bool) -> dict[str, Any]: ...

    @abstractmethod
    def _chunks(self, pieces: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[LLMStreamChunk]: ...

    async def get_answer(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> LLMResponse:
        """The whole answer. ``kwargs``: parameters of the protocol; None means the default. Raises ``ProviderError``."""
        params = self._checked(messages, kwargs)
        start_time = time.time()
        response = await self.connector.request(PATH, self._body(messages, params, False))
        answer = self._parse_response(response, start_time)
        lost = self._parameter_warnings(kwargs)
        return replace(answer, warnings=(*answer.warnings, *lost)) if lost else answer

    def stream_answer(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> AsyncIterator[LLMStreamChunk]:
        """The answer in pieces, the last of which is ``is_final``: an asynchronous iterator, which may be awaited first."""
        params = self._checked(messages, kwargs)
        return self._chunks(self.connector.stream(PATH, self._body(messages, params, True)))

    def _checked(self, messages: Messages, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, once nothing stands against asking."""
        self._check_text_output_support()
        self._validate_messages(messages)
        self._validate_token_limits(messages, kwargs.get("max_tokens"))
        return self._transform_parameters(kwargs)


class _End:
    """Keeps what the last chunk shall say."""

    def __init__(self, llm: ChatLLM) -> None:
        self._llm = llm
        self._reason: str | None = None
        self._usage: dict[str, Any] | None = None

    def read(self, piece: Mapping[str, Any]) -> Iterator[LLMStreamChunk]:
        if piece.get("usage") is not None:
            self._usage = dict(piece["usage"])
        for choice in piece.get("choices") or ():  # the first piece of Azure's has none
            if choice.get("index", 0) != 0:
                continue
            self._reason = choice.get("finish_reason") or self._reason
            delta = choice.get("delta") or {}
            if text := delta.get("content") or delta.get("refusal"):
                yield LLMStreamChunk(text)

    def last(self) -> Iterator[LLMStreamChunk]:
        yield LLMStreamChunk("", self._llm._map_finish_reason(self._reason), self._usage, is_final=True)
