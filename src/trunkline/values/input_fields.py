"""Single fields of the dicts that callers write: optional text, cache marks, arguments, and what only one protocol knows."""

from __future__ import annotations

import msgspec

from . import expect
from .expect import Json
from .message import CacheMark, ProviderState, Scope

ANTHROPIC = "anthropic-messages"
OPENAI = "openai-chat"


def read_cache(fields: Json, at: str) -> CacheMark | None:
    """A cache mark, said as ``cache_control`` (Anthropic) or ``prompt_cache_breakpoint`` (OpenAI)."""
    for key, kinds, of in (("cache_control", ("ephemeral",), "type"), ("prompt_cache_breakpoint", ("explicit",), "mode")):
        if (mark := fields.get(key)) is not None:
            where = f"{at}.{key}"
            said = expect.mapping(mark, where)
            expect.only(said, where, (of, "ttl"))
            expect.one_of(said.get(of), f"{where}.{of}", kinds)
            ttl = said.get("ttl")
            return CacheMark(None if ttl is None else expect.filled(ttl, f"{where}.ttl"))
    return None


def optional(fields: Json, key: str, at: str) -> str | None:
    value = fields.get(key)
    return None if value is None else expect.text(value, f"{at}.{key}")


def verbatim(fields: Json, at: str, scope: Scope, *, must_return: bool = False) -> ProviderState:
    """The dict itself as provider state: replayed as it stands to Anthropic's protocol within ``scope``, and to nobody else."""
    expect.json_value(fields, at)
    return ProviderState(ANTHROPIC, msgspec.json.encode(fields), scope, must_return)


def openai_state(fields: Json, keys: tuple[str, ...], at: str, scope: Scope) -> ProviderState | None:
    """Keys that compatible servers add to OpenAI's shapes, and want back as they were; None where there are none."""
    found = {key: fields[key] for key in keys if fields.get(key)}
    if not found:
        return None
    expect.json_value(found, at)
    return ProviderState(OPENAI, msgspec.json.encode(found), scope, must_return=True)


def beside(fields: Json, keys: tuple[str, ...], at: str, scope: Scope) -> ProviderState | None:
    """Keys that only Anthropic's protocol knows, as provider state beside our part; None where there are none."""
    extra = {key: fields[key] for key in keys if fields.get(key) is not None}
    return verbatim({"type": fields["type"], **extra}, at, scope) if extra else None


def arguments_text(value: object, at: str) -> str:
    """A tool call's arguments as JSON text; Anthropic (and many local servers) write them as an object."""
    if value is None:
        return "{}"
    if isinstance(value, str):
        return value
    return msgspec.json.encode(expect.json_object(value, at)).decode()


def place(fields: Json, key: str, at: str) -> int | None:
    value = fields.get(key)
    return None if value is None else expect.whole(value, f"{at}.{key}")
