"""What the four providers are but for their names and defaults: an ``AsyncClient``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

from trunkline import (
    AsyncClient,
    AsyncStream,
    ConnectionRefusedByHostError,
    Event,
    RetryPolicy,
    Secret,
    Settings,
    TextDelta,
    Timeout,
    Tool,
    ToolSource,
    TurnMemory,
)

from ....backends import Later, Translated
from ..base import CompletionResult, LLMProvider, Message, ToolDefinition
from ..errors import in_their_words
from ..translation import from_response, listed, to_messages

ATTEMPTS = 3
WAIT = 2.0
"""Seconds before the second attempt, twice as long before each next one, up to 8; a provider that says how long is obeyed."""


@dataclass(frozen=True)
class _KeyPlace:
    """Where ``Settings.key`` shall look."""

    name: str
    key_variables: tuple[str, ...]


class TrunkProvider(LLMProvider):
    """A provider of the library's. ``config`` as the documents show it; a key that is absent or None has its default.

    Turns that called tools are remembered, so that a conversation may hold nothing of them but the results: in ``tool_memory``,
    which the configuration may give, so that several providers share one.
    """

    provider: ClassVar[str]
    defaults: ClassVar[dict[str, Any]]

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        said = {**self.defaults, **{name: value for name, value in config.items() if value is not None}}
        self.model: str = said["model"]
        self.tool_memory: TurnMemory = said["tool_memory"] if "tool_memory" in said else TurnMemory()
        with in_their_words():
            self._llm = AsyncClient(
                f"{self.provider}/{self.model}",
                api_key=self._key(said),
                base_url=said.get("base_url"),
                timeout=Timeout(first_byte=said["timeout"], idle=said["timeout"]),
                retries=_retries(said.get("retries", ATTEMPTS - 1), said.get("base_url")),
                max_tokens=said.get("max_tokens", 1024),
                temperature=said.get("temperature", 0.7),
                tool_memory=self.tool_memory,
            )

    @classmethod
    def _key(cls, said: Mapping[str, Any]) -> str | Secret | None:
        """The key itself, or what the variable that is named holds; None leaves it to the library."""
        if said.get("api_key") or not said.get("api_key_env"):
            return said.get("api_key")
        return Settings.load().key(_KeyPlace(cls.provider, (said["api_key_env"],)))

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolDefinition | ToolSource] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> CompletionResult:
        """The whole answer. ``tools`` may hold MCP servers: theirs are offered. Raises ``LLMError`` and its subclasses."""
        with in_their_words():
            offered = await listed(tools)
            reply = await self._llm.generate(to_messages(messages), **self._said(offered, temperature, max_tokens, kwargs))
        return from_response(reply, self.model)

    def stream_complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolDefinition | ToolSource] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> Translated[Event, str]:
        """The answer's text as it is written: an asynchronous iterator, to be read to its end or ended with ``aclose``."""

        async def begin() -> AsyncStream:
            said = self._said(await listed(tools), temperature, max_tokens, kwargs)
            return self._llm.stream(to_messages(messages), **said)

        return Translated(Later(begin), _text, in_their_words)

    def _said(
        self,
        tools: Sequence[Tool] | None,
        temperature: float | None,
        max_tokens: int | None,
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        said = {"tools": tools, "temperature": temperature, "max_tokens": max_tokens, **more}
        if more.get("model") is not None:
            said["model"] = f"{self.provider}/{more['model']}"
        return {name: value for name, value in said.items() if value is not None}

    async def close(self) -> None:
        """Close its connections."""
        await self._llm.close()


def _retries(said: Any, base_url: Any) -> RetryPolicy:
    """``said``: how many further attempts, or the whole policy. Where nobody listens on this machine, nobody is waited for."""
    if isinstance(said, RetryPolicy):
        return said
    never = (ConnectionRefusedByHostError,) if _is_here(base_url) else ()
    return RetryPolicy(said, first=WAIT, jitter=False, never=never)


def _is_here(base_url: Any) -> bool:
    try:
        host = urlsplit(base_url).hostname or "" if isinstance(base_url, str) else ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:  # a name, or no address at all
        return False


def _text(event: Event) -> tuple[str, ...]:
    return (event.text,) if isinstance(event, TextDelta) and event.choice == 0 else ()
