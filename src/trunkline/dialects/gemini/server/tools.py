"""Tools of a request (gemini §5), and the choice among them, as ours."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ....values.request import AnyTool, HostedTool, Tool, ToolChoice
from ...served_fields import Fields, is_null
from ..schemas import json_schema_of
from .fields import first_sign, items_at, object_at, refuse, required_text, text, texts, value_at

_MODES: dict[object, Literal["auto", "none", "required"]] = {
    "AUTO": "auto", "MODE_UNSPECIFIED": "auto", "ANY": "required", "NONE": "none", 1: "auto", 2: "required", 3: "none",
}  # fmt: skip
"""Names, and the numbers of these enums."""


def tools_of(fields: Fields) -> tuple[AnyTool, ...]:
    """All tools: functions of every list, and each hosted tool with its options as they stand."""
    found: list[AnyTool] = []
    for raw, path in _several(fields.get("tools"), "tools"):
        for kind, inner in object_at(raw, path).items():
            at = f"{path}.{kind}"
            if kind == "functionDeclarations":
                found += [_function(object_at(item, where), f"{where}.") for item, where in _several(inner, at)]
            elif not is_null(inner):
                options = value_at(inner, path)
                found.append(HostedTool(kind, options=options if isinstance(options, dict) else {kind: options}))
    return tuple(found)


def _several(raw: msgspec.Raw | None, path: str) -> list[tuple[msgspec.Raw, str]]:
    """The items of a list, each with its path; one object stands for a list of it."""
    if raw is None or is_null(raw):
        return []
    if first_sign(raw) == b"{":
        return [(raw, path)]
    return [(item, f"{path}[{n}]") for n, item in enumerate(items_at(raw, path))]


def _function(fields: Fields, at: str) -> AnyTool:
    name = required_text(fields, "name", at)
    subset, schema = (_schema(fields, field, at) for field in ("parameters", "parametersJsonSchema"))
    if subset is not None and schema is not None:
        refuse(f"{at}parametersJsonSchema", "either this or parameters may be given")
    ours = ("name", "description", "parameters", "parametersJsonSchema")
    extra = {key: value_at(raw, f"{at}{key}") for key, raw in fields.items() if key not in ours and not is_null(raw)}
    description = text(fields, "description", at)
    return Tool(name, description, json_schema_of(subset) if schema is None else schema, extra=extra)


def _schema(fields: Fields, name: str, at: str) -> dict[str, Any] | None:
    raw = fields.get(name)
    value = None if raw is None else value_at(raw, f"{at}{name}")
    if value is not None and not isinstance(value, dict):
        refuse(f"{at}{name}", "a schema is expected, as an object")
    return value


def choice_of(config: dict[str, Any]) -> ToolChoice | None:
    """The choice that ``toolConfig`` makes; what it reads is taken out of there."""
    asked = config.get("functionCallingConfig")
    if asked is None:
        config.pop("functionCallingConfig", None)
        return None
    path = "toolConfig.functionCallingConfig"
    if not isinstance(asked, dict):
        refuse(path, "an object is expected")
    said = {("allowedFunctionNames" if key == "allowed_function_names" else key): value for key, value in asked.items()}
    config["functionCallingConfig"] = said
    names = texts(said.get("allowedFunctionNames") or [], f"{path}.allowedFunctionNames")
    mode = said.get("mode")
    known = _MODES.get(mode.upper() if isinstance(mode, str) else mode) if isinstance(mode, (str, int)) else None
    if mode in ("VALIDATED", 4) and names:
        known = "auto"  # a choice among some, which may be none
    elif known != "required":
        names = ()  # they stand with those two only
    if known is None:  # VALIDATED and what else there may be is said as it stands
        if mode is not None and not isinstance(mode, (str, int)):
            refuse(f"{path}.mode", "AUTO, ANY, NONE or VALIDATED is expected")
        return None
    if names or not said.get("allowedFunctionNames"):
        said.pop("allowedFunctionNames", None)
    del said["mode"]
    if not said:
        del config["functionCallingConfig"]
    if known == "required" and len(names) == 1:
        return ToolChoice("tool", names)
    return ToolChoice(known, names)
