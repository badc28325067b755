"""What rows have in common: ids of dialects, profiles of quirks, and endpoints of them.

Sources: the protocol sheets (providers §6, openai-chat §9) and recorded traffic. A quirk's reason stands in ``Quirks``.
"""

from __future__ import annotations

from ..values.model import MediaLimits, Quirks
from .address import Parameter
from .provider import Endpoint

CHAT = "openai-chat"
MESSAGES = "anthropic-messages"
RESPONSES = "openai-responses"

OPENAI = Quirks(max_tokens_field="max_completion_tokens", system_role="system", reasoning_style="effort")
COMPATIBLE = Quirks(
    max_tokens_field="max_tokens", system_role="system", user_field="user", cache_marks="none", no_allowed_tools=True
)  # fmt: skip
"""What every server with OpenAI's protocol takes, whoever wrote it."""
ELSEWHERE = Quirks(no_metadata=True, no_service_tier=True, no_user=True, no_cache_key=True).over(COMPATIBLE)
"""Without fields of OpenAI's platform, which others refuse (400, 422) or silently ignore."""
PLAIN = Quirks(no_parallel_tool_calls=True, no_strict=True, no_logit_bias=True).over(ELSEWHERE)
"""Without what most hosts refuse or ignore besides (providers §6)."""
THOUGHTFUL = Quirks(reasoning_field="reasoning_content").over(PLAIN)
"""The same, where reasoning has a field of its own, which also takes it back."""
HOSTED = Quirks(reasoning_field="as_sent", markup="auto").over(PLAIN)
"""The same for those who run everybody's models: reasoning comes in a field, or as the model wrote it."""
OF_ANYBODY = Quirks(reasoning_field="as_sent", markup="auto").over(COMPATIBLE)
"""A server that nobody has described."""
LOCAL = Quirks(reasoning_field="as_sent", markup="auto").over(ELSEWHERE)
"""A server that runs whatever model it was given, with whatever template."""

BYTES_ONLY = Quirks(image_urls=False, file_urls=False)
"""Pictures and documents go as bytes only (local-servers §2; Anthropic's page on vision, of clouds)."""
_SEEN = ("image/png", "image/jpeg", "image/webp", "image/gif")
# What is surely refused, by the makers' own pages; where models differ, or pages, the most that any takes (docs/media.md).
CLAUDE_MEDIA = Quirks(media=MediaLimits(images=600, total_bytes=32 << 20, image_types=_SEEN))
GPT_MEDIA = Quirks(media=MediaLimits(file_bytes=50 << 20, total_bytes=512 << 20, image_types=_SEEN))
GEMINI_MEDIA = Quirks(media=MediaLimits(total_bytes=100 << 20))
COHERE_MEDIA = Quirks(media=MediaLimits(images=20, image_types=_SEEN))
CONVERSE_MEDIA = Quirks(media=MediaLimits(files=5))

CHINA = Parameter(name="region", optional=True, place=True)
"""Which house of a provider that has one in China (``region=cn``) and one for the rest of the world; keys are good for one."""


def chat(url: str | None, quirks: Quirks = PLAIN, cn: str | None = None) -> tuple[Endpoint, ...]:
    """The one endpoint of a provider that speaks OpenAI's chat protocol. ``cn``: its address in China."""
    return (Endpoint(dialect=CHAT, url=url, quirks=quirks, url_where={} if cn is None else {"region=cn": cn}),)


SPOKEN = Quirks(no_response_format=True)
"""Anthropic's protocol at somebody else's: its newer fields, a schema of the output among them, are mostly ignored."""


def messages(url: str, quirks: Quirks = SPOKEN, cn: str | None = None) -> Endpoint:
    """The one that speaks Anthropic's. The protocol's own path begins with ``/v1``."""
    return Endpoint(dialect=MESSAGES, url=url, quirks=quirks, url_where={} if cn is None else {"region=cn": cn})


def responses(url: str, quirks: Quirks = COMPATIBLE) -> Endpoint:
    """The one that speaks OpenAI's Responses."""
    return Endpoint(dialect=RESPONSES, url=url, quirks=quirks)


def trio(origin: str, base: str = "/v1", quirks: Quirks = PLAIN) -> tuple[Endpoint, ...]:
    """All three of them at one server: chat and Responses below ``base``, Messages below the root of ``origin``."""
    return (*chat(origin + base, quirks), responses(origin + base), messages(origin + base.removesuffix("/v1")))
