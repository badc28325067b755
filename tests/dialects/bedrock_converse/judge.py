"""botocore's own service model as a strict judge of what we put on the wire."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
import msgspec
from botocore.validate import ParamValidator

from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.dialects.dialect import Context, Encoded, Served
from trunkline.values.message import Message
from trunkline.values.model import NO_QUIRKS, Quirks, Target
from trunkline.values.request import Request

MODEL = "anthropic.claude-test-v1:0"


def target(quirks: Quirks = NO_QUIRKS, **facts: Any) -> Target:
    known = {"provider": "bedrock", "model": MODEL, "max_output": 64_000} | facts
    return Target(dialect=DIALECT.id, quirks=quirks, **known)


def context(aim: Target | None = None, **facts: Any) -> Context:
    aim = aim or target()
    return Context(target=aim, model=aim.model, **facts)


def served(**facts: Any) -> Context:
    return Context(target=Target(dialect=DIALECT.id, provider="", model=MODEL), model=MODEL, served=Served(**facts))


def encode(
    *messages: Message | str, aim: Target | None = None, judged: bool = True, **fields: Any
) -> tuple[dict[str, Any], Encoded]:
    """The body that goes out, parsed (and found good by the service model), and all the rest."""
    said = tuple(Message.user(message) if isinstance(message, str) else message for message in messages) or (Message.user("hi"),)
    encoded = DIALECT.encode_request(Request(model=MODEL, messages=said, **fields), aim or target())
    body = msgspec.json.decode(encoded.wire.body)
    if judged:
        segments = encoded.wire.path.split("/")
        assert (len(segments), segments[1]) == (4, "model"), encoded.wire.path
        judge_body(body, unquote(segments[2]), stream=segments[3] == "converse-stream")
    return body, encoded


def losses(encoded: Encoded) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in encoded.warnings]


@cache
def _model() -> Any:
    return botocore.session.Session().get_service_model("bedrock-runtime")


def judge_body(body: dict[str, Any], model: str, *, stream: bool = False) -> None:
    """Raises unless the service model holds every field of ``body`` and knows each of them."""
    shape = _model().operation_model("ConverseStream" if stream else "Converse").input_shape
    report = ParamValidator().validate({**body, "modelId": model}, shape)
    assert not report.has_errors(), report.generate_report()
    _patterns(body, shape, "$")


def judge_reply(body: dict[str, Any]) -> None:
    """The same of a whole reply."""
    shape = _model().operation_model("Converse").output_shape
    report = ParamValidator().validate(body, shape)
    assert not report.has_errors(), report.generate_report()
    _patterns(body, shape, "$")


def _patterns(value: Any, shape: Any, path: str) -> None:
    """What botocore leaves to the server: words of an enumeration, patterns of names, one key of a union."""
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        assert not (getattr(shape, "is_tagged_union", False) and len(value) != 1), path
        for name, item in value.items():
            _patterns(item, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for n, item in enumerate(value):
            _patterns(item, shape.member, f"{path}[{n}]")
    elif shape.type_name == "string" and shape.name not in ("String", "NonBlankString"):
        allowed = shape.metadata.get("enum")
        assert not allowed or value in allowed, f"{path}: {value!r}"
        if pattern := _PATTERNS.get(shape.name):
            assert re.fullmatch(pattern, value), f"{path}: {value!r}"


_PATTERNS = {
    "ToolName": r"[a-zA-Z0-9_-]{1,64}",
    "ToolUseId": r"[a-zA-Z0-9_.:-]{1,64}",
    "DocumentBlockNameString": r"[\w \-()\[\]]{1,200}",
}


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
