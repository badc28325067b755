"""The providers, a row each, in the order in which configured keys are tried.

Sources: the protocol sheets (providers, openai-chat §9, openrouter) and recorded traffic. A quirk's reason stands in ``Quirks``.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..values.errors import UsageError
from ..values.model import NO_QUIRKS, Quirks
from .address import Parameter, host_in
from .auth import Auth, Bearer, EntraToken, GoogleToken, HeaderAuth, SigV4
from .provider import Dated, Endpoint, Provider

CHAT = "openai-chat"
MESSAGES = "anthropic-messages"
RESPONSES = "openai-responses"

_OPENAI = Quirks(max_tokens_field="max_completion_tokens", system_role="system", reasoning_style="effort")
# What every server with OpenAI's protocol takes, whoever wrote it.
_COMPATIBLE = Quirks(
    max_tokens_field="max_tokens", system_role="system", user_field="user", cache_marks="none", no_allowed_tools=True
)  # fmt: skip
# Fields of OpenAI's platform, which others refuse (400, 422) or silently ignore.
_ELSEWHERE = Quirks(no_metadata=True, no_service_tier=True, no_user=True, no_cache_key=True).over(_COMPATIBLE)
_PLAIN = Quirks(no_parallel_tool_calls=True, no_strict=True, no_logit_bias=True).over(_ELSEWHERE)


# Azure's own models are OpenAI's; its fields come later than theirs (azure-openai §3).
_AZURE = Quirks(user_field="user", cache_marks="none").over(_OPENAI)
_CLASSIC = Dated(path="/openai/deployments/{model}", models="/openai", operation="/chat/completions")
_ENTRA = EntraToken("https://cognitiveservices.azure.com/.default")
_AWS_REGION = Parameter(name="region", variables=("AWS_REGION", "AWS_DEFAULT_REGION"), place=True)
_RUNTIME = "https://bedrock-runtime.{region}.amazonaws.com"
_MANTLE = "https://bedrock-mantle.{region}.api.aws"
_GOOGLE_REGION = Parameter(
    name="region", variables=("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"), default="global", place=True
)
_GOOGLE_PROJECT = Parameter(name="project", variables=("GOOGLE_CLOUD_PROJECT",))
_API_VERSION = Parameter(name="api_version", variables=("OPENAI_API_VERSION",), optional=True)


def _chat(url: str | None, quirks: Quirks) -> tuple[Endpoint, ...]:
    return (Endpoint(dialect=CHAT, url=url, quirks=quirks),)


def _azure(url: str) -> tuple[Endpoint, ...]:
    """Both protocols, each in both styles: by ``v1``, and by a date (azure-openai §1)."""
    query = (("api-version", "{api_version}"),)
    responses = Dated(path="/openai", models="/openai", operation="/responses")
    return (
        Endpoint(dialect=CHAT, url=url, quirks=_AZURE, dated=_CLASSIC, query=query),
        Endpoint(dialect=RESPONSES, url=url, quirks=_AZURE, dated=responses, query=query),
    )


def _vertex(dialect: str, path: str, quirks: Quirks = NO_QUIRKS) -> Endpoint:
    """The place ``global`` has a host without a place in its name (gemini §1). Models are listed beside the projects."""
    everywhere, here = "https://aiplatform.googleapis.com/v1beta1", "https://{region}-aiplatform.googleapis.com/v1beta1"
    rest = f"/projects/{{project}}/locations/{{region}}/{path}"
    return Endpoint(
        dialect=dialect, url=here + rest, url_where={"region=global": everywhere + rest}, quirks=quirks,
        models_url=f"{everywhere}/publishers/google",
    )  # fmt: skip


TABLE: tuple[Provider, ...] = (
    Provider(
        name="anthropic", key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), hosts=("api.anthropic.com",),
        endpoints=(Endpoint(dialect=MESSAGES, url="https://api.anthropic.com"),), default_model="claude-sonnet-5",
        auth=HeaderAuth("x-api-key"), variable_auth={"ANTHROPIC_AUTH_TOKEN": Bearer()},
    ),
    Provider(
        name="openai", key_variables=("OPENAI_API_KEY",), hosts=("api.openai.com", "eu.api.openai.com"),
        endpoints=(
            *_chat("https://api.openai.com/v1", _OPENAI),
            Endpoint(dialect=RESPONSES, url="https://api.openai.com/v1", quirks=_OPENAI),
        ), default_model="gpt-5.4-mini",
    ),
    Provider(
        name="groq", key_variables=("GROQ_API_KEY",), hosts=("api.groq.com",), default_model="openai/gpt-oss-120b",
        endpoints=_chat("https://api.groq.com/openai/v1", Quirks(
            max_tokens_field="max_completion_tokens", reasoning_field="reasoning", reasoning_style="effort",
            no_logprobs=True, no_n=True,
        ).over(_PLAIN)),
    ),
    Provider(
        name="deepseek", key_variables=("DEEPSEEK_API_KEY",), hosts=("api.deepseek.com",), default_model="deepseek-v4-flash",
        endpoints=_chat("https://api.deepseek.com", Quirks(
            reasoning_field="reasoning_content", return_reasoning=True, reasoning_style="thinking_type", efforts=("high", "max"),
            json_object_only=True, no_n=True, no_strict=False,
        ).over(_PLAIN)),
    ),
    Provider(
        name="openrouter", key_variables=("OPENROUTER_API_KEY",), hosts=("openrouter.ai",), default_model="openrouter/auto",
        endpoints=_chat("https://openrouter.ai/api/v1", Quirks(
            reasoning_field="reasoning", reasoning_style="openrouter", cost_field="cost", cache_marks="cache_control",
            bad_gateway_is_overloaded=True, file_urls=True, video_urls=True,
        ).over(_COMPATIBLE)),
    ),
    Provider(
        name="mistral", key_variables=("MISTRAL_API_KEY",), hosts=("api.mistral.ai",), default_model="mistral-large-4",
        endpoints=_chat("https://api.mistral.ai/v1", Quirks(
            seed_field="random_seed", required_tool_choice="any", tool_id_format="alnum9", prefill_flag="prefix",
            no_stream_options=True, no_logprobs=True, no_logit_bias=True, reasoning_style="effort",
            assistant_after_tool=True,
        ).over(_ELSEWHERE)),
    ),
    Provider(
        name="xai", key_variables=("XAI_API_KEY",), hosts=("api.x.ai",), default_model="grok-4.3",
        endpoints=_chat("https://api.x.ai/v1", Quirks(
            max_tokens_field="max_completion_tokens", reasoning_field="reasoning_content", reasoning_style="effort",
            output_excludes_reasoning=True, cost_field="cost_in_usd_ticks", cost_scale=1e-10, no_metadata=True,
        ).over(_COMPATIBLE)),
    ),
    Provider(
        name="together", key_variables=("TOGETHER_API_KEY",), hosts=("api.together.ai", "api.together.xyz"),
        endpoints=_chat("https://api.together.ai/v1", Quirks(
            reasoning_field="reasoning", reasoning_style="together", forbidden_is_context=True, no_logit_bias=False,
            video_urls=True,
        ).over(_PLAIN)), default_model="openai/gpt-oss-120b",
    ),
    Provider(
        name="fireworks", key_variables=("FIREWORKS_API_KEY",), hosts=("api.fireworks.ai",),
        endpoints=_chat("https://api.fireworks.ai/inference/v1", Quirks(
            reasoning_field="reasoning_content", reasoning_style="effort",
        ).over(_PLAIN)), default_model="accounts/fireworks/models/gpt-oss-120b",
    ),
    Provider(
        name="perplexity", key_variables=("PERPLEXITY_API_KEY",), hosts=("api.perplexity.ai",), default_model="sonar",
        endpoints=_chat("https://api.perplexity.ai", Quirks(
            alternate_roles=True, no_tools=True, cost_field="cost.total_cost", reasoning_style="effort", markup="think",
        ).over(_PLAIN)),
    ),
    Provider(
        name="gemini", key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"), auth=HeaderAuth("x-goog-api-key"),
        endpoints=(
            Endpoint(dialect="gemini", url="https://generativelanguage.googleapis.com/v1beta"),
            Endpoint(dialect=CHAT, url="https://generativelanguage.googleapis.com/v1beta/openai", quirks=_PLAIN, auth=Bearer()),
        ), default_model="gemini-3.8-flash",
    ),
    Provider(
        name="cohere", key_variables=("COHERE_API_KEY", "CO_API_KEY"), default_model="command-a-03-2025", endpoints=(
            Endpoint(dialect="cohere", url="https://api.cohere.com"),
            Endpoint(dialect=CHAT, url="https://api.cohere.ai/compatibility/v1", quirks=_PLAIN),
        ),
    ),
    Provider(
        name="azure", key_variables=("AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_API_KEY"), auth=HeaderAuth("api-key"),
        variable_auth={"AZURE_OPENAI_AD_TOKEN": Bearer()}, chain=_ENTRA, url_variables=("AZURE_OPENAI_ENDPOINT",),
        endpoints=_azure("https://{resource}.openai.azure.com/openai/v1"),
        hosts=("{resource}.services.ai.azure.com", "{resource}.cognitiveservices.azure.com", "{resource}.openai.azure.us"),
        parameters=(Parameter(name="resource", variables=("AZURE_OPENAI_RESOURCE",)), _API_VERSION),
    ),
    Provider(
        name="anthropic-on-foundry", key_variables=("ANTHROPIC_FOUNDRY_API_KEY",), auth=HeaderAuth("x-api-key"),
        chain=EntraToken("https://ai.azure.com/.default"),
        endpoints=(Endpoint(dialect=MESSAGES, url="https://{resource}.services.ai.azure.com/anthropic"),),
        parameters=(Parameter(name="resource", variables=("ANTHROPIC_FOUNDRY_RESOURCE",)),),
    ),
    Provider(
        name="bedrock", key_variables=("AWS_BEARER_TOKEN_BEDROCK",), chain=SigV4("bedrock"), parameters=(_AWS_REGION,),
        url_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",), endpoints=(Endpoint(
            dialect="bedrock-converse", url=_RUNTIME, url_where={"region=cn-*": f"{_RUNTIME}.cn"},
            models_url="https://bedrock.{region}.amazonaws.com",
        ), *_chat(f"{_RUNTIME}/openai/v1", _PLAIN)),
    ),
    Provider(
        name="bedrock-mantle", key_variables=("AWS_BEARER_TOKEN_BEDROCK",), chain=SigV4("bedrock-mantle"),
        parameters=(_AWS_REGION,), endpoints=(
            *_chat(f"{_MANTLE}/v1", _PLAIN), Endpoint(dialect=RESPONSES, url=f"{_MANTLE}/v1", quirks=_COMPATIBLE),
            Endpoint(dialect=MESSAGES, url=f"{_MANTLE}/anthropic"),
        ),
    ),
    Provider(
        name="vertex", chain=GoogleToken(), parameters=(_GOOGLE_REGION, _GOOGLE_PROJECT), endpoints=(
            _vertex("gemini", "publishers/google"), _vertex(CHAT, "endpoints/openapi", quirks=_PLAIN),
        ),
    ),
    Provider(
        name="local", needs_key=False,
        endpoints=_chat(None, Quirks(reasoning_field="as_sent", markup="auto").over(_COMPATIBLE)),
    ),
)  # fmt: skip

_BY_NAME = {row.name: row for row in TABLE}

# How a key is shown to an endpoint of one's own, and what is safe to think of a server that nobody has described.
_OWN: dict[str, tuple[Auth, Quirks]] = {
    CHAT: (Bearer(), Quirks(reasoning_field="as_sent", markup="auto").over(_COMPATIBLE)),
    MESSAGES: (HeaderAuth("x-api-key"), Quirks()),
    "bedrock-converse": (Bearer(), Quirks()),
    "cohere": (Bearer(), Quirks()),
    "gemini": (HeaderAuth("x-goog-api-key"), Quirks()),
    "openai-responses": (Bearer(), _COMPATIBLE),
    "ollama": (Bearer(), Quirks(markup="auto")),
}


# Where servers of a dialect answer, when an address names no path.
_PATHS = {CHAT: "/v1", "gemini": "/v1beta", "openai-responses": "/v1"}
_HOSTS = frozenset(host_in(endpoint.url) for row in TABLE for endpoint in row.endpoints if endpoint.url is not None)


def provider(name: str, field: str = "provider") -> Provider:
    """The row of that name. ``UsageError`` names ``field`` and what there is."""
    row = _BY_NAME.get(name)
    if row is None:
        import difflib  # only for this message

        near = difflib.get_close_matches(name.lower(), [*_BY_NAME, *_OWN], 1)
        raise UsageError(
            "no such provider" + (f" (did you mean {near[0]}?)" if near else ""),
            field=field,
            allowed=", ".join(_BY_NAME) + f"; with a base_url of your own: {', '.join(_OWN)}",
        )
    return row


def is_provider(name: str) -> bool:
    """Whether there is a row of that name."""
    return name in _BY_NAME


def is_dialect(name: str) -> bool:
    """Whether an endpoint of one's own can be had under that dialect id."""
    return name in _OWN


def default_path(endpoint: Endpoint) -> str:
    """The path of an address that was given without one: that of the row's own, else what servers of that dialect use."""
    own = urlsplit(endpoint.url).path if endpoint.url else ""
    return own if endpoint.url and host_in(endpoint.url) in _HOSTS else own or _PATHS.get(endpoint.dialect, "")


def own_endpoint(dialect: str, base_url: str) -> Provider:
    """A provider of one's own: whoever answers at ``base_url`` in ``dialect``. It needs no key; one that is given goes there."""
    if dialect not in _OWN:
        raise UsageError("no such dialect", field="dialect", got=repr(dialect), allowed=", ".join(_OWN))
    auth, quirks = _OWN[dialect]
    host = urlsplit(base_url).hostname
    endpoint = Endpoint(dialect=dialect, url=base_url, quirks=quirks)
    return Provider(name=dialect, endpoints=(endpoint,), hosts=(host,) if host else (), auth=auth, needs_key=False)
