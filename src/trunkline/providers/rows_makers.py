"""Those who make models and answer for them themselves (providers §1, §2)."""

from __future__ import annotations

from ..values.model import NO_QUIRKS, Quirks
from .address import Parameter
from .auth import Bearer, HeaderAuth
from .profiles import (
    CHAT,
    CHINA,
    CLAUDE_MEDIA,
    COHERE_MEDIA,
    COMPATIBLE,
    ELSEWHERE,
    GEMINI_MEDIA,
    GPT_MEDIA,
    MESSAGES,
    OPENAI,
    PLAIN,
    RESPONSES,
    THOUGHTFUL,
    chat,
    messages,
    responses,
)
from .provider import Endpoint, Provider

_MISTRAL = Quirks(
    seed_field="random_seed", required_tool_choice="any", tool_id_format="alnum9", prefill_flag="prefix",
    assistant_after_tool=True, no_stream_options=True, no_logprobs=True, no_logit_bias=True, reasoning_style="effort",
).over(ELSEWHERE)  # fmt: skip
_GPT = GPT_MEDIA.over(OPENAI)
_SWITCHED = Quirks(reasoning_style="thinking_type").over(THOUGHTFUL)  # thinking is on or off
_GLM = Quirks(tool_choice_auto_only=True, json_object_only=True).over(_SWITCHED)


def _dashscope(dialect: str, path: str, quirks: Quirks = NO_QUIRKS) -> Endpoint:
    return Endpoint(
        dialect=dialect, url=f"https://dashscope-intl.aliyuncs.com{path}", quirks=quirks,
        url_where={"region=cn": f"https://dashscope.aliyuncs.com{path}", "region=us": f"https://dashscope-us.aliyuncs.com{path}"},
    )  # fmt: skip


ROWS: tuple[Provider, ...] = (
    Provider(
        name="anthropic", key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), hosts=("api.anthropic.com",),
        endpoints=(Endpoint(dialect=MESSAGES, url="https://api.anthropic.com", quirks=CLAUDE_MEDIA),),
        default_model="claude-sonnet-5", auth=HeaderAuth("x-api-key"), variable_auth={"ANTHROPIC_AUTH_TOKEN": Bearer()},
    ),
    Provider(
        name="openai", key_variables=("OPENAI_API_KEY",), hosts=("api.openai.com", "eu.api.openai.com"),
        endpoints=(*chat("https://api.openai.com/v1", _GPT), responses("https://api.openai.com/v1", _GPT)),
        default_model="gpt-5.4-mini",
    ),
    Provider(
        name="gemini", key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"), auth=HeaderAuth("x-goog-api-key"),
        url_variables=("GOOGLE_GEMINI_BASE_URL",), endpoints=(
            Endpoint(dialect="gemini", url="https://generativelanguage.googleapis.com/v1beta", quirks=GEMINI_MEDIA),
            Endpoint(dialect=CHAT, url="https://generativelanguage.googleapis.com/v1beta/openai", quirks=PLAIN, auth=Bearer()),
        ), default_model="gemini-3.8-flash",
    ),
    Provider(
        name="mistral", key_variables=("MISTRAL_API_KEY",), hosts=("api.mistral.ai",), default_model="mistral-large-4",
        endpoints=chat("https://api.mistral.ai/v1", _MISTRAL),
    ),
    Provider(
        name="deepseek", key_variables=("DEEPSEEK_API_KEY",), hosts=("api.deepseek.com",), default_model="deepseek-v4-flash",
        endpoints=(*chat("https://api.deepseek.com", Quirks(
            return_reasoning=True, reasoning_style="thinking_type", efforts=("high", "max"),
            json_object_only=True, no_n=True, no_strict=False,
        ).over(THOUGHTFUL)), responses("https://api.deepseek.com", PLAIN), messages("https://api.deepseek.com/anthropic")),
    ),
    Provider(
        name="xai", key_variables=("XAI_API_KEY",), hosts=("api.x.ai",), default_model="grok-4.3",
        endpoints=(*chat("https://api.x.ai/v1", Quirks(
            max_tokens_field="max_completion_tokens", reasoning_field="reasoning_content", reasoning_style="effort",
            output_excludes_reasoning=True, cost_field="cost_in_usd_ticks", cost_scale=1e-10, no_metadata=True,
        ).over(COMPATIBLE)), responses("https://api.x.ai/v1")),
    ),
    Provider(
        name="cohere", key_variables=("COHERE_API_KEY", "CO_API_KEY"), url_variables=("CO_API_URL",),
        default_model="command-a-03-2025", endpoints=(
            Endpoint(dialect="cohere", url="https://api.cohere.com", quirks=Quirks(no_response_format=False).over(COHERE_MEDIA)),
            Endpoint(dialect=CHAT, url="https://api.cohere.ai/compatibility/v1", quirks=Quirks(no_n=True).over(PLAIN)),
        ),
    ),
    Provider(
        name="moonshot", key_variables=("MOONSHOT_API_KEY",), parameters=(CHINA,), default_model="kimi-k3",
        endpoints=(*chat("https://api.moonshot.ai/v1", Quirks(
            return_reasoning=True, prefill_flag="partial", tool_choice_auto_only=True,
        ).over(_SWITCHED), cn="https://api.moonshot.cn/v1"),
        messages("https://api.moonshot.ai/anthropic", cn="https://api.moonshot.cn/anthropic")),
    ),
    Provider(
        name="zai", key_variables=("ZAI_API_KEY",), parameters=(Parameter(name="plan", optional=True, place=True),), endpoints=(
            Endpoint(dialect=CHAT, url="https://api.z.ai/api/paas/v4", quirks=_GLM,
                     url_where={"plan=coding": "https://api.z.ai/api/coding/paas/v4"}),
            messages("https://api.z.ai/api/anthropic"),
        ), default_model="glm-5.3",
    ),
    Provider(
        name="dashscope", key_variables=("DASHSCOPE_API_KEY",), parameters=(CHINA,), default_model="qwen3.8-max", endpoints=(
            _dashscope(CHAT, "/compatible-mode/v1", Quirks(reasoning_style="enable_thinking").over(THOUGHTFUL)),
            _dashscope(RESPONSES, "/compatible-mode/v1", COMPATIBLE), _dashscope(MESSAGES, "/apps/anthropic"),
        ),
    ),
    Provider(
        name="minimax", key_variables=("MINIMAX_API_KEY",), parameters=(CHINA,), default_model="minimax-m3",
        endpoints=(*chat("https://api.minimax.io/v1", Quirks(
            split_flag="reasoning_split", reasoning_field="as_sent", return_reasoning=True, reasoning_style="none",
        ).over(PLAIN), cn="https://api.minimaxi.com/v1"),
        messages("https://api.minimax.io/anthropic", cn="https://api.minimaxi.com/anthropic")),
    ),
    Provider(
        name="perplexity", key_variables=("PERPLEXITY_API_KEY",), hosts=("api.perplexity.ai",),
        endpoints=(*chat("https://api.perplexity.ai", Quirks(
            alternate_roles=True, no_tools=True, cost_field="cost.total_cost", reasoning_style="effort", markup="think",
            no_response_format=False,
        ).over(PLAIN)), responses("https://api.perplexity.ai/v1", PLAIN)),
    ),
    Provider(
        name="meta", key_variables=("META_API_KEY",), default_model="muse-spark-1.3",
        endpoints=(*chat("https://api.meta.ai/v1"), responses("https://api.meta.ai/v1")),
    ),
    Provider(
        name="codestral", key_variables=("CODESTRAL_API_KEY",), default_model="codestral-2508",
        endpoints=chat("https://codestral.mistral.ai/v1", _MISTRAL),
    ),
    Provider(
        name="zhipu", key_variables=("ZHIPU_API_KEY",), endpoints=chat("https://open.bigmodel.cn/api/paas/v4", _GLM),
    ),
    Provider(
        name="ai21", key_variables=("AI21_API_KEY",), endpoints=chat("https://api.ai21.com/studio/v1"),
    ),
    Provider(
        name="inception", key_variables=("INCEPTION_API_KEY",), endpoints=chat("https://api.inceptionlabs.ai/v1"),
    ),
    Provider(
        name="upstage", key_variables=("UPSTAGE_API_KEY",), endpoints=chat("https://api.upstage.ai/v1"),
    ),
    Provider(
        name="stepfun", key_variables=("STEPFUN_API_KEY",), parameters=(CHINA,),
        endpoints=chat("https://api.stepfun.ai/v1", cn="https://api.stepfun.com/v1"),
    ),
    Provider(
        name="volcengine", key_variables=("ARK_API_KEY",), endpoints=(
            *chat("https://ark.cn-beijing.volces.com/api/v3", _SWITCHED),
            responses("https://ark.cn-beijing.volces.com/api/v3", PLAIN),
        ),
    ),
    Provider(
        name="xiaomi", key_variables=("XIAOMI_API_KEY",), endpoints=(
            *chat("https://api.xiaomimimo.com/v1", _SWITCHED), messages("https://api.xiaomimimo.com/anthropic"),
        ),
    ),
    Provider(
        name="hunyuan", key_variables=("HUNYUAN_API_KEY",),
        endpoints=chat("https://api.hunyuan.cloud.tencent.com/v1", THOUGHTFUL),
    ),
    Provider(
        name="morph", key_variables=("MORPH_API_KEY",), endpoints=chat("https://api.morphllm.com/v1"),
    ),
    Provider(
        name="v0", key_variables=("V0_API_KEY",), endpoints=chat("https://api.v0.dev/v1"),
    ),
    Provider(
        name="jina", key_variables=("JINA_API_KEY",), endpoints=chat("https://deepsearch.jina.ai/v1", Quirks(
            no_tools=True,
        ).over(THOUGHTFUL)), default_model="jina-deepsearch-v1",
    ),
)  # fmt: skip
