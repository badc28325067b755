"""Those who pass requests on to others (providers §4, openrouter)."""

from __future__ import annotations

from ..values.model import Quirks
from .address import Parameter
from .auth import HeaderAuth
from .profiles import CHAT, COMPATIBLE, PLAIN, chat, messages, responses, trio
from .provider import Endpoint, Provider

_AS_SENT = Quirks(reasoning_field="as_sent").over(PLAIN)  # whoever is behind it decides which field reasoning comes in

ROWS: tuple[Provider, ...] = (
    Provider(
        name="openrouter", key_variables=("OPENROUTER_API_KEY",), hosts=("openrouter.ai",), default_model="openrouter/auto",
        endpoints=(*chat("https://openrouter.ai/api/v1", Quirks(
            reasoning_field="reasoning", reasoning_style="openrouter", cost_field="cost", cache_marks="cache_control",
            bad_gateway_is_overloaded=True, file_urls=True, video_urls=True,
        ).over(COMPATIBLE)), responses("https://openrouter.ai/api/v1"), messages("https://openrouter.ai/api")),
    ),
    Provider(
        name="vercel", key_variables=("AI_GATEWAY_API_KEY",),
        endpoints=(*chat("https://ai-gateway.vercel.sh/v1", _AS_SENT), messages("https://ai-gateway.vercel.sh")),
    ),
    Provider(
        name="poe", key_variables=("POE_API_KEY",), endpoints=chat("https://api.poe.com/v1"),
    ),
    Provider(
        name="requesty", key_variables=("REQUESTY_API_KEY",), endpoints=chat("https://router.requesty.ai/v1", _AS_SENT),
    ),
    Provider(
        name="helicone", key_variables=("HELICONE_API_KEY",), endpoints=chat("https://ai-gateway.helicone.ai/v1", _AS_SENT),
    ),
    Provider(
        name="portkey", key_variables=("PORTKEY_API_KEY",), auth=HeaderAuth("x-portkey-api-key"), endpoints=(Endpoint(
            dialect=CHAT, url="https://api.portkey.ai/v1", quirks=_AS_SENT,
            headers=(("x-portkey-provider", "{provider}"), ("x-portkey-config", "{config}")),
        ),), parameters=(Parameter(name="provider", optional=True), Parameter(name="config", optional=True)),
    ),
    Provider(
        name="nano-gpt", key_variables=("NANO_GPT_API_KEY",), endpoints=chat("https://nano-gpt.com/api/v1", _AS_SENT),
    ),
    Provider(
        name="synthetic", key_variables=("SYNTHETIC_API_KEY",), endpoints=chat("https://api.synthetic.new/openai/v1", _AS_SENT),
    ),
    Provider(
        name="opencode", key_variables=("OPENCODE_API_KEY",), endpoints=trio("https://opencode.ai/zen", quirks=_AS_SENT),
    ),
    Provider(
        name="litellm", key_variables=("LITELLM_API_KEY",), needs_key=False,
        endpoints=trio("http://127.0.0.1:4000", quirks=Quirks(reasoning_field="reasoning_content").over(COMPATIBLE)),
    ),
)  # fmt: skip
