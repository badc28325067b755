"""Content parts as callers write them, in OpenAI's or Anthropic's shape, to our parts.

Shapes from OpenAI's chat completions (messages, parts) and Anthropic's Messages API (blocks), both as of November 2026.
Every reader takes the dict, where it stands, and the scope of provider state; it refuses keys that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from . import expect
from .expect import Json
from .input_citations import read_citations
from .input_fields import arguments_text, beside, openai_state, optional, read_cache, verbatim
from .input_media import read_file_data, read_sound, read_source, read_url
from .media import FileId
from .message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
    ToolResult,
    Video,
)

_HOSTED_RESULT = "_tool_result"


class Kind(NamedTuple):
    """How one type of part is read: who may say it, the keys it may have besides ``type``, and its reader."""

    roles: frozenset[str]
    keys: tuple[str, ...]
    read: Callable[[Json, str, Scope], Part]


def read_parts(content: object, at: str, role: str, scope: Scope) -> list[Part]:
    """The parts of a message's ``content``: text, or a list of part dicts and our own parts."""
    if isinstance(content, str):
        return [Text(content)]
    if isinstance(content, Part):
        return [content]
    blocks = expect.items(content, at, "text, or a list of parts")
    return [read_part(block, f"{at}[{n}]", role, scope) for n, block in enumerate(blocks)]


def read_part(block: object, at: str, role: str, scope: Scope) -> Part:
    """One part of a message of ``role``."""
    if isinstance(block, Part):
        return block
    fields = expect.mapping(block, at, "a dict with a 'type', or a part (Text, Image, ...)")
    name = fields.get("type")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None and isinstance(name, str) and name.endswith(_HOSTED_RESULT):
        kind = _HOSTED
    if kind is None or role not in kind.roles:
        allowed = [word for word, known in _KINDS.items() if role in known.roles]
        expect.one_of(None if kind is not None else name, f"{at}.type", allowed, f"part type for the role {role}")
        raise AssertionError(name)
    expect.only(fields, at, ("type", *kind.keys))
    return kind.read(fields, at, scope)


def read_call(call: object, at: str, scope: Scope) -> ToolCall:
    """One of an OpenAI message's ``tool_calls``. ``index`` (left over from a stream) says nothing that its place does not."""
    if isinstance(call, ToolCall):
        return call
    fields = expect.mapping(call, at)
    expect.only(fields, at, ("id", "type", "function", "custom", "index", "extra_content"))
    kind = "custom" if fields.get("type") == "custom" else "function"
    if fields.get("type") is not None:
        expect.one_of(fields["type"], f"{at}.type", ("function", "custom"), "tool call type")
    inner = f"{at}.{kind}"
    said = expect.mapping(fields.get(kind), inner)
    content = "arguments" if kind == "function" else "input"
    expect.only(said, inner, ("name", content, "parsed_arguments"))  # the last is the vendor's SDK's view of the arguments
    name = expect.filled(said.get("name"), f"{inner}.name")
    identity = expect.filled(fields.get("id"), f"{at}.id")
    state = openai_state(fields, ("extra_content",), at, scope)
    if kind == "custom":
        return ToolCall(identity, name, expect.text(said.get("input"), f"{inner}.input"), "custom", state=state)
    return ToolCall(identity, name, arguments_text(said.get("arguments"), f"{inner}.arguments"), state=state)


# ------------------------------------------------------------------------------------------------------------ the kinds


def _text(fields: Json, at: str, scope: Scope) -> Part:
    citations = read_citations(fields.get("citations"), f"{at}.citations", scope)
    return Text(expect.text(fields.get("text"), f"{at}.text"), citations, read_cache(fields, at))


def _refusal(fields: Json, at: str, _: Scope) -> Part:
    return Refusal(expect.text(fields.get("refusal"), f"{at}.refusal"))


def _image_url(fields: Json, at: str, _: Scope) -> Part:
    address, where = fields.get("image_url"), f"{at}.image_url"
    if isinstance(address, str):
        return Image(read_url(address, where), None, read_cache(fields, at))
    said = expect.mapping(address, where, "{'url': ...}")
    expect.only(said, where, ("url", "detail"))
    detail = optional(said, "detail", where)
    return Image(read_url(said.get("url"), f"{where}.url"), detail, read_cache(fields, at))


def _video_url(fields: Json, at: str, _: Scope) -> Part:
    said = expect.mapping(fields.get("video_url"), f"{at}.video_url", "{'url': ...}")
    expect.only(said, f"{at}.video_url", ("url",))
    return Video(read_url(said.get("url"), f"{at}.video_url.url"), read_cache(fields, at))


def _input_audio(fields: Json, at: str, _: Scope) -> Part:
    return Audio(read_sound(fields.get("input_audio"), f"{at}.input_audio"), cache=read_cache(fields, at))


def _file(fields: Json, at: str, _: Scope) -> Part:
    where = f"{at}.file"
    said = expect.mapping(fields.get("file"), where)
    expect.only(said, where, ("file_id", "filename", "file_data"))
    filename = optional(said, "filename", where)
    if said.get("file_id") is not None:
        source: Any = FileId(expect.filled(said["file_id"], f"{where}.file_id"))
    else:
        source = read_file_data(said.get("file_data"), f"{where}.file_data", filename)
    return File(source, filename, cache=read_cache(fields, at))


def _image(fields: Json, at: str, scope: Scope) -> Part:
    source = read_source(fields.get("source"), f"{at}.source")
    if source is None:
        return Opaque("image", verbatim(fields, at, scope))
    return Image(source, None, read_cache(fields, at), beside(fields, ("transformations",), at, scope))


def _document(fields: Json, at: str, scope: Scope) -> Part:
    source = read_source(fields.get("source"), f"{at}.source")
    if source is None:
        return Opaque("document", verbatim(fields, at, scope))
    citations = _citations_enabled(fields.get("citations"), f"{at}.citations")
    title, context = optional(fields, "title", at), optional(fields, "context", at)
    return File(source, None, title, context, citations, read_cache(fields, at))


def _citations_enabled(value: object, at: str) -> bool | None:
    if value is None:
        return None
    said = expect.mapping(value, at, "{'enabled': True | False}")
    expect.only(said, at, ("enabled",))
    return None if said.get("enabled") is None else expect.flag(said["enabled"], f"{at}.enabled")


def _opaque(fields: Json, at: str, scope: Scope) -> Part:
    return Opaque(fields["type"], verbatim(fields, at, scope))


def _thinking(fields: Json, at: str, scope: Scope) -> Part:
    said = expect.text(fields.get("thinking"), f"{at}.thinking")
    optional(fields, "signature", at)
    return Reasoning(said, False, verbatim(fields, at, scope, must_return=True))


def _redacted_thinking(fields: Json, at: str, scope: Scope) -> Part:
    expect.filled(fields.get("data"), f"{at}.data")
    return Reasoning("", True, verbatim(fields, at, scope, must_return=True))


def _tool_use(fields: Json, at: str, scope: Scope) -> Part:
    identity, name = expect.filled(fields.get("id"), f"{at}.id"), expect.filled(fields.get("name"), f"{at}.name")
    arguments = arguments_text(fields.get("input"), f"{at}.input")
    state = beside(fields, ("caller", "toolset_name"), at, scope)
    return ToolCall(identity, name, arguments, "function", read_cache(fields, at), state)


def _hosted_call(fields: Json, at: str, scope: Scope) -> Part:
    identity, name = expect.filled(fields.get("id"), f"{at}.id"), expect.filled(fields.get("name"), f"{at}.name")
    arguments = arguments_text(fields.get("input"), f"{at}.input")
    return HostedToolCall(identity, name, arguments, read_cache(fields, at), verbatim(fields, at, scope))


def _hosted_result(fields: Json, at: str, scope: Scope) -> Part:
    identity = expect.filled(fields.get("tool_use_id"), f"{at}.tool_use_id")
    state = verbatim(fields, at, scope)
    data = msgspec.json.encode(fields.get("content"))
    is_error = fields.get("is_error")
    failed = False if is_error is None else expect.flag(is_error, f"{at}.is_error")
    return HostedToolResult(identity, fields["type"], data, failed, read_cache(fields, at), state)


def _tool_result(fields: Json, at: str, scope: Scope) -> Part:
    identity = expect.filled(fields.get("tool_use_id"), f"{at}.tool_use_id")
    is_error = fields.get("is_error")
    failed = False if is_error is None else expect.flag(is_error, f"{at}.is_error")
    return ToolResult(identity, read_result(fields.get("content"), f"{at}.content", scope), failed, None, read_cache(fields, at))


def read_result(content: object, at: str, scope: Scope) -> tuple[Part, ...]:
    """What a tool answered: text or parts; nothing at all is an answer too."""
    return () if content is None or content == "" else tuple(read_parts(content, at, "tool", scope))


# ------------------------------------------------------------------------------------------------------------- the table

_CACHE = ("cache_control", "prompt_cache_breakpoint")
_ANY = frozenset({"user", "assistant", "tool"})
_USER = frozenset({"user"})
_MODEL = frozenset({"assistant"})
_BOTH = _USER | _MODEL


def _kind(roles: Iterable[str], keys: tuple[str, ...], read: Callable[[Json, str, Scope], Part]) -> Kind:
    return Kind(frozenset(roles), keys, read)


_HOSTED = _kind(_BOTH, ("tool_use_id", "content", "is_error", "caller", "cache_control"), _hosted_result)
_KINDS: dict[str, Kind] = {
    "text": _kind(_ANY | {"system"}, ("text", "citations", *_CACHE), _text),
    "image_url": _kind(_ANY, ("image_url", *_CACHE), _image_url),
    "video_url": _kind(_ANY, ("video_url", *_CACHE), _video_url),
    "input_audio": _kind(_ANY, ("input_audio", *_CACHE), _input_audio),
    "file": _kind(_ANY, ("file", *_CACHE), _file),
    "refusal": _kind(_MODEL, ("refusal",), _refusal),
    "image": _kind(_ANY, ("source", "transformations", *_CACHE), _image),
    "document": _kind(_ANY, ("source", "title", "context", "citations", *_CACHE), _document),
    "search_result": _kind(_ANY, ("source", "title", "content", "citations", *_CACHE), _opaque),
    "thinking": _kind(_MODEL, ("thinking", "signature"), _thinking),
    "redacted_thinking": _kind(_MODEL, ("data",), _redacted_thinking),
    "tool_use": _kind(_MODEL, ("id", "name", "input", "caller", "toolset_name", "cache_control"), _tool_use),
    "tool_result": _kind(_USER, ("tool_use_id", "content", "is_error", "cache_control"), _tool_result),
    "server_tool_use": _kind(_MODEL, ("id", "name", "input", "caller", "cache_control"), _hosted_call),
    "mcp_tool_use": _kind(_MODEL, ("id", "name", "input", "server_name", "cache_control"), _hosted_call),
    "container_upload": _kind(_BOTH, ("file_id", "cache_control"), _opaque),
    "compaction": _kind(_MODEL, ("content", "encrypted_content", "signature", "tool_changes", "cache_control"), _opaque),
    "fallback": _kind(_MODEL, ("from", "to", "trigger"), _opaque),
    "tool_reference": _kind({"tool"}, ("tool_name", "cache_control"), _opaque),
    "browser_state": _kind({"tool"}, ("tabs", "state_changes", "cache_control"), _opaque),
}
