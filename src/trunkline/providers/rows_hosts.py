"""Those who run models of others (providers §3)."""

from __future__ import annotations

from ..values.model import Quirks
from .address import Parameter
from .profiles import CHAT, CHINA, HOSTED, PLAIN, THOUGHTFUL, chat, messages, responses
from .provider import Endpoint, Provider

ROWS: tuple[Provider, ...] = (
    Provider(
        name="groq", key_variables=("GROQ_API_KEY",), hosts=("api.groq.com",), default_model="openai/gpt-oss-120b",
        endpoints=chat("https://api.groq.com/openai/v1", Quirks(
            max_tokens_field="max_completion_tokens", reasoning_field="reasoning", reasoning_style="effort",
            no_logprobs=True, no_n=True, format_alone=True,
        ).over(PLAIN)),
    ),
    Provider(
        name="cerebras", key_variables=("CEREBRAS_API_KEY",), default_model="gpt-oss-120b",
        endpoints=chat("https://api.cerebras.ai/v1", Quirks(
            max_tokens_field="max_completion_tokens", reasoning_field="reasoning", reasoning_style="effort", no_penalties=True,
            format_alone=True,
        ).over(PLAIN)),
    ),
    Provider(
        name="together", key_variables=("TOGETHER_API_KEY",), hosts=("api.together.ai", "api.together.xyz"),
        endpoints=chat("https://api.together.ai/v1", Quirks(
            reasoning_field="reasoning", reasoning_style="together", forbidden_is_context=True, no_logit_bias=False,
            video_urls=True,
        ).over(PLAIN)), default_model="openai/gpt-oss-120b",
    ),
    Provider(
        name="fireworks", key_variables=("FIREWORKS_API_KEY",), default_model="accounts/fireworks/models/gpt-oss-120b",
        endpoints=(*chat("https://api.fireworks.ai/inference/v1", Quirks(reasoning_style="effort").over(THOUGHTFUL)),
                   responses("https://api.fireworks.ai/inference/v1", PLAIN), messages("https://api.fireworks.ai/inference")),
    ),
    Provider(
        name="deepinfra", key_variables=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"), default_model="openai/gpt-oss-120b",
        endpoints=(*chat("https://api.deepinfra.com/v1/openai", Quirks(cost_field="estimated_cost").over(THOUGHTFUL)),
                   messages("https://api.deepinfra.com/anthropic")),
    ),
    Provider(
        name="huggingface", key_variables=("HF_TOKEN",),
        endpoints=chat("https://router.huggingface.co/v1", HOSTED),
    ),
    Provider(
        name="sambanova", key_variables=("SAMBANOVA_API_KEY",), endpoints=chat("https://api.sambanova.ai/v1", HOSTED),
    ),
    Provider(
        name="hyperbolic", key_variables=("HYPERBOLIC_API_KEY",), endpoints=chat("https://api.hyperbolic.xyz/v1", HOSTED),
    ),
    Provider(
        name="novita", key_variables=("NOVITA_API_KEY",), endpoints=(
            *chat("https://api.novita.ai/openai", Quirks(split_flag="separate_reasoning").over(THOUGHTFUL)),
            messages("https://api.novita.ai/anthropic"),
        ),
    ),
    Provider(
        name="nebius", key_variables=("NEBIUS_API_KEY",), hosts=("api.studio.nebius.ai",),
        endpoints=chat("https://api.tokenfactory.nebius.com/v1", HOSTED),
    ),
    Provider(
        name="siliconflow", key_variables=("SILICONFLOW_API_KEY",), parameters=(CHINA,),
        endpoints=chat("https://api.siliconflow.com/v1", Quirks(reasoning_style="enable_thinking").over(THOUGHTFUL),
                       cn="https://api.siliconflow.cn/v1"),
    ),
    Provider(
        name="baseten", key_variables=("BASETEN_API_KEY",), endpoints=chat("https://inference.baseten.co/v1", THOUGHTFUL),
    ),
    Provider(
        name="friendli", key_variables=("FRIENDLI_TOKEN",), parameters=(Parameter(name="plan", optional=True, place=True),),
        endpoints=(Endpoint(
            dialect=CHAT, url="https://api.friendli.ai/serverless/v1",
            quirks=Quirks(split_flag="parse_reasoning").over(THOUGHTFUL), url_where={"plan=dedicated": "https://api.friendli.ai/dedicated/v1"},
        ),),
    ),
    Provider(
        name="featherless", key_variables=("FEATHERLESS_API_KEY",), endpoints=chat("https://api.featherless.ai/v1", HOSTED),
    ),
    Provider(
        name="chutes", key_variables=("CHUTES_API_KEY",),
        endpoints=chat("https://llm.chutes.ai/v1", Quirks(needs_max_tokens=True).over(THOUGHTFUL)),
    ),
    Provider(
        name="scaleway", key_variables=("SCW_SECRET_KEY",), endpoints=chat("https://api.scaleway.ai/v1", HOSTED),
    ),
    Provider(
        name="ovhcloud", key_variables=("OVHCLOUD_API_KEY",),
        endpoints=chat("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", HOSTED),
    ),
    Provider(
        name="wandb", key_variables=("WANDB_API_KEY",), endpoints=(Endpoint(
            dialect=CHAT, url="https://api.inference.wandb.ai/v1", quirks=THOUGHTFUL,
            headers=(("openai-project", "{team}/{project}"),),
        ),), parameters=(Parameter(name="team", optional=True), Parameter(name="project", optional=True)),
    ),
    Provider(
        name="venice", key_variables=("VENICE_API_KEY",), endpoints=chat("https://api.venice.ai/api/v1", THOUGHTFUL),
    ),
    Provider(
        name="gmi", key_variables=("GMI_API_KEY",), endpoints=chat("https://api.gmi-serving.com/v1", HOSTED),
    ),
)  # fmt: skip
