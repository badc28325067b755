"""The model servers that people run on their own machines: where they listen, and how each is known for sure.

Sources: local-servers §0 to §5, and what the programs did when they were asked (docs/local-servers.md).
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..values.headers import Headers
from ..wire.loose_json import loads


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET path`` must answer, with a status of ``statuses``, for a server to be the one: a header that begins so, or a
    field of its JSON (a dotted path) that is there (None) or has this value. All that is named must hold."""

    path: str
    header: tuple[str, str] | None = None
    field: tuple[str, str | None] | None = None
    statuses: tuple[int, ...] = (200,)

    def holds(self, status: int, headers: Headers, body: bytes) -> bool:
        """Whether that reply is the sign. Never raises."""
        if status not in self.statuses:
            return False
        if self.header is not None and not headers.get(self.header[0], "").startswith(self.header[1]):
            return False
        return self.field is None or _has(body, *self.field)


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server: its row's ``name``, the ports that it takes by default, and signs of which any is enough.

    ``model``: what it calls whatever it has loaded; None: it is asked what it has, and the first is taken.
    """

    name: str
    ports: tuple[int, ...]
    signs: tuple[Sign, ...]
    model: str | None = None


LOCAL: tuple[Local, ...] = (
    Local(
        name="mlx", ports=(8080,), model="default_model",
        signs=(Sign(path="/health", header=("server", "BaseHTTP/"), field=("status", None), statuses=(200, 503)),),
    ),
    Local(
        name="llamacpp", ports=(9931, 8080),
        signs=(
            Sign(path="/props", field=("default_generation_settings", None)),
            Sign(path="/health", header=("server", "llama.cpp"), statuses=(200, 503)),
        ),
    ),
    Local(name="ollama", ports=(11434,), signs=(Sign(path="/api/version", field=("version", None)),)),
    Local(name="lmstudio", ports=(1234,), signs=(Sign(path="/api/v1/models", field=("models", None)),)),
    Local(
        name="vllm", ports=(8000,),
        signs=(Sign(path="/version", field=("version", None)), Sign(path="/v1/models", field=("data.0.owned_by", "vllm"))),
    ),
    Local(
        name="llama-cpp-python", ports=(8000,),
        signs=(Sign(path="/openapi.json", field=("info.title", "\N{LLAMA} llama.cpp Python API")),),
    ),
    Local(name="transformers", ports=(8000,), signs=(Sign(path="/openapi.json", field=("paths./load_model", None)),)),
    Local(name="sglang", ports=(30000,), signs=(Sign(path="/v1/models", field=("data.0.owned_by", "sglang")),)),
)  # fmt: skip
"""In the order in which they are chosen."""


def local(name: str) -> Local | None:
    """The kind of server of that name; None: it is none."""
    return next((row for row in LOCAL if row.name == name), None)


def _has(body: bytes, path: str, wanted: str | None) -> bool:
    try:
        value: Any = loads(body)
    except ValueError:
        return False
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False
    return wanted is None or value == wanted
