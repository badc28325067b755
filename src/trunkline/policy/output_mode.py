"""How a target is held to a JSON Schema: facts in, one of three ways out.

``native``: the protocol's own field. ``tool``: a tool that must be called, whose arguments are the answer. ``instruction``: words
in the system message; the reply is looked at all the same. Sources: models sheet (structured output, ``noForce``), providers
sheet §6, and recorded traffic (``dialects/RULES.md``).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, NamedTuple

from ..dialects.schemas import closable
from ..values.message import File
from ..values.model import Quirks
from ..values.request import HostedTool, ReasoningOptions, Request
from ..values.schema import resolve

OutputMode = Literal["native", "tool", "instruction"]


class Protocol(NamedTuple):
    """What a protocol has. ``schema``: which models take one, of those whose abilities are not known (``younger``: not those that
    think by a budget, or cannot; ``adaptive``: only those known to think as they see fit). ``forced``: when a tool can be forced
    (``unthinking``: not while it thinks). ``plain``: whether any JSON can be asked for by a field. ``alone``: who takes neither
    beside tools (``budget``: models that think by a budget; ``always``: none does, nor beside documents, says the reference of
    Cohere's ``response_format``). ``closed``: only schemas whose objects name all their keys, and that do not hold themselves."""

    schema: Literal["all", "younger", "adaptive"] = "all"
    forced: Literal["always", "unthinking", "never"] = "always"
    plain: bool = True
    alone: Literal["never", "budget", "always"] = "never"
    closed: bool = False


PROTOCOLS = {
    "openai-chat": Protocol(),
    "openai-responses": Protocol(),
    "gemini": Protocol(alone="budget"),
    "cohere": Protocol(alone="always"),
    "anthropic-messages": Protocol("younger", "unthinking", plain=False, closed=True),
    "bedrock-converse": Protocol("adaptive", "unthinking", plain=False, closed=True),
    "ollama": Protocol(forced="never"),
    "claude-cli": Protocol(forced="never", plain=False),
}
_UNKNOWN = Protocol()
_ELDER = ("none", "enabled")


def output_mode(request: Request, dialect: str, quirks: Quirks, abilities: Collection[str] | None) -> OutputMode:
    """The way for ``request``, whose ``output`` has a schema. ``abilities``: of the model, None where they are not known. What a
    quirk says of the endpoint counts more than what is known of the model."""
    protocol = PROTOCOLS.get(dialect, _UNKNOWN)
    if _native(protocol, quirks, abilities) and not _crowded(protocol, request, quirks) and _sayable(protocol, request):
        return "native"
    choice = request.tool_choice
    if choice is not None and choice.mode == "tool":
        return "instruction"  # you force another one yourself
    return "tool" if _forceable(protocol, request, quirks, abilities) else "instruction"


def _native(protocol: Protocol, quirks: Quirks, abilities: Collection[str] | None) -> bool:
    if quirks.json_object_only:
        return False
    if quirks.no_response_format is not None:
        return not quirks.no_response_format
    if abilities is not None:
        return "structured_output" in abilities
    if protocol.schema == "younger":
        return quirks.thinking not in _ELDER
    return protocol.schema == "all" or quirks.thinking in ("adaptive", "always")


def _sayable(protocol: Protocol, request: Request) -> bool:
    """Whether the field can say this schema."""
    schema = request.output.schema if request.output is not None else None
    return not protocol.closed or schema is None or closable(schema)


def _crowded(protocol: Protocol, request: Request, quirks: Quirks) -> bool:
    if quirks.format_alone and request.tools:
        return True
    if protocol.alone == "always":
        return bool(request.tools) or any(type(part) is File for message in request.messages for part in message.parts)
    return protocol.alone == "budget" and bool(request.tools) and quirks.thinking_config == "budget"


def is_crowded(request: Request, dialect: str, quirks: Quirks) -> bool:
    """Whether no field for JSON may stand beside what else is asked."""
    return _crowded(PROTOCOLS.get(dialect, _UNKNOWN), request, quirks)


def _forceable(protocol: Protocol, request: Request, quirks: Quirks, abilities: Collection[str] | None) -> bool:
    """Whether a tool can be forced, and its arguments can be what is asked for: an object."""
    if protocol.forced == "never" or quirks.no_tools or quirks.no_forced_tool or quirks.tool_choice_auto_only:
        return False
    if abilities is not None and "tools" not in abilities:
        return False
    if _crowded(protocol, request, quirks) and (not request.tools or any(isinstance(tool, HostedTool) for tool in request.tools)):
        return False  # documents and hosted tools go with no functions either
    if protocol.forced == "unthinking" and (quirks.thinking == "always" or _thinks(request.reasoning)):
        return False
    schema = request.output.schema if request.output is not None else None
    return schema is not None and is_object(schema)


def is_object(schema: dict[str, Any]) -> bool:
    """Whether it is of objects."""
    root = resolve(schema, schema.get("$defs") or schema.get("definitions") or {})
    return root.get("type") == "object" or ("type" not in root and "properties" in root)


def _thinks(reasoning: ReasoningOptions | None) -> bool:
    if reasoning is None or reasoning.effort == "none" or reasoning.enabled is False:
        return False
    return reasoning.budget != 0


def has_plain_json(request: Request, dialect: str, quirks: Quirks) -> bool:
    """Whether JSON without a schema can be asked for by a field."""
    protocol = PROTOCOLS.get(dialect, _UNKNOWN)
    return protocol.plain and not quirks.no_response_format and not _crowded(protocol, request, quirks)
