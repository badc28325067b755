"""Servers on one's own machine, each at its usual port (providers §5, local-servers); ``local.py`` says how each is known.

What they really do: docs/local-servers.md.
"""

from __future__ import annotations

from ..values.model import Quirks
from .profiles import BYTES_ONLY, COMPATIBLE, LOCAL, OF_ANYBODY, SPOKEN, chat, messages, responses, trio
from .provider import Command, Endpoint, Provider

_OF_ANY_PROGRAM = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
"""What a program needs to find its way home, to its logins and to the network."""

_OLLAMA = Quirks(tool_choice_auto_only=True, no_n=True, no_logit_bias=True, image_urls=False).over(LOCAL)

ROWS: tuple[Provider, ...] = (
    Provider(
        name="mlx", needs_key=False, default_model="default_model", endpoints=chat("http://127.0.0.1:8080/v1", Quirks(
            reasoning_field="reasoning", reasoning_style="chat_template", needs_max_tokens=True, stop_faulty=True,
            no_n=True, no_response_format=True, tool_choice_auto_only=True, no_images=True, no_logprobs=True,
        ).over(LOCAL)),
    ),
    Provider(
        name="llamacpp", key_variables=("LLAMA_API_KEY",), needs_key=False, url_variables=("LLAMACPP_BASE_URL",),
        endpoints=trio("http://127.0.0.1:9931", quirks=Quirks(
            reasoning_field="reasoning_content", reasoning_style="chat_template", prompt_count="path",
        ).over(LOCAL)),
    ),
    Provider(
        name="ollama", key_variables=("OLLAMA_API_KEY",), needs_key=False, hosts=("ollama.com",), endpoints=(
            Endpoint(dialect="ollama", url="http://127.0.0.1:11434", quirks=Quirks(markup="auto")),
            *chat("http://127.0.0.1:11434/v1", _OLLAMA),
            responses("http://127.0.0.1:11434/v1", BYTES_ONLY.over(COMPATIBLE)),
            messages("http://127.0.0.1:11434", Quirks(no_forced_tool=True).over(BYTES_ONLY.over(SPOKEN))),
        ),
    ),
    Provider(
        name="lmstudio", key_variables=("LM_API_TOKEN",), needs_key=False,
        endpoints=trio("http://127.0.0.1:1234", quirks=Quirks(reasoning_style="effort", image_urls=False).over(LOCAL)),
    ),
    Provider(
        name="vllm", key_variables=("VLLM_API_KEY",), needs_key=False,
        endpoints=trio("http://127.0.0.1:8000", quirks=Quirks(reasoning_style="chat_template", video_urls=True).over(LOCAL)),
    ),
    Provider(
        name="llama-cpp-python", needs_key=False, endpoints=chat("http://127.0.0.1:8000/v1", Quirks(
            json_object_only=True, no_n=True,
        ).over(LOCAL)),
    ),
    Provider(
        name="transformers", needs_key=False, endpoints=chat("http://127.0.0.1:8000/v1", Quirks(
            no_n=True, no_response_format=True, tool_choice_auto_only=True, stop_faulty=True,
        ).over(LOCAL)),
    ),
    Provider(
        name="sglang", needs_key=False,
        endpoints=chat("http://127.0.0.1:30000/v1", Quirks(reasoning_style="chat_template").over(LOCAL)),
    ),
    Provider(
        name="tgi", needs_key=False, endpoints=chat("http://127.0.0.1:8080/v1", LOCAL),
    ),
    Provider(
        name="jan", needs_key=False, endpoints=chat("http://127.0.0.1:1337/v1", LOCAL),
    ),
    Provider(
        name="localai", needs_key=False, endpoints=chat("http://127.0.0.1:8080/v1", LOCAL),
    ),
    Provider(
        name="lemonade", needs_key=False, endpoints=chat("http://127.0.0.1:8000/api/v1", LOCAL),
    ),
    Provider(
        name="claude-cli", needs_key=False, default_model="sonnet", endpoints=(
            Endpoint(dialect="claude-cli", command=Command(
                name="claude", key_variable="ANTHROPIC_API_KEY", url_variable="ANTHROPIC_BASE_URL", variables=(
                    *_OF_ANY_PROGRAM, "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK",
                    "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY",
                ),
            )),
        ),
    ),
    Provider(
        name="local", needs_key=False, endpoints=chat(None, OF_ANYBODY),
    ),
)  # fmt: skip
