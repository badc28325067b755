"""Clouds that run the models of many makers for their customers (providers §1)."""

from __future__ import annotations

from ..values.model import NO_QUIRKS, Quirks
from .address import Parameter
from .auth import Bearer, EntraToken, GoogleToken, HeaderAuth, SigV4
from .profiles import (
    BYTES_ONLY,
    CHAT,
    COMPATIBLE,
    CONVERSE_MEDIA,
    HOSTED,
    MESSAGES,
    OPENAI,
    PLAIN,
    RESPONSES,
    THOUGHTFUL,
    chat,
    messages,
)
from .provider import Dated, Endpoint, Provider

# Azure's own models are OpenAI's; its fields come later than theirs (azure-openai §3).
_AZURE = Quirks(user_field="user", cache_marks="none").over(OPENAI)
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


ROWS: tuple[Provider, ...] = (
    Provider(
        name="azure", key_variables=("AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_API_KEY"), auth=HeaderAuth("api-key"),
        variable_auth={"AZURE_OPENAI_AD_TOKEN": Bearer()}, chain=_ENTRA, url_variables=("AZURE_OPENAI_ENDPOINT",),
        endpoints=_azure("https://{resource}.openai.azure.com/openai/v1"),
        hosts=("{resource}.services.ai.azure.com", "{resource}.cognitiveservices.azure.com", "{resource}.openai.azure.us"),
        parameters=(Parameter(name="resource", variables=("AZURE_OPENAI_RESOURCE",)), _API_VERSION), models_of="openai",
    ),
    Provider(
        name="anthropic-on-foundry", key_variables=("ANTHROPIC_FOUNDRY_API_KEY",), models_of="anthropic",
        auth=HeaderAuth("x-api-key"), chain=EntraToken("https://ai.azure.com/.default"),
        endpoints=(Endpoint(dialect=MESSAGES, url="https://{resource}.services.ai.azure.com/anthropic"),),
        parameters=(Parameter(name="resource", variables=("ANTHROPIC_FOUNDRY_RESOURCE",)),),
    ),
    Provider(
        name="bedrock", key_variables=("AWS_BEARER_TOKEN_BEDROCK",), chain=SigV4("bedrock"), parameters=(_AWS_REGION,),
        url_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",), endpoints=(Endpoint(
            dialect="bedrock-converse", url=_RUNTIME, quirks=CONVERSE_MEDIA, url_where={"region=cn-*": f"{_RUNTIME}.cn"},
            models_url="https://bedrock.{region}.amazonaws.com",
        ), *chat(f"{_RUNTIME}/openai/v1", PLAIN)),
    ),
    Provider(
        name="bedrock-mantle", key_variables=("AWS_BEARER_TOKEN_BEDROCK",), chain=SigV4("bedrock-mantle"),
        parameters=(_AWS_REGION,), endpoints=(
            *chat(f"{_MANTLE}/v1", PLAIN), Endpoint(dialect=RESPONSES, url=f"{_MANTLE}/v1", quirks=COMPATIBLE),
            Endpoint(dialect=MESSAGES, url=f"{_MANTLE}/anthropic", quirks=BYTES_ONLY),
        ),
    ),
    Provider(
        name="vertex", models_of="gemini", same_prices=True, chain=GoogleToken(),
        parameters=(_GOOGLE_REGION, _GOOGLE_PROJECT), endpoints=(
            _vertex("gemini", "publishers/google", Quirks(prompt_count="plain")),
            _vertex(CHAT, "endpoints/openapi", quirks=PLAIN),
        ),
    ),
    Provider(
        name="databricks", key_variables=("DATABRICKS_TOKEN",), endpoints=(
            *chat("https://{host}/serving-endpoints"), messages("https://{host}/serving-endpoints/anthropic"),
        ), parameters=(Parameter(name="host", variables=("DATABRICKS_HOST",), address=True),),
    ),
    Provider(
        name="snowflake", key_variables=("SNOWFLAKE_TOKEN",), endpoints=(
            *chat("https://{account}.snowflakecomputing.com/api/v2/cortex/v1"),
            messages("https://{account}.snowflakecomputing.com/api/v2/cortex"),
        ), parameters=(Parameter(name="account", variables=("SNOWFLAKE_ACCOUNT",)),),
    ),
    Provider(
        name="cloudflare", key_variables=("CLOUDFLARE_API_TOKEN",),
        endpoints=chat("https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1", HOSTED),
        parameters=(Parameter(name="account", variables=("CLOUDFLARE_ACCOUNT_ID",)),),
    ),
    Provider(
        name="github", key_variables=("GITHUB_TOKEN",), hosts=("models.inference.ai.azure.com",), endpoints=(Endpoint(
            dialect=CHAT, url="https://models.github.ai/inference", quirks=PLAIN, models_url="https://models.github.ai/catalog",
            headers=(("x-github-api-version", "2022-11-28"),),
        ),),
    ),
    Provider(
        name="nvidia", key_variables=("NVIDIA_API_KEY",), default_model="openai/gpt-oss-120b",
        endpoints=chat("https://integrate.api.nvidia.com/v1", Quirks(reasoning_style="chat_template").over(THOUGHTFUL)),
    ),
)  # fmt: skip
