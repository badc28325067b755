"""How each protocol counts a prompt's tokens without answering it: rows, and the request and reply that they make.

anthropic-messages §1, openai-responses §1, gemini §1, bedrock-converse §1; llama.cpp's own way for chats: local-servers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ..values.errors import MalformedResponseError
from ..values.model import Target
from ..wire.http import HttpReply
from ..wire.loose_json import loads
from .dialect import Encoded, WireRequest


class Count(NamedTuple):
    """``path``: what ends the path of a request, and what stands there instead; ``without``: fields that only an answer needs;
    ``within``: where the request stands in the body; ``figure``: the reply's field."""

    path: tuple[str, str]
    figure: str = "input_tokens"
    without: frozenset[str] = frozenset()
    within: tuple[str, ...] = ()


_PLAIN = Count(("generateContent", "countTokens"), "totalTokens", frozenset(
    {"toolConfig", "safetySettings", "labels", "cachedContent", "serviceTier", "store"}
))  # fmt: skip
"""Gemini's as Vertex knows it: no whole request, but its fields."""
_COUNTS = {
    "anthropic-messages": Count(("", "/count_tokens"), without=frozenset(
        {"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"}
    )),
    "openai-responses": Count(("", "/input_tokens"), without=frozenset({
        "stream", "stream_options", "max_output_tokens", "temperature", "top_p", "top_logprobs", "store", "metadata", "include",
        "service_tier", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
        "background", "max_tool_calls",
    })),
    "gemini": Count(("generateContent", "countTokens"), "totalTokens", within=("generateContentRequest",)),
    "bedrock-converse": Count(("converse", "count-tokens"), "inputTokens", within=("input", "converse"), without=frozenset({
        "inferenceConfig", "outputConfig", "guardrailConfig", "requestMetadata", "performanceConfig", "serviceTier",
        "additionalModelResponseFieldPaths", "promptVariables",
    })),
    "openai-chat": Count(("", "/input_tokens"), without=frozenset({"stream", "stream_options"})),
}  # fmt: skip


def count_of(target: Target) -> Count | None:
    """How the tokens of a prompt for ``target`` are counted; None: they are not."""
    way = target.quirks.prompt_count
    if way == "plain":
        return _PLAIN
    return None if target.dialect == "openai-chat" and way is None else _COUNTS.get(target.dialect)


def count_request(count: Count, encoded: Encoded) -> WireRequest:
    """The request that has the tokens of ``encoded`` counted."""
    wire = encoded.wire
    body: dict[str, Any] = {
        name: value for name, value in msgspec.json.decode(wire.body).items() if name not in count.without
    }  # fmt: skip
    if count.within and count.within[0] == "generateContentRequest":
        body["model"] = wire.path[1:].rpartition(":")[0]
    for name in reversed(count.within):
        body = {name: body}
    ending, other = count.path
    return msgspec.structs.replace(wire, path=wire.path.removesuffix(ending) + other, body=msgspec.json.encode(body))


def tokens_counted(count: Count, reply: HttpReply) -> int:
    """What the reply says. Raises ``MalformedResponseError`` where it says nothing of it."""
    try:
        said = loads(reply.body)
    except ValueError:
        said = None
    tokens = said.get(count.figure) if isinstance(said, dict) else None
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        raise MalformedResponseError(f"{count.figure}: expected a count of tokens")
    return tokens
