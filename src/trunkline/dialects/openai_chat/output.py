"""The form that a reply's text shall have: ``response_format``, and in words what an endpoint knows no field for."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...values.model import Quirks
from ...values.request import OutputFormat
from ..losses import Losses
from ..request_body import OBEY, ONLY_JSON, cleaned
from .parts import Wire

REFUSED = "this endpoint refuses or ignores it"


def write_format(output: OutputFormat, quirks: Quirks, losses: Losses, body: Wire) -> None:
    """Put what is wanted into ``body``, whose messages stand already.

    ``json_object`` is refused (400) where no message speaks of JSON, so that one is made to (openai-chat §6).
    """
    if output.schema is not None and not (quirks.json_object_only or quirks.no_response_format):
        body["response_format"] = {"type": "json_schema", "json_schema": _schema(output, quirks, losses)}
        return
    if not quirks.no_response_format:
        body["response_format"] = {"type": "json_object"}
    if output.schema is not None:
        losses.approximated("output.schema", "this endpoint takes no schema: it is asked for in words")
        _instruct(body["messages"], ONLY_JSON + OBEY + _text_of(output.schema), quirks)
    elif quirks.no_response_format or not _speaks_of_json(body["messages"]):
        losses.approximated("output", "JSON without a schema must be asked for in words: they were added")
        _instruct(body["messages"], ONLY_JSON, quirks)


def _schema(output: OutputFormat, quirks: Quirks, losses: Losses) -> Wire:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", output.name)[:64] or "output"
    schema: Wire = {"name": name, "schema": output.schema}
    if name != output.name:
        losses.renamed("output.name", "names of schemas are 1 to 64 letters, digits, _ or - here")
    if output.description is not None:
        schema["description"] = output.description
    strict = output.strict
    if strict == "if_known":
        strict = None if quirks.no_strict else True
    write_strict(schema, strict, quirks, losses, "output.strict")
    return schema


def write_strict(into: Wire, strict: bool | None, quirks: Quirks, losses: Losses, field: str) -> None:
    """Say ``strict`` where the endpoint knows the word; not to be strict is then what happens anyway."""
    if strict is None:
        return
    if not quirks.no_strict:
        into["strict"] = strict
    elif strict:
        losses.dropped(field, REFUSED)


def _speaks_of_json(messages: list[Wire]) -> bool:
    return any("json" in text.lower() for said in messages for text in _texts(said.get("content")))


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    items = content if isinstance(content, list) else []
    return [text for item in items if isinstance(item, dict) and isinstance(text := item.get("text"), str)]


def _text_of(schema: Wire) -> str:
    try:
        return msgspec.json.encode(schema).decode()
    except UnicodeEncodeError:  # half surrogates
        return msgspec.json.encode(cleaned(schema)).decode()


def _instruct(messages: list[Wire], words: str, quirks: Quirks) -> None:
    """``words`` at the end of the instructions that open the conversation; where there are none, as those."""
    first = messages[0] if messages else {}
    if first.get("role") not in ("system", "developer"):
        messages.insert(0, {"role": quirks.system_role or "system", "content": words})
    elif isinstance(content := first["content"], str):
        first["content"] = f"{content}\n\n{words}" if content else words
    else:
        first["content"] = [*content, {"type": "text", "text": words}]
