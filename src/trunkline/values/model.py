"""Models, prices, abilities, quirks and targets as records: what the catalog, the provider table and the codecs share."""

from __future__ import annotations

from typing import Literal

import msgspec

from .value import Value


class MediaLimits(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True
):
    """What of media an endpoint or a model surely refuses beyond. None: not known, or no limit."""

    images: int | None = None
    """How many pictures one request may hold."""
    files: int | None = None
    """How many documents."""
    image_bytes: int | None = None
    """Of one picture, before it is written as base64."""
    file_bytes: int | None = None
    total_bytes: int | None = None
    """Of all media of a request, as base64."""
    image_types: tuple[str, ...] | None = None
    """The media types of pictures that are taken."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True):
    """How an endpoint or a model strays from its dialect: a closed vocabulary. None: as the dialect does by default.

    Resolved model over endpoint over dialect (``over``). The reason stands with each flag; facts in ``dialects/RULES.md``.
    """

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """Reasoning models refuse ``max_tokens``; most compatible servers know nothing else."""
    needs_max_tokens: bool | None = None
    """Without an output limit a reply is refused, or cut short after a few hundred tokens: one is always sent."""
    system_role: Literal["system", "developer"] | None = None
    """OpenAI's reasoning models read ``developer``; compatible servers refuse that word."""
    no_sampling: bool | None = None
    """Temperature, top_p, top_k and penalties are refused or ignored: left out, with a warning."""
    sampling_needs_effort_none: bool | None = None
    """Sampling parameters are accepted only with reasoning effort ``none``."""
    default_effort: Literal["none"] | None = None
    """The effort of a request that names none, where that is ``none``."""
    tools_need_effort_none: bool | None = None
    """Function tools are refused while reasoning effort is other than ``none``."""
    no_stop: bool | None = None
    stop_faulty: bool | None = None
    """Stop sequences are taken and obeyed by halves (the text goes on behind them, or holds them): sent, with a warning."""
    no_logprobs: bool | None = None
    no_penalties: bool | None = None
    top_k_field: str | None = None
    """Dotted path of ``top_k`` among a model's own fields, where the protocol itself has none."""
    no_seed: bool | None = None
    seed_field: Literal["seed", "random_seed"] | None = None
    no_n: bool | None = None
    """More than one choice is refused or silently ignored."""
    no_stream_options: bool | None = None
    """``stream_options`` is refused (422); usage comes on the last chunk all the same."""
    no_parallel_tool_calls: bool | None = None
    no_strict: bool | None = None
    no_metadata: bool | None = None
    no_user: bool | None = None
    user_field: Literal["safety_identifier", "user"] | None = None
    """The end user's id: ``safety_identifier`` took the place of ``user``; compatible servers know the old word only."""
    no_service_tier: bool | None = None
    no_logit_bias: bool | None = None
    no_cache_key: bool | None = None
    cache_marks: Literal["prompt_cache_breakpoint", "cache_control", "none"] | None = None
    """How a part is marked as the end of what may be cached; ``none``: not at all, caching is the provider's own affair."""
    json_object_only: bool | None = None
    """``response_format`` knows ``json_object`` but no schema: the schema is left out, with a warning."""
    no_response_format: bool | None = None
    format_alone: bool | None = None
    """``response_format``, of whatever kind, is refused beside tools (400)."""
    required_tool_choice: Literal["required", "any"] | None = None
    """The word for "some tool must be called"."""
    no_allowed_tools: bool | None = None
    """A choice among some of the tools cannot be said: only those are sent, with a warning."""
    tool_choice_auto_only: bool | None = None
    no_forced_tool: bool | None = None
    """A forced tool choice is refused (models that always think)."""
    tool_id_format: Literal["alnum9"] | None = None
    """Call ids must be exactly nine letters or digits: others are renamed, and the way back remembered."""
    reasoning_field: Literal["reasoning_content", "reasoning", "as_sent"] | None = None
    """Where an earlier turn's reasoning goes on the way back, where the endpoint wants it; ``as_sent``: where it came."""
    split_flag: Literal["reasoning_split", "separate_reasoning", "parse_reasoning"] | None = None
    """A field that must be true in the request for reasoning to come apart from the text."""
    return_reasoning: bool | None = None
    """In a conversation with tool calls every reply's reasoning must go back, else 400 (Gemini 3: the signature of its calls)."""
    markup: Literal["think", "think_open", "harmony", "auto"] | None = None
    """Reasoning comes as markup inside the text, where whoever runs the model does not take it out: between ``<think>`` tags
    (``think_open``: the template has opened the tag, so that a reply begins inside), or as the messages of the ``harmony``
    format; ``auto``: either, told by how the text begins. Only text that begins with such markup is taken for it, but for
    ``think_open``."""
    reasoning_style: (
        Literal[
            "effort", "openrouter", "thinking_type", "enable_thinking", "together", "chat_template", "reasoning_config", "none"
        ]
        | None
    ) = None
    """How effort and budget are said: ``reasoning_effort``; ``reasoning{effort|max_tokens}``; ``thinking{type}``; …"""
    efforts: tuple[str, ...] | None = None
    """The reasoning efforts that are accepted; others are moved to the nearest, with a warning."""
    thinking: Literal["adaptive", "enabled", "always", "none"] | None = None
    """How thinking is asked for: adaptive with an effort, enabled with a budget, never switched off, or not at all."""
    thinking_config: Literal["budget", "level"] | None = None
    """Gemini 2.5 takes a budget of tokens, 3 and later a level; one that gets both, or the other, refuses."""
    least_thinking: Literal["between_tools"] | None = None
    """What a model that always thinks has in place of being switched off."""
    thinking_bound_to_account: bool | None = None
    """Thinking goes back only under the key that it came under."""
    prompt_count: Literal["path", "plain"] | None = None
    """How a prompt's tokens are counted where that is not done as the dialect does: at a path of their own, where the dialect has
    none; as plain fields, not as a whole request."""
    no_prefill: bool | None = None
    """A conversation that ends with the assistant's words is refused."""
    prefill_flag: Literal["prefix", "partial"] | None = None
    """A flag on the last assistant message makes it a prefill."""
    no_system_in_messages: bool | None = None
    alternate_roles: bool | None = None
    """User and assistant must take turns: neighbours of one role are joined."""
    assistant_after_tool: bool | None = None
    """After the answers of tools comes the assistant, never the user: else 400."""
    no_tools: bool | None = None
    no_images: bool | None = None
    image_urls: bool | None = None
    """Pictures may be named by their address; False: they go as bytes only."""
    file_urls: bool | None = None
    """Documents may be named by their address."""
    video_urls: bool | None = None
    """Films are understood, named by their address or as ``data:`` URLs."""
    media: MediaLimits | None = None
    """How much of media is taken, and of which kinds."""
    output_excludes_reasoning: bool | None = None
    """The provider's completion count leaves reasoning out: added for ``usage``."""
    cost_field: str | None = None
    """Dotted path in ``usage`` of the provider's own figure, in USD."""
    cost_scale: float | None = None
    """What that figure is multiplied with to give USD (ticks, nano-dollars)."""
    forbidden_is_context: bool | None = None
    """403 means that the prompt is longer than the context."""
    bad_gateway_is_overloaded: bool | None = None
    """502 means that whoever is behind this endpoint has no capacity."""
    version: str | None = None
    """The dialect's version header."""

    def over(self, lower: Quirks) -> Quirks:
        """These, and what they leave open as ``lower`` has it."""
        if self == NO_QUIRKS:
            return lower
        if lower == NO_QUIRKS:
            return self
        mine = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(lower, **mine)


NO_QUIRKS = Quirks()


class PriceTier(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True
):
    """USD per million tokens once the input is longer than ``above`` tokens. A price of None is unknown."""

    above: int
    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    input_audio: str | None = None
    output_audio: str | None = None


class PriceVariant(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True
):
    """What holds in place of a price for requests at another ``rate``: ``batch``, or a service tier or speed by its provider's
    word for it (``flex``, ``priority``, ``fast``), from the day ``since`` on.

    ``factor``: so much of the usual price, whatever it is for. Without one the prices stand here, all of them.
    """

    rate: str
    since: str = "1970-01-01"
    factor: str | None = None
    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    input_audio: str | None = None
    output_audio: str | None = None
    tiers: tuple[PriceTier, ...] = ()


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True):
    """USD per million tokens, as decimal text; None is unknown, ``"0"`` is free.

    ``since`` (YYYY-MM-DD, UTC) is the first day it holds; ``hours``: in these hours of the day only (UTC, from and until), in
    place of the price that holds all day. ``cache_write`` None: writing is charged as input is. ``tiers``: what holds for every
    token once there are many. ``unknown_above``: above so many input tokens another price holds that we do not know;
    ``unknown_hours``: likewise in these hours; ``unknown_fee``: a fee for each request, that we do not know, comes on top.
    """

    since: str = "1970-01-01"
    hours: tuple[tuple[int, int], ...] = ()
    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    input_audio: str | None = None
    output_audio: str | None = None
    tiers: tuple[PriceTier, ...] = ()
    variants: tuple[PriceVariant, ...] = ()
    unknown_above: int | None = None
    unknown_hours: tuple[tuple[int, int], ...] = ()
    unknown_fee: bool = False


Ability = Literal[
    "text",
    "vision",
    "audio",
    "video",
    "pdf",
    "tools",
    "reasoning",
    "structured_output",
    "web_search",
    "computer_use",
    "embeddings",
]


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """What the catalog knows of one model of one provider. Limits in tokens; None is unknown. Dates are YYYY-MM-DD."""

    id: str
    provider: str
    context: int | None = None
    max_output: int | None = None
    abilities: tuple[Ability, ...] | None = None
    prices: tuple[Price, ...] = ()
    quirks: Quirks = NO_QUIRKS
    aliases: tuple[str, ...] = ()
    """Other ids it answers to; one that ends in ``*`` covers whatever begins so (dated snapshots)."""
    retires: str | None = None
    successor: str | None = None
    dialect: str | None = None
    """The only dialect of its provider in which it answers; None: whichever comes first."""

    @property
    def name(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.id}"

    def __str__(self) -> str:
        return self.name


class Target(Value, frozen=True, tag="target"):
    """What a codec must know of whom it speaks to. Plain facts: no key, no address.

    ``provider`` and ``model`` as the wire spells them, ``key`` the id of the key in use, ``max_output`` the model's own
    limit, where known. ``address``: the host of an endpoint of one's own, which alone tells it from others of its dialect.
    """

    dialect: str
    provider: str
    model: str
    quirks: Quirks = NO_QUIRKS
    max_output: int | None = None
    region: str | None = None
    quota: str | None = None
    key: str | None = None
    address: str | None = None

    @property
    def owner(self) -> str:
        """Whose state a reply from here holds: the provider's, or that of whoever is at the address."""
        return self.provider if self.address is None else f"{self.provider} at {self.address}"
