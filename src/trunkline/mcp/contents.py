"""What a server says, in the SDK's types, as our values. Names and shapes: MCP 2025-11-25, "Tools", "Prompts", "Resources"."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import mcp_types as sdk
import msgspec

from ..values.errors import ToolSourceError
from ..values.media import Data
from ..values.message import Audio, File, Image, Message, Part, Text, ToolResult, Video
from ..values.sniffing import sniff


class McpArgument(msgspec.Struct, frozen=True):
    """What a prompt may, or must, be given."""

    name: str
    description: str | None = None
    required: bool = False


class McpPrompt(msgspec.Struct, frozen=True):
    """A prompt that a server has ready."""

    name: str
    description: str | None = None
    arguments: tuple[McpArgument, ...] = ()


class McpResource(msgspec.Struct, frozen=True):
    """Something that can be read at a server; ``size`` in bytes, where it is known."""

    uri: str
    name: str
    description: str | None = None
    media_type: str | None = None
    size: int | None = None


def prompt(given: sdk.Prompt) -> McpPrompt:
    arguments = [McpArgument(each.name, each.description, bool(each.required)) for each in given.arguments or ()]
    return McpPrompt(given.name, given.description, tuple(arguments))


def resource(given: sdk.Resource) -> McpResource:
    return McpResource(given.uri, given.name, given.description, given.mime_type, given.size)


def message(given: sdk.PromptMessage) -> Message:
    return Message("assistant" if given.role == "assistant" else "user", (part(given.content),))


def result(name: str, given: sdk.CallToolResult) -> ToolResult:
    """Its parts; what is structured is added as JSON, where no text says the same."""
    parts = [part(each) for each in given.content]
    structured = given.structured_content
    if structured is not None and not _restated(structured, [each.text for each in parts if isinstance(each, Text)]):
        parts.append(Text(msgspec.json.encode(structured).decode()))
    return ToolResult("", tuple(parts), is_error=given.is_error, name=name)


def _restated(structured: Any, texts: Sequence[str]) -> bool:
    """Whether ``texts`` say what is structured, which they should ("Structured Content"); a plain value or a list of them
    stands under ``result`` there."""
    inner = structured.get("result", structured) if isinstance(structured, dict) else structured
    said = [_parsed(text) for text in texts]
    return inner in texts or any(each in (structured, inner) for each in said) or (bool(said) and inner in (said, [*texts]))


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


def part(given: sdk.ContentBlock) -> Part:
    match given:
        case sdk.TextContent():
            return Text(given.text)
        case sdk.ImageContent():
            return Image(_data(given.data, given.mime_type))
        case sdk.AudioContent():
            return Audio(_data(given.data, given.mime_type))
        case sdk.ResourceLink():
            told = {"uri": given.uri, "name": given.name, "description": given.description, "mimeType": given.mime_type}
            return Text(msgspec.json.encode({key: value for key, value in told.items() if value is not None}).decode())
        case sdk.EmbeddedResource():
            return contents(given.resource)


def contents(given: sdk.TextResourceContents | sdk.BlobResourceContents) -> Part:
    """Text as it is; bytes as what their media type says that they are."""
    if isinstance(given, sdk.TextResourceContents):
        return Text(given.text)
    data = _data(given.blob, given.mime_type or "application/octet-stream")
    match data.media_type.partition("/")[0]:
        case "image":
            return Image(data)
        case "audio":
            return Audio(data)
        case "video":
            return Video(data)
    return File(data, filename=given.uri.rstrip("/").rpartition("/")[2] or None)


def _data(text: str, kind: str) -> Data:
    """Bytes, with the kind of picture (or sound) that they are where the server names another: providers look."""
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", kind, re.ASCII):
        raise ToolSourceError("the MCP server sent what is no media type")
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ToolSourceError("the MCP server sent what is no base64 in place of bytes") from None
    found = sniff(data)
    return Data(data, found if found and found.partition("/")[0] == kind.partition("/")[0] else kind)
