"""What is asked of a model."""

from __future__ import annotations

from typing import Any, Literal

from .message import CacheMark, Message
from .value import Value

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class Tool(Value, frozen=True, tag="function"):
    """A function that the model may call. ``parameters`` is a JSON Schema; ``strict``: arguments must obey it to the letter."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    extra: dict[str, Any] = {}
    """Fields of one protocol only, as they stand on its wire."""


class CustomTool(Value, frozen=True, tag="custom"):
    """A tool whose input is plain text. ``syntax`` (``lark`` or ``regex``) with ``grammar`` constrains it."""

    name: str
    description: str | None = None
    syntax: Literal["lark", "regex"] | None = None
    grammar: str | None = None


class HostedTool(Value, frozen=True, tag="hosted"):
    """A tool that the provider runs (web search, code execution…). ``kind`` is the wire's type, ``options`` its other fields."""

    kind: str
    name: str | None = None
    options: dict[str, Any] = {}
    cache: CacheMark | None = None


AnyTool = Tool | CustomTool | HostedTool


class ToolChoice(Value, frozen=True, tag="tool_choice"):
    """Whether tools are called: ``auto``, ``none``, ``required`` (some tool), or ``tool`` (the one in ``names``).

    ``names`` with ``auto`` or ``required`` limits the choice to those. ``custom`` marks names of custom tools.
    """

    mode: Literal["auto", "none", "required", "tool"]
    names: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()


class OutputFormat(Value, frozen=True, tag="output_format"):
    """The reply's text shall be JSON: any object (``schema`` None), or what the JSON Schema says.

    ``strict``: to the letter; ``if_known``: where the endpoint knows the word, and no loss where it does not.
    """

    schema: dict[str, Any] | None = None
    name: str = "output"
    description: str | None = None
    strict: bool | Literal["if_known"] | None = None


class ReasoningOptions(Value, frozen=True, tag="reasoning_options"):
    """How much to think: an ``effort``, a ``budget`` in tokens, or ``enabled``; ``show``: ``summarized``, ``omitted``,
    ``updates``."""

    effort: Effort | None = None
    budget: int | None = None
    enabled: bool | None = None
    show: str | None = None


class AudioOutput(Value, frozen=True, tag="audio_output"):
    """Speak: ``voice`` by name or id, ``format`` as in ``wav``, ``mp3``, ``pcm16``."""

    voice: str
    format: str = "wav"


class Request(Value, frozen=True, kw_only=True, tag="request"):
    """What is asked, in no protocol's words. None (or empty) means: not said, the provider's default.

    ``max_tokens`` counts everything the model writes, reasoning too. ``n`` choices. ``logprobs`` with ``top_logprobs`` others
    each. ``user`` an opaque id of your end user, ``cache_key`` groups requests that share a prefix, ``metadata`` is stored by
    the provider. ``extra_headers, extra_query, extra_body`` go to the wire as they are and win over what we say.
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    tools: tuple[AnyTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    reasoning: ReasoningOptions | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    modalities: tuple[str, ...] = ()
    audio: AudioOutput | None = None
    prediction: str | None = None
    """Text that the reply will mostly repeat (an edited file, say)."""
    service_tier: str | None = None
    store: bool | None = None
    user: str | None = None
    cache_key: str | None = None
    cache: CacheMark | None = None
    """Cache the whole prompt, or (``auto``) what of it pays."""
    metadata: dict[str, str] | None = None
    extra_headers: dict[str, str] = {}
    extra_query: dict[str, str] = {}
    extra_body: dict[str, Any] = {}
