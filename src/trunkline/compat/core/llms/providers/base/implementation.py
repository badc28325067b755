"""What a model's class needs: checks, parameters, estimates, and methods that refuse what the model cannot do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, NamedTuple

from trunkline import ContextLengthError, UnsupportedOperationError, UsageError, Warning, estimate_tokens

from ...interfaces.llm_interfaces import LLMResponse, LLMStreamChunk
from ...interfaces.metadata import ModelMetadata, OutputMediaType, as_metadata
from ...pictures import Picture, to_pictures
from .media import MediaMethods, Messages

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_PER_MESSAGE = 4
_PER_IMAGE = 765
"""Tokens, about: what frames a message, and a picture of 1024 by 1024 in OpenAI's older models."""


class Rules(NamedTuple):
    """Parameters that have another name, and those that are left out."""

    renamed: Mapping[str, str]
    unsupported: frozenset[str]


class BaseLLM(MediaMethods, ABC):
    """A model's class. ``connector`` leads to its provider; ``metadata`` (``ModelMetadata``, or any class or object with some of
    its fields, or a ``NAME``) says what the model can do.

    ``get_answer`` and ``stream_answer`` are for its subclasses to write; all else is there to help them.
    """

    def __init__(self, connector: Any = None, metadata: Any = None) -> None:
        self.connector: Any = connector
        self.metadata: ModelMetadata = as_metadata(metadata)

    @abstractmethod
    async def get_answer(self, messages: Messages, ctx: Any = None, **kwargs: Any) -> LLMResponse:
        """The whole answer. ``ctx``: any object of the host's; it is never sent."""

    @abstractmethod
    def stream_answer(
        self, messages: Messages, ctx: Any = None, **kwargs: Any
    ) -> AsyncIterator[LLMStreamChunk] | Awaitable[AsyncIterator[LLMStreamChunk]]:
        """The answer in pieces."""

    async def get_answer_with_vision(
        self, prompt: str, images: Picture | Sequence[Picture], ctx: Any = None, **kwargs: Any
    ) -> LLMResponse:
        """The answer to ``prompt`` about ``images``, one or several: addresses (``https:``, ``data:``), base64, bytes, paths
        (``pathlib.Path``), files that are open in binary mode, the library's ``Image`` (also of PIL and numpy, and with a
        ``detail``), or dicts in OpenAI's shape. Raises ``UsageError`` for anything else, before anything is sent."""
        content = [{"type": "text", "text": prompt}, *await to_pictures(images)]
        return await self.get_answer([{"role": "user", "content": content}], ctx, **kwargs)

    # --- checks -----------------------------------------------------------------------------------------------------------

    def _check_text_output_support(self) -> None:
        """Raises ``UnsupportedOperationError`` with a hint for a model that gives no text."""
        if not self.metadata.supports_output_type(OutputMediaType.TEXT):
            kinds = [f"get_{kind}()" for kind in sorted(self.metadata.supported_output_types)]
            raise UnsupportedOperationError(
                f"{self.metadata.model_name} does not support text output",
                hint=f"This model is for media generation only. Use {' or '.join(kinds) or 'another'}.",
            )

    def _validate_messages(self, messages: Messages) -> None:
        """Raises ``UsageError``, a ``ValueError``, that names what is wrong."""
        if not isinstance(messages, list | tuple) or not messages:
            raise UsageError("no messages", field="messages", got=type(messages).__name__, allowed="a list of dicts, not empty")
        for n, message in enumerate(messages):
            if not isinstance(message, Mapping):
                raise UsageError("no message", field=f"messages[{n}]", got=type(message).__name__, allowed="a dict")
            if message.get("role") not in ROLES:
                raise UsageError("no such role", field=f"messages[{n}].role", allowed=", ".join(ROLES))
            if message.get("content") is None and not message.get("tool_calls"):
                raise UsageError("says nothing", field=f"messages[{n}].content", got="None", allowed="text, or a list of parts")

    def _validate_token_limits(self, messages: Messages, max_tokens: int | None = None) -> None:
        """Raises ``ContextLengthError`` for what is too long by our estimate, ``UsageError`` for too much output."""
        limits = self.metadata.limits
        if max_tokens is not None and limits.max_output_tokens is not None and max_tokens > limits.max_output_tokens:
            raise UsageError(
                "more than the model gives", field="max_tokens", got=str(max_tokens), allowed=f"{limits.max_output_tokens}"
            )
        if limits.max_context_tokens is not None and (told := self._estimate_tokens(messages)) > limits.max_context_tokens:
            raise ContextLengthError(
                f"the messages have about {told} tokens, and {self.metadata.model_name} takes {limits.max_context_tokens}"
            )

    # --- parameters and estimates -----------------------------------------------------------------------------------------

    def _merge_parameters(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """What the metadata says by default, and what the call says on top; None means the default."""
        return {**self.metadata.default_parameters, **{name: value for name, value in kwargs.items() if value is not None}}

    def _transform_parameters(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Merged parameters as the model takes them: by the metadata's rules."""
        rules = self._rules()
        kept = {name: value for name, value in self._merge_parameters(kwargs).items() if name not in rules.unsupported}
        said = {new: kept.pop(old) for old, new in rules.renamed.items() if old in kept}
        return {**said, **kept}

    def _rules(self) -> Rules:
        return Rules(self.metadata.renamed_parameters, self.metadata.unsupported_parameters)

    def _parameter_warnings(self, kwargs: Mapping[str, Any]) -> tuple[Warning, ...]:
        """What ``_transform_parameters`` leaves out of what the call says."""
        why = f"{self.metadata.model_name or type(self).__name__} does not take it"
        lost = (name for name in kwargs if name in self._rules().unsupported and kwargs[name] is not None)
        return tuple(Warning("dropped", name, why) for name in lost)

    def _estimate_tokens(self, messages: str | Messages) -> int:
        """About how many tokens a text has, or messages."""
        if isinstance(messages, str):
            return estimate_tokens(messages)
        return sum(_PER_MESSAGE + _estimated(message.get("content")) for message in messages)

    def _extract_prompt(self, messages: Messages) -> str:
        """The text of what the user said last, for models that take one prompt."""
        for message in reversed(messages):
            if message.get("role") == "user":
                content = message.get("content") or ""
                if isinstance(content, str):
                    return content
                return "\n".join(part.get("text", "") for part in content if part.get("type") == "text")
        raise UsageError("nobody asked anything", field="messages", allowed="a message of the role user")


def _estimated(content: Any) -> int:
    if content is None or isinstance(content, str):
        return estimate_tokens(content or "")
    return sum(estimate_tokens(part["text"]) if part.get("type") == "text" else _PER_IMAGE for part in content)
