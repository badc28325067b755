"""The turns of a request as our messages: as the client half would have had them to say just that (bedrock-converse §3, §4)."""

from __future__ import annotations

import msgspec

from ....values.errors import UsageError
from ....values.input_media import read_base64
from ....values.media import Data, Source, Url
from ....values.message import (
    File,
    HostedToolCall,
    HostedToolResult,
    Message,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from ...dialect import Context
from ...losses import Losses
from ...reply_fields import Fields
from ...served_fields import is_null
from ..blocks import RESULT, opaque, part_of_fields
from ..pieces import DOCUMENTS, ID, media_type_of, state, without_nulls
from . import stand_in
from .fields import cache_mark, flag, inner_object, items_at, object_at, refuse, required_text, text

_UNMARKED = (Reasoning, Opaque)
_MODELS = (Reasoning, ToolCall, HostedToolCall, HostedToolResult)
"""What only a model says."""


def messages_of(fields: Fields, context: Context, losses: Losses) -> tuple[Message, ...]:
    """``system`` and ``messages`` of a body."""
    if is_null(fields.get("messages")):
        refuse("messages", "this field is required")
    messages: list[Message] = []
    if not is_null(fields.get("system")) and (parts := _parts(fields["system"], "system", context)):
        messages.append(Message("system", parts))
    for n, raw in enumerate(items_at(fields["messages"], "messages")):
        path = f"messages[{n}]"
        _turn(object_at(raw, path), path, messages, context, losses)
    return tuple(messages)


def _turn(fields: Fields, path: str, messages: list[Message], context: Context, losses: Losses) -> None:
    role = required_text(fields, "role", f"{path}.")
    for name in fields:
        if name not in ("role", "content"):
            losses.dropped(f"{path}.{name}", "a turn has a role and content, and nothing else")
    if is_null(fields.get("content")):
        refuse(f"{path}.content", "this field is required")
    parts = _parts(fields["content"], f"{path}.content", context, said=role == "assistant")
    if role == "user":
        _user(parts, messages, losses)
    elif role == "assistant":
        messages.append(Message("assistant", parts))
    elif role == "system":
        messages.append(Message("system", parts))
    else:
        refuse(f"{path}.role", "user, assistant or system is expected")


def _user(parts: tuple[Part, ...], messages: list[Message], losses: Losses) -> None:
    """A user's turn holds results of tools too: these are messages of their own, and come first."""
    results = tuple([part for part in parts if type(part) is ToolResult])
    if not results:
        messages.append(Message("user", parts))
        return
    others = tuple([part for part in parts if type(part) is not ToolResult])
    if parts[: len(results)] != results:
        losses.approximated("messages.toolResult", "results of tools come before all else that stands in their turn")
    messages.append(Message("tool", results))
    if others:
        messages.append(Message("user", others))


# --- blocks -----------------------------------------------------------------------------------------------------------------


def _parts(raw: msgspec.Raw, path: str, context: Context, *, said: bool = False) -> tuple[Part, ...]:
    """The parts of a list of blocks; a cache point marks the part before it."""
    parts: list[Part] = []
    for n, item in enumerate(items_at(raw, path)):
        at = f"{path}[{n}]"
        block = without_nulls(object_at(item, at), ())
        if not block:
            refuse(at, "a block has one key, which says what it is")
        if block.keys() == {"cachePoint"} and _marks(parts, block["cachePoint"], f"{at}.cachePoint"):
            continue
        part = _part(block, item, at, context, said=said)
        if not said and isinstance(part, _MODELS):
            refuse(at, "this is the assistant's to say")
        parts.append(part)
    return tuple([part for part in parts if not _ours(part)])


def _marks(parts: list[Part], raw: msgspec.Raw, path: str) -> bool:
    mark = cache_mark(raw, path)
    if mark is None or not parts or isinstance(parts[-1], _UNMARKED) or getattr(parts[-1], "cache", None) is not None:
        return False
    if not hasattr(parts[-1], "cache"):
        return False
    parts[-1] = msgspec.structs.replace(parts[-1], cache=mark)
    return True


def _ours(part: Part) -> bool:
    """Whether it is hidden reasoning that we made up ourselves."""
    return type(part) is Reasoning and part.redacted and part.state is not None and stand_in.REDACTED.encode() in part.state.data


def _part(block: Fields, raw: msgspec.Raw, path: str, context: Context, *, said: bool = False) -> Part:
    (kind, *others) = block
    if not others and kind == "document":
        return _document(object_at(block[kind], f"{path}.{kind}"), raw, context, f"{path}.{kind}.")
    if not others and kind == RESULT and not said:
        return _result(object_at(block[kind], f"{path}.{kind}"), context, f"{path}.{kind}.")
    if not others and kind == "toolUse":
        call = object_at(block[kind], f"{path}.{kind}")
        required_text(call, "toolUseId", f"{path}.{kind}.")
        required_text(call, "name", f"{path}.{kind}.")
        if not is_null(call.get("input")):
            object_at(call["input"], f"{path}.{kind}.input")
    if not others and kind == "text":
        words = text(block, "text", f"{path}.")
        return Text(words or "")
    return part_of_fields(block, raw, context, path)


def _result(fields: Fields, context: Context, at: str) -> Part:
    answered = required_text(fields, "toolUseId", at)
    content = fields.get("content")
    parts = () if content is None or is_null(content) else _shown(content, f"{at}content", context)
    rest = without_nulls(fields, ("toolUseId", "content", "status"))
    own = state(msgspec.json.encode(rest), context, bound=False) if rest else None
    return ToolResult(answered, parts, text(fields, "status", at) == "error", state=own)


def _shown(raw: msgspec.Raw, path: str, context: Context) -> tuple[Part, ...]:
    """What a tool answered. JSON is text that says so in its state."""
    parts: list[Part] = []
    for n, item in enumerate(items_at(raw, path)):
        at = f"{path}[{n}]"
        block = without_nulls(object_at(item, at), ())
        if not block:
            refuse(at, "a block has one key, which says what it is")
        if block.keys() == {"json"}:
            parts.append(Text(bytes(block["json"]).decode("utf-8", "replace"), state=ProviderState(ID, bytes(item))))
            continue
        part = _part(block, item, at, context)
        if isinstance(part, _MODELS):
            refuse(at, "this is the assistant's to say")
        parts.append(part)
    return tuple(parts)


def _document(fields: Fields, raw: msgspec.Raw, context: Context, at: str) -> Part:
    """A document that we can say again as it is; any other verbatim."""
    name, format = required_text(fields, "name", at), text(fields, "format", at) or ""
    source = _source(inner_object(fields, "source", at), format, at)
    if source is None or fields.keys() - {"name", "format", "source", "context", "citations"}:
        return opaque("document", raw, context)
    cited = inner_object(fields, "citations", at)
    enabled = flag(cited, "enabled", f"{at}citations.")
    if cited.keys() - {"enabled"} or (cited and enabled is None):
        return opaque("document", raw, context)
    return File(source, None, name, text(fields, "context", at) or None, enabled)


def _source(source: Fields, format: str, at: str) -> Source | None:
    media_type = media_type_of(format, DOCUMENTS)
    if len(source) != 1 or (media_type is None and "text" not in source):
        return None
    if "bytes" in source:
        try:
            return Data(read_base64(required_text(source, "bytes", f"{at}source."), "bytes"), media_type or "")
        except UsageError:
            refuse(f"{at}source.bytes", "base64 is expected")
    if "text" in source and format in ("", "txt"):
        return Data((text(source, "text", f"{at}source.") or "").encode("utf-8", "replace"), "text/plain")
    place = inner_object(source, "s3Location", f"{at}source.")
    if place.keys() == {"uri"} and media_type is not None:
        return Url(required_text(place, "uri", f"{at}source.s3Location."), media_type)
    return None
