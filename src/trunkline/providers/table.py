"""The providers, a row each, in the order in which configured keys are tried: those who make models first, then those who run
those of others, gateways, clouds, and last the servers on one's own machine.

Sources: the protocol sheets (providers, openai-chat §9, openrouter, local-servers) and recorded traffic. A quirk's reason stands
in ``Quirks``.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..values.errors import UsageError
from ..values.model import NO_QUIRKS, Quirks
from . import rows_clouds, rows_gateways, rows_hosts, rows_local, rows_makers
from .address import host_in
from .auth import Auth, Bearer, HeaderAuth
from .profiles import CHAT, COMPATIBLE, MESSAGES, OF_ANYBODY, RESPONSES
from .provider import Endpoint, Provider

TABLE: tuple[Provider, ...] = (
    *rows_makers.ROWS, *rows_hosts.ROWS, *rows_gateways.ROWS, *rows_clouds.ROWS, *rows_local.ROWS,
)  # fmt: skip

_BY_NAME = {row.name: row for row in TABLE}

# What people call some of them; only the hint of an error knows these.
_NICKNAMES = {
    "google": "gemini", "google-ai": "gemini", "vertexai": "vertex", "aws": "bedrock", "x-ai": "xai",
    "claude": "anthropic", "gpt": "openai", "chatgpt": "openai", "moonshotai": "moonshot", "kimi": "moonshot",
    "alibaba": "dashscope", "qwen": "dashscope", "doubao": "volcengine", "glm": "zai", "hf": "huggingface",
    "llama.cpp": "llamacpp", "lm-studio": "lmstudio", "tencent": "hunyuan",
}  # fmt: skip

# How a key is shown to an endpoint of one's own, and what is safe to think of a server that nobody has described.
_OWN: dict[str, tuple[Auth, Quirks]] = {
    CHAT: (Bearer(), OF_ANYBODY),
    MESSAGES: (HeaderAuth("x-api-key"), NO_QUIRKS),
    "bedrock-converse": (Bearer(), NO_QUIRKS),
    "cohere": (Bearer(), NO_QUIRKS),
    "gemini": (HeaderAuth("x-goog-api-key"), NO_QUIRKS),
    RESPONSES: (Bearer(), COMPATIBLE),
    "ollama": (Bearer(), Quirks(markup="auto")),
}


# Where servers of a dialect answer, when an address names no path.
_PATHS = {CHAT: "/v1", "gemini": "/v1beta", RESPONSES: "/v1"}
# Of whole hosts: on one's own machine every port is somebody else.
_HOSTS = frozenset(
    host_in(each.url) for row in TABLE for each in row.endpoints if each.url is not None and each.url[:6] == "https:"
)


def provider(name: str, field: str = "provider") -> Provider:
    """The row of that name. ``UsageError`` names ``field`` and what there is."""
    row = _BY_NAME.get(name)
    if row is None:
        import difflib  # only for this message

        known = _NICKNAMES.get(name.lower())
        near = [known] if known else difflib.get_close_matches(name.lower(), [*_BY_NAME, *_OWN], 1)
        raise UsageError(
            "no such provider" + (f" (did you mean {near[0]}?)" if near else ""),
            field=field,
            allowed=f"one of {len(_BY_NAME)}: `trunkline health --all`; with a base_url of your own: {', '.join(_OWN)}",
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
